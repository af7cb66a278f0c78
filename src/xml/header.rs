//! The stream header: RFC 6120 section 4.7, and the XML declaration before it.

use super::scan::{Opened, Sink};
use super::scope::{NOTHING, Outer, declared};
use super::tag::{self, Attr, is_space};
use super::text::{self, Kind};
use super::{Limits, STREAM, XmlError};
use memchr::memmem;

/// A parsed stream header (RFC 6120 section 4.7), attributes unescaped, absent ones `None`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Header {
    /// `to`.
    pub to: Option<String>,
    /// `from`.
    pub from: Option<String>,
    /// `id`.
    pub id: Option<String>,
    /// `version`.
    pub version: Option<String>,
    /// `xml:lang`.
    pub lang: Option<String>,
    /// The content namespace: the default namespace declared on the header.
    pub content_ns: Option<String>,
}

/// What of the header holds for the whole stream.
#[derive(Debug)]
pub(super) struct Root {
    /// Its name as written, which the closing tag repeats.
    pub name: Box<[u8]>,
    /// The namespaces that it declares.
    pub outer: Outer,
    /// Whether it ends in `/>`.
    pub empty: bool,
}

/// Collects the header from its opening tag.
#[derive(Default)]
pub(super) struct HeaderSink {
    /// The outcome, once the tag has been seen.
    pub found: Option<Result<(Header, Root), XmlError>>,
}

impl Sink for HeaderSink {
    fn open(&mut self, element: &Opened<'_>) {
        self.found = Some(read(element));
    }

    fn text(&mut self, _raw: &[u8], _kind: Kind) {}

    fn close(&mut self, _depth: usize, _start: usize, _end: usize) {}
}

/// RFC 6120 sections 4.8.1 and 4.9.3.1: `stream` in the streams namespace.
fn read(element: &Opened<'_>) -> Result<(Header, Root), XmlError> {
    let buf = element.buf;
    if element.ns.text(buf, element.outer) != STREAM {
        return Err(XmlError::InvalidNamespace);
    }
    if element.tag.name.local(buf) != b"stream" {
        return Err(XmlError::BadFormat);
    }
    let mut header = Header::default();
    for attr in element.attrs {
        if let Some(field) = field(&mut header, buf, attr) {
            *field = Some(text::expand(attr.value.text(buf), Kind::Value).into_owned());
        }
    }
    let mut outer = NOTHING.clone();
    outer.declare(buf, element.attrs);
    let name = element.tag.name.whole(buf).into();
    let empty = element.tag.empty;
    Ok((header, Root { name, outer, empty }))
}

fn field<'a>(header: &'a mut Header, buf: &[u8], attr: &Attr) -> Option<&'a mut Option<String>> {
    match attr.name.whole(buf) {
        b"to" => Some(&mut header.to),
        b"from" => Some(&mut header.from),
        b"id" => Some(&mut header.id),
        b"version" => Some(&mut header.version),
        b"xml:lang" => Some(&mut header.lang),
        _ if declared(buf, attr) == Some(b"") => Some(&mut header.content_ns),
        _ => None,
    }
}

/// Bytes of an XML declaration; the longest sensible one has about 60.
const DECLARATION_BYTES_MAX: usize = 256;

/// Reads the XML declaration that may begin a stream (XML 1.0 section 2.8, RFC 6120 section 11.5). Returns its length, 0
/// when there is none; `None` when more bytes are needed.
///
/// # Errors
/// `UnsupportedEncoding` for another encoding than UTF-8, `RestrictedXml` for another version or a need for external
/// markup declarations.
pub(super) fn declaration(buf: &[u8]) -> Result<Option<usize>, XmlError> {
    let start = b"<?xml";
    let len = buf.len().min(start.len());
    if buf[..len] != start[..len] {
        // Another processing instruction is for the scanner to refuse.
        return Ok(Some(0));
    }
    let Some(&next) = buf.get(start.len()) else {
        return Ok(None);
    };
    if !is_space(next) {
        return Err(XmlError::RestrictedXml);
    }
    let window = &buf[..buf.len().min(DECLARATION_BYTES_MAX)];
    match memmem::find(window, b"?>") {
        Some(end) => check_declaration(&window[..end]).map(|()| Some(end + 2)),
        None if window.len() < DECLARATION_BYTES_MAX => Ok(None),
        None => Err(XmlError::NotWellFormed),
    }
}

/// A declaration without its `?>` has the grammar of an opening tag.
fn check_declaration(declaration: &[u8]) -> Result<(), XmlError> {
    let declaration = &[declaration, b">"].concat()[..];
    let mut attrs = Vec::new();
    let tag = tag::read(declaration, 2, &Limits::NONE, &mut attrs)?;
    let mut parts = attrs
        .iter()
        .map(|attr| (attr.name.whole(declaration), attr.value.of(declaration)));
    let version = parts.next();
    let mut next = parts.next();
    let encoding = next.take_if(|(name, _)| *name == b"encoding");
    if encoding.is_some() {
        next = parts.next();
    }
    let standalone = next.take_if(|(name, _)| *name == b"standalone");
    match (version, encoding, standalone) {
        _ if tag.empty || tag.end < declaration.len() || next.is_some() || parts.next().is_some() => {
            Err(XmlError::NotWellFormed)
        }
        (Some((b"version", b"1.0")), Some((_, encoding)), _) if !encoding.eq_ignore_ascii_case(b"utf-8") => {
            Err(XmlError::UnsupportedEncoding)
        }
        (Some((b"version", b"1.0")), _, None | Some((_, b"yes"))) => Ok(()),
        (Some((b"version", _)), ..) => Err(XmlError::RestrictedXml),
        _ => Err(XmlError::NotWellFormed),
    }
}
