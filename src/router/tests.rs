//! Sessions as they come, are addressed, and go.

use super::bench::{Bench, account};
use super::*;

#[test]
fn s01_only_the_senders_own_address_is_accepted_and_becomes_the_full_one() {
    let bench = Bench::new();
    let (ada, bob) = (bench.online("ada/desk"), bench.online("bob/desk"));
    for own in ["", "from='ada@@'", "from='ada@@/desk'", "from='ADA@mon.EXAMPLE/desk'"] {
        ada.send(&format!(
            "<message {own} to='bob@@' type='chat'><body>hi</body></message>"
        ));
        assert_eq!(bob.received(), ["message chat <ada/desk body=hi"], "{own}");
    }
    for foreign in [
        "bob@@",
        "ada@@/phone",
        "mon.example",
        "@@",
        "",
        "ada@other.example/desk",
    ] {
        let sent = ada.try_send(&format!(
            "<message from='{foreign}' to='bob@@'><body>hi</body></message>"
        ));
        assert_eq!(sent, Err(Violation::InvalidFrom), "{foreign}");
    }
    assert!(bob.received().is_empty());
}

#[test]
fn what_is_no_stanza_ends_the_stream() {
    let bench = Bench::new();
    let ada = bench.connect("ada/desk");
    assert_eq!(ada.try_send("<stanza/>"), Err(Violation::UnsupportedStanzaType));
    assert_eq!(ada.try_send("<message xmlns='x'/>"), Err(Violation::InvalidNamespace));
}

#[test]
fn an_address_that_is_none_is_malformed_once() {
    let bench = Bench::new();
    let ada = bench.connect("ada/desk");
    ada.send("<message to='@@/x' id='1'><body>hi</body></message>");
    ada.send("<iq to='a b@@' type='get' id='2'><query xmlns='x'/></iq>");
    assert_eq!(
        ada.received(),
        ["message error jid-malformed", "iq error jid-malformed"]
    );
    ada.send("<iq to='@@' type='result' id='3'/>");
    ada.send("<message to='@@' type='error'/>");
    assert!(ada.received().is_empty());
}

#[test]
fn a_new_session_takes_the_resource_of_the_old_one() {
    let bench = Bench::new();
    bench.befriend("ada", "bob");
    let bob = bench.online("bob/desk");
    let old = bench.online("ada/desk");
    let new = bench.connect("ada/desk");
    assert_eq!(old.session.sink().closing(), Some(Closing::Conflict));
    assert_eq!(bob.received(), ["presence <ada/desk", "presence unavailable <ada/desk"]);
    // The old connection finds out later; the new session stays.
    old.end();
    assert!(bob.received().is_empty());
    bob.send("<message to='ada@@/desk'><body>hi</body></message>");
    assert_eq!(new.received(), ["message <bob/desk body=hi"]);
}

#[test]
fn resources_are_bounded_and_named_by_the_server_where_the_client_cannot() {
    let bench = Bench::new();
    let bind = |resource| {
        let sink = Arc::new(Sink::new(10, 1000));
        bench.router.bind(&account("ada"), resource, Role::Viewer, sink)
    };
    let unnamed = bind(None).unwrap();
    let refused = bind(Some("\u{0}")).unwrap();
    assert_eq!([unnamed.resource().len(), refused.resource().len()], [32, 32]);
    assert_ne!(unnamed.resource(), refused.resource());
    bind(Some("desk")).unwrap();
    assert_eq!(
        bind(Some("fourth")).unwrap_err().condition,
        Condition::ResourceConstraint
    );
    bind(Some("desk")).unwrap();
    bench.router.unbind(&unnamed);
    bind(Some("fourth")).unwrap();
    assert_eq!(bench.router.sessions().len(), 3);
}

#[test]
fn a_removed_account_leaves_nothing_behind() {
    let bench = Bench::new();
    bench.befriend("ada", "bob");
    let eve = bench.online("eve/desk");
    eve.send("<iq type='set' id='1'><query xmlns='jabber:iq:roster'><item jid='ada@@'/></query></iq>");
    eve.received();
    let (ada, bob) = (bench.online("ada/desk"), bench.online("bob/desk"));
    ada.received();
    bench.router.account_removed(&account("ada"));
    assert_eq!(ada.session.sink().closing(), Some(Closing::NotAuthorized));
    assert_eq!(
        bob.received(),
        [
            "presence unavailable <ada/desk",
            "presence unsubscribe <ada",
            "iq set [ada:to]",
            "presence unsubscribed <ada",
            "iq set [ada:none]",
            "iq set [ada:remove]",
        ]
    );
    assert_eq!(
        eve.received(),
        ["iq set [ada:remove]"],
        "who merely listed it is told too"
    );
    assert!(bench.store.rosters().holders(&account("ada")).is_empty());
}
