//! The resource that a connection has.

use crate::router::{Router, Session};
use jid::FullJid;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

/// A bound resource that is unbound when this is dropped, however its task ends, unless it waits for another connection.
pub(in crate::net) struct BoundSession {
    router: Router,
    pub(super) session: Arc<Session>,
    detached: bool,
}

impl BoundSession {
    pub(in crate::net) fn new(router: Router, session: Arc<Session>) -> BoundSession {
        BoundSession {
            router,
            session,
            detached: false,
        }
    }

    pub(in crate::net) fn jid(&self) -> &FullJid {
        self.session.jid()
    }

    /// Says where the connection comes from.
    pub(in crate::net) fn set_peer(&self, peer: IpAddr) {
        self.session.set_peer(peer);
    }

    /// The connection is lost: see [`Router::detach`].
    pub(super) fn detach(&mut self, handled: u32, at_most: Duration, silence: Option<Duration>) {
        self.detached = true;
        self.router.detach(&self.session, handled, at_most, silence);
    }
}

impl Drop for BoundSession {
    fn drop(&mut self) {
        if !self.detached {
            self.router.unbind(&self.session);
        }
    }
}
