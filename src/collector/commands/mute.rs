//! `mute`: nobody is told of some alerts for a while.

use super::super::board::State;
use super::super::chat::distance;
use super::super::times::end;
use super::{Desk, ask, given, joined, refused};
use crate::monitor::{self, Scope};
use crate::service::command::{Command, Given, Request, Step, Words};
use crate::service::form::{Field, FieldKind, Form, Values};
use crate::service::report::{NoteKind, Report};
use crate::stanza::{Role, StanzaError};
use std::collections::BTreeMap;

/// How long when nobody says.
const LENGTH: &str = "1h";

/// The command.
pub(super) struct Mute {
    desk: Desk,
}

impl Mute {
    pub(super) fn new(desk: Desk) -> Mute {
        Mute { desk }
    }

    fn form(&self) -> Form {
        let scope = Field::new(FieldKind::ListSingle, "what", "What").value("all");
        let scopes = scopes(&self.desk.board.lock());
        let scope = scopes
            .into_iter()
            .fold(scope, |field, (value, label)| field.choice(value, label));
        Form::new("Mute", "Alerts are recorded, and nobody is told.")
            .field(scope)
            .field(
                Field::new(
                    FieldKind::TextSingle,
                    "until",
                    "For how long (2h), or until when (18:00)",
                )
                .value(LENGTH),
            )
            .field(Field::new(FieldKind::TextSingle, "note", "Note"))
    }
}

/// All that can be muted, with what it is.
fn scopes(state: &State) -> BTreeMap<String, String> {
    let mut scopes: BTreeMap<String, String> = BTreeMap::new();
    for node in state.snapshot.iter().flat_map(|snapshot| &snapshot.nodes) {
        scopes.insert(node.id.clone(), node.title.clone());
    }
    for (name, (rule, _)) in state.desk.rules().all() {
        scopes.insert(name, format!("rule on {}", rule.statistic));
    }
    for alert in state.desk.active() {
        scopes.insert(alert.id.to_string(), alert.text.clone());
    }
    scopes.insert("all".to_owned(), "everything".to_owned());
    scopes
}

/// The scope that a word means: as it is, a group's member, or a rule by a part of its name.
fn resolve(state: &State, word: &str) -> Result<String, String> {
    let word = word.to_lowercase();
    let scopes = scopes(state);
    let member = |scope: &&String| {
        scope
            .split_once('/')
            .is_some_and(|(_, member)| member.eq_ignore_ascii_case(&word))
    };
    let part = |scope: &&String| scope.split('-').any(|part| part == word);
    let exact = scopes.keys().find(|scope| scope.eq_ignore_ascii_case(&word));
    let found = exact
        .or_else(|| scopes.keys().find(member))
        .or_else(|| scopes.keys().find(part));
    found.cloned().ok_or_else(|| {
        let near = scopes.keys().map(|scope| (distance(&word, scope), scope)).min();
        match near {
            Some((distance, scope)) if distance <= 2 => format!("I know no '{word}'. Did you mean '{scope}'?"),
            _ => format!("I know no '{word}'. Say 'rules' or 'stats' to see what there is."),
        }
    })
}

impl Command for Mute {
    fn node(&self) -> &str {
        "mute"
    }

    fn name(&self) -> &str {
        "Mute alerts"
    }

    fn usage(&self) -> &str {
        "[all|WHAT|NUMBER] [TIME|until TIME] [NOTE]"
    }

    fn help(&self) -> &str {
        "be told of no alerts, or not of some, for a while"
    }

    fn topic(&self) -> &str {
        "'mute disk 2h', 'mute all until 18:00', 'mute 17 1d', 'mute /var until tomorrow 8:00 waiting for the new disk'. \
         What is muted: everything, a group, a disk, a rule, or one alert by its number; for an hour unless you say. \
         'mutes' shows them, 'unmute' ends them. What still fires then is told."
    }

    fn phrases(&self) -> &[(&str, &str)] {
        &[
            ("silence", "mute"),
            ("quiet", "mute"),
            ("snooze", "mute"),
            ("shut up", "mute all"),
            ("be quiet", "mute all"),
        ]
    }

    fn role(&self) -> Role {
        Role::Operator
    }

    fn read(&self, words: &mut Words, _answers: &[Values]) -> Option<Result<Given, String>> {
        let state = self.desk.board.lock();
        let wall = state.snapshot.as_ref().map(|snapshot| snapshot.taken)?;
        let until = |words: &mut Words| {
            let before: Vec<String> = words.iter().cloned().collect();
            end(words, wall, self.desk.zone)?;
            Some(before[..before.len() - words.len()].join(" "))
        };
        let mut time = until(words);
        let what = match words.pop_front().filter(|_| time.is_none()) {
            Some(word) if word.eq_ignore_ascii_case("alert") => words.pop_front().unwrap_or_default(),
            word => word.unwrap_or_else(|| "all".to_owned()),
        };
        let what = match resolve(&state, what.trim_start_matches('#')) {
            Ok(what) => what,
            Err(why) => return Some(Err(why)),
        };
        time = time.or_else(|| until(words));
        let strange = words
            .front()
            .is_some_and(|word| time.is_none() && word.starts_with(|c: char| c.is_ascii_digit()));
        if strange {
            return Some(Err(format!("'{}' is no time.", words[0])));
        }
        let time = time.unwrap_or_else(|| LENGTH.to_owned());
        Some(Ok(given([("what", what), ("until", time), ("note", joined(words))])))
    }

    fn step(&self, request: &Request<'_>) -> Result<Step, StanzaError> {
        let [.., values] = request.answers else {
            return Ok(ask(self.form()));
        };
        let mut state = self.desk.board.lock();
        let wall = state.wall(request.now);
        let mut words: Words = values
            .get("until")
            .unwrap_or(LENGTH)
            .split_whitespace()
            .map(str::to_owned)
            .collect();
        let until = end(&mut words, wall, self.desk.zone).filter(|_| words.is_empty());
        let until = until.ok_or_else(|| refused("That is no time to come within a month: say 2h, or 18:00."))?;
        let what = values.get("what").unwrap_or("all");
        let scope = match (what, what.parse()) {
            ("all", _) => Scope::All,
            (_, Ok(id)) => Scope::Alert(id),
            (word, Err(_)) => Scope::Named(word.to_owned()),
        };
        let mute = monitor::Mute {
            id: 0,
            scope,
            from: wall,
            until,
            by: request.caller.jid.to_bare().to_string(),
            note: values.get("note").unwrap_or_default().to_owned(),
            maintenance: false,
        };
        let mute = state.desk.mute(mute, wall).map_err(refused)?;
        let text = format!(
            "Muted {} until {}.",
            mute.scope.text(),
            self.desk.zone.clock(mute.until, wall)
        );
        Ok(Step::Done(Report::note(NoteKind::Info, text)))
    }
}
