//! Collections: what they bring, and what a graph of nodes may be.

use super::*;

#[test]
fn a_collection_brings_what_happens_below_it_at_any_depth() {
    let (bench, ada) = bench();
    let bob = bench.online("bob/desk");
    for (node, parent, kind) in [
        ("c", None, "collection"),
        ("c2", Some("c"), "collection"),
        ("n", Some("c2"), "leaf"),
    ] {
        let mut fields = vec![("node_type", kind)];
        fields.extend(parent.map(|parent| ("collection", parent)));
        done(&ada, &create(node, &fields));
    }
    subscribed(&bob, "c", &[]);
    done(&ada, &publish("n", "one"));
    assert_eq!(heard(&bob), ["items n one Collection=c"]);
    done(&ada, &create("new", &[("collection", "c2")]));
    done(&ada, &publish("new", "two"));
    assert_eq!(
        heard(&bob),
        ["create new Collection=c", "items new two Collection=c"],
        "future ones too"
    );
    let dissociate = "<pubsub xmlns='http://jabber.org/protocol/pubsub#owner'><collection node='c2'><dissociate node='new'/></collection></pubsub>";
    done(&ada, dissociate);
    assert_eq!(set(&ada, dissociate), "bad-request");
    assert_eq!(heard(&bob), ["collection c2 new Collection=c"]);
    done(&ada, &of_owner("delete", "n"));
    assert_eq!(heard(&bob), ["delete n Collection=c"]);
    assert_eq!(set(&ada, &publish("c", "x")), "feature-not-implemented unsupported");
    assert_eq!(
        outcome(&ada, "get", Some(SERVICE), &items("c")),
        "feature-not-implemented unsupported"
    );
}

#[test]
fn depth_and_type_of_a_subscription_choose_what_it_brings() {
    let (bench, ada) = bench();
    let bob = bench.online("bob/desk");
    done(&ada, &create("c", &[("node_type", "collection")]));
    done(&ada, &create("c2", &[("node_type", "collection"), ("collection", "c")]));
    done(&ada, &create("deep", &[("collection", "c2")]));
    done(&ada, &create("flat", &[("collection", "c")]));
    subscribed(
        &bob,
        "c",
        &[("subscription_type", "items"), ("subscription_depth", "1")],
    );
    let again = subscribe("c", "bob@mon.example", &[("subscription_type", "items")]);
    assert_eq!(set(&bob, &again), "conflict");
    bob.elements();
    for node in ["deep", "flat"] {
        done(&ada, &publish(node, "one"));
    }
    done(&ada, &create("later", &[("collection", "c")]));
    assert_eq!(heard(&bob), ["items flat one Collection=c"]);
    subscribed(&bob, "c", &[("subscription_type", "nodes")]);
    done(&ada, &create("last", &[("collection", "c2")]));
    assert_eq!(heard(&bob), ["create last Collection=c"]);
}

#[test]
fn a_graph_has_no_cycle_and_a_leaf_no_children() {
    let (bench, ada) = bench();
    bench.store.accounts().set_role("bob", Role::Operator).expect("bob");
    let bob = bench.online("bob/desk");
    for node in ["a", "b", "c"] {
        done(&ada, &create(node, &[("node_type", "collection")]));
    }
    let put = |node: &str, parent: &str| {
        verb(
            ns::PUBSUB_OWNER,
            element("configure", ns::PUBSUB_OWNER)
                .with("node", node)
                .append(submit(&[("collection", parent)]))
                .build(),
        )
    };
    let to_ada = |payload: &str| set(&ada, payload);
    assert_eq!(to_ada(&put("b", "a")), "result");
    assert_eq!(to_ada(&put("c", "b")), "result");
    for (node, parent) in [("a", "c"), ("a", "a"), ("a", "b")] {
        assert_eq!(
            to_ada(&put(node, parent)),
            "not-allowed invalid-options",
            "{node} below {parent}"
        );
    }
    done(&ada, &create("leaf", &[]));
    assert_eq!(to_ada(&put("a", "leaf")), "not-allowed invalid-options");
    assert_eq!(to_ada(&put("a", "none")), "item-not-found");
    assert_eq!(set(&bob, &create("own", &[("collection", "a")])), "forbidden");
    let children = configure("a", &[("children", "leaf")]);
    assert_eq!(to_ada(&children), "result");
    let form = String::from(&get(&ada, Some(SERVICE), &of_owner("configure", "leaf")));
    assert!(form.contains("<value>a</value>"), "both ways: {form}");
    assert_eq!(
        to_ada(&configure("leaf", &[("children", "b")])),
        "not-allowed invalid-options"
    );
    assert_eq!(
        to_ada(&configure("a", &[("node_type", "leaf")])),
        "not-allowed invalid-options"
    );
    assert_eq!(to_ada(&configure("a", &[("children_max", "1")])), "result");
    assert_eq!(
        to_ada(&create("more", &[("collection", "a")])),
        "not-allowed max-nodes-exceeded"
    );
}

#[test]
fn collectors_have_their_hosts_collection_and_nothing_else() {
    let (bench, ada) = bench();
    let (web, db) = (bench.collector("web1"), bench.collector("db"));
    subscribed_to_hosts_before_any(&bench);
    done(&web, &publish("hosts/web1/events", "one"));
    for refused in ["hosts/db/events", "hosts/web", "hosts/web12/x", "other"] {
        assert_eq!(set(&web, &publish(refused, "x")), "item-not-found", "{refused}");
        assert_eq!(set(&web, &create(refused, &[])), "forbidden", "{refused}");
    }
    assert_eq!(set(&web, &publish("hosts", "x")), "forbidden");
    assert_eq!(set(&ada, &create("hosts/mine", &[])), "forbidden");
    let bob = bench.online("bob/desk");
    subscribed(&bob, "hosts", &[]);
    done(&web, &publish("hosts/web1/events", "two"));
    done(&db, &publish("hosts/db/events", "one"));
    assert_eq!(
        heard(&bob),
        [
            "items hosts/web1/events two Collection=hosts",
            "create hosts/db Collection=hosts",
            "create hosts/db/events Collection=hosts",
            "items hosts/db/events one Collection=hosts"
        ]
    );
    // Collectors watch nothing.
    assert_eq!(
        outcome(&db, "get", Some(SERVICE), &items("hosts/web1/events")),
        "forbidden"
    );
    assert_eq!(
        set(&db, &subscription("subscribe", "hosts", "db@mon.example")),
        "forbidden"
    );
    let tree = |node: &str| {
        let query = element("query", ns::DISCO_ITEMS).with("node", node).build();
        let items = get(&bob, Some(SERVICE), &text(&query));
        items
            .children()
            .filter_map(|item| item.attr("node").map(str::to_owned))
            .collect::<Vec<_>>()
    };
    assert_eq!(tree("hosts"), ["hosts/db", "hosts/web1"]);
    assert_eq!(tree("hosts/web1"), ["hosts/web1/events"]);
}

/// A collection that is not there yet cannot be subscribed to.
fn subscribed_to_hosts_before_any(bench: &Bench) {
    let eve = bench.online("eve/desk");
    assert_eq!(
        set(&eve, &subscription("subscribe", "hosts", "eve@mon.example")),
        "item-not-found"
    );
}

#[test]
fn what_a_subscriber_may_not_read_no_collection_brings() {
    let (bench, ada) = bench();
    let bob = bench.online("bob/desk");
    done(&ada, &create("c", &[("node_type", "collection")]));
    done(
        &ada,
        &create("secret", &[("collection", "c"), ("access_model", "whitelist")]),
    );
    subscribed(&bob, "c", &[]);
    done(&ada, &publish("secret", "one"));
    assert_eq!(heard(&bob), NOTHING);
    done(&ada, &affiliate("secret", "bob@mon.example", "member"));
    done(&ada, &publish("secret", "two"));
    assert_eq!(heard(&bob), ["items secret two Collection=c"]);
}

#[test]
fn a_node_belongs_to_several_collections() {
    let (bench, ada) = bench();
    let (bob, eve) = (bench.online("bob/desk"), bench.online("eve/desk"));
    for node in ["c", "d"] {
        done(&ada, &create(node, &[("node_type", "collection")]));
    }
    done(&ada, &create("n", &[("collection", "c")]));
    let associate = "<pubsub xmlns='http://jabber.org/protocol/pubsub#owner'><collection node='d'><associate node='n'/></collection></pubsub>";
    subscribed(&eve, "d", &[]);
    done(&ada, associate);
    assert_eq!(heard(&eve), ["collection d n"]);
    for node in ["c", "d"] {
        subscribed(&bob, node, &[]);
    }
    bob.elements();
    done(&ada, &publish("n", "one"));
    let both = heard(&bob);
    assert_eq!(both.len(), 1, "one event for both: {both:?}");
    assert!(
        both[0].starts_with("items n one Collection=c Collection=d SubID="),
        "{both:?}"
    );
    assert_eq!(heard(&eve), ["items n one Collection=d"]);
}
