//! The scanner: one top-level element, token by token, while its bytes arrive.

use super::name::QName;
use super::scope::{Ns, Outer, Scope};
use super::tag::{self, Attr, Tag, is_space};
use super::text::{self, Kind};
use super::{Limits, XmlError};
use memchr::{memchr, memmem};
use quick_xml::parser::{ElementParser, Parser};

/// An opening tag, checked, its namespaces in scope.
pub(super) struct Opened<'a> {
    /// The buffer that all positions refer to; it begins with the top-level element.
    pub buf: &'a [u8],
    /// 1 for the top-level element.
    pub depth: usize,
    /// Its `<`.
    pub start: usize,
    /// Past its `>`.
    pub end: usize,
    /// Its name.
    pub tag: Tag,
    /// Its namespace.
    pub ns: Ns,
    /// Its attributes.
    pub attrs: &'a [Attr],
    /// The bindings within the buffer.
    pub scope: &'a Scope,
    /// The bindings around it.
    pub outer: &'a Outer,
}

/// What takes the tokens.
pub(super) trait Sink {
    /// An opening tag, or the first half of an empty element.
    fn open(&mut self, element: &Opened<'_>);
    /// Checked characters, not expanded; in one piece when the whole element is in the buffer.
    fn text(&mut self, raw: &[u8], kind: Kind);
    /// The closing tag of the element at that depth, from its `<` to past its `>`; both the end of an empty element.
    fn close(&mut self, depth: usize, start: usize, end: usize);
}

#[derive(Clone, Copy, Debug)]
enum State {
    /// Between tokens, or in text.
    Content,
    /// In an opening tag.
    Tag(ElementParser),
    /// In a closing tag.
    End,
    /// In a CDATA section.
    Cdata,
}

#[derive(Clone, Copy, Debug)]
struct Open {
    name: QName,
    /// The scope's mark before it.
    mark: usize,
}

/// Scans one top-level element. What has been scanned is not scanned again when more bytes arrive; verdicts depend on
/// the bytes alone, not on how they were cut.
#[derive(Debug)]
pub(super) struct Scanner {
    limits: Limits,
    state: State,
    /// Where the current tag begins.
    token: usize,
    /// Bytes scanned.
    pos: usize,
    elements: usize,
    open: Vec<Open>,
    scope: Scope,
    attrs: Vec<Attr>,
}

const CDATA: &[u8] = b"<![CDATA[";

impl Scanner {
    pub fn new(limits: &Limits) -> Scanner {
        let mut scanner = Scanner {
            limits: *limits,
            state: State::Content,
            token: 0,
            pos: 0,
            elements: 0,
            open: Vec::new(),
            scope: Scope::default(),
            attrs: Vec::new(),
        };
        scanner.restart(limits);
        scanner
    }

    /// Starts anew with another top-level element; keeps what it allocated.
    pub fn restart(&mut self, limits: &Limits) {
        // Positions are kept in 32 bits.
        let stanza_bytes_max = limits.stanza_bytes_max.min(u32::MAX as usize);
        self.limits = Limits {
            stanza_bytes_max,
            ..*limits
        };
        self.state = State::Content;
        (self.token, self.pos, self.elements) = (0, 0, 0);
        self.open.clear();
        self.scope.clear();
    }

    /// The bindings of the element.
    pub fn scope(&self) -> &Scope {
        &self.scope
    }

    /// Scans on; `buf` is what it was at the last call, and more. Returns where the element ends, `None` when its end is
    /// not there yet.
    ///
    /// # Errors
    /// The first violation.
    pub fn advance(&mut self, buf: &[u8], outer: &Outer, sink: &mut impl Sink) -> Result<Option<usize>, XmlError> {
        let window = self.window(buf);
        while self.step(window, outer, sink)? {
            if self.open.is_empty() && self.elements > 0 {
                return Ok(Some(self.pos));
            }
        }
        self.want_more(window)
    }

    /// Like [`advance`](Self::advance), up to the end of the opening tag.
    ///
    /// # Errors
    /// The first violation.
    pub fn advance_to_root(
        &mut self,
        buf: &[u8],
        outer: &Outer,
        sink: &mut impl Sink,
    ) -> Result<Option<usize>, XmlError> {
        let window = self.window(buf);
        while self.step(window, outer, sink)? {
            if self.elements > 0 {
                return Ok(Some(self.pos));
            }
        }
        self.want_more(window)
    }

    fn window<'a>(&self, buf: &'a [u8]) -> &'a [u8] {
        &buf[..buf.len().min(self.limits.stanza_bytes_max)]
    }

    fn want_more(&self, window: &[u8]) -> Result<Option<usize>, XmlError> {
        match window.len() < self.limits.stanza_bytes_max {
            true => Ok(None),
            false => Err(XmlError::Limit("stanza_bytes_max")),
        }
    }

    /// Scans one token, or its beginning; false when more bytes are needed.
    fn step(&mut self, window: &[u8], outer: &Outer, sink: &mut impl Sink) -> Result<bool, XmlError> {
        match self.state {
            State::Content => self.content(window, sink),
            State::Tag(parser) => self.tag(parser, window, outer, sink),
            State::End => self.end(window, sink),
            State::Cdata => self.cdata(window, sink),
        }
    }

    fn content(&mut self, window: &[u8], sink: &mut impl Sink) -> Result<bool, XmlError> {
        let rest = &window[self.pos..];
        let (state, len) = match rest {
            [] | [b'<'] | [b'<', b'!'] => return Ok(false),
            [b'<', b'?', ..] => return Err(XmlError::RestrictedXml),
            [b'<', b'!', b'[', ..] if !self.open.is_empty() => {
                let len = rest.len().min(CDATA.len());
                match rest[..len] == CDATA[..len] {
                    true if len == CDATA.len() => (State::Cdata, len),
                    true => return Ok(false),
                    false => return Err(XmlError::NotWellFormed),
                }
            }
            [b'<', b'!', b'-' | b'A'..=b'Z' | b'a'..=b'z', ..] => return Err(XmlError::RestrictedXml),
            [b'<', b'!', ..] => return Err(XmlError::NotWellFormed),
            [b'<', b'/', ..] if !self.open.is_empty() => (State::End, 2),
            [b'<', ..] => (State::Tag(ElementParser::default()), 1),
            _ if self.open.is_empty() => return Err(XmlError::NotWellFormed),
            _ => return self.text(rest, sink),
        };
        self.state = state;
        self.token = self.pos;
        self.pos += len;
        Ok(true)
    }

    fn text(&mut self, rest: &[u8], sink: &mut impl Sink) -> Result<bool, XmlError> {
        let tag = memchr(b'<', rest);
        let run = &rest[..tag.unwrap_or(rest.len())];
        let settled = text::check(run, Kind::Text, tag.is_some())?;
        sink.text(&run[..settled], Kind::Text);
        self.pos += settled;
        Ok(tag.is_some())
    }

    fn cdata(&mut self, window: &[u8], sink: &mut impl Sink) -> Result<bool, XmlError> {
        let rest = &window[self.pos..];
        let end = memmem::find(rest, b"]]>");
        let run = &rest[..end.unwrap_or(rest.len())];
        // Brackets at the end may begin the end of the section.
        let brackets = run.iter().rev().take(2).take_while(|&&byte| byte == b']').count();
        let held = if end.is_some() { 0 } else { brackets };
        let run = &run[..run.len() - held];
        let settled = text::check(run, Kind::Cdata, end.is_some() || held > 0)?;
        sink.text(&run[..settled], Kind::Cdata);
        self.pos += settled;
        if end.is_some() {
            self.pos += 3;
            self.state = State::Content;
        }
        Ok(end.is_some())
    }

    fn tag(
        &mut self,
        mut parser: ElementParser,
        window: &[u8],
        outer: &Outer,
        sink: &mut impl Sink,
    ) -> Result<bool, XmlError> {
        // Mostly the whole tag is there, and one look is enough. Any doubt is for the patient way, whose verdicts do not
        // depend on how the bytes were cut.
        if self.pos == self.token + 1
            && let Ok(tag) = tag::read(window, self.pos, &self.limits, &mut self.attrs)
        {
            self.pos = tag.end;
            return self.enter(window, tag, outer, sink).map(|()| true);
        }
        let rest = &window[self.pos..];
        let Some(len) = parser.feed(rest) else {
            // A tag never holds `<`: one that lacks a quote must not wait for the limit.
            if memchr(b'<', rest).is_some() {
                return Err(XmlError::NotWellFormed);
            }
            self.state = State::Tag(parser);
            self.pos = window.len();
            return Ok(false);
        };
        let end = self.pos + len + 1;
        self.pos = end;
        match self
            .read(&window[..end])
            .and_then(|tag| self.enter(window, tag, outer, sink))
        {
            Ok(()) => Ok(true),
            // The same verdict as if the bytes had come one by one.
            Err(_) if memchr(b'<', &window[self.token + 1..end]).is_some() => Err(XmlError::NotWellFormed),
            Err(error) => Err(error),
        }
    }

    /// Reads the opening tag that ends with the window, if there may be one more.
    fn read(&mut self, window: &[u8]) -> Result<Tag, XmlError> {
        self.check_room()?;
        tag::read(window, self.token + 1, &self.limits, &mut self.attrs)
    }

    fn check_room(&self) -> Result<(), XmlError> {
        if self.elements >= self.limits.elements_max {
            return Err(XmlError::Limit("elements_max"));
        }
        if self.open.len() >= self.limits.depth_max {
            return Err(XmlError::Limit("depth_max"));
        }
        Ok(())
    }

    /// Takes up the opening tag that was read.
    fn enter(&mut self, window: &[u8], tag: Tag, outer: &Outer, sink: &mut impl Sink) -> Result<(), XmlError> {
        self.check_room()?;
        self.elements += 1;
        let depth = self.open.len() + 1;
        let mark = self.scope.mark();
        self.scope.enter(window, &self.attrs, outer, &self.limits)?;
        let ns = self.scope.of_element(window, tag.name, outer)?;
        sink.open(&Opened {
            buf: window,
            depth,
            start: self.token,
            end: self.pos,
            tag,
            ns,
            attrs: &self.attrs,
            scope: &self.scope,
            outer,
        });
        self.state = State::Content;
        if tag.empty {
            self.scope.leave(mark);
            sink.close(depth, self.pos, self.pos);
        } else {
            self.open.push(Open { name: tag.name, mark });
        }
        Ok(())
    }

    fn end(&mut self, window: &[u8], sink: &mut impl Sink) -> Result<bool, XmlError> {
        let Some(open) = self.open.last() else {
            return Err(XmlError::NotWellFormed);
        };
        let name = self.token + 2;
        let Some(len) = end_tag(&window[name..], open.name.whole(window), self.pos - name)? else {
            self.pos = window.len();
            return Ok(false);
        };
        self.pos = name + len;
        self.state = State::Content;
        self.scope.leave(open.mark);
        sink.close(self.open.len(), self.token, self.pos);
        self.open.pop();
        Ok(true)
    }
}

/// Reads a closing tag after its `</`, of which `seen` bytes were read before. Returns its length, `>` included.
///
/// # Errors
/// `NotWellFormed` when it is not that of `name`.
pub(super) fn end_tag(bytes: &[u8], name: &[u8], seen: usize) -> Result<Option<usize>, XmlError> {
    let len = bytes.len().min(name.len());
    if bytes[..len] != name[..len] {
        return Err(XmlError::NotWellFormed);
    }
    let from = seen.max(len);
    match bytes[from..].iter().position(|&byte| !is_space(byte)) {
        None => Ok(None),
        Some(offset) if bytes[from + offset] == b'>' => Ok(Some(from + offset + 1)),
        Some(_) => Err(XmlError::NotWellFormed),
    }
}
