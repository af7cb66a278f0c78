//! Any bytes as a stream: every split gives the same events, limits hold, and whatever is accepted another parser accepts
//! with the same tree.

use super::oracle::{Reading, read_frame, read_stream};
use crate::xml::{Element, Event, Frame, Header, Limits, StreamParser, XmlError};
use minidom::rxml::Namespace;

const HEADER: &[u8] =
    b"<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' version='1.0'>";

/// Limits that short inputs exceed.
const NARROW: Limits = Limits {
    stanza_bytes_max: 160,
    elements_max: 4,
    depth_max: 3,
    attributes_max: 3,
    namespaces_max: 3,
    name_bytes_max: 16,
    value_bytes_max: 48,
};

/// One event, comparable.
#[derive(Clone, Debug, PartialEq)]
enum Seen {
    Header(Box<Header>),
    Frame(bytes::Bytes),
    Close,
    Error(XmlError),
}

/// The target. An input that opens no stream of its own is what follows a usual header.
pub fn stream_parser(input: &[u8]) {
    match parse([input], Limits::AUTHENTICATED).first() {
        Some(Seen::Header(_)) => check(input),
        _ => {
            check(input);
            check(&[HEADER, input].concat());
        }
    }
}

fn check(stream: &[u8]) {
    let wide = check_splits(stream, Limits::AUTHENTICATED);
    check_narrower(&wide, &check_splits(stream, Limits::BEFORE_AUTHENTICATION));
    check_narrower(&wide, &check_splits(stream, NARROW));
    check_meaning(stream, &wide);
}

fn check_splits(stream: &[u8], limits: Limits) -> Vec<Seen> {
    let whole = parse([stream], limits);
    assert_eq!(whole, parse(stream.chunks(1), limits), "byte by byte");
    let mut random = crc32fast::hash(stream) | 1;
    for bits in [3, 6] {
        let chunks = split(stream, bits, &mut random);
        assert_eq!(whole, parse(chunks.iter().copied(), limits), "{chunks:?}");
    }
    whole
}

/// Chunks of up to `1 << bits` bytes, different for each input and always the same for one.
fn split<'a>(mut rest: &'a [u8], bits: u32, random: &mut u32) -> Vec<&'a [u8]> {
    let mut chunks = Vec::new();
    while !rest.is_empty() {
        // Xorshift.
        *random ^= *random << 13;
        *random ^= *random >> 17;
        *random ^= *random << 5;
        let len = ((*random >> (32 - bits)) as usize + 1).min(rest.len());
        chunks.push(&rest[..len]);
        rest = &rest[len..];
    }
    chunks
}

/// Everything that the parser says to these chunks, fed one after the other.
fn parse<'a>(chunks: impl IntoIterator<Item = &'a [u8]>, limits: Limits) -> Vec<Seen> {
    let mut parser = StreamParser::new(limits);
    let mut seen = Vec::new();
    for chunk in chunks {
        parser.feed(chunk);
        while let Some(event) = next(&mut parser) {
            assert!(!is_over(&seen), "{event:?} after {seen:?}");
            seen.push(event);
        }
        let most = limits.stanza_bytes_max.max(256);
        assert!(parser.pending() < most, "{} bytes are kept", parser.pending());
        assert!(!is_over(&seen) || parser.pending() == 0, "bytes are kept after the end");
    }
    assert!(next(&mut parser).is_none(), "an event from no bytes");
    seen
}

fn next(parser: &mut StreamParser) -> Option<Seen> {
    match parser.next() {
        Ok(None) => None,
        Ok(Some(Event::Header(header))) => Some(Seen::Header(Box::new(header))),
        Ok(Some(Event::Frame(frame))) => Some(Seen::Frame(frame.bytes().clone())),
        Ok(Some(Event::Close)) => Some(Seen::Close),
        Err(error) => Some(Seen::Error(error)),
    }
}

fn is_over(seen: &[Seen]) -> bool {
    matches!(seen.last(), Some(Seen::Close | Seen::Error(_)))
}

/// Narrower limits accept the same, only less of it, and then say which one it was.
fn check_narrower(wide: &[Seen], narrow: &[Seen]) {
    if narrow == wide {
        return;
    }
    let Some((Seen::Error(XmlError::Limit(_)), accepted)) = narrow.split_last() else {
        panic!("{narrow:?} under narrow limits, {wide:?} under wide ones");
    };
    assert!(wide.starts_with(accepted), "{narrow:?} under narrow limits, {wide:?}");
}

/// What was accepted means the same to another parser: where it stood in its stream, and alone.
fn check_meaning(stream: &[u8], seen: &[Seen]) {
    let reading = read_stream(&[&stream[..accepted_bytes(stream)], b" "].concat());
    let mut trees = reading.children.iter();
    for event in seen {
        match event {
            Seen::Header(header) => check_header(header, &reading),
            Seen::Close => assert!(reading.closed, "not closed, {:?}", reading.error),
            Seen::Error(_) => {}
            Seen::Frame(bytes) => {
                let tree = check_frame(bytes);
                let theirs = trees.next();
                assert_eq!(Some(&tree), theirs, "{bytes:?}, {:?}", reading.error);
            }
        }
    }
    assert!(trees.next().is_none(), "an element was overlooked");
}

/// Bytes up to the end of the last event that is no error.
fn accepted_bytes(stream: &[u8]) -> usize {
    let mut parser = StreamParser::new(Limits::AUTHENTICATED);
    let mut accepted = 0;
    for (at, byte) in stream.chunks(1).enumerate() {
        parser.feed(byte);
        match next(&mut parser) {
            Some(Seen::Error(_)) => break,
            Some(_) => accepted = at + 1,
            None => {}
        }
        // A header that closes itself is two events.
        let _ = next(&mut parser);
    }
    accepted
}

fn check_header(header: &Header, reading: &Reading) {
    let Some((ns, name, attrs)) = &reading.root else {
        panic!("{header:?} is refused: {:?}", reading.error);
    };
    assert_eq!((ns.as_str(), name.as_str()), (crate::xml::STREAM, "stream"));
    let attr = |ns: &Namespace<'static>, name: &str| attrs.get(ns, name).map(String::as_str);
    let none = |name| attr(&Namespace::NONE, name);
    assert_eq!(header.to.as_deref(), none("to"));
    assert_eq!(header.from.as_deref(), none("from"));
    assert_eq!(header.id.as_deref(), none("id"));
    assert_eq!(header.version.as_deref(), none("version"));
    assert_eq!(header.lang.as_deref(), attr(&Namespace::XML, "lang"));
}

fn check_frame(bytes: &bytes::Bytes) -> Element {
    let frame = Frame::parse(bytes.clone(), &Limits::NONE).expect("what was accepted");
    let tree = frame.to_element();
    assert_eq!(read_frame(bytes), Ok(tree.clone()), "{bytes:?} alone");
    assert_eq!(Frame::from_element(&tree).to_element(), tree, "{bytes:?} written anew");
    assert_eq!((frame.name(), frame.ns()), (tree.name(), tree.ns().as_str()));
    for ((ns, name), value) in tree.attrs().iter() {
        if ns.is_none() {
            assert_eq!(frame.attr(name).as_deref(), Some(value.as_str()), "{name}");
        }
    }
    assert_eq!(frame.children().count(), tree.children().count());
    for (index, (child, element)) in frame.children().zip(tree.children()).enumerate() {
        assert_eq!((child.name, child.ns), (element.name(), element.ns().as_str()));
        assert_eq!(frame.child_element(index).as_ref(), Some(element));
    }
    let (elements, depth) = size(&tree);
    let limits = Limits::AUTHENTICATED;
    assert!(elements <= limits.elements_max && depth <= limits.depth_max);
    tree
}

/// Elements and depth.
fn size(tree: &Element) -> (usize, usize) {
    let limits = Limits::AUTHENTICATED;
    assert!(tree.attrs().iter().count() <= limits.attributes_max && tree.name().len() <= limits.name_bytes_max);
    let inner = tree.children().map(size);
    inner.fold((1, 1), |(elements, depth), (more, deep)| {
        (elements + more, depth.max(deep + 1))
    })
}
