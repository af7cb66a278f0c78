//! `kill`: ends a process whose name the configuration allows.

use super::super::Options;
use super::super::audit::{Audit, Event, Line};
use super::super::pace::Pace;
use super::{FORM_TYPE, may_audit, must_audit};
use crate::monitor::{End, Named, end_process, processes_named};
use crate::service::command::{Command, Job, Request, Stage, Step};
use crate::service::form::{Field, FieldKind, Form};
use crate::service::report::{NoteKind, Report};
use crate::service::session::random_id;
use crate::stanza::{Role, StanzaError};
use std::sync::Arc;

/// Processes offered at once.
const CHOICES_MAX: usize = 100;

/// The command.
pub(super) struct Kill {
    names: Arc<[String]>,
    role: Role,
    dry: bool,
    pace: Arc<Pace>,
    audit: Audit,
}

impl Kill {
    /// `None` when the configuration allows no name.
    pub(super) fn new(options: &Options, pace: &Arc<Pace>, audit: &Audit) -> Option<Kill> {
        let host = &options.host_commands;
        (!host.kill.is_empty()).then(|| Kill {
            names: host.kill.clone().into(),
            role: host.kill_role,
            dry: options.dry_run,
            pace: pace.clone(),
            audit: audit.clone(),
        })
    }

    fn choose(&self) -> Step {
        let mut process = Field::new(FieldKind::ListSingle, "process", "Process").required();
        for Named { pid, name } in processes_named(&self.names).into_iter().take(CHOICES_MAX) {
            process = process.choice(pid.to_string(), format!("{name} ({pid})"));
        }
        if process.choices.is_empty() {
            return Step::Done(Report::note(
                NoteKind::Info,
                "None of the processes that may be ended is there.",
            ));
        }
        let how = Field::new(FieldKind::ListSingle, "how", "How")
            .choice("term", "Ask it to end (SIGTERM)")
            .choice("kill", "End it (SIGKILL)")
            .value("term");
        Step::Ask(Box::new(Stage {
            form: Form::new("End a process", "Choose what to end.")
                .typed(FORM_TYPE)
                .field(process)
                .field(how),
            last: true,
            time_max: None,
            alone: false,
        }))
    }

    fn end(&self, request: &Request<'_>, pid: u32, how: End) -> Result<Job, StanzaError> {
        let permit = self.pace.admit(&request.caller.jid.to_bare(), request.now)?;
        let (names, audit, dry) = (self.names.clone(), self.audit.clone(), self.dry);
        let mut line = Line::new(Event::Start, request.caller.jid.as_str(), self.node());
        line.run = Some(random_id()?);
        line.argv = vec![how.name().to_owned(), pid.to_string()];
        Ok(Box::pin(async move {
            let _permit = permit;
            must_audit(&audit, line.clone()).await?;
            let ended = match dry {
                true => Err("dry run: nothing was sent".to_owned()),
                false => end_process(pid, &names, how),
            };
            let (outcome, report) = match ended {
                Ok(name) => (
                    format!("sent to {name}"),
                    Report::note(NoteKind::Info, format!("{} was sent to {name} ({pid}).", how.name())),
                ),
                Err(why) => (why.clone(), Report::note(NoteKind::Error, format!("{pid}: {why}."))),
            };
            line.event = Event::End;
            line.outcome = Some(outcome);
            may_audit(&audit, line).await;
            Ok(report)
        }))
    }
}

impl Command for Kill {
    fn node(&self) -> &str {
        "kill"
    }

    fn name(&self) -> &str {
        "End a process"
    }

    fn usage(&self) -> &str {
        "[PID [term|kill]]"
    }

    fn help(&self) -> &str {
        "end a process that the configuration allows to be ended"
    }

    fn role(&self) -> Role {
        self.role
    }

    fn is_audited(&self) -> bool {
        true
    }

    fn step(&self, request: &Request<'_>) -> Result<Step, StanzaError> {
        let Some(chosen) = request.answers.first() else {
            return Ok(self.choose());
        };
        let how = match chosen.get("how") {
            Some("kill") => End::Kill,
            _ => End::Term,
        };
        match chosen.get("process").and_then(|pid| pid.parse().ok()) {
            Some(pid) => self.end(request, pid, how).map(Step::Run),
            None => Ok(self.choose()),
        }
    }
}
