//! kill -9 at random moments (threats F01 and F03): what was acknowledged is there after the restart, whole, and
//! nothing is there by half.

mod support;

use std::collections::{BTreeMap, BTreeSet};
use std::hash::{BuildHasher, RandomState};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use support::node::Node;
use support::{Client, Login, TestServer, ns};

const ROUNDS: u64 = 20;
/// How long a start may take, the reading of the store included.
const START_MAX: Duration = Duration::from_secs(5);

/// The clients of this test write as fast as they can.
const SETTINGS: &str = "[limits]\nroster_items = 'none'\nstanza_rate = 'none'\nstanza_burst = 'none'\nrate = 'none'\npublish_rate = 'none'\n\
                        rate_burst = 'none'\noffline_messages = 'none'\noffline_size = 'none'\n";

/// What the server has acknowledged.
#[derive(Default)]
struct Acknowledged {
    /// romeo's roster: the contact, and the name given to it.
    roster: BTreeMap<String, String>,
    /// The number of the last item that bot has published.
    published: u64,
    /// Accounts added.
    accounts: BTreeSet<String>,
    /// The number of the last message of chatter's to listener that must be in both archives, and how many were sent.
    archived: u64,
    chatted: u64,
    /// Those that a kill came upon before they were acknowledged: each may be there or not.
    unknown: BTreeSet<u64>,
}

/// Messages sent to accounts that are away: how many to each. None is acknowledged, so none is promised; but what is
/// there must be the first ones, in order, each once.
type Sent = BTreeMap<String, u64>;

fn random(below: u64) -> u64 {
    RandomState::new().hash_one(Instant::now()) % below
}

fn login(server: &TestServer, user: &str) -> Client {
    Client::login(server, &Login::new(user, "secret"))
}

fn is_result(answer: &Node) -> bool {
    answer.attr("type") == Some("result")
}

/// Sets one new contact after the other.
fn fill_roster(mut client: Client, round: u64, acknowledged: &Mutex<Acknowledged>) {
    for n in 0.. {
        let (jid, name) = (format!("c{round}-{n}@example.com"), format!("Contact {round} {n}"));
        let set = format!(
            "<iq type='set'><query xmlns='jabber:iq:roster'><item jid='{jid}' name='{name}'><group>g</group></item>\
             </query></iq>"
        );
        match client.try_iq(&set) {
            Some(answer) if is_result(&answer) => {
                acknowledged.lock().expect("no panic").roster.insert(jid, name);
            }
            Some(answer) => client.fail(&format!("refused: {answer}")),
            None => return,
        }
    }
}

/// Publishes one number after the other.
fn publish(mut client: Client, acknowledged: &Mutex<Acknowledged>) {
    let start = acknowledged.lock().expect("no panic").published + 1;
    for n in start.. {
        let set = format!(
            "<iq type='set'><pubsub xmlns='http://jabber.org/protocol/pubsub'><publish node='codebits'>\
             <item id='current'><count xmlns='codebits' n='{n}'/></item></publish></pubsub></iq>"
        );
        match client.try_iq(&set) {
            Some(answer) if is_result(&answer) => acknowledged.lock().expect("no panic").published = n,
            Some(answer) => client.fail(&format!("refused: {answer}")),
            None => return,
        }
    }
}

/// Sends numbered messages to somebody who is away.
fn send_messages(mut client: Client, to: &str, sent: &Mutex<Sent>) {
    for n in 0.. {
        let message = format!("<message to='{to}@localhost' type='chat' id='m{n}'><body>{n}</body></message>");
        sent.lock().expect("no panic").insert(to.to_owned(), n + 1);
        if client.try_send(&message).is_err() {
            return;
        }
        // The answer paces the sender; a ping's promises nothing about the message. Now and then one waits for the disk: who
        // is far ahead of it is refused with resource-constraint, and that would be a gap.
        let pace = match n % 32 {
            31 => "<iq type='set'><prefs xmlns='urn:xmpp:mam:2' default='always'/></iq>",
            _ => "<iq type='get' to='localhost'><ping xmlns='urn:xmpp:ping'/></iq>",
        };
        if client.try_iq(pace).is_none() {
            return;
        }
    }
}

/// Sends numbered messages to somebody who is there. The answer to what is written after a message says that the message
/// is in the archives too.
fn chat(mut client: Client, acknowledged: &Mutex<Acknowledged>) {
    loop {
        let n = {
            let mut acknowledged = acknowledged.lock().expect("no panic");
            acknowledged.chatted += 1;
            acknowledged.chatted
        };
        let message = format!("<message to='listener@localhost' type='chat'><body>{n}</body></message>");
        let prefs = "<iq type='set'><prefs xmlns='urn:xmpp:mam:2' default='always'/></iq>";
        if client.try_send(&message).is_err() {
            return;
        }
        match client.try_iq(prefs) {
            Some(answer) if is_result(&answer) => acknowledged.lock().expect("no panic").archived = n,
            Some(answer) => client.fail(&format!("refused: {answer}")),
            None => return,
        }
    }
}

/// Takes whatever comes.
fn listen(mut client: Client) {
    client.send("<presence/>");
    while client.try_receive().is_some() {}
}

/// Subscribes and unsubscribes in turn; the contact approves at once.
fn subscribe_in_turn(mut user: Client, mut contact: Client) {
    let roster = "<iq type='get'><query xmlns='jabber:iq:roster'/></iq>";
    user.try_iq(roster);
    contact.try_iq(roster);
    contact.send("<presence/>");
    loop {
        if user
            .try_send("<presence type='subscribe' to='contact@localhost'/>")
            .is_err()
        {
            return;
        }
        loop {
            match contact.try_receive() {
                Some(node) if node.name == "presence" && node.attr("type") == Some("subscribe") => break,
                Some(_) => {}
                None => return,
            }
        }
        if contact
            .try_send("<presence type='subscribed' to='user@localhost'/>")
            .is_err()
            || contact.try_iq(roster).is_none()
            || user
                .try_send("<presence type='unsubscribe' to='contact@localhost'/>")
                .is_err()
            || user.try_iq(roster).is_none()
        {
            return;
        }
    }
}

/// Adds accounts by the operator's command.
fn add_accounts(server: &TestServer, round: u64, stop: &AtomicBool, acknowledged: &Mutex<Acknowledged>) {
    for n in 0.. {
        if stop.load(Ordering::Relaxed) {
            return;
        }
        let name = format!("a{round}-{n}");
        let jid = format!("{name}@localhost");
        let output = server.run_with_input(&["account", "add", &jid, "--password-stdin"], "secret\n");
        if output.status.success() {
            acknowledged.lock().expect("no panic").accounts.insert(name);
        }
    }
}

fn roster(client: &mut Client) -> BTreeMap<String, Node> {
    let result = client.result("<iq type='get'><query xmlns='jabber:iq:roster'/></iq>");
    let query = result.child_ns("query", ns::ROSTER).expect("a roster");
    query
        .nodes()
        .map(|item| (item.attr("jid").unwrap_or_default().to_owned(), item.clone()))
        .collect()
}

fn check_roster(server: &TestServer, acknowledged: &Acknowledged, failures: &mut Vec<String>) {
    let items = roster(&mut login(server, "romeo"));
    for (jid, name) in &acknowledged.roster {
        match items.get(jid) {
            Some(item) if item.attr("name") == Some(name) => {}
            other => failures.push(format!("the roster lost {jid}: {other:?}")),
        }
    }
    let is_ours = |item: &&Node| item.attr("jid").is_some_and(|jid| jid.ends_with("@example.com"));
    let by_half = |item: &&Node| item.attr("name").is_none() || item.child_text("group").as_deref() != Some("g");
    let halves = items.values().filter(is_ours).filter(by_half);
    failures.extend(halves.map(|item| format!("half an item: {item}")));
}

fn check_published(server: &TestServer, acknowledged: &Acknowledged, failures: &mut Vec<String>) {
    let mut bot = login(server, "bot");
    let items = bot
        .iq("<iq type='get'><pubsub xmlns='http://jabber.org/protocol/pubsub'><items node='codebits'/></pubsub></iq>");
    let count = items
        .at(&["pubsub", "items", "item", "count"])
        .and_then(|count| count.attr("n")?.parse::<u64>().ok());
    match count {
        Some(n) if n == acknowledged.published || n == acknowledged.published + 1 => {}
        None if acknowledged.published == 0 => {}
        other => failures.push(format!(
            "published {}, found {other:?}: {items}",
            acknowledged.published
        )),
    }
}

/// Threat F03: the two halves of a subscription stand or fall together.
fn check_subscription(server: &TestServer, failures: &mut Vec<String>) {
    let has = |user: &str, contact: &str, sides: [&str; 2]| {
        let items = roster(&mut login(server, user));
        items
            .get(contact)
            .and_then(|item| item.attr("subscription"))
            .is_some_and(|is| sides.contains(&is))
    };
    let to = has("user", "contact@localhost", ["to", "both"]);
    let from = has("contact", "user@localhost", ["from", "both"]);
    if to != from {
        failures.push(format!(
            "half a subscription: the user has it: {to}, the contact has it: {from}"
        ));
    }
}

fn check_messages(server: &TestServer, sent: &Sent, failures: &mut Vec<String>) {
    for (to, count) in sent {
        let mut client = login(server, to);
        client.send("<presence/>");
        let bodies: Vec<String> = client
            .drain()
            .iter()
            .filter_map(|stanza| stanza.child_text("body"))
            .collect();
        let expected: Vec<String> = (0..bodies.len() as u64).map(|n| n.to_string()).collect();
        if bodies != expected || bodies.len() as u64 > *count {
            failures.push(format!("of {count} messages {to} got {bodies:?}"));
        }
        client.close();
    }
}

/// The bodies in an account's archive, page by page.
fn archived(server: &TestServer, user: &str) -> Vec<u64> {
    let mut client = login(server, user);
    let (mut bodies, mut after) = (Vec::new(), String::new());
    loop {
        let query = format!(
            "<iq type='set'><query xmlns='urn:xmpp:mam:2'><set xmlns='http://jabber.org/protocol/rsm'><max>100</max>\
             <after>{after}</after></set></query></iq>"
        );
        let end = client.result(&query);
        let body = |stanza: &Node| {
            stanza
                .at(&["result", "forwarded", "message"])?
                .child_text("body")?
                .parse::<u64>()
                .ok()
        };
        bodies.extend(client.drain().iter().filter_map(body));
        match end.at(&["fin", "set"]).and_then(|set| set.child_text("last")) {
            Some(last) => after = last,
            None => return bodies,
        }
    }
}

/// What was acknowledged is in both archives; nothing is there twice, or in another order.
fn check_archives(server: &TestServer, acknowledged: &Acknowledged, failures: &mut Vec<String>) {
    for user in ["chatter", "listener"] {
        let found = archived(server, user);
        if !found.is_sorted_by(|one, next| one < next) {
            failures.push(format!("{user}'s archive is out of order: {found:?}"));
        }
        let is_lost = |n: &u64| found.binary_search(n).is_err() && !acknowledged.unknown.contains(n);
        if let Some(lost) = (1..=acknowledged.archived).find(is_lost) {
            failures.push(format!(
                "of {} messages {user}'s archive lost {lost}",
                acknowledged.archived
            ));
        }
    }
}

fn check_accounts(server: &TestServer, round: u64, acknowledged: &Acknowledged, failures: &mut Vec<String>) {
    let list = server.run(&["account", "list"]);
    let list = String::from_utf8_lossy(&list.stdout).into_owned();
    for name in &acknowledged.accounts {
        if !list.contains(&format!("{name}@localhost")) {
            failures.push(format!("the account {name} is lost"));
        }
    }
    // Whole, not only listed: those of this round can log in, by either kind of key, one that was being added as well.
    let prefix = format!("a{round}-");
    for name in list
        .split(|c: char| c.is_whitespace())
        .filter_map(|word| word.strip_suffix("@localhost"))
    {
        if name.starts_with(&prefix) {
            for mechanism in ["SCRAM-SHA-256", "PLAIN"] {
                if let Err(refusal) = Client::try_login(server, &Login::new(name, "secret").mechanism(mechanism)) {
                    failures.push(format!("{name} cannot log in by {mechanism}: {}", refusal.condition));
                }
            }
        }
    }
}

#[test]
fn f01_f03_what_was_acknowledged_survives_kill_9() {
    let mut server = TestServer::with_config(SETTINGS);
    for name in [
        "romeo", "bot", "talker", "user", "contact", "sleeper", "chatter", "listener",
    ] {
        server.add_account(name, "secret");
    }
    let acknowledged = Mutex::new(Acknowledged::default());
    for round in 0..ROUNDS {
        let sent = Mutex::new(Sent::new());
        let life = Duration::from_millis(50 + random(850));
        let stop = AtomicBool::new(false);
        let clients =
            ["romeo", "bot", "talker", "user", "contact", "chatter", "listener"].map(|name| login(&server, name));
        std::thread::scope(|scope| {
            let [romeo, bot, talker, user, contact, chatter, listener] = clients;
            scope.spawn(|| fill_roster(romeo, round, &acknowledged));
            scope.spawn(|| publish(bot, &acknowledged));
            scope.spawn(|| send_messages(talker, "sleeper", &sent));
            scope.spawn(|| subscribe_in_turn(user, contact));
            scope.spawn(|| chat(chatter, &acknowledged));
            scope.spawn(|| listen(listener));
            scope.spawn(|| add_accounts(&server, round, &stop, &acknowledged));
            std::thread::sleep(life);
            // The accounts' thread borrows the server: the signal goes by its process id.
            server.signal("KILL");
            stop.store(true, Ordering::Relaxed);
        });
        server.wait();
        let start = Instant::now();
        server.spawn();
        let took = start.elapsed();
        let mut acknowledged = acknowledged.lock().expect("no panic");
        let unacknowledged = acknowledged.archived + 1..=acknowledged.chatted;
        acknowledged.unknown.extend(unacknowledged);
        let mut failures = Vec::new();
        if took > START_MAX {
            failures.push(format!("the start took {took:?}"));
        }
        check_roster(&server, &acknowledged, &mut failures);
        check_published(&server, &acknowledged, &mut failures);
        check_subscription(&server, &mut failures);
        check_messages(&server, &sent.into_inner().expect("no panic"), &mut failures);
        check_archives(&server, &acknowledged, &mut failures);
        check_accounts(&server, round, &acknowledged, &mut failures);
        assert!(
            failures.is_empty(),
            "round {round}, killed after {life:?}:\n{}",
            failures.join("\n")
        );
        println!(
            "round {round}: killed after {life:?}, back after {took:?}; {} contacts, {} items, {} messages, {} accounts \
             acknowledged",
            acknowledged.roster.len(),
            acknowledged.published,
            acknowledged.archived,
            acknowledged.accounts.len()
        );
    }
    let acknowledged = acknowledged.into_inner().expect("no panic");
    assert!(
        acknowledged.roster.len() > 50 && acknowledged.published > 50 && acknowledged.archived > 50,
        "the test wrote too little to mean a thing"
    );
    assert!(!acknowledged.accounts.is_empty(), "no account was added");
    assert!(server.terminate().success());
}
