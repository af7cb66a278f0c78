//! `heartbeat`: a job says that it has run, or that it has failed.

use super::FORM_TYPE;
use crate::monitor::checks::Book;
use crate::service::command::{Command, Request, Stage, Step};
use crate::service::form::{Field, FieldKind, Form};
use crate::service::report::{NoteKind, Report};
use crate::stanza::{Condition, Role, StanzaError};
use std::time::SystemTime;

/// The command.
pub(super) struct Heartbeat {
    book: Book,
}

impl Heartbeat {
    pub(super) fn new(book: Book) -> Heartbeat {
        Heartbeat { book }
    }

    fn form(&self, required: bool) -> Form {
        let checks = self.book.list(SystemTime::now()).into_iter();
        let name = Field::new(FieldKind::ListSingle, "name", "Heartbeat");
        let name = if required { name.required() } else { name };
        let name = checks
            .filter(|check| check.is_heartbeat)
            .fold(name, |field, check| field.choice(&check.name, &check.name));
        let outcome = Field::new(FieldKind::ListSingle, "outcome", "Outcome")
            .choice("ok", "It has run")
            .choice("failed", "It has failed");
        Form::new("Heartbeat", "Say how the job went.")
            .typed(FORM_TYPE)
            .field(name)
            .field(outcome)
    }
}

impl Command for Heartbeat {
    fn node(&self) -> &str {
        "heartbeat"
    }

    fn name(&self) -> &str {
        "Send a heartbeat"
    }

    fn usage(&self) -> &str {
        "[NAME [ok|failed]]"
    }

    fn help(&self) -> &str {
        "say that a job has run, or has failed"
    }

    fn role(&self) -> Role {
        Role::Operator
    }

    /// A job that knows the names says all at once.
    fn parameters(&self) -> Form {
        self.form(false)
    }

    fn step(&self, request: &Request<'_>) -> Result<Step, StanzaError> {
        let given = request.answers.first().unwrap_or(request.parameters);
        let Some(name) = given.get("name") else {
            return Ok(Step::Ask(Box::new(Stage {
                form: self.form(true),
                last: true,
                time_max: None,
                alone: false,
            })));
        };
        let failed = (given.get("outcome") == Some("failed")).then_some("the job said so");
        let beat = self.book.beat(name, failed, SystemTime::now());
        beat.map_err(|error| StanzaError::new(Condition::ItemNotFound, error.to_string()))?;
        let said = match failed {
            Some(_) => format!("'{name}' has come, and has failed."),
            None => format!("'{name}' has come."),
        };
        Ok(Step::Done(Report::note(NoteKind::Info, said)))
    }
}
