//! kill -9 while a node of the publish-subscribe service is made, subscribed to and published to (threat F01): what was
//! acknowledged is there after the restart.

mod support;

use std::collections::BTreeMap;
use std::hash::{BuildHasher, RandomState};
use std::sync::Mutex;
use std::time::{Duration, Instant};
use support::node::Node;
use support::{Client, Login, TestServer};

const ROUNDS: u64 = 8;
/// The client writes as fast as it can.
const SETTINGS: &str = "[limits]\nstanza_rate = 'none'\nstanza_burst = 'none'\nrate = 'none'\nrate_burst = 'none'\npublish_rate = 'none'\n\
                        [pubsub]\ncreators = ['viewer']\n";
const PUBSUB: &str = "<pubsub xmlns='http://jabber.org/protocol/pubsub'>";

/// What was last done to each node: 0 made, 1 subscribed to, more published.
type Acknowledged = BTreeMap<String, u64>;

fn login(server: &TestServer) -> Client {
    Client::login(server, &Login::new("feed", "secret"))
}

fn is_result(answer: &Node) -> bool {
    answer.attr("type") == Some("result")
}

/// Makes a node, subscribes to it, and publishes one number after the other.
fn publish(mut client: Client, round: u64, acknowledged: &Mutex<Acknowledged>) {
    let node = format!("r{round}");
    for n in 0.. {
        let verb = match n {
            0 => format!("<create node='{node}'/>"),
            1 => format!("<subscribe node='{node}' jid='feed@localhost'/>"),
            n => {
                format!("<publish node='{node}'><item id='current'><count xmlns='codebits' n='{n}'/></item></publish>")
            }
        };
        let set = format!("<iq type='set' to='pubsub.localhost'>{PUBSUB}{verb}</pubsub></iq>");
        match client.try_iq(&set) {
            Some(answer) if is_result(&answer) => {
                acknowledged.lock().expect("no panic").insert(node.clone(), n);
            }
            Some(answer) => client.fail(&format!("refused: {answer}")),
            None => return,
        }
    }
}

/// Nodes, their subscriptions, and their newest items.
fn check(server: &TestServer, acknowledged: &Acknowledged) {
    let mut feed = login(server);
    let mut ask = |verb: String| {
        feed.iq(&format!(
            "<iq type='get' to='pubsub.localhost'>{PUBSUB}{verb}</pubsub></iq>"
        ))
    };
    for (node, n) in acknowledged {
        let items = ask(format!("<items node='{node}'/>"));
        let count = items.at(&["pubsub", "items", "item", "count"]);
        let count = count.and_then(|count| count.attr("n")?.parse::<u64>().ok());
        let is_there = *n < 2 || count.is_some_and(|found| found == *n || found == n + 1);
        assert!(is_result(&items) && is_there, "{node}: published {n}, found {items}");
        let subscriptions = ask(format!("<subscriptions node='{node}'/>"));
        let subscribed = subscriptions.at(&["pubsub", "subscriptions", "subscription"]).is_some();
        assert!(
            *n == 0 || subscribed,
            "{node}: the subscription is lost: {subscriptions}"
        );
    }
}

#[test]
fn f01_what_the_service_has_acknowledged_survives_kill_9() {
    let mut server = TestServer::with_config(SETTINGS);
    server.add_account("feed", "secret");
    let acknowledged = Mutex::new(Acknowledged::new());
    for round in 0..ROUNDS {
        let client = login(&server);
        let life = Duration::from_millis(50 + RandomState::new().hash_one(Instant::now()) % 600);
        std::thread::scope(|scope| {
            scope.spawn(|| publish(client, round, &acknowledged));
            std::thread::sleep(life);
            server.signal("KILL");
        });
        server.wait();
        server.spawn();
        check(&server, &acknowledged.lock().expect("no panic"));
    }
    let acknowledged = acknowledged.into_inner().expect("no panic");
    assert!(acknowledged.values().any(|n| *n > 10), "hardly an item was published");
    assert!(server.terminate().success());
}
