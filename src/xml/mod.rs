//! The room where bytes become frames and frames become bytes.
//!
//! [`StreamParser`] splits an XML stream (RFC 6120 section 4) into [`Frame`]s while the bytes arrive; quick-xml
//! finds the tokens, this room enforces what it leaves open (RFC 6120 section 11: no DTD, comment, processing
//! instruction or foreign entity; UTF-8, XML characters, names, unique attributes, matching tags, bound prefixes) and
//! the [`Limits`]. A frame keeps its exact bytes; a tree ([`Element`]) is built only where the server itself is the
//! reader, from the very same tokens.
//!
//! Invariant: whatever is accepted here, every conforming namespace-aware parser accepts with the same meaning.

mod element;
mod error;
mod frame;
#[cfg(any(test, fuzzing))]
pub(crate) mod fuzz;
mod head;
mod header;
mod limits;
mod name;
mod parser;
mod rope;
mod scan;
mod scope;
mod tag;
#[cfg(test)]
mod tests;
mod text;
mod tree;
mod writer;

pub use element::{Build, element};
pub use error::XmlError;
pub use frame::{Address, Child, Frame};
pub use header::Header;
pub use limits::Limits;
pub use minidom::Element;
pub use parser::{Event, StreamParser};
pub use rope::Rope;
pub use writer::{Writer, to_bytes};

/// RFC 6120 section 4.8.1: the namespace of the stream root.
pub const STREAM: &str = "http://etherx.jabber.org/streams";
/// RFC 6120 section 4.8.2: the content namespace of a client-to-server stream.
pub const CLIENT: &str = "jabber:client";
