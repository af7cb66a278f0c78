//! The way out of a session: a bounded queue of what is to be written.

use crate::store::Ticket;
use crate::xml::Rope;
use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};
use tokio::sync::Notify;

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
/// back to the router by `unbind` (messages go to the offline store), and the sender is never blocked.
#[derive(Debug)]
pub struct Sink {
    stanzas_max: usize,
    bytes_max: usize,
    queue: Mutex<Queue>,
    changed: Notify,
}

#[derive(Debug, Default)]
struct Queue {
    entries: VecDeque<Entry>,
    /// Of all entries but those of the backlog.
    bytes: usize,
    /// Entries that are part of a backlog: they count towards no bound.
    backlog: usize,
    /// The last drain stopped at an entry whose ticket is not durable: more entries behind it are no news.
    held: bool,
    closing: Option<Closing>,
    /// The session is gone: nothing will be drained any more.
    ended: bool,
}

#[derive(Debug)]
struct Entry {
    rope: Rope,
    after: Option<Ticket>,
    copy: bool,
    backlog: bool,
}

/// An element that a session was not sent before it ended.
#[derive(Debug)]
pub(super) struct Undelivered {
    /// The element.
    pub rope: Rope,
    /// Whether another resource of the account was given it too.
    pub copy: bool,
}

impl Sink {
    /// A sink that holds at most that many stanzas and bytes (`usize::MAX`: no bound, for in-process sessions).
    pub fn new(stanzas_max: usize, bytes_max: usize) -> Sink {
        Sink {
            stanzas_max,
            bytes_max,
            queue: Mutex::default(),
            changed: Notify::new(),
        }
    }

    /// Queues one element. With a ticket it, and all behind it, stay until the ticket is durable. `false` when it was
    /// refused: the session ends, or must end because the queue is full.
    pub fn push(&self, rope: Rope, after: Option<Ticket>) -> bool {
        self.enqueue(Entry {
            rope,
            after,
            copy: false,
            backlog: false,
        })
    }

    /// Queues an element that another resource of the same account is given too.
    pub(super) fn push_copy(&self, rope: Rope) -> bool {
        self.enqueue(Entry {
            rope,
            after: None,
            copy: true,
            backlog: false,
        })
    }

    /// Queues what was kept for the account while it was away, as a whole, whatever the bounds: the store has its own.
    /// `false` when it was refused: the session ends, or has not read the backlog before.
    pub fn push_backlog(&self, ropes: Vec<Rope>) -> bool {
        let mut queue = self.lock();
        if queue.closing.is_some() || queue.ended || queue.backlog > 0 {
            return false;
        }
        queue.backlog = ropes.len();
        queue.entries.extend(ropes.into_iter().map(|rope| Entry {
            rope,
            after: None,
            copy: false,
            backlog: true,
        }));
        drop(queue);
        self.changed.notify_one();
        true
    }

    fn enqueue(&self, entry: Entry) -> bool {
        let mut queue = self.lock();
        if queue.closing.is_some() || queue.ended {
            return false;
        }
        let bytes = queue.bytes.saturating_add(entry.rope.len());
        if queue.entries.len() - queue.backlog >= self.stanzas_max || bytes > self.bytes_max {
            queue.closing = Some(Closing::ResourceConstraint);
            drop(queue);
            self.changed.notify_one();
            return false;
        }
        let wake = queue.entries.is_empty();
        queue.bytes = bytes;
        queue.entries.push_back(entry);
        drop(queue);
        if wake {
            self.changed.notify_one();
        }
        true
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

    /// Waits until there is something to drain, or a reason to close. After a drain that returned a ticket only a reason
    /// to close ends the wait: the caller follows [`Store::committed`](crate::store::Store::committed) beside it, and
    /// drains again when it moves. Cancel-safe; for one task at a time.
    pub async fn ready(&self) {
        while !self.lock().is_ready() {
            self.changed.notified().await;
        }
    }

    /// Takes what may be written now, up to about `bytes` bytes, in order. Returns the ticket that the first element
    /// left behind waits for, if that is why it stayed.
    pub fn drain(&self, committed: Ticket, bytes: usize, out: &mut Vec<Rope>) -> Option<Ticket> {
        let mut queue = self.lock();
        let mut taken = 0;
        let mut waits = None;
        while let Some(entry) = queue.entries.front() {
            waits = entry.after.filter(|ticket| *ticket > committed);
            if waits.is_some() || taken >= bytes {
                break;
            }
            if let Some(entry) = queue.entries.pop_front() {
                taken += entry.rope.len();
                queue.count_out(&entry);
                out.push(entry.rope);
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

    /// Whether the queue is over half full: `net/` then stops reading from this session.
    pub fn is_congested(&self) -> bool {
        let queue = self.lock();
        queue.entries.len() - queue.backlog > self.stanzas_max / 2 || queue.bytes > self.bytes_max / 2
    }

    /// Ends the queue for good, and hands back what was not drained, in order.
    pub(super) fn end(&self) -> Vec<Undelivered> {
        let mut queue = self.lock();
        queue.ended = true;
        queue.bytes = 0;
        queue.backlog = 0;
        let entries = std::mem::take(&mut queue.entries);
        drop(queue);
        entries
            .into_iter()
            .map(|entry| Undelivered {
                rope: entry.rope,
                copy: entry.copy,
            })
            .collect()
    }

    fn lock(&self) -> MutexGuard<'_, Queue> {
        // Every critical section leaves the queue consistent, so a poisoned lock is as good as another.
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Queue {
    fn is_ready(&self) -> bool {
        self.closing.is_some() || (!self.entries.is_empty() && !self.held)
    }

    fn count_out(&mut self, entry: &Entry) {
        if entry.backlog {
            self.backlog -= 1;
        } else {
            self.bytes -= entry.rope.len();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;
    use std::future::Future;
    use std::pin::pin;
    use std::task::{Context, Poll, Waker};

    fn rope(text: &'static str) -> Rope {
        Rope::from(Bytes::from_static(text.as_bytes()))
    }

    fn texts(out: &[Rope]) -> Vec<String> {
        out.iter()
            .map(|rope| String::from_utf8(rope.to_bytes().to_vec()).unwrap())
            .collect()
    }

    fn is_ready(sink: &Sink) -> bool {
        matches!(
            pin!(sink.ready()).poll(&mut Context::from_waker(Waker::noop())),
            Poll::Ready(())
        )
    }

    #[test]
    fn a_ticket_holds_its_element_and_all_behind_it() {
        let sink = Sink::new(10, 1000);
        sink.push(rope("a"), None);
        sink.push(rope("b"), Some(Ticket(2)));
        sink.push(rope("c"), None);
        let mut out = vec![];
        assert_eq!(sink.drain(Ticket(1), usize::MAX, &mut out), Some(Ticket(2)));
        assert_eq!(texts(&out), ["a"]);
        assert!(!is_ready(&sink), "what waits for the disk wakes nobody");
        sink.push(rope("d"), None);
        assert!(!is_ready(&sink));
        assert_eq!(sink.drain(Ticket(2), usize::MAX, &mut out), None);
        assert_eq!(texts(&out), ["a", "b", "c", "d"]);
    }

    #[test]
    fn a_drain_stops_at_its_budget_and_stays_ready() {
        let sink = Sink::new(10, 1000);
        sink.push(rope("aaaa"), None);
        sink.push(rope("bbbb"), None);
        let mut out = vec![];
        assert_eq!(sink.drain(Ticket(0), 3, &mut out), None);
        assert_eq!(texts(&out), ["aaaa"]);
        assert!(is_ready(&sink));
        sink.drain(Ticket(0), 3, &mut out);
        assert!(!is_ready(&sink));
    }

    #[test]
    fn a_full_sink_closes_and_hands_back_what_it_held() {
        let sink = Sink::new(2, 1000);
        assert!(sink.push(rope("a"), None));
        assert!(!sink.is_congested());
        assert!(sink.push_copy(rope("b")));
        assert!(sink.is_congested());
        assert!(!sink.push(rope("c"), None));
        assert_eq!(sink.closing(), Some(Closing::ResourceConstraint));
        sink.close(Closing::Conflict);
        assert_eq!(
            sink.closing(),
            Some(Closing::ResourceConstraint),
            "the first reason stays"
        );
        let back: Vec<bool> = sink.end().iter().map(|back| back.copy).collect();
        assert_eq!(back, [false, true]);
        assert!(!sink.push(rope("d"), None), "an ended sink takes nothing");
    }

    #[test]
    fn bytes_are_bounded_too() {
        let sink = Sink::new(usize::MAX, 6);
        assert!(sink.push(rope("abcd"), None));
        let mut out = vec![];
        sink.drain(Ticket(0), usize::MAX, &mut out);
        assert!(sink.push(rope("abcd"), None));
        assert!(!sink.push(rope("abcd"), None));
    }

    #[test]
    fn a_backlog_counts_towards_no_bound_and_comes_once_at_a_time() {
        let sink = Sink::new(2, 4);
        assert!(sink.push_backlog(vec![rope("aaaa"), rope("bbbb"), rope("cccc")]));
        assert!(!sink.push_backlog(vec![rope("dddd")]), "the first is not read");
        assert!(sink.push(rope("e"), None), "the bounds are free for what is new");
        assert!(is_ready(&sink));
        let mut out = vec![];
        sink.drain(Ticket(0), usize::MAX, &mut out);
        assert_eq!(texts(&out), ["aaaa", "bbbb", "cccc", "e"]);
        assert_eq!(sink.closing(), None);
        assert!(sink.push_backlog(vec![rope("dddd")]));
    }

    #[tokio::test]
    async fn a_push_and_a_close_wake_the_one_who_waits() {
        let sink = Sink::new(10, 1000);
        let (_, ()) = tokio::join!(sink.ready(), async {
            sink.push(rope("a"), None);
        });
        sink.drain(Ticket(0), usize::MAX, &mut vec![]);
        let (_, ()) = tokio::join!(sink.ready(), async { sink.close(Closing::Reset) });
        assert_eq!(sink.closing(), Some(Closing::Reset));
    }
}
