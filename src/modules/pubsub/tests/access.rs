//! Who may read, publish and configure.

use super::*;

/// Who asks, in the order of the columns below: the owner, a contact, a contact in the group, a member, an outcast, a
/// stranger.
#[test]
fn p05_each_access_model_admits_whom_it_says() {
    let bench = Bench::new();
    bench.befriend("ada", "bob");
    let ada = bench.online("ada/desk");
    let (bob, eve) = (bench.online("bob/desk"), bench.online("eve/desk"));
    present(&bob, &["n+notify"]);
    present(&eve, &["n+notify"]);
    must(&ada, &publish("n", "first"));
    let admitted = |who: &Client, id: &str| {
        let items = outcome(who, "get", Some("ada@@"), &items("n"));
        let subscribed = outcome(
            who,
            "set",
            Some("ada@@"),
            &subscription("subscribe", "n", who.session.jid().as_str()),
        );
        assert_eq!(items, subscribed);
        outcome(
            who,
            "set",
            Some("ada@@"),
            &subscription("unsubscribe", "n", who.session.jid().as_str()),
        );
        who.elements();
        must(&ada, &publish("n", id));
        assert_eq!(
            events(who),
            if items == "result" {
                vec![["ada n item ", id].concat()]
            } else {
                vec![]
            }
        );
        items
    };
    let affiliate = |jid: &str, affiliation: &str| {
        let change = element("affiliation", ns::PUBSUB_OWNER)
            .with("jid", jid)
            .with("affiliation", affiliation);
        let list = element("affiliations", ns::PUBSUB_OWNER)
            .with("node", "n")
            .append(change.build());
        must(&ada, &verb(ns::PUBSUB_OWNER, list.build()));
    };
    let group = |group: &str| {
        let query = [
            "<query xmlns='jabber:iq:roster'><item jid='bob@mon.example'>",
            group,
            "</item></query>",
        ]
        .concat();
        must(&ada, &query);
    };

    assert_eq!(admitted(&bob, "1"), "result");
    assert_eq!(admitted(&eve, "2"), "service-unavailable");
    must(
        &ada,
        &configure("n", &[("access_model", "roster"), ("roster_groups_allowed", "G")]),
    );
    assert_eq!(admitted(&bob, "3"), "not-authorized not-in-roster-group");
    group("<group>G</group>");
    assert_eq!(admitted(&bob, "4"), "result");
    group("");
    assert_eq!(admitted(&bob, "5"), "not-authorized not-in-roster-group");
    must(&ada, &configure("n", &[("access_model", "whitelist")]));
    assert_eq!(admitted(&bob, "6"), "not-allowed closed-node");
    affiliate("bob@mon.example", "member");
    assert_eq!(admitted(&bob, "7"), "result");
    must(&ada, &configure("n", &[("access_model", "open")]));
    affiliate("bob@mon.example", "outcast");
    assert_eq!(admitted(&bob, "8"), "forbidden");
    assert_eq!(
        outcome(&eve, "get", Some("ada@@"), &items("n")),
        "result",
        "open to strangers"
    );
    let subscribe = subscription("subscribe", "n", "eve@mon.example");
    assert_eq!(outcome(&eve, "set", Some("ada@@"), &subscribe), "result");
    eve.elements();
    must(&ada, &publish("n", "9"));
    assert_eq!(events(&eve), ["ada n item 9"]);
    must(&ada, &configure("n", &[("access_model", "presence")]));
    must(&ada, &publish("n", "10"));
    assert_eq!(
        events(&eve),
        NOTHING,
        "a right that is gone ends the subscription's effect"
    );
}

#[test]
fn p05_nobody_else_publishes_or_configures() {
    let bench = Bench::new();
    bench.befriend("ada", "bob");
    let (ada, bob, eve) = (
        bench.online("ada/desk"),
        bench.online("bob/desk"),
        bench.online("eve/desk"),
    );
    must(&ada, &publish_with("n", "one", &[("access_model", "open")]));
    let retract =
        "<pubsub xmlns='http://jabber.org/protocol/pubsub'><retract node='n'><item id='one'/></retract></pubsub>";
    let requests = [
        ("set", publish("n", "two")),
        ("set", publish("new", "one")),
        ("set", retract.to_owned()),
        ("set", configure("n", &[("access_model", "whitelist")])),
        ("set", of_owner("delete", "n")),
        ("set", of_owner("purge", "n")),
        ("get", of_owner("configure", "n")),
        ("get", of_owner("affiliations", "n")),
    ];
    for (kind, request) in &requests {
        assert_eq!(outcome(&bob, kind, Some("ada@@"), request), "forbidden", "{request}");
        assert_eq!(
            outcome(&eve, kind, Some("ada@@"), request),
            "service-unavailable",
            "{request}"
        );
        assert_eq!(
            outcome(&eve, kind, Some("nobody@@"), request),
            "service-unavailable",
            "{request}"
        );
    }
    assert_eq!(ids(&get(&ada, None, &items("n"))), ["one"]);
    assert_eq!(outcome(&ada, "get", None, &items("new")), "item-not-found");
}

#[test]
fn p06_only_nodes_that_the_asker_may_read_are_listed() {
    let bench = Bench::new();
    bench.befriend("ada", "bob");
    let (ada, bob, eve) = (
        bench.online("ada/desk"),
        bench.online("bob/desk"),
        bench.online("eve/desk"),
    );
    must(&ada, &publish("presence", "one"));
    must(&ada, &publish_with("secret", "one", &[("access_model", "whitelist")]));
    let query = "<query xmlns='http://jabber.org/protocol/disco#items'/>";
    let nodes = |items: &Element| -> Vec<String> {
        items
            .children()
            .filter_map(|item| item.attr("node").map(str::to_owned))
            .collect()
    };
    assert_eq!(nodes(&get(&ada, None, query)), ["presence", "secret"]);
    assert_eq!(nodes(&get(&bob, Some("ada@@"), query)), ["presence"]);
    assert_eq!(
        outcome(&eve, "get", Some("ada@@"), query),
        outcome(&eve, "get", Some("nobody@@"), query)
    );
    let of_node = |node: &str| {
        [
            "<query xmlns='http://jabber.org/protocol/disco#info' node='",
            node,
            "'/>",
        ]
        .concat()
    };
    let info = get(&bob, Some("ada@@"), &of_node("presence"));
    assert_eq!(
        info.get_child("identity", ns::DISCO_INFO)
            .and_then(|identity| identity.attr("type")),
        Some("leaf")
    );
    for hidden in ["secret", "none"] {
        assert_eq!(outcome(&bob, "get", Some("ada@@"), &of_node(hidden)), "item-not-found");
    }
}
