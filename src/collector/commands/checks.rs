//! `checks`: how the services are that are looked at.

use crate::monitor::checks::{Book, Listed, State};
use crate::service::command::{Command, Request, Step};
use crate::service::report::{Report, Table};
use crate::stanza::{Role, StanzaError};
use std::time::SystemTime;

/// The command.
pub(super) struct Checks {
    book: Book,
}

impl Checks {
    pub(super) fn new(book: Book) -> Checks {
        Checks { book }
    }
}

impl Command for Checks {
    fn node(&self) -> &str {
        "checks"
    }

    fn name(&self) -> &str {
        "Show checks"
    }

    fn help(&self) -> &str {
        "how the services are that are looked at"
    }

    fn role(&self) -> Role {
        Role::Viewer
    }

    fn step(&self, _request: &Request<'_>) -> Result<Step, StanzaError> {
        Ok(Step::Done(report(self.book.list(SystemTime::now()))))
    }
}

/// The worst first.
fn report(mut checks: Vec<Listed>) -> Report {
    let state = |check: &Listed| check.verdict.as_ref().map(|verdict| verdict.state);
    checks.sort_by_key(|check| std::cmp::Reverse(state(check)));
    let mut table = Table::new(&[
        ("name", "Check"),
        ("state", "State"),
        ("detail", "Detail"),
        ("time", "Time, ms"),
    ]);
    let mut lines = Vec::new();
    for check in checks {
        let state = state(&check).map_or("not looked at yet", State::as_str);
        let (detail, time) = check
            .verdict
            .map_or_else(Default::default, |verdict| (verdict.detail, verdict.time));
        lines.push(format!("{}: {state} {detail}", check.name).trim_end().to_owned());
        let time = time.map(|time| time.as_millis().to_string()).unwrap_or_default();
        table.row([check.name, state.to_owned(), detail, time]);
    }
    Report::titled("Checks").with_table(table).with_text(lines.join("\n"))
}
