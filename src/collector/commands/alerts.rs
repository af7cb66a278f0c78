//! `alerts`: what is wrong, what may become so, and who looks after it.

use super::Desk;
use crate::monitor::{Alert, Life, age};
use crate::service::command::{Command, Request, Step};
use crate::service::report::{NoteKind, Report, Table};
use crate::stanza::{Role, StanzaError};

/// The command.
pub(super) struct Alerts {
    desk: Desk,
}

impl Alerts {
    pub(super) fn new(desk: Desk) -> Alerts {
        Alerts { desk }
    }

    fn state(&self, alert: &Alert, muted: bool) -> String {
        let zone = self.desk.zone;
        let state = match &alert.life {
            Life::Pending => "pending".to_owned(),
            Life::Acknowledged(by) => {
                format!("acknowledged by {} {}", self.desk.name(&by.by), zone.time(by.at))
            }
            Life::Firing | Life::Cleared => "firing".to_owned(),
        };
        if muted { state + ", muted" } else { state }
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
        "see what is wrong, since when, and who looks after it"
    }

    fn phrases(&self) -> &[(&str, &str)] {
        &[
            ("whats wrong", "alerts"),
            ("what is wrong", "alerts"),
            ("whats up", "alerts"),
            ("problems", "alerts"),
            ("any alerts", "alerts"),
        ]
    }

    fn role(&self) -> Role {
        Role::Operator
    }

    fn step(&self, request: &Request<'_>) -> Result<Step, StanzaError> {
        let state = self.desk.board.lock();
        let wall = state.wall(request.now);
        let mut table = Table::new(&[
            ("id", "Number"),
            ("severity", "Severity"),
            ("text", "Alert"),
            ("state", "State"),
            ("since", "For"),
            ("statistic", "Statistic"),
        ]);
        let mut lines = Vec::new();
        for alert in state.desk.active().into_iter().chain(state.desk.pending()) {
            let time = age(alert.lasted.as_secs_f64());
            let muted = state.desk.mutes().covering(alert, wall).is_some();
            let life = self.state(alert, muted);
            let severity = alert.severity.as_str().to_owned();
            lines.push(format!("{} {severity}: {} ({life}, for {time})", alert.id, alert.text));
            table.row([
                alert.id.to_string(),
                severity,
                alert.text.clone(),
                life,
                time,
                alert.statistic.clone(),
            ]);
        }
        Ok(Step::Done(match lines.is_empty() {
            true => Report::note(NoteKind::Info, "No alerts."),
            false => Report::titled("Alerts").with_table(table).with_text(lines.join("\n")),
        }))
    }
}
