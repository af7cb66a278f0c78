//! `alerts`: what is wrong.

use super::super::board::Board;
use crate::monitor::{Alert, age};
use crate::service::command::{Command, Request, Step};
use crate::service::report::{NoteKind, Report, Table};
use crate::stanza::{Role, StanzaError};
use std::sync::Arc;
use std::time::SystemTime;

/// The command.
pub(super) struct Alerts {
    board: Arc<Board>,
}

impl Alerts {
    pub(super) fn new(board: Arc<Board>) -> Alerts {
        Alerts { board }
    }
}

impl Command for Alerts {
    fn node(&self) -> &str {
        "alerts"
    }

    fn name(&self) -> &str {
        "Show alerts"
    }

    fn help(&self) -> &str {
        "what is wrong, and since when"
    }

    fn role(&self) -> Role {
        Role::Operator
    }

    fn step(&self, _request: &Request<'_>) -> Result<Step, StanzaError> {
        let state = self.board.lock();
        let now = state
            .snapshot
            .as_ref()
            .map_or(SystemTime::UNIX_EPOCH, |snapshot| snapshot.taken);
        if state.alerts.is_empty() {
            return Ok(Step::Done(Report::note(NoteKind::Info, "No alerts.")));
        }
        Ok(Step::Done(report(&state.alerts, now)))
    }
}

fn report(alerts: &[Alert], now: SystemTime) -> Report {
    let mut table = Table::new(&[
        ("id", "Number"),
        ("severity", "Severity"),
        ("text", "Alert"),
        ("since", "For"),
        ("statistic", "Statistic"),
    ]);
    let mut lines = Vec::new();
    for alert in alerts {
        let time = age(now.duration_since(alert.since).unwrap_or_default().as_secs_f64());
        lines.push(format!(
            "{} {}: {} (for {time})",
            alert.id,
            alert.severity.as_str(),
            alert.text
        ));
        table.row([
            alert.id.to_string(),
            alert.severity.as_str().to_owned(),
            alert.text.clone(),
            time,
            alert.statistic.clone(),
        ]);
    }
    Report::titled("Alerts").with_table(table).with_text(lines.join("\n"))
}
