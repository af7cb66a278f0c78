//! A command: one definition makes the ad-hoc command (XEP-0050) and the word of the chat.

use super::form::{Form, Values};
use super::report::Report;
use crate::stanza::{Role, StanzaError};
use jid::FullJid;
use std::collections::{BTreeMap, VecDeque};
use std::pin::Pin;
use std::time::Duration;

/// Who asks. The role is looked up for every stage anew.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    /// The session, as the router stamped it.
    pub jid: FullJid,
    /// The account's role.
    pub role: Role,
}

/// What a command is to act on.
#[derive(Clone, Copy)]
pub struct Request<'a> {
    /// Who asks.
    pub caller: &'a Caller,
    /// What came with the first request, fitting [`Command::parameters`].
    pub parameters: &'a Values,
    /// What each stage's form was answered with, so far.
    pub answers: &'a [Values],
    /// The time, monotonic.
    pub now: Duration,
}

/// Work that takes a while; it ends with the report, or with the error that answers the caller. Nothing happens before
/// it is polled.
pub type Job = Pin<Box<dyn Future<Output = Result<Report, StanzaError>> + Send>>;

/// A form to be filled in next.
#[derive(Clone)]
pub struct Stage {
    /// The form.
    pub form: Form,
    /// Whether the command is done after it.
    pub last: bool,
    /// How long it waits for an answer; the session's own time when `None`.
    pub time_max: Option<Duration>,
    /// In a chat: to be answered in a message of its own.
    pub alone: bool,
}

/// What comes next.
pub enum Step {
    /// A form to fill in.
    Ask(Box<Stage>),
    /// The end.
    Done(Report),
    /// The end, after some work.
    Run(Job),
}

/// Words of a chat, not used yet.
pub type Words = VecDeque<String>;

/// Values by field name, not validated yet.
pub type Given = BTreeMap<String, Vec<String>>;

/// A command. It keeps nothing of a session: [`step`](Command::step) sees all answers so far, so that going back is
/// asking again with one answer less.
pub trait Command: Send + Sync {
    /// Its node: `stats-reset`.
    fn node(&self) -> &str;

    /// Its name for people: `Reset statistics`.
    fn name(&self) -> &str;

    /// The word of the chat.
    fn word(&self) -> &str {
        self.node()
    }

    /// What follows the word in a chat: `[GROUP]`; empty when nothing does.
    fn usage(&self) -> &str {
        ""
    }

    /// What it does, in a line.
    fn help(&self) -> &str;

    /// More about it, with examples of what to say; empty when the line says all.
    fn topic(&self) -> &str {
        ""
    }

    /// Other ways to say it: what a message may begin with, in lower case and without punctuation, and what stands for it.
    fn phrases(&self) -> &[(&str, &str)] {
        &[]
    }

    /// What the words of a chat mean for the form that follows these answers; what it takes no notice of stays.
    /// `None`: they fill it from left to right.
    ///
    /// # Errors
    /// A sentence for whoever spoke.
    fn read(&self, _words: &mut Words, _answers: &[Values]) -> Option<Result<Given, String>> {
        None
    }

    /// The least role that may run it.
    fn role(&self) -> Role;

    /// Whether attempts that are refused before it runs belong in the audit log.
    fn is_audited(&self) -> bool {
        false
    }

    /// What may be given with the first request: a submitted form, or words of the chat.
    fn parameters(&self) -> Form {
        Form::default()
    }

    /// Goes on. Errors keep the session where it was.
    ///
    /// # Errors
    /// The stanza error that answers the caller.
    fn step(&self, request: &Request<'_>) -> Result<Step, StanzaError>;
}

#[cfg(test)]
pub(crate) mod tests {
    use super::super::form::{Field, FieldKind};
    use super::*;

    /// A caller with a role.
    pub(crate) fn caller(jid: &str, role: Role) -> Caller {
        Caller {
            jid: jid.parse().expect("a full JID"),
            role,
        }
    }

    /// Asks for a colour, then for a word that must be the colour, then says both.
    pub(crate) struct Paint;

    impl Command for Paint {
        fn node(&self) -> &str {
            "paint"
        }

        fn name(&self) -> &str {
            "Paint it"
        }

        fn usage(&self) -> &str {
            "COLOUR WORD"
        }

        fn help(&self) -> &str {
            "paints"
        }

        fn role(&self) -> Role {
            Role::Operator
        }

        fn step(&self, request: &Request<'_>) -> Result<Step, StanzaError> {
            let colour = Field::new(FieldKind::ListSingle, "colour", "Colour").required();
            let stage = |field: Field, last| {
                Ok(Step::Ask(Box::new(Stage {
                    form: Form::new("Paint", "Answer:").field(field),
                    last,
                    time_max: last.then_some(Duration::from_secs(60)),
                    alone: last,
                })))
            };
            match request.answers {
                [] => stage(colour.choice("red", "Red").choice("blue", "Blue"), false),
                [first] => {
                    let expected = first.get("colour").unwrap_or_default().to_owned();
                    let word = Field::new(FieldKind::TextSingle, "word", "The word").required();
                    let check = move |word: &str| match word == expected {
                        true => Ok(()),
                        false => Err("is not the colour".to_owned()),
                    };
                    stage(word.check(check), true)
                }
                [first, second, ..] => {
                    let said = [first.get("colour"), second.get("word")].map(Option::unwrap_or_default);
                    Ok(Step::Done(Report::titled("Painted").with_entry(
                        "said",
                        "Said",
                        said.join(" "),
                    )))
                }
            }
        }
    }
}
