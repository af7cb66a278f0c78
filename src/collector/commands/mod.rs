//! The collector's commands, one file each; each is an ad-hoc command and a word of the chat.

mod alerts;
mod checks;
mod heartbeat;
mod reboot;
mod shell;
mod statistics;
mod stats_reset;
mod top;

pub(super) use reboot::fire;

use super::audit::{Audit, Line};
use super::board::Board;
use super::{Host, Options};
use crate::service::command::Command;
use crate::stanza::{Condition, StanzaError, ns};
use std::sync::Arc;
use std::time::SystemTime;

/// The `FORM_TYPE` of our forms.
const FORM_TYPE: &str = ns::CODEBITS;

/// The commands that this configuration has.
pub(super) fn all(options: &Options, board: &Arc<Board>, audit: &Audit, host: &Host) -> Vec<Arc<dyn Command>> {
    let mut list: Vec<Arc<dyn Command>> = vec![
        Arc::new(statistics::Statistics::new(board.clone())),
        Arc::new(alerts::Alerts::new(board.clone())),
        Arc::new(top::Top::new(host.processes.clone())),
        Arc::new(stats_reset::StatsReset::new(board.clone())),
    ];
    if !host.checks.list(SystemTime::now()).is_empty() {
        list.push(Arc::new(checks::Checks::new(host.checks.clone())));
    }
    if host
        .checks
        .list(SystemTime::now())
        .iter()
        .any(|check| check.is_heartbeat)
    {
        list.push(Arc::new(heartbeat::Heartbeat::new(host.checks.clone())));
    }
    if let Some(reboot) = &options.reboot {
        list.push(Arc::new(reboot::Reboot::new(
            options,
            reboot,
            board.clone(),
            audit.clone(),
        )));
        list.push(Arc::new(reboot::CancelReboot::new(
            reboot,
            board.clone(),
            audit.clone(),
        )));
    }
    if let Some(shell) = shell::Shell::new(options, audit.clone()) {
        list.push(Arc::new(shell));
    }
    list
}

/// Writes an audit line without which nothing may happen.
async fn must_audit(audit: &Audit, line: Line) -> Result<(), StanzaError> {
    audit.write(line).await.map_err(|error| {
        tracing::error!(%error, "cannot audit: the command is refused");
        StanzaError::new(
            Condition::ResourceConstraint,
            "The server cannot audit, so it does not run this: see its log.",
        )
    })
}

/// Writes an audit line about what has happened anyway.
async fn may_audit(audit: &Audit, line: Line) {
    if let Err(error) = audit.write(line).await {
        tracing::error!(%error, "cannot audit what has happened");
    }
}
