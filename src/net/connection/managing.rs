//! Stream management (XEP-0198) and client state (XEP-0352) on a connection with a bound resource.

use super::{Connection, End, Silence};
use crate::net::management;
use crate::router::Asking;
use crate::store::Ticket;
use crate::stream::{Condition, Event, StreamError};
use std::time::Duration;
use tokio::time::Instant;

/// Stanzas that a client that counts is sent before it is asked at once what it has handled.
const ASK_STANZAS: usize = 10;
/// Otherwise it is asked so long after it was sent something.
const ASK_TIME: Duration = Duration::from_secs(1);

impl Connection {
    /// Says why, and lets go of the session: it waits for another connection if this one was lost, and it can.
    pub(super) fn leave(&mut self, end: &End) {
        let is_lost = matches!(end, End::Gone | End::Silent | End::Resumed);
        if let Some(handled) = self.stream.handled().filter(|_| is_lost) {
            self.detach(handled, matches!(end, End::Resumed));
        }
        match end {
            End::Error(error) => self.stream.close(error.clone()),
            End::Silent => self.stream.close(Condition::ConnectionTimeout.into()),
            End::Resumed => self
                .stream
                .close(StreamError::new(Condition::Conflict, "resumed by a new connection")),
            End::Over | End::Gone => {}
        }
    }

    /// A collector has no longer than until its host counts as dead, and is shown as silent meanwhile.
    fn detach(&mut self, handled: u32, is_resumed: bool) {
        let silence = Instant::now().saturating_duration_since(self.heard_at);
        let at_most = match self.is_collector() {
            true => self.shared.options.times.dead_after.saturating_sub(silence),
            false => Duration::MAX,
        };
        let shown = self.is_collector() && !is_resumed;
        self.bound.detach(handled, at_most, shown.then_some(silence));
    }

    /// What is no stanza.
    pub(super) fn manage(&mut self, event: Event) -> Result<(), End> {
        let session = &self.bound.session;
        match event {
            Event::Enable(enable) => match management::enable(&self.shared, session, &enable) {
                Ok(resumption) => self.stream.enabled(resumption.as_ref()),
                Err(condition) => self.stream.enable_refused(condition),
            },
            Event::AckRequested => {
                let (latest, handled) = (self.shared.store.latest(), self.stream.handled().unwrap_or_default());
                self.answers.get_or_insert_default().requested(latest, handled);
            }
            Event::Acknowledged { h } => {
                let acknowledged = self.shared.router.acknowledged(session, h);
                acknowledged.map_err(|error| End::Error(StreamError::handled_count_too_high(h, error.send_count)))?;
            }
            Event::ClientState { active } => session.sink().set_active(active),
            // Negotiation is over.
            _ => {}
        }
        Ok(())
    }

    /// Writes the acknowledgement that may be given now; returns what the next one waits for.
    pub(super) fn answer(&mut self, committed: Ticket) -> Option<Ticket> {
        let answers = self.answers.as_mut()?;
        let handled = self.stream.handled()?;
        while let Some(handled) = answers.next(committed, self.shared.store.latest(), handled) {
            self.stream.acknowledge(handled);
        }
        answers.waits_for()
    }

    /// Asks the client what it has handled, now or soon: with the stanza that makes many unacknowledged ones, or some time
    /// after fewer, one request at a time. A client from which nothing comes after it was asked is gone.
    pub(super) fn ask(&mut self, now: Instant) {
        let due = self.ask_at.is_some_and(|at| now >= at);
        match self.bound.session.sink().asking(due, ASK_STANZAS) {
            Asking::No => self.ask_at = None,
            Asking::Soon => self.ask_at = self.ask_at.or(Some(now + ASK_TIME)),
            Asking::Now => {
                self.ask_at = None;
                self.stream.request_acknowledgement();
                if !self.is_collector() && self.silence == Silence::Fresh {
                    self.silence = Silence::Asked(now);
                }
            }
        }
    }
}
