//! What all handles on the router share, and the small things every part of it does.

use super::blocking::BlockLists;
use super::commands::ServerCommands;
use super::introductions::Introductions;
use super::queries::Queries;
use super::resumption::Detached;
use super::rosters::Rosters;
use super::sender::Sender;
use super::sessions::Sessions;
use super::{Addressee, Context, Counts, Module, Options, Session, locked};
use crate::stanza::{Condition, Kind, Role, Stanza, StanzaError};
use crate::store::Store;
use crate::xml::{CLIENT, Element, Rope, Writer};
use jid::{BareJid, FullJid, Jid};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Instant;

/// An iq's way to its module: addressee, whether it is a set, payload namespace and name.
pub(super) type RouteKey<'a> = (Addressee, bool, &'a str, &'a str);

pub(super) struct Shared {
    pub options: Options,
    pub store: Store,
    pub modules: Vec<Box<dyn Module>>,
    pub sessions: Sessions,
    pub rosters: Rosters,
    pub blocked: BlockLists,
    pub queries: Queries,
    pub commands: OnceLock<ServerCommands>,
    pub introductions: Mutex<Arc<Introductions>>,
    /// Sessions whose presence is told late.
    pub late: Mutex<HashMap<FullJid, Arc<Session>>>,
    pub counts: Counts,
    pub detached: Detached,
    routes: HashMap<RouteKey<'static>, usize>,
    services: Vec<(&'static str, &'static str)>,
    now: Mutex<Instant>,
}

impl Shared {
    pub fn new(options: Options, store: Store, modules: Vec<Box<dyn Module>>) -> Shared {
        Shared {
            routes: routes(&modules),
            blocked: BlockLists::load(&store),
            services: modules.iter().filter_map(|module| module.service()).collect(),
            options,
            store,
            modules,
            sessions: Sessions::default(),
            rosters: Rosters::default(),
            queries: Queries::default(),
            commands: OnceLock::new(),
            introductions: Mutex::default(),
            late: Mutex::default(),
            counts: Counts::default(),
            detached: Detached::default(),
            now: Mutex::new(Instant::now()),
        }
    }

    pub fn domain(&self) -> &str {
        &self.options.domain
    }

    /// Labels and names of the services.
    pub fn services(&self) -> &[(&'static str, &'static str)] {
        &self.services
    }

    /// The label of the service at a domain, if there is one.
    pub fn service_at(&self, domain: &str) -> Option<&'static str> {
        let label = domain.strip_suffix(self.domain())?.strip_suffix('.')?;
        let mut labels = self.services.iter().map(|(label, _)| *label);
        labels.find(|known| *known == label)
    }

    /// The time of the last tick.
    pub fn now(&self) -> Instant {
        *locked(&self.now)
    }

    pub fn set_now(&self, now: Instant) {
        *locked(&self.now) = now;
    }

    /// The module that answers such an iq.
    pub fn route_of(&self, key: &RouteKey<'_>) -> Option<&dyn Module> {
        self.routes.get(key).map(|index| &*self.modules[*index])
    }

    pub fn context<'a>(&'a self, origin: Option<&'a Arc<Session>>) -> Context<'a> {
        Context::new(self, origin)
    }

    /// Runs a hook of every module, in their order.
    pub fn each(&self, origin: Option<&Arc<Session>>, hook: impl Fn(&dyn Module, &Context<'_>)) {
        let cx = self.context(origin);
        for module in &self.modules {
            hook(&**module, &cx);
        }
    }

    /// Sends an element to a session as it stands.
    pub fn send(session: &Session, element: &Element) {
        session.sink().push(rope(element), None);
    }

    /// The localpart of an address, if it may be a local account's.
    pub fn local_node<'a>(&self, account: &'a Jid) -> Option<&'a str> {
        let node = account.node()?;
        (account.domain().as_str() == self.domain()).then(|| node.as_str())
    }

    /// An account's sessions; none for an address of another domain.
    pub fn sessions_of(&self, account: &BareJid) -> super::sessions::Resources {
        self.local_node(account)
            .map(|node| self.sessions.of(node))
            .unwrap_or_default()
    }

    /// An account's available sessions.
    pub fn available(&self, account: &BareJid) -> Vec<Arc<Session>> {
        let sessions = self.sessions_of(account);
        sessions
            .iter()
            .filter(|session| session.is_available())
            .cloned()
            .collect()
    }

    /// The session that holds a full JID.
    pub fn session(&self, jid: &Jid) -> Option<Arc<Session>> {
        self.sessions.find(self.local_node(jid)?, jid.resource()?.as_str())
    }

    pub fn account_exists(&self, account: &BareJid) -> bool {
        self.local_node(account)
            .is_some_and(|node| self.store.accounts().exists(node))
    }

    /// The role of an account of this domain.
    pub fn role(&self, account: &BareJid) -> Option<Role> {
        self.store.accounts().role(self.local_node(account)?)
    }

    /// Whether `who` may learn what `account` shares with its contacts.
    pub fn may_see(&self, who: &BareJid, account: &BareJid) -> bool {
        who == account || self.roster(account).state(who).subscription.is_from() && !self.are_apart(account, who)
    }

    /// Routes a stanza of the server's own making.
    pub fn route_own(&self, stanza: &Stanza, from: &Jid) {
        let sender = Sender {
            jid: from,
            session: None,
        };
        match stanza.kind {
            Kind::Message => super::delivery::message(self, &sender, stanza),
            Kind::Presence => super::presence::deliver(self, &sender, stanza),
            Kind::Iq => super::iq::forward_own(self, &sender, stanza),
        }
    }
}

fn routes(modules: &[Box<dyn Module>]) -> HashMap<RouteKey<'static>, usize> {
    let mut routes = HashMap::new();
    for (index, module) in modules.iter().enumerate() {
        for route in module.iq_routes() {
            for set in [false, true] {
                if if set { route.set } else { route.get } {
                    routes.insert((route.addressee, set, route.ns, route.name), index);
                }
            }
        }
    }
    routes
}

/// Serialises an element of ours.
pub(super) fn rope(element: &Element) -> Rope {
    let mut writer = Writer::new();
    writer.element(element, CLIENT);
    Rope::from(writer.finish())
}

/// 128 random bits, for what nobody may guess.
///
/// # Errors
/// `internal-server-error` when the system has none.
pub(super) fn random_id() -> Result<String, StanzaError> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).map_err(|_| Condition::InternalServerError)?;
    Ok(format!("{:032x}", u128::from_be_bytes(bytes)))
}
