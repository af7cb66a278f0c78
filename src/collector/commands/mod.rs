//! The collector's commands, one file each; each is an ad-hoc command and a word of the chat.

mod ack;
mod alerts;
mod checks;
mod events;
mod guarded;
mod heartbeat;
mod help;
mod history;
mod kill;
mod maintenance;
mod mute;
mod mutes;
mod program;
mod reboot;
mod rule;
mod rules;
mod shell;
mod statistics;
mod stats_reset;
mod status;
mod top;
mod unmute;

pub(super) use ack::acknowledge;
pub(super) use help::Help;
pub(super) use reboot::fire;

use super::audit::{Audit, Line};
use super::board::Board;
use super::notice::Reading;
use super::pace::Pace;
use super::times::Zone;
use super::{Host, Options};
use crate::service::command::{Command, Given, Stage, Step, Words};
use crate::service::form::{Field, FieldKind, Form, Values};
use crate::stanza::{Condition, StanzaError, ns};
use std::sync::Arc;
use std::time::SystemTime;

/// The `FORM_TYPE` of our forms.
const FORM_TYPE: &str = ns::CODEBITS;

/// The commands that this configuration has.
pub(super) fn all(
    options: &Options,
    domain: &str,
    board: &Arc<Board>,
    audit: &Audit,
    host: &Host,
) -> Vec<Arc<dyn Command>> {
    let desk = Desk {
        board: board.clone(),
        zone: options.zone,
        domain: domain.to_owned(),
    };
    let mut list: Vec<Arc<dyn Command>> = vec![
        Arc::new(status::Status::new(options.host.clone(), desk.clone())),
        Arc::new(statistics::Statistics::new(board.clone())),
        Arc::new(history::History::new(desk.clone())),
        Arc::new(alerts::Alerts::new(desk.clone())),
        Arc::new(ack::Ack::new(desk.clone())),
        Arc::new(mute::Mute::new(desk.clone())),
        Arc::new(unmute::Unmute::new(desk.clone())),
        Arc::new(mutes::Mutes::new(desk.clone())),
        Arc::new(maintenance::Maintenance::new(desk.clone())),
        Arc::new(events::Events::new(desk.clone())),
        Arc::new(rules::Rules::new(desk.clone())),
        Arc::new(rule::Rule::new(desk)),
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
    let passwords = pace(options);
    list.extend(dangerous.into_iter().map(|command| match options.confirm_password {
        true => Arc::new(guarded::Guarded::new(command, &host.directory, &passwords, audit)),
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
    let pace = pace(options);
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

fn pace(options: &Options) -> Arc<Pace> {
    Arc::new(Pace::new(
        options.commands_parallel_max,
        options.commands_per_minute_max,
    ))
}

/// What the commands about alerts share: where alerts are, and how times and accounts are told.
#[derive(Clone)]
struct Desk {
    board: Arc<Board>,
    zone: Zone,
    domain: String,
}

impl Desk {
    fn reading<'a>(&'a self, host: &'a str) -> Reading<'a> {
        Reading {
            host,
            domain: &self.domain,
            zone: self.zone,
        }
    }

    /// An account as its colleagues know it.
    fn name<'a>(&'a self, account: &'a str) -> &'a str {
        self.reading("").name(account)
    }
}

/// What a caller asked for makes no sense.
fn refused(text: impl Into<String>) -> StanzaError {
    StanzaError::new(Condition::NotAcceptable, text)
}

/// A page of a list, counted from 1, and what is said of the others; an empty list has one page.
fn page<T>(mut list: Vec<T>, number: usize, size: usize, node: &str) -> Result<(Vec<T>, Option<String>), StanzaError> {
    let pages = list.len().div_ceil(size).max(1);
    if number > pages {
        return Err(refused(format!("There are only {pages} pages.")));
    }
    let from = (number - 1) * size;
    let kept: Vec<T> = list.drain(from..(from + size).min(list.len())).collect();
    let more = (pages > 1).then(|| match number < pages {
        true => format!(
            "Page {number} of {pages}; '{node} … page {}' shows the next.",
            number + 1
        ),
        false => format!("Page {number} of {pages}."),
    });
    Ok((kept, more))
}

/// `page 2` at the end of the words.
fn take_page(words: &mut Words) -> String {
    let is_page = words.len() >= 2 && words[words.len() - 2].eq_ignore_ascii_case("page");
    let number = if is_page { words.pop_back() } else { None };
    if is_page {
        words.pop_back();
    }
    number.unwrap_or_else(|| "1".to_owned())
}

/// The field for it.
fn page_field() -> Field {
    let check = |value: &str| match value.parse::<u32>() {
        Ok(1..) => Ok(()),
        _ => Err("is no page: 1, 2, 3, …".to_owned()),
    };
    Field::new(FieldKind::TextSingle, "page", "Page")
        .value("1")
        .check(check)
}

fn page_number(values: &Values) -> usize {
    values.get("page").and_then(|page| page.parse().ok()).unwrap_or(1)
}

/// A form as the one stage of a command.
fn ask(form: Form) -> Step {
    Step::Ask(Box::new(Stage {
        form: form.typed(FORM_TYPE),
        last: true,
        time_max: None,
        alone: false,
    }))
}

/// All words in one, with a space between them.
fn joined(words: &mut Words) -> String {
    words.drain(..).collect::<Vec<_>>().join(" ")
}

/// Values for a form, one for each field.
fn given<const N: usize>(values: [(&str, String); N]) -> Given {
    let one = |(var, value): (&str, String)| (var.to_owned(), vec![value]);
    values.into_iter().map(one).collect()
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
