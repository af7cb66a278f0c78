//! Resource binding and stanzas on the receiving side.

use super::*;
use crate::stream::Condition;
use bytes::Bytes;

fn jid() -> FullJid {
    FullJid::new("juliet@mon.example/desk").expect("a JID")
}

#[test]
fn after_authentication_binding_is_offered_with_what_the_server_adds() {
    let options = Options {
        features: vec![Bytes::from_static(b"<ver xmlns='urn:xmpp:features:rosterver'/>")],
        idle_time: Some(std::time::Duration::from_secs(300)),
        ..Options::new(BareJid::new("mon.example").expect("a domain"))
    };
    let mut bench = Bench::with(options, Transport::Encrypted(ChannelBindings::default()));
    bench.say(HEADER);
    bench.say(&plain("\0juliet\0secret"));
    assert_eq!(
        bench.answer(|stream| stream.password_checked(Verdict::Right)),
        "<success xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>"
    );
    let output = bench.say(HEADER);
    assert!(output.ends_with(
        "<stream:features><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'><required/></bind>\
         <session xmlns='urn:ietf:params:xml:ns:xmpp-session'><optional/></session>\
         <sm xmlns='urn:xmpp:sm:3'/><csi xmlns='urn:xmpp:csi:0'/>\
         <ver xmlns='urn:xmpp:features:rosterver'/>\
         <limits xmlns='urn:xmpp:stream-limits:0'><max-bytes>262144</max-bytes><idle-seconds>300</idle-seconds></limits>\
         </stream:features>"
    ));
}

#[test]
fn a_resource_is_asked_for_or_left_to_the_server() {
    for (resource, expected) in [
        ("<resource>desk</resource>", "Bind desk"),
        ("<resource/>", "Bind -"),
        ("", "Bind -"),
    ] {
        let mut bench = Bench::authenticated();
        bench.events.clear();
        bench.say(&format!(
            "<iq type='set' id='&lt;1'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'>{resource}</bind></iq>"
        ));
        assert_eq!(bench.events(), [expected]);
        assert_eq!(
            bench.answer(|stream| stream.bound(&jid())),
            "<iq type='result' id='&lt;1'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'>\
             <jid>juliet@mon.example/desk</jid></bind></iq>"
        );
    }
}

#[test]
fn a_refused_binding_may_be_tried_again() {
    let mut bench = Bench::authenticated();
    bench.say(BIND);
    let error = crate::stanza::Condition::ResourceConstraint.into();
    let output = bench.answer(|stream| stream.bind_refused(&error));
    assert!(
        output.starts_with("<iq type='error' id='b'><error type='wait'>"),
        "{output}"
    );
    bench.say(BIND);
    assert!(bench.answer(|stream| stream.bound(&jid())).contains("<jid>"));
}

#[test]
fn before_binding_an_iq_gets_an_error_and_other_stanzas_end_the_stream() {
    let mut bench = Bench::authenticated();
    for iq in [
        "<iq type='get' id='1'><query xmlns='jabber:iq:roster'/></iq>",
        "<iq type='get' id='1'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></iq>",
        "<iq type='set' id='1'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/><x xmlns='y'/></iq>",
    ] {
        let output = bench.say(iq);
        assert!(
            output.starts_with("<iq ") && output.contains("<not-authorized "),
            "{output}"
        );
        assert!(
            output.contains(" type='error'") && output.contains(" id='1'"),
            "{output}"
        );
    }
    assert!(bench.say(BIND).is_empty());
    for stanza in [
        "<message/>",
        "<presence/>",
        "<iq type='result' id='1'/>",
        "<iq id='1'/>",
        &plain("\0juliet\0secret"),
    ] {
        let mut bench = Bench::authenticated();
        assert!(ends_with(&bench.say(stanza), "not-authorized"), "{stanza}");
    }
}

#[test]
fn frames_flow_once_bound_and_wait_until_then() {
    let mut bench = Bench::authenticated();
    bench.events.clear();
    bench.say(&format!("{BIND}<presence/><message/>"));
    assert_eq!(bench.events(), ["Bind -"]);
    bench.answer(|stream| stream.bound(&jid()));
    assert_eq!(bench.events(), ["Frame presence", "Frame message"]);
    assert_eq!(bench.stream.pending(), 0);
    bench.say("<mess");
    assert_eq!(bench.stream.pending(), 5);
}

#[test]
fn x32_the_closing_tag_is_answered_and_nothing_after_it_counts() {
    let mut bench = Bench::bound();
    assert_eq!(bench.say("<presence/></stream:stream><message/>"), CLOSE);
    assert_eq!(bench.events(), ["Frame presence", "Closed"]);
    assert_eq!(bench.say("<message/>"), "");
    assert_eq!(
        bench.answer(|stream| stream.close(Condition::SystemShutdown.into())),
        ""
    );
    assert!(bench.events().is_empty());
}

#[test]
fn a_stream_error_of_the_peers_closes_the_stream() {
    let mut bench = Bench::bound();
    let error = "<stream:error><not-well-formed xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></stream:error>";
    assert_eq!(bench.say(error), CLOSE);
    assert_eq!(bench.events(), ["Closed"]);
}

#[test]
fn an_end_of_ours_is_an_error_and_the_closing_tag_once() {
    let mut bench = Bench::bound();
    let output = bench.answer(|stream| stream.close(Condition::Conflict.into()));
    assert_eq!(
        output,
        "<stream:error><conflict xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></stream:error></stream:stream>"
    );
    assert_eq!(bench.answer(|stream| stream.close(Condition::Reset.into())), "");
    assert_eq!(bench.events(), ["Closed conflict"]);
}

#[test]
fn x33_whitespace_keeps_a_stream_alive_and_is_nothing() {
    for mut bench in [
        Bench::new(Transport::Plain),
        Bench::encrypted(),
        Bench::authenticated(),
        Bench::bound(),
    ] {
        let started = matches!(bench.stream.state, State::Header(_));
        if started {
            bench.say(HEADER);
        }
        bench.events.clear();
        assert_eq!(bench.say(" \n\t\r\n  "), "");
        assert!(bench.events().is_empty());
        assert_eq!(bench.stream.pending(), 0);
        assert!(!bench.is_closed());
    }
}

#[test]
fn limits_rise_with_authentication() {
    let big = format!("<message><body>{}</body></message>", "x".repeat(20_000));
    assert!(ends_with(&Bench::encrypted().say(&big), "policy-violation"));
    let mut bench = Bench::bound();
    bench.say(&big);
    assert_eq!(bench.events(), ["Frame message"]);
}
