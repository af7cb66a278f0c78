//! Stream management (XEP-0198) and client state (XEP-0352) on the receiving side.

use super::*;
use crate::stanza;
use crate::stream::Resumption;
use std::time::Duration;

const REQUEST: &str = "<r xmlns='urn:xmpp:sm:3'/>";

fn failed(condition: &str) -> String {
    format!("<failed xmlns='urn:xmpp:sm:3'><{condition} xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></failed>")
}

/// A bound stream that counts.
fn managed() -> Bench {
    let mut bench = Bench::bound();
    bench.say(ENABLE);
    bench.answer(|stream| stream.enabled(None));
    bench.events.clear();
    bench
}

/// A stream that was resumed with this count.
fn resumed(handled: u32) -> Bench {
    let mut bench = Bench::authenticated();
    bench.say(RESUME);
    bench.answer(|stream| stream.resumed(&FullJid::new("juliet@mon.example/desk").expect("a JID"), handled));
    bench.events.clear();
    bench
}

#[test]
fn management_is_asked_for_granted_and_said_to_be_resumable_or_not() {
    let mut bench = Bench::bound();
    assert_eq!(
        bench.say("<enable xmlns='urn:xmpp:sm:3' resume='1' max='60'/><presence/>"),
        ""
    );
    assert_eq!(bench.events(), ["Enable true Some(60s)"]);
    let resumption = Resumption {
        id: "'<".to_owned(),
        max: Duration::from_secs(60),
    };
    assert_eq!(
        bench.answer(|stream| stream.enabled(Some(&resumption))),
        "<enabled xmlns='urn:xmpp:sm:3' id='&apos;&lt;' resume='true' max='60'/>"
    );
    assert_eq!(bench.events(), ["Frame presence"]);
    assert_eq!(bench.stream.handled(), Some(1));
    let mut bench = Bench::bound();
    bench.say("<enable xmlns='urn:xmpp:sm:3'/>");
    assert_eq!(
        bench.answer(|stream| stream.enabled(None)),
        "<enabled xmlns='urn:xmpp:sm:3'/>"
    );
}

#[test]
fn stanzas_count_from_there_on_and_nothing_else_does() {
    let mut bench = Bench::bound();
    bench.say("<presence/>");
    assert_eq!(bench.stream.handled(), None);
    bench.say(ENABLE);
    bench.answer(|stream| stream.enabled(None));
    bench.say(&format!("<presence/> {REQUEST}<message/>{REQUEST}"));
    assert_eq!(bench.stream.handled(), Some(2));
    bench.say("<inactive xmlns='urn:xmpp:csi:0'/><iq type='get' id='1'/>");
    assert_eq!(bench.stream.handled(), Some(3));
    assert_eq!(
        bench.answer(|stream| stream.acknowledge(3)),
        "<a xmlns='urn:xmpp:sm:3' h='3'/>"
    );
    assert_eq!(bench.answer(Receiving::request_acknowledgement), REQUEST);
    bench.events.clear();
    bench.say("<a xmlns='urn:xmpp:sm:3' h='4294967295'/>");
    assert_eq!(bench.events(), ["Acknowledged 4294967295"]);
}

#[test]
fn the_count_goes_on_from_zero_after_its_largest_value() {
    let mut bench = resumed(u32::MAX - 1);
    bench.say("<presence/>");
    assert_eq!(bench.stream.handled(), Some(u32::MAX));
    bench.say("<presence/>");
    assert_eq!(bench.stream.handled(), Some(0));
}

#[test]
fn a_second_request_to_enable_ends_the_stream() {
    let mut bench = managed();
    let output = bench.say(ENABLE);
    assert!(output.starts_with(&failed("unexpected-request")), "{output}");
    assert!(output.contains("<policy-violation "), "{output}");
    assert!(bench.is_closed());
    assert_eq!(bench.stream.handled(), None);
}

#[test]
fn a_refused_request_may_be_made_again() {
    let mut bench = Bench::bound();
    assert_eq!(
        bench.say("<enable xmlns='urn:xmpp:sm:3' resume='perhaps'/>"),
        failed("bad-request")
    );
    bench.say(ENABLE);
    let refused = bench.answer(|stream| stream.enable_refused(stanza::Condition::InternalServerError));
    assert_eq!(refused, failed("internal-server-error"));
    assert_eq!(bench.stream.handled(), None);
    bench.say(ENABLE);
    bench.answer(|stream| stream.enabled(None));
    assert_eq!(bench.stream.handled(), Some(0));
}

#[test]
fn the_order_is_enforced_login_then_a_resource_then_management() {
    let mut bench = Bench::encrypted();
    for _ in 0..9 {
        assert_eq!(bench.say(ENABLE), failed("unexpected-request"));
    }
    bench.say(RESUME);
    assert!(bench.is_closed(), "there is an end to asking");
    let mut bench = Bench::authenticated();
    assert_eq!(bench.say(ENABLE), failed("unexpected-request"));
    bench.say(BIND);
    bench.answer(|stream| stream.bound(&FullJid::new("juliet@mon.example/desk").expect("a JID")));
    assert_eq!(bench.say(RESUME), failed("unexpected-request"));
    for element in [REQUEST, "<a xmlns='urn:xmpp:sm:3' h='0'/>"] {
        let output = Bench::bound().say(element);
        assert!(output.contains("<policy-violation "), "{output}");
        assert!(ends_with(&Bench::authenticated().say(element), "not-authorized"));
    }
}

#[test]
fn acknowledgements_and_elements_that_are_none_end_the_stream() {
    for (element, condition) in [
        ("<a xmlns='urn:xmpp:sm:3'/>", "bad-format"),
        ("<a xmlns='urn:xmpp:sm:3' h='-1'/>", "bad-format"),
        ("<a xmlns='urn:xmpp:sm:3' h='4294967296'/>", "bad-format"),
        ("<enabled xmlns='urn:xmpp:sm:3'/>", "unsupported-stanza-type"),
        ("<asleep xmlns='urn:xmpp:csi:0'/>", "unsupported-stanza-type"),
    ] {
        assert!(ends_with(&managed().say(element), condition), "{element}");
    }
}

#[test]
fn a_lost_stream_goes_on_where_it_was() {
    let mut bench = Bench::authenticated();
    bench.events.clear();
    assert_eq!(bench.say(&format!("{RESUME}<message/>{REQUEST}")), "");
    assert_eq!(bench.events(), ["Resume old 7"]);
    assert_eq!(
        bench.answer(|stream| stream.resumed(&FullJid::new("juliet@mon.example/desk").expect("a JID"), 41)),
        "<resumed xmlns='urn:xmpp:sm:3' previd='old' h='41'/>"
    );
    assert_eq!(bench.events(), ["Frame message", "AckRequested"]);
    assert_eq!(bench.stream.handled(), Some(42));
}

#[test]
fn what_cannot_be_resumed_leaves_the_client_free_to_bind() {
    let mut bench = Bench::authenticated();
    assert_eq!(bench.say("<resume xmlns='urn:xmpp:sm:3'/>"), failed("bad-request"));
    bench.say(RESUME);
    assert_eq!(
        bench.answer(|stream| stream.resume_refused(stanza::Condition::ItemNotFound, Some(12))),
        "<failed xmlns='urn:xmpp:sm:3' h='12'><item-not-found xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></failed>"
    );
    bench.say(BIND);
    let bound = bench.answer(|stream| stream.bound(&FullJid::new("juliet@mon.example/desk").expect("a JID")));
    assert!(bound.contains("<jid>"), "{bound}");
}

#[test]
fn more_acknowledged_than_sent_is_an_error_that_says_so() {
    let mut bench = managed();
    let error = crate::stream::StreamError::handled_count_too_high(10, 8);
    let output = bench.answer(|stream| stream.close(error));
    assert!(output.starts_with("<stream:error><undefined-condition "), "{output}");
    assert!(
        output.ends_with(
            "<handled-count-too-high xmlns='urn:xmpp:sm:3' h='10' send-count='8'/></stream:error></stream:stream>"
        ),
        "{output}"
    );
}

#[test]
fn client_state_is_told_on_any_bound_stream() {
    let mut bench = Bench::bound();
    bench.say("<inactive xmlns='urn:xmpp:csi:0'/><active xmlns='urn:xmpp:csi:0'/>");
    assert_eq!(bench.events(), ["ClientState false", "ClientState true"]);
    assert!(ends_with(
        &Bench::authenticated().say("<inactive xmlns='urn:xmpp:csi:0'/>"),
        "not-authorized"
    ));
}
