//! A small XML tree, read with `rxml`: a strict, namespace-aware parser that others wrote, so that what the server
//! writes is held against a reading which is not its own.

use super::ns;
use rxml::error::EndOrError;
use rxml::{AttrMap, Event, Options, Parse, Parser, QName, WithOptions};
use std::collections::{BTreeMap, VecDeque};
use std::fmt;

/// An element.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Node {
    pub name: String,
    pub ns: String,
    /// Attributes; one in a namespace is written `{namespace}name`, `xml:lang` as itself.
    pub attrs: BTreeMap<String, String>,
    pub children: Vec<Child>,
}

/// What an element holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Child {
    Node(Node),
    Text(String),
}

impl Node {
    /// Reads one element; without a namespace of its own it is in `jabber:client`.
    pub fn parse(xml: &str) -> Result<Node, String> {
        let mut reader = StreamReader::new();
        let mut found = VecDeque::new();
        reader.feed(
            b"<x xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'>",
            &mut found,
        )?;
        reader.feed(xml.trim().as_bytes(), &mut found)?;
        let parsed = found.drain(..).skip(1).collect::<Vec<_>>();
        match parsed.as_slice() {
            [Received::Node(node)] => Ok(node.clone()),
            other => Err(format!("not one element: {other:?} in {xml}")),
        }
    }

    /// Whether it has this name in this namespace.
    pub fn is(&self, name: &str, ns: &str) -> bool {
        self.name == name && self.ns == ns
    }

    pub fn attr(&self, name: &str) -> Option<&str> {
        self.attrs.get(name).map(String::as_str)
    }

    /// The child elements.
    pub fn nodes(&self) -> impl Iterator<Item = &Node> {
        self.children.iter().filter_map(|child| match child {
            Child::Node(node) => Some(node),
            Child::Text(_) => None,
        })
    }

    /// The first child with this name, in any namespace.
    pub fn child(&self, name: &str) -> Option<&Node> {
        self.nodes().find(|node| node.name == name)
    }

    /// The first child with this name and namespace.
    pub fn child_ns(&self, name: &str, ns: &str) -> Option<&Node> {
        self.nodes().find(|node| node.is(name, ns))
    }

    /// The element below, a child's name at each step.
    pub fn at(&self, path: &[&str]) -> Option<&Node> {
        path.iter().try_fold(self, |node, name| node.child(name))
    }

    /// All the text directly inside.
    pub fn text(&self) -> String {
        self.children
            .iter()
            .filter_map(|child| match child {
                Child::Text(text) => Some(text.as_str()),
                Child::Node(_) => None,
            })
            .collect()
    }

    /// The text of the first child with this name.
    pub fn child_text(&self, name: &str) -> Option<String> {
        self.child(name).map(Node::text)
    }

    /// The stanza error's condition, when it carries one.
    pub fn condition(&self) -> Option<&str> {
        let error = self.child("error")?;
        error
            .nodes()
            .find(|node| node.ns == ns::STANZA_ERRORS && node.name != "text")
            .map(|node| node.name.as_str())
    }
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('\'', "&apos;")
}

impl Node {
    fn write(&self, out: &mut fmt::Formatter<'_>, around: &str) -> fmt::Result {
        write!(out, "<{}", self.name)?;
        if self.ns != around {
            write!(out, " xmlns='{}'", escape(&self.ns))?;
        }
        for (name, value) in &self.attrs {
            write!(out, " {name}='{}'", escape(value))?;
        }
        if self.children.is_empty() {
            return write!(out, "/>");
        }
        write!(out, ">")?;
        for child in &self.children {
            match child {
                Child::Node(node) => node.write(out, &self.ns)?,
                Child::Text(text) => write!(out, "{}", escape(text))?,
            }
        }
        write!(out, "</{}>", self.name)
    }
}

impl fmt::Display for Node {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.write(out, ns::CLIENT)
    }
}

/// What a stream yields.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Received {
    /// The stream's header, without children.
    Header(Node),
    /// A top-level element.
    Node(Node),
    /// The stream's closing tag.
    Footer,
}

/// Elements out of bytes as they arrive.
pub struct StreamReader {
    parser: Parser,
    open: Vec<Node>,
    header: bool,
}

impl StreamReader {
    pub fn new() -> StreamReader {
        let options = Options {
            max_token_length: 1 << 20,
            ..Options::default()
        };
        StreamReader {
            parser: Parser::with_options(options),
            open: Vec::new(),
            header: false,
        }
    }

    /// Takes bytes; what they complete goes to `found`.
    pub fn feed(&mut self, mut bytes: &[u8], found: &mut VecDeque<Received>) -> Result<(), String> {
        loop {
            match self.parser.parse(&mut bytes, false) {
                Ok(Some(event)) => self.take(event, found),
                Ok(None) => return Ok(()),
                Err(EndOrError::NeedMoreData) => return Ok(()),
                Err(EndOrError::Error(error)) => return Err(format!("the server's XML is refused: {error}")),
            }
        }
    }

    fn take(&mut self, event: Event, found: &mut VecDeque<Received>) {
        match event {
            Event::XmlDeclaration(..) => {}
            Event::StartElement(_, name, attrs) if !self.header => {
                self.header = true;
                found.push_back(Received::Header(node(&name, &attrs)));
            }
            Event::StartElement(_, name, attrs) => self.open.push(node(&name, &attrs)),
            Event::Text(_, text) => {
                if let Some(open) = self.open.last_mut() {
                    match open.children.last_mut() {
                        Some(Child::Text(before)) => before.push_str(&text),
                        _ => open.children.push(Child::Text(text)),
                    }
                }
            }
            Event::EndElement(_) => match (self.open.pop(), self.open.last_mut()) {
                (Some(done), Some(parent)) => parent.children.push(Child::Node(done)),
                (Some(done), None) => found.push_back(Received::Node(done)),
                (None, _) => found.push_back(Received::Footer),
            },
        }
    }
}

fn node((namespace, name): &QName, attrs: &AttrMap) -> Node {
    let attrs = attrs
        .iter()
        .map(|((namespace, name), value)| {
            let name = match namespace.as_str() {
                "" => name.to_string(),
                "http://www.w3.org/XML/1998/namespace" => format!("xml:{name}"),
                other => format!("{{{other}}}{name}"),
            };
            (name, value.clone())
        })
        .collect();
    Node {
        name: name.to_string(),
        ns: namespace.as_str().to_owned(),
        attrs,
        children: Vec::new(),
    }
}
