//! The XML stream (RFC 6120), sans-IO: bytes in, [`Event`]s out, answers in, bytes out.
//!
//! ```text
//!   bytes from the peer ──receive()──▶ ┌───────────┐ ──next_event()──▶ Credentials, CheckPassword, Bind, Frame, …
//!                                      │ Receiving │
//!   bytes to the peer ◀─take_output()─ └───────────┘ ◀──credentials(), password_checked(), bound(), …
//! ```
//!
//! [`Receiving`] is the receiving entity of a client-to-server stream, from its first byte to the closing tag:
//! header, features, STARTTLS, SASL, resource binding, then frames. It never looks anything up: it asks, and the caller
//! answers. While a question is open it parses nothing, so what a peer sends ahead waits its turn.
//!
//! # Architecture invariants
//! * No socket, no clock, no await, no store. Deadlines are the caller's.
//! * What was proved is a value: encrypted, authenticated, bound. Each is made at one place, and the states behind it
//!   cannot be built without it. No [`Event::Frame`] comes before a resource is bound.
//! * One parser a stream: STARTTLS and SASL success make a new one, and refuse bytes that came before it
//!   (CVE-2011-0411).
//! * Our header precedes everything we say; nothing comes after [`Event::Closed`].

mod error;
mod event;
mod features;
#[cfg(any(test, fuzzing))]
pub(crate) mod fuzz;
mod header;
mod management;
mod options;
mod random;
mod receiving;
pub mod sasl;

pub use error::{Application, Condition, StreamError};
pub use event::{Event, Password, Secret};
pub use management::{Enable, Resume, Resumption};
pub use options::Options;
pub use receiving::{Receiving, Transport, Verdict};
pub use sasl::{ChannelBindings, Failure, Mechanism, ScramHash, ScramKeys};
