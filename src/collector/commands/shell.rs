//! `shell`: the programs that the configuration allows. There is no shell: program and arguments are separate from the
//! form to execve.

use super::super::audit::{Audit, Event, Line};
use super::super::pace::{Pace, Permit};
use super::super::run::{self, Bounds, Captured, Outcome};
use super::super::{Options, Parameter, ShellCommand};
use super::{FORM_TYPE, must_audit};
use crate::service::command::{Caller, Command, Job, Request, Stage, Step};
use crate::service::form::{Field, FieldKind, Form, Values};
use crate::service::report::{NoteKind, Report};
use crate::service::session::random_id;
use crate::stanza::{Condition, Role, StanzaError};
use std::sync::Arc;

/// Bytes of a free parameter.
const PARAMETER_BYTES_MAX: usize = 256;
/// What stands for a secret in audit and output.
const MASK: &str = "***";
/// A secret shorter than this would mask half of any output.
const SECRET_BYTES_MIN: usize = 4;

/// The command.
pub(super) struct Shell {
    commands: Vec<ShellCommand>,
    role: Role,
    bounds: Bounds,
    pace: Arc<Pace>,
    audit: Audit,
}

impl Shell {
    /// `None` when the configuration allows no program.
    pub(super) fn new(options: &Options, pace: Arc<Pace>, audit: Audit) -> Option<Shell> {
        let role = options.shell.iter().map(|command| command.role).min()?;
        Some(Shell {
            commands: options.shell.clone(),
            // A role of collector would let remote collectors command.
            role: role.max(Role::Viewer),
            bounds: Bounds::new(options),
            pace,
            audit,
        })
    }

    fn allowed(&self, role: Role) -> impl Iterator<Item = &ShellCommand> {
        self.commands.iter().filter(move |command| role >= command.role)
    }

    fn choose(&self, role: Role) -> Step {
        let mut list = Field::new(FieldKind::ListSingle, "command", "Command").required();
        for command in self.allowed(role) {
            let label = match command.description.as_str() {
                "" => &command.name,
                description => description,
            };
            list = list.choice(&command.name, label);
        }
        ask(Form::new("Run a command", "Choose what to run.").field(list), false)
    }

    fn start(
        &self,
        caller: &Caller,
        command: &ShellCommand,
        values: &Values,
        permit: Permit,
    ) -> Result<Job, StanzaError> {
        let run = Run::new(self.node(), caller, command, values)?;
        let (bounds, audit) = (self.bounds, self.audit.clone());
        Ok(Box::pin(async move {
            let _permit = permit;
            run.run(bounds, &audit).await
        }))
    }
}

impl Command for Shell {
    fn node(&self) -> &str {
        "shell"
    }

    fn name(&self) -> &str {
        "Run a command"
    }

    fn usage(&self) -> &str {
        "[COMMAND [PARAMETER…]]"
    }

    fn help(&self) -> &str {
        "run one of the commands that the configuration allows"
    }

    fn role(&self) -> Role {
        self.role
    }

    fn is_audited(&self) -> bool {
        true
    }

    fn step(&self, request: &Request<'_>) -> Result<Step, StanzaError> {
        let Some(chosen) = request.answers.first() else {
            return Ok(self.choose(request.caller.role));
        };
        // Rights may have been taken away since the list was shown.
        let command = self
            .allowed(request.caller.role)
            .find(|command| chosen.get("command") == Some(&command.name))
            .ok_or(Condition::Forbidden)?;
        let values = match (request.answers.get(1), command.parameters.is_empty()) {
            (Some(values), _) => values.clone(),
            (None, true) => Values::default(),
            (None, false) => return Ok(ask(parameters(command), true)),
        };
        let permit = self.pace.admit(&request.caller.jid.to_bare(), request.now)?;
        self.start(request.caller, command, &values, permit).map(Step::Run)
    }
}

/// Asks for a form's answers.
pub(super) fn ask(form: Form, last: bool) -> Step {
    Step::Ask(Box::new(Stage {
        form: form.typed(FORM_TYPE),
        last,
        time_max: None,
        alone: false,
    }))
}

/// The form that asks for a command's parameters.
pub(super) fn parameters(command: &ShellCommand) -> Form {
    let form = Form::new(&command.name, &command.description);
    command.parameters.iter().map(field).fold(form, Form::field)
}

fn field(parameter: &Parameter) -> Field {
    let kind = match (parameter.secret, parameter.choices.is_empty()) {
        (true, _) => FieldKind::TextPrivate,
        (false, true) => FieldKind::TextSingle,
        (false, false) => FieldKind::ListSingle,
    };
    let field = Field::new(kind, &parameter.name, &parameter.label).required();
    if parameter.choices.is_empty() {
        return field.check(check_free);
    }
    let choices = parameter.choices.clone();
    match parameter.secret {
        true => field.check(move |value| match choices.iter().any(|choice| choice == value) {
            true => Ok(()),
            false => Err("is none of the choices".to_owned()),
        }),
        false => choices.iter().fold(field, |field, choice| field.choice(choice, choice)),
    }
}

/// A free parameter must be able to do no more than name something: no option, no response file, no way up.
fn check_free(value: &str) -> Result<(), String> {
    let plain = |c: char| c.is_ascii_alphanumeric() || "._:/@-".contains(c);
    if value.len() > PARAMETER_BYTES_MAX {
        return Err("is too long".to_owned());
    }
    if !value.chars().all(plain) {
        return Err("may have letters, digits and . _ : / @ - only".to_owned());
    }
    if value.starts_with(['-', '@']) || value.split('/').any(|part| part == "..") {
        return Err("may not begin with - or @, nor hold ..".to_owned());
    }
    Ok(())
}

fn is_secret(command: &ShellCommand, name: &str) -> bool {
    command
        .parameters
        .iter()
        .any(|parameter| parameter.secret && parameter.name == name)
}

/// Replaces each argument that is a placeholder as a whole.
fn fill(template: &[String], value: impl Fn(&str) -> Option<String>) -> Vec<String> {
    let placeholder = |argument: &str| value(argument.strip_prefix('{')?.strip_suffix('}')?);
    let fill = |argument: &String| placeholder(argument).unwrap_or_else(|| argument.clone());
    template.iter().map(fill).collect()
}

/// One run.
pub(super) struct Run {
    id: String,
    /// The command's node.
    node: String,
    jid: String,
    name: String,
    argv: Vec<String>,
    /// The argv with secrets masked.
    shown: Vec<String>,
    secrets: Vec<String>,
}

impl Run {
    /// A run of a command with these values.
    ///
    /// # Errors
    /// The system has no randomness.
    pub(super) fn new(
        node: &str,
        caller: &Caller,
        command: &ShellCommand,
        values: &Values,
    ) -> Result<Run, StanzaError> {
        Ok(Run {
            id: random_id()?,
            node: node.to_owned(),
            jid: caller.jid.to_string(),
            name: command.name.clone(),
            argv: fill(&command.argv, |name| values.get(name).map(str::to_owned)),
            shown: fill(&command.argv, |name| match is_secret(command, name) {
                true => Some(MASK.to_owned()),
                false => values.get(name).map(str::to_owned),
            }),
            secrets: command
                .parameters
                .iter()
                .filter(|parameter| parameter.secret)
                .filter_map(|parameter| values.get(&parameter.name))
                .filter(|secret| secret.len() >= SECRET_BYTES_MIN)
                .map(str::to_owned)
                .collect(),
        })
    }

    /// Runs it, audited.
    pub(super) async fn run(&self, bounds: Bounds, audit: &Audit) -> Result<Report, StanzaError> {
        must_audit(audit, self.line(Event::Start)).await?;
        let opened = audit.opened(self.line(Event::End));
        // What is not run is told instead, and logged: without the secrets.
        let argv = if bounds.dry { &self.shown } else { &self.argv };
        let ended = run::run(argv, bounds).await;
        let mut line = self.line(Event::End);
        let report = match &ended {
            Ok(outcome) => {
                line.outcome = Some(outcome.status_text());
                line.milliseconds = Some(u64::try_from(outcome.time.as_millis()).unwrap_or(u64::MAX));
                line.bytes = Some((outcome.stdout.text.len(), outcome.stderr.text.len()));
                self.report(outcome, bounds)
            }
            Err(error) => {
                line.outcome = Some(format!("not started: {error}"));
                Report::note(
                    NoteKind::Error,
                    format!("'{}' could not be started: {error}.", self.name),
                )
            }
        };
        opened.close(line).await;
        Ok(report)
    }

    fn line(&self, event: Event) -> Line {
        Line {
            run: Some(self.id.clone()),
            argv: self.shown.clone(),
            ..Line::new(event, &self.jid, &self.node)
        }
    }

    fn report(&self, outcome: &Outcome, bounds: Bounds) -> Report {
        let report = Report::titled(&self.name)
            .with_entry("status", "Exit status", outcome.status_text())
            .with_entry("stdout", "Output", self.output(&outcome.stdout))
            .with_entry("stderr", "Errors", self.output(&outcome.stderr));
        match (outcome.timed_out, outcome.is_success()) {
            (true, _) => report.with_note(
                NoteKind::Error,
                format!("'{}' timed out after {} s.", self.name, bounds.time_max.as_secs()),
            ),
            (false, false) => report.with_note(NoteKind::Error, format!("'{}' failed.", self.name)),
            (false, true) => report,
        }
    }

    fn output(&self, captured: &Captured) -> String {
        let mut text = captured.text.clone();
        for secret in &self.secrets {
            text = text.replace(secret, MASK);
        }
        if captured.truncated {
            text.push_str("\n[truncated]");
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn m05_m06_m07_a_free_parameter_only_names_something() {
        for good in ["nginx", "nginx.service", "/var/log", "user@host:22", "a-b_c"] {
            assert_eq!(check_free(good), Ok(()), "{good}");
        }
        let long = "x".repeat(257);
        for bad in [
            "; rm -rf /",
            "$(id)",
            "`id`",
            "a|b",
            "a&&b",
            "a\nb",
            "'",
            "\"",
            "*",
            "?",
            "~",
            "a b",
            "\\",
            "\0",
            "{x}",
            "<",
            "-rf",
            "--config=/etc/shadow",
            "a=b",
            "@file",
            "../etc",
            "a/../../b",
            "..",
            "ünï",
            &long,
        ] {
            assert!(check_free(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn m05_a_placeholder_is_replaced_as_a_whole_or_not_at_all() {
        let template = ["/bin/x", "{a}", "--y={a}", "{b}", "{a"].map(str::to_owned);
        let filled = fill(&template, |name| (name == "a").then(|| "{b}".to_owned()));
        assert_eq!(filled, ["/bin/x", "{b}", "--y={a}", "{b}", "{a"]);
    }
}
