//! What a block keeps from whom.

use crate::modules::dialogue::{ask, outcome};
use crate::router::bench::{Bench, Client};

fn order(client: &Client, name: &str, jids: &[&str]) {
    let items: String = jids.iter().map(|jid| ["<item jid='", jid, "'/>"].concat()).collect();
    let order = ["<", name, " xmlns='urn:xmpp:blocking'>", &items, "</", name, ">"].concat();
    let answer = ask(client, "set", None, &order.replace("@@", "@mon.example"));
    assert_eq!(answer.attr("type"), Some("result"), "{jids:?}");
}

fn send(client: &Client, kind: &str, to: &str) {
    client.send(&match kind {
        "message" => format!("<message type='chat' to='{to}'><body>hi</body></message>"),
        "headline" => format!("<message type='headline' to='{to}'><body>hi</body></message>"),
        "message error" => format!("<message type='error' to='{to}'/>"),
        "get" => format!("<iq type='get' id='1' to='{to}'><query xmlns='urn:x'/></iq>"),
        "result" => format!("<iq type='result' id='1' to='{to}'/>"),
        "available" => format!("<presence to='{to}'/>"),
        kind => format!("<presence to='{to}' type='{kind}'/>"),
    });
}

const ALL: [&str; 12] = [
    "message",
    "headline",
    "message error",
    "get",
    "result",
    "available",
    "unavailable",
    "probe",
    "subscribe",
    "subscribed",
    "unsubscribe",
    "unsubscribed",
];

#[test]
fn what_a_blocked_one_sends_reaches_nobody_and_is_answered_by_the_rules() {
    for to in ["ada@@", "ada@@/desk", "ada@@/gone"] {
        for kind in ALL {
            let bench = Bench::new();
            bench.befriend("ada", "bob");
            let (ada, bob) = (bench.online("ada/desk"), bench.online("bob/desk"));
            order(&ada, "block", &["bob@@"]);
            let _ = (ada.received(), bob.received());
            send(&bob, kind, to);
            // The rosters agree on what ends; of that nothing is said but the push.
            let pushes = ada.received();
            assert!(
                pushes.iter().all(|line| line.starts_with("iq set [bob:")),
                "{kind}: {pushes:?}"
            );
            let mut answers = bob.received();
            answers.retain(|line| !line.starts_with("iq set"));
            let short = to.replace("@@", "");
            let expected = match kind {
                "message" | "headline" => vec![format!("message error <{short} service-unavailable")],
                "get" => vec![format!("iq error <{short} service-unavailable")],
                _ => vec![],
            };
            assert_eq!(answers, expected, "{kind} to {to}");
            ada.end();
            assert!(bench.store.offline().list("ada", chrono::Utc::now()).is_empty());
        }
    }
}

#[test]
fn whoever_blocks_cannot_address_what_it_blocks() {
    let bench = Bench::new();
    bench.befriend("ada", "bob");
    let (ada, bob) = (bench.online("ada/desk"), bench.online("bob/desk"));
    order(&ada, "block", &["bob@@"]);
    let _ = (ada.received(), bob.received());
    for kind in ALL {
        send(&ada, kind, "bob@@/desk");
        let answer: Vec<_> = ada.elements();
        match kind {
            "message error" | "result" => assert!(answer.is_empty(), "{kind}"),
            _ => {
                let error = answer[0].get_child("error", "jabber:client").unwrap();
                assert_eq!(error.attr("type"), Some("cancel"));
                assert!(error.has_child("not-acceptable", "urn:ietf:params:xml:ns:xmpp-stanzas"));
                assert!(error.has_child("blocked", "urn:xmpp:blocking:errors"));
                assert_eq!(answer.len(), 1);
            }
        }
    }
    assert!(bob.received().is_empty());
}

#[test]
fn s06_a_blocked_one_sees_somebody_go_and_come_back() {
    let bench = Bench::new();
    bench.befriend("ada", "bob");
    let (ada, bob, eve) = (
        bench.online("ada/desk"),
        bench.online("bob/desk"),
        bench.online("eve/desk"),
    );
    ada.send("<presence to='eve@@'/>");
    let _ = (ada.received(), bob.received(), eve.received());
    order(&ada, "block", &["bob@@", "eve@@", "nobody@@"]);
    assert_eq!(bob.received(), ["presence unavailable <ada/desk"]);
    assert_eq!(eve.received(), ["presence unavailable <ada/desk"]);
    ada.send("<presence><show>away</show></presence>");
    bob.send("<presence><show>dnd</show></presence>");
    assert_eq!(ada.received(), ["presence <ada/desk show=away"]);
    assert_eq!(bob.received(), ["presence <bob/desk show=dnd"]);
    let late = bench.connect("bob/late");
    late.send("<presence/>");
    assert_eq!(late.received(), ["presence <bob/late", "presence <bob/desk show=dnd"]);
    late.end();
    bob.received();
    order(&ada, "unblock", &["bob@@"]);
    assert_eq!(bob.received(), ["presence <ada/desk show=away"]);
    order(&ada, "block", &["bob@@"]);
    bob.received();
    ada.send("<iq type='set' id='1'><unblock xmlns='urn:xmpp:blocking'/></iq>");
    assert_eq!(ada.received(), ["presence <bob/desk show=dnd", "iq result"]);
    assert_eq!(bob.received(), ["presence <ada/desk show=away"]);
    assert!(eve.received().is_empty(), "directed presence is not taken up again");
}

#[test]
fn items_match_a_resource_an_account_or_a_domain() {
    // What is blocked, and whether that holds for bob/desk, bob/phone and eve/desk.
    for (item, held) in [
        ("bob@@/desk", [true, false, false]),
        ("bob@@", [true, true, false]),
        ("mon.example", [true, true, true]),
        ("mon.example/desk", [false, false, false]),
        ("example", [false, false, false]),
    ] {
        let bench = Bench::new();
        let ada = bench.online("ada/desk");
        order(&ada, "block", &[item]);
        let senders = ["bob/desk", "bob/phone", "eve/desk"].map(|address| bench.connect(address));
        for (sender, held) in senders.iter().zip(held) {
            sender.send("<message type='chat' to='ada@@'><body>hi</body></message>");
            assert_eq!(ada.received().is_empty(), held, "{item}");
        }
        // Own resources and the server are never blocked.
        let phone = bench.connect("ada/phone");
        phone.send("<message type='chat' to='ada@@/desk'><body>hi</body></message>");
        assert_eq!(ada.received().len(), 1);
        let ping = "<ping xmlns='urn:xmpp:ping'/>";
        assert_eq!(outcome(&ada, "get", Some("mon.example"), ping), "result");
    }
}

#[test]
fn a_request_of_a_blocked_one_waits_until_it_is_unblocked() {
    let bench = Bench::new();
    let (ada, bob) = (bench.connect("ada/desk"), bench.online("bob/desk"));
    send(&bob, "subscribe", "ada@@");
    order(&ada, "block", &["bob@@"]);
    ada.send("<presence/>");
    assert_eq!(ada.received(), ["presence <ada/desk"]);
    order(&ada, "unblock", &[]);
    ada.send("<presence type='unavailable'/>");
    ada.received();
    ada.send("<presence/>");
    assert_eq!(ada.received(), ["presence <ada/desk", "presence subscribe <bob"]);
}

#[test]
fn a_collector_that_is_blocked_falls_silent_for_that_account_alone() {
    let bench = Bench::new();
    let web = bench.collector("web");
    bench.befriend("ada", "web");
    bench.befriend("bob", "web");
    let (ada, bob) = (bench.online("ada/desk"), bench.online("bob/desk"));
    order(&ada, "block", &["web@@"]);
    let _ = (ada.received(), bob.received());
    web.send("<presence><show>dnd</show></presence>");
    send(&web, "message", "ada@@");
    assert!(ada.received().is_empty());
    assert_eq!(bob.received(), ["presence <web/watchpost show=dnd"]);
    let roster = bench.store.rosters().load("ada");
    assert_eq!(roster.listed().count(), 1, "its item stays");
}
