//! Sessions without sockets, for tests: what is sent goes in as XML, what is received comes out as short lines.

use super::{Module, Options, Rates, Router, Session, Shared, Sink, Violation};
use crate::stanza::{Role, ns};
use crate::store::{Store, Ticket};
use crate::xml::{Element, Frame, Limits};
use bytes::Bytes;
use jid::BareJid;
use std::sync::{Arc, Weak};
use tempfile::TempDir;

pub(crate) const DOMAIN: &str = "mon.example";

/// A router over a store of its own, with accounts for `ada`, `bob` and `eve`.
pub(crate) struct Bench {
    pub router: Router,
    pub store: Store,
    dir: TempDir,
}

/// A bound session. It does not keep its router alive.
pub(crate) struct Client {
    shared: Weak<Shared>,
    pub session: Arc<Session>,
}

impl Bench {
    pub fn new() -> Bench {
        Bench::with(crate::modules::all())
    }

    pub fn with(modules: Vec<Box<dyn Module>>) -> Bench {
        Bench::of(modules, Rates::NONE)
    }

    pub fn with_rates(rates: Rates) -> Bench {
        Bench::of(crate::modules::all(), rates)
    }

    fn of(modules: Vec<Box<dyn Module>>, rates: Rates) -> Bench {
        let dir = tempfile::tempdir().unwrap();
        let store = open(&dir, crate::store::Limits::DEFAULT);
        for name in ["ada", "bob", "eve"] {
            store.accounts().add_without_credentials(name, Role::Viewer).unwrap();
        }
        let router = router_over(&store, modules, rates);
        Bench { router, store, dir }
    }

    /// The same store under a new process.
    pub fn restart(self) -> Bench {
        self.restart_with(crate::store::Limits::DEFAULT)
    }

    /// The same store under a new process with other limits.
    pub fn restart_with(self, limits: crate::store::Limits) -> Bench {
        let Bench { router, store, dir } = self;
        drop((router, store));
        let store = open(&dir, limits);
        Bench {
            router: router_over(&store, crate::modules::all(), Rates::NONE),
            store,
            dir,
        }
    }

    /// A connected session: `"ada/desk"`.
    pub fn connect(&self, address: &str) -> Client {
        self.connect_through(address, Sink::new(1000, 512 * 1024))
    }

    pub fn connect_through(&self, address: &str, sink: Sink) -> Client {
        self.bind(address, Role::Viewer, sink)
    }

    fn bind(&self, address: &str, role: Role, sink: Sink) -> Client {
        let (name, resource) = address.split_once('/').unwrap();
        let session = self.router.bind(&account(name), Some(resource), role, Arc::new(sink));
        Client {
            shared: Arc::downgrade(&self.router.shared),
            session: session.unwrap(),
        }
    }

    /// A new account of role collector, and its session, available.
    pub fn collector(&self, name: &str) -> Client {
        let accounts = self.store.accounts();
        accounts.add_without_credentials(name, Role::Collector).unwrap();
        let client = self.bind(
            &format!("{name}/watchpost"),
            Role::Collector,
            Sink::new(1000, 512 * 1024),
        );
        client.send("<presence/>");
        client.received();
        client
    }

    /// An available session that has asked for the roster, and read what came of it.
    pub fn online(&self, address: &str) -> Client {
        let client = self.connect(address);
        client.send("<iq type='get' id='r'><query xmlns='jabber:iq:roster'/></iq>");
        client.send("<presence/>");
        client.received();
        client
    }

    /// As [`Bench::online`], with a role.
    pub fn online_as(&self, address: &str, role: Role) -> Client {
        let client = self.bind(address, role, Sink::new(1000, 512 * 1024));
        client.send("<iq type='get' id='r'><query xmlns='jabber:iq:roster'/></iq>");
        client.send("<presence/>");
        client.received();
        client
    }

    /// Makes two accounts see each other.
    pub fn befriend(&self, one: &str, other: &str) {
        self.router
            .provision(&account(one), &account(other), None, vec![])
            .unwrap();
    }
}

fn open(dir: &TempDir, limits: crate::store::Limits) -> Store {
    let options = crate::store::Options {
        free_bytes_min: 0,
        limits,
        ..Default::default()
    };
    Store::open_with(&dir.path().join("store"), DOMAIN, &options).unwrap()
}

fn router_over(store: &Store, modules: Vec<Box<dyn Module>>, rates: Rates) -> Router {
    let options = Options {
        resources_max: 3,
        blocked_max: 5,
        roster: crate::roster::Limits {
            items_max: 20,
            ..crate::roster::Limits::DEFAULT
        },
        node_creators: vec![Role::Admin, Role::Operator],
        nodes_per_account_max: 10,
        management: super::Management {
            window: super::Window {
                stanzas_max: 20,
                bytes_max: 64 * 1024,
            },
            detached_max: 2,
        },
        rates,
        ..Options::new(DOMAIN)
    };
    Router::new(options, store.clone(), modules)
}

pub(crate) fn account(name: &str) -> BareJid {
    BareJid::new(&format!("{name}@{DOMAIN}")).unwrap()
}

impl Client {
    fn router(&self) -> Router {
        let shared = self.shared.upgrade().unwrap();
        Router { shared }
    }

    pub fn try_send(&self, xml: &str) -> Result<(), Violation> {
        let xml = xml.replace("@@", &format!("@{DOMAIN}"));
        let frame = Frame::parse(Bytes::from(xml), &Limits::AUTHENTICATED).unwrap();
        self.router().route(&self.session, frame)
    }

    /// Sends a stanza; `@@` stands for the domain.
    pub fn send(&self, xml: &str) {
        self.try_send(xml).unwrap();
    }

    /// All that has come since, as trees, whatever it waits for.
    pub fn elements(&self) -> Vec<Element> {
        let mut ropes = vec![];
        self.session.sink().drain(Ticket(u64::MAX), usize::MAX, &mut ropes);
        ropes
            .iter()
            .map(|rope| Frame::parse(rope.to_bytes(), &Limits::NONE).unwrap().to_element())
            .collect()
    }

    /// All that has come since, a line each: name, type, `<` the sender without its domain, and the children, save for
    /// the archive's id.
    pub fn received(&self) -> Vec<String> {
        self.elements().iter().map(line).collect()
    }

    pub fn end(&self) {
        self.router().unbind(&self.session);
    }
}

fn line(stanza: &Element) -> String {
    let mut words = vec![stanza.name().to_owned()];
    words.extend(stanza.attr("type").map(str::to_owned));
    words.extend(stanza.attr("from").map(|from| format!("<{}", short(from))));
    let is_own_id = |child: &&Element| {
        let by = child.attr("by").filter(|_| child.is("stanza-id", ns::SID));
        by.is_some_and(|by| by.ends_with(&format!("@{DOMAIN}")))
    };
    words.extend(stanza.children().filter(|child| !is_own_id(child)).map(child));
    words.join(" ")
}

fn short(jid: &str) -> String {
    jid.replace(&format!("@{DOMAIN}"), "")
}

fn child(child: &Element) -> String {
    if child.is("error", "jabber:client") {
        return child.children().map(Element::name).collect::<Vec<_>>().join(" ");
    }
    if child.is("query", ns::ROSTER) {
        let items: Vec<_> = child.children().map(item).collect();
        return format!("[{}]", items.join(" "));
    }
    let text = child.text();
    if text.is_empty() {
        child.name().to_owned()
    } else {
        format!("{}={text}", child.name())
    }
}

fn item(item: &Element) -> String {
    let jid = short(item.attr("jid").unwrap());
    let ask = item.attr("ask").map_or("", |_| "+ask");
    let approved = item.attr("approved").map_or("", |_| "+approved");
    format!("{jid}:{}{ask}{approved}", item.attr("subscription").unwrap())
}
