//! The way out of a session: a bounded queue of what is to be written.

use crate::store::Ticket;
use crate::xml::Rope;

/// Why the server ends a session; `net/` writes the stream error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Closing {
    /// Another session took the resource (RFC 6120 section 4.9.3.3).
    Conflict,
    /// The queue was full: the client does not read (RFC 6120 section 4.9.3.17).
    ResourceConstraint,
    /// The server stops (RFC 6120 section 4.9.3.21).
    SystemShutdown,
    /// The account was removed or its password changed (RFC 6120 section 4.9.3.12).
    NotAuthorized,
    /// A newer configuration or certificate asks for it (RFC 6120 section 4.9.3.16).
    Reset,
}

/// A bounded queue between the router, which pushes from any task, and the one task that drains it and writes.
///
/// Policy when it is full: the session ends with [`Closing::ResourceConstraint`], what it had not been sent is handed
/// back to the router by `unbind` (messages go to the offline store), and the sender is never blocked.
#[derive(Debug)]
pub struct Sink {
    _private: (),
}

impl Sink {
    /// A sink that holds at most that many stanzas and bytes (`usize::MAX`: no bound, for in-process sessions).
    pub fn new(stanzas_max: usize, bytes_max: usize) -> Sink {
        let _ = (stanzas_max, bytes_max);
        todo!()
    }

    /// Queues one element. With a ticket it, and all behind it, stay until the ticket is durable.
    pub fn push(&self, rope: Rope, after: Option<Ticket>) {
        let _ = (rope, after);
        todo!()
    }

    /// Asks the session to end. The first reason stays.
    pub fn close(&self, why: Closing) {
        let _ = why;
        todo!()
    }

    /// Waits until there is something to drain, a ticket to wait for, or a reason to close. Cancel-safe.
    pub async fn ready(&self) {
        todo!()
    }

    /// Takes what may be written now, up to about `bytes` bytes, in order. Returns the ticket that the first element
    /// left behind waits for, if that is why it stayed.
    pub fn drain(&self, committed: Ticket, bytes: usize, out: &mut Vec<Rope>) -> Option<Ticket> {
        let _ = (committed, bytes, out);
        todo!()
    }

    /// The reason to close, if any.
    pub fn closing(&self) -> Option<Closing> {
        todo!()
    }

    /// Whether the queue is over half full: `net/` then stops reading from this session.
    pub fn is_congested(&self) -> bool {
        todo!()
    }
}
