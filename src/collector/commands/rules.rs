//! `rules`: when statistics are a worry.

use super::Desk;
use crate::monitor::rule::{Direction, Rule};
use crate::monitor::{Origin, age};
use crate::service::command::{Command, Request, Step};
use crate::service::report::{Report, Table};
use crate::stanza::{Role, StanzaError};
use std::time::Duration;

/// The command.
pub(super) struct Rules {
    desk: Desk,
}

impl Rules {
    pub(super) fn new(desk: Desk) -> Rules {
        Rules { desk }
    }
}

/// The origin of a rule, as people know it.
pub(super) fn origin(origin: Origin) -> &'static str {
    match origin {
        Origin::File => "configured",
        Origin::Changed => "changed",
        Origin::Off => "off",
    }
}

/// `disk/*#percent at 85, critical 95, clear 80, for 5 min`.
pub(super) fn said(rule: &Rule) -> String {
    let side = match rule.direction {
        Direction::Above => "above",
        Direction::Below => "below",
    };
    let level = |name: &str, level: Option<f64>| level.map(|level| format!("{name} {level}"));
    let time = |name: &str, time: Duration| Some(format!("{name} {}", age(time.as_secs_f64())));
    let parts = [
        Some(format!("{} {side}", rule.statistic)),
        level("warning", rule.warning),
        level("critical", rule.critical),
        Some(format!("clear {}", rule.clear)),
        time("for", rule.hold).filter(|_| !rule.hold.is_zero()),
        time("repeat", rule.repeat).filter(|_| !rule.repeat.is_zero()),
    ];
    parts.into_iter().flatten().collect::<Vec<_>>().join(", ")
}

impl Command for Rules {
    fn node(&self) -> &str {
        "rules"
    }

    fn name(&self) -> &str {
        "Show rules"
    }

    fn help(&self) -> &str {
        "see when a statistic is a worry"
    }

    fn phrases(&self) -> &[(&str, &str)] {
        &[("thresholds", "rules"), ("limits", "rules")]
    }

    fn role(&self) -> Role {
        Role::Operator
    }

    fn step(&self, _request: &Request<'_>) -> Result<Step, StanzaError> {
        let state = self.desk.board.lock();
        let mut table = Table::new(&[
            ("rule", "Rule"),
            ("origin", "From"),
            ("levels", "When"),
            ("message", "Message"),
        ]);
        let mut lines = Vec::new();
        for (name, (rule, from)) in state.desk.rules().all() {
            let mark = match from {
                Origin::File => String::new(),
                _ => format!(" ({})", origin(from)),
            };
            lines.push(format!("{name}{mark}: {}", said(&rule)));
            table.row([name, origin(from).to_owned(), said(&rule), rule.message.clone()]);
        }
        Ok(Step::Done(
            Report::titled("Rules").with_table(table).with_text(lines.join("\n")),
        ))
    }
}
