//! Discovery, statistics and the small questions.

use super::*;
use crate::service::caps::{Algorithm, ver};
use crate::service::disco::Info;

const VIEWER: &str = "viewer@mon.example/desk";

fn query(namespace: &str, node: Option<&str>) -> String {
    let node = node.map(|node| format!(" node='{node}'")).unwrap_or_default();
    format!("<query xmlns='{namespace}'{node}/>")
}

fn attributes<'a>(parent: &'a Element, name: &str, attribute: &'a str) -> Vec<&'a str> {
    let children = parent.children().filter(|child| child.name() == name);
    children
        .map(|child| child.attr(attribute).unwrap_or_default())
        .collect()
}

#[test]
fn disco_info_is_the_same_at_both_jids_and_the_bare_one_is_an_account_too() {
    let mut bench = Bench::new(|_| {}).online();
    for to in [FULL, BARE] {
        let info = bench.get(VIEWER, to, &query(ns::DISCO_INFO, None)).expect("info");
        let identity = info.get_child("identity", ns::DISCO_INFO).expect("an identity");
        assert_eq!(
            (identity.attr("category"), identity.attr("type"), identity.attr("name")),
            (Some("monitor"), Some("server"), Some("XMPP Monitor"))
        );
        let categories = attributes(&info, "identity", "category");
        assert!(categories.contains(&"client"));
        assert_eq!(
            categories.contains(&"account") && categories.contains(&"pubsub"),
            to == BARE
        );
        let features = attributes(&info, "feature", "var");
        for feature in [
            "codebits",
            "codebits+notify",
            ns::DISCO_ITEMS,
            ns::COMMANDS,
            ns::STATS,
            ns::PING,
        ] {
            assert!(features.contains(&feature), "{feature}");
        }
        assert_eq!(
            features.contains(&"http://jabber.org/protocol/pubsub#publish"),
            to == BARE
        );
    }
}

#[test]
fn the_capabilities_in_presence_stand_for_the_disco_info_of_the_full_jid() {
    let mut bench = Bench::new(|_| {});
    bench.sample(&[]);
    let Some(Output::Send(presence)) = bench.collector.online(bench.now).into_iter().next() else {
        panic!("a presence")
    };
    let caps = presence.get_child("c", ns::CAPS).expect("capabilities");
    let node = format!(
        "{}#{}",
        caps.attr("node").expect("a node"),
        caps.attr("ver").expect("a ver")
    );
    // The server itself asks (XEP-0115 section 6.2).
    for (from, node) in [(VIEWER, None), ("mon.example", Some(node.as_str()))] {
        let info = bench.get(from, FULL, &query(ns::DISCO_INFO, node)).expect("info");
        let info = Info::from_element(&info).expect("well-formed");
        assert_eq!(info.node.as_deref(), node);
        assert_eq!(ver(&info, Algorithm::Sha1).as_deref().ok(), caps.attr("ver"));
    }
    let old = bench.get(VIEWER, FULL, &query(ns::DISCO_INFO, Some("codebits#other")));
    assert_eq!(old, Err("item-not-found".to_owned()));
}

#[test]
fn the_catalogue_lists_groups_then_members_with_the_jid_that_was_asked() {
    let mut bench = Bench::new(|_| {}).online();
    for to in [FULL, BARE] {
        let items = bench.get(VIEWER, to, &query(ns::DISCO_ITEMS, None)).expect("items");
        let cpu = items.children().next().expect("an item");
        assert_eq!(
            (cpu.attr("jid"), cpu.attr("node"), cpu.attr("name")),
            (Some(to), Some("cpu"), Some("CPU Load"))
        );
        assert_eq!(attributes(&items, "item", "node"), ["cpu", "memory", "disk", "uptime"]);
        let disks = bench
            .get(VIEWER, to, &query(ns::DISCO_ITEMS, Some("disk")))
            .expect("members");
        assert_eq!(attributes(&disks, "item", "node"), ["disk//", "disk//boot"]);
        let leaf = bench
            .get(VIEWER, to, &query(ns::DISCO_ITEMS, Some("disk//")))
            .expect("no items");
        assert_eq!(leaf.children().count(), 0);
        for unknown in ["teapot", "disk/x", "cpu/", "codebits"] {
            for namespace in [ns::DISCO_INFO, ns::DISCO_ITEMS] {
                let refused = bench.get(VIEWER, to, &query(namespace, Some(unknown)));
                assert_eq!(refused, Err("item-not-found".to_owned()), "{unknown}");
            }
        }
    }
}

#[test]
fn a_node_carries_its_values_twice() {
    let mut bench = Bench::new(|_| {}).online();
    let cpu = bench
        .get(VIEWER, BARE, &query(ns::DISCO_INFO, Some("cpu")))
        .expect("cpu");
    assert_eq!(cpu.attr("node"), Some("cpu"));
    assert_eq!(attributes(&cpu, "identity", "type"), ["server", "branch"]);
    let five = cpu
        .children()
        .find(|child| child.attr("name") == Some("5-min"))
        .expect("5-min");
    assert!(five.is("statistic", ns::CODEBITS));
    assert_eq!((five.attr("value"), five.attr("units")), (Some("0.4"), None));
    let usage = cpu
        .children()
        .find(|child| child.attr("name") == Some("usage"))
        .expect("usage");
    assert_eq!(usage.attr("units"), Some("percent"));
    let form = cpu.get_child("x", ns::DATA_FORMS).expect("a form");
    let shown = |var: &str| {
        let field = form
            .children()
            .find(|field| field.attr("var") == Some(var))
            .expect("a field");
        field.get_child("value", ns::DATA_FORMS).expect("a value").text()
    };
    assert_eq!(
        (shown("FORM_TYPE"), shown("5-min")),
        ("codebits".to_owned(), "0.4".to_owned())
    );
    let member = bench
        .get(VIEWER, FULL, &query(ns::DISCO_INFO, Some("cpu/0")))
        .expect("cpu/0");
    assert_eq!(attributes(&member, "identity", "type"), ["server", "leaf"]);
}

#[test]
fn xep_0039_lists_names_and_answers_each() {
    let mut bench = Bench::new(|_| {}).online();
    let names = bench.get(VIEWER, FULL, &query(ns::STATS, None)).expect("names");
    assert!(attributes(&names, "stat", "name").contains(&"disk///percent"));
    let ask = "<query xmlns='http://jabber.org/protocol/stats'><stat name='cpu/5-min'/><stat name='no/such'/></query>";
    let values = bench.get(VIEWER, FULL, ask).expect("values");
    assert_eq!(attributes(&values, "stat", "value"), ["0.4", ""]);
    let missing = values.children().nth(1).expect("an answer too");
    assert_eq!(
        missing
            .get_child("error", ns::STATS)
            .and_then(|error| error.attr("code")),
        Some("404")
    );
    let ask = "<query xmlns='http://jabber.org/protocol/stats' node='memory'><stat name='percent'/></query>";
    let values = bench.get(VIEWER, FULL, ask).expect("values");
    assert_eq!(
        (values.attr("node"), attributes(&values, "stat", "value")),
        (Some("memory"), vec!["41"])
    );
    assert_eq!(
        bench.get(VIEWER, FULL, &query(ns::STATS, Some("x"))),
        Err("item-not-found".to_owned())
    );
}

#[test]
fn the_small_questions_are_answered_and_others_are_not() {
    let mut bench = Bench::new(|_| {}).online();
    bench
        .get(VIEWER, FULL, "<ping xmlns='urn:xmpp:ping'/>")
        .expect("a pong");
    let last = bench
        .get(VIEWER, FULL, "<query xmlns='jabber:iq:last'/>")
        .expect("uptime");
    assert_eq!(last.attr("seconds"), Some("259200"));
    let time = bench.get(VIEWER, FULL, "<time xmlns='urn:xmpp:time'/>").expect("time");
    let utc = time.get_child("utc", ns::TIME).expect("utc").text();
    chrono::DateTime::parse_from_rfc3339(&utc).expect("XEP-0082");
    let card = bench.get(VIEWER, BARE, "<vCard xmlns='vcard-temp'/>").expect("a card");
    assert_eq!(
        card.get_child("FN", ns::VCARD).map(Element::text).as_deref(),
        Some("web1")
    );
    let os = |bench: &mut Bench, who: &str| {
        let version = bench
            .get(who, FULL, "<query xmlns='jabber:iq:version'/>")
            .expect("version");
        version.get_child("os", ns::VERSION).is_some()
    };
    assert_eq!(
        (os(&mut bench, VIEWER), os(&mut bench, "boss@mon.example/x")),
        (false, true)
    );
    let unknown = "<query xmlns='jabber:iq:unheard-of'/>";
    assert_eq!(bench.get(VIEWER, FULL, unknown), Err("service-unavailable".to_owned()));
    let set = bench.ask(VIEWER, FULL, "set", unknown.parse().expect("XML"));
    assert_eq!(outcome(&set), Err("service-unavailable".to_owned()));
}

#[test]
fn strangers_and_collectors_learn_nothing() {
    let mut bench = Bench::new(|options| {
        options.watchers = Some(vec![
            "op@mon.example".parse().expect("a JID"),
            "web2@mon.example".parse().expect("a JID"),
        ]);
    })
    .online();
    bench
        .get("op@mon.example/x", FULL, &query(ns::DISCO_INFO, None))
        .expect("listed");
    let strangers = [
        VIEWER,
        "nobody@mon.example/x",
        "web2@mon.example/watchpost",
        "op@other.example/x",
        "other.example",
        "оp@mon.example/x",
        "mon.example.evil.example/op@mon.example",
    ];
    for stranger in strangers {
        for payload in [
            query(ns::DISCO_INFO, None),
            query(ns::STATS, None),
            "<ping xmlns='urn:xmpp:ping'/>".to_owned(),
        ] {
            assert_eq!(
                bench.get(stranger, FULL, &payload),
                Err("service-unavailable".to_owned()),
                "{stranger}"
            );
        }
        assert_eq!(
            bench.run(stranger, "node='stats-reset'", &[]),
            Err("forbidden".to_owned())
        );
        assert!(bench.say(stranger, "help").is_empty());
    }
    // The own server may ask for capabilities, and for nothing else.
    assert_eq!(
        bench.get("mon.example", FULL, &query(ns::STATS, None)),
        Err("service-unavailable".to_owned())
    );
}

#[test]
fn answers_to_our_own_requests_are_never_answered() {
    let mut bench = Bench::new(|_| {}).online();
    for kind in ["result", "error"] {
        let iq = element("iq", CLIENT)
            .with("type", kind)
            .with("id", "event-1")
            .with("to", FULL);
        assert!(bench.send("mon.example", iq.build()).is_empty());
    }
}

#[test]
fn a_heartbeat_comes_by_chat_or_by_form_from_operators() {
    let mut bench = Bench::new(|_| {}).online();
    let op = "op@mon.example/desk";
    assert_eq!(bench.say(op, "checks"), ["backup: OK none has come yet"]);
    assert_eq!(
        bench.say(op, "heartbeat backup failed"),
        ["'backup' has come, and has failed."]
    );
    assert_eq!(
        bench.say(op, "checks"),
        ["backup: critical failed 0 s ago: the job said so"]
    );
    let done = bench
        .run(op, "node='heartbeat'", &[("name", "backup")])
        .expect("completed");
    assert_eq!(done.attr("status"), Some("completed"));
    assert_eq!(bench.say(op, "checks"), ["backup: OK came 0 s ago"]);
    let question = bench.say(op, "heartbeat").join("");
    assert!(question.contains("backup"), "{question}");
    assert_eq!(bench.say(op, "backup ok"), ["'backup' has come."]);
    let unknown = bench.run(op, "node='heartbeat'", &[("name", "dinner")]);
    assert_eq!(unknown, Err("bad-request bad-payload".to_owned()));
    let viewer = bench.run("viewer@mon.example/x", "node='heartbeat'", &[("name", "backup")]);
    assert_eq!(viewer, Err("forbidden".to_owned()));
}
