//! Headers and STARTTLS on the receiving side.

use super::*;

/// The id in a header of ours.
fn id(output: &str) -> &str {
    let (_, rest) = output.split_once(" id='").expect("an id");
    rest.split_once('\'').expect("a quoted id").0
}

#[test]
fn before_tls_starttls_is_the_only_feature_and_required() {
    let mut bench = Bench::new(Transport::Plain);
    let output = bench.say(HEADER);
    let id = id(&output);
    assert_eq!(
        output,
        format!(
            "<?xml version='1.0'?><stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' \
             id='{id}' from='mon.example' version='1.0' xml:lang='en'>\
             <stream:features><starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'><required/></starttls></stream:features>"
        )
    );
    assert_eq!(
        bench.say(STARTTLS),
        "<proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>"
    );
    assert_eq!(bench.events(), ["StartTls"]);
}

#[test]
fn the_header_answers_to_the_name_that_the_peer_gave_itself() {
    let mut bench = Bench::new(Transport::Plain);
    let header = HEADER.replace("to=", "from='juliet@MON.example' to=");
    assert!(bench.say(&header).contains(" to='juliet@mon.example' "));
    let mut bench = Bench::new(Transport::Plain);
    let header = HEADER.replace("to=", "from='&lt;a b>&apos;' to=");
    assert!(!bench.say(&header).contains(" to='"));
}

#[test]
fn x30_a_bad_header_gets_our_header_then_the_error() {
    let table = [
        (
            HEADER.replace("http://etherx.jabber.org/streams", "urn:x"),
            "invalid-namespace",
        ),
        (HEADER.replace("jabber:client", "jabber:server"), "invalid-namespace"),
        (HEADER.replace("xmlns='jabber:client'", ""), "invalid-namespace"),
        (HEADER.replace(" to='mon.example'", ""), "host-unknown"),
        (HEADER.replace("mon.example", "other.example"), "host-unknown"),
        (HEADER.replace("mon.example", "juliet@mon.example"), "host-unknown"),
        (HEADER.replace("mon.example", "mon.example/desk"), "host-unknown"),
        (HEADER.replace("mon.example", ""), "host-unknown"),
        (HEADER.replace(" version='1.0'>", ">"), "unsupported-version"),
        (
            HEADER.replace(" version='1.0'>", " version='0.9'>"),
            "unsupported-version",
        ),
        (
            HEADER.replace(" version='1.0'>", " version='x'>"),
            "unsupported-version",
        ),
        ("<message xmlns='jabber:client'/>".to_owned(), "invalid-namespace"),
        ("<!DOCTYPE a><a/>".to_owned(), "restricted-xml"),
        ("<stream:stream to='mon.example'>".to_owned(), "bad-namespace-prefix"),
        (format!("{HEADER}{HEADER}"), "restricted-xml"),
    ];
    for transport in [|| Transport::Plain, || Transport::Encrypted(ChannelBindings::default())] {
        for (header, condition) in &table {
            let mut bench = Bench::new(transport());
            let output = bench.say(header);
            assert!(
                output.starts_with("<?xml version='1.0'?><stream:stream "),
                "{header}: {output}"
            );
            assert_eq!(output.matches("<stream:stream").count(), 1, "{header}: {output}");
            assert!(
                output.contains("<stream:error><") && output.ends_with("</stream:error></stream:stream>"),
                "{output}"
            );
            assert!(bench.is_closed());
            // Which violation of XML the parser sees first is its own affair.
            if !condition.starts_with("restricted") {
                assert!(ends_with(&output, condition), "{header}: {output}");
            }
        }
    }
}

#[test]
fn x30_later_versions_and_equal_domains_are_welcome() {
    for header in [
        HEADER.replace(" version='1.0'>", " version='2.0'>"),
        HEADER.replace("mon.example", "MON.Example"),
        HEADER.replace("mon.example", "mon.example."),
    ] {
        let mut bench = Bench::new(Transport::Plain);
        assert!(bench.say(&header).ends_with("</stream:features>"), "{header}");
    }
}

#[test]
fn x31_other_protocols_end_the_stream() {
    let hello = "\u{16}\u{3}\u{1}\u{2}\u{0}\u{1}";
    for bytes in [
        "GET / HTTP/1.1\r\nHost: mon.example\r\n\r\n",
        hello,
        "\u{fffd}\u{fffd}",
        "]]>",
        "EHLO there\r\n<",
    ] {
        let mut bench = Bench::new(Transport::Plain);
        let output = bench.say(bytes);
        assert!(bench.is_closed(), "{bytes:?}");
        assert!(output.ends_with("</stream:error></stream:stream>"), "{output}");
    }
}

#[test]
fn t01_nothing_that_came_with_starttls_survives_it() {
    for injected in [
        HEADER,
        "<iq type='get' id='x'/>",
        "x",
        "<iq",
        &plain("\0juliet\0secret"),
    ] {
        let mut bench = Bench::new(Transport::Plain);
        bench.say(HEADER);
        let output = bench.say(&format!("{STARTTLS}{injected}"));
        assert!(ends_with(&output, "policy-violation"), "{injected}: {output}");
        assert!(!output.contains("proceed"));
        assert_eq!(bench.events(), ["Closed policy-violation"]);
    }
    // Whitespace is discarded, and plaintext that arrives once TLS has begun is not XML to anybody.
    let mut bench = Bench::new(Transport::Plain);
    bench.say(HEADER);
    assert!(bench.say(&format!("{STARTTLS} ")).contains("proceed"));
    assert_eq!(bench.say(&format!("{HEADER}{}", plain("\0juliet\0secret"))), "");
    assert_eq!(bench.events(), ["StartTls"]);
    let output = bench.answer(|stream| stream.encrypted(ChannelBindings::default()));
    assert_eq!(output, "");
    assert!(
        bench.say(HEADER).contains("<mechanisms"),
        "the new stream begins with a new header"
    );
}

#[test]
fn t02_every_stream_has_an_id_of_its_own_and_no_memory() {
    let mut bench = Bench::new(Transport::Plain);
    let plain_header = HEADER.replace("to=", "from='romeo@mon.example' xml:lang='de' to=");
    let mut ids = vec![id(&bench.say(&plain_header)).to_owned()];
    assert_eq!(bench.stream.lang(), Some("de"));
    bench.say(STARTTLS);
    bench.answer(|stream| stream.encrypted(ChannelBindings::default()));
    let output = bench.say(HEADER);
    assert!(!output.contains("romeo"));
    assert_eq!(bench.stream.lang(), None);
    ids.push(id(&output).to_owned());
    bench.say(&plain("\0juliet\0secret"));
    bench.answer(|stream| stream.password_checked(Verdict::Right));
    ids.push(id(&bench.say(&HEADER.replace("to=", "xml:lang='en-GB' to="))).to_owned());
    assert_eq!(bench.stream.lang(), Some("en-GB"));
    assert!(ids.iter().all(|id| id.len() == 24), "{ids:?}");
    assert!(ids[0] != ids[1] && ids[1] != ids[2] && ids[0] != ids[2]);
}

#[test]
fn x29_a_language_that_is_none_is_not_passed_on() {
    for lang in ["", "d'e", "de&amp;", &"x".repeat(65)] {
        let mut bench = Bench::new(Transport::Plain);
        bench.say(&HEADER.replace("to=", &format!("xml:lang=\"{lang}\" to=")));
        assert_eq!(bench.stream.lang(), None, "{lang}");
    }
}

#[test]
fn t03_the_host_cannot_change_between_restarts() {
    for host in ["pubsub.mon.example", "other.example"] {
        let mut bench = Bench::encrypted();
        bench.say(&plain("\0juliet\0secret"));
        bench.answer(|stream| stream.password_checked(Verdict::Right));
        assert!(ends_with(
            &bench.say(&HEADER.replace("mon.example", host)),
            "host-unknown"
        ));
    }
}

#[test]
fn t04_before_tls_nothing_else_is_negotiated() {
    for request in [
        plain("\0juliet\0secret"),
        auth("SCRAM-SHA-1", "n,,n=juliet,r=abc"),
        response("x"),
    ] {
        let mut bench = Bench::new(Transport::Plain);
        bench.say(HEADER);
        assert_eq!(bench.say(&request), failure(Failure::EncryptionRequired));
        assert!(bench.say(STARTTLS).contains("proceed"), "the stream is still open");
        assert_eq!(bench.events(), ["StartTls"], "nobody was asked about a password");
    }
    for request in [
        BIND,
        "<iq type='get' id='r'><query xmlns='jabber:iq:register'/></iq>",
        "<message to='romeo@mon.example'><body>hi</body></message>",
        "<presence/>",
        "<compress xmlns='http://jabber.org/protocol/compress'><method>zlib</method></compress>",
        "<iq type='set' id='p'><preauth xmlns='urn:xmpp:pars:0' token='x'/></iq>",
    ] {
        let mut bench = Bench::new(Transport::Plain);
        bench.say(HEADER);
        assert!(ends_with(&bench.say(request), "policy-violation"), "{request}");
        assert_eq!(bench.events(), ["Closed policy-violation"]);
    }
}

#[test]
fn t04_asking_again_and_again_ends_the_stream() {
    let mut bench = Bench::new(Transport::Plain);
    bench.say(HEADER);
    let output = bench.say(&plain("\0juliet\0secret").repeat(20));
    assert_eq!(output.matches("<encryption-required/>").count(), 10);
    assert!(ends_with(&output, "policy-violation"));
}

#[test]
fn t05_starttls_inside_tls_is_a_failure() {
    let output = Bench::encrypted().say(STARTTLS);
    assert!(
        output.starts_with("<failure xmlns='urn:ietf:params:xml:ns:xmpp-tls'/><stream:error>"),
        "{output}"
    );
    assert!(output.ends_with(CLOSE));
    let features = Bench::new(Transport::Encrypted(ChannelBindings::default())).say(HEADER);
    assert!(!features.contains("starttls"));
}

#[test]
fn an_error_in_the_middle_of_starttls_writes_nothing() {
    let mut bench = Bench::new(Transport::Plain);
    bench.say(HEADER);
    bench.say(STARTTLS);
    let output = bench.answer(|stream| stream.close(crate::stream::Condition::ConnectionTimeout.into()));
    assert_eq!(output, "");
    assert_eq!(bench.events(), ["StartTls", "Closed connection-timeout"]);
}
