//! `ack`: somebody takes alerts over.

use super::super::board::State;
use super::super::notice::Reading;
use super::{Desk, ask, refused};
use crate::monitor::{Acknowledgement, Refusal, age};
use crate::service::command::{Command, Given, Request, Step, Words};
use crate::service::form::{Field, FieldKind, Form, Values};
use crate::service::report::{NoteKind, Report};
use crate::stanza::{Role, StanzaError};
use jid::BareJid;
use std::time::Duration;

/// Bytes of a note.
const NOTE_BYTES_MAX: usize = 256;

/// Alerts whose texts are told to who acknowledges them.
const SAID_MAX: usize = 3;

/// What came of an acknowledgement.
#[derive(Debug, Default)]
pub(in crate::collector) struct Outcome {
    /// The alerts that are taken over.
    pub(in crate::collector) done: Vec<String>,
    /// Why others are not.
    pub(in crate::collector) refused: Vec<String>,
}

/// Takes alerts over.
pub(in crate::collector) fn acknowledge(
    state: &mut State,
    alerts: &[u64],
    by: &BareJid,
    note: &str,
    now: Duration,
    reading: &Reading<'_>,
) -> Outcome {
    let at = state.wall(now);
    let mut end = note.len().min(NOTE_BYTES_MAX);
    while !note.is_char_boundary(end) {
        end -= 1;
    }
    let acknowledgement = Acknowledgement {
        by: by.to_string(),
        at,
        note: note[..end].to_owned(),
    };
    let mut outcome = Outcome::default();
    for id in alerts {
        match state.desk.acknowledge(*id, acknowledgement.clone()) {
            Ok(alert) => outcome.done.push(format!("{id}, {}", alert.text)),
            Err(refusal) => outcome.refused.push(explain(*id, &refusal, reading)),
        }
    }
    outcome
}

fn explain(id: u64, refusal: &Refusal, reading: &Reading<'_>) -> String {
    match refusal {
        Refusal::Unknown => format!("There is no alert {id}."),
        Refusal::Already(first) => {
            let (name, time) = (reading.name(&first.by), reading.zone.time(first.at));
            format!("Alert {id} was acknowledged by {name} {time}.")
        }
        Refusal::Over(alert) => format!("Alert {id} is over, after {}.", age(alert.lasted.as_secs_f64())),
    }
}

/// The command.
pub(super) struct Ack {
    desk: Desk,
}

impl Ack {
    pub(super) fn new(desk: Desk) -> Ack {
        Ack { desk }
    }

    fn form(&self) -> Form {
        let state = self.desk.board.lock();
        let field = Field::new(FieldKind::ListMulti, "alerts", "Alerts, none for all of them");
        let firing = state.desk.active().into_iter();
        let field = firing.fold(field, |field, alert| field.choice(alert.id.to_string(), &alert.text));
        Form::new(
            "Acknowledge alerts",
            "Say that you look after them. The reminders stop.",
        )
        .field(field)
        .field(Field::new(FieldKind::TextSingle, "note", "Note"))
    }
}

impl Command for Ack {
    fn node(&self) -> &str {
        "ack"
    }

    fn name(&self) -> &str {
        "Acknowledge alerts"
    }

    fn usage(&self) -> &str {
        "[NUMBER…|WORD] [NOTE]"
    }

    fn help(&self) -> &str {
        "take alerts over: all, by number, or by what they are about"
    }

    fn topic(&self) -> &str {
        "'ack', 'ack 17', 'ack 17 18', 'ack disk', 'ack 17 I clean up'. A reply to the alert's message, or a 👍 on it, \
         does the same. The message then says who and when. What gets worse fires again."
    }

    fn phrases(&self) -> &[(&str, &str)] {
        &[
            ("acknowledge", "ack"),
            ("acknowledged", "ack"),
            ("on it", "ack"),
            ("got it", "ack"),
            ("im on it", "ack"),
            ("ok", "ack"),
            ("👍", "ack"),
        ]
    }

    fn role(&self) -> Role {
        Role::Operator
    }

    fn read(&self, words: &mut Words, _answers: &[Values]) -> Option<Result<Given, String>> {
        let mut alerts = Vec::new();
        while let Some(number) = words.front().and_then(|word| number(word)) {
            words.pop_front();
            alerts.push(number.to_string());
        }
        if alerts.is_empty()
            && let Some(word) = words.front().filter(|word| !word.eq_ignore_ascii_case("all")).cloned()
        {
            let state = self.desk.board.lock();
            let named = state.desk.firing(Some(&word));
            if !named.is_empty() {
                words.pop_front();
            } else if state.desk.is_scope(&word) {
                return Some(Err(format!("No alert about '{word}' waits for you.")));
            }
            alerts.extend(named.iter().map(u64::to_string));
        } else if words.front().is_some_and(|word| word.eq_ignore_ascii_case("all")) {
            words.pop_front();
        }
        let state = self.desk.board.lock();
        let holds = |id: u64| state.desk.active().iter().any(|alert| alert.id == id);
        if let Some(id) = alerts.iter().filter_map(|id| id.parse().ok()).find(|id| !holds(*id)) {
            let refusal = state
                .desk
                .over(id)
                .map_or(Refusal::Unknown, |alert| Refusal::Over(Box::new(alert.clone())));
            return Some(Err(explain(id, &refusal, &self.desk.reading(""))));
        }
        drop(state);
        let mut given = super::given([("note", super::joined(words))]);
        given.insert("alerts".to_owned(), alerts);
        Some(Ok(given))
    }

    fn step(&self, request: &Request<'_>) -> Result<Step, StanzaError> {
        let [.., values] = request.answers else {
            return Ok(ask(self.form()));
        };
        let mut state = self.desk.board.lock();
        let chosen = values.all("alerts").iter().filter_map(|id| id.parse().ok());
        let mut alerts: Vec<u64> = chosen.collect();
        if alerts.is_empty() {
            alerts = state.desk.firing(None);
        }
        if alerts.is_empty() {
            return Ok(Step::Done(Report::note(NoteKind::Info, "No alert waits for anybody.")));
        }
        let note = values.get("note").unwrap_or_default();
        let by = request.caller.jid.to_bare();
        let outcome = acknowledge(&mut state, &alerts, &by, note, request.now, &self.desk.reading(""));
        if outcome.done.is_empty() {
            return Err(refused(outcome.refused.join("\n")));
        }
        let text = match outcome.done.len() {
            count @ 0..=SAID_MAX => format!("Acknowledged: {}.", outcome.done[..count].join("; ")),
            count => format!("Acknowledged: {count} alerts."),
        };
        let report = Report::note(NoteKind::Info, text);
        let report = outcome
            .refused
            .into_iter()
            .fold(report, |report, why| report.with_note(NoteKind::Warn, why));
        Ok(Step::Done(report))
    }
}

/// `17`, `#17`.
fn number(word: &str) -> Option<u64> {
    word.trim_start_matches('#').trim_end_matches(',').parse().ok()
}
