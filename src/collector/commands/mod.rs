//! The collector's commands, one file each; each is an ad-hoc command and a word of the chat.

mod alerts;
mod checks;
mod guarded;
mod heartbeat;
mod kill;
mod program;
mod reboot;
mod shell;
mod statistics;
mod stats_reset;
mod top;

pub(super) use reboot::fire;

use super::audit::{Audit, Line};
use super::board::Board;
use super::pace::Pace;
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
    let dangerous = dangerous(options, board, audit);
    list.extend(dangerous.into_iter().map(|command| match options.confirm_password {
        true => Arc::new(guarded::Guarded::new(command, host.directory.clone(), audit.clone())),
        false => command,
    }));
    if let Some(reboot) = &options.reboot {
        let cancel = reboot::CancelReboot::new(reboot, board.clone(), audit.clone());
        list.push(Arc::new(cancel));
    }
    list
}

/// The commands that change the host, or show its programs' output. Programs have one pace in all.
fn dangerous(options: &Options, board: &Arc<Board>, audit: &Audit) -> Vec<Arc<dyn Command>> {
    let mut list: Vec<Arc<dyn Command>> = Vec::new();
    if let Some(reboot) = &options.reboot {
        let reboot = reboot::Reboot::new(options, reboot, board.clone(), audit.clone());
        list.push(Arc::new(reboot));
    }
    let pace = Arc::new(Pace::new(
        options.commands_parallel_max,
        options.commands_per_minute_max,
    ));
    let programs = [
        program::restart_unit(options, &pace, audit),
        program::log(options, &pace, audit),
    ];
    for program in programs.into_iter().flatten() {
        list.push(Arc::new(program));
    }
    if let Some(kill) = kill::Kill::new(options, &pace, audit) {
        list.push(Arc::new(kill));
    }
    if let Some(shell) = shell::Shell::new(options, pace, audit.clone()) {
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
