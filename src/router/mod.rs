//! Sessions and the way of a stanza between them: RFC 6121 section 8 as a table, and `trait Module`, to which every
//! protocol feature attaches.
//!
//! Handlers run on the origin's task, in arrival order (RFC 6120 section 10.1); they are plain functions that read the
//! store directly and hand writes to the storage thread. A reply that acknowledges a write carries its
//! [`Ticket`](crate::store::Ticket): the sink holds it, and what follows it, until the ticket is durable. Delivery to
//! others never waits for the disk.

mod context;
mod module;
mod session;
mod sink;

pub use context::Context;
pub use module::{Addressee, Iq, IqRoute, Module, Status, Xep};
pub use session::Session;
pub use sink::{Closing, Sink};

use crate::stanza::{Role, StanzaError};
use crate::store::Store;
use crate::xml::Frame;
use jid::BareJid;
use std::sync::Arc;

/// The router: a cheap handle, cloned to every connection.
#[derive(Clone)]
pub struct Router {
    _shared: Arc<()>,
}

/// The router's settings.
#[derive(Clone, Debug)]
pub struct Options {
    /// The domain served.
    pub domain: String,
    /// Resources per account (RFC 6120 section 7.7.2.2).
    pub resources_max: usize,
    /// Roster items per account.
    pub roster_items_max: usize,
}

/// Why a session's stream must end: `net/` maps it to a stream error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Violation {
    /// `from` is not the session's own (RFC 6120 section 4.9.3.9, `invalid-from`).
    InvalidFrom,
    /// Not a stanza (RFC 6120 section 4.9.3.24, `unsupported-stanza-type`).
    UnsupportedStanzaType,
    /// A top-level element in a foreign namespace (RFC 6120 section 4.9.3.10, `invalid-namespace`).
    InvalidNamespace,
}

impl Router {
    /// A router over a store, with the modules in the order in which their hooks run.
    pub fn new(options: Options, store: Store, modules: Vec<Box<dyn Module>>) -> Router {
        let _ = (options, store, modules);
        todo!()
    }

    /// Binds a resource (RFC 6120 section 7) for an authenticated account. A resource asked for that another session
    /// holds ends that session with `conflict`; one that resourceprep refuses, or none, becomes a server-made one.
    ///
    /// # Errors
    /// `resource-constraint` when the account has its maximum of resources.
    pub fn bind(
        &self,
        account: &BareJid,
        resource: Option<&str>,
        role: Role,
        sink: Arc<Sink>,
    ) -> Result<Arc<Session>, StanzaError> {
        let _ = (account, resource, role, sink);
        todo!()
    }

    /// Routes one top-level element from a session.
    ///
    /// # Errors
    /// When the stream must end.
    pub fn route(&self, session: &Arc<Session>, frame: Frame) -> Result<(), Violation> {
        let _ = (session, frame);
        todo!()
    }

    /// Ends a session: unavailable presence to those who saw it, hooks, its undelivered messages kept. Idempotent.
    pub fn unbind(&self, session: &Arc<Session>) {
        let _ = session;
        todo!()
    }

    /// Ends every session of an account (its password changed, it was removed), or all (`None`: shutdown).
    pub fn end_sessions(&self, account: Option<&BareJid>, why: Closing) {
        let _ = (account, why);
        todo!()
    }
}
