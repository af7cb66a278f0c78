//! Commands that are one program each: `restart-unit`, `log`. Their parameters are choices of the configuration, asked for
//! as `shell` asks.

use super::super::audit::Audit;
use super::super::pace::Pace;
use super::super::run::Bounds;
use super::super::{Options, Parameter, ShellCommand};
use super::shell::{Run, ask, parameters};
use crate::service::command::{Command, Request, Step};
use crate::service::form::Values;
use crate::stanza::{Role, StanzaError};
use std::sync::Arc;

/// Lines of a log that can be asked for.
const LINES: [&str; 4] = ["20", "50", "200", "1000"];

/// The command.
pub(super) struct Program {
    title: &'static str,
    usage: &'static str,
    command: ShellCommand,
    bounds: Bounds,
    pace: Arc<Pace>,
    audit: Audit,
}

/// `restart-unit`; nothing where no unit may be restarted.
pub(super) fn restart_unit(options: &Options, pace: &Arc<Pace>, audit: &Audit) -> Option<Program> {
    let host = &options.host_commands;
    let argv = [host.systemctl.as_str(), "restart", "--", "{unit}"];
    (!host.restart.is_empty()).then(|| Program {
        title: "Restart a service",
        usage: "[UNIT]",
        command: ShellCommand {
            name: "restart-unit".to_owned(),
            description: "restart a service".to_owned(),
            argv: argv.map(str::to_owned).to_vec(),
            parameters: vec![choice("unit", "Unit", &host.restart)],
            role: host.restart_role,
        },
        bounds: Bounds::new(options),
        pace: pace.clone(),
        audit: audit.clone(),
    })
}

/// `log`; nothing where no unit's journal may be read.
pub(super) fn log(options: &Options, pace: &Arc<Pace>, audit: &Audit) -> Option<Program> {
    let host = &options.host_commands;
    let argv = [
        host.journalctl.as_str(),
        "--no-pager",
        "--quiet",
        "--output=short-iso",
        "--lines",
        "{lines}",
        "--unit",
        "{unit}",
    ];
    (!host.logs.is_empty()).then(|| Program {
        title: "Show a service's log",
        usage: "[UNIT [LINES]]",
        command: ShellCommand {
            name: "log".to_owned(),
            description: "the end of a service's log".to_owned(),
            argv: argv.map(str::to_owned).to_vec(),
            parameters: vec![
                choice("unit", "Unit", &host.logs),
                choice("lines", "Lines", &LINES.map(str::to_owned)),
            ],
            role: host.logs_role,
        },
        bounds: Bounds::new(options),
        pace: pace.clone(),
        audit: audit.clone(),
    })
}

fn choice(name: &str, label: &str, choices: &[String]) -> Parameter {
    Parameter {
        name: name.to_owned(),
        label: label.to_owned(),
        choices: choices.to_vec(),
        secret: false,
    }
}

impl Command for Program {
    fn node(&self) -> &str {
        &self.command.name
    }

    fn name(&self) -> &str {
        self.title
    }

    fn usage(&self) -> &str {
        self.usage
    }

    fn help(&self) -> &str {
        &self.command.description
    }

    fn role(&self) -> Role {
        self.command.role
    }

    fn is_audited(&self) -> bool {
        true
    }

    fn step(&self, request: &Request<'_>) -> Result<Step, StanzaError> {
        let Some(values) = request.answers.first() else {
            return Ok(ask(parameters(&self.command), true));
        };
        let permit = self.pace.admit(&request.caller.jid.to_bare(), request.now)?;
        let run = self.run(request, values)?;
        let (bounds, audit) = (self.bounds, self.audit.clone());
        Ok(Step::Run(Box::pin(async move {
            let _permit = permit;
            run.run(bounds, &audit).await
        })))
    }
}

impl Program {
    fn run(&self, request: &Request<'_>, values: &Values) -> Result<Run, StanzaError> {
        Run::new(self.node(), request.caller, &self.command, values)
    }
}
