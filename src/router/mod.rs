//! Sessions and the way of a stanza between them: RFC 6121 section 8 as a table, and `trait Module`, to which every
//! protocol feature attaches.
//!
//! Handlers run on the origin's task, in arrival order (RFC 6120 section 10.1); they are plain functions that read the
//! store directly and hand writes to the storage thread. A reply that acknowledges a write carries its
//! [`Ticket`]: the sink holds it, and what follows it, until the ticket is durable. Delivery to others never waits for
//! the disk.
//!
//! Locks, in the order in which they may be taken: the one under which rosters change, a session's presence, and then,
//! each alone and for a moment, the roster cache, the map of sessions, a sink. None is held while a module runs, save
//! that a module which reads a roster to answer with it may keep rosters still ([`Context::watch_roster`]).

#[cfg(test)]
pub(crate) mod bench;
mod blocking;
mod change;
#[cfg(test)]
mod clauses;
mod commands;
mod context;
mod counts;
mod delivery;
mod introductions;
mod iq;
mod module;
mod passage;
mod presence;
mod probe;
mod queries;
mod rates;
mod resumption;
#[cfg(test)]
mod roles;
mod rosters;
mod sender;
mod session;
mod sessions;
mod shared;
mod sink;
#[cfg(test)]
mod storm;
#[cfg(test)]
mod strangers;
mod subscription;
mod undelivered;
mod vouched;

pub use blocking::{BlockList, payload as block_payload};
pub use commands::{Executor, Later, ServerCommands, Work};
pub use context::Context;
pub use counts::Counts;
pub use delivery::MessageType;
pub use introductions::{Grouping, Introductions};
pub use module::{Addressee, Iq, IqRoute, Module, Status, Xep};
pub use passage::Passage;
pub use rates::Rates;
pub use resumption::{Management, Resuming, Unresumable};
pub use rosters::{refused_by_store, roster_payload};
pub use session::Session;
pub use sink::{Asking, Closing, HandledCountTooHigh, Sink, Window};
pub use vouched::is_archived;

use crate::service::command::Command;
use crate::service::session::Limits as CommandLimits;
use crate::stanza::{Condition, Kind, NotAStanza, Role, Stanza, StanzaError, parse_jid};
use crate::store::{Store, Ticket};
use crate::xml::{Build, CLIENT, Frame, element};
use chrono::Local;
use jid::BareJid;
use sender::Sender;
use sessions::Bound;
use shared::{Shared, random_id};
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// The router: a cheap handle, cloned to every connection.
#[derive(Clone)]
pub struct Router {
    shared: Arc<Shared>,
}

/// The router's settings.
#[derive(Clone, Debug)]
pub struct Options {
    /// The domain served, prepared.
    pub domain: String,
    /// Resources per account (RFC 6120 section 7.7.2.2).
    pub resources_max: usize,
    /// Bounds on each roster.
    pub roster: crate::roster::Limits,
    /// Addresses that one account may block (XEP-0191).
    pub blocked_max: usize,
    /// Entities that one session may send directed presence to (RFC 6121 section 4.6), and which learn of its end.
    pub directed_max: usize,
    /// How often one session may make the server tell many, or tell many itself.
    pub rates: Rates,
    /// Whom to turn to (XEP-0157): fields and their URIs, such as `admin-addresses`.
    pub contacts: Contacts,
    /// Roles that may create nodes at the publish-subscribe service.
    pub node_creators: Vec<Role>,
    /// Nodes of it that one account may own.
    pub nodes_per_account_max: usize,
    /// Bounds on what clients may cost that count what they are sent (XEP-0198).
    pub management: Management,
}

/// Contact addresses of the service (XEP-0157): each field with its URIs; fields without are left out.
pub type Contacts = Vec<(&'static str, Vec<String>)>;

impl Options {
    /// The defaults for a domain: 10 resources, a block list of 1000 addresses, directed presence to 256.
    pub fn new(domain: impl Into<String>) -> Options {
        Options {
            domain: domain.into(),
            resources_max: 10,
            roster: crate::roster::Limits::DEFAULT,
            blocked_max: 1_000,
            directed_max: 256,
            rates: Rates::default(),
            contacts: Vec::new(),
            node_creators: vec![Role::Admin, Role::Operator],
            nodes_per_account_max: 50,
            management: Management::default(),
        }
    }
}

/// Why a session's stream must end: `net/` maps it to a stream error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Violation {
    /// `from` is not the session's own (RFC 6120 section 4.9.3.9, `invalid-from`).
    InvalidFrom,
    /// Not a stanza (RFC 6120 section 4.9.3.24, `unsupported-stanza-type`).
    UnsupportedStanzaType,
    /// A top-level element in a foreign namespace (RFC 6120 section 4.9.3.10, `invalid-namespace`).
    InvalidNamespace,
}

impl Router {
    /// A router over a store, with the modules in the order in which their hooks run.
    pub fn new(options: Options, store: Store, modules: Vec<Box<dyn Module>>) -> Router {
        Router {
            shared: Arc::new(Shared::new(options, store, modules)),
        }
    }

    /// Binds a resource (RFC 6120 section 7) for an authenticated account. A resource asked for that another session
    /// holds ends that session with `conflict`; one that resourceprep refuses, or none, becomes a server-made one. Sessions
    /// that wait to be resumed give way.
    ///
    /// # Errors
    /// `resource-constraint` when the account has its maximum of resources.
    pub fn bind(
        &self,
        account: &BareJid,
        resource: Option<&str>,
        role: Role,
        sink: Arc<Sink>,
    ) -> Result<Arc<Session>, StanzaError> {
        let asked = resource.and_then(|resource| account.with_resource_str(resource).ok());
        let jid = match asked {
            Some(jid) => jid,
            None => account
                .with_resource_str(&random_id()?)
                .map_err(|_| Condition::InternalServerError)?,
        };
        let session = Arc::new(Session::new(jid, role, sink));
        while !self.admit(&session) {
            match self.shared.detached.take_oldest(account) {
                Some(oldest) => self.unbind(&oldest),
                None => return Err(Condition::ResourceConstraint.into()),
            }
        }
        self.shared
            .each(Some(&session), |module, cx| module.session_bound(cx, &session));
        Ok(session)
    }

    /// Puts a session in the place of whoever holds its resource; `false` when the account has its maximum.
    fn admit(&self, session: &Arc<Session>) -> bool {
        let held = self.shared.rosters.hold();
        match self.shared.sessions.insert(session, self.shared.options.resources_max) {
            Bound::Full => return false,
            Bound::Instead(holder) => {
                holder.sink().close(Closing::Conflict);
                if holder.end() {
                    self.leave(&holder, held);
                }
            }
            Bound::Fresh => drop(held),
        }
        true
    }

    /// Says which installation of a client has bound a session (XEP-0388 section 2.2), and ends with `conflict` what the
    /// same one has left behind (XEP-0386).
    pub fn replace_client(&self, session: &Arc<Session>, client: String) {
        session.set_client(client);
        for other in self.shared.sessions_of(session.account()).iter() {
            if !Arc::ptr_eq(other, session) && other.client() == session.client() {
                other.sink().close(Closing::Conflict);
            }
        }
    }

    /// Routes one top-level element from a session.
    ///
    /// # Errors
    /// When the stream must end.
    pub fn route(&self, session: &Arc<Session>, frame: Frame) -> Result<(), Violation> {
        if frame.ns() != CLIENT {
            return Err(Violation::InvalidNamespace);
        }
        if frame.attr("from").is_some_and(|from| !is_own(session, &from)) {
            return Err(Violation::InvalidFrom);
        }
        let shared = &*self.shared;
        shared.counts.stanza();
        match Stanza::new(frame.clone()) {
            Ok(stanza) if stanza.kind == Kind::Iq => iq::route(shared, session, &stanza),
            Ok(stanza) => {
                let stanza = vouched::without_forgeries(shared.domain(), stanza);
                match stanza.kind {
                    Kind::Presence => presence::route(shared, session, &stanza),
                    _ => delivery::message(shared, &Sender::session(session), &stanza),
                }
            }
            Err(NotAStanza::JidMalformed(kind)) => {
                let stanza = Stanza { frame, kind, to: None };
                Sender::session(session).refuse_malformed(&stanza);
            }
            Err(NotAStanza::UnsupportedType) => return Err(Violation::UnsupportedStanzaType),
        }
        Ok(())
    }

    /// Nothing has been heard of an available session for that long: its watchers see it as `xa`, "stale since …", until
    /// [`heard_again`](Self::heard_again), its own next presence, or its end.
    pub fn fell_silent(&self, session: &Arc<Session>, silence: Duration) {
        presence::fell_silent(&self.shared, session, Local::now() - silence);
    }

    /// Something came from a session that [fell silent](Self::fell_silent).
    pub fn heard_again(&self, session: &Arc<Session>) {
        presence::heard_again(&self.shared, session);
    }

    /// Ends a session: unavailable presence to those who saw it, hooks, its undelivered messages kept. Idempotent.
    pub fn unbind(&self, session: &Arc<Session>) {
        if session.end() {
            self.leave(session, self.shared.rosters.hold());
        }
    }

    /// No roster changes between the moment when a session can no longer be found and that when its watchers know: a
    /// contact that stopped being one in between would never be told.
    fn leave(&self, session: &Arc<Session>, held: MutexGuard<'_, ()>) {
        let shared = &*self.shared;
        let goodbye = presence::goodbye();
        shared.sessions.remove(session);
        shared.detached.remove(session);
        let was_available = presence::depart(shared, session, &goodbye);
        drop(held);
        if was_available {
            presence::departed(shared, session, &goodbye);
        }
        queries::abandon(shared, session);
        undelivered::hand_back(shared, session, session.sink().end());
        if shared.sessions_of(session.account()).is_empty() {
            shared.rosters.forget(session.account());
        }
    }

    /// Ends every session of an account (its password changed, it was removed), or all (`None`: shutdown). The
    /// connections do it: each writes its stream error, then calls [`Router::unbind`]; sessions without one end here.
    pub fn end_sessions(&self, account: Option<&BareJid>, why: Closing) {
        let sessions = match account {
            Some(account) => self.shared.sessions_of(account).to_vec(),
            None => self.shared.sessions.all(),
        };
        for session in sessions {
            self.end_session(&session, why);
        }
    }

    /// Ends one session, as [`Router::end_sessions`] does.
    pub fn end_session(&self, session: &Arc<Session>, why: Closing) {
        session.sink().close(why);
        if self.shared.detached.remove(session) {
            self.unbind(session);
        }
    }

    /// Where the session of a full JID is connected from; `None` for none, and for those within the process.
    pub fn address(&self, jid: &str) -> Option<IpAddr> {
        self.shared.session(&parse_jid(jid)?)?.peer()
    }

    /// All bound sessions, for the operator's status.
    pub fn sessions(&self) -> Vec<Arc<Session>> {
        self.shared.sessions.all()
    }

    /// What has happened since the start.
    pub fn counts(&self) -> &Counts {
        &self.shared.counts
    }

    /// What the bare JID of an account lists, gathered from the modules.
    pub fn account_features(&self) -> Vec<&'static str> {
        self.shared.context(None).account_features()
    }

    /// Follows the clock: gives up on questions that nobody answered and on sessions that nobody resumed, tells what was held
    /// back, and lets the modules do what is due. To be called about once a second.
    pub fn tick(&self, now: Instant) {
        self.shared.set_now(now);
        presence::catch_up(&self.shared);
        queries::expire(&self.shared, now);
        self.end_detached(now);
        self.shared.each(None, |module, cx| module.tick(cx));
    }

    /// Makes two local accounts see each other (subscription `both`), and pushes the items to those who are online: the
    /// collector in the roster of a new account, under `name` and in `groups`. A name and groups that the owner chose
    /// before stay.
    ///
    /// # Errors
    /// When the store takes no more.
    pub fn provision(
        &self,
        owner: &BareJid,
        contact: &BareJid,
        name: Option<String>,
        groups: Vec<String>,
    ) -> Result<Ticket, StanzaError> {
        subscription::provision(&self.shared, owner, contact, name, groups)
    }

    /// Hands in the commands at the server's own address, once: what is handed in later is ignored.
    pub fn offer(&self, list: Vec<Arc<dyn Command>>, limits: CommandLimits, executor: Box<dyn Executor>) {
        let commands = ServerCommands::new(list, limits, executor);
        if self.shared.commands.set(commands).is_err() {
            tracing::error!("the server has its commands already");
        }
    }

    /// Says something to an account in the server's name: a headline to those of its resources that are there, else a
    /// message that is kept.
    pub fn announce(&self, account: &BareJid, subject: Option<&str>, body: &str) {
        let is_there = !self.shared.available(account).is_empty();
        let text = |name: &str, text: &str| element(name, CLIENT).append(text).build();
        let message = element("message", CLIENT)
            .with("from", self.shared.domain())
            .with("to", account.as_str())
            .with_some("type", is_there.then_some("headline"))
            .append_all(subject.map(|subject| text("subject", subject)))
            .append(text("body", body));
        self.shared.context(None).route(&message.build());
    }

    /// Takes an account out of the life of the others, before its record is deleted: its sessions end, its subscriptions
    /// are cancelled both ways, and the modules forget it.
    pub fn account_removed(&self, account: &BareJid) {
        for session in self.shared.sessions_of(account).iter() {
            session.sink().close(Closing::NotAuthorized);
            self.unbind(session);
        }
        subscription::remove_all(&self.shared, account);
        if let Some(node) = self.shared.local_node(account) {
            self.shared.blocked.forget(node);
        }
        self.shared.each(None, |module, cx| module.account_removed(cx, account));
    }
}

/// RFC 6120 section 8.1.2.1: the full JID of the session, or its bare JID.
fn is_own(session: &Session, from: &str) -> bool {
    if from == session.jid().as_str() {
        return true;
    }
    parse_jid(from).is_some_and(|from| from == *session.jid() || from == *session.account())
}

/// Locks a mutex whose every critical section leaves its value consistent, so that a panic elsewhere does no harm.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
