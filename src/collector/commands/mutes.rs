//! `mutes`: what nobody is told of, and until when.

use super::Desk;
use super::unmute::title;
use crate::service::command::{Command, Request, Step};
use crate::service::report::{NoteKind, Report, Table};
use crate::stanza::{Role, StanzaError};

/// The command.
pub(super) struct Mutes {
    desk: Desk,
}

impl Mutes {
    pub(super) fn new(desk: Desk) -> Mutes {
        Mutes { desk }
    }
}

impl Command for Mutes {
    fn node(&self) -> &str {
        "mutes"
    }

    fn name(&self) -> &str {
        "Show mutes and maintenance"
    }

    fn help(&self) -> &str {
        "see what is muted, and until when"
    }

    fn role(&self) -> Role {
        Role::Operator
    }

    fn step(&self, request: &Request<'_>) -> Result<Step, StanzaError> {
        let state = self.desk.board.lock();
        let wall = state.wall(request.now);
        let zone = self.desk.zone;
        let mut table = Table::new(&[
            ("id", "Number"),
            ("what", "What"),
            ("from", "From"),
            ("until", "Until"),
            ("by", "By"),
            ("note", "Note"),
        ]);
        let mut lines = Vec::new();
        for mute in state.desk.mutes().list() {
            let (from, until) = (zone.clock(mute.from, wall), zone.clock(mute.until, wall));
            let by = self.desk.name(&mute.by).to_owned();
            let begins = if mute.is_on(wall) {
                String::new()
            } else {
                format!("from {from} ")
            };
            let note = if mute.note.is_empty() {
                String::new()
            } else {
                format!(": {}", mute.note)
            };
            lines.push(format!(
                "{} {} {begins}until {until}, by {by}{note}",
                mute.id,
                title(mute)
            ));
            table.row([mute.id.to_string(), title(mute), from, until, by, mute.note.clone()]);
        }
        Ok(Step::Done(match lines.is_empty() {
            true => Report::note(NoteKind::Info, "Nothing is muted."),
            false => Report::titled("Mutes").with_table(table).with_text(lines.join("\n")),
        }))
    }
}
