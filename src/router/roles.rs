//! What each role may do at the hub, face by face: a collector answers its watchers, watches nothing and commands nothing;
//! what a viewer may run the commanded decides; the server's own commands decide by their role; an admin may everything.

use super::bench::{Bench, Client, account};
use super::{Executor, Work};
use crate::modules::dialogue::{ask, outcome};
use crate::service::command::Caller;
use crate::service::command::tests::Paint;
use crate::service::session::Limits;
use crate::stanza::{Role, StanzaError};
use std::sync::{Arc, Mutex};

/// Notes who was refused what.
#[derive(Clone, Default)]
struct Notes(Arc<Mutex<Vec<String>>>);

impl Executor for Notes {
    fn run(&self, _: Work) -> Result<(), StanzaError> {
        Ok(())
    }

    fn refused(&self, caller: &Caller, node: &str, error: &StanzaError) {
        let line = [caller.jid.as_str(), node, error.condition.name()].join(" ");
        self.0.lock().unwrap().push(line);
    }
}

const ROLES: [Role; 4] = [Role::Collector, Role::Viewer, Role::Operator, Role::Admin];

/// A session of each role, and a host that all but the first may watch.
fn scene() -> (Bench, [Client; 4], Client) {
    let bench = Bench::new();
    bench
        .router
        .offer(vec![Arc::new(Paint)], Limits::default(), Box::new(Notes::default()));
    let host = bench.collector("host");
    let clients = ROLES.map(|role| {
        let name = ["one", role.as_str()].concat();
        bench.store.accounts().add_without_credentials(&name, role).unwrap();
        bench.online_as(&[&name, "/desk"].concat(), role)
    });
    (bench, clients, host)
}

/// One face after the other: what it answers each role, `-` standing for silence.
fn faces(client: &Client) -> Vec<String> {
    let told = |stanza: &str| {
        client.received();
        client.send(stanza);
        let answers = client.received();
        let last = answers
            .last()
            .map_or("-", |line| line.rsplit(' ').next().unwrap_or_default());
        last.to_owned()
    };
    let server = Some("mon.example");
    let execute = "<command xmlns='http://jabber.org/protocol/commands' node='paint'/>";
    let info = "<query xmlns='http://jabber.org/protocol/disco#info' node='paint'/>";
    let list = "<query xmlns='http://jabber.org/protocol/disco#items' node='http://jabber.org/protocol/commands'/>";
    let version = ask(client, "get", server, "<query xmlns='jabber:iq:version'/>");
    let listed = ask(client, "get", server, list);
    vec![
        told("<presence type='subscribe' to='host@@'/>"),
        told("<message type='chat' to='host@@'><body>help</body></message>"),
        told(&["<iq type='set' id='c' to='host@@/watchpost'>", execute, "</iq>"].concat()),
        outcome(client, "set", server, execute),
        outcome(client, "get", server, info),
        listed.children().flat_map(|query| query.children()).count().to_string(),
        String::from(&version).contains("<os>").to_string(),
        outcome(
            client,
            "set",
            None,
            "<block xmlns='urn:xmpp:blocking'><item jid='x@y'/></block>",
        ),
    ]
}

#[test]
fn m01_each_face_of_the_hub_asks_for_the_role() {
    let (_bench, clients, host) = scene();
    // Subscription, chat, command to a host; command of the server, its disco#info, the list; system; block.
    #[rustfmt::skip]
    let expected = [
        ["forbidden", "forbidden", "forbidden", "forbidden", "forbidden", "0", "false", "forbidden"],
        ["[host:none+ask]", "-", "-", "forbidden", "forbidden", "0", "false", "result"],
        ["[host:none+ask]", "-", "-", "result", "result", "1", "false", "result"],
        ["[host:none+ask]", "-", "-", "result", "result", "1", "true", "result"],
    ];
    for ((client, role), expected) in clients.iter().zip(ROLES).zip(expected) {
        assert_eq!(faces(client), expected, "{role}");
        let reached = host.received().len();
        assert_eq!(reached, if role == Role::Collector { 0 } else { 3 }, "{role}");
    }
}

#[test]
fn everyone_but_a_collector_finds_the_hosts() {
    let (bench, _, _) = scene();
    bench.router.introduce_all().unwrap();
    let host = account("host");
    for role in ROLES {
        let name = ["one", role.as_str()].concat();
        let roster = bench.store.rosters().load(&name);
        assert_eq!(roster.get(&host).is_some(), role != Role::Collector, "{role}");
    }
}
