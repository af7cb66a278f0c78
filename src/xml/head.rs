//! The head of a frame, collected while its bytes are scanned.

use super::name::QName;
use super::scan::{Opened, Sink};
use super::scope::Ns;
use super::tag::{Attr, Span};
use super::text::Kind;

/// What is known of a frame without a tree. Positions refer to the frame's bytes.
#[derive(Debug)]
pub(super) struct Head {
    /// Its name.
    pub name: QName,
    /// Its namespace.
    pub ns: Ns,
    /// Its attributes, declarations included.
    pub attrs: Box<[Attr]>,
    /// Past its opening tag.
    pub open_end: usize,
    /// Its closing tag; the end of the frame for an empty element.
    pub close_start: usize,
    /// Its direct children.
    pub children: Box<[ChildHead]>,
}

/// What is known of a direct child.
#[derive(Clone, Copy, Debug)]
pub(super) struct ChildHead {
    /// Its local name.
    pub name: Span,
    /// Its namespace.
    pub ns: Ns,
    /// The whole element.
    pub span: Span,
}

/// Collects a head; kept from frame to frame.
#[derive(Debug)]
pub(super) struct HeadSink {
    name: QName,
    ns: Ns,
    attrs: Vec<Attr>,
    open_end: usize,
    close_start: usize,
    children: Vec<ChildHead>,
}

impl HeadSink {
    pub fn new() -> HeadSink {
        HeadSink {
            name: QName::default(),
            ns: Ns::Default,
            attrs: Vec::new(),
            open_end: 0,
            close_start: 0,
            children: Vec::new(),
        }
    }

    /// The head of the frame whose end was just seen; the sink is ready for the next.
    pub fn take(&mut self) -> Head {
        let head = Head {
            name: self.name,
            ns: self.ns,
            attrs: self.attrs.as_slice().into(),
            open_end: self.open_end,
            close_start: self.close_start,
            children: self.children.as_slice().into(),
        };
        self.attrs.clear();
        self.children.clear();
        head
    }
}

impl Sink for HeadSink {
    fn open(&mut self, element: &Opened<'_>) {
        match element.depth {
            1 => {
                self.name = element.tag.name;
                self.ns = element.ns;
                self.attrs.extend_from_slice(element.attrs);
                self.open_end = element.end;
            }
            2 => {
                let name = element.tag.name;
                let local = name.local(element.buf).len();
                self.children.push(ChildHead {
                    name: Span::new(name.end() - local, name.end()),
                    ns: element.ns,
                    span: Span::new(element.start, element.end),
                });
            }
            _ => {}
        }
    }

    fn text(&mut self, _raw: &[u8], _kind: Kind) {}

    fn close(&mut self, depth: usize, start: usize, end: usize) {
        match (depth, self.children.last_mut()) {
            (1, _) => self.close_start = start,
            (2, Some(child)) => child.span = Span::new(child.span.start as usize, end),
            _ => {}
        }
    }
}
