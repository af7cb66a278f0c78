//! XEP-0388 and XEP-0386 on the receiving side.

use super::authentication::{keys, proof};
use super::*;
use crate::stream::Mechanism;

const CLIENT: &str = "d4565fa7-4d72-4749-b3d3-740edbf87770";
const BIND2: &str = "<bind xmlns='urn:xmpp:bind:0'><tag>AwesomeXMPP</tag></bind>";

pub(super) fn authenticate(mechanism: &str, message: &str, inline: &str) -> String {
    let message = STANDARD.encode(message);
    format!(
        "<authenticate xmlns='urn:xmpp:sasl:2' mechanism='{mechanism}'><initial-response>{message}</initial-response>\
         {inline}</authenticate>"
    )
}

pub(super) fn response(message: &str) -> String {
    let message = STANDARD.encode(message);
    format!("<response xmlns='urn:xmpp:sasl:2'>{message}</response>")
}

fn failed(failure: Failure) -> String {
    format!(
        "<failure xmlns='urn:xmpp:sasl:2'><{} xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/></failure>",
        failure.name()
    )
}

fn right(bench: &mut Bench) -> String {
    bench.answer(|stream| stream.password_checked(Verdict::Right))
}

/// Asks for what; returns the resource that the stream asks the caller for.
fn resource(inline: &str) -> String {
    let mut bench = Bench::encrypted();
    bench.say(&authenticate("PLAIN", "\0juliet\0secret", inline));
    assert_eq!(right(&mut bench), "", "success waits for the resource");
    bench.events().pop().expect("a question")
}

#[test]
fn without_bind_the_success_is_followed_by_features_on_the_same_stream() {
    let mut bench = Bench::encrypted();
    bench.say(&authenticate("PLAIN", "\0juliet\0secret", ""));
    let output = right(&mut bench);
    assert!(
        output.starts_with(
            "<success xmlns='urn:xmpp:sasl:2'>\
             <authorization-identifier>juliet@mon.example</authorization-identifier></success>\
             <stream:features><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'>"
        ),
        "{output}"
    );
    assert_eq!(
        bench.events(),
        ["CheckPassword juliet secret", "Authenticated juliet@mon.example PLAIN"]
    );
    bench.say(BIND);
    assert_eq!(bench.events(), ["Bind -"]);
}

#[test]
fn a_resource_is_bound_before_the_success_which_names_it() {
    let mut bench = Bench::encrypted();
    bench.say(&authenticate("PLAIN", "\0juliet\0secret", BIND2));
    right(&mut bench);
    let jid = FullJid::new("juliet@mon.example/AwesomeXMPP/1").expect("a JID");
    let output = bench.answer(|stream| stream.bound(&jid));
    assert!(
        output.starts_with(
            "<success xmlns='urn:xmpp:sasl:2'>\
             <authorization-identifier>juliet@mon.example/AwesomeXMPP/1</authorization-identifier>\
             <bound xmlns='urn:xmpp:bind:0'/></success><stream:features>"
        ),
        "{output}"
    );
    assert!(!output.contains("xmpp-bind"), "bound already: {output}");
    bench.events.clear();
    bench.say("<presence/>");
    assert_eq!(bench.events(), ["Frame presence"]);
}

#[test]
fn the_resource_begins_with_the_tag_and_cannot_be_guessed() {
    let asked = resource(BIND2);
    let token = asked.strip_prefix("Bind AwesomeXMPP/").expect("the tag");
    assert_eq!(token.len(), 24, "a16: 144 bits");
    assert_ne!(asked, resource(BIND2));
    assert_eq!(resource("<bind xmlns='urn:xmpp:bind:0'/>"), "Bind -");
    assert_eq!(resource("<bind xmlns='urn:xmpp:bind:0'><tag/></bind>"), "Bind -");
}

#[test]
fn a_client_is_known_by_its_uuid_and_by_nothing_else() {
    let with = |id: &str| resource(&format!("<user-agent id='{id}'/><bind xmlns='urn:xmpp:bind:0'/>"));
    assert_eq!(with(CLIENT), format!("Bind - {CLIENT}"));
    assert_eq!(with(&CLIENT.to_uppercase()), format!("Bind - {CLIENT}"));
    for id in [
        "",
        "x",
        "d4565fa7-4d72-4749-b3d3-740edbf8777",
        "g4565fa7-4d72-4749-b3d3-740edbf87770",
    ] {
        assert_eq!(with(id), "Bind -", "{id}");
    }
}

#[test]
fn scram_s_last_message_goes_with_the_success() {
    let mut bench = Bench::encrypted();
    bench.say(&authenticate("SCRAM-SHA-1", "n,,n=user,r=abc", ""));
    let challenge = bench.answer(|stream| stream.credentials(Some(keys())));
    let text = challenge
        .strip_prefix("<challenge xmlns='urn:xmpp:sasl:2'>")
        .expect("a challenge");
    let text = text.strip_suffix("</challenge>").expect("a challenge alone");
    let first = String::from_utf8(STANDARD.decode(text).expect("base64")).expect("UTF-8");
    let (nonce, _) = first.split_once(',').expect("attributes");
    let without_proof = format!("c=biws,{nonce}");
    let proof = proof(&keys(), format!("n=user,r=abc,{first},{without_proof}").as_bytes());
    let output = bench.say(&response(&format!("{without_proof},p={proof}")));
    assert!(
        output.starts_with("<success xmlns='urn:xmpp:sasl:2'><additional-data>dj"),
        "{output}"
    );
    assert!(output.contains("<authorization-identifier>user@mon.example</authorization-identifier>"));
}

#[test]
fn the_first_message_may_come_after_a_challenge_here_too() {
    let mut bench = Bench::encrypted();
    let request = format!("<authenticate xmlns='urn:xmpp:sasl:2' mechanism='PLAIN'>{BIND2}</authenticate>");
    assert_eq!(bench.say(&request), "<challenge xmlns='urn:xmpp:sasl:2'/>");
    bench.say(&response("\0juliet\0secret"));
    right(&mut bench);
    let events = bench.events();
    assert!(events[2].starts_with("Bind AwesomeXMPP/"), "{events:?}");
}

#[test]
fn failures_speak_the_profile_and_leave_the_stream_open_for_either() {
    let mut bench = Bench::encrypted();
    assert_eq!(
        bench.say(&authenticate("LOGIN", "x", BIND2)),
        failed(Failure::InvalidMechanism)
    );
    assert_eq!(
        bench.say("<authenticate xmlns='urn:xmpp:sasl:2' mechanism='PLAIN'><initial-response>=</initial-response></authenticate>"),
        failed(Failure::IncorrectEncoding)
    );
    assert_eq!(bench.say(&response("x")), failed(Failure::MalformedRequest));
    bench.say("<authenticate xmlns='urn:xmpp:sasl:2' mechanism='PLAIN'/>");
    assert_eq!(
        bench.say("<abort xmlns='urn:xmpp:sasl:2'><text>no</text></abort>"),
        failed(Failure::Aborted)
    );
    bench.say(&authenticate("PLAIN", "\0juliet\0wrong", BIND2));
    assert_eq!(
        bench.answer(|stream| stream.password_checked(Verdict::Wrong)),
        failed(Failure::NotAuthorized)
    );
    bench.events.clear();
    bench.say(&plain("\0juliet\0secret"));
    assert!(right(&mut bench).starts_with("<success xmlns='urn:ietf:params:xml:ns:xmpp-sasl'"));
    assert_eq!(
        bench.events(),
        ["CheckPassword juliet secret", "Authenticated juliet@mon.example PLAIN"],
        "what a failed request asked for is not done"
    );
}

#[test]
fn a12_guesses_count_together_whatever_the_profile() {
    let mut bench = Bench::encrypted();
    let mut guess = |request: String| {
        bench.say(&request);
        bench.answer(|stream| stream.password_checked(Verdict::Wrong))
    };
    guess(authenticate("PLAIN", "\0juliet\0wrong", ""));
    guess(plain("\0juliet\0wrong"));
    let output = guess(authenticate("PLAIN", "\0juliet\0wrong", ""));
    assert!(output.starts_with(&failed(Failure::NotAuthorized)), "{output}");
    assert!(ends_with(&output, "policy-violation"));

    let mut bench = Bench::encrypted();
    let either = [authenticate("X", "", ""), auth("X", "")].concat();
    assert!(ends_with(&bench.say(&either.repeat(6)), "policy-violation"));
}

#[test]
fn a08_nothing_but_the_exchange_comes_before_its_end() {
    for request in [
        BIND,
        "<presence/>",
        &authenticate("PLAIN", "", ""),
        &plain("\0juliet\0secret"),
    ] {
        let mut bench = Bench::encrypted();
        bench.say("<authenticate xmlns='urn:xmpp:sasl:2' mechanism='PLAIN'/>");
        assert!(ends_with(&bench.say(request), "not-authorized"), "{request}");
    }
    for ahead in [BIND, "<"] {
        let mut bench = Bench::encrypted();
        bench.say(&[&authenticate("PLAIN", "\0juliet\0secret", BIND2), ahead].concat());
        let output = right(&mut bench);
        assert!(
            ends_with(&output, "policy-violation") && !output.contains("<success"),
            "{output}"
        );
    }
}

#[test]
fn a08_nobody_authenticates_twice() {
    let again = authenticate("PLAIN", "\0romeo\0secret", "");
    for again in [&again, &plain("\0romeo\0secret")] {
        let mut bench = Bench::encrypted();
        bench.say(&authenticate("PLAIN", "\0juliet\0secret", ""));
        right(&mut bench);
        assert!(ends_with(&bench.say(again), "not-authorized"));
    }
}

#[test]
fn a_refused_resource_leaves_an_authenticated_stream_that_may_bind() {
    let mut bench = Bench::encrypted();
    bench.say(&authenticate("PLAIN", "\0juliet\0secret", BIND2));
    right(&mut bench);
    let error = crate::stanza::Condition::ResourceConstraint.into();
    let output = bench.answer(|stream| stream.bind_refused(&error));
    assert!(
        output.contains("<authorization-identifier>juliet@mon.example</authorization-identifier></success>"),
        "{output}"
    );
    bench.events.clear();
    bench.say(BIND);
    assert_eq!(bench.events(), ["Bind -"]);
}

#[test]
fn t04_nothing_of_it_works_before_tls() {
    let mut bench = Bench::new(Transport::Plain);
    assert!(!bench.say(HEADER).contains("urn:xmpp:sasl:2"));
    let output = bench.say(&authenticate("PLAIN", "\0juliet\0secret", BIND2));
    assert_eq!(output, failed(Failure::EncryptionRequired));
    assert!(bench.events().is_empty(), "a02: the password is not looked at");
}

#[test]
fn a01_an_identity_other_than_the_header_s_fails() {
    let header = |from: &str| HEADER.replace(" to=", &format!(" from='{from}' to="));
    let mut bench = Bench::new(Transport::Encrypted(ChannelBindings::default()));
    bench.say(&header("romeo@mon.example"));
    assert_eq!(
        bench.say(&authenticate("PLAIN", "juliet@mon.example\0juliet\0secret", "")),
        failed(Failure::InvalidAuthzid)
    );
    bench.say(&authenticate("PLAIN", "\0juliet\0secret", ""));
    assert_eq!(bench.events().pop().as_deref(), Some("CheckPassword juliet secret"));
    let mut bench = Bench::new(Transport::Encrypted(ChannelBindings::default()));
    assert!(ends_with(&bench.say(&header("juliet@other.example")), "invalid-from"));
}

#[test]
fn the_larger_limits_begin_with_the_success() {
    let large = format!("<message><body>{}</body></message>", "x".repeat(20_000));
    let mut bench = Bench::encrypted();
    bench.say(&authenticate("PLAIN", "\0juliet\0secret", BIND2));
    right(&mut bench);
    let jid = FullJid::new("juliet@mon.example/desk").expect("a JID");
    bench.answer(|stream| stream.bound(&jid));
    bench.events.clear();
    bench.say(&large);
    assert_eq!(bench.events(), ["Frame message"]);
    let mut bench = Bench::encrypted();
    assert!(ends_with(&bench.say(&large), "policy-violation"));
}

#[test]
fn it_offers_what_the_connection_can_do() {
    let options = Options {
        mechanisms: vec![Mechanism::Plain],
        ..Options::new(BareJid::new("mon.example").expect("a domain"))
    };
    let mut bench = Bench::with(options, Transport::Encrypted(ChannelBindings::default()));
    assert!(bench.say(HEADER).contains(
        "<authentication xmlns='urn:xmpp:sasl:2'><mechanism>PLAIN</mechanism>\
         <inline><bind xmlns='urn:xmpp:bind:0'>"
    ));
}

#[test]
fn stream_management_is_enabled_with_the_resource_and_counts_from_there() {
    let mut bench = Bench::encrypted();
    let bind = "<bind xmlns='urn:xmpp:bind:0'><enable xmlns='urn:xmpp:sm:3' resume='true'/>\
                <enable xmlns='urn:xmpp:carbons:2'/><inactive xmlns='urn:xmpp:csi:0'/></bind>";
    bench.say(&authenticate("PLAIN", "\0juliet\0secret", bind));
    right(&mut bench);
    let jid = FullJid::new("juliet@mon.example/desk").expect("a JID");
    assert_eq!(
        bench.answer(|stream| stream.bound(&jid)),
        "",
        "the success tells of both"
    );
    let resumption = crate::stream::Resumption {
        id: "some-id".to_owned(),
        max: std::time::Duration::from_secs(300),
    };
    let output = bench.answer(|stream| stream.enabled(Some(&resumption)));
    assert!(
        output.contains(
            "<bound xmlns='urn:xmpp:bind:0'><enabled xmlns='urn:xmpp:sm:3' id='some-id' resume='true' max='300'/></bound>\
             </success><stream:features><csi "
        ),
        "what is enabled is not offered: {output}"
    );
    assert_eq!(bench.stream.handled(), Some(0));
    bench.say("<presence/>");
    assert_eq!(bench.stream.handled(), Some(1));
    let mut events = bench.events();
    let asked = events
        .iter()
        .find(|event| event.starts_with("Bind"))
        .cloned()
        .unwrap_or_default();
    let events = events.split_off(2).join(", ");
    assert!(events.contains("Enable") && events.contains("ClientState"), "{events}");
    assert!(asked.ends_with(" carbons"), "{asked}");
}

#[test]
fn stream_management_that_is_refused_or_ill_asked_for_leaves_the_resource() {
    let jid = FullJid::new("juliet@mon.example/desk").expect("a JID");
    for (attributes, refuse) in [("", true), (" max='x'", false)] {
        let mut bench = Bench::encrypted();
        let bind = format!("<bind xmlns='urn:xmpp:bind:0'><enable xmlns='urn:xmpp:sm:3'{attributes}/></bind>");
        bench.say(&authenticate("PLAIN", "\0juliet\0secret", &bind));
        right(&mut bench);
        let mut output = bench.answer(|stream| stream.bound(&jid));
        if refuse {
            output = bench.answer(|stream| stream.enable_refused(crate::stanza::Condition::ResourceConstraint));
        }
        assert!(
            output.contains("<bound xmlns='urn:xmpp:bind:0'><failed xmlns='urn:xmpp:sm:3'>"),
            "{output}"
        );
        assert_eq!(bench.stream.handled(), None);
        bench.events.clear();
        bench.say("<presence/>");
        assert_eq!(bench.events(), ["Frame presence"]);
    }
}

#[test]
fn a_lost_stream_is_resumed_before_the_success_and_binds_nothing() {
    let mut bench = Bench::encrypted();
    let resume = "<resume xmlns='urn:xmpp:sm:3' previd='some-id' h='7'/>";
    bench.say(&authenticate("PLAIN", "\0juliet\0secret", &[resume, BIND2].concat()));
    assert_eq!(right(&mut bench), "");
    let output = bench.answer(|stream| stream.resumed(&FullJid::new("juliet@mon.example/desk").expect("a JID"), 5));
    assert!(
        output.contains(
            "<authorization-identifier>juliet@mon.example/desk</authorization-identifier>\
             <resumed xmlns='urn:xmpp:sm:3' previd='some-id' h='5'/></success><stream:features>"
        ),
        "{output}"
    );
    assert_eq!(bench.stream.handled(), Some(5));
    bench.say("<presence/>");
    let events = bench.events();
    assert!(!events.iter().any(|event| event.starts_with("Bind")), "{events:?}");
    assert_eq!(events.last().map(String::as_str), Some("Frame presence"));
}

#[test]
fn what_cannot_be_resumed_is_bound_and_the_success_says_both() {
    let jid = FullJid::new("juliet@mon.example/desk").expect("a JID");
    for (resume, asked) in [(" previd='some-id' h='7'", true), (" previd='some-id'", false)] {
        let mut bench = Bench::encrypted();
        let inline = format!("<resume xmlns='urn:xmpp:sm:3'{resume}/>{BIND2}");
        bench.say(&authenticate("PLAIN", "\0juliet\0secret", &inline));
        right(&mut bench);
        if asked {
            let condition = crate::stanza::Condition::ItemNotFound;
            assert_eq!(bench.answer(|stream| stream.resume_refused(condition, Some(3))), "");
        }
        let output = bench.answer(|stream| stream.bound(&jid));
        assert!(
            output.contains("<failed xmlns='urn:xmpp:sm:3'") && output.contains("<bound "),
            "{output}"
        );
        assert_eq!(output.contains("h='3'"), asked);
    }
}
