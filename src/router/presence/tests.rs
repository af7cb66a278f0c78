//! Who is told of whose presence.

use crate::router::bench::Bench;
use std::time::Duration;

/// Who does what.
type Steps = &'static [(&'static str, &'static str)];

/// What `ada` and `bob` do to get into each state, and whether `ada` then sees `bob`.
const STATES: [(&str, Steps, bool); 6] = [
    ("none", &[], false),
    ("pending", &[("ada", "subscribe")], false),
    (
        "ada's presence only",
        &[("bob", "subscribe"), ("ada", "subscribed")],
        false,
    ),
    (
        "bob's presence only",
        &[("ada", "subscribe"), ("bob", "subscribed")],
        true,
    ),
    (
        "both",
        &[
            ("ada", "subscribe"),
            ("bob", "subscribed"),
            ("bob", "subscribe"),
            ("ada", "subscribed"),
        ],
        true,
    ),
    (
        "cancelled",
        &[("ada", "subscribe"), ("bob", "subscribed"), ("bob", "unsubscribed")],
        false,
    ),
];

#[test]
fn s06_presence_reaches_those_who_may_see_it_and_nobody_else() {
    for (state, steps, sees) in STATES {
        let bench = Bench::new();
        for (who, what) in steps {
            let other = if *who == "ada" { "bob" } else { "ada" };
            let client = bench.connect(&format!("{who}/setup"));
            client.send(&format!("<presence type='{what}' to='{other}@@'/>"));
            client.end();
        }
        let ada = bench.online("ada/desk");
        let bob = bench.connect("bob/desk");
        let told = |expected: &[&str]| {
            let expected = if sees { expected } else { &[] };
            assert_eq!(ada.received(), expected, "{state}");
        };
        bob.send("<presence id='1'><show>away</show></presence>");
        told(&["presence <bob/desk show=away"]);
        bob.send("<presence><status>x</status></presence>");
        told(&["presence <bob/desk status=x"]);
        ada.send("<presence type='probe' to='bob@@'/>");
        told(&["presence <bob/desk status=x"]);
        ada.send("<presence type='probe' to='bob@@/desk'/>");
        told(&["presence <bob/desk"]);
        let late = bench.online("ada/late");
        late.end();
        ada.received();
        bob.send("<presence type='unavailable'><status>bye</status></presence>");
        told(&["presence unavailable <bob/desk status=bye"]);
        bob.end();
        told(&[]);
        ada.send("<presence type='probe' to='bob@@'/>");
        told(&["presence unavailable <bob"]);
    }
}

#[test]
fn a_newcomer_is_greeted_with_what_others_have_said_last() {
    let bench = Bench::new();
    bench.befriend("ada", "bob");
    let bob = bench.online("bob/desk");
    bob.send("<presence><show>dnd</show></presence>");
    bench.online("ada/phone");
    let ada = bench.connect("ada/desk");
    ada.send("<presence><priority>3</priority></presence>");
    assert_eq!(
        ada.received(),
        [
            "presence <ada/desk priority=3",
            "presence <ada/phone",
            "presence <bob/desk show=dnd",
        ]
    );
    ada.send("<presence/>");
    assert_eq!(ada.received(), ["presence <ada/desk"], "an update asks for nothing");
    assert_eq!(bob.elements().pop().unwrap().attr("to"), Some("bob@mon.example"));
}

#[test]
fn the_end_of_a_session_is_told_once_however_it_comes() {
    let bench = Bench::new();
    bench.befriend("ada", "bob");
    let (ada, bob) = (bench.online("ada/desk"), bench.online("bob/desk"));
    ada.received();
    bob.send("<presence to='eve@@'/>");
    let eve = bench.online("eve/desk");
    bob.send("<presence to='eve@@/desk'/>");
    assert_eq!(eve.received(), ["presence <bob/desk"]);
    bob.end();
    bob.end();
    assert_eq!(ada.received(), ["presence unavailable <bob/desk"]);
    // Once for the bare JID, once for the full one that it had sent presence to.
    assert_eq!(eve.received(), ["presence unavailable <bob/desk"; 2]);
}

#[test]
fn directed_presence_is_taken_back_and_bounded() {
    let bench = Bench::new();
    let (ada, eve) = (bench.connect("ada/desk"), bench.online("eve/desk"));
    ada.send("<presence to='eve@@'/>");
    ada.send("<presence to='eve@@' type='unavailable'/>");
    assert_eq!(eve.received(), ["presence <ada/desk", "presence unavailable <ada/desk"]);
    for number in 0..=256 {
        ada.send(&format!("<presence to='u{number}@@'/>"));
    }
    assert_eq!(ada.received(), ["presence error <u256 resource-constraint"]);
    ada.end();
    assert!(eve.received().is_empty());
}

#[test]
fn who_falls_silent_is_shown_as_stale_until_heard_again() {
    let bench = Bench::new();
    bench.befriend("ada", "bob");
    let (ada, bob) = (bench.online("ada/desk"), bench.online("bob/desk"));
    bob.send("<presence><show>away</show></presence>");
    ada.received();
    let stale = |received: &[String]| {
        received
            .iter()
            .any(|line| line.starts_with("presence <bob/desk show=xa status=stale since "))
    };
    bench.router.fell_silent(&bob.session, Duration::from_secs(30));
    assert!(stale(&ada.received()));
    let late = bench.connect("ada/phone");
    late.send("<presence/>");
    assert!(stale(&late.received()), "who comes now sees it too");
    ada.received();
    bench.router.heard_again(&bob.session);
    bench.router.heard_again(&bob.session);
    assert_eq!(ada.received(), ["presence <bob/desk show=away"]);
    bench.router.fell_silent(&bob.session, Duration::from_secs(30));
    bob.end();
    let received = ada.received();
    assert!(stale(&received[..1]));
    assert_eq!(received[1..], ["presence unavailable <bob/desk"]);
}

#[test]
fn the_type_available_is_none_and_unknown_ones_are_bad() {
    let bench = Bench::new();
    let ada = bench.online("ada/desk");
    let eve = bench.online("eve/desk");
    ada.send("<presence type='available'><show>away</show></presence>");
    assert_eq!(ada.received(), ["presence <ada/desk show=away"]);
    ada.send("<presence type='available' to='eve@@'/>");
    assert_eq!(eve.received(), ["presence <ada/desk"]);
    ada.send("<presence type='busy'/>");
    ada.send("<presence type='subscribe'/>");
    for priority in ["x", "128", "-129", "1.0", ""] {
        ada.send(&format!("<presence><priority>{priority}</priority></presence>"));
    }
    ada.send("<presence><priority>1</priority><priority>1</priority></presence>");
    assert_eq!(ada.received(), ["presence error bad-request"; 8]);
    ada.send("<presence><priority> -128 </priority></presence>");
    assert_eq!(ada.session.priority(), Some(-128));
}
