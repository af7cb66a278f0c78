//! `events`: what happened, when, and who did it.

use super::super::times::past;
use super::{Desk, ask, given, joined, page, page_field, page_number, refused, take_page};
use crate::service::command::{Command, Given, Request, Step, Words};
use crate::service::form::{Field, FieldKind, Form, Values};
use crate::service::report::{NoteKind, Report, Table};
use crate::stanza::{Role, StanzaError};

/// Entries of a page.
const PAGE: usize = 20;
/// Entries looked at.
const ENTRIES_MAX: usize = 1_000;

/// The command.
pub(super) struct Events {
    desk: Desk,
}

impl Events {
    pub(super) fn new(desk: Desk) -> Events {
        Events { desk }
    }
}

impl Command for Events {
    fn node(&self) -> &str {
        "events"
    }

    fn name(&self) -> &str {
        "Show events"
    }

    fn usage(&self) -> &str {
        "[today|yesterday|last night|TIME|DATE]"
    }

    fn help(&self) -> &str {
        "see what happened, and who did what"
    }

    fn topic(&self) -> &str {
        "'events', 'events yesterday', 'events 2h', 'events week page 2', 'events 2026-11-21', or 'what happened last \
         night?'. Alerts, acknowledgements, mutes, commands and changed rules; the newest first."
    }

    fn phrases(&self) -> &[(&str, &str)] {
        &[
            ("what happened", "events"),
            ("what has happened", "events"),
            ("whats new", "events"),
            ("log", "events"),
        ]
    }

    fn role(&self) -> Role {
        Role::Operator
    }

    fn read(&self, words: &mut Words, _answers: &[Values]) -> Option<Result<Given, String>> {
        let page = take_page(words);
        let when = joined(words);
        let when = if when.is_empty() { "today".to_owned() } else { when };
        Some(Ok(given([("when", when), ("page", page)])))
    }

    fn step(&self, request: &Request<'_>) -> Result<Step, StanzaError> {
        let [.., values] = request.answers else {
            let when =
                Field::new(FieldKind::TextSingle, "when", "When (today, yesterday, 2h, 2026-11-21)").value("today");
            return Ok(ask(Form::new("Events", "The newest first.")
                .field(when)
                .field(page_field())));
        };
        let state = self.desk.board.lock();
        let wall = state.wall(request.now);
        let when = values.get("when").unwrap_or("today");
        let mut words: Words = when.split_whitespace().map(str::to_owned).collect();
        let span = past(&mut words, wall, self.desk.zone);
        let (from, to) =
            span.ok_or_else(|| refused(format!("I know no time '{when}': say yesterday, 2h, or a date.")))?;
        let mut entries = state.desk.events(from, to, ENTRIES_MAX);
        entries.reverse();
        if entries.is_empty() {
            return Ok(Step::Done(Report::note(NoteKind::Info, "Nothing happened.")));
        }
        let (entries, more) = page(entries, page_number(values), PAGE, "events")?;
        let mut table = Table::new(&[("at", "When"), ("topic", "About"), ("who", "Who"), ("text", "What")]);
        let mut lines = Vec::new();
        for entry in &entries {
            let who = self.desk.name(&entry.who);
            let by = if who.is_empty() {
                String::new()
            } else {
                format!("{who}: ")
            };
            lines.push(format!("{} {by}{}", self.desk.zone.clock(entry.at, wall), entry.text));
            let at = self.desk.zone.stamp(entry.at);
            table.row([at, entry.topic.as_str().to_owned(), who.to_owned(), entry.text.clone()]);
        }
        lines.extend(more.clone());
        let report = Report::titled("Events").with_table(table).with_text(lines.join("\n"));
        Ok(Step::Done(report))
    }
}
