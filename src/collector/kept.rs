//! What one collector leaves to the next, when its settings change while it runs.

use super::audit::{Event, Line};
use super::board::Ordered;
use super::reply::Reply;
use super::{Collector, Output, Work};
use crate::monitor::Alerts;
use crate::service::report::{NoteKind, Report};
use jid::Jid;
use std::time::Duration;

/// The alerts that hold and the reboot under way; only the same clock makes sense of it.
pub struct Kept {
    alerts: Alerts,
    reboot: Option<Ordered>,
    rebooted: Option<Duration>,
}

impl Collector {
    /// Ends it, and keeps what the next one goes on with.
    pub fn into_kept(self) -> Kept {
        let state = self.board.lock();
        Kept {
            reboot: state.reboot.clone(),
            rebooted: state.rebooted,
            alerts: self.alerts,
        }
    }

    /// Goes on where another has stopped, before the first sample. A reboot for which there is no command any more is
    /// called off; an alert whose rule has changed or gone is over.
    pub fn resume(&mut self, kept: Kept) -> Vec<Output> {
        let over = self.alerts.resume(kept.alerts);
        let dropped = {
            let mut state = self.board.lock();
            state.alerts = self.alerts.active().into_iter().cloned().collect();
            match (&self.options.reboot, kept.reboot) {
                (None, Some(ordered)) => Some(ordered),
                (_, reboot) => {
                    state.reboot = reboot;
                    state.rebooted = kept.rebooted;
                    None
                }
            }
        };
        let mut outputs = self.announce(&over);
        outputs.extend(dropped.map(|ordered| self.call_off(ordered)));
        outputs
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
