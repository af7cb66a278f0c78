//! `help`: what there is to say, and more about one of it.

use crate::service::command::{Command, Given, Request, Step, Words};
use crate::service::form::{Field, FieldKind, Form, Values};
use crate::service::report::{Report, Table};
use crate::stanza::{Role, StanzaError};
use std::sync::Arc;

/// One command, as help tells of it.
struct Topic {
    word: String,
    usage: String,
    help: String,
    more: String,
    role: Role,
}

impl Topic {
    fn of(command: &dyn Command) -> Topic {
        Topic {
            word: command.word().to_owned(),
            usage: command.usage().to_owned(),
            help: command.help().to_owned(),
            more: command.topic().to_owned(),
            role: command.role(),
        }
    }

    fn said(&self) -> String {
        [self.word.as_str(), self.usage.as_str()]
            .join(" ")
            .trim_end()
            .to_owned()
    }
}

/// The command.
pub(in crate::collector) struct Help {
    host: String,
    topics: Vec<Topic>,
}

impl Help {
    /// Help for these commands, and for itself.
    pub(in crate::collector) fn new(host: &str, commands: &[Arc<dyn Command>]) -> Help {
        let mut help = Help {
            host: host.to_owned(),
            topics: Vec::new(),
        };
        let own = Topic::of(&help);
        let others = commands.iter().map(|command| Topic::of(command.as_ref()));
        help.topics = std::iter::once(own).chain(others).collect();
        help
    }

    fn allowed(&self, role: Role) -> impl Iterator<Item = &Topic> {
        self.topics.iter().filter(move |topic| role >= topic.role)
    }

    fn all(&self, role: Role) -> Report {
        let mut table = Table::new(&[("command", "Say"), ("help", "To")]);
        let mut lines = vec![format!("I speak for {}. Say:", self.host)];
        for topic in self.allowed(role) {
            lines.push(format!("  {} - {}", topic.said(), topic.help));
            table.row([topic.said(), topic.help.clone()]);
        }
        lines.push("'help WORD' tells more; the beginning of a word will do.".to_owned());
        Report::titled("Help").with_table(table).with_text(lines.join("\n"))
    }
}

impl Command for Help {
    fn node(&self) -> &str {
        "help"
    }

    fn name(&self) -> &str {
        "Help"
    }

    fn usage(&self) -> &str {
        "[WORD]"
    }

    fn help(&self) -> &str {
        "see what I understand"
    }

    fn phrases(&self) -> &[(&str, &str)] {
        &[
            ("?", "help"),
            ("hello", "help"),
            ("hi", "help"),
            ("what can you do", "help"),
            ("commands", "help"),
        ]
    }

    fn role(&self) -> Role {
        Role::Viewer
    }

    fn parameters(&self) -> Form {
        let topic = Field::new(FieldKind::ListSingle, "topic", "About");
        let topic = self
            .topics
            .iter()
            .fold(topic, |field, topic| field.choice(&topic.word, &topic.help));
        Form::new("Help", "Choose a command, or none for all.").field(topic)
    }

    fn read(&self, words: &mut Words, _answers: &[Values]) -> Option<Result<Given, String>> {
        let Some(word) = words.pop_front() else {
            return Some(Ok(Given::new()));
        };
        let word = word.to_lowercase();
        let exact = self.topics.iter().find(|topic| topic.word == word);
        let found = exact.or_else(|| self.topics.iter().find(|topic| topic.word.starts_with(&word)));
        Some(found.map_or_else(
            || Err(format!("I have nothing to say about '{word}'.")),
            |topic| Ok(super::given([("topic", topic.word.clone())])),
        ))
    }

    fn step(&self, request: &Request<'_>) -> Result<Step, StanzaError> {
        let role = request.caller.role;
        let topic = request.parameters.get("topic");
        let found = topic.and_then(|word| self.allowed(role).find(|topic| topic.word == word));
        Ok(Step::Done(match (topic, found) {
            (None, _) => self.all(role),
            (Some(word), None) => Report::titled("Help").with_text(format!("'{word}' is not for you.")),
            (Some(_), Some(topic)) => {
                let text = format!("{} - {}\n{}", topic.said(), topic.help, topic.more);
                let text = text.trim_end();
                Report::titled("Help").with_entry("text", "Help", text).with_text(text)
            }
        }))
    }
}
