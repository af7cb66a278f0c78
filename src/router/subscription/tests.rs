//! Who asks whom, and what comes of it.

use crate::roster::Limits;
use crate::router::bench::{Bench, Client, account};
use crate::router::change::REQUEST_BYTES_MAX;
use crate::router::{Context, Module, Rates};
use jid::BareJid;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

fn presence(client: &Client, kind: &str, to: &str) {
    client.send(&format!("<presence type='{kind}' to='{to}@@' id='1'/>"));
}

#[test]
fn a_collector_asks_nobody_and_answers_who_asks() {
    let bench = Bench::new();
    let (web, db) = (bench.collector("web"), bench.collector("db"));
    let ada = bench.online("ada/desk");
    for to in ["db", "ada", "nobody"] {
        presence(&web, "subscribe", to);
        assert_eq!(web.received(), [format!("presence error <{to} forbidden")]);
    }
    assert!(db.received().is_empty() && ada.received().is_empty());
    presence(&ada, "subscribe", "web");
    assert_eq!(web.received(), ["presence subscribe <ada"]);
    presence(&web, "subscribed", "ada");
    assert!(ada.received().contains(&"presence <web/watchpost".to_owned()));
    presence(&web, "unsubscribed", "ada");
    assert!(ada.received().contains(&"presence unsubscribed <web".to_owned()));
}

#[test]
fn a_subscription_is_asked_for_granted_and_cancelled() {
    let bench = Bench::new();
    let (ada, bob) = (bench.online("ada/desk"), bench.online("bob/desk"));
    presence(&ada, "subscribe", "bob");
    assert_eq!(ada.received(), ["iq set [bob:none+ask]"]);
    assert_eq!(bob.received(), ["presence subscribe <ada"]);
    presence(&ada, "subscribe", "bob");
    assert!(bob.received().is_empty(), "once is enough");
    presence(&bob, "subscribed", "ada");
    assert_eq!(bob.received(), ["iq set [ada:from]"]);
    assert_eq!(
        ada.received(),
        ["presence subscribed <bob", "iq set [bob:to]", "presence <bob/desk"]
    );
    presence(&bob, "unsubscribed", "ada");
    assert_eq!(bob.received(), ["iq set [ada:none]"]);
    assert_eq!(
        ada.received(),
        [
            "presence unavailable <bob/desk",
            "presence unsubscribed <bob",
            "iq set [bob:none]",
        ]
    );
}

#[test]
fn whoever_has_enough_unsubscribes() {
    let bench = Bench::new();
    bench.befriend("ada", "bob");
    let (ada, bob) = (bench.online("ada/desk"), bench.online("bob/desk"));
    ada.received();
    ada.send("<presence type='unsubscribe' to='bob@@/desk'/>");
    assert_eq!(ada.received(), ["iq set [bob:from]", "presence unavailable <bob/desk"]);
    assert_eq!(bob.received(), ["presence unsubscribe <ada", "iq set [ada:to]"]);
    bob.send("<presence><show>away</show></presence>");
    assert!(ada.received().is_empty());
}

#[test]
fn a_request_waits_with_all_it_said_until_it_is_answered() {
    let bench = Bench::new();
    let ada = bench.online("ada/desk");
    ada.send("<presence type='subscribe' to='bob@@'><status>It is me</status></presence>");
    let bench = bench.restart();
    for _ in 0..2 {
        let bob = bench.connect("bob/desk");
        bob.send("<presence/>");
        assert_eq!(
            bob.received(),
            ["presence <bob/desk", "presence subscribe <ada status=It is me"]
        );
        bob.end();
    }
    let bob = bench.connect("bob/desk");
    presence(&bob, "unsubscribed", "ada");
    bob.send("<presence/>");
    assert_eq!(bob.received(), ["presence <bob/desk"]);
}

#[test]
fn a_long_request_is_kept_without_what_it_said() {
    let bench = Bench::new();
    let ada = bench.online("ada/desk");
    let status = "x".repeat(REQUEST_BYTES_MAX);
    ada.send(&format!(
        "<presence type='subscribe' to='bob@@'><status>{status}</status></presence>"
    ));
    let bob = bench.connect("bob/desk");
    bob.send("<presence/>");
    assert_eq!(bob.received(), ["presence <bob/desk", "presence subscribe <ada"]);
}

#[test]
fn s07_nobody_gets_in_uninvited() {
    let bench = Bench::new();
    let (ada, bob) = (bench.online("ada/desk"), bench.online("bob/desk"));
    // Unasked approval is a pre-approval of the sender's own presence, and tells the other nothing.
    presence(&ada, "subscribed", "bob");
    assert_eq!(ada.received(), ["iq set [bob:none+approved]"]);
    assert!(bob.received().is_empty());
    presence(&bob, "subscribe", "ada");
    assert_eq!(
        bob.received(),
        [
            "iq set [ada:none+ask]",
            "presence subscribed <ada",
            "iq set [ada:to]",
            "presence <ada/desk",
        ]
    );
    assert_eq!(ada.received(), ["iq set [bob:from]"]);
    presence(&bob, "unsubscribed", "eve");
    presence(&bob, "unsubscribe", "bob");
    presence(&bob, "subscribe", "bob");
    assert!(bob.received().is_empty());
}

#[test]
fn what_changes_nothing_is_not_written() {
    let bench = Bench::new();
    let ada = bench.connect("ada/desk");
    presence(&ada, "subscribe", "bob");
    let latest = bench.store.latest();
    for kind in ["subscribe", "unsubscribed"] {
        presence(&ada, kind, "bob");
    }
    presence(&ada, "unsubscribe", "eve");
    assert_eq!(bench.store.latest(), latest);
}

#[test]
fn a11_a_request_to_nobody_looks_like_one_to_somebody() {
    let bench = Bench::new();
    let ada = bench.online("ada/desk");
    presence(&ada, "subscribe", "nobody");
    presence(&ada, "subscribe", "bob");
    assert_eq!(ada.received(), ["iq set [nobody:none+ask]", "iq set [bob:none+ask]"]);
}

#[test]
fn s08_requests_are_bounded_by_the_minute_and_by_the_account() {
    let bench = Bench::with_rates(Rates::default());
    let start = Instant::now();
    bench.router.tick(start);
    let ada = bench.connect("ada/desk");
    for _ in 0..12 {
        presence(&ada, "subscribe", "bob");
    }
    assert_eq!(ada.received(), ["presence error <bob resource-constraint"; 2]);
    bench.router.tick(start + Duration::from_secs(60));
    presence(&ada, "subscribe", "bob");
    assert!(ada.received().is_empty());
    for number in 0..Limits::DEFAULT.requests_max + 5 {
        let name = format!("u{number}");
        let role = crate::stanza::Role::Viewer;
        bench.store.accounts().add_without_credentials(&name, role).unwrap();
        presence(&bench.connect(&format!("{name}/x")), "subscribe", "bob");
    }
    assert_eq!(
        bench.store.rosters().requests("bob").len(),
        Limits::DEFAULT.requests_max
    );
}

#[test]
fn s12_only_resources_that_asked_for_the_roster_hear_of_its_changes() {
    let bench = Bench::new();
    let ada = bench.online("ada/desk");
    let silent = bench.connect("ada/silent");
    silent.send("<presence/>");
    let _ = (ada.received(), silent.received());
    presence(&ada, "subscribe", "bob");
    let bob = bench.connect("bob/desk");
    presence(&bob, "subscribed", "ada");
    assert_eq!(
        ada.received(),
        ["iq set [bob:none+ask]", "presence subscribed <bob", "iq set [bob:to]"]
    );
    assert!(silent.received().is_empty());
}

#[test]
fn removing_an_item_cancels_both_ways() {
    let bench = Bench::new();
    bench.befriend("ada", "bob");
    let (ada, bob) = (bench.online("ada/desk"), bench.online("bob/desk"));
    ada.received();
    ada.send(
        "<iq type='set' id='1'><query xmlns='jabber:iq:roster'><item jid='bob@@' subscription='remove'/></query></iq>",
    );
    assert_eq!(
        ada.received(),
        ["iq set [bob:remove]", "presence unavailable <bob/desk", "iq result"]
    );
    assert_eq!(
        bob.received(),
        [
            "presence unsubscribe <ada",
            "iq set [ada:to]",
            "presence unavailable <ada/desk",
            "presence unsubscribed <ada",
            "iq set [ada:none]",
        ]
    );
}

#[test]
fn a_provisioned_contact_appears_both_ways_and_keeps_the_name_it_was_given() {
    let bench = Bench::new();
    let (ada, bob) = (bench.online("ada/desk"), bench.online("bob/desk"));
    ada.send("<iq type='set' id='1'><query xmlns='jabber:iq:roster'><item jid='bob@@' name='Bobby'/></query></iq>");
    ada.received();
    let groups = vec!["Servers".to_owned()];
    let name = Some("host".to_owned());
    bench
        .router
        .provision(&account("ada"), &account("bob"), name, groups)
        .unwrap();
    assert_eq!(ada.received(), ["iq set [bob:both]", "presence <bob/desk"]);
    assert_eq!(bob.received(), ["iq set [ada:both]", "presence <ada/desk"]);
    let bench = bench.restart();
    let roster = bench.store.rosters().load("ada");
    assert_eq!(roster.get(&account("bob")).unwrap().name.as_deref(), Some("Bobby"));
}

/// Notes what it is told of subscriptions.
#[derive(Default)]
struct Witness(Arc<Mutex<Vec<String>>>);

impl Module for Witness {
    fn subscription_changed(
        &self,
        _cx: &Context<'_>,
        account: &BareJid,
        contact: &BareJid,
        received: bool,
        receives: bool,
    ) {
        let name = |jid: &BareJid| jid.node().unwrap().as_str().to_owned();
        let line = format!("{} {} {received} {receives}", name(account), name(contact));
        self.0.lock().unwrap().push(line);
    }
}

#[test]
fn modules_hear_of_both_sides() {
    let witness = Witness::default();
    let heard = Arc::clone(&witness.0);
    let bench = Bench::with(vec![Box::new(witness)]);
    let told = || std::mem::take(&mut *heard.lock().unwrap());
    let (ada, bob) = (bench.connect("ada/desk"), bench.connect("bob/desk"));
    presence(&ada, "subscribe", "bob");
    assert_eq!(told(), ["bob ada false false", "ada bob false false"]);
    presence(&bob, "subscribed", "ada");
    assert_eq!(told(), ["ada bob false false", "bob ada false true"]);
    presence(&bob, "subscribed", "ada");
    assert!(told().is_empty());
    presence(&ada, "unsubscribe", "bob");
    assert_eq!(told(), ["bob ada true false", "ada bob false false"]);
}
