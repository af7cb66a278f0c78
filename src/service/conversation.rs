//! Commands in words: the same definitions, stages and checks, spoken.
//!
//! `shell df /var` fills the forms of `shell` from left to right, unless the command has a grammar of its own. What is
//! still missing is asked for, and the next message from the same full JID answers. A command is known by its word, by
//! the beginning of it that no other has, and by the phrases that it declares.

use super::command::{Caller, Command, Given, Job, Stage, Step, Words};
use super::form::{Field, FieldKind, Form, Invalid, Values};
use super::report::Report;
use super::session::{Commands, Execution, authorize, random_id};
use crate::stanza::{Condition, Role, StanzaError};
use std::sync::Arc;
use std::time::Duration;

/// What is answered to a message.
pub enum Said {
    /// A question; the next message answers it.
    Question(String),
    /// The end.
    Done(Report),
    /// The end, after some work.
    Later(Job),
    /// Why not.
    Refused(String),
}

/// Letters of a word's beginning that stand for it.
const ABBREVIATION_MIN: usize = 2;

impl Commands {
    /// Whether this full JID has been asked something.
    pub fn is_asked(&mut self, caller: &Caller, now: Duration) -> bool {
        self.expire(now);
        self.conversation(caller).is_some()
    }

    /// The command that a message means, and the words that follow it.
    pub fn meant(&self, message: &str, role: Role) -> Option<(Arc<dyn Command>, Words)> {
        let mut words: Words = message.split_whitespace().map(str::to_owned).collect();
        if let Some(command) = self.by_word(words.front()?, role) {
            words.pop_front();
            return Some((command, words));
        }
        let said = plain(message);
        let phrases = self.allowed(role).flat_map(|command| command.phrases());
        let begins =
            |phrase: &str| said == phrase || said.strip_prefix(phrase).is_some_and(|rest| rest.starts_with(' '));
        let (phrase, meaning) = phrases
            .filter(|(phrase, _)| begins(phrase))
            .max_by_key(|(phrase, _)| phrase.len())?;
        let rest = said.strip_prefix(phrase)?.split_whitespace();
        let mut words: Words = meaning.split_whitespace().chain(rest).map(str::to_owned).collect();
        let command = self.by_word(&words.pop_front()?, role)?;
        Some((command, words))
    }

    /// The command with that word or node, whoever may run it; else the one of those allowed that alone begins so.
    fn by_word(&self, word: &str, role: Role) -> Option<Arc<dyn Command>> {
        let word = plain(word);
        let exact = |command: &&Arc<dyn Command>| command.word() == word || command.node() == word;
        if let Some(command) = self.list.iter().find(exact) {
            return Some(command.clone());
        }
        let begins = |command: &&Arc<dyn Command>| word.len() >= ABBREVIATION_MIN && command.word().starts_with(&word);
        let mut found = self.allowed(role).filter(begins);
        found.next().filter(|_| found.next().is_none()).cloned()
    }

    /// Answers a message: the answer to an open question, or a command's word with what follows it. `None` when it is
    /// neither.
    ///
    /// # Errors
    /// `forbidden`, and the command's own.
    pub fn say(&mut self, caller: &Caller, message: &str, now: Duration) -> Result<Option<Said>, StanzaError> {
        self.expire(now);
        if let Some(index) = self.conversation(caller) {
            let words = message.split_whitespace().map(str::to_owned).collect();
            return self.answer(index, caller, words, now).map(Some);
        }
        let Some((command, words)) = self.meant(message, caller.role) else {
            return Ok(None);
        };
        authorize(command.as_ref(), caller.role)?;
        self.open(caller, command, words, now).map(Some)
    }

    fn conversation(&self, caller: &Caller) -> Option<usize> {
        self.sessions
            .iter()
            .position(|session| session.chat && session.execution.owner == caller.jid)
    }

    fn open(
        &mut self,
        caller: &Caller,
        command: Arc<dyn Command>,
        mut words: Words,
        now: Duration,
    ) -> Result<Said, StanzaError> {
        if command.usage().is_empty() && !words.is_empty() {
            return Ok(Said::Refused(format!("'{}' takes nothing after it.", command.word())));
        }
        let parameters = match understand(command.as_ref(), &[], &command.parameters(), &mut words) {
            Ok(parameters) => parameters,
            Err(why) => return Ok(refused(&why, command.as_ref())),
        };
        let execution = Execution {
            id: random_id()?,
            owner: caller.jid.clone(),
            command,
            parameters,
            answers: Vec::new(),
        };
        self.speak(caller, execution, words, now)
    }

    fn answer(&mut self, index: usize, caller: &Caller, mut words: Words, now: Duration) -> Result<Said, StanzaError> {
        let mut session = self.sessions.swap_remove(index);
        authorize(session.execution.command.as_ref(), caller.role)?;
        if words.len() == 1 && words[0].eq_ignore_ascii_case("cancel") {
            return Ok(Said::Refused("Cancelled.".to_owned()));
        }
        match session.execution.understand(&session.stage.form, &mut words) {
            Ok(values) if words.is_empty() || !session.stage.last => {
                session.execution.answers.push(values);
                self.speak(caller, session.execution, words, now)
            }
            Ok(_) => {
                self.sessions.push(session);
                Ok(Said::Question(
                    "That is too much. Answer again, or say 'cancel'.".to_owned(),
                ))
            }
            Err(why) => {
                self.sessions.push(session);
                Ok(Said::Question(format!("{why} Answer again, or say 'cancel'.")))
            }
        }
    }

    /// Goes from stage to stage for as long as the words reach.
    fn speak(
        &mut self,
        caller: &Caller,
        mut execution: Execution,
        mut words: Words,
        now: Duration,
    ) -> Result<Said, StanzaError> {
        loop {
            let stage = match execution.step(caller, &execution.answers, now)? {
                Step::Done(report) => return Ok(Said::Done(report)),
                Step::Run(job) => return Ok(Said::Later(job)),
                Step::Ask(stage) => *stage,
            };
            if stage.alone || (words.is_empty() && stage.form.is_open()) {
                return self.ask(caller, execution, stage, now);
            }
            match execution.understand(&stage.form, &mut words) {
                Ok(values) if words.is_empty() || !stage.last => execution.answers.push(values),
                Ok(_) => return Ok(refused(&too_much().to_string(), execution.command.as_ref())),
                Err(why) => return Ok(refused(&why, execution.command.as_ref())),
            }
        }
    }

    fn ask(&mut self, caller: &Caller, execution: Execution, stage: Stage, now: Duration) -> Result<Said, StanzaError> {
        // What is said in a chat is kept: by the archive, by other devices, by the client.
        if stage
            .form
            .fields
            .iter()
            .any(|field| field.kind == FieldKind::TextPrivate)
        {
            let text = "That asks for a secret, which does not belong in a chat. Use your client's form for commands.";
            return Ok(Said::Refused(text.to_owned()));
        }
        self.check_room(caller)?;
        let text = question(&stage.form);
        let mut session = self.session(execution, stage, now);
        session.chat = true;
        self.sessions.push(session);
        Ok(Said::Question(text))
    }
}

fn too_much() -> Invalid {
    Invalid {
        field: "command".to_owned(),
        why: "takes fewer words".to_owned(),
    }
}

fn refused(why: &str, command: &dyn Command) -> Said {
    Said::Refused(format!("{why} Usage: {} {}", command.word(), command.usage()))
}

/// Lower case, without punctuation at the ends of words and without apostrophes.
fn plain(text: &str) -> String {
    let text = text.to_lowercase().replace(['\'', '’'], "");
    let trim = |word: &str| match word.trim_matches(['?', '!', '.', ',', ';', ':']) {
        "" => word.to_owned(),
        trimmed => trimmed.to_owned(),
    };
    let words: Vec<String> = text.split_whitespace().map(trim).collect();
    words.join(" ")
}

impl Execution {
    fn understand(&self, form: &Form, words: &mut Words) -> Result<Values, String> {
        understand(self.command.as_ref(), &self.answers, form, words)
    }
}

/// The form's values, by the command's own grammar, or from left to right. A form without fields takes no words.
fn understand(command: &dyn Command, answers: &[Values], form: &Form, words: &mut Words) -> Result<Values, String> {
    let given = match form.fields.is_empty() {
        true => None,
        false => command.read(words, answers),
    };
    let values = match given {
        Some(given) => form.validate(given?),
        None => fill(form, words),
    };
    values.map_err(|invalid| invalid.to_string())
}

/// Fills a form from left to right; the rest of the words stays.
fn fill(form: &Form, words: &mut Words) -> Result<Values, Invalid> {
    let mut given = Given::new();
    for field in form.fields.iter().filter(|field| field.is_input()) {
        let values: Vec<String> = match field.takes_all() {
            true => words.drain(..).collect(),
            false => words.pop_front().into_iter().collect(),
        };
        if !values.is_empty() {
            given.insert(field.var.clone(), values);
        }
    }
    form.validate(given)
}

/// A form as a question.
fn question(form: &Form) -> String {
    let mut lines: Vec<String> = vec![form.instructions.clone()];
    lines.extend(form.fields.iter().filter_map(line));
    lines.retain(|line| !line.is_empty());
    lines.join("\n")
}

fn line(field: &Field) -> Option<String> {
    let choices: Vec<String> = field.choices.iter().map(choice).collect();
    match field.kind {
        FieldKind::Hidden => None,
        FieldKind::Fixed => Some(field.values.join(" ")),
        _ if choices.is_empty() => Some(field.label.clone()),
        _ => Some(format!("{}:\n{}", field.label, choices.join("\n"))),
    }
}

fn choice((value, label): &(String, String)) -> String {
    match value == label {
        true => format!("  {value}"),
        false => format!("  {value} - {label}"),
    }
}

/// An error of a command, in words.
pub fn excuse(error: &StanzaError) -> String {
    match (&error.text, error.condition) {
        (Some(text), _) => text.clone(),
        (None, Condition::Forbidden) => "You may not do that.".to_owned(),
        (None, condition) => format!("That failed: {}.", condition.name()),
    }
}

#[cfg(test)]
mod tests {
    use super::super::command::tests::{Paint, caller};
    use super::super::session::Limits;
    use super::*;
    use crate::stanza::Role;

    /// What is said to each message, in the words of a test.
    fn talk(commands: &mut Commands, caller: &Caller, message: &str) -> String {
        match commands.say(caller, message, Duration::ZERO) {
            Ok(Some(Said::Question(text))) => ["? ", text.lines().next().unwrap_or_default()].concat(),
            Ok(Some(Said::Done(report))) => report.to_text(),
            Ok(Some(Said::Later(_))) => "later".to_owned(),
            Ok(Some(Said::Refused(text))) => ["! ", &text].concat(),
            Ok(None) => "nothing".to_owned(),
            Err(error) => excuse(&error),
        }
    }

    fn commands() -> Commands {
        Commands::new(vec![Arc::new(Paint)], Limits::default())
    }

    #[test]
    fn words_fill_the_forms_and_the_rest_is_asked_for() {
        let (mut commands, op) = (commands(), caller("op@mon.example/desk", Role::Operator));
        assert_eq!(talk(&mut commands, &op, "Paint"), "? Answer:");
        assert_eq!(
            talk(&mut commands, &op, "green"),
            "? Field 'colour' is none of the choices. Answer again, or say 'cancel'."
        );
        assert_eq!(talk(&mut commands, &op, "blue"), "? Answer:");
        assert_eq!(
            talk(&mut commands, &op, "red"),
            "? Field 'word' is not the colour. Answer again, or say 'cancel'."
        );
        assert_eq!(talk(&mut commands, &op, "blue"), "Painted\nSaid: blue blue");
        assert_eq!(talk(&mut commands, &op, "blue"), "nothing");
    }

    #[test]
    fn a_stage_that_stands_alone_is_asked_even_when_the_word_was_said() {
        let (mut commands, op) = (commands(), caller("op@mon.example/desk", Role::Operator));
        assert_eq!(talk(&mut commands, &op, "paint red red"), "? Answer:");
        assert_eq!(talk(&mut commands, &op, "cancel"), "! Cancelled.");
        assert_eq!(
            talk(&mut commands, &op, "paint green"),
            "! Field 'colour' is none of the choices. Usage: paint COLOUR WORD"
        );
    }

    #[test]
    fn m04_only_the_one_who_was_asked_answers() {
        let (mut commands, op) = (commands(), caller("op@mon.example/desk", Role::Operator));
        talk(&mut commands, &op, "paint");
        assert_eq!(
            talk(&mut commands, &caller("op@mon.example/phone", Role::Operator), "red"),
            "nothing"
        );
        let demoted = caller("op@mon.example/desk", Role::Viewer);
        assert_eq!(talk(&mut commands, &demoted, "red"), "This needs the role operator.");
        assert_eq!(talk(&mut commands, &demoted, "paint"), "This needs the role operator.");
    }
}
