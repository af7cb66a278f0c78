//! The rows of the threat table on XML and the stream layer that concern quantities, by their ids.

use super::*;

#[test]
fn x20_attributes_are_counted() {
    let tag = |n: usize| (0..n).map(|i| format!(" a{i}=''")).collect::<String>();
    accepted(format!("<a{}/>", tag(64)));
    refused(format!("<a{}/>", tag(65)), XmlError::Limit("attributes_max"));
    refused(format!("<a{}/>", tag(10_000)), XmlError::Limit("attributes_max"));
}

#[test]
fn x21_namespace_bindings_in_scope_are_counted() {
    let declare = |from: usize, n: usize| (from..from + n).map(|i| format!(" xmlns:n{i}='u'")).collect::<String>();
    // One more comes from the stream header's prefix.
    accepted(format!(
        "<a{}><b{}/><b{}/></a>",
        declare(0, 16),
        declare(16, 15),
        declare(16, 15)
    ));
    refused(format!("<a{}/>", declare(0, 32)), XmlError::Limit("namespaces_max"));
    refused(
        format!("<a{}><b{}/></a>", declare(0, 16), declare(16, 16)),
        XmlError::Limit("namespaces_max"),
    );
}

#[test]
fn x22_depth_is_limited_and_even_a_stored_record_cannot_overflow_the_stack() {
    let nested = |n: usize| "<a>".repeat(n) + &"</a>".repeat(n);
    accepted(nested(64));
    refused(nested(65), XmlError::Limit("depth_max"));
    refused("<a>".repeat(80_000), XmlError::Limit("depth_max"));
    let deep = move || {
        let parse = |n| Frame::parse(Bytes::from(nested(n)), &Limits::NONE);
        assert_eq!(parse(100_000).unwrap_err(), XmlError::Limit("depth_max"));
        let tree = parse(Limits::DEPTH_CEILING).unwrap().to_element();
        assert_eq!(Frame::from_element(&tree).to_element(), tree);
    };
    let thread = std::thread::Builder::new().stack_size(512 * 1024).spawn(deep).unwrap();
    thread.join().unwrap();
}

#[test]
fn x23_an_endless_token_is_stopped_by_the_byte_limit() {
    let max = Limits::AUTHENTICATED.stanza_bytes_max;
    for (start, filler) in [
        ("<a>", "x"),
        ("<a>", "é"),
        ("<a>", "&amp;"),
        ("<a b='", "x"),
        ("<", "a"),
        ("<a", " "),
        ("<a></a", " "),
        ("<a><![CDATA[", "]"),
        ("</stream:stream", " "),
    ] {
        let endless = start.to_owned() + &filler.repeat(2 * max / filler.len());
        let stream = [HEADER, &endless].concat();
        let mut parser = StreamParser::new(Limits::AUTHENTICATED);
        let mut fed = 0;
        let error = stream.as_bytes().chunks(4096).find_map(|chunk| {
            parser.feed(chunk);
            fed += chunk.len();
            std::iter::from_fn(|| parser.next().transpose()).find_map(Result::err)
        });
        assert_eq!(error, Some(XmlError::Limit("stanza_bytes_max")), "{start}{filler}…");
        assert!(fed <= HEADER.len() + max + 4096, "{start}{filler}…: {fed}");
        assert_eq!(
            after_header(&endless),
            [Seen::Error(XmlError::Limit("stanza_bytes_max"))]
        );
    }
    assert_eq!(after_header("<a><!"), []);
    let exact = format!("<a>{}</a>", "x".repeat(max - 7));
    assert_eq!(accepted(&exact).bytes().len(), max);
    refused(exact.replace("</a>", "y</a>"), XmlError::Limit("stanza_bytes_max"));
}

#[test]
fn x24_elements_are_counted() {
    accepted(format!("<a>{}</a>", "<b/>".repeat(4095)));
    refused(
        format!("<a>{}</a>", "<b/>".repeat(4096)),
        XmlError::Limit("elements_max"),
    );
    let before = [HEADER, "<a>", &"<b/>".repeat(32)].concat();
    let seen = events([before.as_bytes()], Limits::BEFORE_AUTHENTICATION);
    assert_eq!(seen[1], Seen::Error(XmlError::Limit("elements_max")));
}

#[test]
fn x29_an_over_long_language_is_refused() {
    let stanza = |n: usize| format!("<a xml:lang='{}'/>", "x".repeat(n));
    accepted(stanza(Limits::AUTHENTICATED.value_bytes_max));
    refused(
        stanza(Limits::AUTHENTICATED.value_bytes_max + 1),
        XmlError::Limit("value_bytes_max"),
    );
}

#[test]
fn x33_white_space_between_stanzas_costs_no_memory() {
    let mut parser = StreamParser::new(Limits::BEFORE_AUTHENTICATION);
    parser.feed(HEADER.as_bytes());
    assert!(matches!(parser.next(), Ok(Some(Event::Header(_)))));
    for _ in 0..100 {
        parser.feed(&[b' '; 4096]);
        assert!(matches!(parser.next(), Ok(None)));
        assert_eq!(parser.pending(), 0);
    }
}
