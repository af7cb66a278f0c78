//! A command that wants its caller's password first (threat M25): whoever finds a client open, or takes a session over, does
//! not have the host.

use super::super::Directory;
use super::super::audit::{Audit, Event, Line};
use super::{FORM_TYPE, may_audit};
use crate::service::command::{Command, Request, Stage, Step};
use crate::service::form::{Field, FieldKind, Form};
use crate::stanza::{Condition, Role, StanzaError};
use std::sync::Arc;

/// Characters of a password that are read.
const PASSWORD_CHARS_MAX: usize = 1_024;

/// The command within.
pub(super) struct Guarded {
    command: Arc<dyn Command>,
    directory: Arc<dyn Directory>,
    audit: Audit,
}

impl Guarded {
    pub(super) fn new(command: Arc<dyn Command>, directory: Arc<dyn Directory>, audit: Audit) -> Guarded {
        Guarded {
            command,
            directory,
            audit,
        }
    }

    fn ask(&self) -> Step {
        let password = Field::new(FieldKind::TextPrivate, "password", "Your password").required();
        let form = Form::new(self.command.name(), "Give your password to go on.");
        Step::Ask(Box::new(Stage {
            form: form.typed(FORM_TYPE).field(password),
            last: false,
            time_max: None,
            alone: true,
        }))
    }
}

impl Command for Guarded {
    fn node(&self) -> &str {
        self.command.node()
    }

    fn name(&self) -> &str {
        self.command.name()
    }

    fn word(&self) -> &str {
        self.command.word()
    }

    fn usage(&self) -> &str {
        self.command.usage()
    }

    fn help(&self) -> &str {
        self.command.help()
    }

    fn role(&self) -> Role {
        self.command.role()
    }

    fn is_audited(&self) -> bool {
        self.command.is_audited()
    }

    /// The password is looked at last, before anything happens: it is slow by design.
    fn step(&self, request: &Request<'_>) -> Result<Step, StanzaError> {
        let Some((first, answers)) = request.answers.split_first() else {
            return Ok(self.ask());
        };
        let password: String = first
            .get("password")
            .unwrap_or_default()
            .chars()
            .take(PASSWORD_CHARS_MAX)
            .collect();
        let inner = self.command.step(&Request { answers, ..*request })?;
        let Step::Run(job) = inner else { return Ok(inner) };
        let (directory, account, audit) = (self.directory.clone(), request.caller.jid.to_bare(), self.audit.clone());
        let mut line = Line::new(Event::Refused, request.caller.jid.as_str(), self.node());
        Ok(Step::Run(Box::pin(async move {
            let checked = tokio::task::spawn_blocking(move || directory.has_password(&account, &password)).await;
            match checked {
                Ok(true) => job.await,
                Ok(false) => {
                    line.outcome = Some("wrong password".to_owned());
                    may_audit(&audit, line).await;
                    Err(StanzaError::new(Condition::Forbidden, "That is not your password."))
                }
                Err(_) => Err(Condition::InternalServerError.into()),
            }
        })))
    }
}
