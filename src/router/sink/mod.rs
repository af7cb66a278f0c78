//! The way out of a session: a bounded queue of what is to be written, and behind it what was written and not
//! acknowledged, when the client counts (XEP-0198).

mod entry;
mod inactive;
mod managed;
#[cfg(test)]
mod tests;
mod unacknowledged;

pub(super) use entry::{Copies, Origin, Undelivered};
pub use managed::Asking;
pub use unacknowledged::{HandledCountTooHigh, Window};

use crate::store::Ticket;
use crate::xml::Rope;
use entry::Entry;
use inactive::{Inactive, Subject};
use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::Notify;
use unacknowledged::Unacknowledged;

/// A queue that has drained gives its memory back when it has grown beyond this many elements.
const IDLE_CAPACITY: usize = 16;

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
/// back to the router by `unbind` (messages go to the offline store), and the sender is never blocked. A client that
/// counts and does not acknowledge fills its [`Window`] first, and then the queue.
#[derive(Debug)]
pub struct Sink {
    stanzas_max: usize,
    bytes_max: usize,
    /// Whether what may wait is held back, so that who pushes need not look at it otherwise.
    holds_back: AtomicBool,
    queue: Mutex<Queue>,
    changed: Notify,
}

#[derive(Debug, Default)]
struct Queue {
    entries: VecDeque<Entry>,
    /// Of all entries but the free ones.
    bytes: usize,
    /// Entries that count towards no bound: a backlog, and what is written a second time.
    free: usize,
    /// The last drain stopped at an entry whose ticket is not durable: more entries behind it are no news.
    held: bool,
    closing: Option<Closing>,
    /// The session is gone: nothing will be drained any more.
    ended: bool,
    /// What was written, while the client counts.
    unacknowledged: Option<Box<Unacknowledged>>,
    /// What is held back, while nobody looks at the client.
    inactive: Option<Box<Inactive>>,
}

impl Sink {
    /// A sink that holds at most that many stanzas and bytes (`usize::MAX`: no bound, for in-process sessions).
    pub fn new(stanzas_max: usize, bytes_max: usize) -> Sink {
        Sink {
            stanzas_max,
            bytes_max,
            holds_back: AtomicBool::new(false),
            queue: Mutex::default(),
            changed: Notify::new(),
        }
    }

    /// Queues one element. With a ticket it, and all behind it, stay until the ticket is durable. `false` when it was
    /// refused: the session ends, or must end because the queue is full.
    pub fn push(&self, rope: Rope, after: Option<Ticket>) -> bool {
        self.enqueue(Entry::new(rope, after, Origin::Alone))
    }

    /// Queues an element that is one of several copies.
    pub(super) fn push_copy(&self, rope: Rope, copies: &Arc<Copies>) -> bool {
        self.enqueue(Entry::new(rope, None, Origin::Copy(Arc::clone(copies))))
    }

    /// Queues what was kept for the account while it was away, as a whole, whatever the bounds: the store has its own.
    /// While an earlier backlog is not read, another must find room as anything else must, or whoever reads nothing could be
    /// sent one after the other. Each element with the id under which it stays in the store until it is acknowledged, or with
    /// none when it is kept no longer. `false` when it was refused: the session ends, or has no room.
    pub fn push_backlog(&self, ropes: Vec<(Rope, Option<u64>)>) -> bool {
        let bytes = ropes.iter().map(|(rope, _)| rope.len()).sum();
        let mut queue = self.lock();
        let free = queue.free == 0;
        if queue.closing.is_some() || queue.ended || !free && !self.has_room(&queue, ropes.len(), bytes) {
            return false;
        }
        queue.release();
        for (rope, kept) in ropes {
            let entry = Entry::new(rope, None, kept.map_or(Origin::Alone, Origin::Kept));
            queue.push(Entry { free, ..entry });
        }
        drop(queue);
        self.changed.notify_one();
        true
    }

    /// Whether elements are on their way, or unacknowledged, that are in the store too.
    pub fn has_kept(&self) -> bool {
        let queue = self.lock();
        let sent = queue.unacknowledged.iter().flat_map(|sent| sent.entries());
        sent.chain(&queue.entries).any(|entry| entry.kept().is_some())
    }

    fn enqueue(&self, entry: Entry) -> bool {
        // Looked at before the lock is taken: it takes a while.
        let waits = self.holds_back.load(Ordering::SeqCst) && inactive::may_wait(&entry);
        let subject = if waits { Subject::of(&entry.rope) } else { None };
        let mut queue = self.lock();
        if queue.closing.is_some() || queue.ended {
            return false;
        }
        let was_empty = queue.entries.is_empty();
        match subject {
            Some(subject) if queue.inactive.is_some() => {
                entry.given();
                self.hold_back(&mut queue, subject, entry);
            }
            _ => {
                queue.release();
                if !self.has_room(&queue, 1, entry.rope.len()) {
                    queue.closing = Some(Closing::ResourceConstraint);
                    drop(queue);
                    self.changed.notify_one();
                    return false;
                }
                entry.given();
                queue.push(entry);
            }
        }
        let wake = was_empty && !queue.entries.is_empty();
        drop(queue);
        if wake {
            self.changed.notify_one();
        }
        true
    }

    fn has_room(&self, queue: &Queue, stanzas: usize, bytes: usize) -> bool {
        let counted = queue.entries.len() - queue.free;
        counted.saturating_add(stanzas) <= self.stanzas_max && queue.bytes.saturating_add(bytes) <= self.bytes_max
    }

    /// Keeps an element back, unless that would fill half of the queue: then all of them go.
    fn hold_back(&self, queue: &mut Queue, subject: Subject, entry: Entry) {
        let Some(inactive) = &mut queue.inactive else { return };
        inactive.hold(subject, entry);
        if inactive.len() > self.stanzas_max / 4 || inactive.bytes() > self.bytes_max / 4 {
            queue.release();
        }
    }

    /// Says whether somebody looks at the client (XEP-0352). While nobody does, what may wait is held back.
    pub fn set_active(&self, active: bool) {
        let mut queue = self.lock();
        self.holds_back.store(!active, Ordering::SeqCst);
        if active {
            queue.release();
            queue.inactive = None;
        } else if queue.inactive.is_none() {
            queue.inactive = Some(Box::default());
        }
        drop(queue);
        self.changed.notify_one();
    }

    /// Asks the session to end. The first reason stays; what is queued may still be drained.
    pub fn close(&self, why: Closing) {
        let mut queue = self.lock();
        if queue.closing.is_none() {
            queue.closing = Some(why);
            drop(queue);
            self.changed.notify_one();
        }
    }

    /// Waits until there is something to drain, or a reason to close, or another connection wants the session. After a
    /// drain that returned a ticket only the latter end the wait: the caller follows
    /// [`Store::committed`](crate::store::Store::committed) beside it, and drains again when it moves. Cancel-safe; for
    /// one task at a time.
    pub async fn ready(&self) {
        while !self.lock().is_ready() {
            self.changed.notified().await;
        }
    }

    /// Takes what may be written now, up to about `bytes` bytes, in order. Returns the ticket that the first element
    /// left behind waits for, if that is why it stayed. Nothing is taken while the client has a whole [`Window`] to
    /// acknowledge.
    pub fn drain(&self, committed: Ticket, bytes: usize, out: &mut Vec<Rope>) -> Option<Ticket> {
        let mut queue = self.lock();
        let mut taken = 0;
        let mut waits = None;
        while let Some(entry) = queue.entries.front() {
            waits = entry.after.filter(|ticket| *ticket > committed);
            if waits.is_some() || taken >= bytes || queue.is_blocked() {
                break;
            }
            if let Some(entry) = queue.pop() {
                taken += entry.rope.len();
                out.push(entry.rope.clone());
                if let Some(sent) = &mut queue.unacknowledged {
                    sent.push(entry);
                }
            }
        }
        queue.held = waits.is_some();
        if queue.entries.is_empty() && queue.entries.capacity() > IDLE_CAPACITY {
            queue.entries = VecDeque::new();
        }
        waits
    }

    /// Stanzas that wait, and the bytes of those that are no backlog.
    pub fn waiting(&self) -> (usize, usize) {
        let queue = self.lock();
        (queue.entries.len(), queue.bytes)
    }

    /// The reason to close, if any.
    pub fn closing(&self) -> Option<Closing> {
        self.lock().closing
    }

    /// Whether the queue is over half full: `net/` then stops reading from this session. Not while the queue waits for
    /// the client's acknowledgement, which would be read last.
    pub fn is_congested(&self) -> bool {
        let queue = self.lock();
        let is_long = queue.entries.len() - queue.free > self.stanzas_max / 2 || queue.bytes > self.bytes_max / 2;
        is_long && !queue.is_blocked()
    }

    /// Ends the queue for good, and hands back what was not drained or not acknowledged, in order. What was held back is
    /// worth nothing later.
    pub(super) fn end(&self) -> Vec<Undelivered> {
        let mut queue = self.lock();
        let ended = Queue {
            closing: queue.closing,
            ended: true,
            ..Queue::default()
        };
        let before = std::mem::replace(&mut *queue, ended);
        drop(queue);
        let sent = before.unacknowledged.map(|mut sent| sent.take()).unwrap_or_default();
        sent.into_iter().chain(before.entries).map(Undelivered::from).collect()
    }

    fn lock(&self) -> MutexGuard<'_, Queue> {
        // Every critical section leaves the queue consistent, so a poisoned lock is as good as another.
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Queue {
    fn is_ready(&self) -> bool {
        let may_drain = !self.entries.is_empty() && !self.held && !self.is_blocked();
        self.closing.is_some() || self.is_claimed() || may_drain
    }

    /// Whether the client must acknowledge before it is sent more.
    fn is_blocked(&self) -> bool {
        self.unacknowledged.as_ref().is_some_and(|sent| sent.is_full())
    }

    fn push(&mut self, entry: Entry) {
        if entry.free {
            self.free += 1;
        } else {
            self.bytes = self.bytes.saturating_add(entry.rope.len());
        }
        self.entries.push_back(entry);
    }

    fn pop(&mut self) -> Option<Entry> {
        let entry = self.entries.pop_front()?;
        if entry.free {
            self.free -= 1;
        } else {
            self.bytes -= entry.rope.len();
        }
        Some(entry)
    }

    /// What was held back goes.
    fn release(&mut self) {
        let held = self.inactive.as_mut().map(|inactive| inactive.take());
        for entry in held.into_iter().flatten() {
            self.push(entry);
        }
    }
}
