//! Namespaces in scope: Namespaces in XML 1.0.

use super::name::QName;
use super::tag::{Attr, Span};
use super::{CLIENT, Limits, Writer, XmlError};
use bytes::Bytes;
use minidom::rxml::{XMLNS_XML, XMLNS_XMLNS};
use std::borrow::Cow;

/// Bindings that surround an element: its stream header's, or its parent's.
#[derive(Clone, Debug)]
pub(super) struct Outer {
    /// The default namespace; empty when there is none.
    pub default: Cow<'static, str>,
    /// Prefixes and their namespaces; of equal prefixes the last one counts.
    pub prefixes: Vec<(Box<str>, Box<str>)>,
}

impl Outer {
    /// Adds the declarations among an element's attributes.
    pub fn declare(&mut self, buf: &[u8], attrs: &[Attr]) {
        for attr in attrs {
            let uri = attr.value.text(buf);
            match declared(buf, attr) {
                None => {}
                Some(b"") if uri == CLIENT => self.default = Cow::Borrowed(CLIENT),
                Some(b"") => self.default = Cow::Owned(uri.to_owned()),
                Some(prefix) => self.prefixes.push((text(prefix).into(), uri.into())),
            }
        }
    }
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap_or_default()
}

/// What surrounds a frame that left its stream: the default namespace `jabber:client`, no prefixes.
pub(super) static STANDALONE: Outer = Outer {
    default: Cow::Borrowed(CLIENT),
    prefixes: Vec::new(),
};

/// What surrounds a stream header.
pub(super) static NOTHING: Outer = Outer {
    default: Cow::Borrowed(""),
    prefixes: Vec::new(),
};

/// A namespace, as a place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ns {
    /// The surrounding default namespace.
    Default,
    /// The surrounding prefix with that index.
    Outer(u32),
    /// The namespace of the prefix `xml`.
    Xml,
    /// Declared within the buffer; empty for none.
    Here(Span),
}

impl Ns {
    /// Its name.
    pub fn text<'a>(self, buf: &'a [u8], outer: &'a Outer) -> &'a str {
        match self {
            Ns::Default => &outer.default,
            Ns::Outer(index) => &outer.prefixes[index as usize].1,
            Ns::Xml => XMLNS_XML,
            Ns::Here(span) => span.text(buf),
        }
    }
}

/// The prefix that an attribute declares, empty for the default namespace; `None` when it is no declaration.
pub(super) fn declared<'a>(buf: &'a [u8], attr: &Attr) -> Option<&'a [u8]> {
    match attr.name.whole(buf) {
        b"xmlns" => Some(b""),
        [b'x', b'm', b'l', b'n', b's', b':', prefix @ ..] => Some(prefix),
        _ => None,
    }
}

#[derive(Clone, Copy, Debug)]
struct Binding {
    prefix: Span,
    uri: Span,
}

/// The bindings declared within one top-level element, innermost last.
#[derive(Debug, Default)]
pub(super) struct Scope {
    bindings: Vec<Binding>,
    /// Surrounding prefixes that were used.
    borrowed: Vec<u32>,
    /// Whether the surrounding default namespace was used.
    borrowed_default: bool,
}

impl Scope {
    /// Starts anew with another top-level element.
    pub fn clear(&mut self) {
        self.bindings.clear();
        self.borrowed.clear();
        self.borrowed_default = false;
    }

    /// Bindings now in scope; given to [`leave`](Self::leave) when the element ends that is about to be entered.
    pub fn mark(&self) -> usize {
        self.bindings.len()
    }

    /// Forgets what was declared since the mark.
    pub fn leave(&mut self, mark: usize) {
        self.bindings.truncate(mark);
    }

    /// Takes up the declarations of an element, then checks that its attributes are bound and unique.
    ///
    /// # Errors
    /// `NotWellFormed` for an illegal declaration or a repeated attribute, `BadNamespacePrefix` for an unbound prefix.
    pub fn enter(&mut self, buf: &[u8], attrs: &[Attr], outer: &Outer, limits: &Limits) -> Result<(), XmlError> {
        let mut prefixed = 0;
        for attr in attrs {
            match declared(buf, attr) {
                Some(prefix) => self.declare(buf, attr, prefix)?,
                None => prefixed += usize::from(attr.name.prefix > 0),
            }
        }
        if self.bindings.len() + outer.prefixes.len() > limits.namespaces_max {
            return Err(XmlError::Limit("namespaces_max"));
        }
        check_unique(buf, attrs)?;
        match prefixed {
            0 => Ok(()),
            _ => self.check_prefixed(buf, attrs, prefixed, outer),
        }
    }

    /// Namespaces in XML 1.0 sections 2.2 and 3.
    fn declare(&mut self, buf: &[u8], attr: &Attr, prefix: &[u8]) -> Result<(), XmlError> {
        let uri = attr.value.of(buf);
        let legal = match prefix {
            b"xml" => uri == XMLNS_XML.as_bytes(),
            b"xmlns" => false,
            b"" => is_namespace_name(uri),
            _ => !uri.is_empty() && is_namespace_name(uri),
        };
        if !legal {
            return Err(XmlError::NotWellFormed);
        }
        let end = attr.name.end();
        self.bindings.push(Binding {
            prefix: Span::new(end - prefix.len(), end),
            uri: attr.value,
        });
        Ok(())
    }

    /// The namespace of an element name.
    ///
    /// # Errors
    /// `BadNamespacePrefix` when its prefix is not bound.
    pub fn of_element(&mut self, buf: &[u8], name: QName, outer: &Outer) -> Result<Ns, XmlError> {
        let ns = match name.prefix(buf) {
            b"" => self.find(buf, b"").map_or(Ns::Default, Ns::Here),
            prefix => self.of_prefix(buf, prefix, outer)?,
        };
        self.borrow(ns);
        Ok(ns)
    }

    /// The namespace bound to a prefix.
    ///
    /// # Errors
    /// `BadNamespacePrefix` when there is none.
    pub fn of_prefix(&self, buf: &[u8], prefix: &[u8], outer: &Outer) -> Result<Ns, XmlError> {
        if prefix == b"xml" {
            return Ok(Ns::Xml);
        }
        if let Some(uri) = self.find(buf, prefix) {
            return Ok(Ns::Here(uri));
        }
        match outer.prefixes.iter().rposition(|(bound, _)| bound.as_bytes() == prefix) {
            Some(index) => Ok(Ns::Outer(index as u32)),
            None => Err(XmlError::BadNamespacePrefix),
        }
    }

    fn borrow(&mut self, ns: Ns) {
        match ns {
            Ns::Default => self.borrowed_default = true,
            Ns::Outer(index) if !self.borrowed.contains(&index) => self.borrowed.push(index),
            _ => {}
        }
    }

    /// The declarations that the element needs on its own opening tag to stand without its surroundings, where only
    /// `jabber:client` is the default namespace. Empty for nearly every stanza.
    pub fn missing_declarations(&self, outer: &Outer) -> Bytes {
        let mut writer = Writer::new();
        if self.borrowed_default && outer.default != CLIENT {
            writer.declare("", &outer.default);
        }
        for &index in &self.borrowed {
            let (prefix, uri) = &outer.prefixes[index as usize];
            writer.declare(prefix, uri);
        }
        writer.finish()
    }

    fn find(&self, buf: &[u8], prefix: &[u8]) -> Option<Span> {
        let found = self
            .bindings
            .iter()
            .rev()
            .find(|binding| binding.prefix.of(buf) == prefix);
        found.map(|binding| binding.uri)
    }

    /// Namespaces in XML 1.0 section 6.3: no two attributes with one expanded name.
    fn check_prefixed(&mut self, buf: &[u8], attrs: &[Attr], prefixed: usize, outer: &Outer) -> Result<(), XmlError> {
        let mut names = Vec::new();
        for attr in attrs
            .iter()
            .filter(|attr| attr.name.prefix > 0 && declared(buf, attr).is_none())
        {
            let ns = self.of_prefix(buf, attr.name.prefix(buf), outer)?;
            self.borrow(ns);
            // Mostly there is one, `xml:lang`, which needs no list.
            if prefixed > 1 {
                names.push((ns.text(buf, outer), attr.name.local(buf)));
            }
        }
        refuse_repeated(names)
    }
}

/// Whether a namespace may be bound to a prefix, or be the default one. Beyond the specification, a name is compared as
/// bytes by all parties, so one that would have to be expanded or normalised first (`&`, white space, controls) is none.
pub(super) fn is_namespace_name(uri: &[u8]) -> bool {
    let reserved = uri == XMLNS_XML.as_bytes() || uri == XMLNS_XMLNS.as_bytes();
    !reserved && uri.iter().all(|&byte| byte > 0x20 && byte != b'&')
}

/// Attributes beyond which names are sorted instead of compared pair by pair.
const PAIRWISE_MAX: usize = 16;

/// XML 1.0 section 3.1: no two attributes with one name.
fn check_unique(buf: &[u8], attrs: &[Attr]) -> Result<(), XmlError> {
    if attrs.len() > PAIRWISE_MAX {
        return refuse_repeated(attrs.iter().map(|attr| attr.name.whole(buf)).collect());
    }
    let same = |a: &Attr, b: &Attr| a.name.len == b.name.len && a.name.whole(buf) == b.name.whole(buf);
    match (1..attrs.len()).any(|i| attrs[..i].iter().any(|other| same(other, &attrs[i]))) {
        true => Err(XmlError::NotWellFormed),
        false => Ok(()),
    }
}

fn refuse_repeated<T: Ord>(mut names: Vec<T>) -> Result<(), XmlError> {
    names.sort_unstable();
    match names.windows(2).any(|pair| pair[0] == pair[1]) {
        true => Err(XmlError::NotWellFormed),
        false => Ok(()),
    }
}
