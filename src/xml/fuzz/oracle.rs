//! Another parser's reading: rxml, which others wrote, conforming and aware of namespaces.

use crate::xml::Element;
use minidom::rxml::{AttrMap, Event, Namespace, NcName, Options, Reader};

/// Bytes of one token: more than any limit of ours.
const TOKEN_BYTES_MAX: usize = 1 << 24;

/// What rxml makes of a stream.
pub struct Reading {
    /// The root's name and attributes.
    pub root: Option<(Namespace<'static>, NcName, AttrMap)>,
    /// The complete children of the root.
    pub children: Vec<Element>,
    /// Whether the root was closed.
    pub closed: bool,
    /// Where it ended, if not at the end.
    pub error: Option<String>,
}

/// Reads a stream, up to its end or the first error.
pub fn read_stream(bytes: &[u8]) -> Reading {
    let bytes = with_line_feeds(without_leading_space(bytes));
    let options = Options {
        max_token_length: TOKEN_BYTES_MAX,
        ..Options::default()
    };
    let mut reader = Reader::with_options(&bytes[..], options);
    let mut reading = Reading {
        root: None,
        children: Vec::new(),
        closed: false,
        error: None,
    };
    let mut open: Vec<Element> = Vec::new();
    loop {
        match reader.read() {
            Ok(Some(event)) => reading.take(event, &mut open),
            Ok(None) => return reading,
            Err(error) => {
                reading.error = Some(error.to_string());
                return reading;
            }
        }
    }
}

/// White space before the root, where no declaration follows, is XML (production 22), and a client that is late with its
/// keep-alive sends it; rxml 0.14 takes none.
fn without_leading_space(bytes: &[u8]) -> &[u8] {
    let root = bytes.trim_ascii_start();
    if root.starts_with(b"<?") { bytes } else { root }
}

/// The line ends as an XML processor must see them before it parses (XML 1.0 section 2.11). rxml 0.14 does so while it
/// reads, and leaves a CR that follows a `]` in a CDATA section as it is.
fn with_line_feeds(bytes: &[u8]) -> Vec<u8> {
    let ends = |(at, &byte): (usize, &u8)| match byte {
        b'\r' if bytes.get(at + 1) == Some(&b'\n') => None,
        b'\r' => Some(b'\n'),
        other => Some(other),
    };
    bytes.iter().enumerate().filter_map(ends).collect()
}

impl Reading {
    fn take(&mut self, event: Event, open: &mut Vec<Element>) {
        match event {
            Event::XmlDeclaration(..) => {}
            Event::StartElement(_, (ns, name), attrs) if self.root.is_none() => self.root = Some((ns, name, attrs)),
            Event::StartElement(_, (ns, name), attrs) => {
                let mut element = Element::bare(name.as_str(), ns.as_str());
                *element.attrs_mut() = attrs;
                open.push(element);
            }
            Event::Text(_, text) => drop(open.last_mut().map(|element| element.append_text(text))),
            Event::EndElement(_) => match (open.pop(), open.last_mut()) {
                (None, _) => self.closed = true,
                (Some(element), None) => self.children.push(element),
                (Some(element), Some(parent)) => drop(parent.append_child(element)),
            },
        }
    }
}

/// The tree of a frame where it is delivered.
///
/// # Errors
/// Why it is refused.
pub fn read_frame(frame: &[u8]) -> Result<Element, String> {
    let within = [b"<r xmlns='jabber:client'>", frame, b"</r>"].concat();
    let mut reading = read_stream(&within);
    match (reading.children.pop(), reading.children.is_empty(), reading.error) {
        (Some(element), true, None) => Ok(element),
        (_, _, error) => Err(error.unwrap_or_else(|| "not one element".to_owned())),
    }
}
