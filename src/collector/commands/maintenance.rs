//! `maintenance`: a window for work on the host; its presence says so, and nobody is told of alerts.

use super::super::times::{end, moment};
use super::{Desk, ask, given, joined, refused};
use crate::monitor::{Mute, Scope};
use crate::service::command::{Command, Given, Request, Step, Words};
use crate::service::form::{Field, FieldKind, Form, Values};
use crate::service::report::{NoteKind, Report};
use crate::stanza::{Role, StanzaError};

/// The command.
pub(super) struct Maintenance {
    desk: Desk,
}

impl Maintenance {
    pub(super) fn new(desk: Desk) -> Maintenance {
        Maintenance { desk }
    }
}

fn form() -> Form {
    Form::new(
        "Maintenance",
        "Nobody is told of alerts, and the presence shows the end.",
    )
    .field(Field::new(FieldKind::TextSingle, "from", "From (now, 22:00, 2026-11-30 22:00)").value("now"))
    .field(
        Field::new(
            FieldKind::TextSingle,
            "until",
            "For how long (2h), or until when (23:30)",
        )
        .value("1h"),
    )
    .field(Field::new(FieldKind::TextSingle, "note", "Note"))
}

impl Command for Maintenance {
    fn node(&self) -> &str {
        "maintenance"
    }

    fn name(&self) -> &str {
        "Plan maintenance"
    }

    fn usage(&self) -> &str {
        "[FROM] [TIME|until TIME] [NOTE]"
    }

    fn help(&self) -> &str {
        "work on the host, now or later: no alerts are told meanwhile"
    }

    fn topic(&self) -> &str {
        "'maintenance 2h', 'maintenance 22:00 2h', 'maintenance from 22:00 until 23:30 new disk', \
         'maintenance 2026-11-30 22:00 4h'. 'mutes' shows it, 'unmute maintenance' ends it."
    }

    fn role(&self) -> Role {
        Role::Operator
    }

    fn read(&self, words: &mut Words, _answers: &[Values]) -> Option<Result<Given, String>> {
        let wall = self.desk.board.snapshot()?.taken;
        let zone = self.desk.zone;
        let said: Vec<String> = words.iter().cloned().collect();
        let taken = |words: &Words, from: usize| said[from..said.len() - words.len()].join(" ");
        let named = words.front().is_some_and(|word| word.eq_ignore_ascii_case("from"));
        if named {
            words.pop_front();
        }
        let skipped = usize::from(named);
        let untimed = words
            .front()
            .is_some_and(|word| matches!(word.as_str(), "until" | "for"));
        let begin = if untimed { None } else { moment(words, wall, zone) };
        let from = begin.map_or_else(|| "now".to_owned(), |_| taken(words, skipped));
        let used = said.len() - words.len();
        let until = match end(words, begin.unwrap_or(wall), zone) {
            Some(_) => taken(words, used),
            None if used == skipped && !words.is_empty() => {
                return Some(Err(
                    "I need a time: 'maintenance 2h', 'maintenance 22:00 2h'.".to_owned()
                ));
            }
            None => "1h".to_owned(),
        };
        Some(Ok(given([("from", from), ("until", until), ("note", joined(words))])))
    }

    fn step(&self, request: &Request<'_>) -> Result<Step, StanzaError> {
        let [.., values] = request.answers else {
            return Ok(ask(form()));
        };
        let mut state = self.desk.board.lock();
        let (wall, zone) = (state.wall(request.now), self.desk.zone);
        let words = |var: &str| -> Words {
            let text = values.get(var).unwrap_or_default();
            text.split_whitespace().map(str::to_owned).collect()
        };
        let whole = |words: &Words| {
            refused(format!(
                "'{}' is no time to come within a month.",
                joined(&mut words.clone())
            ))
        };
        let mut begin = words("from");
        let from = moment(&mut begin, wall, zone).filter(|_| begin.is_empty());
        let from = from.ok_or_else(|| whole(&words("from")))?;
        let mut length = words("until");
        let until = end(&mut length, from, zone).filter(|until| length.is_empty() && *until > wall);
        let until = until.ok_or_else(|| whole(&words("until")))?;
        let mute = Mute {
            id: 0,
            scope: Scope::All,
            from,
            until,
            by: request.caller.jid.to_bare().to_string(),
            note: values.get("note").unwrap_or_default().to_owned(),
            maintenance: true,
        };
        let mute = state.desk.mute(mute, wall).map_err(refused)?;
        let until = zone.clock(mute.until, wall);
        let text = match mute.is_on(wall) {
            true => format!("Maintenance until {until}."),
            false => format!("Maintenance from {} until {until}.", zone.clock(mute.from, wall)),
        };
        Ok(Step::Done(Report::note(NoteKind::Info, text)))
    }
}
