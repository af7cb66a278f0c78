//! The table of RFC 6121 section 8.5.4, and the hooks around it.

use crate::router::bench::{Bench, Client};
use crate::router::{Closing, Context, Module, Passage, Session, Sink};
use crate::stanza::{Condition, StanzaError};
use crate::xml::Element;
use bytes::Bytes;
use std::sync::{Arc, Mutex};

const TYPES: [&str; 5] = ["normal", "chat", "groupchat", "headline", "error"];

fn message(kind: &str, to: &str) -> String {
    format!("<message type='{kind}' to='{to}'><body>hi</body></message>")
}

/// Sends each type to an address; a letter each: those of RFC 6121 section 8.5.4, `D` with the number of those who
/// received it, and `O` or `S` for silence.
fn letters(sender: &Client, to: &str, recipients: &[&Client]) -> String {
    let letter = |kind: &&str| {
        sender.send(&message(kind, to));
        let taken = recipients.iter().filter(|client| !client.received().is_empty()).count();
        match (sender.received().as_slice(), taken) {
            ([], 0) => "S".to_owned(),
            ([], taken) => format!("D{taken}"),
            ([error], 0) => {
                assert!(error.ends_with("service-unavailable"), "{error}");
                "E".to_owned()
            }
            more => panic!("{more:?}"),
        }
    };
    TYPES.iter().map(letter).collect::<Vec<_>>().join(" ")
}

#[test]
fn s11_messages_follow_the_table() {
    let bench = Bench::new();
    let ada = bench.online("ada/desk");
    // normal chat groupchat headline error. Silence for the first two is offline storage where the account exists.
    assert_eq!(letters(&ada, "nobody@@", &[]), "S S E S S");
    assert_eq!(letters(&ada, "nobody@@/desk", &[]), "S S E S S");
    assert_eq!(letters(&ada, "bob@@", &[]), "S S E S S");
    assert_eq!(letters(&ada, "bob@@/desk", &[]), "S S E S S");
    assert_eq!(bench.store.offline().list("bob", chrono::Utc::now()).len(), 4);

    let low = bench.connect("bob/low");
    low.send("<presence><priority>-1</priority></presence>");
    low.received();
    assert_eq!(letters(&ada, "bob@@", &[&low]), "S S E S S");
    assert_eq!(
        letters(&ada, "bob@@/low", &[&low]),
        "D1 D1 E D1 D1",
        "a stranger's groupchat"
    );
    assert_eq!(letters(&ada, "bob@@/gone", &[&low]), "S S E S S");

    let desk = bench.connect("bob/desk");
    desk.send("<presence/>");
    let _ = (desk.received(), low.received());
    assert_eq!(letters(&ada, "bob@@", &[&low, &desk]), "D1 D1 E D1 S");
    assert_eq!(letters(&ada, "bob@@/gone", &[&low, &desk]), "D1 D1 E S S");

    let phone = bench.connect("bob/phone");
    phone.send("<presence><priority>5</priority></presence>");
    let _ = (phone.received(), desk.received(), low.received());
    let all = [&low, &desk, &phone];
    assert_eq!(letters(&ada, "bob@@", &all), "D1 D1 E D2 S");
    desk.send("<presence><priority>5</priority></presence>");
    let _ = (phone.received(), desk.received(), low.received());
    assert_eq!(letters(&ada, "bob@@", &all), "D2 D2 E D2 S");
    bench.befriend("ada", "bob");
    let _ = (phone.received(), desk.received(), low.received(), ada.received());
    assert_eq!(letters(&ada, "bob@@/low", &all), "D1 D1 D1 D1 D1");
}

#[test]
fn a_collector_talks_to_people_and_to_no_other_collector() {
    let bench = Bench::new();
    let (web, db) = (bench.collector("web"), bench.collector("db"));
    let ada = bench.online("ada/desk");
    for kind in ["normal", "chat", "groupchat", "headline"] {
        for to in ["db@@", "db@@/watchpost", "db@@/gone"] {
            web.send(&message(kind, to));
            let received = web.received();
            assert!(
                matches!(received.as_slice(), [error] if error.ends_with("forbidden")),
                "{kind} {to}: {received:?}"
            );
        }
    }
    web.send(&message("error", "db@@/watchpost"));
    assert!(web.received().is_empty() && db.received().is_empty());
    db.end();
    assert!(bench.store.offline().list("db", chrono::Utc::now()).is_empty());
    web.send(&message("chat", "ada@@"));
    assert_eq!(ada.received(), ["message chat <web/watchpost body=hi"]);
    ada.send(&message("chat", "web@@"));
    assert_eq!(web.received(), ["message chat <ada/desk body=hi"]);
}

/// Refuses what says so, stamps what enters, and keeps account of what it is shown.
#[derive(Default)]
struct Witness {
    seen: Mutex<Vec<String>>,
}

impl Witness {
    fn note(&self, what: &str, passage: &Passage<'_>) {
        let line = format!("{what} {}", passage.node());
        self.seen.lock().unwrap().push(line);
    }

    fn refuses(passage: &Passage<'_>, way: &str) -> Result<(), StanzaError> {
        match passage.stanza.frame.children().any(|child| child.name == way) {
            true => Err(Condition::NotAcceptable.into()),
            false => Ok(()),
        }
    }
}

impl Module for Arc<Witness> {
    fn message_outbound(&self, _cx: &Context<'_>, passage: &mut Passage<'_>) -> Result<(), StanzaError> {
        self.note("out", passage);
        passage.append(Bytes::from_static(b"<left xmlns='x'/>"));
        Witness::refuses(passage, "never-out")
    }

    fn message_inbound(&self, _cx: &Context<'_>, passage: &mut Passage<'_>) -> Result<(), StanzaError> {
        self.note("in", passage);
        passage.append(Bytes::from_static(b"<entered xmlns='x'/>"));
        passage.cut(0);
        Witness::refuses(passage, "never-in")
    }

    fn message_delivered(&self, _cx: &Context<'_>, passage: &Passage<'_>, taken: &[Arc<Session>]) {
        self.note(&format!("given to {}", taken.len()), passage);
    }

    fn message_refused(&self, _cx: &Context<'_>, passage: &Passage<'_>, reply: &Element) {
        self.note(&format!("refused as {}", reply.attr("type").unwrap()), passage);
    }

    fn message_undeliverable(&self, _cx: &Context<'_>, passage: &Passage<'_>) -> bool {
        self.note("kept", passage);
        true
    }
}

#[test]
fn a_message_passes_the_senders_account_then_the_recipients() {
    let witness = Arc::new(Witness::default());
    let bench = Bench::with(vec![Box::new(Arc::clone(&witness)), Box::new(Arc::clone(&witness))]);
    let (ada, bob) = (bench.online("ada/desk"), bench.online("bob/desk"));
    let _phone = bench.online("bob/phone");
    let _ = (ada.received(), bob.received());
    let seen = || std::mem::take(&mut *witness.seen.lock().unwrap()).join(", ");
    ada.send("<message type='chat' to='bob@@'><cut/><body>hi</body></message>");
    assert_eq!(bob.received(), ["message chat <ada/desk body=hi entered entered"]);
    assert_eq!(
        seen(),
        "out ada, out ada, in bob, in bob, given to 2 bob, given to 2 bob"
    );
    ada.send("<message to='eve@@/desk'><cut/></message>");
    assert_eq!(
        seen(),
        "out ada, out ada, in eve, in eve, kept eve, given to 0 eve, given to 0 eve"
    );
    ada.send("<message to='nobody@@'><cut/></message>");
    assert_eq!(
        seen(),
        "out ada, out ada, given to 0 nobody, given to 0 nobody",
        "an absent account has no way in"
    );
    ada.send("<message to='bob@@'><never-out/></message>");
    assert_eq!(ada.received(), ["message error <bob not-acceptable"]);
    assert_eq!(
        seen(),
        "out ada, refused as error ada, refused as error ada",
        "the first that refuses ends it"
    );
    ada.send("<message to='bob@@'><cut/><never-in/></message>");
    assert_eq!(ada.received(), ["message error <bob not-acceptable"]);
    assert_eq!(
        seen(),
        "out ada, out ada, in bob, refused as error ada, refused as error ada"
    );
    ada.send("<message type='error' to='bob@@/desk'><cut/><never-in/></message>");
    assert!(ada.received().is_empty() && bob.received().is_empty());
    assert_eq!(seen(), "out ada, out ada, in bob", "no error to an error");
    ada.send("<message to='elsewhere.example'><cut/></message>");
    assert_eq!(seen(), "", "what finds no account passes none");
}

#[test]
fn a_message_keeps_what_its_sender_wrote() {
    let bench = Bench::new();
    let (ada, bob) = (bench.online("ada/desk"), bench.online("bob/desk"));
    ada.session.set_lang("de");
    ada.send("<message to='Bob@@' id='7' x='&lt;'><own xmlns='urn:x'><a b='c'/></own></message>");
    let received = bob.elements();
    assert_eq!(received[0].attr("to"), Some("Bob@mon.example"));
    assert_eq!(received[0].attr("x"), Some("<"));
    assert_eq!(received[0].attr("id"), Some("7"));
    assert_eq!(
        received[0].attr_ns("http://www.w3.org/XML/1998/namespace", "lang"),
        Some("de")
    );
    assert!(received[0].get_child("own", "urn:x").unwrap().has_child("a", "urn:x"));
    // Without an address it is the sender's own account's (RFC 6120 section 10.3.1).
    ada.send("<message><body>note</body></message>");
    assert_eq!(ada.elements()[0].attr("to"), Some("ada@mon.example"));
}

#[test]
fn s13_another_domain_is_not_found_once() {
    let bench = Bench::new();
    let ada = bench.online("ada/desk");
    for to in ["x@other.example", "other.example", "x@pubsub.other.example/y"] {
        ada.send(&message("chat", to));
        ada.send(&format!("<iq type='get' id='1' to='{to}'><query xmlns='x'/></iq>"));
        ada.send(&format!("<presence to='{to}'/>"));
        ada.send(&format!("<presence type='subscribe' to='{to}'/>"));
        let errors = ada.received();
        assert_eq!(errors.len(), 4, "{errors:?}");
        assert!(errors.iter().all(|error| error.ends_with("remote-server-not-found")));
        ada.send(&message("error", to));
        ada.send(&format!("<iq type='result' id='1' to='{to}'/>"));
        ada.send(&format!("<presence type='error' to='{to}'/>"));
        assert!(ada.received().is_empty());
    }
}

#[test]
fn what_an_ended_session_was_not_sent_finds_another_way() {
    let bench = Bench::new();
    let ada = bench.online("ada/desk");
    let (desk, phone) = (bench.online("bob/desk"), bench.online("bob/phone"));
    desk.received();
    ada.send(&message("chat", "bob@@"));
    ada.send("<message type='chat' to='bob@@/desk'><body>you</body></message>");
    ada.send("<message type='headline' to='bob@@/desk'><body>news</body></message>");
    desk.end();
    // The first was given to both; of the others the chat message alone is worth a second way.
    assert_eq!(
        phone.received(),
        [
            "message chat <ada/desk body=hi",
            "presence unavailable <bob/desk",
            "message chat <ada/desk body=you",
        ]
    );
    ada.send(&message("chat", "bob@@"));
    phone.end();
    let again = bench.connect("bob/desk");
    again.send("<presence/>");
    let received = again.received();
    assert_eq!(received[0], "presence <bob/desk");
    assert_eq!(received[1..], ["message chat <ada/desk body=hi delay=Offline Storage"]);
    assert!(ada.received().is_empty());
}

#[test]
fn a_client_that_does_not_read_is_closed_and_loses_no_message() {
    let bench = Bench::new();
    let ada = bench.online("ada/desk");
    let bob = bench.connect_through("bob/desk", Sink::new(3, 10_000));
    bob.send("<presence/>");
    for _ in 0..5 {
        ada.send(&message("chat", "bob@@"));
    }
    assert_eq!(bob.session.sink().closing(), Some(Closing::ResourceConstraint));
    bob.end();
    assert_eq!(bench.store.offline().list("bob", chrono::Utc::now()).len(), 5);
    assert!(ada.received().is_empty(), "senders notice nothing");
}
