//! Sessions that outlive their connection (XEP-0198): bound, available, their queues filling, until another connection of
//! the same account resumes them, or their time is over.
//!
//! Whoever takes a session out of the list of those that wait owns it: the connection that resumes it, or the clock that
//! ends it.

use super::presence;
use super::shared::random_id;
use super::{HandledCountTooHigh, Router, Session, Window, locked};
use crate::stanza::StanzaError;
use jid::BareJid;
use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tokio::sync::oneshot;
use tracing::info;

/// Sessions remembered by their counts when they can be resumed no more.
const REMEMBERED_MAX: usize = 256;

/// Bounds on what clients that count may cost.
#[derive(Clone, Copy, Debug)]
pub struct Management {
    /// What may be written to one and not yet be acknowledged.
    pub window: Window,
    /// Sessions of one account that wait to be resumed; one more ends the oldest.
    pub detached_max: usize,
}

impl Default for Management {
    fn default() -> Management {
        Management {
            window: Window {
                stanzas_max: 500,
                bytes_max: 512 << 10,
            },
            detached_max: 3,
        }
    }
}

/// A session that goes on.
#[derive(Debug)]
pub enum Resuming {
    /// It is the caller's; what its client has not handled is queued again, before all else.
    Resumed {
        /// The session.
        session: Arc<Session>,
        /// Stanzas of the client that were handled, modulo 2^32.
        handled: u32,
    },
    /// Another connection has it, and lets go of it: ask again when told so.
    Occupied(oneshot::Receiver<()>),
}

/// Why a session cannot be resumed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unresumable {
    /// The account has no such session.
    Gone {
        /// Stanzas that it had handled, if it is remembered.
        handled: Option<u32>,
    },
    /// Its client claims to have handled more than it was sent. The session still waits.
    TooHigh(HandledCountTooHigh),
}

/// The sessions without a connection, in the order in which they lost it.
#[derive(Debug, Default)]
pub(super) struct Detached {
    waiting: Mutex<Vec<Waiting>>,
    remembered: Mutex<VecDeque<Remembered>>,
}

#[derive(Debug)]
struct Waiting {
    session: Arc<Session>,
    handled: u32,
    until: Instant,
}

#[derive(Debug)]
struct Remembered {
    account: BareJid,
    id: String,
    handled: u32,
}

impl Detached {
    /// Adds one. Takes the account's oldest when there are too many.
    fn add(&self, new: Waiting, detached_max: usize) -> Option<Arc<Session>> {
        let account = new.session.account().clone();
        let mut waiting = locked(&self.waiting);
        waiting.push(new);
        let own = waiting.iter().filter(|other| *other.session.account() == account);
        let is_full = own.count() > detached_max;
        drop(waiting);
        if is_full { self.take_oldest(&account) } else { None }
    }

    fn take(&self, session: &Arc<Session>) -> Option<Waiting> {
        let mut waiting = locked(&self.waiting);
        let at = waiting.iter().position(|other| Arc::ptr_eq(&other.session, session))?;
        Some(waiting.remove(at))
    }

    /// Forgets one; whether it was there.
    pub fn remove(&self, session: &Arc<Session>) -> bool {
        self.take(session).map(|waiting| self.remember(&waiting)).is_some()
    }

    /// Takes the one of an account that has waited longest: it is the caller's to end, and nobody can resume it any more.
    pub fn take_oldest(&self, account: &BareJid) -> Option<Arc<Session>> {
        let mut waiting = locked(&self.waiting);
        let at = waiting.iter().position(|other| other.session.account() == account)?;
        let oldest = waiting.remove(at);
        drop(waiting);
        self.remember(&oldest);
        Some(oldest.session)
    }

    /// Those whose time is over, or that must end.
    fn over(&self, now: Instant) -> Vec<Arc<Session>> {
        let waiting = locked(&self.waiting);
        let over = waiting
            .iter()
            .filter(|other| other.until <= now || other.session.sink().closing().is_some());
        over.map(|over| Arc::clone(&over.session)).collect()
    }

    fn remember(&self, waiting: &Waiting) {
        let Some(id) = waiting.session.sink().resumption_id() else {
            return;
        };
        let mut remembered = locked(&self.remembered);
        if remembered.len() >= REMEMBERED_MAX {
            remembered.pop_front();
        }
        remembered.push_back(Remembered {
            account: waiting.session.account().clone(),
            id,
            handled: waiting.handled,
        });
    }

    fn recall(&self, account: &BareJid, id: &str) -> Option<u32> {
        let remembered = locked(&self.remembered);
        let found = remembered.iter().find(|one| one.account == *account && one.id == id);
        found.map(|found| found.handled)
    }
}

impl Router {
    /// The client counts from here on (section 3). With a time its session can be resumed that long after the connection
    /// was lost, by the id returned: 128 random bits.
    ///
    /// # Errors
    /// `internal-server-error` when there is no randomness.
    pub fn manage(&self, session: &Session, resumable: Option<Duration>) -> Result<Option<String>, StanzaError> {
        let id = resumable.map(|_| random_id()).transpose()?;
        let resumption = id.clone().zip(resumable);
        session.sink().manage(self.shared.options.management.window, resumption);
        Ok(id)
    }

    /// The client says that it has handled so many stanzas, modulo 2^32 (section 4).
    ///
    /// # Errors
    /// It was not sent so many: the stream must end.
    pub fn acknowledged(&self, session: &Arc<Session>, h: u32) -> Result<(), HandledCountTooHigh> {
        let kept = session.sink().acknowledge(h)?;
        self.tell_kept(session, &kept);
        Ok(())
    }

    fn tell_kept(&self, session: &Arc<Session>, kept: &[u64]) {
        if !kept.is_empty() {
            self.shared
                .each(Some(session), |module, cx| module.kept_acknowledged(cx, session, kept));
        }
    }

    /// A session's connection was lost; `handled` counts the stanzas that came over it. The session waits for another one
    /// as long as was agreed, `at_most` that long; `false` when it does not, and has ended: it cannot be resumed, or had
    /// to end anyway. With a `silence` its watchers see it as [fallen silent](Router::fell_silent) that long ago, until it
    /// is resumed.
    pub fn detach(&self, session: &Arc<Session>, handled: u32, at_most: Duration, silence: Option<Duration>) -> bool {
        let detached = &self.shared.detached;
        let sink = session.sink();
        let Some(time) = sink.resumption_time().filter(|_| sink.closing().is_none()) else {
            self.unbind(session);
            return false;
        };
        sink.set_active(false);
        // Before anybody can resume it, or it would stay silent to them.
        if let Some(silence) = silence {
            self.fell_silent(session, silence);
        }
        let waiting = Waiting {
            session: Arc::clone(session),
            handled,
            until: self.shared.now() + time.min(at_most),
        };
        let oldest = detached.add(waiting, self.shared.options.management.detached_max);
        sink.release();
        if let Some(oldest) = oldest {
            info!(jid = %oldest.jid(), "limits.detached_sessions reached: the session that waited longest has ended");
            self.unbind(&oldest);
        }
        // Somebody may have closed it before it was in the list.
        if sink.closing().is_some() {
            self.unbind(session);
        }
        !session.has_ended()
    }

    /// Resumes a session of an account (section 5): its client has handled `h` stanzas, modulo 2^32.
    ///
    /// # Errors
    /// It cannot be.
    pub fn resume(&self, account: &BareJid, previd: &str, h: u32) -> Result<Resuming, Unresumable> {
        let detached = &self.shared.detached;
        let sessions = self.shared.sessions_of(account);
        let Some(session) = sessions.iter().find(|session| session.sink().resumes_by(previd)) else {
            let handled = detached.recall(account, previd);
            return Err(Unresumable::Gone { handled });
        };
        if let Some(waiting) = detached.take(session) {
            return self.reattach(waiting, h);
        }
        let released = session.sink().claim();
        // It may have been let go before the claim was seen.
        match (detached.take(session), released) {
            (Some(waiting), _) => self.reattach(waiting, h),
            (None, Some(released)) => Ok(Resuming::Occupied(released)),
            (None, None) => Err(Unresumable::Gone { handled: None }),
        }
    }

    fn reattach(&self, waiting: Waiting, h: u32) -> Result<Resuming, Unresumable> {
        let (session, handled) = (Arc::clone(&waiting.session), waiting.handled);
        match session.sink().reattach(h) {
            // Whoever has ended it did not ask who owned it.
            _ if session.has_ended() => Err(Unresumable::Gone { handled: Some(handled) }),
            Ok(kept) => {
                self.tell_kept(&session, &kept);
                presence::heard_again(&self.shared, &session);
                Ok(Resuming::Resumed { session, handled })
            }
            Err(too_high) => {
                locked(&self.shared.detached.waiting).push(waiting);
                Err(Unresumable::TooHigh(too_high))
            }
        }
    }

    /// Ends the sessions whose time to be resumed is over, and those that had to end meanwhile: their queues are full.
    pub(super) fn end_detached(&self, now: Instant) {
        for session in self.shared.detached.over(now) {
            // A connection may have resumed it meanwhile.
            if self.shared.detached.remove(&session) {
                info!(jid = %session.jid(), closing = ?session.sink().closing(), "session not resumed");
                self.unbind(&session);
            }
        }
    }
}

#[cfg(test)]
mod tests;
