//! Stream management (XEP-0198) as a connection does it: what it answers to `<enable/>`, `<resume/>` and `<r/>`.

use super::Shared;
use super::connection::BoundSession;
use crate::router::{Resuming, Router, Session, Unresumable};
use crate::stanza::{self, Role};
use crate::store::Ticket;
use crate::stream::{Enable, Resume, Resumption, StreamError};
use jid::BareJid;
use std::sync::Arc;
use std::time::Duration;

/// How often a session is asked for that another connection has. Each time the last one to ask gets it.
const CLAIMS_MAX: u32 = 3;

/// Why a session is not resumed.
#[derive(Debug)]
pub(super) enum NotResumed {
    /// The client may bind a resource instead.
    Failed {
        /// What `<failed/>` says.
        condition: stanza::Condition,
        /// Stanzas that the session had handled, if it is remembered.
        handled: Option<u32>,
    },
    /// The stream must end.
    Error(StreamError),
}

/// Enables stream management for a bound session, and says how it can be resumed, if it can. What the session is sent
/// from here on is counted: `<enabled/>` comes before it.
///
/// # Errors
/// The condition that `<failed/>` is to carry.
pub(super) fn enable(
    shared: &Shared,
    session: &Session,
    enable: &Enable,
) -> Result<Option<Resumption>, stanza::Condition> {
    let times = &shared.options.times;
    let longest = match session.role() {
        Role::Collector => times.dead_after.min(times.resumption),
        _ => times.resumption,
    };
    let max = enable.max.map_or(longest, |max| max.min(longest));
    let resumable = (enable.resume && max >= Duration::from_secs(1)).then_some(max);
    let id = shared
        .router
        .manage(session, resumable)
        .map_err(|error| error.condition)?;
    Ok(id.map(|id| Resumption { id, max }))
}

/// Resumes a session of an account, whoever has it, and says how many stanzas of its client were handled: by then all that
/// they led to is durable.
///
/// # Errors
/// It is not resumed.
pub(super) async fn resume(
    shared: &Shared,
    account: &BareJid,
    resume: &Resume,
) -> Result<(BoundSession, u32), NotResumed> {
    for _ in 0..CLAIMS_MAX {
        match shared.router.resume(account, &resume.previd, resume.h) {
            Ok(Resuming::Resumed { session, handled }) => {
                let resumed = Resumed {
                    router: &shared.router,
                    session: Some(session),
                    handled,
                };
                durable(shared).await?;
                return resumed.into_bound().ok_or_else(|| not_found(None));
            }
            // An error says that another one claimed it: the next time there is nothing to find, or to be claimed again.
            Ok(Resuming::Occupied(released)) => drop(released.await),
            Err(Unresumable::Gone { handled }) => return Err(not_found(handled)),
            Err(Unresumable::TooHigh(too_high)) => {
                let error = StreamError::handled_count_too_high(resume.h, too_high.send_count);
                return Err(NotResumed::Error(error));
            }
        }
    }
    Err(not_found(None))
}

/// A session that waits again if its client goes away once more before it was told.
struct Resumed<'a> {
    router: &'a Router,
    session: Option<Arc<Session>>,
    handled: u32,
}

impl Resumed<'_> {
    fn into_bound(mut self) -> Option<(BoundSession, u32)> {
        let session = self.session.take()?;
        Some((BoundSession::new(self.router.clone(), session), self.handled))
    }
}

impl Drop for Resumed<'_> {
    fn drop(&mut self) {
        if let Some(session) = &self.session {
            self.router.detach(session, self.handled, Duration::MAX, None);
        }
    }
}

fn not_found(handled: Option<u32>) -> NotResumed {
    NotResumed::Failed {
        condition: stanza::Condition::ItemNotFound,
        handled,
    }
}

/// Waits until all that was handed to the store is durable.
async fn durable(shared: &Shared) -> Result<(), NotResumed> {
    let latest = shared.store.latest();
    let mut committed = shared.store.committed();
    match committed.wait_for(|committed| *committed >= latest).await {
        Ok(_) => Ok(()),
        Err(_) => Err(NotResumed::Failed {
            condition: stanza::Condition::InternalServerError,
            handled: None,
        }),
    }
}

/// Requests for acknowledgement that wait for the disk: what is acknowledged is durable.
#[derive(Debug, Default)]
pub(super) struct Answers {
    /// The oldest: what it waits for, and the count at that time.
    waiting: Option<(Ticket, u32)>,
    /// Others came meanwhile; one answer does for all of them.
    more: bool,
}

impl Answers {
    /// The client asked, having sent so many stanzas; all that they led to was handed to the store by `latest`.
    pub(super) fn requested(&mut self, latest: Ticket, handled: u32) {
        match self.waiting {
            None => self.waiting = Some((latest, handled)),
            Some(_) => self.more = true,
        }
    }

    /// The count to answer with, if there is an answer to give now.
    pub(super) fn next(&mut self, committed: Ticket, latest: Ticket, handled: u32) -> Option<u32> {
        let (_, answer) = self.waiting.take_if(|(ticket, _)| *ticket <= committed)?;
        if std::mem::take(&mut self.more) {
            self.waiting = Some((latest, handled));
        }
        Some(answer)
    }

    /// What the next answer waits for.
    pub(super) fn waits_for(&self) -> Option<Ticket> {
        self.waiting.map(|(ticket, _)| ticket)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_acknowledgement_waits_for_the_disk_and_answers_all_that_asked_meanwhile() {
        let mut answers = Answers::default();
        assert_eq!(answers.next(Ticket(9), Ticket(9), 0), None);
        answers.requested(Ticket(5), 2);
        answers.requested(Ticket(6), 3);
        answers.requested(Ticket(7), 4);
        assert_eq!(answers.waits_for(), Some(Ticket(5)));
        assert_eq!(answers.next(Ticket(4), Ticket(7), 4), None);
        assert_eq!(answers.next(Ticket(5), Ticket(8), 6), Some(2));
        assert_eq!(answers.waits_for(), Some(Ticket(8)));
        assert_eq!(answers.next(Ticket(8), Ticket(8), 6), Some(6));
        assert_eq!(answers.waits_for(), None);
    }
}
