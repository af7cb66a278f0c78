//! What the collector asks of whoever hosts it.

use super::reply::Reply;
use crate::service::command::Job;
use crate::service::report::Report;
use crate::stanza::StanzaError;
use crate::xml::Element;

/// One thing to do.
pub enum Output {
    /// Send a stanza; without `from` it is the session's, without `to` the own account's.
    Send(Element),
    /// Drive some work, then hand back what it finished with.
    Run(Work),
    /// Let the statistics start anew.
    ResetStatistics,
}

/// Work that takes a while, and whom to answer after it.
pub struct Work {
    /// What to drive, on a runtime.
    pub job: Job,
    pub(super) reply: Reply,
}

/// Work that is done.
pub struct Finished {
    pub(super) reply: Reply,
    pub(super) result: Result<Report, StanzaError>,
}

/// Whom to answer; for a host that drives the job apart from the rest.
pub struct Ticket(Reply);

impl Work {
    /// The job, and the ticket for its result.
    pub fn split(self) -> (Job, Ticket) {
        (self.job, Ticket(self.reply))
    }
}

impl Ticket {
    /// Where the processes go that the job looks for, if it does.
    #[cfg(test)]
    pub(super) fn waits_for_processes(&self) -> Option<super::telling::Found> {
        match &self.0 {
            Reply::Culprits(found) => Some(found.clone()),
            _ => None,
        }
    }

    /// The job has ended; a job that was lost ends with `internal-server-error`.
    pub fn finish(self, result: Result<Report, StanzaError>) -> Finished {
        Finished { reply: self.0, result }
    }
}
