//! The one serializer: whatever leaves as XML is written here, and escaped here.

use super::Element;
use bytes::Bytes;

/// Writes XML, escaping everything.
#[derive(Debug, Default)]
pub struct Writer {
    _out: Vec<u8>,
}

impl Writer {
    /// An empty writer.
    pub fn new() -> Writer {
        Writer::default()
    }

    /// Opens a tag: `<name`. `name` is literal.
    pub fn open(&mut self, name: &str) -> &mut Writer {
        let _ = name;
        todo!()
    }

    /// Adds an attribute to the tag that is open: ` name='value'`, the value escaped.
    pub fn attr(&mut self, name: &str, value: &str) -> &mut Writer {
        let _ = (name, value);
        todo!()
    }

    /// Adds character data, escaped; ends an open tag first.
    pub fn text(&mut self, text: &str) -> &mut Writer {
        let _ = text;
        todo!()
    }

    /// Adds a tree; ends an open tag first. `default_ns` is the default namespace in scope.
    pub fn element(&mut self, element: &Element, default_ns: &str) -> &mut Writer {
        let _ = (element, default_ns);
        todo!()
    }

    /// Adds already serialised XML.
    pub fn raw(&mut self, xml: &[u8]) -> &mut Writer {
        let _ = xml;
        todo!()
    }

    /// Closes the innermost tag (`/>` when it is empty).
    pub fn close(&mut self) -> &mut Writer {
        todo!()
    }

    /// Ends an open tag without closing the element (a stream header).
    pub fn leave_open(&mut self) -> &mut Writer {
        todo!()
    }

    /// What was written.
    pub fn finish(self) -> Bytes {
        todo!()
    }
}
