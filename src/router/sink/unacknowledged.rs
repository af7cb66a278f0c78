//! What was written to a client that counts (XEP-0198), until the client has said that it handled it.

use super::entry::Entry;
use std::collections::VecDeque;
use std::time::Duration;
use tokio::sync::oneshot;

/// Bounds on what may be written and not yet acknowledged. At either, nothing more is written until the client
/// acknowledges: what follows waits in the queue, which has bounds of its own.
#[derive(Clone, Copy, Debug)]
pub struct Window {
    /// Stanzas.
    pub stanzas_max: usize,
    /// Bytes; the stanza that reaches it may exceed it.
    pub bytes_max: usize,
}

/// The client acknowledged more than it was sent, or took back what it had acknowledged, which is the same modulo 2^32.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HandledCountTooHigh {
    /// What was sent since stream management was enabled, modulo 2^32.
    pub send_count: u32,
}

/// The elements written and not acknowledged, in order, and the count of those before them.
#[derive(Debug)]
pub(super) struct Unacknowledged {
    window: Window,
    entries: VecDeque<Entry>,
    bytes: usize,
    /// Elements acknowledged, modulo 2^32.
    acknowledged: u32,
    /// How many of the entries the last request asked about, while no answer has come.
    requested: Option<usize>,
    /// The id by which the session can be resumed, and how long.
    pub resumption: Option<(String, Duration)>,
    /// Who wants to resume the session, and waits for the connection that it has.
    pub claimant: Option<oneshot::Sender<()>>,
}

impl Unacknowledged {
    pub fn new(window: Window, resumption: Option<(String, Duration)>) -> Unacknowledged {
        Unacknowledged {
            window,
            entries: VecDeque::new(),
            bytes: 0,
            acknowledged: 0,
            requested: None,
            resumption,
            claimant: None,
        }
    }

    pub fn is_full(&self) -> bool {
        self.entries.len() >= self.window.stanzas_max || self.bytes >= self.window.bytes_max
    }

    /// An element was written.
    pub fn push(&mut self, entry: Entry) {
        self.bytes = self.bytes.saturating_add(entry.rope.len());
        self.entries.push_back(entry);
    }

    /// Elements that no request has asked about; none while one is unanswered.
    pub fn unasked(&self) -> usize {
        match self.requested {
            None => self.entries.len(),
            Some(_) => 0,
        }
    }

    /// The client is being asked.
    pub fn requested(&mut self) {
        self.requested = Some(self.entries.len());
    }

    /// The client has handled so many, modulo 2^32. Returns the ids under which some of them were kept, in order.
    pub fn acknowledge(&mut self, h: u32) -> Result<Vec<u64>, HandledCountTooHigh> {
        let handled = h.wrapping_sub(self.acknowledged) as usize;
        if handled > self.entries.len() {
            let send_count = self.send_count();
            return Err(HandledCountTooHigh { send_count });
        }
        let mut kept = Vec::new();
        for entry in self.entries.drain(..handled) {
            self.bytes -= entry.rope.len();
            kept.extend(entry.kept());
        }
        self.acknowledged = h;
        self.requested = None;
        if self.entries.is_empty() {
            self.entries = VecDeque::new();
        }
        Ok(kept)
    }

    /// Gives up all that is unacknowledged: it is written again, or goes another way.
    pub fn take(&mut self) -> VecDeque<Entry> {
        self.bytes = 0;
        self.requested = None;
        std::mem::take(&mut self.entries)
    }

    pub fn entries(&self) -> impl Iterator<Item = &Entry> {
        self.entries.iter()
    }

    fn send_count(&self) -> u32 {
        // The window is far smaller than the modulus.
        let waiting = u32::try_from(self.entries.len()).unwrap_or(u32::MAX);
        self.acknowledged.wrapping_add(waiting)
    }
}

#[cfg(test)]
mod tests {
    use super::super::entry::Origin;
    use super::*;
    use crate::xml::Rope;
    use bytes::Bytes;

    fn unacknowledged(start: u32, count: usize) -> Unacknowledged {
        let window = Window {
            stanzas_max: 4,
            bytes_max: 10,
        };
        let mut queue = Unacknowledged::new(window, None);
        queue.acknowledged = start;
        for _ in 0..count {
            queue.push(entry(Origin::Alone));
        }
        queue
    }

    fn entry(origin: Origin) -> Entry {
        Entry::new(Rope::from(Bytes::from_static(b"abc")), None, origin)
    }

    #[test]
    fn counters_wrap_and_an_acknowledgement_beyond_them_is_refused() {
        for start in [0, 1, u32::MAX - 1, u32::MAX] {
            let mut queue = unacknowledged(start, 3);
            let send_count = start.wrapping_add(3);
            assert_eq!(
                queue.acknowledge(start.wrapping_add(4)),
                Err(HandledCountTooHigh { send_count })
            );
            assert_eq!(
                queue.acknowledge(start.wrapping_sub(1)),
                Err(HandledCountTooHigh { send_count })
            );
            assert_eq!(queue.acknowledge(start), Ok(vec![]));
            assert_eq!(queue.entries().count(), 3);
            assert_eq!(queue.acknowledge(start.wrapping_add(2)), Ok(vec![]));
            assert_eq!(queue.entries().count(), 1);
            assert_eq!(
                queue.acknowledge(start.wrapping_add(1)),
                Err(HandledCountTooHigh { send_count })
            );
            assert_eq!(queue.acknowledge(send_count), Ok(vec![]));
            assert_eq!(queue.entries().count(), 0);
            assert_eq!(queue.bytes, 0);
        }
    }

    #[test]
    fn the_window_is_full_by_number_or_by_bytes() {
        let mut queue = unacknowledged(0, 3);
        assert!(!queue.is_full());
        queue.push(entry(Origin::Alone));
        assert!(queue.is_full());
        queue.acknowledge(1).unwrap();
        assert!(!queue.is_full());
        queue.window.stanzas_max = 100;
        queue.push(entry(Origin::Alone));
        assert!(queue.is_full(), "12 bytes");
    }

    #[test]
    fn one_request_at_a_time_asks_about_all() {
        let mut queue = unacknowledged(0, 2);
        assert_eq!(queue.unasked(), 2);
        queue.requested();
        queue.push(entry(Origin::Alone));
        assert_eq!(queue.unasked(), 0);
        queue.acknowledge(2).unwrap();
        assert_eq!(queue.unasked(), 1);
    }

    #[test]
    fn the_kept_elements_that_were_acknowledged_are_named() {
        let mut queue = unacknowledged(0, 0);
        for origin in [Origin::Kept(7), Origin::Kept(9), Origin::Alone, Origin::Kept(12)] {
            queue.push(entry(origin));
        }
        assert_eq!(queue.acknowledge(3), Ok(vec![7, 9]));
        assert_eq!(queue.acknowledge(3), Ok(vec![]));
    }
}
