//! What has happened since the start, for the statistics.

use std::sync::atomic::{AtomicU64, Ordering};

/// The counts. They only grow.
#[derive(Debug, Default)]
pub struct Counts {
    stanzas: AtomicU64,
    logins_refused: AtomicU64,
}

impl Counts {
    /// Top-level elements taken from sessions.
    pub fn stanzas(&self) -> u64 {
        self.stanzas.load(Ordering::Relaxed)
    }

    /// Logins with wrong credentials.
    pub fn logins_refused(&self) -> u64 {
        self.logins_refused.load(Ordering::Relaxed)
    }

    /// A login was refused; `net/` says so.
    pub fn login_refused(&self) {
        self.logins_refused.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn stanza(&self) {
        self.stanzas.fetch_add(1, Ordering::Relaxed);
    }
}
