//! The bot that speaks for one host: presence, discovery, commands, events, chat. A stanza in, stanzas out; no transport
//! of its own, no clock of its own.
//!
//! Whoever hosts it hands in frames, snapshots and finished work, with a monotonic time, and does what the returned
//! [`Output`]s say. Only watchers are served: accounts whose role and the configuration admit them; everybody else
//! learns nothing.

mod audit;
mod board;
mod chat;
mod commands;
mod discovery;
mod events;
mod hosting;
mod kept;
mod notice;
mod notices;
mod options;
mod output;
mod pace;
mod presence;
mod queries;
mod reply;
mod run;
mod stats;
mod telling;
#[cfg(test)]
mod tests;
mod times;

pub use audit::{Addresses, Audit, Event, Line};
pub use kept::Kept;
pub use options::{Directory, HostCommands, Options, Parameter, RebootOptions, ShellCommand};
pub use output::{Finished, Output, Ticket, Work};
pub use run::{Bounds, Captured, Outcome, run as run_program};
pub use times::Zone;

use crate::monitor::checks::Book;
use crate::monitor::{Desk, History, Memory, Processes, Rule, Snapshot, Topic, with_forecasts};
use crate::service::command::{Caller, Command};
use crate::service::session::{self, Commands};
use crate::stanza::{
    Condition, ErrorType, IqType, Kind, Role, Stanza, StanzaError, error_reply, iq_result, ns, parse_jid,
};
use crate::xml::{Build, CLIENT, Element, Frame, element};
use board::Board;
use jid::{BareJid, FullJid, Jid};
use notices::Notices;
use presence::Face;
use reply::Reply;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use telling::Culprits;

/// Refused attempts of all accounts that are audited in a minute; a flood of them must not become a flood of writes.
const REFUSALS_MAX: u32 = 60;
const MINUTE: Duration = Duration::from_secs(60);

/// What the collector is given by whoever hosts it.
pub struct Host {
    /// Who is who.
    pub directory: Arc<dyn Directory>,
    /// What outlives the process.
    pub memory: Arc<dyn Memory>,
    /// The scanner of processes; whoever holds it may block.
    pub processes: Arc<tokio::sync::Mutex<Processes>>,
    /// The checks of services.
    pub checks: Book,
    /// The id of this boot.
    pub boot_id: Option<String>,
    /// Commands that need more than this room has.
    pub commands: Vec<Arc<dyn Command>>,
    /// Features of the account, which the bare JID's disco#info lists beside the collector's own; empty when another
    /// entity answers for the bare JID.
    pub account_features: Vec<String>,
}

/// The collector of one host.
pub struct Collector {
    options: Options,
    jid: FullJid,
    directory: Arc<dyn Directory>,
    memory: Arc<dyn Memory>,
    boot_id: Option<String>,
    account_features: Vec<String>,
    board: Arc<Board>,
    processes: Arc<tokio::sync::Mutex<Processes>>,
    notices: Notices,
    culprits: Culprits,
    /// Whether the alerts of an earlier process have been taken up.
    restored: bool,
    commands: Commands,
    audit: Audit,
    face: Face,
    /// Since when refusals are counted, and how many there were.
    refusals: (Duration, u32),
    publications: u64,
    /// The id of the iq that tells of the reboot, until the server has answered it.
    reboot_told: Option<String>,
    /// When the statistics were last published at the domain's service.
    statistics_told: Option<Duration>,
}

/// An iq get or set on its way to an answer.
struct Asked<'a> {
    stanza: &'a Stanza,
    /// Who asks.
    from: &'a Jid,
    /// The JID that was asked, as it was written.
    to: String,
    /// Whether that is the bare JID.
    bare: bool,
    role: Role,
    set: bool,
    payload: &'a Element,
}

/// The outcome of a request: the payload of its result.
type Answer = Result<Option<Element>, StanzaError>;

impl Collector {
    /// A collector that is not online yet.
    pub fn new(options: Options, jid: FullJid, rules: Vec<Rule>, host: Host) -> Collector {
        let limits = &options.limits;
        let history = History::new(host.memory.clone(), limits.history_statistics_max);
        let desk = Desk::new(host.memory.clone(), rules, limits);
        let board = Arc::new(Board::new(desk, history));
        let directory = Arc::clone(&host.directory);
        let audit = Audit::new(options.audit.clone(), Arc::new(move |jid| directory.address(jid)));
        let mut list = commands::all(&options, jid.domain().as_str(), &board, &audit, &host);
        list.extend(host.commands);
        list.insert(0, Arc::new(commands::Help::new(&options.host, &list)));
        Collector {
            processes: host.processes,
            notices: Notices::new(host.memory.clone(), options.notices_max),
            culprits: Culprits::default(),
            restored: false,
            commands: Commands::new(list, options.command_sessions),
            options,
            jid,
            directory: host.directory,
            memory: host.memory,
            boot_id: host.boot_id,
            account_features: host.account_features,
            board,
            audit,
            face: Face::default(),
            refusals: (Duration::ZERO, 0),
            publications: 0,
            reboot_told: None,
            statistics_told: None,
        }
    }

    /// The session is bound: initial presence, and the news that the host has rebooted, if it has.
    pub fn online(&mut self, now: Duration) -> Vec<Output> {
        let mut outputs = vec![Output::Send(self.present(now))];
        outputs.extend(self.open_nodes());
        outputs.extend(self.rebooted());
        outputs.extend(self.publish_statistics(now));
        outputs
    }

    /// The session is about to end: its last presence.
    pub fn offline(&self) -> Element {
        presence::unavailable("Shutting down")
    }

    /// A snapshot was taken.
    pub fn sampled(&mut self, snapshot: Arc<Snapshot>, now: Duration) -> Vec<Output> {
        let snapshot = {
            let history = self.board.history();
            let mut history = locked(&history);
            history.record(&snapshot);
            with_forecasts(snapshot, history.forecasts())
        };
        {
            let mut state = self.board.lock();
            state.snapshot = Some(snapshot.clone());
            state.sampled = now;
            if !std::mem::replace(&mut self.restored, true) {
                state.desk.restore(snapshot.taken);
            }
            state.desk.evaluate(&snapshot, now);
        }
        // Whatever went out before this sample is with the server by now.
        self.notices.settle();
        let mut outputs: Vec<Output> = self.refresh(now).into_iter().collect();
        outputs.extend(self.tell(now));
        // The nodes are made when it goes online.
        if self.statistics_told.is_some() {
            outputs.extend(self.publish_statistics(now));
        }
        outputs
    }

    /// When [`tick`](Collector::tick) is to be called, if ever.
    pub fn deadline(&self) -> Option<Duration> {
        self.board.lock().reboot.as_ref().map(|ordered| ordered.due)
    }

    /// Time has passed.
    pub fn tick(&mut self, now: Duration) -> Vec<Output> {
        let Some(options) = &self.options.reboot else {
            return Vec::new();
        };
        let due = {
            let mut state = self.board.lock();
            match state.reboot.take_if(|ordered| ordered.due <= now) {
                Some(ordered) => {
                    state.rebooted = Some(now);
                    ordered
                }
                None => return Vec::new(),
            }
        };
        let job = commands::fire(options, &due.by, self.bounds(), self.audit.clone());
        let reply = Reply::Chat(Jid::from(due.by), None);
        vec![Output::Run(Work { job, reply })]
    }

    /// Some work is done.
    pub fn finished(&mut self, finished: Finished) -> Vec<Output> {
        if let Reply::Culprits(found) = &finished.reply {
            return self.found(found);
        }
        let stanza = finished.reply.stanza(finished.result);
        stanza.map(Output::Send).into_iter().collect()
    }

    /// A stanza arrived. One without a `from`, the server's answers aside, is nobody's, and ignored.
    pub fn receive(&mut self, frame: &Frame, now: Duration) -> Vec<Output> {
        let Ok(stanza) = Stanza::new(frame.clone()) else {
            return Vec::new();
        };
        // What the server answers for the own account comes from it, or from nobody (RFC 6120 section 8.1.2.1).
        let own = |from: &str| from == self.jid.to_bare().as_str();
        if stanza.iq_type() == Some(IqType::Result) && frame.attr("from").is_none_or(|from| own(&from)) {
            self.acknowledged(&stanza);
            return Vec::new();
        }
        let Some(from) = frame.attr("from").and_then(|from| parse_jid(&from)) else {
            return Vec::new();
        };
        let mut outputs = match stanza.kind {
            Kind::Iq => self.iq(&stanza, &from, now),
            Kind::Presence => self.subscription(&stanza, &from),
            Kind::Message => self.message(&stanza, &from, now),
        };
        if std::mem::take(&mut self.board.lock().reset) {
            outputs.push(Output::ResetStatistics);
        }
        outputs.extend(self.tell(now));
        outputs.extend(self.refresh(now));
        outputs
    }

    /// The role of an account that may watch.
    fn watcher(&self, account: &BareJid) -> Option<Role> {
        let listed = |list: &Vec<BareJid>| list.contains(account);
        if !self.options.watchers.as_ref().is_none_or(listed) {
            return None;
        }
        self.directory.role(account).filter(|role| *role >= Role::Viewer)
    }

    fn bounds(&self) -> Bounds {
        Bounds::new(&self.options)
    }

    /// Subscription requests are answered at once (RFC 6121 section 3.1.4); a session that goes takes its commands along.
    fn subscription(&mut self, stanza: &Stanza, from: &Jid) -> Vec<Output> {
        match (stanza.type_attr().as_deref(), from.try_as_full()) {
            (Some("subscribe"), _) => {
                let account = from.to_bare();
                let answer = match self.watcher(&account) {
                    Some(_) => "subscribed",
                    None => "unsubscribed",
                };
                let presence = element("presence", CLIENT)
                    .with("type", answer)
                    .with("to", account.as_str());
                vec![Output::Send(presence.build())]
            }
            (Some("unavailable"), Ok(full)) => {
                self.commands.drop_sessions(full);
                Vec::new()
            }
            _ => Vec::new(),
        }
    }

    fn iq(&mut self, stanza: &Stanza, from: &Jid, now: Duration) -> Vec<Output> {
        let set = match stanza.iq_type() {
            Some(IqType::Get) => false,
            Some(IqType::Set) => true,
            // The nodes of an earlier start are there; a server without the service has none.
            Some(IqType::Error) if from.as_str() == self.service() => {
                tracing::debug!(id = ?stanza.id(), "the publish-subscribe service refused what the collector sent");
                return Vec::new();
            }
            Some(IqType::Error) => {
                tracing::warn!(id = ?stanza.id(), "the server refused what the collector sent");
                return Vec::new();
            }
            Some(IqType::Result) | None => return Vec::new(),
        };
        let iq = stanza.frame.to_element();
        let payload = match (iq.children().next(), iq.children().nth(1)) {
            (Some(payload), None) => payload,
            _ => return vec![error(stanza, from, &Condition::BadRequest.into())],
        };
        let role = match self.admit(from, set, payload) {
            Ok(role) => role,
            Err(refusal) => return vec![error(stanza, from, &refusal)],
        };
        let own = self.jid.to_bare();
        let to = stanza.to.as_ref().map_or(own.to_string(), Jid::to_string);
        let asked = Asked {
            stanza,
            from,
            bare: to == own.as_str(),
            to,
            role,
            set,
            payload,
        };
        match payload.is("command", ns::COMMANDS) && set {
            true => self.command(&asked, now),
            false => vec![asked.reply(self.answer(&asked))],
        }
    }

    /// Who may ask. The own server may ask what the capabilities stand for (XEP-0115); it is given a viewer's view.
    fn admit(&self, from: &Jid, set: bool, payload: &Element) -> Result<Role, StanzaError> {
        let own_server = from.node().is_none() && from.domain() == self.jid.domain();
        if own_server && !set && payload.is("query", ns::DISCO_INFO) {
            return Ok(Role::Viewer);
        }
        self.watcher(&from.to_bare())
            .ok_or_else(|| match payload.is("command", ns::COMMANDS) {
                true => Condition::Forbidden.into(),
                false => Condition::ServiceUnavailable.into(),
            })
    }

    fn answer(&self, asked: &Asked<'_>) -> Answer {
        let (name, namespace) = (asked.payload.name(), asked.payload.ns());
        match (asked.set, namespace.as_str(), name) {
            (false, ns::DISCO_INFO, "query") => self.disco_info(asked).map(Some),
            (false, ns::DISCO_ITEMS, "query") => self.disco_items(asked).map(Some),
            (false, ns::STATS, "query") => self.stats(asked.payload).map(Some),
            (false, ns::COMMANDS, "command") => Err(Condition::BadRequest.into()),
            (false, _, _) => self.query(asked),
            (true, _, _) => Err(Condition::ServiceUnavailable.into()),
        }
    }

    fn command(&mut self, asked: &Asked<'_>, now: Duration) -> Vec<Output> {
        let Ok(jid) = FullJid::try_from(asked.from.clone()) else {
            return vec![asked.reply(Err(Condition::Forbidden.into()))];
        };
        let caller = Caller { jid, role: asked.role };
        let node = asked.payload.attr("node");
        match self.commands.handle(&caller, asked.payload, now) {
            Ok(session::Reply::Now(payload)) => {
                if payload.attr("status") == Some("completed") {
                    self.log_command(&caller, node, now);
                }
                vec![asked.reply(Ok(Some(payload)))]
            }
            Ok(session::Reply::Later(job, pending)) => {
                self.log_command(&caller, node, now);
                let stanza = Box::new(asked.stanza.clone());
                let reply = Reply::Command(stanza, asked.from.clone(), pending);
                vec![Output::Run(Work { job, reply })]
            }
            Err(refusal) => {
                let audit = self.audit_refusal(&caller, node.unwrap_or_default(), &refusal, now);
                std::iter::once(asked.reply(Err(refusal))).chain(audit).collect()
            }
        }
    }

    /// What does something to the host is an event; what only shows is none, what changes alerts or rules is one already.
    fn log_command(&mut self, caller: &Caller, node: Option<&str>, now: Duration) {
        let command = node.and_then(|node| self.commands.get(node));
        if let Some(command) = command.filter(|command| command.is_audited() || command.node() == "stats-reset") {
            let mut state = self.board.lock();
            let wall = state.wall(now);
            let who = caller.jid.to_bare();
            state.desk.note(wall, Topic::Command, who.as_str(), command.node());
        }
    }

    /// Refused attempts at commands that are audited are audited too.
    fn audit_refusal(&mut self, caller: &Caller, node: &str, refusal: &StanzaError, now: Duration) -> Option<Output> {
        self.commands.get(node).filter(|command| command.is_audited())?;
        if now.saturating_sub(self.refusals.0) >= MINUTE {
            self.refusals = (now, 0);
        }
        self.refusals.1 += 1;
        if self.refusals.1 > REFUSALS_MAX {
            tracing::warn!(jid = %caller.jid, node, "refused, and too often to audit it");
            return None;
        }
        let mut line = Line::new(Event::Refused, caller.jid.as_str(), node);
        let text = refusal.text.as_deref().unwrap_or_default();
        line.outcome = Some([refusal.condition.name(), text].join(" ").trim_end().to_owned());
        let audit = self.audit.clone();
        let job = Box::pin(async move {
            if let Err(error) = audit.write(line).await {
                tracing::error!(%error, "cannot audit a refusal");
            }
            Ok(Default::default())
        });
        Some(Output::Run(Work {
            job,
            reply: Reply::None,
        }))
    }
}

impl Asked<'_> {
    fn reply(&self, answer: Answer) -> Output {
        match answer {
            Ok(payload) => Output::Send(iq_result(self.stanza, self.from.as_str(), payload)),
            Err(refusal) => error(self.stanza, self.from, &refusal),
        }
    }
}

fn error(stanza: &Stanza, to: &Jid, error: &StanzaError) -> Output {
    Output::Send(error_reply(stanza, to.as_str(), error))
}

/// `item-not-found` for a node that is not there (XEP-0030 section 7).
fn no_such_node() -> StanzaError {
    StanzaError::new(Condition::ItemNotFound, "There is no such node.").with_type(ErrorType::Cancel)
}

/// Locks a mutex whose every critical section leaves its value whole.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
