//! A bound resource.

use super::Sink;
use crate::stanza::Role;
use jid::FullJid;
use std::sync::Arc;

/// A session: a bound resource (RFC 6120 section 7), *connected*; *available* once it has sent initial presence;
/// *interested* once it has asked for the roster (RFC 6121 section 2.2).
#[derive(Debug)]
pub struct Session {
    jid: FullJid,
    role: Role,
    sink: Arc<Sink>,
}

impl Session {
    /// The full JID that was bound.
    pub fn jid(&self) -> &FullJid {
        &self.jid
    }

    /// The account's role when the session was bound.
    pub fn role(&self) -> Role {
        self.role
    }

    /// Its way out.
    pub fn sink(&self) -> &Arc<Sink> {
        &self.sink
    }

    // the implementation adds: presence (the last broadcast frame, priority), interested, directed presence, caps key
}
