//! Trees, built from the tokens that the stream parser checks.

use super::Element;
use super::scan::{Opened, Scanner, Sink};
use super::scope::{Ns, Outer, declared};
use super::tag::Attr;
use super::text::{self, Kind};
use super::{Limits, XmlError};
use minidom::rxml::{Namespace, NcName};

/// Builds the tree of one element, whose surroundings are `outer`.
///
/// # Errors
/// When the bytes are not one well-formed element.
pub(super) fn read(bytes: &[u8], outer: &Outer) -> Result<Element, XmlError> {
    let mut sink = TreeSink::default();
    match Scanner::new(&Limits::NONE).advance(bytes, outer, &mut sink)? {
        Some(end) if end == bytes.len() => sink.root.ok_or(XmlError::NotWellFormed),
        _ => Err(XmlError::NotWellFormed),
    }
}

#[derive(Default)]
struct TreeSink {
    open: Vec<Element>,
    root: Option<Element>,
}

impl Sink for TreeSink {
    fn open(&mut self, element: &Opened<'_>) {
        let name = element.tag.name.local(element.buf);
        let name = std::str::from_utf8(name).unwrap_or_default();
        let mut tree = Element::bare(name, element.ns.text(element.buf, element.outer));
        for attr in element.attrs {
            set(&mut tree, attr, element);
        }
        self.open.push(tree);
    }

    fn text(&mut self, raw: &[u8], kind: Kind) {
        let raw = std::str::from_utf8(raw).unwrap_or_default();
        if let Some(parent) = self.open.last_mut()
            && !raw.is_empty()
        {
            parent.append_text(text::expand(raw, kind));
        }
    }

    fn close(&mut self, _depth: usize, _start: usize, _end: usize) {
        let Some(element) = self.open.pop() else { return };
        match self.open.last_mut() {
            Some(parent) => drop(parent.append_child(element)),
            None => self.root = Some(element),
        }
    }
}

/// Sets an attribute that is no declaration; its name and prefix were checked by the scanner.
fn set(tree: &mut Element, attr: &Attr, element: &Opened<'_>) {
    let buf = element.buf;
    if declared(buf, attr).is_some() {
        return;
    }
    let ns = match attr.name.prefix(buf) {
        b"" => Some(Namespace::NONE),
        prefix => element
            .scope
            .of_prefix(buf, prefix, element.outer)
            .ok()
            .map(|ns| namespace(ns, element)),
    };
    let name = std::str::from_utf8(attr.name.local(buf))
        .ok()
        .and_then(|name| NcName::try_from(name).ok());
    if let (Some(ns), Some(name)) = (ns, name) {
        tree.set_attr(ns, name, text::expand(attr.value.text(buf), Kind::Value).into_owned());
    }
}

fn namespace(ns: Ns, element: &Opened<'_>) -> Namespace<'static> {
    match ns {
        Ns::Xml => Namespace::XML,
        ns => Namespace::from(ns.text(element.buf, element.outer).to_owned()),
    }
}
