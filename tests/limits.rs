//! Bounds on what an account keeps and a session does, each reached through its setting on the built binary, answered as
//! documented, and told in the log.

mod support;

use support::{Client, Login, TestServer};

const SETTINGS: &str = "[limits]
roster_items = 2
roster_name_size = '10 B'
roster_groups = 1
roster_group_size = '5 B'
pending_subscriptions = 1
subscription_requests_per_minute = 2
presence_rate = 1
presence_burst = 2
publish_rate = 1
publish_burst = 3
recipients_per_minute = 2
directed_presence = 2
blocked = 2
vcard_size = '1 KiB'
private_elements = 2
private_size = '1 KiB'
command_sessions = 2
command_sessions_per_account = 1
[log]
level = 'debug'
";

fn login(server: &TestServer, user: &str) -> Client {
    server.add_account(user, "secret");
    Client::login(server, &Login::new(user, "secret"))
}

fn set(payload: &str) -> String {
    format!("<iq type='set'>{payload}</iq>")
}

fn item(attributes: &str, groups: &[&str]) -> String {
    let groups: String = groups.iter().map(|group| format!("<group>{group}</group>")).collect();
    set(&format!(
        "<query xmlns='jabber:iq:roster'><item {attributes}>{groups}</item></query>"
    ))
}

#[test]
fn s09_rosters_have_bounds_and_those_of_the_servers_making_count_towards_none() {
    let server = TestServer::with_config(SETTINGS);
    let mut romeo = login(&server, "romeo");
    romeo.refused(&item("jid='a@x' name='12345678901'", &[]), "not-acceptable");
    romeo.refused(&item("jid='a@x'", &["123456"]), "not-acceptable");
    romeo.refused(&item("jid='a@x'", &["1", "2"]), "resource-constraint");
    romeo.result(&item("jid='a@x' name='1234567890'", &["12345"]));
    romeo.result(&item("jid='b@x'", &[]));
    romeo.refused(&item("jid='c@x'", &[]), "resource-constraint");
    assert!(server.log().contains("the roster is full"));
}

#[test]
fn s08_requests_are_few_by_the_minute_and_few_that_wait() {
    let server = TestServer::with_config(SETTINGS);
    let [mut juliet, mut nurse] = ["juliet", "nurse"].map(|user| login(&server, user));
    server.add_account("romeo", "secret");
    for client in [&mut juliet, &mut nurse] {
        client.send("<presence type='subscribe' to='romeo@localhost'/>");
        client.drain();
    }
    juliet.send("<presence type='subscribe' to='nurse@localhost'/>");
    juliet.drain();
    juliet.send("<presence type='subscribe' to='tybalt@localhost'/>");
    let refused = juliet.expect("an error", |node| node.name == "presence");
    assert_eq!(refused.condition(), Some("resource-constraint"));
    let mut romeo = Client::login(&server, &Login::new("romeo", "secret"));
    romeo.send("<presence/>");
    let waiting = romeo.drain();
    let asks = waiting.iter().filter(|node| node.attr("type") == Some("subscribe"));
    assert_eq!(asks.count(), 1, "the second left no trace");
    assert!(server.log().contains("asks too many for their presence"));
}

#[test]
fn s16_s17_presence_changes_of_nodes_and_recipients_have_rates() {
    let server = TestServer::with_config(SETTINGS);
    let mut romeo = login(&server, "romeo");
    let mut phone = Client::login(&server, &Login::new("romeo", "secret").resource("phone"));
    phone.send("<presence/>");
    phone.drain();
    romeo.send("<presence/>");
    for status in ["one", "two", "three"] {
        romeo.send(&format!("<presence><status>{status}</status></presence>"));
    }
    romeo.drain();
    let told = phone.drain();
    assert_eq!(told.len(), 2, "the first two at once, the last one in a minute");

    for to in ["u1", "u2", "u1"] {
        romeo.send(&format!("<message to='{to}@localhost'><body>hi</body></message>"));
    }
    romeo.send("<message to='u3@localhost' id='m'><body>hi</body></message>");
    let refused = romeo.expect("an error", |node| node.attr("id") == Some("m"));
    assert_eq!(refused.condition(), Some("unexpected-request"));
    assert!(refused.at(&["error", "too-many-stanzas"]).is_some(), "{refused}");

    let publish = set(
        "<pubsub xmlns='http://jabber.org/protocol/pubsub'><publish node='n'><item><x xmlns='x'/></item></publish></pubsub>",
    );
    for _ in 0..3 {
        romeo.result(&publish);
    }
    romeo.refused(&publish, "resource-constraint");
    for to in ["u1", "u2"] {
        romeo.send(&format!("<presence to='{to}@localhost'/>"));
    }
    romeo.drain();
    romeo.send("<presence to='u3@localhost'/>");
    let refused = romeo.expect("an error", |node| {
        node.name == "presence" && node.attr("type") == Some("error")
    });
    assert_eq!(refused.condition(), Some("resource-constraint"));
    let log = server.log();
    for line in [
        "writes to too many",
        "changes nodes too often",
        "directed presence to too many",
    ] {
        assert!(log.contains(line), "{line}");
    }
}

#[test]
fn p12_what_an_account_keeps_is_bounded() {
    let server = TestServer::with_config(SETTINGS);
    let mut romeo = login(&server, "romeo");
    let block = |jids: &[&str]| {
        let items: String = jids.iter().map(|jid| format!("<item jid='{jid}'/>")).collect();
        set(&format!("<block xmlns='urn:xmpp:blocking'>{items}</block>"))
    };
    romeo.refused(&block(&["a@x", "b@x", "c@x"]), "resource-constraint");
    romeo.result(&block(&["a@x", "b@x"]));
    romeo.refused(&block(&["c@x"]), "resource-constraint");

    let private = |ns: &str, text: &str| {
        set(&format!(
            "<query xmlns='jabber:iq:private'><x xmlns='{ns}'>{text}</x></query>"
        ))
    };
    let large = "x".repeat(1024);
    romeo.refused(&private("a", &large), "resource-constraint");
    romeo.result(&private("a", "1"));
    romeo.result(&private("b", "2"));
    romeo.refused(&private("c", "3"), "resource-constraint");

    let vcard = |text: &str| set(&format!("<vCard xmlns='vcard-temp'><FN>{text}</FN></vCard>"));
    romeo.refused(&vcard(&large), "resource-constraint");
    romeo.result(&vcard("Romeo"));
    let log = server.log();
    for line in ["a block list is full", "private XML is refused", "a vCard is refused"] {
        assert!(log.contains(line), "{line}");
    }
}

#[test]
fn open_commands_at_the_server_are_few() {
    let server = TestServer::with_config(SETTINGS);
    let mut admins = ["root", "boss", "third"].map(|user| {
        server.add_account_with_role(user, "secret", "admin");
        Client::login(&server, &Login::new(user, "secret"))
    });
    let execute = "<iq type='set' to='localhost'><command xmlns='http://jabber.org/protocol/commands' \
                   node='http://jabber.org/protocol/admin#add-user'/></iq>";
    admins[0].result(execute);
    admins[0].refused(execute, "resource-constraint");
    admins[1].result(execute);
    admins[2].refused(execute, "resource-constraint");
}

/// Those of publish-subscribe: the service's nodes, the bytes of each, and who has to do with it.
const PUBSUB_SETTINGS: &str = "[limits]
pubsub_nodes = 10
pubsub_node_size = '2 KiB'
pubsub_affiliations = 2
pubsub_subscriptions = 1
[pubsub]
creators = ['viewer']
";

fn pubsub(namespace: &str, verb: &str) -> String {
    let namespace = format!("http://jabber.org/protocol/pubsub{namespace}");
    format!("<iq type='set' to='pubsub.localhost'><pubsub xmlns='{namespace}'>{verb}</pubsub></iq>")
}

/// The pubsub condition beside a defined one.
fn refused_with(client: &mut Client, xml: &str, condition: &str, pubsub: &str) {
    let refusal = client.refused(xml, condition);
    let error = refusal.child("error").expect("an error");
    assert!(error.nodes().any(|node| node.name == pubsub), "{pubsub}: {refusal}");
}

#[test]
fn s09_nodes_of_the_service_are_few_and_of_bounded_size() {
    let server = TestServer::with_config(PUBSUB_SETTINGS);
    let mut romeo = login(&server, "romeo");
    let form = |fields: &str| format!("<configure><x xmlns='jabber:x:data' type='submit'>{fields}</x></configure>");
    let many = form("<field var='pubsub#max_items'><value>max</value></field>");
    romeo.result(&pubsub("", &format!("<create node='a'/>{many}")));
    // The server's own collector has some of the ten.
    let create = |number: usize| pubsub("", &format!("<create node='{number}'/>"));
    let made = (0..10).take_while(|number| romeo.iq(&create(*number)).attr("type") == Some("result"));
    assert!((2..10).contains(&made.count()));
    for refused in [
        "<create node='more'/>",
        "<publish node='more'><item><a xmlns='a'/></item></publish>",
    ] {
        refused_with(
            &mut romeo,
            &pubsub("", refused),
            "resource-constraint",
            "max-nodes-exceeded",
        );
    }

    let publish = |node: &str, id: &str| {
        let payload = "x".repeat(1_000);
        pubsub(
            "",
            &format!("<publish node='{node}'><item id='{id}'><a xmlns='a'>{payload}</a></item></publish>"),
        )
    };
    romeo.result(&publish("a", "1"));
    let third = publish("a", "3");
    romeo.result(&publish("a", "2"));
    refused_with(&mut romeo, &third, "resource-constraint", "max-items-exceeded");
    romeo.result(&publish("0", "1"));
    romeo.result(&pubsub("", "<retract node='a'><item id='1'/></retract>"));
    romeo.result(&third);
    let log = server.log();
    for line in ["as many nodes as it may", "at their limit of bytes"] {
        assert!(log.contains(line), "{line}");
    }
}

#[test]
fn s09_affiliations_and_subscriptions_of_a_node_are_few() {
    let server = TestServer::with_config(PUBSUB_SETTINGS);
    let [mut romeo, mut juliet, mut nurse] = ["romeo", "juliet", "nurse"].map(|user| login(&server, user));
    romeo.result(&pubsub("", "<create node='a'/>"));
    let affiliate = |user: &str, affiliation: &str| {
        let change = format!("<affiliation jid='{user}@localhost' affiliation='{affiliation}'/>");
        pubsub("#owner", &format!("<affiliations node='a'>{change}</affiliations>"))
    };
    romeo.result(&affiliate("juliet", "publisher"));
    romeo.refused(&affiliate("nurse", "publisher"), "resource-constraint");
    romeo.result(&affiliate("juliet", "none"));
    romeo.result(&affiliate("nurse", "publisher"));

    let subscription = |verb: &str, user: &str| pubsub("", &format!("<{verb} node='a' jid='{user}@localhost'/>"));
    juliet.result(&subscription("subscribe", "juliet"));
    refused_with(
        &mut nurse,
        &subscription("subscribe", "nurse"),
        "policy-violation",
        "too-many-subscriptions",
    );
    juliet.result(&subscription("unsubscribe", "juliet"));
    nurse.result(&subscription("subscribe", "nurse"));
    let log = server.log();
    for line in ["as many affiliations as it may", "limits.pubsub_subscriptions"] {
        assert!(log.contains(line), "{line}");
    }
}
