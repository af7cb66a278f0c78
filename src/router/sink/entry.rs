//! One element on its way out.

use crate::store::Ticket;
use crate::xml::Rope;
use std::time::Instant;

/// What is queued, and later waits for the client's acknowledgement.
#[derive(Debug)]
pub(super) struct Entry {
    pub rope: Rope,
    /// What it must wait for.
    pub after: Option<Ticket>,
    pub origin: Origin,
    /// It counts towards no bound of the queue.
    pub free: bool,
    /// When it was queued.
    pub since: Instant,
}

/// Where else an element is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::router) enum Origin {
    /// Nowhere.
    Alone,
    /// Another resource of the account was given it too.
    Copy,
    /// In the store under this id, until the client has acknowledged it.
    Kept(u64),
}

/// An element that a session was not sent, or did not acknowledge, before it ended.
#[derive(Debug)]
pub(in crate::router) struct Undelivered {
    /// The element.
    pub rope: Rope,
    /// Where else it is.
    pub origin: Origin,
    /// When it was queued.
    pub since: Instant,
}

impl Entry {
    pub fn new(rope: Rope, after: Option<Ticket>, origin: Origin) -> Entry {
        Entry {
            rope,
            after,
            origin,
            free: false,
            since: Instant::now(),
        }
    }

    pub fn kept(&self) -> Option<u64> {
        match self.origin {
            Origin::Kept(id) => Some(id),
            _ => None,
        }
    }
}

impl From<Entry> for Undelivered {
    fn from(entry: Entry) -> Undelivered {
        Undelivered {
            rope: entry.rope,
            origin: entry.origin,
            since: entry.since,
        }
    }
}
