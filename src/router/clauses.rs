//! Clauses of RFC 6121 and RFC 6120 that no other test names: each test names its own.

use super::bench::{Bench, Client};

fn sent(client: &Client) -> Vec<String> {
    client.elements().iter().map(String::from).collect()
}

#[test]
fn rfc6121_3_1_2_a_request_to_a_resource_is_one_to_the_account_and_stamped_with_bare_jids() {
    let bench = Bench::new();
    let (ada, bob) = (bench.online("ada/desk"), bench.online("bob/desk"));
    ada.send("<presence type='subscribe' to='bob@@/other' from='ada@@/desk' id='s1'/>");
    let request = &bob.elements()[0];
    assert_eq!(
        (request.attr("from"), request.attr("to"), request.attr("id")),
        (Some("ada@mon.example"), Some("bob@mon.example"), Some("s1"))
    );
}

#[test]
fn rfc6121_3_1_3_one_request_waits_however_often_it_was_sent() {
    let bench = Bench::new();
    for resource in ["a", "b"] {
        let ada = bench.connect(&format!("ada/{resource}"));
        ada.send("<presence type='subscribe' to='bob@@'/>");
        ada.end();
    }
    let bob = bench.connect("bob/desk");
    bob.send("<presence/>");
    assert_eq!(bob.received(), ["presence <bob/desk", "presence subscribe <ada"]);
}

#[test]
fn rfc6121_3_1_5_and_3_1_6_presence_of_each_resource_follows_an_approval() {
    let bench = Bench::new();
    let (ada, phone) = (bench.online("ada/desk"), bench.online("ada/phone"));
    let (bob, tablet) = (bench.online("bob/desk"), bench.online("bob/tablet"));
    ada.send("<presence type='subscribe' to='bob@@'/>");
    let _ = (ada.received(), phone.received(), bob.received(), tablet.received());
    bob.send("<presence type='subscribed' to='ada@@'/>");
    for client in [&ada, &phone] {
        let mut received = client.received();
        assert_eq!(received[..2], ["presence subscribed <bob", "iq set [bob:to]"]);
        received[2..].sort();
        assert_eq!(received[2..], ["presence <bob/desk", "presence <bob/tablet"]);
    }
    assert_eq!(tablet.received(), ["iq set [ada:from]"]);
    // Approved once, it stays so: nothing is said twice.
    bob.send("<presence type='subscribed' to='ada@@'/>");
    assert!(ada.received().is_empty() && bob.received().len() == 1);
}

#[test]
fn rfc6121_3_2_2_each_resource_is_gone_before_the_cancellation_comes() {
    let bench = Bench::new();
    bench.befriend("ada", "bob");
    let (bob, _tablet) = (bench.online("bob/desk"), bench.online("bob/tablet"));
    let ada = bench.online("ada/desk");
    bob.send("<presence type='unsubscribed' to='ada@@'/>");
    let mut received = ada.received();
    received[..2].sort();
    assert_eq!(
        received,
        [
            "presence unavailable <bob/desk",
            "presence unavailable <bob/tablet",
            "presence unsubscribed <bob",
            "iq set [bob:from]",
        ]
    );
}

#[test]
fn rfc6121_3_4_2_a_pre_approval_is_noted_pushed_and_kept_to_oneself() {
    let bench = Bench::new();
    let (ada, bob) = (bench.online("ada/desk"), bench.online("bob/desk"));
    for (before, push) in [(None, "none"), (Some("subscribe"), "none+ask")] {
        if let Some(kind) = before {
            ada.send(&format!("<presence type='{kind}' to='bob@@'/>"));
            let _ = (ada.received(), bob.received());
        }
        ada.send("<presence type='subscribed' to='bob@@'/>");
        assert_eq!(ada.received(), [format!("iq set [bob:{push}+approved]")]);
        assert!(bob.received().is_empty());
        ada.send("<presence type='unsubscribed' to='bob@@'/>");
        assert_eq!(ada.received(), [format!("iq set [bob:{push}]")], "3.2.2 (2)");
        assert!(bob.received().is_empty());
    }
}

#[test]
fn rfc6121_4_2_2_and_4_5_2_the_users_own_resources_see_each_other_come_and_go() {
    let bench = Bench::new();
    let (desk, phone) = (bench.online("ada/desk"), bench.connect("ada/phone"));
    phone.send("<presence><priority>-1</priority></presence>");
    assert_eq!(desk.received(), ["presence <ada/phone priority=-1"]);
    assert_eq!(
        phone.received(),
        ["presence <ada/phone priority=-1", "presence <ada/desk"]
    );
    phone.send("<presence type='unavailable'/>");
    assert_eq!(desk.received(), ["presence unavailable <ada/phone"]);
    assert_eq!(
        phone.received(),
        ["presence unavailable <ada/phone"],
        "whoever said it is told too"
    );
    desk.send("<presence><show>away</show></presence>");
    assert!(
        phone.received().is_empty(),
        "4.5.2: an unavailable resource is told nothing"
    );
}

#[test]
fn rfc6121_4_6_3_directed_presence_to_a_subscriber_is_broadcast_to_it_later_and_ends_once() {
    let bench = Bench::new();
    bench.befriend("ada", "bob");
    let (ada, bob) = (bench.online("ada/desk"), bench.online("bob/desk"));
    bob.received();
    ada.send("<presence to='bob@@'><status>for you</status></presence>");
    assert_eq!(bob.received(), ["presence <ada/desk status=for you"]);
    ada.send("<presence type='unavailable'/>");
    assert_eq!(bob.received(), ["presence unavailable <ada/desk"]);
    // Without initial presence, to one who is no contact: it hears of the end.
    let (eve, shy) = (bench.online("eve/desk"), bench.connect("ada/shy"));
    shy.send("<presence to='eve@@'/>");
    shy.end();
    assert_eq!(eve.received(), ["presence <ada/shy", "presence unavailable <ada/shy"]);
}

#[test]
fn rfc6121_4_6_1_whoever_said_goodbye_is_not_told_of_the_end() {
    let bench = Bench::new();
    let (ada, bob) = (bench.online("ada/desk"), bench.online("bob/desk"));
    ada.send("<presence to='bob@@/desk'/>");
    bob.send("<presence to='ada@@/desk'/>");
    bob.send("<presence type='unavailable' to='ada@@/desk'/>");
    bob.received();
    ada.end();
    assert!(bob.received().is_empty());
    // So it is when the goodbye is a broadcast, or an end.
    for ends in [false, true] {
        let ada = bench.online("ada/desk");
        let bob = bench.online("bob/phone");
        ada.send("<presence to='bob@@/phone'/>");
        bob.send("<presence to='ada@@/desk'/>");
        match ends {
            true => bob.end(),
            false => bob.send("<presence type='unavailable'/>"),
        }
        let again = if ends { bench.online("bob/phone") } else { bob };
        again.received();
        ada.end();
        assert!(again.received().is_empty());
        again.end();
    }
}

#[test]
fn rfc6121_4_2_2_directed_presence_to_an_own_resource_ends_once() {
    let bench = Bench::new();
    let (desk, phone) = (bench.online("ada/desk"), bench.online("ada/phone"));
    phone.send("<presence to='ada@@/desk'/>");
    desk.received();
    phone.end();
    assert_eq!(desk.received(), ["presence unavailable <ada/phone"]);
}

#[test]
fn rfc6121_4_7_what_presence_says_is_passed_on_as_it_is() {
    let bench = Bench::new();
    bench.befriend("ada", "bob");
    let (ada, bob) = (bench.online("ada/desk"), bench.online("bob/desk"));
    bob.received();
    ada.send(
        "<presence xml:lang='en' id='x'><show>busy</show><status>a</status><status xml:lang='de'>b</status>\
         <own xmlns='urn:x'><more/></own></presence>",
    );
    let xml = sent(&bob).concat();
    for part in [
        "<show>busy</show>",
        "xml:lang='de'",
        "id='x'",
        "<own xmlns='urn:x'><more/></own>",
    ] {
        let other_quotes = part.replace('\'', "\"");
        assert!(xml.contains(part) || xml.contains(&other_quotes), "{part}: {xml}");
    }
}

#[test]
fn rfc6121_5_2_2_an_unknown_type_of_message_is_normal() {
    let bench = Bench::new();
    let (ada, bob) = (bench.online("ada/desk"), bench.online("bob/desk"));
    ada.send("<message type='unheard' to='bob@@'><body>hi</body></message>");
    assert_eq!(bob.received().len(), 1);
    bob.end();
    ada.send("<message type='unheard' to='bob@@'><body>hi</body></message>");
    assert_eq!(bench.store.offline().list("bob", chrono::Utc::now()).len(), 1);
}

#[test]
fn rfc6121_8_1_without_an_address_it_is_the_users_own_account() {
    let bench = Bench::new();
    let (desk, phone) = (bench.online("ada/desk"), bench.online("ada/phone"));
    desk.received();
    desk.send("<message><body>note</body></message>");
    assert_eq!(phone.received(), ["message <ada/desk body=note"]);
    desk.received();
    desk.send("<iq type='get' id='1'><query xmlns='http://jabber.org/protocol/disco#info'/></iq>");
    assert!(desk.received()[0].starts_with("iq result"), "on the account's behalf");
}

#[test]
fn rfc6120_10_5_1_and_10_5_2_what_is_for_the_domain_is_the_servers_with_a_resource_too() {
    let bench = Bench::new();
    let ada = bench.online("ada/desk");
    for to in ["mon.example", "mon.example/x"] {
        ada.send(&format!(
            "<iq type='get' id='1' to='{to}'><ping xmlns='urn:xmpp:ping'/></iq>"
        ));
        assert_eq!(ada.received(), [format!("iq result <{to}")]);
        ada.send(&format!("<message to='{to}'><body>hi</body></message>"));
        assert_eq!(ada.received(), [format!("message error <{to} service-unavailable")]);
        ada.send(&format!("<presence to='{to}'/>"));
        ada.send(&format!("<presence type='subscribe' to='{to}'/>"));
        assert!(ada.received().is_empty());
    }
}

#[test]
fn rfc6120_8_3_1_an_error_has_the_addresses_swapped_and_the_id_and_is_never_answered() {
    let bench = Bench::new();
    let ada = bench.online("ada/desk");
    ada.send("<iq type='get' id='&lt;7&gt;' to='bob@@/gone'><query xmlns='urn:x'/></iq>");
    let error = &ada.elements()[0];
    assert_eq!(
        (
            error.attr("type"),
            error.attr("from"),
            error.attr("to"),
            error.attr("id")
        ),
        (
            Some("error"),
            Some("bob@mon.example/gone"),
            Some("ada@mon.example/desk"),
            Some("<7>")
        )
    );
    for kind in ["message", "presence", "iq"] {
        for to in ["bob@@/gone", "nobody@@", "mon.example", "other.example", "@@"] {
            ada.send(&format!("<{kind} type='error' id='e' to='{to}'/>"));
            assert!(ada.received().is_empty(), "{kind} {to}");
        }
    }
}

#[test]
fn rfc6120_10_1_what_one_sends_another_comes_in_order_whatever_it_is() {
    let bench = Bench::new();
    bench.befriend("ada", "bob");
    let (ada, bob) = (bench.online("ada/desk"), bench.online("bob/desk"));
    bob.received();
    ada.send("<message to='bob@@/desk'><body>1</body></message>");
    ada.send("<presence><show>away</show></presence>");
    ada.send("<iq type='get' id='1' to='bob@@/desk'><query xmlns='urn:x'/></iq>");
    ada.send("<message to='bob@@'><body>2</body></message>");
    assert_eq!(
        bob.received(),
        [
            "message <ada/desk body=1",
            "presence <ada/desk show=away",
            "iq get <ada/desk query",
            "message <ada/desk body=2",
        ]
    );
}
