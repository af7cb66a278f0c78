//! `reboot` and `cancel-reboot`: the operator's own argv, after a confirmation and a delay.

use super::super::audit::{Audit, Event, Line};
use super::super::board::{Board, Ordered, State};
use super::super::run::{self, Bounds};
use super::super::{Options, RebootOptions};
use super::{FORM_TYPE, may_audit, must_audit};
use crate::monitor::age;
use crate::service::command::{Command, Job, Request, Stage, Step};
use crate::service::form::{Field, FieldKind, Form};
use crate::service::report::{NoteKind, Report};
use crate::stanza::{Condition, Role, StanzaError};
use jid::FullJid;
use std::sync::Arc;
use std::time::Duration;

/// How long the host's name may be typed.
const CONFIRMATION: Duration = Duration::from_secs(60);

/// Orders a reboot.
pub(super) struct Reboot {
    host: String,
    options: RebootOptions,
    board: Arc<Board>,
    audit: Audit,
}

impl Reboot {
    pub(super) fn new(all: &Options, options: &RebootOptions, board: Arc<Board>, audit: Audit) -> Reboot {
        Reboot {
            host: all.host.clone(),
            options: options.clone(),
            board,
            audit,
        }
    }

    /// The form that names the host and wants it typed.
    fn confirmation(&self) -> Step {
        let host = self.host.clone();
        let typed = Field::new(FieldKind::TextSingle, "host", format!("Type {host} to reboot it"))
            .required()
            .check(move |value| match value.trim() == host {
                true => Ok(()),
                false => Err(format!("is not the host's name, {host}")),
            });
        let instructions = format!(
            "This reboots {} in {}. Type its name to confirm, within a minute.",
            self.host,
            seconds(self.options.delay)
        );
        Step::Ask(Box::new(Stage {
            form: Form::new(format!("Reboot {}", self.host), instructions)
                .typed(FORM_TYPE)
                .field(typed),
            last: true,
            time_max: Some(CONFIRMATION),
            alone: true,
        }))
    }

    fn order(&self, by: &FullJid, now: Duration) -> Job {
        let (board, audit, options) = (self.board.clone(), self.audit.clone(), self.options.clone());
        let (host, by) = (self.host.clone(), by.clone());
        Box::pin(async move {
            let mut line = Line::new(Event::Start, by.as_str(), "reboot");
            line.argv = options.argv.clone();
            line.outcome = Some(format!("in {}", seconds(options.delay)));
            must_audit(&audit, line).await?;
            let mut state = board.lock();
            // Two orders may have come here side by side; the first one stands.
            refuse_twice(&state, options.cool_down, now)?;
            state.rebooted = Some(now);
            state.reboot = Some(Ordered {
                due: now + options.delay,
                by,
            });
            let text = format!(
                "{host} reboots in {}; run cancel-reboot to stop it.",
                seconds(options.delay)
            );
            Ok(Report::note(NoteKind::Info, text))
        })
    }
}

impl Command for Reboot {
    fn node(&self) -> &str {
        "reboot"
    }

    fn name(&self) -> &str {
        "Reboot"
    }

    fn help(&self) -> &str {
        "reboot the host, after a delay"
    }

    fn role(&self) -> Role {
        self.options.role
    }

    fn is_audited(&self) -> bool {
        true
    }

    fn step(&self, request: &Request<'_>) -> Result<Step, StanzaError> {
        refuse_twice(&self.board.lock(), self.options.cool_down, request.now)?;
        match request.answers.is_empty() && self.options.confirm {
            true => Ok(self.confirmation()),
            false => Ok(Step::Run(self.order(&request.caller.jid, request.now))),
        }
    }
}

fn refuse_twice(state: &State, cool_down: Duration, now: Duration) -> Result<(), StanzaError> {
    if state.reboot.is_some() {
        return Err(constraint("A reboot is under way; run cancel-reboot to stop it."));
    }
    match state.rebooted.map(|then| now.saturating_sub(then)) {
        Some(since) if since < cool_down => Err(constraint(&format!(
            "A reboot was ordered {} ago. Wait another {}.",
            seconds(since),
            seconds(cool_down - since)
        ))),
        _ => Ok(()),
    }
}

fn constraint(text: &str) -> StanzaError {
    StanzaError::new(Condition::ResourceConstraint, text)
}

/// `30 s`, `10 min`.
fn seconds(time: Duration) -> String {
    match time.as_secs() {
        0..=120 => format!("{} s", time.as_secs()),
        more => age(more as f64),
    }
}

/// Runs the operator's argv, now that the delay is over.
pub(in super::super) fn fire(options: &RebootOptions, by: &FullJid, bounds: Bounds, audit: Audit) -> Job {
    let (argv, by) = (options.argv.clone(), by.to_string());
    Box::pin(async move {
        tracing::warn!(%by, "rebooting");
        let line = |event, outcome: String| Line {
            argv: argv.clone(),
            outcome: Some(outcome),
            ..Line::new(event, &by, "reboot")
        };
        must_audit(&audit, line(Event::Start, "now".to_owned())).await?;
        let opened = audit.opened(line(Event::End, String::new()));
        let ended = run::run(&argv, bounds).await;
        let (outcome, report) = match ended {
            Ok(outcome) if outcome.is_success() => {
                let report = Report::note(NoteKind::Info, "The reboot has begun.");
                (outcome.status_text(), report)
            }
            Ok(outcome) => {
                let text = format!(
                    "The reboot failed ({}). {}",
                    outcome.status_text(),
                    outcome.stderr.text.trim()
                );
                (outcome.status_text(), Report::note(NoteKind::Error, text))
            }
            Err(error) => {
                let report = Report::note(NoteKind::Error, format!("The reboot failed: {error}."));
                (error.to_string(), report)
            }
        };
        opened.close(line(Event::End, outcome)).await;
        Ok(report)
    })
}

/// Stops a reboot that has not run yet.
pub(super) struct CancelReboot {
    role: Role,
    board: Arc<Board>,
    audit: Audit,
}

impl CancelReboot {
    pub(super) fn new(options: &RebootOptions, board: Arc<Board>, audit: Audit) -> CancelReboot {
        CancelReboot {
            role: options.role,
            board,
            audit,
        }
    }
}

impl Command for CancelReboot {
    fn node(&self) -> &str {
        "cancel-reboot"
    }

    fn name(&self) -> &str {
        "Cancel the reboot"
    }

    fn help(&self) -> &str {
        "stop a reboot that has not begun"
    }

    fn role(&self) -> Role {
        self.role
    }

    fn is_audited(&self) -> bool {
        true
    }

    fn step(&self, request: &Request<'_>) -> Result<Step, StanzaError> {
        let mut state = self.board.lock();
        if state.reboot.take().is_none() {
            return Ok(Step::Done(Report::note(NoteKind::Warn, "No reboot is under way.")));
        }
        // A reboot that was called off need not be waited for.
        state.rebooted = None;
        let (audit, line) = (
            self.audit.clone(),
            Line::new(Event::Cancelled, request.caller.jid.as_str(), "reboot"),
        );
        Ok(Step::Run(Box::pin(async move {
            may_audit(&audit, line).await;
            Ok(Report::note(NoteKind::Info, "The reboot is cancelled."))
        })))
    }
}
