//! `unmute`: mutes and maintenance windows end.

use super::{Desk, ask, given};
use crate::monitor;
use crate::service::command::{Command, Given, Request, Step, Words};
use crate::service::form::{Field, FieldKind, Form, Values};
use crate::service::report::{NoteKind, Report};
use crate::stanza::{Role, StanzaError};

/// The command.
pub(super) struct Unmute {
    desk: Desk,
}

impl Unmute {
    pub(super) fn new(desk: Desk) -> Unmute {
        Unmute { desk }
    }

    fn form(&self) -> Form {
        let state = self.desk.board.lock();
        let field = Field::new(FieldKind::ListSingle, "mute", "Which")
            .value("all")
            .choice("all", "all of them");
        let mutes = state.desk.mutes().list().iter();
        let field = mutes.fold(field, |field, mute| field.choice(mute.id.to_string(), title(mute)));
        Form::new("Unmute", "What still fires is told at once.").field(field)
    }
}

/// `disk`, `maintenance of all`.
pub(super) fn title(mute: &monitor::Mute) -> String {
    match mute.maintenance {
        true => format!("maintenance of {}", mute.scope.text()),
        false => mute.scope.text(),
    }
}

impl Command for Unmute {
    fn node(&self) -> &str {
        "unmute"
    }

    fn name(&self) -> &str {
        "Unmute alerts"
    }

    fn usage(&self) -> &str {
        "[all|WHAT|NUMBER]"
    }

    fn help(&self) -> &str {
        "end mutes and maintenance, all or one of them"
    }

    fn topic(&self) -> &str {
        "'unmute', 'unmute disk', 'unmute maintenance', or the number that 'mutes' shows."
    }

    fn role(&self) -> Role {
        Role::Operator
    }

    fn read(&self, words: &mut Words, _answers: &[Values]) -> Option<Result<Given, String>> {
        let Some(word) = words.pop_front() else {
            return Some(Ok(given([("mute", "all".to_owned())])));
        };
        if word.eq_ignore_ascii_case("all") {
            return Some(Ok(given([("mute", "all".to_owned())])));
        }
        let state = self.desk.board.lock();
        let fits = |mute: &&monitor::Mute| {
            let named = mute.scope.text().eq_ignore_ascii_case(&word) || mute.id.to_string() == word;
            named || (mute.maintenance && word.eq_ignore_ascii_case("maintenance"))
        };
        Some(match state.desk.mutes().list().iter().find(fits) {
            Some(mute) => Ok(given([("mute", mute.id.to_string())])),
            None => Err(format!("Nothing is muted as '{word}'.")),
        })
    }

    fn step(&self, request: &Request<'_>) -> Result<Step, StanzaError> {
        let [.., values] = request.answers else {
            return Ok(ask(self.form()));
        };
        let mut state = self.desk.board.lock();
        let wall = state.wall(request.now);
        let who = request.caller.jid.to_bare();
        let which = values.get("mute").unwrap_or("all");
        let gone = state.desk.unmute(who.as_str(), wall, |mute| {
            which == "all" || mute.id.to_string() == which
        });
        let titles: Vec<String> = gone.iter().map(title).collect();
        let text = match titles.is_empty() {
            true => "Nothing is muted.".to_owned(),
            false => format!("No longer muted: {}.", titles.join(", ")),
        };
        Ok(Step::Done(Report::note(NoteKind::Info, text)))
    }
}
