//! The incremental stream parser.

use super::{Frame, Limits, XmlError};

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

/// What the parser found.
#[derive(Clone, Debug)]
pub enum Event {
    /// The stream header. First, and once.
    Header(Header),
    /// A complete top-level element.
    Frame(Frame),
    /// The closing stream tag. Last; bytes after it are ignored.
    Close,
}

/// Splits the bytes of one XML stream into frames. One parser a stream: after STARTTLS and after SASL a new one is made.
///
/// Work is linear in the bytes fed, whatever their split; memory is bounded by [`Limits::stanza_bytes_max`] plus a
/// constant. After an error or [`Event::Close`] it yields nothing more.
#[derive(Debug)]
pub struct StreamParser {
    _limits: Limits,
}

impl StreamParser {
    /// A parser that expects a stream header.
    pub fn new(limits: Limits) -> StreamParser {
        StreamParser { _limits: limits }
    }

    /// Other limits from the next top-level element on.
    pub fn set_limits(&mut self, limits: Limits) {
        self._limits = limits;
    }

    /// Takes bytes from the peer. Call [`next`](Self::next) until it yields `None` before feeding more.
    pub fn feed(&mut self, bytes: &[u8]) {
        let _ = bytes;
        todo!()
    }

    /// The next event in the bytes fed so far; `None` when more bytes are needed.
    ///
    /// # Errors
    /// The first violation; the parser is then dead.
    pub fn next(&mut self) -> Result<Option<Event>, XmlError> {
        todo!()
    }

    /// Bytes fed but not yet part of an event. Zero between stanzas: an idle stream owns no buffer.
    pub fn pending(&self) -> usize {
        todo!()
    }
}
