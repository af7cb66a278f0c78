//! What the room as a whole promises.

mod limits;
mod namespaces;
mod properties;
mod rows;

use super::{Event, Frame, Limits, STREAM, StreamParser, XmlError};
use bytes::Bytes;

const HEADER: &str =
    "<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' version='1.0'>";

/// One event, comparable: the frame as bytes.
#[derive(Clone, Debug, PartialEq)]
enum Seen {
    Header(super::Header),
    Frame(Bytes),
    Close,
    Error(XmlError),
}

/// Everything that the parser says to these chunks, fed one after the other.
fn events<'a>(chunks: impl IntoIterator<Item = &'a [u8]>, limits: Limits) -> Vec<Seen> {
    let mut parser = StreamParser::new(limits);
    let mut seen = Vec::new();
    for chunk in chunks {
        parser.feed(chunk);
        loop {
            match parser.next() {
                Ok(Some(Event::Header(header))) => seen.push(Seen::Header(header)),
                Ok(Some(Event::Frame(frame))) => seen.push(Seen::Frame(frame.bytes().clone())),
                Ok(Some(Event::Close)) => seen.push(Seen::Close),
                Ok(None) => break,
                Err(error) => {
                    seen.push(Seen::Error(error));
                    break;
                }
            }
        }
    }
    seen
}

/// What the parser says after a usual header, fed at once and byte by byte, which must be the same.
fn after_header(xml: impl AsRef<[u8]>) -> Vec<Seen> {
    let stream = [HEADER.as_bytes(), xml.as_ref()].concat();
    let mut seen = events([&stream[..]], Limits::AUTHENTICATED);
    assert_eq!(seen, events(stream.chunks(1), Limits::AUTHENTICATED));
    assert!(matches!(seen.remove(0), Seen::Header(_)));
    seen
}

/// Asserts that both ways of feeding end in that error.
fn refused(xml: impl AsRef<[u8]>, error: XmlError) {
    let xml = xml.as_ref();
    assert_eq!(
        after_header(xml),
        [Seen::Error(error)],
        "{:?}",
        String::from_utf8_lossy(xml)
    );
}

/// The only frame in these bytes.
fn accepted(xml: impl AsRef<[u8]>) -> Frame {
    let xml = xml.as_ref();
    match after_header(xml).as_slice() {
        [Seen::Frame(bytes)] => Frame::parse(bytes.clone(), &Limits::AUTHENTICATED).unwrap(),
        other => panic!("{:?}: {other:?}", String::from_utf8_lossy(xml)),
    }
}

/// What the parser says to a stream that begins with these bytes.
fn opening(xml: impl AsRef<[u8]>) -> Vec<Seen> {
    let seen = events([xml.as_ref()], Limits::AUTHENTICATED);
    assert_eq!(seen, events(xml.as_ref().chunks(1), Limits::AUTHENTICATED));
    seen
}

#[test]
fn a_stream_is_a_header_frames_and_a_close() {
    let stream = [
        "<?xml version='1.0'?> <s:stream xmlns='jabber:client' xmlns:s='http://etherx.jabber.org/streams' to='a&amp;b' \
         from=\"c\" id='d' version='1.0' xml:lang='de'>",
        " <iq/>\n<presence></presence > ",
        "</s:stream\n>ignored<",
    ];
    let header = super::Header {
        to: Some("a&b".into()),
        from: Some("c".into()),
        id: Some("d".into()),
        version: Some("1.0".into()),
        lang: Some("de".into()),
        content_ns: Some("jabber:client".into()),
    };
    let expected = [
        Seen::Header(header),
        Seen::Frame("<iq/>".into()),
        Seen::Frame("<presence></presence >".into()),
        Seen::Close,
    ];
    assert_eq!(opening(stream.concat()), expected);
}

#[test]
fn a_header_that_closes_itself_is_a_stream_without_frames() {
    let seen = opening(format!("<stream xmlns='{STREAM}'/>"));
    assert!(matches!(seen.as_slice(), [Seen::Header(_), Seen::Close]), "{seen:?}");
}

#[test]
fn an_idle_stream_owns_no_buffer() {
    let mut parser = StreamParser::new(Limits::AUTHENTICATED);
    for chunk in [HEADER, " <iq", "/>", "\n \n"] {
        parser.feed(chunk.as_bytes());
        while parser.next().unwrap().is_some() {}
        assert_eq!(parser.pending(), if chunk == " <iq" { 3 } else { 0 });
    }
}

#[test]
fn large_frames_of_one_read_share_its_buffer() {
    let stanza = format!("<message><body>{}</body></message>", "x".repeat(2000));
    let mut parser = StreamParser::new(Limits::AUTHENTICATED);
    parser.feed([HEADER, &stanza, &stanza].concat().as_bytes());
    let mut frames = Vec::new();
    while let Some(event) = parser.next().unwrap() {
        if let Event::Frame(frame) = event {
            frames.push(frame);
        }
    }
    let distance = frames[1].bytes().as_ptr() as usize - frames[0].bytes().as_ptr() as usize;
    assert_eq!((frames.len(), distance), (2, stanza.len()));
}

#[test]
fn limits_change_with_the_next_element() {
    let mut parser = StreamParser::new(Limits::BEFORE_AUTHENTICATION);
    let stanza = format!("<message>{}</message>", "<a/>".repeat(100));
    parser.feed(HEADER.as_bytes());
    assert!(matches!(parser.next(), Ok(Some(Event::Header(_)))));
    parser.set_limits(Limits::AUTHENTICATED);
    parser.feed(stanza.as_bytes());
    assert!(matches!(parser.next(), Ok(Some(Event::Frame(_)))));
    parser.set_limits(Limits::BEFORE_AUTHENTICATION);
    parser.feed(stanza.as_bytes());
    assert_eq!(parser.next().unwrap_err(), XmlError::Limit("elements_max"));
    assert!(matches!(parser.next(), Ok(None)));
}

#[test]
fn a_stored_record_is_one_element_and_nothing_else() {
    let parse = |xml: &'static str| Frame::parse(Bytes::from(xml), &Limits::NONE).map(|frame| frame.name().to_owned());
    assert_eq!(parse("<a><b/></a>").as_deref(), Ok("a"));
    for bad in [
        "",
        " <a/>",
        "<a/> ",
        "<a/><b/>",
        "<a>",
        "</a>",
        "a",
        "<a",
        "<![CDATA[]]>",
    ] {
        assert_eq!(parse(bad), Err(XmlError::NotWellFormed), "{bad}");
    }
}
