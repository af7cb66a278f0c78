//! One top-level child of a stream: its exact bytes and its parsed head.

use super::{Element, Limits, Rope, XmlError};
use bytes::Bytes;
use std::borrow::Cow;

/// One top-level child of a stream: its exact bytes, shared, and its parsed head. Self-contained but for the default
/// namespace `jabber:client`: a frame that used a prefix or another default namespace of its stream header was
/// re-serialised by the parser. Cloning is cheap (reference counts).
#[derive(Clone, Debug)]
pub struct Frame {
    // the implementation chooses
    bytes: Bytes,
}

/// The head of one direct child of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Child<'a> {
    /// Local name.
    pub name: &'a str,
    /// Namespace.
    pub ns: &'a str,
    /// The child's exact bytes within the frame.
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
    /// Reads one self-contained element (a stored record, an in-process stanza). Its default namespace is
    /// `jabber:client` unless it declares another.
    ///
    /// # Errors
    /// Every violation that the stream parser knows; trailing bytes are `NotWellFormed`.
    pub fn parse(bytes: Bytes, limits: &Limits) -> Result<Frame, XmlError> {
        let _ = (bytes, limits);
        todo!()
    }

    /// Serialises a tree.
    pub fn from_element(element: &Element) -> Frame {
        let _ = element;
        todo!()
    }

    /// The tree, built from the same tokens.
    pub fn to_element(&self) -> Element {
        todo!()
    }

    /// The exact bytes.
    pub fn bytes(&self) -> &Bytes {
        &self.bytes
    }

    /// Local name of the element.
    pub fn name(&self) -> &str {
        todo!()
    }

    /// Namespace of the element.
    pub fn ns(&self) -> &str {
        todo!()
    }

    /// The value of an attribute without prefix, or of `xml:lang`; references resolved.
    pub fn attr(&self, name: &str) -> Option<Cow<'_, str>> {
        let _ = name;
        todo!()
    }

    /// The heads of the direct children, in order.
    pub fn children(&self) -> impl Iterator<Item = Child<'_>> {
        std::iter::empty()
    }

    /// The direct child's tree, for a module that reads one payload of a message.
    pub fn child_element(&self, index: usize) -> Option<Element> {
        let _ = index;
        todo!()
    }

    /// Delivers the frame: a new opening tag, then shared slices of the body less the direct children whose index is
    /// in `cut`, then `append` (serialised elements), then the closing tag. The body is never copied.
    pub fn deliver(&self, address: &Address<'_>, cut: &[usize], append: &[Bytes]) -> Rope {
        let _ = (address, cut, append);
        todo!()
    }
}
