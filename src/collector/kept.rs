//! What one collector leaves to the next, when its settings change while it runs.

use super::audit::{Event, Line};
use super::board::Ordered;
use super::notices::Notices;
use super::reply::Reply;
use super::{Collector, Output, Work, locked};
use crate::monitor::Desk;
use crate::service::report::{NoteKind, Report};
use jid::Jid;
use std::time::{Duration, SystemTime};

/// The desk, the messages and the reboot under way; only the same clock makes sense of it.
pub struct Kept {
    desk: Desk,
    notices: Notices,
    wall: SystemTime,
    reboot: Option<Ordered>,
    rebooted: Option<Duration>,
}

impl Collector {
    /// Ends it, and keeps what the next one goes on with; the minute of history under way is written.
    pub fn into_kept(self) -> Kept {
        locked(&self.board.history()).flush();
        let mut state = self.board.lock();
        let nothing = Desk::new(self.memory.clone(), Vec::new(), &self.options.limits);
        Kept {
            wall: state.wall(state.sampled),
            desk: std::mem::replace(&mut state.desk, nothing),
            notices: self.notices,
            reboot: state.reboot.take(),
            rebooted: state.rebooted,
        }
    }

    /// Goes on where another has stopped, before the first sample. A reboot for which there is no command any more is
    /// called off; an alert whose rule has gone is over.
    pub fn resume(&mut self, kept: Kept) -> Vec<Output> {
        self.notices = kept.notices;
        self.restored = true;
        let dropped = {
            let mut state = self.board.lock();
            state.desk.resume(kept.desk, kept.wall);
            match (&self.options.reboot, kept.reboot) {
                (None, Some(ordered)) => Some(ordered),
                (_, reboot) => {
                    state.reboot = reboot;
                    state.rebooted = kept.rebooted;
                    None
                }
            }
        };
        dropped.map(|ordered| self.call_off(ordered)).into_iter().collect()
    }

    fn call_off(&self, ordered: Ordered) -> Output {
        let mut line = Line::new(Event::Cancelled, ordered.by.as_str(), "reboot");
        line.outcome = Some("no longer configured".to_owned());
        let audit = self.audit.clone();
        let job = Box::pin(async move {
            tracing::warn!("a reboot is called off: it is no longer configured");
            if let Err(error) = audit.write(line).await {
                tracing::error!(%error, "cannot audit that a reboot was called off");
            }
            let text = "The reboot is called off: it is no longer configured.";
            Ok(Report::note(NoteKind::Warn, text))
        });
        let reply = Reply::Chat(Jid::from(ordered.by), None);
        Output::Run(Work { job, reply })
    }
}
