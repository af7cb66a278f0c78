//! What tests of modules say and hear, on the router's bench.

use crate::router::bench::Client;
use crate::service::caps::{Algorithm, ver};
use crate::service::disco::Info;
use crate::stanza::ns;
use crate::xml::{Build, CLIENT, Element, Frame, element};

/// Sends an iq and returns its one answer, the last thing that came.
pub fn ask(client: &Client, kind: &str, to: Option<&str>, payload: &str) -> Element {
    client.elements();
    let iq = element("iq", CLIENT)
        .with("type", kind)
        .with("id", "ask")
        .with_some("to", to.map(|to| to.replace("@@", "@mon.example")))
        .append(payload.parse::<Element>().expect("XML"));
    let sent = Frame::from_element(&iq.build());
    client.send(std::str::from_utf8(sent.bytes()).expect("UTF-8"));
    let mut answers: Vec<Element> = client.elements();
    answers.retain(|answer| answer.attr("id") == Some("ask"));
    assert_eq!(answers.len(), 1, "{payload}");
    answers.remove(0)
}

/// The payload of an answer that must be a result.
pub fn get(client: &Client, to: Option<&str>, payload: &str) -> Element {
    let answer = ask(client, "get", to, payload);
    assert_eq!(answer.attr("type"), Some("result"), "{payload}: {answer:?}");
    answer
        .children()
        .next()
        .cloned()
        .unwrap_or_else(|| element("nothing", "").build())
}

/// The outcome of an iq in a word or two: `result`, or the conditions of its error.
pub fn outcome(client: &Client, kind: &str, to: Option<&str>, payload: &str) -> String {
    let answer = ask(client, kind, to, payload);
    match answer.get_child("error", CLIENT) {
        None => answer.attr("type").unwrap_or_default().to_owned(),
        Some(error) => error
            .children()
            .map(Element::name)
            .filter(|name| *name != "text")
            .collect::<Vec<_>>()
            .join(" "),
    }
}

/// A client's disco#info with these features besides what all have.
pub fn client_info(features: &[&str]) -> Info {
    Info::new(None)
        .identity("client", "pc", "Test")
        .features([ns::CAPS])
        .features(features.iter().copied())
}

/// The `ver` of a client with these features.
pub fn client_ver(features: &[&str]) -> String {
    ver(&client_info(features), Algorithm::Sha1).expect("well-formed")
}

/// Presence with capabilities that stand for these features; answers the server's question, if it asks, and tells whether
/// it did.
pub fn present(client: &Client, features: &[&str]) -> bool {
    client.elements();
    advertise(client, &client_ver(features));
    let Some(id) = question(client) else { return false };
    answer(client, &id, &client_info(features));
    true
}

/// Presence with capabilities.
pub fn advertise(client: &Client, ver: &str) {
    let c = element("c", ns::CAPS)
        .with("hash", "sha-1")
        .with("node", "test")
        .with("ver", ver);
    let presence = Frame::from_element(&element("presence", CLIENT).append(c.build()).build());
    client.send(std::str::from_utf8(presence.bytes()).expect("UTF-8"));
}

/// The id of the server's disco#info question, if one has come. Reads all that has come.
pub fn question(client: &Client) -> Option<String> {
    let questions = client.elements().into_iter();
    let mut questions = questions.filter(|stanza| stanza.has_child("query", ns::DISCO_INFO));
    questions
        .next()
        .and_then(|question| question.attr("id").map(str::to_owned))
}

/// A result for the server's question.
pub fn answer(client: &Client, id: &str, info: &Info) {
    let iq = element("iq", CLIENT)
        .with("type", "result")
        .with("id", id)
        .with("to", "mon.example")
        .append(info.to_element());
    let frame = Frame::from_element(&iq.build());
    client.send(std::str::from_utf8(frame.bytes()).expect("UTF-8"));
}

/// The events that have come since, a line each: the sender, the node, what happened and to which items.
pub fn events(client: &Client) -> Vec<String> {
    client.elements().iter().filter_map(event).collect()
}

fn event(message: &Element) -> Option<String> {
    let event = message.get_child("event", ns::PUBSUB_EVENT)?;
    let what = event.children().next()?;
    assert_eq!((message.name(), message.attr("type")), ("message", Some("headline")));
    let from = message.attr("from")?.trim_end_matches("@mon.example");
    let mut words = vec![from, what.attr("node")?];
    if what.name() != "items" {
        words.push(what.name());
    }
    for item in what.children() {
        words.extend([item.name(), item.attr("id")?]);
    }
    if message.has_child("delay", ns::DELAY) {
        words.push("late");
    }
    Some(words.join(" "))
}
