//! Dialogues with the collector: stanzas in, stanzas out, a virtual clock; jobs run on a small runtime.

mod asking;
mod commanding;
mod conversing;
mod hosting;
mod rebooting;
mod simulator;
mod telling;

use super::*;
use crate::monitor::checks::{Check, Heartbeat, What};
use crate::monitor::{Node, Notebook, Snapshot, Statistic, default_rules, group};
use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::SystemTime;

const FULL: &str = "monitor@mon.example/watchpost";
const BARE: &str = "monitor@mon.example";
/// The day on which all this happens: 2026-11-22.
const MIDNIGHT: u64 = 1_795_305_600;

/// Accounts by localpart, changeable in mid-dialogue.
#[derive(Default)]
struct People(Mutex<BTreeMap<String, Role>>);

impl People {
    fn set(&self, name: &str, role: Option<Role>) {
        let mut people = self.0.lock().expect("no panic");
        match role {
            Some(role) => people.insert(name.to_owned(), role),
            None => people.remove(name),
        };
    }
}

impl Directory for People {
    fn role(&self, account: &BareJid) -> Option<Role> {
        let node = account.node().filter(|_| account.domain().as_str() == "mon.example")?;
        self.0.lock().expect("no panic").get(node.as_str()).copied()
    }

    fn has_password(&self, account: &BareJid, password: &str) -> bool {
        account
            .node()
            .is_some_and(|node| password == [node.as_str(), "'s secret"].concat())
    }

    fn address(&self, _jid: &str) -> Option<std::net::IpAddr> {
        None
    }

    fn accounts(&self, roles: &[Role]) -> Vec<BareJid> {
        let people = self.0.lock().expect("no panic");
        let some = people.iter().filter(|(_, role)| roles.contains(role));
        some.map(|(name, _)| format!("{name}@mon.example").parse().expect("a JID"))
            .collect()
    }
}

/// A collector with a directory, a memory, a clock and a folder of its own.
struct Bench {
    collector: Collector,
    people: Arc<People>,
    memory: Arc<Notebook>,
    now: Duration,
    /// Between the monotonic clock and the one on the wall.
    wall: SystemTime,
    dir: tempfile::TempDir,
    runtime: tokio::runtime::Runtime,
}

impl Bench {
    fn new(change: impl FnOnce(&mut Options)) -> Bench {
        Bench::boot(Arc::default(), "boot-1", change)
    }

    fn boot(memory: Arc<Notebook>, boot_id: &str, change: impl FnOnce(&mut Options)) -> Bench {
        let dir = tempfile::tempdir().expect("a folder");
        let mut options = Options::new("web1", dir.path().join("audit.log"));
        options.zone = Zone::Utc;
        change(&mut options);
        let people = Arc::new(People::default());
        for (name, role) in [
            ("boss", Role::Admin),
            ("op", Role::Operator),
            ("viewer", Role::Viewer),
            ("web2", Role::Collector),
        ] {
            people.set(name, Some(role));
        }
        let host = Host {
            directory: people.clone(),
            memory: memory.clone(),
            processes: Arc::default(),
            checks: book(memory.clone()),
            boot_id: Some(boot_id.to_owned()),
            commands: Vec::new(),
            account_features: vec!["http://jabber.org/protocol/pubsub#publish".to_owned()],
        };
        Bench {
            collector: Collector::new(options, FULL.parse().expect("a JID"), default_rules(), host),
            people,
            memory,
            now: Duration::from_secs(10_000),
            wall: SystemTime::UNIX_EPOCH + Duration::from_secs(MIDNIGHT - 10_000),
            dir,
            runtime: tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .expect("a runtime"),
        }
    }

    /// Takes a calm sample, goes online, and forgets what that said.
    fn online(mut self) -> Bench {
        self.sample(&[]);
        self.collector.online(self.now);
        self
    }

    /// A sample of a calm host, with some values changed.
    fn sample(&mut self, changes: &[(&str, &str, f64)]) -> Vec<Element> {
        self.now += Duration::from_secs(5);
        let snapshot = Snapshot {
            taken: self.wall + self.now,
            ..snapshot(changes)
        };
        let outputs = self.collector.sampled(Arc::new(snapshot), self.now);
        self.settle(outputs)
    }

    /// Hands a stanza over and does all that follows.
    fn send(&mut self, from: &str, stanza: Element) -> Vec<Element> {
        let mut stanza = stanza;
        stanza.set_attr("".into(), "from".try_into().expect("a name"), from);
        let outputs = self.collector.receive(&Frame::from_element(&stanza), self.now);
        self.settle(outputs)
    }

    /// Runs the jobs, until only stanzas are left.
    fn settle(&mut self, outputs: Vec<Output>) -> Vec<Element> {
        let mut sent = Vec::new();
        for output in outputs {
            match output {
                Output::Send(element) => sent.push(element),
                Output::ResetStatistics => sent.push(element("reset", "test").build()),
                Output::Run(work) => {
                    let (job, ticket) = work.split();
                    let finished = ticket.finish(self.runtime.block_on(job));
                    let outputs = self.collector.finished(finished);
                    sent.extend(self.settle(outputs));
                }
            }
        }
        // Whatever is sent survives the wire.
        for element in &sent {
            Frame::parse(Frame::from_element(element).bytes().clone(), &crate::xml::Limits::NONE).expect("well-formed");
        }
        sent
    }

    /// An iq and its one answer.
    fn ask(&mut self, from: &str, to: &str, kind: &str, payload: Element) -> Element {
        let iq = element("iq", CLIENT)
            .with("type", kind)
            .with("id", "q1")
            .with("to", to)
            .append(payload);
        let mut answers = self.send(from, iq.build());
        let answer = answers.remove(0);
        let answers_again = |extra: &Element| matches!(extra.attr("type"), Some("result" | "error"));
        assert!(!answers.iter().any(answers_again), "one answer: {answers:?}");
        assert_eq!(
            (answer.attr("id"), answer.attr("to"), answer.attr("from")),
            (Some("q1"), Some(from), Some(to))
        );
        answer
    }

    fn get(&mut self, from: &str, to: &str, payload: &str) -> Result<Element, String> {
        outcome(&self.ask(from, to, "get", payload.parse().expect("XML")))
    }

    /// One stage of a command.
    fn run(&mut self, from: &str, attributes: &str, fields: &[(&str, &str)]) -> Result<Element, String> {
        let fields: String = fields
            .iter()
            .map(|(var, value)| format!("<field var='{var}'><value>{value}</value></field>"))
            .collect();
        let x = match fields.is_empty() {
            true => String::new(),
            false => format!("<x xmlns='jabber:x:data' type='submit'>{fields}</x>"),
        };
        let command = format!("<command xmlns='{}' {attributes}>{x}</command>", ns::COMMANDS);
        outcome(&self.ask(from, FULL, "set", command.parse().expect("XML")))
    }

    /// A chat message and the texts that answer it.
    fn say(&mut self, from: &str, body: &str) -> Vec<String> {
        let message = element("message", CLIENT)
            .with("type", "chat")
            .with("to", BARE)
            .append(element("body", CLIENT).append(body).build());
        texts(&self.send(from, message.build()))
    }

    fn audit(&self) -> Vec<serde_json::Value> {
        let text = std::fs::read_to_string(self.dir.path().join("audit.log")).unwrap_or_default();
        text.lines()
            .map(|line| serde_json::from_str(line).expect("JSON"))
            .collect()
    }
}

/// The payload of a result, or condition and application condition of an error.
fn outcome(iq: &Element) -> Result<Element, String> {
    if iq.attr("type") == Some("result") {
        let empty = element("empty", "test").build();
        return Ok(iq.children().next().cloned().unwrap_or(empty));
    }
    let error = iq.get_child("error", CLIENT).expect("an error");
    let names: Vec<&str> = error
        .children()
        .map(Element::name)
        .filter(|name| *name != "text")
        .collect();
    Err(names.join(" "))
}

fn texts(stanzas: &[Element]) -> Vec<String> {
    let messages = stanzas.iter().filter(|stanza| stanza.is("message", CLIENT));
    messages
        .filter_map(|message| message.get_child("body", CLIENT))
        .map(Element::text)
        .collect()
}

fn status(presence: &Element) -> (Option<String>, String) {
    let text = |name: &str| presence.get_child(name, CLIENT).map(Element::text);
    (text("show"), text("status").unwrap_or_default())
}

/// A book with one heartbeat, that must come daily.
fn book(memory: Arc<Notebook>) -> Book {
    let backup = Check {
        name: "backup".to_owned(),
        what: What::Heartbeat(Heartbeat {
            every: Duration::from_secs(86_400),
            grace: Duration::ZERO,
        }),
        interval: Duration::from_secs(60),
        timeout: Duration::from_secs(10),
        failures: 1,
    };
    let now = (Duration::ZERO, SystemTime::now());
    Book::new(vec![backup], Default::default(), Default::default(), memory, now)
}

/// A calm host, with some values changed.
fn snapshot(changes: &[(&str, &str, f64)]) -> Snapshot {
    let calm = [
        ("cpu", "1-min", 0.4),
        ("cpu", "5-min", 0.4),
        ("cpu", "15-min", 0.3),
        ("cpu", "usage", 12.0),
        ("cpu", "load-per-core", 0.1),
        ("cpu", "cores", 4.0),
        ("cpu/0", "usage", 12.0),
        ("memory", "percent", 41.0),
        ("memory", "available-percent", 59.0),
        ("disk", "percent", 60.0),
        ("disk//", "percent", 63.0),
        ("disk//boot", "percent", 20.0),
        ("uptime", "uptime", 3.0 * 86_400.0),
    ];
    let value = |id: &str, name: &str, calm: f64| {
        let changed = changes.iter().find(|change| (change.0, change.1) == (id, name));
        changed.map_or(calm, |change| change.2)
    };
    let mut nodes: Vec<Node> = Vec::new();
    for (id, name, number) in calm {
        let (head, member) = id
            .split_once('/')
            .map_or((id, None), |(head, member)| (head, Some(member)));
        let group = group(head).expect("a group");
        let definition = member.map_or_else(|| group.statistic(name), |_| group.member(name));
        let statistic = Statistic::new(definition.expect("a definition"), value(id, name, number)).expect("finite");
        match nodes.iter_mut().find(|node| node.id == id) {
            Some(node) => node.statistics.push(statistic),
            None => nodes.push(Node {
                id: id.to_owned(),
                title: member.map_or(group.title.to_owned(), |member| {
                    format!("{} {member}", group.member_title)
                }),
                statistics: vec![statistic],
                detail: None,
            }),
        }
    }
    Snapshot {
        taken: SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000),
        reset: None,
        nodes,
    }
}
