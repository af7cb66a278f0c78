//! One top-level child of a stream: its exact bytes and its parsed head.

use super::head::{Head, HeadSink};
use super::scan::Scanner;
use super::scope::STANDALONE;
use super::tag::Attr;
use super::text::{self, Kind};
use super::{CLIENT, Element, Limits, Rope, Writer, XmlError, to_bytes, tree};
use bytes::Bytes;
use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

/// One top-level child of a stream: its exact bytes, shared, and its parsed head. Self-contained but for the default
/// namespace `jabber:client`: where a stanza used a prefix or another default namespace of its stream header, the
/// parser has added the declarations to its opening tag. Cloning is cheap (reference counts).
#[derive(Clone)]
pub struct Frame {
    bytes: Bytes,
    head: Arc<Head>,
}

/// The head of one direct child of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Child<'a> {
    /// Local name.
    pub name: &'a str,
    /// Namespace.
    pub ns: &'a str,
    /// The child's exact bytes within the frame; they may use prefixes that the frame declares.
    pub bytes: &'a [u8],
}

/// How a frame is delivered: what its new opening tag says. Attributes not named here stay as the sender wrote them.
#[derive(Clone, Copy, Debug, Default)]
pub struct Address<'a> {
    /// Replaces `from` when given.
    pub from: Option<&'a str>,
    /// Replaces `to` when given; the sender's own stays otherwise.
    pub to: Option<&'a str>,
    /// Written as `xml:lang` when the frame has none.
    pub lang: Option<&'a str>,
    /// Write `xmlns='jabber:client'`: the frame leaves its stream (carbon, archive, offline store, WebSocket).
    pub standalone: bool,
}

impl Frame {
    /// Reads one self-contained element (a stored record, a WebSocket message). Its default namespace is
    /// `jabber:client` unless it declares another. Whatever the limits, it nests at most [`Limits::DEPTH_CEILING`] deep.
    ///
    /// # Errors
    /// Every violation that the stream parser knows; trailing bytes are `NotWellFormed`.
    pub fn parse(bytes: Bytes, limits: &Limits) -> Result<Frame, XmlError> {
        Frame::scan(bytes, &limits.with_depth_ceiling())
    }

    fn scan(bytes: Bytes, limits: &Limits) -> Result<Frame, XmlError> {
        let mut sink = HeadSink::new();
        match Scanner::new(limits).advance(&bytes, &STANDALONE, &mut sink)? {
            Some(end) if end == bytes.len() => Ok(Frame::new(bytes, sink.take())),
            _ => Err(XmlError::NotWellFormed),
        }
    }

    pub(super) fn new(bytes: Bytes, head: Head) -> Frame {
        Frame {
            bytes,
            head: Arc::new(head),
        }
    }

    /// The frame with declarations added to its opening tag.
    ///
    /// # Errors
    /// When they make it ill-formed, which those of the stream header do not.
    pub(super) fn with_declarations(&self, declarations: &[u8]) -> Result<Frame, XmlError> {
        let (name, rest) = self.bytes.split_at(self.head.name.end());
        Frame::scan(Bytes::from([name, declarations, rest].concat()), &Limits::NONE)
    }

    /// Serialises a tree.
    pub fn from_element(element: &Element) -> Frame {
        match Frame::scan(to_bytes(element, CLIENT), &Limits::NONE) {
            Ok(frame) => frame,
            Err(error) => unreachable!("the writer wrote what the parser refuses: {error}"),
        }
    }

    /// The tree, built from the same tokens. Line ends and references are resolved, CDATA sections are text.
    pub fn to_element(&self) -> Element {
        scanned_before(tree::read(&self.bytes, &STANDALONE))
    }

    /// The exact bytes.
    pub fn bytes(&self) -> &Bytes {
        &self.bytes
    }

    /// Local name of the element.
    pub fn name(&self) -> &str {
        std::str::from_utf8(self.head.name.local(&self.bytes)).unwrap_or_default()
    }

    /// Namespace of the element.
    pub fn ns(&self) -> &str {
        self.head.ns.text(&self.bytes, &STANDALONE)
    }

    /// The value of an attribute without prefix, or of `xml:lang`; references resolved, white space normalised
    /// (XML 1.0 section 3.3.3).
    pub fn attr(&self, name: &str) -> Option<Cow<'_, str>> {
        let attr = self.raw_attr(name)?;
        Some(text::expand(attr.value.text(&self.bytes), Kind::Value))
    }

    fn raw_attr(&self, name: &str) -> Option<&Attr> {
        let named = |attr: &&Attr| attr.name.whole(&self.bytes) == name.as_bytes();
        self.head.attrs.iter().find(named)
    }

    /// The heads of the direct children, in order.
    pub fn children(&self) -> impl Iterator<Item = Child<'_>> {
        self.head.children.iter().map(|child| Child {
            name: child.name.text(&self.bytes),
            ns: child.ns.text(&self.bytes, &STANDALONE),
            bytes: child.span.of(&self.bytes),
        })
    }

    /// The direct child's tree, for a module that reads one payload of a message.
    pub fn child_element(&self, index: usize) -> Option<Element> {
        let child = self.head.children.get(index)?;
        let mut outer = STANDALONE.clone();
        outer.declare(&self.bytes, &self.head.attrs);
        Some(scanned_before(tree::read(child.span.of(&self.bytes), &outer)))
    }

    /// Delivers the frame: a new opening tag, then shared slices of the body less the direct children whose index is
    /// in `cut`, then `append` (serialised elements), then the closing tag. The body is never copied. What is appended
    /// must declare its own namespace: the frame may bind the default namespace to another than `jabber:client`.
    pub fn deliver(&self, address: &Address<'_>, cut: &[usize], append: &[Bytes]) -> Rope {
        let mut rope = Rope::default();
        let hollow = self.head.open_end == self.bytes.len();
        let fill = append.iter().any(|bytes| !bytes.is_empty());
        rope.push(self.opening_tag(address, if hollow && !fill { b"/>" } else { b">" }));
        self.push_body(&mut rope, cut);
        append.iter().for_each(|bytes| rope.push(bytes.clone()));
        if !hollow {
            rope.push(self.bytes.slice(self.head.close_start..));
        } else if fill {
            rope.push(Bytes::from([b"</", self.head.name.whole(&self.bytes), b">"].concat()));
        }
        rope
    }

    fn opening_tag(&self, address: &Address<'_>, end: &[u8]) -> Bytes {
        let mut writer = Writer::with_capacity(self.head.open_end + 128);
        writer.raw(b"<").raw(self.head.name.whole(&self.bytes));
        if address.standalone && self.raw_attr("xmlns").is_none() {
            writer.raw(b" xmlns='jabber:client'");
        }
        for attr in &self.head.attrs {
            match attr.name.whole(&self.bytes) {
                b"from" if address.from.is_some() => {}
                b"to" if address.to.is_some() => {}
                // From the name to the quote after the value.
                _ => drop(
                    writer
                        .raw(b" ")
                        .raw(&self.bytes[attr.name.start as usize..attr.value.end() + 1]),
                ),
            }
        }
        let lang = address.lang.filter(|_| self.raw_attr("xml:lang").is_none());
        for (name, value) in [("from", address.from), ("to", address.to), ("xml:lang", lang)] {
            if let Some(value) = value {
                writer.attr(name, value);
            }
        }
        writer.raw(end);
        writer.finish()
    }

    fn push_body(&self, rope: &mut Rope, cut: &[usize]) {
        let mut cut = cut.to_vec();
        cut.sort_unstable();
        let mut at = self.head.open_end;
        let mut kept_end = at;
        for child in cut.into_iter().filter_map(|index| self.head.children.get(index)) {
            // An index that is named twice begins before where the first has ended.
            if child.span.start as usize >= at {
                let start = child.span.start as usize;
                if at < start {
                    kept_end = start;
                }
                rope.push(self.bytes.slice(at..start));
                at = child.span.end();
                if joins(&self.bytes[..kept_end], &self.bytes[at..]) {
                    rope.push(Bytes::from_static(b"<![CDATA[]]>"));
                }
            }
        }
        rope.push(self.bytes.slice(at..self.head.close_start));
    }
}

/// Whether text before and after a child that is cut would mean something else once they stand side by side: CR and LF
/// are one line end, and `]]>` is not well-formed (XML 1.0 sections 2.11 and 2.4).
fn joins(before: &[u8], after: &[u8]) -> bool {
    matches!(
        (before.last(), after.first()),
        (Some(b'\r'), Some(b'\n')) | (Some(b']'), Some(b']' | b'>'))
    )
}

/// Says what it is and never what it carries, so that no log does.
impl fmt::Debug for Frame {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut frame = f.debug_struct("Frame");
        frame.field("name", &self.name()).field("ns", &self.ns());
        frame.field("bytes", &self.bytes.len()).finish()
    }
}

/// A frame's bytes were accepted by the scanner that now builds the tree.
fn scanned_before(tree: Result<Element, XmlError>) -> Element {
    match tree {
        Ok(tree) => tree,
        Err(error) => unreachable!("a frame was refused when it was read again: {error}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(xml: &str) -> Frame {
        Frame::parse(Bytes::copy_from_slice(xml.as_bytes()), &Limits::AUTHENTICATED).unwrap()
    }

    fn delivered(xml: &str, address: Address<'_>, cut: &[usize], append: &[&'static str]) -> String {
        let append: Vec<Bytes> = append.iter().map(|xml| Bytes::from(*xml)).collect();
        let rope = frame(xml).deliver(&address, cut, &append);
        String::from_utf8(rope.to_bytes().to_vec()).unwrap()
    }

    #[test]
    fn the_head_is_read_without_a_tree() {
        let frame = frame(
            "<q:message xmlns:q='jabber:client' to=\"a&amp;b\tc\" xml:lang='de'>text<body>x</body><q:thread/>\
             <z xmlns='urn:z'/></q:message>",
        );
        assert_eq!((frame.name(), frame.ns()), ("message", CLIENT));
        assert_eq!(frame.attr("to").unwrap(), "a&b c");
        assert_eq!(frame.attr("xml:lang").unwrap(), "de");
        assert_eq!(frame.attr("from"), None);
        let children: Vec<_> = frame
            .children()
            .map(|child| (child.name, child.ns, child.bytes))
            .collect();
        assert_eq!(
            children,
            [
                ("body", CLIENT, &b"<body>x</body>"[..]),
                ("thread", CLIENT, &b"<q:thread/>"[..]),
                ("z", "urn:z", &b"<z xmlns='urn:z'/>"[..])
            ]
        );
        assert_eq!(frame.child_element(1).unwrap(), Element::bare("thread", CLIENT));
        assert_eq!(frame.child_element(3), None);
    }

    #[test]
    fn delivery_replaces_addresses_and_keeps_everything_else_verbatim() {
        let address = Address {
            from: Some("a@x/'1"),
            ..Address::default()
        };
        assert_eq!(
            delivered(
                "<message\n to='b'  from=\"c\" q='&#9;' ><body>x</body></message >",
                address,
                &[],
                &[]
            ),
            "<message to='b' q='&#9;' from='a@x/&apos;1'><body>x</body></message >"
        );
        let address = Address {
            to: Some("b@x"),
            lang: Some("de"),
            standalone: true,
            ..Address::default()
        };
        assert_eq!(
            delivered("<q:iq xmlns:q='jabber:client' to='z'/>", address, &[], &[]),
            "<q:iq xmlns='jabber:client' xmlns:q='jabber:client' to='b@x' xml:lang='de'/>"
        );
        assert_eq!(
            delivered("<iq xmlns='jabber:client' xml:lang='fr'/>", address, &[], &[]),
            "<iq xmlns='jabber:client' xml:lang='fr' to='b@x'/>"
        );
    }

    #[test]
    fn delivery_cuts_children_and_appends_others() {
        let xml = "<message> <a/>1<b/>2<c>3</c></message>";
        assert_eq!(
            delivered(xml, Address::default(), &[2, 0, 2, 9], &["<d/>", "<e/>"]),
            "<message> 1<b/>2<d/><e/></message>"
        );
        assert_eq!(
            delivered("<presence/>", Address::default(), &[], &["<d/>"]),
            "<presence><d/></presence>"
        );
        assert_eq!(delivered("<presence/>", Address::default(), &[], &[]), "<presence/>");
        assert_eq!(delivered("<m><a/></m>", Address::default(), &[0], &[]), "<m></m>");
    }

    #[test]
    fn x26_what_stood_around_a_child_that_is_cut_keeps_its_meaning() {
        for (xml, text) in [
            ("<m>]]<a/>></m>", "]]>"),
            ("<m>]<a/>]></m>", "]]>"),
            ("<m>]]<a/><a/>></m>", "]]>"),
            ("<m>1\r<a/>\n2</m>", "1\n\n2"),
        ] {
            let sent = delivered(xml, Address::default(), &[0, 1], &[]);
            assert_eq!(frame(&sent).to_element().text(), text, "{sent}");
        }
    }

    #[test]
    fn what_is_logged_of_a_frame_is_not_its_body() {
        let logged = format!("{:?}", frame("<message to='juliet'><body>secret</body></message>"));
        assert_eq!(logged, "Frame { name: \"message\", ns: \"jabber:client\", bytes: 50 }");
    }

    #[test]
    fn the_body_is_shared_by_all_deliveries() {
        let frame = frame("<message><body>x</body></message>");
        let rope = frame.deliver(&Address::default(), &[], &[]);
        assert_eq!(rope.parts()[1].as_ptr(), frame.bytes()[9..].as_ptr());
    }
}
