//! Presence is the status.

use super::*;

#[tokio::test]
async fn subscribing_makes_the_server_a_contact_and_its_presence_is_its_status() {
    let server = server("");
    let mut client = client(&server).await;
    assert_eq!(client.jid.as_str(), "client@mon.example/desk");
    client
        .get(None, "<query xmlns='jabber:iq:roster'/>")
        .await
        .expect("a roster");
    client.appear().await;
    let presence = client.watch_collector().await;
    assert!(has_caps(&presence), "no capabilities: {presence:?}");
    let status = statuses(&presence);
    for part in ["load", "memory", "up "] {
        assert!(status.contains(part), "{part} is not in the status {status:?}");
    }
    let roster = client
        .get(None, "<query xmlns='jabber:iq:roster'/>")
        .await
        .expect("a roster");
    let item = children(&roster, "item")
        .find(|item| attr(item, "jid") == COLLECTOR)
        .expect("the collector");
    assert!(
        ["to", "both"].contains(&attr(item, "subscription").as_str()),
        "{item:?}"
    );
}

#[tokio::test]
async fn a_new_admin_finds_the_collector_in_its_roster_both_ways() {
    let server = server("");
    server.add_account_with_role("boss", "secret", "admin");
    let mut boss = User::login(&server, "boss@mon.example", "secret").await;
    let roster = boss
        .get(None, "<query xmlns='jabber:iq:roster'/>")
        .await
        .expect("a roster");
    let item = children(&roster, "item")
        .find(|item| attr(item, "jid") == COLLECTOR)
        .expect("the collector");
    assert_eq!(attr(item, "subscription"), "both");
    assert_eq!(attr(item, "name"), HOST);
    assert_eq!(
        children(item, "group").map(Element::text).collect::<Vec<_>>(),
        ["Servers"]
    );
    boss.send(Presence::new(Type::None)).await;
    let presence = boss.presence_from(COLLECTOR_FULL, Type::None).await;
    assert!(has_caps(&presence) && !statuses(&presence).is_empty(), "{presence:?}");
}

#[tokio::test]
async fn the_client_binds_the_channel_by_its_own_choice() {
    let server = server("[log]\nlevel = 'debug'");
    client(&server).await;
    let log = server.log();
    assert!(
        log.contains("account=client@mon.example mechanism=SCRAM-SHA-256-PLUS"),
        "{log}"
    );
}

#[tokio::test]
async fn who_is_not_admitted_is_refused() {
    let narrow = TestServer::for_domain("mon.example", "[collector]\nwatchers = ['other@mon.example']\n");
    narrow.add_account("client", "secret");
    narrow.add_account("other", "secret");
    let mut client = client(&narrow).await;
    client.appear().await;
    client.forget_collector().await;
    client
        .send(Presence::subscribe().with_to(COLLECTOR.parse::<BareJid>().expect("a JID")))
        .await;
    client.presence_from(COLLECTOR, Type::Unsubscribed).await;
    let mut other = User::login(&narrow, "other@mon.example", "secret").await;
    other.appear().await;
    other.watch_collector().await;
}

/// Sessions are the lever: a crowd of them exceeds the limits, and its going clears them.
const CROWDED: &str = "[[rule]]\nname = 'crowd'\nstatistic = 'xmpp#sessions'\nwarning = 6.0\ncritical = 9.0\nclear = 5.0\n\
                       message = 'Crowded. {value} sessions'\n[rules]\ndefaults = false\n";

#[tokio::test]
async fn a_busy_server_is_away_then_dnd_and_publishes_what_happened() {
    let server = server(CROWDED);
    server.add_account("crowd", "secret");
    let mut client = client(&server).await;
    client.features = BTreeSet::from(["codebits+notify", ns::CAPS, ns::DISCO_INFO]);
    let caps = "<c xmlns='http://jabber.org/protocol/caps' hash='sha-1' node='https://example.org/talk' \
                ver='qaeCftXGqffNCQx5I4l+ZnFlEuc='/>";
    let mut presence = Presence::new(Type::None);
    presence.payloads.push(caps.parse().expect("XML"));
    client.send(presence).await;
    let before = client.watch_collector().await;
    assert_eq!(before.show, None);
    assert!(statuses(&before).starts_with("OK"), "{before:?}");

    let crowd = |count: usize| -> Vec<support::Client> {
        (0..count)
            .map(|_| support::Client::login(&server, &Login::new("crowd", "secret")))
            .collect()
    };
    let first = crowd(5);
    let away = client
        .presence("away", |presence| presence.show == Some(Show::Away))
        .await;
    assert!(statuses(&away).starts_with("Crowded. "), "{away:?}");
    let exceeded = client.event("limit-exceeded").await;
    assert_eq!(attr(&exceeded, "severity"), "warning", "{exceeded:?}");
    let second = crowd(4);
    let dnd = client
        .presence("dnd", |presence| presence.show == Some(Show::Dnd))
        .await;
    assert!(statuses(&dnd).starts_with("Crowded. "), "{dnd:?}");
    assert_eq!(attr(&client.event("limit-exceeded").await, "severity"), "critical");
    drop((first, second));
    let back = client
        .presence("available again", |p| {
            p.show.is_none()
                && p.type_ == Type::None
                && p.from.as_ref().is_some_and(|jid| jid.as_str() == COLLECTOR_FULL)
        })
        .await;
    assert!(statuses(&back).starts_with("OK"), "{back:?}");
    client.event("limit-cleared").await;
}

/// A server that is watched from elsewhere: an account of role collector, played by the raw client.
fn remote_collector(server: &TestServer) -> support::Client {
    server.add_account_with_role("web1", "secret", "collector");
    support::Client::login(server, &Login::new("web1", "secret").resource("watchpost"))
}

/// The two have each other in their rosters from the start.
async fn watch_web1(web1: &mut support::Client, client: &mut User) {
    web1.send("<presence><status>OK</status></presence>");
    let presence = client.presence_from("web1@mon.example/watchpost", Type::None).await;
    assert_eq!(statuses(&presence), "OK");
}

#[tokio::test]
async fn a_dead_server_is_unavailable() {
    let server = server("");
    let mut client = client(&server).await;
    client.appear().await;
    let mut web1 = remote_collector(&server);
    watch_web1(&mut web1, &mut client).await;
    drop(web1);
    client
        .presence_from("web1@mon.example/watchpost", Type::Unavailable)
        .await;
    // It starts up again: the same resource, at once.
    let mut web1 = support::Client::login(&server, &Login::new("web1", "secret").resource("watchpost"));
    web1.send("<presence><status>OK</status></presence>");
    client.presence_from("web1@mon.example/watchpost", Type::None).await;
    web1.close();
    client
        .presence_from("web1@mon.example/watchpost", Type::Unavailable)
        .await;
}

#[tokio::test]
async fn a_collector_that_falls_silent_is_stale_and_then_dead_without_a_goodbye() {
    let server = server("[limits]\ndead_after = '3s'\n");
    let mut client = client(&server).await;
    client.appear().await;
    let mut web1 = remote_collector(&server);
    watch_web1(&mut web1, &mut client).await;
    // Its connection stays open, and nothing answers any more.
    let stale = client.presence_from("web1@mon.example/watchpost", Type::None).await;
    assert_eq!(stale.show, Some(tokio_xmpp::parsers::presence::Show::Xa));
    assert!(statuses(&stale).starts_with("stale since "), "{}", statuses(&stale));
    client
        .presence_from("web1@mon.example/watchpost", Type::Unavailable)
        .await;
}
