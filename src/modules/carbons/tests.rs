//! Copies on the bench: who gets one, and who makes none.

use crate::modules::dialogue::{get, outcome};
use crate::router::Sink;
use crate::router::bench::{Bench, Client};
use crate::stanza::ns;
use crate::xml::{CLIENT, Element};

const ENABLE: &str = "<enable xmlns='urn:xmpp:carbons:2'/>";

/// An available session that has asked for copies.
fn copied(bench: &Bench, address: &str) -> Client {
    let client = bench.online(address);
    assert_eq!(outcome(&client, "set", None, ENABLE), "result");
    client
}

/// All that has come since: bodies of messages, `received:` or `sent:` before those of copies, which must be wrapped as
/// section 7 says.
fn heard(client: &Client) -> Vec<String> {
    client
        .elements()
        .iter()
        .filter(|stanza| stanza.name() == "message")
        .map(|stanza| line(client, stanza))
        .collect()
}

fn line(client: &Client, stanza: &Element) -> String {
    let Some(copy) = stanza
        .children()
        .find(|child| child.has_ns(ns::CARBONS) && child.name() != "private")
    else {
        return body(stanza);
    };
    assert_eq!(stanza.attr("from"), Some(client.session.account().as_str()));
    assert_eq!(stanza.attr("to"), Some(client.session.jid().as_str()));
    let message = copy
        .get_child("forwarded", ns::FORWARD)
        .unwrap()
        .get_child("message", CLIENT)
        .unwrap();
    assert_eq!(
        stanza.attr("type"),
        message
            .attr("type")
            .filter(|kind| *kind != "error")
            .or(stanza.attr("type"))
    );
    format!("{}:{}", copy.name(), body(message))
}

fn body(message: &Element) -> String {
    match (message.get_child("body", CLIENT), message.attr("type")) {
        (Some(body), _) => body.text(),
        (None, kind) => kind.unwrap_or("normal").to_owned(),
    }
}

fn chat(to: &str, body: &str) -> String {
    format!("<message type='chat' to='{to}'><body>{body}</body></message>")
}

#[test]
fn each_resource_sees_both_sides_once() {
    let bench = Bench::new();
    let (desk, phone) = (copied(&bench, "ada/desk"), copied(&bench, "ada/phone"));
    let plain = bench.online("ada/plain");
    let (bob, tablet) = (copied(&bench, "bob/desk"), copied(&bench, "bob/tablet"));
    for client in [&desk, &phone, &plain, &bob, &tablet] {
        client.received();
    }
    desk.send(&chat("bob@@/desk", "hi"));
    assert_eq!(heard(&bob), ["hi"]);
    assert_eq!(heard(&tablet), ["received:hi"]);
    assert_eq!(heard(&phone), ["sent:hi"]);
    bob.send(&chat("ada@@/plain", "ho"));
    assert_eq!(heard(&plain), ["ho"]);
    assert_eq!(
        (heard(&desk), heard(&phone)),
        (vec!["received:ho".to_owned()], vec!["received:ho".to_owned()])
    );
    assert_eq!(heard(&tablet), ["sent:ho"]);
    // To the bare JID all with the highest priority get it, and copies are for the others.
    phone.send("<presence><priority>5</priority></presence>");
    bob.send(&chat("ada@@", "all"));
    assert_eq!(
        (heard(&desk), heard(&phone), heard(&plain).len()),
        (vec!["received:all".to_owned()], vec!["all".to_owned()], 0)
    );
    assert!(heard(&bob).is_empty(), "none to who has sent it");
    assert_eq!(
        outcome(
            &desk,
            "set",
            Some("mon.example"),
            "<disable xmlns='urn:xmpp:carbons:2'/>"
        ),
        "result"
    );
    assert_eq!(
        outcome(&desk, "set", None, "<disable xmlns='urn:xmpp:carbons:2'/>"),
        "result",
        "as often as it likes"
    );
    bob.send(&chat("ada@@", "off"));
    assert!(heard(&desk).is_empty());
}

#[test]
fn copies_carry_the_id_of_their_owners_archive() {
    let bench = Bench::new();
    let (desk, phone) = (copied(&bench, "ada/desk"), copied(&bench, "ada/phone"));
    let bob = bench.online("bob/desk");
    phone.elements();
    desk.send(&chat("bob@@", "hi"));
    bob.send(&chat("ada@@/desk", "ho"));
    let copies = phone.elements();
    for (copy, (number, name)) in copies.iter().zip([(1, "sent"), (2, "received")]) {
        let copy = copy.get_child(name, ns::CARBONS).unwrap();
        let message = copy
            .get_child("forwarded", ns::FORWARD)
            .unwrap()
            .get_child("message", CLIENT)
            .unwrap();
        let id = message.get_child("stanza-id", ns::SID).unwrap();
        assert_eq!(id.attr("by"), Some("ada@mon.example"));
        assert_eq!(bench.store.archive().find("ada", id.attr("id").unwrap()), Some(number));
    }
    assert_eq!(copies.len(), 2);
    assert_eq!(
        bench.store.archive().bounds("ada"),
        Some((1, 2)),
        "copies are not archived"
    );
}

#[test]
fn what_is_copied_follows_the_rules() {
    let bench = Bench::new();
    bench.befriend("ada", "bob");
    let (ada, bob, tablet) = (
        copied(&bench, "ada/desk"),
        copied(&bench, "bob/desk"),
        copied(&bench, "bob/tablet"),
    );
    let phone = copied(&bench, "ada/phone");
    let send = |kind: &str, children: &str| {
        for client in [&ada, &bob, &tablet, &phone] {
            client.elements();
        }
        ada.send(&format!("<message type='{kind}' to='bob@@/desk'>{children}</message>"));
        assert_eq!(bob.elements().len(), 1, "{kind} {children}");
        (heard(&phone).len(), heard(&tablet).len())
    };
    let body = "<body>x</body>";
    let room = "<x xmlns='http://jabber.org/protocol/muc#user'/>";
    let invitation = "<x xmlns='http://jabber.org/protocol/muc#user'><invite from='eve@@'/></x>";
    for (kind, children, copies) in [
        ("chat", "", (1, 1)),
        ("chat", body, (1, 1)),
        ("normal", "", (0, 0)),
        ("normal", body, (1, 1)),
        ("normal", "<received xmlns='urn:xmpp:receipts' id='1'/>", (1, 1)),
        ("normal", "<displayed xmlns='urn:xmpp:chat-markers:0' id='1'/>", (1, 1)),
        (
            "normal",
            "<active xmlns='http://jabber.org/protocol/chatstates'/>",
            (1, 1),
        ),
        ("normal", "<x xmlns='jabber:x:conference' jid='room@x'/>", (1, 1)),
        ("normal", invitation, (1, 1)),
        ("chat", &[room, body].concat(), (1, 0)),
        ("groupchat", body, (0, 0)),
        ("headline", body, (0, 0)),
        ("error", "", (0, 0)),
        ("error", body, (1, 1)),
        (
            "chat",
            &[body, "<private xmlns='urn:xmpp:carbons:2'/>"].concat(),
            (0, 0),
        ),
        ("chat", &[body, "<no-copy xmlns='urn:xmpp:hints'/>"].concat(), (0, 0)),
    ] {
        assert_eq!(send(kind, children), copies, "{kind} {children}");
    }
}

#[test]
fn s03_no_client_makes_a_copy_by_itself() {
    let bench = Bench::new();
    let (eve, bob, tablet) = (
        bench.online("eve/desk"),
        copied(&bench, "bob/desk"),
        copied(&bench, "bob/tablet"),
    );
    bob.elements();
    let forged = "<forwarded xmlns='urn:xmpp:forward:0'><message xmlns='jabber:client' from='ada@mon.example/desk' \
                  to='bob@mon.example/desk'><body>reboot it</body></message></forwarded>";
    for name in ["received", "sent"] {
        for to in ["bob@@", "bob@@/desk", "bob@@/tablet"] {
            eve.send(&format!(
                "<message type='chat' to='{to}'><{name} xmlns='urn:xmpp:carbons:2'>{forged}</{name}></message>"
            ));
            eve.send(&format!(
                "<message type='chat' from='eve@@' to='{to}'><c:{name} xmlns:c='urn:xmpp:carbons:2'>{forged}</c:{name}></message>"
            ));
        }
    }
    for client in [&bob, &tablet] {
        let arrived = client.elements();
        assert!(!arrived.is_empty());
        for stanza in arrived {
            // What came is either eve's own empty message, or a true copy of it.
            let text = String::from(&stanza);
            assert!(!text.contains("reboot it"), "{text}");
            let is_copy = stanza.children().any(|child| child.has_ns(ns::CARBONS));
            assert_eq!(
                stanza.attr("from"),
                Some(if is_copy {
                    "bob@mon.example"
                } else {
                    "eve@mon.example/desk"
                })
            );
        }
    }
    let own = "<message from='bob@@' type='chat' to='bob@@/tablet'><body>x</body></message>";
    assert!(eve.try_send(own).is_err(), "nor in the account's name");
}

#[test]
fn a11_nobody_turns_on_another_accounts_copies() {
    let bench = Bench::new();
    bench.befriend("ada", "bob");
    let (ada, bob) = (bench.online("ada/desk"), bench.online("bob/desk"));
    let phone = bench.online("bob/phone");
    for to in ["bob@@", "nobody@@"] {
        assert_eq!(outcome(&ada, "set", Some(to), ENABLE), "service-unavailable");
    }
    ada.send(&chat("bob@@/desk", "hi"));
    assert_eq!(heard(&bob), ["hi"]);
    assert!(heard(&phone).is_empty());
    for to in [None, Some("mon.example")] {
        let info = get(&ada, to, "<query xmlns='http://jabber.org/protocol/disco#info'/>");
        for var in ["urn:xmpp:carbons:2", "urn:xmpp:carbons:rules:0"] {
            assert!(info.children().any(|feature| feature.attr("var") == Some(var)));
        }
    }
}

#[test]
fn a_note_to_oneself_reaches_each_other_resource_once() {
    let bench = Bench::new();
    let (desk, phone) = (copied(&bench, "ada/desk"), copied(&bench, "ada/phone"));
    let tablet = copied(&bench, "ada/tablet");
    for client in [&desk, &phone, &tablet] {
        client.elements();
    }
    desk.send(&chat("ada@@/phone", "note"));
    assert_eq!(
        (heard(&desk).len(), heard(&phone), heard(&tablet)),
        (0, vec!["note".to_owned()], vec!["received:note".to_owned()])
    );
}

#[test]
fn an_error_for_what_was_copied_is_copied_too() {
    let bench = Bench::new();
    let (desk, phone) = (copied(&bench, "ada/desk"), copied(&bench, "ada/phone"));
    phone.elements();
    for _ in 0..100 {
        desk.send(&chat("bob@@", "x"));
    }
    assert_eq!((heard(&phone).len(), heard(&desk).len()), (100, 0));
    desk.send(&chat("bob@@", "one too many"));
    assert_eq!(heard(&phone), ["sent:one too many", "received:error"]);
    assert_eq!(desk.received(), ["message error <bob service-unavailable"]);
}

#[test]
fn who_is_not_available_gets_no_copy_and_each_message_once() {
    let bench = Bench::new();
    let ada = bench.online("ada/desk");
    let phone = bench.connect("bob/phone");
    assert_eq!(outcome(&phone, "set", None, ENABLE), "result");
    ada.send(&chat("bob@@", "early"));
    assert!(heard(&phone).is_empty());
    phone.send("<presence/>");
    assert_eq!(heard(&phone), ["early"]);
}

#[test]
fn what_was_copied_does_not_come_a_second_time_when_its_resource_ends() {
    let bench = Bench::new();
    let ada = bench.online("ada/desk");
    let (desk, phone) = (copied(&bench, "bob/desk"), copied(&bench, "bob/phone"));
    phone.elements();
    ada.send(&chat("bob@@/desk", "hi"));
    desk.end();
    assert_eq!(heard(&phone), ["received:hi"]);
    // A full queue ends the session that does not read, and nobody else notices.
    let small = bench.connect_through("bob/small", Sink::new(2, 10_000));
    small.send("<presence/>");
    small.session.set_copies(true);
    for number in 0..5 {
        ada.send(&chat("bob@@/phone", &number.to_string()));
    }
    assert!(small.session.sink().closing().is_some());
    assert_eq!(heard(&phone).len(), 5);
    assert!(ada.received().is_empty());
}
