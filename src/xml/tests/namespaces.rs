//! X28: prefixes and default namespaces of a stream header, and of senders.

use super::*;
use crate::xml::{CLIENT, Element};

/// The frames of a stream with that header, each standing alone.
fn frames(header: &str, stanzas: &str) -> Vec<Frame> {
    let stream = format!("<stream:stream xmlns:stream='{STREAM}' {header}>{stanzas}");
    let seen = events([stream.as_bytes()], Limits::AUTHENTICATED);
    assert_eq!(seen, events(stream.as_bytes().chunks(1), Limits::AUTHENTICATED));
    let frame = |seen: &Seen| match seen {
        Seen::Frame(bytes) => Some(Frame::parse(bytes.clone(), &Limits::AUTHENTICATED).unwrap()),
        Seen::Header(_) => None,
        other => panic!("{other:?}"),
    };
    seen.iter().filter_map(frame).collect()
}

fn only(header: &str, stanza: &str) -> Frame {
    let mut frames = frames(header, stanza);
    assert_eq!(frames.len(), 1);
    frames.remove(0)
}

/// What a namespace-aware parser that others wrote reads where the frame is delivered.
fn foreign(frame: &Frame) -> Element {
    let within = [b"<r xmlns='jabber:client'>", &frame.bytes()[..], b"</r>"].concat();
    let root = Element::from_reader(&within[..]).unwrap();
    root.children().next().unwrap().clone()
}

#[test]
fn x28_a_frame_that_stands_alone_is_passed_on_as_it_came() {
    for stanza in [
        "<message xmlns='jabber:client'><body>x</body></message>",
        "<q:message xmlns:q='jabber:client'><q:body>x</q:body></q:message>",
        "<message xmlns:stream='urn:x'><stream:a stream:b='c'/></message>",
        "<message><p:a xmlns:p='urn:1'><p:b xmlns:p='urn:2'><p:c/></p:b><p:d/></p:a></message>",
    ] {
        let frame = only("xmlns='jabber:client'", stanza);
        assert_eq!((frame.bytes(), frame.ns()), (&Bytes::from(stanza), CLIENT));
        assert_eq!(frame.to_element(), foreign(&frame));
    }
}

#[test]
fn x28_declarations_of_the_stream_header_are_taken_along() {
    let header = "xmlns='jabber:client' xmlns:p='urn:p' xmlns:q=\"urn:o'q\"";
    for (stanza, expected) in [
        ("<message><p:a/></message>", "<message xmlns:p='urn:p'><p:a/></message>"),
        ("<message p:x=''/>", "<message xmlns:p='urn:p' p:x=''/>"),
        (
            "<m q:y='1' ><a><b p:x='' q:x=''/></a></m>",
            "<m xmlns:q=\"urn:o'q\" xmlns:p='urn:p' q:y='1' ><a><b p:x='' q:x=''/></a></m>",
        ),
        (
            "<m><a xmlns:p='urn:z'><p:b/></a><p:c/></m>",
            "<m xmlns:p='urn:p'><a xmlns:p='urn:z'><p:b/></a><p:c/></m>",
        ),
    ] {
        let frame = only(header, stanza);
        assert_eq!(frame.bytes(), expected.as_bytes());
        assert_eq!(frame.to_element(), foreign(&frame));
    }
    assert_eq!(only("", "<stream:features/>").ns(), STREAM);
}

#[test]
fn x28_another_content_namespace_is_declared_where_it_is_used() {
    for (header, stanza, ns, expected) in [
        ("", "<message/>", "", "<message xmlns=''/>"),
        (
            "xmlns='urn:x'",
            "<message><body/></message>",
            "urn:x",
            "<message xmlns='urn:x'><body/></message>",
        ),
        (
            "xmlns='urn:x' xmlns:c='jabber:client'",
            "<c:message><c:body/><y/></c:message>",
            CLIENT,
            "<c:message xmlns='urn:x' xmlns:c='jabber:client'><c:body/><y/></c:message>",
        ),
        (
            "xmlns='urn:x'",
            "<message xmlns='jabber:client'/>",
            CLIENT,
            "<message xmlns='jabber:client'/>",
        ),
    ] {
        let frame = only(header, stanza);
        assert_eq!((frame.bytes(), frame.ns()), (&Bytes::from(expected), ns));
        assert_eq!(frame.to_element(), foreign(&frame));
    }
    let frames = frames("xmlns='urn:x' xmlns:p='urn:p'", "<p:a/><b/><c xmlns='d'/>");
    let names: Vec<_> = frames.iter().map(|frame| (frame.name(), frame.ns())).collect();
    assert_eq!(names, [("a", "urn:p"), ("b", "urn:x"), ("c", "d")]);
}
