//! One element on its way out.

use crate::store::Ticket;
use crate::xml::Rope;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
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
#[derive(Clone, Debug)]
pub(in crate::router) enum Origin {
    /// Nowhere.
    Alone,
    /// Other resources of the account were given it too.
    Copy(Arc<Copies>),
    /// In the store under this id, until the client has acknowledged it.
    Kept(u64),
}

/// A message that several resources of an account are given, as it is or as a carbon (XEP-0280). It is lost when all of
/// them return it.
#[derive(Debug)]
pub(in crate::router) struct Copies {
    message: Rope,
    /// Resources that were given it and have not returned it: they have it, or will.
    holders: AtomicUsize,
}

impl Copies {
    /// Nobody was given it yet.
    pub fn new(message: Rope) -> Arc<Copies> {
        Arc::new(Copies {
            message,
            holders: AtomicUsize::new(0),
        })
    }

    /// The message itself.
    pub fn message(&self) -> &Rope {
        &self.message
    }

    /// Whether somebody has it.
    pub fn is_held(&self) -> bool {
        self.holders.load(Ordering::SeqCst) > 0
    }

    /// A resource ended without it; whether it was the last that had it.
    pub fn returned(&self) -> bool {
        self.holders.fetch_sub(1, Ordering::SeqCst) == 1
    }
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

    /// It is queued.
    pub fn given(&self) {
        if let Origin::Copy(copies) = &self.origin {
            copies.holders.fetch_add(1, Ordering::SeqCst);
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
