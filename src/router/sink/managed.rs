//! The sink of a client that counts (XEP-0198): what it has acknowledged, and the change of connections.

use super::{Entry, HandledCountTooHigh, Queue, Sink, Unacknowledged, Window};
use std::time::Duration;
use tokio::sync::oneshot;

/// Whether the client is to be asked what it has handled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asking {
    /// There is nothing to ask.
    No,
    /// Soon.
    Soon,
    /// At once: much is unacknowledged.
    Now,
}

impl Sink {
    /// The client counts from here on (XEP-0198). With an id its session can be resumed, that long.
    pub(in crate::router) fn manage(&self, window: Window, resumption: Option<(String, Duration)>) {
        self.lock().unacknowledged = Some(Box::new(Unacknowledged::new(window, resumption)));
    }

    /// Whether the client counts.
    pub fn is_managed(&self) -> bool {
        self.lock().unacknowledged.is_some()
    }

    /// How long after the loss of its connection the session can be resumed, if it can.
    pub fn resumption_time(&self) -> Option<Duration> {
        self.lock().resumption().map(|(_, time)| *time)
    }

    /// The id by which the session can be resumed.
    pub(in crate::router) fn resumption_id(&self) -> Option<String> {
        self.lock().resumption().map(|(id, _)| id.clone())
    }

    /// Whether this is that id.
    pub(in crate::router) fn resumes_by(&self, id: &str) -> bool {
        self.lock().resumption().is_some_and(|(own, _)| own == id)
    }

    /// The client has handled so many elements, modulo 2^32. Returns the ids under which some of them were kept.
    ///
    /// # Errors
    /// It was not sent so many.
    pub(in crate::router) fn acknowledge(&self, h: u32) -> Result<Vec<u64>, HandledCountTooHigh> {
        let mut queue = self.lock();
        let Some(sent) = &mut queue.unacknowledged else {
            return Ok(Vec::new());
        };
        let was_full = sent.is_full();
        let kept = sent.acknowledge(h)?;
        drop(queue);
        if was_full {
            self.changed.notify_one();
        }
        Ok(kept)
    }

    /// What is to be done about unacknowledged elements, after a drain; at [`Asking::Now`], and at [`Asking::Soon`] once
    /// `due`, the caller asks, which is remembered.
    pub fn asking(&self, due: bool, at_once: usize) -> Asking {
        let mut queue = self.lock();
        let Some(sent) = &mut queue.unacknowledged else {
            return Asking::No;
        };
        match sent.unasked() {
            0 => Asking::No,
            unasked if due || unasked >= at_once || sent.is_full() => {
                sent.requested();
                Asking::Now
            }
            _ => Asking::Soon,
        }
    }

    /// Another connection wants the session: the one that has it lets go, and the receiver hears of it. Only the last
    /// one who wants it does.
    pub(in crate::router) fn claim(&self) -> Option<oneshot::Receiver<()>> {
        let (claimant, released) = oneshot::channel();
        self.lock().unacknowledged.as_mut()?.claimant = Some(claimant);
        self.changed.notify_one();
        Some(released)
    }

    /// Whether another connection wants the session.
    pub fn is_claimed(&self) -> bool {
        self.lock().is_claimed()
    }

    /// Waits until another connection wants the session. Cancel-safe; as [`Sink::ready`] for one task at a time.
    pub async fn claimed(&self) {
        while !self.is_claimed() {
            self.changed.notified().await;
        }
    }

    /// No connection has the session any more: whoever wants it is told.
    pub(in crate::router) fn release(&self) {
        let claimant = {
            let mut queue = self.lock();
            queue.unacknowledged.as_mut().and_then(|sent| sent.claimant.take())
        };
        if let Some(claimant) = claimant {
            // Nobody may wait any more.
            let _ = claimant.send(());
        }
    }

    /// A new connection has the session, whose client had handled so many elements: the others are written again, before
    /// all else. Returns what [`Sink::acknowledge`] does.
    ///
    /// # Errors
    /// It was not sent so many; nothing has changed.
    pub(in crate::router) fn reattach(&self, h: u32) -> Result<Vec<u64>, HandledCountTooHigh> {
        let kept = self.acknowledge(h)?;
        let mut queue = self.lock();
        let again = queue.unacknowledged.as_mut().map(|sent| {
            sent.claimant = None;
            sent.take()
        });
        for entry in again.unwrap_or_default().into_iter().rev() {
            queue.free += 1;
            queue.entries.push_front(Entry { free: true, ..entry });
        }
        queue.held = false;
        drop(queue);
        self.set_active(true);
        Ok(kept)
    }
}

impl Queue {
    fn resumption(&self) -> Option<&(String, Duration)> {
        self.unacknowledged.as_ref()?.resumption.as_ref()
    }

    pub(super) fn is_claimed(&self) -> bool {
        let claimant = self.unacknowledged.as_ref().and_then(|sent| sent.claimant.as_ref());
        claimant.is_some()
    }
}
