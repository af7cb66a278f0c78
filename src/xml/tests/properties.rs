//! Properties over generated input.

use super::*;
use crate::xml::fuzz::read_frame;
use crate::xml::{CLIENT, Element};
use minidom::Node;
use minidom::rxml::{self, Namespace, NcName};
use proptest::prelude::*;

fn name() -> impl Strategy<Value = String> {
    prop_oneof![
        "[a-z_][a-z0-9._-]{0,6}",
        Just("é\u{300}".to_owned()),
        Just("xmlns".to_owned())
    ]
}

fn namespace() -> impl Strategy<Value = String> {
    let odd = [
        "urn:o'brien",
        "urn:\"q\"",
        "urn:é>",
        "http://www.w3.org/XML/1998/namespace",
    ]
    .map(str::to_owned);
    prop_oneof![
        Just(CLIENT.to_owned()),
        Just(String::new()),
        "urn:[a-c]",
        prop::sample::select(odd.to_vec())
    ]
}

/// Text of XML characters; those that XML lacks are the writer's own test.
fn chars() -> impl Strategy<Value = String> {
    "[ -~\t\n\r\u{85}\u{a0}-\u{ff}\u{2028}\u{d7ff}\u{e000}\u{feff}\u{fffd}\u{10000}\u{10ffff}]{0,12}"
}

fn tree() -> impl Strategy<Value = Element> {
    let head = || {
        let attrs = prop::collection::vec((namespace(), name(), chars()), 0..4);
        (name(), namespace(), attrs).prop_map(|(name, ns, attrs)| {
            let mut element = Element::bare(name, ns);
            for (ns, name, value) in attrs {
                // Not an attribute but a declaration.
                if !(ns.is_empty() && name == "xmlns") {
                    element.set_attr(Namespace::from(ns), NcName::try_from(name).unwrap(), value);
                }
            }
            element
        })
    };
    head().prop_recursive(4, 24, 4, move |inner| {
        let node = prop_oneof![inner.prop_map(Node::Element), chars().prop_map(Node::Text)];
        (head(), prop::collection::vec(node, 0..4)).prop_map(|(mut element, nodes)| {
            for node in nodes {
                match node {
                    Node::Element(child) => drop(element.append_child(child)),
                    // Neither empty nor adjacent texts exist in XML.
                    Node::Text(text) if text.is_empty() => {}
                    Node::Text(text) => element.append_text(text),
                }
            }
            element
        })
    })
}

/// Pieces that make streams nearly well-formed.
fn stream() -> impl Strategy<Value = Vec<u8>> {
    let pieces: &[&[u8]] = &[
        b"<message>",
        b"</message>",
        b"<iq/>",
        b"<a b='c' d=\"e\">",
        b"</a>",
        b"<p:a xmlns:p='urn:p'>",
        b"</p:a>",
        b" ",
        b"text",
        b"\xC3\xA9",
        b"\xC3",
        b"&amp;",
        b"&#x41;",
        b"&#1;",
        b"&",
        b"amp;",
        b"]]>",
        b"]",
        b"<![CDATA[",
        b"<!",
        b"<",
        b">",
        b"/>",
        b"'",
        b"xmlns=''",
        b"<stream:x/>",
        b"\r\n",
        b"\xEF\xBF\xBE",
        b"\xEF\xBB\xBF",
        b"\x00",
        b"</stream:stream>",
        b"<message><body>x</body></message>",
        b"xml:lang='de'",
        b"=",
        b"<?",
        b"<a",
        b" b='c'",
        b"</",
        b"message",
    ];
    let stanza = tree().prop_map(|tree| Frame::from_element(&tree).bytes().to_vec());
    let piece = prop_oneof![4 => prop::sample::select(pieces).prop_map(<[u8]>::to_vec), 1 => stanza];
    prop::collection::vec(piece, 0..24).prop_map(|pieces| [HEADER.as_bytes(), &pieces.concat()].concat())
}

/// The chunks between the cuts.
fn split<'a>(bytes: &'a [u8], cuts: &[prop::sample::Index]) -> Vec<&'a [u8]> {
    let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(bytes.len() + 1)).collect();
    cuts.extend([0, bytes.len()]);
    cuts.sort_unstable();
    cuts.windows(2).map(|pair| &bytes[pair[0]..pair[1]]).collect()
}

proptest! {
    // Failures are fixed, not kept.
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_tree_that_is_written_reads_back_equal(tree in tree()) {
        let frame = Frame::from_element(&tree);
        prop_assert_eq!(&Frame::parse(frame.bytes().clone(), &Limits::NONE).unwrap().to_element(), &tree);
        for (index, child) in tree.children().enumerate() {
            prop_assert_eq!(frame.child_element(index), Some(child.clone()));
        }
        prop_assert_eq!(frame.children().count(), tree.children().count());
    }

    #[test]
    fn any_tree_can_be_written(
        name: String,
        ns in prop_oneof![any::<String>(), Just(rxml::XMLNS_XMLNS.to_owned()), "['\"<& a]{0,3}"],
        attrs in prop::collection::vec((any::<String>(), "[_\u{370}-\u{1fff}\u{10000}]", any::<String>()), 0..4),
        text: String,
    ) {
        let mut tree = Element::builder(name, ns.clone()).append(text).append(Element::bare("a", ns)).build();
        let fallback = NcName::try_from("a").unwrap();
        for (ns, name, value) in attrs {
            tree.set_attr(Namespace::from(ns), NcName::try_from(name).unwrap_or(fallback.clone()), value);
        }
        prop_assert_eq!(Frame::from_element(&tree).children().count(), 1);
    }

    #[test]
    fn x27_any_split_of_the_same_bytes_gives_the_same_events(
        stream in stream(),
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..8),
        stanza_bytes_max in prop_oneof![Just(10_000_usize), 100..200_usize],
    ) {
        let limits = Limits { stanza_bytes_max, ..Limits::BEFORE_AUTHENTICATION };
        let whole = events([&stream[..]], limits);
        prop_assert_eq!(&whole, &events(stream.chunks(1), limits));
        prop_assert_eq!(&whole, &events(split(&stream, &cuts), limits));
    }

    #[test]
    fn x25_what_is_accepted_is_accepted_by_another_parser_with_the_same_tree(stream in stream()) {
        for seen in events([&stream[..]], Limits::AUTHENTICATED) {
            if let Seen::Frame(bytes) = seen {
                let tree = Frame::parse(bytes.clone(), &Limits::NONE).unwrap().to_element();
                prop_assert_eq!(read_frame(&bytes), Ok(tree), "{:?}", bytes);
            }
        }
    }

    #[test]
    fn x34_arbitrary_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..200), header: bool) {
        let start = if header { HEADER.as_bytes() } else { b"<" };
        let stream = [start, &bytes].concat();
        prop_assert_eq!(events([&stream[..]], Limits::AUTHENTICATED), events(stream.chunks(1), Limits::AUTHENTICATED));
    }
}
