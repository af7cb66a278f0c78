//! Notifications are events.

use super::*;

#[tokio::test]
async fn what_an_account_publishes_reaches_contacts_that_announce_interest_and_nobody_else() {
    let server = server("");
    server.add_account("bot", "secret");
    server.add_account("stranger", "secret");
    let mut client = client(&server).await;
    client.features = BTreeSet::from(["codebits+notify", ns::CAPS, ns::DISCO_INFO]);
    let mut presence = Presence::new(Type::None);
    presence.payloads.push(
        "<c xmlns='http://jabber.org/protocol/caps' hash='sha-1' node='https://example.org/talk' \
         ver='qaeCftXGqffNCQx5I4l+ZnFlEuc='/>"
            .parse()
            .expect("XML"),
    );
    client.send(presence.clone()).await;
    let mut plain = User::login(&server, "client@mon.example/plain", "secret").await;
    plain.appear().await;
    let mut stranger = User::login(&server, "stranger@mon.example", "secret").await;
    stranger.features = client.features.clone();
    stranger.send(presence).await;
    let mut bot = User::login(&server, "bot@mon.example/bot", "secret").await;
    bot.appear().await;
    client
        .send(Presence::subscribe().with_to("bot@mon.example".parse::<BareJid>().expect("a JID")))
        .await;
    bot.presence_from("client@mon.example", Type::Subscribe).await;
    bot.send(Presence::new(Type::Subscribed).with_to("client@mon.example".parse::<BareJid>().expect("a JID")))
        .await;
    client.presence_from("bot@mon.example/bot", Type::None).await;
    // The hub has asked what the hash stands for by the time it answers this.
    client.drain().await;
    let publish = "<pubsub xmlns='http://jabber.org/protocol/pubsub'><publish node='codebits'><item>\
                   <rebooted xmlns='codebits'/></item></publish></pubsub>";
    let result = bot
        .set(None, publish)
        .await
        .expect("published")
        .expect("a result with the item id");
    let item = result
        .get_child("publish", ns::PUBSUB)
        .and_then(|p| p.get_child("item", ns::PUBSUB))
        .expect("an item");
    let id = attr(item, "id");
    assert!(!id.is_empty());
    let event = client
        .message("the event", |m| {
            m.payloads.iter().any(|payload| payload.is("event", ns::PUBSUB_EVENT))
        })
        .await;
    assert_eq!(event.from.as_ref().map(Jid::as_str), Some("bot@mon.example"));
    let items = event.payloads[0].get_child("items", ns::PUBSUB_EVENT).expect("items");
    assert_eq!(items.attr("node"), Some("codebits"));
    let item = children(items, "item").next().expect("an item");
    assert_eq!(attr(item, "id"), id);
    assert!(item.get_child("rebooted", ns::CODEBITS).is_some(), "{item:?}");
    for other in [&mut plain, &mut stranger] {
        let arrived = other.drain().await;
        assert!(
            !arrived.iter().any(|stanza| matches!(stanza, Stanza::Message(_))),
            "{}: {arrived:?}",
            other.jid
        );
    }
}
