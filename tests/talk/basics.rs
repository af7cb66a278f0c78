//! Basics: an IM server like others.

use super::*;

#[tokio::test]
async fn a_resource_is_made_by_the_server_when_none_is_asked_for() {
    let server = server("");
    let one = User::login(&server, "client@mon.example", "secret").await;
    let two = User::login(&server, "client@mon.example", "secret").await;
    assert!(
        one.jid.resource().is_some_and(|resource| resource.len() >= 8),
        "{}",
        one.jid
    );
    assert_ne!(one.jid, two.jid);
}

#[tokio::test]
async fn the_server_is_an_im_server_with_vcards() {
    let server = server("");
    let mut client = client(&server).await;
    let info = client
        .get(Some("mon.example"), &format!("<query xmlns='{}'/>", ns::DISCO_INFO))
        .await
        .expect("info");
    let identity = children(&info, "identity").next().expect("an identity");
    assert_eq!(
        (attr(identity, "category"), attr(identity, "type")),
        ("server".into(), "im".into())
    );
    assert!(
        children(&info, "feature").any(|feature| feature.attr("var") == Some("vcard-temp")),
        "{info:?}"
    );
}

#[tokio::test]
async fn chat_goes_to_the_resource_of_the_highest_priority_with_extensions_untouched() {
    let server = server("");
    server.add_account("jack", "secret");
    let mut jack = User::login(&server, "jack@mon.example/home", "secret").await;
    let mut home = client(&server).await;
    let mut work = User::login(&server, "client@mon.example/work", "secret").await;
    home.send(Presence::new(Type::None).with_priority(1)).await;
    home.presence_from("client@mon.example/desk", Type::None).await;
    work.send(Presence::new(Type::None).with_priority(7)).await;
    work.presence_from("client@mon.example/work", Type::None).await;
    let mut message = Message::new(Some("client@mon.example".parse::<Jid>().expect("a JID")));
    message.type_ = MessageType::Chat;
    message
        .bodies
        .insert(Lang::from(String::new()), "Wherefore art thou?".to_owned());
    message.payloads.push(
        "<statistic xmlns='codebits' name='5-min' value='0.4'/>"
            .parse()
            .expect("XML"),
    );
    jack.send(message).await;
    let got = work.message("the message", |message| !message.bodies.is_empty()).await;
    assert_eq!(got.from.as_ref().map(Jid::as_str), Some("jack@mon.example/home"));
    assert_eq!(got.type_, MessageType::Chat);
    let statistic = got
        .payloads
        .iter()
        .find(|payload| payload.is("statistic", ns::CODEBITS))
        .expect("the extension");
    assert_eq!(
        (attr(statistic, "name"), attr(statistic, "value")),
        ("5-min".into(), "0.4".into())
    );
    let arrived = home.drain().await;
    assert!(
        !arrived.iter().any(|stanza| matches!(stanza, Stanza::Message(_))),
        "{arrived:?}"
    );
}
