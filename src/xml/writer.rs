//! The one serializer: whatever leaves as XML is written here, and escaped here.

use super::Element;
use super::name::is_ncname;
use super::scope::is_namespace_name;
use bytes::Bytes;
use minidom::Node;
use minidom::rxml::XMLNS_XML;
use std::ops::Range;

/// Serialises a tree, for a place where `default_ns` is the default namespace.
pub fn to_bytes(element: &Element, default_ns: &str) -> Bytes {
    let mut writer = Writer::with_capacity(256);
    writer.element(element, default_ns);
    writer.finish()
}

/// Writes XML, escaping everything. What XML cannot carry (a control character in a command's output) is written as
/// U+FFFD.
#[derive(Debug, Default)]
pub struct Writer {
    out: Vec<u8>,
    /// Names of the elements that are open, as ranges of `out`.
    open: Vec<Range<usize>>,
    /// Whether the innermost one's opening tag still takes attributes.
    in_tag: bool,
}

impl Writer {
    /// An empty writer.
    pub fn new() -> Writer {
        Writer::default()
    }

    /// An empty writer with room for that many bytes.
    pub fn with_capacity(bytes: usize) -> Writer {
        Writer {
            out: Vec::with_capacity(bytes),
            ..Writer::default()
        }
    }

    /// Opens a tag: `<name`. `name` is literal.
    pub fn open(&mut self, name: &str) -> &mut Writer {
        self.leave_open();
        let start = self.out.len() + 1;
        self.raw_parts(&["<", name]);
        self.open.push(start..self.out.len());
        self.in_tag = true;
        self
    }

    /// Adds an attribute to the tag that is open: ` name='value'`, the value escaped. `name` is literal.
    pub fn attr(&mut self, name: &str, value: &str) -> &mut Writer {
        self.raw_parts(&[" ", name, "='"]);
        escape(&mut self.out, value, Place::Value);
        self.out.push(b'\'');
        self
    }

    /// Adds character data, escaped; ends an open tag first.
    pub fn text(&mut self, text: &str) -> &mut Writer {
        self.leave_open();
        escape(&mut self.out, text, Place::Text);
        self
    }

    /// Adds a tree; ends an open tag first. `default_ns` is the default namespace in scope.
    pub fn element(&mut self, element: &Element, default_ns: &str) -> &mut Writer {
        self.leave_open();
        self.tree(element, default_ns);
        self
    }

    /// Adds already serialised XML; ends an open tag first.
    pub fn raw(&mut self, xml: &[u8]) -> &mut Writer {
        self.leave_open();
        self.out.extend_from_slice(xml);
        self
    }

    /// Closes the innermost tag (`/>` when it is empty).
    pub fn close(&mut self) -> &mut Writer {
        let Some(name) = self.open.pop() else { return self };
        if std::mem::take(&mut self.in_tag) {
            self.raw_parts(&["/>"]);
        } else {
            self.raw_parts(&["</"]);
            self.out.extend_from_within(name);
            self.out.push(b'>');
        }
        self
    }

    /// Ends an open tag without closing the element (a stream header).
    pub fn leave_open(&mut self) -> &mut Writer {
        if std::mem::take(&mut self.in_tag) {
            self.out.push(b'>');
        }
        self
    }

    /// What was written.
    pub fn finish(self) -> Bytes {
        Bytes::from(self.out)
    }

    fn raw_parts(&mut self, parts: &[&str]) {
        for part in parts {
            self.out.extend_from_slice(part.as_bytes());
        }
    }

    fn tree(&mut self, element: &Element, default_ns: &str) {
        let name = legal_name(element.name());
        if element.has_ns(default_ns) {
            self.open(name).content(element, default_ns);
        } else if element.has_ns(XMLNS_XML) {
            // Bound to its prefix for ever, hence never the default.
            self.open(&["xml:", name].concat()).content(element, default_ns);
        } else {
            let ns = element.ns();
            self.open(name).declare("", if is_writable(&ns) { &ns } else { "" });
            self.content(element, &ns);
        }
    }

    /// The rest of an element whose tag is open.
    fn content(&mut self, element: &Element, default_ns: &str) {
        self.attributes(element);
        for node in element.nodes() {
            match node {
                Node::Element(child) => drop(self.element(child, default_ns)),
                Node::Text(text) if text.is_empty() => {}
                Node::Text(text) => drop(self.text(text)),
            }
        }
        self.close();
    }

    fn attributes(&mut self, element: &Element) {
        for (index, ((ns, name), value)) in element.attrs().iter().enumerate() {
            match ns.as_str() {
                _ if !is_ncname(name) => {}
                "" if name.as_str() == "xmlns" => {}
                "" => drop(self.attr(name, value)),
                XMLNS_XML => drop(self.attr(&["xml:", name].concat(), value)),
                ns if is_writable(ns) => {
                    let prefix = ["ns", &index.to_string()].concat();
                    self.declare(&prefix, ns);
                    self.attr(&[&prefix, ":", name].concat(), value);
                }
                _ => {}
            }
        }
    }

    /// Adds a namespace declaration to the tag that is open, the default one's when `prefix` is empty. `ns` is a name
    /// that parsers who compare it as bytes, ours among them, read as it is: without references, in the quotes that it
    /// lacks.
    pub(super) fn declare(&mut self, prefix: &str, ns: &str) {
        let quote = if ns.contains('\'') { "\"" } else { "'" };
        let colon = if prefix.is_empty() { "" } else { ":" };
        self.raw_parts(&[" xmlns", colon, prefix, "=", quote, ns, quote]);
    }
}

/// Whether a namespace can be declared. Those of peers and of our literals can; no other is worth a word on the wire.
fn is_writable(ns: &str) -> bool {
    is_namespace_name(ns.as_bytes())
        && !ns.contains(['<', '\u{FFFE}', '\u{FFFF}'])
        && !(ns.contains('\'') && ns.contains('"'))
}

/// A name that every parser accepts. Names are literals of ours or were parsed, so that this changes none.
fn legal_name(name: &str) -> &str {
    if is_ncname(name) { name } else { "_" }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    Text,
    Value,
}

/// XML 1.0 sections 2.4 and 3.3.3: references for what would end the text or the value, or be normalised away.
fn escape(out: &mut Vec<u8>, text: &str, place: Place) {
    let bytes = text.as_bytes();
    let mut written = 0;
    for (at, &byte) in bytes.iter().enumerate() {
        let (reference, len) = match byte {
            b'&' => ("&amp;", 1),
            b'<' => ("&lt;", 1),
            b'>' => ("&gt;", 1),
            b'\r' => ("&#xD;", 1),
            b'\'' if place == Place::Value => ("&apos;", 1),
            b'"' if place == Place::Value => ("&quot;", 1),
            b'\t' if place == Place::Value => ("&#x9;", 1),
            b'\n' if place == Place::Value => ("&#xA;", 1),
            b'\t' | b'\n' => continue,
            0..0x20 => ("\u{FFFD}", 1),
            0xEF if matches!(bytes[at..], [_, 0xBF, 0xBE | 0xBF, ..]) => ("\u{FFFD}", 3),
            _ => continue,
        };
        out.extend_from_slice(&bytes[written..at]);
        out.extend_from_slice(reference.as_bytes());
        written = at + len;
    }
    out.extend_from_slice(&bytes[written..]);
}

#[cfg(test)]
mod tests {
    use super::super::{Build, CLIENT, element};
    use super::*;

    fn written(element: &Element) -> String {
        String::from_utf8(to_bytes(element, CLIENT).to_vec()).unwrap()
    }

    #[test]
    fn markup_in_strings_is_escaped_and_illegal_characters_are_replaced() {
        let mut writer = Writer::new();
        writer
            .open("a")
            .attr("b", "<'\"&>\t\n\r\u{1}")
            .text("]]>&<'\"\t\n\r\u{0}\u{FFFE}é\u{FFFD}")
            .close();
        assert_eq!(
            std::str::from_utf8(&writer.finish()).unwrap(),
            "<a b='&lt;&apos;&quot;&amp;&gt;&#x9;&#xA;&#xD;\u{FFFD}'>]]&gt;&amp;&lt;'\"\t\n&#xD;\u{FFFD}\u{FFFD}é\u{FFFD}</a>"
        );
    }

    #[test]
    fn a_header_is_left_open_and_empty_elements_are_short() {
        let mut writer = Writer::new();
        writer.open("stream:stream").attr("to", "x").leave_open();
        writer.open("a").open("b").close().raw(b"<c/>").close();
        assert_eq!(
            std::str::from_utf8(&writer.finish()).unwrap(),
            "<stream:stream to='x'><a><b/><c/></a>"
        );
    }

    #[test]
    fn namespaces_are_declared_where_they_change() {
        let tree = element("iq", CLIENT)
            .with("id", "1")
            .append(
                element("query", "urn:q")
                    .append(element("item", "urn:q"))
                    .append(element("body", CLIENT)),
            )
            .append(element("none", ""))
            .build();
        assert_eq!(
            written(&tree),
            "<iq id='1'><query xmlns='urn:q'><item/><body xmlns='jabber:client'/></query><none xmlns=''/></iq>"
        );
        assert_eq!(written(&element("space", XMLNS_XML).build()), "<xml:space/>");
        assert_eq!(
            written(&element("a", "urn:o'brien").build()),
            "<a xmlns=\"urn:o'brien\"/>"
        );
    }
}
