//! `statistics`: every value as a table; in a chat, `stats cpu`.

use super::super::board::Board;
use super::FORM_TYPE;
use crate::monitor::{Node, Snapshot, Statistic};
use crate::service::command::{Command, Request, Step};
use crate::service::form::{Field, FieldKind, Form};
use crate::service::report::{Report, Table};
use crate::stanza::{Condition, Role, StanzaError};
use std::sync::Arc;

/// The command.
pub(super) struct Statistics {
    board: Arc<Board>,
}

impl Statistics {
    pub(super) fn new(board: Arc<Board>) -> Statistics {
        Statistics { board }
    }
}

impl Command for Statistics {
    fn node(&self) -> &str {
        "statistics"
    }

    fn name(&self) -> &str {
        "Show statistics"
    }

    fn word(&self) -> &str {
        "stats"
    }

    fn usage(&self) -> &str {
        "[GROUP]"
    }

    fn help(&self) -> &str {
        "the values of all groups, or of one: cpu, memory, disk, …"
    }

    fn phrases(&self) -> &[(&str, &str)] {
        &[
            ("cpu", "stats cpu"),
            ("load", "stats cpu"),
            ("memory", "stats memory"),
            ("disk", "stats disk"),
            ("disks", "stats disk"),
            ("network", "stats network"),
            ("uptime", "stats uptime"),
        ]
    }

    fn role(&self) -> Role {
        Role::Viewer
    }

    fn parameters(&self) -> Form {
        let mut group = Field::new(FieldKind::ListSingle, "group", "Group");
        if let Some(snapshot) = self.board.snapshot() {
            for node in &snapshot.nodes {
                group = group.choice(&node.id, &node.title);
            }
        }
        Form::new("Statistics", "Choose a group, or none for all.")
            .typed(FORM_TYPE)
            .field(group)
    }

    fn step(&self, request: &Request<'_>) -> Result<Step, StanzaError> {
        let unavailable = || StanzaError::new(Condition::ResourceConstraint, "There is no sample yet.");
        let snapshot = self.board.snapshot().ok_or_else(unavailable)?;
        Ok(Step::Done(report(&snapshot, request.parameters.get("group"))))
    }
}

fn report(snapshot: &Snapshot, group: Option<&str>) -> Report {
    let chosen = |node: &&Node| group.is_none_or(|group| node.id == group || node.group() == Some(group));
    let mut table = Table::new(&[
        ("node", "Group"),
        ("statistic", "Statistic"),
        ("value", "Value"),
        ("units", "Units"),
        ("min", "Least"),
        ("max", "Greatest"),
        ("average", "Average"),
    ]);
    let mut lines = Vec::new();
    for node in snapshot.nodes.iter().filter(chosen) {
        for statistic in &node.statistics {
            let name = [&node.title, " · ", statistic.definition.name].concat();
            table.row_said(cells(node, statistic), name, with_extremes(statistic));
        }
        // In a chat all groups are a line each; their members are shown with the group that is asked for.
        if group.is_some() || node.group().is_none() {
            lines.push(line(node, group.is_some()));
        }
    }
    Report::titled("Statistics")
        .with_table(table)
        .with_text(lines.join("\n"))
}

fn cells(node: &Node, statistic: &Statistic) -> Vec<String> {
    let human = |value: f64| statistic.definition.human(value);
    let extremes = statistic.extremes;
    vec![
        node.id.clone(),
        statistic.definition.name.to_owned(),
        statistic.number(),
        statistic.definition.units.name().unwrap_or_default().to_owned(),
        extremes.map(|e| human(e.min)).unwrap_or_default(),
        extremes.map(|e| human(e.max)).unwrap_or_default(),
        extremes.map(|e| human(e.average)).unwrap_or_default(),
    ]
}

fn line(node: &Node, long: bool) -> String {
    let value = |statistic: &Statistic| {
        let text = if long {
            with_extremes(statistic)
        } else {
            statistic.human()
        };
        [statistic.definition.name, " ", &text].concat()
    };
    let values: Vec<String> = node.statistics.iter().map(value).collect();
    let separator = if long { "\n  " } else { " · " };
    let head = if long { ":\n  " } else { ": " };
    [&node.title, head, &values.join(separator)].concat()
}

/// The value, and between what it has been since the last reset.
fn with_extremes(statistic: &Statistic) -> String {
    let human = |value: f64| statistic.definition.human(value);
    let range = |(least, greatest)| [" (", &human(least), " to ", &human(greatest), ")"].concat();
    let extremes = statistic.extremes.map(|e| (e.min, e.max));
    statistic.human() + &extremes.map(range).unwrap_or_default()
}
