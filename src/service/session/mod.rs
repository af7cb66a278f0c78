//! XEP-0050: Ad-Hoc Commands: sessions and their stages.

use crate::service::command::{Caller, Command, Job, Request, Stage, Step};
use crate::service::form::{Invalid, Values};
use crate::service::report::{Layout, Report};
use crate::stanza::{Condition, Role, StanzaError, ns};
use crate::xml::{Build, Element, element};
use jid::FullJid;
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

/// Ended sessions remembered, to tell `session-expired` from `bad-sessionid`.
const ENDED_MAX: usize = 128;

/// Bounds on sessions.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Open sessions of one account.
    pub account_max: usize,
    /// Open sessions in all.
    pub total_max: usize,
    /// How long a session waits for the next stage.
    pub time_max: Duration,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            account_max: 5,
            total_max: 50,
            time_max: Duration::from_secs(5 * 60),
        }
    }
}

/// One execution of a command by one full JID.
pub(super) struct Execution {
    pub(super) id: String,
    pub(super) owner: FullJid,
    pub(super) command: Arc<dyn Command>,
    pub(super) parameters: Values,
    pub(super) answers: Vec<Values>,
}

/// An execution that waits for an answer.
pub(super) struct Session {
    pub(super) execution: Execution,
    pub(super) stage: Stage,
    pub(super) expires: Duration,
    /// Held by chat: no stanza can name it.
    pub(super) chat: bool,
}

impl Execution {
    /// What comes next with these answers.
    pub(super) fn step(&self, caller: &Caller, answers: &[Values], now: Duration) -> Result<Step, StanzaError> {
        self.command.step(&Request {
            caller,
            parameters: &self.parameters,
            answers,
            now,
        })
    }
}

/// The commands and their open sessions.
pub struct Commands {
    pub(super) list: Vec<Arc<dyn Command>>,
    pub(super) sessions: Vec<Session>,
    ended: VecDeque<(String, FullJid)>,
    pub(super) limits: Limits,
}

/// The answer to a request.
pub enum Reply {
    /// The payload of the result.
    Now(Element),
    /// The payload is made of what the job ends with.
    Later(Job, Pending),
}

/// An execution whose job runs.
#[derive(Clone, Debug)]
pub struct Pending {
    node: String,
    id: String,
    layout: Layout,
}

impl Pending {
    /// The payload of the result.
    pub fn finish(&self, report: &Report) -> Element {
        command("completed", &self.node, &self.id)
            .append_all(report.to_elements(self.layout))
            .build()
    }
}

/// XEP-0050 section 4.1: what the caller wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Action {
    Execute,
    Next,
    Complete,
    Prev,
    Cancel,
}

impl Action {
    fn parse(action: Option<&str>) -> Result<Action, StanzaError> {
        match action {
            None | Some("execute") => Ok(Action::Execute),
            Some("next") => Ok(Action::Next),
            Some("complete") => Ok(Action::Complete),
            Some("prev") => Ok(Action::Prev),
            Some("cancel") => Ok(Action::Cancel),
            Some(_) => Err(bad("malformed-action", "There is no such action.")),
        }
    }
}

impl Commands {
    /// Commands; their nodes and words are unique.
    pub fn new(list: Vec<Arc<dyn Command>>, limits: Limits) -> Commands {
        Commands {
            list,
            sessions: Vec::new(),
            ended: VecDeque::new(),
            limits,
        }
    }

    /// What a role may run.
    pub fn allowed(&self, role: Role) -> impl Iterator<Item = &Arc<dyn Command>> {
        self.list.iter().filter(move |command| role >= command.role())
    }

    /// The command with that node.
    pub fn get(&self, node: &str) -> Option<&Arc<dyn Command>> {
        self.list.iter().find(|command| command.node() == node)
    }

    /// The command with that node, if the role may run it.
    ///
    /// # Errors
    /// `item-not-found`, `forbidden`.
    pub fn authorized(&self, node: &str, role: Role) -> Result<&Arc<dyn Command>, StanzaError> {
        let command = self.get(node).ok_or(Condition::ItemNotFound)?;
        authorize(command.as_ref(), role)?;
        Ok(command)
    }

    /// Answers a `<command/>`.
    ///
    /// # Errors
    /// XEP-0050 section 4.4. A session stays open after a bad payload, and after an error of the command itself.
    pub fn handle(&mut self, caller: &Caller, request: &Element, now: Duration) -> Result<Reply, StanzaError> {
        self.expire(now);
        let node = request.attr("node").ok_or(Condition::BadRequest)?;
        let command = self.authorized(node, caller.role)?.clone();
        check_locale(request)?;
        let action = Action::parse(request.attr("action"))?;
        let x = request.get_child("x", ns::DATA_FORMS);
        match request.attr("sessionid").filter(|id| !id.is_empty()) {
            None => self.begin(caller, command, action, x, now),
            Some(id) => {
                let session = self.take(id, &caller.jid, node)?;
                self.go_on(caller, session, action, x, now)
            }
        }
    }

    /// Ends the sessions of a full JID that has gone.
    pub fn drop_sessions(&mut self, owner: &FullJid) {
        self.sessions.retain(|session| session.execution.owner != *owner);
    }

    fn begin(
        &mut self,
        caller: &Caller,
        command: Arc<dyn Command>,
        action: Action,
        x: Option<&Element>,
        now: Duration,
    ) -> Result<Reply, StanzaError> {
        if action != Action::Execute {
            return Err(bad("bad-sessionid", "This action needs a session."));
        }
        let execution = Execution {
            id: random_id()?,
            owner: caller.jid.clone(),
            parameters: command.parameters().read(x).map_err(bad_payload)?,
            answers: Vec::new(),
            command,
        };
        let step = execution.step(caller, &[], now)?;
        if matches!(step, Step::Ask(_)) {
            self.check_room(caller)?;
        }
        Ok(self.place(execution, step, now))
    }

    fn go_on(
        &mut self,
        caller: &Caller,
        session: Session,
        action: Action,
        x: Option<&Element>,
        now: Duration,
    ) -> Result<Reply, StanzaError> {
        let last = session.stage.last;
        let mut answers = session.execution.answers.clone();
        match action {
            Action::Cancel => return Ok(self.cancel(session)),
            Action::Prev if answers.pop().is_some() => {}
            Action::Prev => return self.keep(session, bad("bad-action", "This is the first stage.")),
            Action::Next if last => return self.keep(session, bad("bad-action", "This is the last stage.")),
            Action::Complete if !last => return self.keep(session, bad("bad-action", "More stages follow.")),
            Action::Execute | Action::Next | Action::Complete => match session.stage.form.read(x) {
                Ok(values) => answers.push(values),
                Err(invalid) => return self.keep(session, bad_payload(invalid)),
            },
        }
        match session.execution.step(caller, &answers, now) {
            Err(error) => self.keep(session, error),
            Ok(step) => {
                let execution = Execution {
                    answers,
                    ..session.execution
                };
                Ok(self.place(execution, step, now))
            }
        }
    }

    /// Lets an execution wait, or ends it, as the step says.
    fn place(&mut self, execution: Execution, step: Step, now: Duration) -> Reply {
        match step {
            Step::Ask(stage) => {
                let session = self.session(execution, *stage, now);
                let payload = executing(&session);
                self.sessions.push(session);
                Reply::Now(payload)
            }
            Step::Done(report) => Reply::Now(self.end(execution).finish(&report)),
            Step::Run(job) => Reply::Later(job, self.end(execution)),
        }
    }

    fn end(&mut self, execution: Execution) -> Pending {
        let pending = Pending {
            node: execution.command.node().to_owned(),
            id: execution.id.clone(),
            layout: Layout::of_client(&execution.owner),
        };
        self.remember(execution);
        pending
    }

    fn cancel(&mut self, session: Session) -> Reply {
        let execution = session.execution;
        let payload = command("canceled", execution.command.node(), &execution.id).build();
        self.remember(execution);
        Reply::Now(payload)
    }

    pub(super) fn session(&self, execution: Execution, stage: Stage, now: Duration) -> Session {
        Session {
            execution,
            expires: now + stage.time_max.unwrap_or(self.limits.time_max),
            stage,
            chat: false,
        }
    }

    /// Puts a session back where it was and answers with an error.
    fn keep(&mut self, session: Session, error: StanzaError) -> Result<Reply, StanzaError> {
        self.sessions.push(session);
        Err(error)
    }

    /// The session with that id, if it is this full JID's and runs this command. Of another's session nothing is told.
    fn take(&mut self, id: &str, owner: &FullJid, node: &str) -> Result<Session, StanzaError> {
        let own = |session: &Session| {
            let execution = &session.execution;
            !session.chat && execution.id == id && execution.owner == *owner && execution.command.node() == node
        };
        if let Some(index) = self.sessions.iter().position(own) {
            return Ok(self.sessions.swap_remove(index));
        }
        match self.ended.iter().any(|(ended, by)| ended == id && by == owner) {
            true => Err(
                StanzaError::new(Condition::NotAllowed, "This session has ended. Start again.")
                    .with_application("session-expired", ns::COMMANDS),
            ),
            false => Err(bad("bad-sessionid", "There is no such session.")),
        }
    }

    pub(super) fn expire(&mut self, now: Duration) {
        while let Some(index) = self.sessions.iter().position(|session| session.expires <= now) {
            let session = self.sessions.swap_remove(index);
            self.remember(session.execution);
        }
    }

    pub(super) fn remember(&mut self, execution: Execution) {
        if self.ended.len() == ENDED_MAX {
            self.ended.pop_front();
        }
        self.ended.push_back((execution.id, execution.owner));
    }

    pub(super) fn check_room(&self, caller: &Caller) -> Result<(), StanzaError> {
        let account = caller.jid.to_bare();
        let is_own = |session: &&Session| session.execution.owner.to_bare() == account;
        let own = self.sessions.iter().filter(is_own).count();
        match own >= self.limits.account_max || self.sessions.len() >= self.limits.total_max {
            true => Err(StanzaError::new(
                Condition::ResourceConstraint,
                "Too many commands wait for an answer: complete or cancel one.",
            )),
            false => Ok(()),
        }
    }
}

/// Whether a role may run a command.
pub(super) fn authorize(command: &dyn Command, role: Role) -> Result<(), StanzaError> {
    match role >= command.role() {
        true => Ok(()),
        false => Err(StanzaError::new(
            Condition::Forbidden,
            ["This needs the role ", command.role().as_str(), "."].concat(),
        )),
    }
}

/// 128 random bits in hexadecimal, from the system.
///
/// # Errors
/// `internal-server-error` when the system has none.
pub fn random_id() -> Result<String, StanzaError> {
    let mut bytes = [0u8; 16];
    getrandom::fill(&mut bytes).map_err(|_| Condition::InternalServerError)?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

/// All we say is in English; a client's language is no reason to refuse it, a tag that is none (RFC 5646) is.
fn check_locale(request: &Element) -> Result<(), StanzaError> {
    let lang = request.attr_ns("http://www.w3.org/XML/1998/namespace", "lang");
    let subtag = |tag: &str| (1..=8).contains(&tag.len()) && tag.bytes().all(|b| b.is_ascii_alphanumeric());
    match lang.is_none_or(|lang| lang.is_empty() || lang.split('-').all(subtag)) {
        true => Ok(()),
        false => Err(bad("bad-locale", "xml:lang is no language tag.")),
    }
}

fn bad(application: &str, text: &str) -> StanzaError {
    StanzaError::new(Condition::BadRequest, text).with_application(application, ns::COMMANDS)
}

fn bad_payload(invalid: Invalid) -> StanzaError {
    bad("bad-payload", &invalid.to_string())
}

fn command(status: &str, node: &str, id: &str) -> minidom::element::ElementBuilder {
    element("command", ns::COMMANDS)
        .with("node", node)
        .with("sessionid", id)
        .with("status", status)
}

fn executing(session: &Session) -> Element {
    let execution = &session.execution;
    let forward = if session.stage.last { "complete" } else { "next" };
    let mut actions = element("actions", ns::COMMANDS).with("execute", forward);
    if !execution.answers.is_empty() {
        actions = actions.append(element("prev", ns::COMMANDS).build());
    }
    command("executing", execution.command.node(), &execution.id)
        .append(actions.append(element(forward, ns::COMMANDS).build()).build())
        .append(session.stage.form.to_element())
        .build()
}

#[cfg(test)]
mod tests;
