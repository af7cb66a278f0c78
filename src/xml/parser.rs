//! The incremental stream parser.

use super::head::HeadSink;
use super::header::{Header, HeaderSink, Root, declaration};
use super::scan::{Scanner, end_tag};
use super::scope::NOTHING;
use super::tag::is_space;
use super::{Frame, Limits, XmlError};
use bytes::{Buf, Bytes, BytesMut};
use std::fmt;

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
/// Work is linear in the bytes fed, whatever their split; memory is bounded by [`Limits::stanza_bytes_max`] plus what was
/// fed last, plus a constant. After an error or [`Event::Close`] it yields nothing more. Whatever the limits, elements
/// nest at most [`Limits::DEPTH_CEILING`] deep.
pub struct StreamParser {
    limits: Limits,
    /// Bytes that are not part of an event yet; begins with the element that is being scanned.
    buf: BytesMut,
    stage: Stage,
    root: Option<Root>,
    /// What only a stream in motion needs.
    work: Option<Box<Work>>,
}

struct Work {
    scanner: Scanner,
    sink: HeadSink,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// Before the first byte of the stream.
    Start,
    /// White space before the header.
    Prolog,
    /// In the header.
    Header,
    /// Between top-level elements.
    Between,
    /// In a top-level element.
    Frame,
    /// In the closing tag, of which that many bytes after `</` were seen.
    Closing(usize),
    /// The header was `<stream:stream/>`.
    Closed,
    /// After the close or an error.
    Done,
}

/// A frame smaller than this is copied out of the buffer instead of sharing it, so that a presence that is remembered
/// for days does not pin the buffer that it came in.
const SHARED_BYTES_MIN: usize = 1024;

impl StreamParser {
    /// A parser that expects a stream header.
    pub fn new(limits: Limits) -> StreamParser {
        StreamParser {
            limits: limits.with_depth_ceiling(),
            buf: BytesMut::new(),
            stage: Stage::Start,
            root: None,
            work: None,
        }
    }

    /// Other limits from the next top-level element on.
    pub fn set_limits(&mut self, limits: Limits) {
        self.limits = limits.with_depth_ceiling();
    }

    /// Takes bytes from the peer. Call [`next`](Self::next) until it yields `None` before feeding more.
    pub fn feed(&mut self, bytes: &[u8]) {
        if self.stage == Stage::Done {
            return;
        }
        let len = self.buf.len() + bytes.len();
        if len > self.buf.capacity() {
            // Twice as much, so that work stays linear, but no more than is ever kept.
            let room = len.max((self.buf.len() * 2).min(self.limits.stanza_bytes_max));
            let kept = std::mem::replace(&mut self.buf, BytesMut::with_capacity(room));
            self.buf.extend_from_slice(&kept);
        }
        self.buf.extend_from_slice(bytes);
    }

    /// The next event in the bytes fed so far; `None` when more bytes are needed.
    ///
    /// # Errors
    /// The first violation; the parser is then dead.
    // Not an iterator: `None` is no end.
    #[allow(clippy::should_implement_trait)]
    pub fn next(&mut self) -> Result<Option<Event>, XmlError> {
        let event = self.advance();
        if matches!(event, Err(_) | Ok(Some(Event::Close))) {
            self.stage = Stage::Done;
            self.buf.clear();
        }
        if self.buf.is_empty() {
            self.buf = BytesMut::new();
            if !matches!(event, Ok(Some(_))) {
                self.work = None;
            }
        }
        event
    }

    /// Bytes fed but not yet part of an event. Zero between stanzas: an idle stream owns no buffer.
    pub fn pending(&self) -> usize {
        self.buf.len()
    }

    fn advance(&mut self) -> Result<Option<Event>, XmlError> {
        loop {
            let progress = match self.stage {
                Stage::Start => self.start()?,
                Stage::Prolog => self.prolog()?,
                Stage::Between => self.between()?,
                Stage::Header => return self.header(),
                Stage::Frame => return self.frame(),
                Stage::Closing(seen) => return self.closing(seen),
                Stage::Closed => return Ok(Some(Event::Close)),
                Stage::Done => return Ok(None),
            };
            if !progress {
                return Ok(None);
            }
        }
    }

    fn start(&mut self) -> Result<bool, XmlError> {
        let Some(len) = declaration(&self.buf)? else {
            return Ok(false);
        };
        self.buf.advance(len);
        self.stage = Stage::Prolog;
        Ok(true)
    }

    fn prolog(&mut self) -> Result<bool, XmlError> {
        self.skip_space();
        match self.buf.first() {
            None => Ok(false),
            Some(_) => Ok(self.begin(Stage::Header)),
        }
    }

    fn between(&mut self) -> Result<bool, XmlError> {
        self.skip_space();
        match *self.buf {
            [] | [b'<'] => Ok(false),
            [b'<', b'/', ..] => {
                self.stage = Stage::Closing(0);
                Ok(true)
            }
            _ => Ok(self.begin(Stage::Frame)),
        }
    }

    fn skip_space(&mut self) {
        let space = self.buf.iter().take_while(|&&byte| is_space(byte)).count();
        self.buf.advance(space);
    }

    /// Sets the scanner to an element that begins here.
    fn begin(&mut self, stage: Stage) -> bool {
        let limits = self.limits;
        let work = self.work.get_or_insert_with(|| {
            Box::new(Work {
                scanner: Scanner::new(&limits),
                sink: HeadSink::new(),
            })
        });
        work.scanner.restart(&limits);
        self.stage = stage;
        true
    }

    fn header(&mut self) -> Result<Option<Event>, XmlError> {
        let Some(work) = &mut self.work else { return Ok(None) };
        let mut sink = HeaderSink::default();
        let end = work.scanner.advance_to_root(&self.buf, &NOTHING, &mut sink)?;
        let (Some(end), Some(found)) = (end, sink.found) else {
            return Ok(None);
        };
        let (header, root) = found?;
        self.buf.advance(end);
        self.stage = if root.empty { Stage::Closed } else { Stage::Between };
        self.root = Some(root);
        Ok(Some(Event::Header(header)))
    }

    fn frame(&mut self) -> Result<Option<Event>, XmlError> {
        let (Some(work), Some(root)) = (&mut self.work, &self.root) else {
            return Ok(None);
        };
        let Some(end) = work.scanner.advance(&self.buf, &root.outer, &mut work.sink)? else {
            return Ok(None);
        };
        let missing = work.scanner.scope().missing_declarations(&root.outer);
        let frame = Frame::new(take(&mut self.buf, end), work.sink.take());
        self.stage = Stage::Between;
        match missing.is_empty() {
            true => Ok(Some(Event::Frame(frame))),
            false => frame.with_declarations(&missing).map(|frame| Some(Event::Frame(frame))),
        }
    }

    fn closing(&mut self, seen: usize) -> Result<Option<Event>, XmlError> {
        let window = &self.buf[..self.buf.len().min(self.limits.stanza_bytes_max)];
        let name = self.root.as_ref().map_or(&b""[..], |root| &root.name);
        if end_tag(&window[2..], name, seen)?.is_some() {
            return Ok(Some(Event::Close));
        }
        if window.len() >= self.limits.stanza_bytes_max {
            return Err(XmlError::Limit("stanza_bytes_max"));
        }
        self.stage = Stage::Closing(window.len() - 2);
        Ok(None)
    }
}

/// Never shows the bytes: a password may be among them.
impl fmt::Debug for StreamParser {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut parser = f.debug_struct("StreamParser");
        parser
            .field("stage", &self.stage)
            .field("pending", &self.pending())
            .finish()
    }
}

/// Takes the first bytes out of the buffer.
fn take(buf: &mut BytesMut, end: usize) -> Bytes {
    if end < SHARED_BYTES_MIN {
        let bytes = Bytes::copy_from_slice(&buf[..end]);
        buf.advance(end);
        return bytes;
    }
    buf.split_to(end).freeze()
}
