//! A command that wants its caller's password first (threat M25): whoever finds a client open, or takes a session over, does
//! not have the host.

use super::super::Directory;
use super::super::audit::{Audit, Event, Line};
use super::super::pace::Pace;
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
    pace: Arc<Pace>,
    audit: Audit,
}

impl Guarded {
    /// Passwords have a pace of their own, which all guarded commands share: a check is slow and large (threat A13), and
    /// whoever guesses would go on guessing.
    pub(super) fn new(
        command: Arc<dyn Command>,
        directory: &Arc<dyn Directory>,
        pace: &Arc<Pace>,
        audit: &Audit,
    ) -> Guarded {
        Guarded {
            command,
            directory: directory.clone(),
            pace: pace.clone(),
            audit: audit.clone(),
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
        let permit = self.pace.admit(&account, request.now)?;
        let mut line = Line::new(Event::Refused, request.caller.jid.as_str(), self.node());
        Ok(Step::Run(Box::pin(async move {
            // The permit goes along: the check goes on when nobody waits for it any more.
            let check = move || {
                let _permit = permit;
                directory.has_password(&account, &password)
            };
            match tokio::task::spawn_blocking(check).await {
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
