//! Dialogues with the service of the domain.

use super::*;
use crate::router::bench::account;
use crate::stanza::Role;

const SERVICE: &str = "pubsub.mon.example";

/// A bench where ada is an operator, who may make nodes, and boss an admin.
fn bench() -> (Bench, Client) {
    let bench = Bench::new();
    bench.store.accounts().set_role("ada", Role::Operator).expect("ada");
    let ada = bench.online("ada/desk");
    (bench, ada)
}

fn set(client: &Client, payload: &str) -> String {
    outcome(client, "set", Some(SERVICE), payload)
}

fn done(client: &Client, payload: &str) {
    assert_eq!(set(client, payload), "result", "{payload}");
}

fn create(node: &str, fields: &[(&str, &str)]) -> String {
    let create = element("create", ns::PUBSUB).with("node", node).build();
    let configure = element("configure", ns::PUBSUB).append(submit(fields)).build();
    text(&element("pubsub", ns::PUBSUB).append(create).append(configure).build())
}

fn subscribe(node: &str, jid: &str, options: &[(&str, &str)]) -> String {
    let subscribe = element("subscribe", ns::PUBSUB)
        .with("node", node)
        .with("jid", jid)
        .build();
    let options = (!options.is_empty()).then(|| element("options", ns::PUBSUB).append(submit(options)).build());
    text(
        &element("pubsub", ns::PUBSUB)
            .append(subscribe)
            .append_all(options)
            .build(),
    )
}

/// Subscribes and returns the subscription's id and state.
fn subscribed(client: &Client, node: &str, options: &[(&str, &str)]) -> (String, String) {
    let jid = client.session.account().to_string();
    let answer = ask(client, "set", Some(SERVICE), &subscribe(node, &jid, options));
    let subscription = answer
        .get_child("pubsub", ns::PUBSUB)
        .and_then(|pubsub| pubsub.get_child("subscription", ns::PUBSUB).cloned())
        .unwrap_or_else(|| panic!("{answer:?}"));
    let attr = |name: &str| subscription.attr(name).unwrap_or_default().to_owned();
    (attr("subid"), attr("subscription"))
}

fn affiliate(node: &str, jid: &str, affiliation: &str) -> String {
    let change = element("affiliation", ns::PUBSUB_OWNER)
        .with("jid", jid)
        .with("affiliation", affiliation)
        .build();
    let list = element("affiliations", ns::PUBSUB_OWNER)
        .with("node", node)
        .append(change);
    verb(ns::PUBSUB_OWNER, list.build())
}

/// The events that have come since, with the collections that brought them.
fn heard(client: &Client) -> Vec<String> {
    let heard = |message: &Element| {
        let event = message.get_child("event", ns::PUBSUB_EVENT)?.children().next()?.clone();
        assert_eq!(message.attr("from"), Some(SERVICE));
        let mut words = vec![event.name().to_owned(), event.attr("node")?.to_owned()];
        words.extend(
            event
                .children()
                .filter_map(|child| child.attr("id").or(child.attr("node")).map(str::to_owned)),
        );
        words.extend(event.attr("subscription").map(str::to_owned));
        let headers = message.get_child("headers", ns::SHIM);
        let headers = headers.into_iter().flat_map(|headers| headers.children());
        words.extend(headers.map(|header| [header.attr("name").unwrap_or_default(), "=", &header.text()].concat()));
        Some(words.join(" "))
    };
    client.elements().iter().filter_map(heard).collect()
}

#[test]
fn the_service_is_found_and_says_what_it_is() {
    let (_bench, ada) = bench();
    let items = get(
        &ada,
        Some("mon.example"),
        "<query xmlns='http://jabber.org/protocol/disco#items'/>",
    );
    assert!(items.children().any(|item| item.attr("jid") == Some(SERVICE)));
    let info = get(
        &ada,
        Some(SERVICE),
        "<query xmlns='http://jabber.org/protocol/disco#info'/>",
    );
    let identity = info.get_child("identity", ns::DISCO_INFO).expect("an identity");
    assert_eq!(
        (identity.attr("category"), identity.attr("type")),
        (Some("pubsub"), Some("service"))
    );
    done(&ada, &create("n", &[("title", "N"), ("description", "D")]));
    let info = get(
        &ada,
        Some(SERVICE),
        "<query xmlns='http://jabber.org/protocol/disco#info' node='n'/>",
    );
    let shown = String::from(&info);
    assert!(
        ["leaf", ">N<", ">D<", "creation_date", "num_subscribers"]
            .iter()
            .all(|word| shown.contains(word))
    );
}

#[test]
fn an_item_goes_from_a_publisher_to_the_subscribers() {
    let (bench, ada) = bench();
    let (bob, phone) = (bench.online("bob/desk"), bench.online("bob/phone"));
    done(&ada, &create("n", &[]));
    let (id, state) = subscribed(&bob, "n", &[]);
    assert_eq!((id.len(), state.as_str()), (32, "subscribed"));
    assert_eq!(subscribed(&bob, "n", &[]).0, id, "again is no more");
    done(&ada, &publish("n", "one"));
    for client in [&bob, &phone] {
        let message = client.elements().pop().expect("an event");
        assert_eq!(
            message.attr("to"),
            Some("bob@mon.example"),
            "under the address that is subscribed"
        );
        assert_eq!(message.attr("type"), Some("headline"));
    }
    assert_eq!(set(&bob, &publish("n", "two")), "forbidden");
    assert_eq!(set(&bob, &publish("other", "two")), "item-not-found");
    done(&ada, &affiliate("n", "bob@mon.example", "publisher"));
    done(&bob, &publish("n", "two"));
    bob.elements();
    let retract = |id: &str| {
        let item = element("item", ns::PUBSUB).with("id", id).build();
        verb(
            ns::PUBSUB,
            element("retract", ns::PUBSUB).with("node", "n").append(item).build(),
        )
    };
    assert_eq!(set(&bob, &retract("one")), "forbidden", "another's");
    done(&bob, &retract("two"));
    done(&bob, &subscription("unsubscribe", "n", "bob@mon.example"));
    bob.elements();
    done(&ada, &publish("n", "three"));
    assert_eq!(heard(&bob), NOTHING);
}

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
fn owners_approve_of_subscriptions() {
    let (bench, ada) = bench();
    let (bob, eve) = (bench.online("bob/desk"), bench.online("eve/desk"));
    done(&ada, &create("n", &[("access_model", "authorize")]));
    done(&ada, &publish("n", "one"));
    ada.elements();
    let (id, state) = subscribed(&bob, "n", &[]);
    assert_eq!(state, "pending");
    assert_eq!(
        set(&bob, &subscription("subscribe", "n", "bob@mon.example")),
        "not-authorized pending-subscription"
    );
    assert_eq!(
        outcome(&bob, "get", Some(SERVICE), &items("n")),
        "not-authorized not-subscribed"
    );
    let form = ada
        .elements()
        .into_iter()
        .find(|stanza| stanza.has_child("x", ns::DATA_FORMS))
        .expect("a form");
    assert!(form.has_child("body", ns::JABBER_CLIENT) && String::from(&form).contains(&id));
    let answer = |kind: &str, jid: &str, allow: &str| {
        let fields = [("node", "n"), ("subscriber_jid", jid), ("allow", allow)];
        let mut x = submit(&fields);
        x.set_attr("".into(), "type".try_into().expect("a name"), kind);
        let form_type = element("field", ns::DATA_FORMS).with("var", "FORM_TYPE").append(
            element("value", ns::DATA_FORMS)
                .append("http://jabber.org/protocol/pubsub#subscribe_authorization")
                .build(),
        );
        x.append_child(form_type.build());
        text(
            &element("message", ns::JABBER_CLIENT)
                .with("to", SERVICE)
                .append(x)
                .build(),
        )
    };
    bob.elements();
    bob.send(&answer("submit", "bob@mon.example", "true"));
    ada.send(&answer("cancel", "bob@mon.example", "true"));
    assert_eq!(heard(&bob), NOTHING, "not its own, and not by a cancelled form");
    ada.send(&answer("submit", "bob@mon.example", "true"));
    assert_eq!(heard(&bob), ["subscription n subscribed", "items n one"]);
    assert_eq!(ids(&get(&bob, Some(SERVICE), &items("n"))), ["one"]);

    subscribed(&eve, "n", &[]);
    ada.elements();
    let command = |content: &str| {
        ["<command xmlns='http://jabber.org/protocol/commands' action='execute' node='http://jabber.org/protocol/pubsub#get-pending'>", content, "</command>"].concat()
    };
    assert_eq!(set(&bob, &command("")), "forbidden");
    let choice = ask(&ada, "set", Some(SERVICE), &command(""));
    assert!(String::from(&choice).contains("<value>n</value>") && String::from(&choice).contains("executing"));
    ada.send(
        &[
            "<iq type='set' id='c' to='pubsub.mon.example'>",
            &command(&text(&submit(&[("node", "n")]))),
            "</iq>",
        ]
        .concat(),
    );
    let asked = ada.elements();
    assert!(
        asked.iter().any(|stanza| stanza.has_child("x", ns::DATA_FORMS)),
        "once more: {asked:?}"
    );
    ada.send(&answer("submit", "eve@mon.example", "false"));
    assert_eq!(heard(&eve), ["subscription n none"]);
}

#[test]
fn subscribers_choose_by_options_and_ids() {
    let (bench, ada) = bench();
    let bob = bench.online("bob/desk");
    done(&ada, &create("n", &[]));
    let (first, _) = subscribed(&bob, "n", &[("show-values", "away")]);
    done(&ada, &publish("n", "one"));
    assert_eq!(heard(&bob), NOTHING, "it is online, and not away");
    bob.send("<presence><show>away</show></presence>");
    bob.elements();
    done(&ada, &publish("n", "two"));
    assert_eq!(heard(&bob), ["items n two"]);
    let (second, _) = subscribed(&bob, "n", &[("expire", "2100-01-01T00:00:00Z")]);
    assert_ne!(first, second);
    bob.elements();
    done(&ada, &publish("n", "three"));
    assert_eq!(
        heard(&bob),
        [["items n three SubID=", &first, " SubID=", &second].concat()],
        "one event for both"
    );
    let named = |name: &str, id: Option<&str>, content: Option<Element>| {
        let named = element(name, ns::PUBSUB)
            .with("node", "n")
            .with("jid", "bob@mon.example")
            .with_some("subid", id);
        verb(ns::PUBSUB, named.append_all(content).build())
    };
    assert_eq!(
        set(&bob, &named("unsubscribe", None, None)),
        "bad-request subid-required"
    );
    assert_eq!(
        set(&bob, &named("unsubscribe", Some("x"), None)),
        "not-acceptable invalid-subid"
    );
    assert_eq!(
        outcome(&bob, "get", Some(SERVICE), &items("n")),
        "bad-request subid-required"
    );
    assert_eq!(
        outcome(&ada, "get", Some(SERVICE), &named("options", Some(&first), None)),
        "forbidden"
    );
    let bad = Some(submit(&[("show-values", "asleep")]));
    assert_eq!(
        set(&bob, &named("options", Some(&first), bad)),
        "bad-request invalid-options"
    );
    done(&bob, &named("options", Some(&first), Some(submit(&[("deliver", "0")]))));
    let form = String::from(&get(&bob, Some(SERVICE), &named("options", Some(&first), None)));
    assert!(form.contains("pubsub#deliver"), "{form}");
    done(
        &bob,
        &named(
            "options",
            Some(&second),
            Some(submit(&[("expire", "2000-01-01T00:00:00Z")])),
        ),
    );
    done(&ada, &publish("n", "four"));
    assert_eq!(heard(&bob), NOTHING, "the one says no, the other has ended");
    assert_eq!(
        set(&bob, &named("unsubscribe", Some(&second), None)),
        "not-acceptable invalid-subid"
    );
    done(&bob, &named("unsubscribe", None, None));
    assert_eq!(
        set(&bob, &named("unsubscribe", None, None)),
        "unexpected-request not-subscribed"
    );
}

#[test]
fn items_come_in_pages_and_expire() {
    let (bench, ada) = bench();
    done(&ada, &create("n", &[("max_items", "max")]));
    for id in ["1", "2", "3", "4", "5"] {
        done(&ada, &publish("n", id));
    }
    let page = |set: &str| {
        let asked = ["<pubsub xmlns='http://jabber.org/protocol/pubsub'><items node='n'/><set xmlns='http://jabber.org/protocol/rsm'>", set, "</set></pubsub>"].concat();
        let answer = get(&ada, Some(SERVICE), &asked);
        let set = answer.get_child("set", ns::RSM).expect("a set");
        assert_eq!(set.get_child("count", ns::RSM).map(Element::text).as_deref(), Some("5"));
        ids(&answer)
    };
    assert_eq!(page("<max>2</max>"), ["1", "2"]);
    assert_eq!(page("<max>2</max><after>2</after>"), ["3", "4"]);
    assert_eq!(page("<max>2</max><before/>"), ["4", "5"]);
    assert_eq!(page("<max>0</max>"), NOTHING);
    let newest = "<pubsub xmlns='http://jabber.org/protocol/pubsub'><items node='n' max_items='2'/></pubsub>";
    assert_eq!(ids(&get(&ada, Some(SERVICE), newest)), ["4", "5"]);
    done(&ada, &configure("n", &[("item_expire", "3600")]));
    let old = crate::store::PepItem {
        id: "old".to_owned(),
        publisher: "ada@mon.example/desk".to_owned(),
        stamp: chrono::Utc::now() - chrono::TimeDelta::seconds(3601),
        payload: bytes::Bytes::from("<a xmlns='a'/>"),
    };
    let pep = bench.store.pep();
    pep.publish(Owner::Service("pubsub"), "n", &[old], None)
        .expect("an old item");
    assert!(!ids(&get(&ada, Some(SERVICE), &items("n"))).contains(&"old".to_owned()));
}

#[test]
fn a_publish_must_be_what_the_node_is_for() {
    let (bench, ada) = bench();
    let bob = bench.online("bob/desk");
    done(
        &ada,
        &create("note", &[("persist_items", "0"), ("deliver_payloads", "0")]),
    );
    done(&ada, &create("typed", &[("type", "urn:x"), ("max_payload_size", "20")]));
    done(&ada, &create("several", &[("max_items", "5")]));
    subscribed(&bob, "note", &[]);
    let bare = |node: &str, items: &str| {
        [
            "<pubsub xmlns='http://jabber.org/protocol/pubsub'><publish node='",
            node,
            "'>",
            items,
            "</publish></pubsub>",
        ]
        .concat()
    };
    done(&ada, &bare("note", ""));
    assert_eq!(heard(&bob), ["items note"]);
    for (node, items, refusal) in [
        ("note", "<item/>", "bad-request item-forbidden"),
        ("several", "", "bad-request item-required"),
        ("several", "<item/>", "bad-request payload-required"),
        (
            "several",
            "<item><a xmlns='a'/><b xmlns='b'/></item>",
            "bad-request invalid-payload",
        ),
        ("typed", "<item><a xmlns='a'/></item>", "bad-request invalid-payload"),
        (
            "typed",
            "<item><a xmlns='urn:x'>too much of it</a></item>",
            "not-acceptable payload-too-big",
        ),
    ] {
        assert_eq!(set(&ada, &bare(node, items)), refusal, "{node} {items}");
    }
    let several = "<item id='1'><a xmlns='a'/></item><item><a xmlns='a'/></item><item id='3'><a xmlns='a'/></item>";
    done(&ada, &bare("several", several));
    let kept = ids(&get(&ada, Some(SERVICE), &items("several")));
    assert_eq!((kept.len(), kept[0].as_str(), kept[2].as_str()), (3, "1", "3"));
    let none = outcome(&bob, "get", Some(SERVICE), &items("note"));
    assert_eq!(none, "feature-not-implemented unsupported");
}

#[test]
fn owners_manage_affiliations_and_subscriptions() {
    let (bench, ada) = bench();
    let bob = bench.online("bob/desk");
    done(&ada, &create("n", &[("notify_sub", "1")]));
    ada.elements();
    subscribed(&bob, "n", &[]);
    assert_eq!(heard(&ada), ["subscription n subscribed"]);
    let refused = ask(&ada, "set", Some(SERVICE), &affiliate("n", "ada@mon.example", "none"));
    let echo = String::from(refused.get_child("pubsub", ns::PUBSUB_OWNER).expect("what was refused"));
    assert!(echo.contains("owner"), "the last owner stays: {echo}");
    done(&ada, &affiliate("n", "bob@mon.example", "outcast"));
    assert_eq!(heard(&bob), ["subscription n none"]);
    assert_eq!(
        set(&bob, &subscription("subscribe", "n", "bob@mon.example")),
        "forbidden"
    );
    done(&ada, &affiliate("n", "bob@mon.example", "publish-only"));
    done(&bob, &publish("n", "one"));
    assert_eq!(outcome(&bob, "get", Some(SERVICE), &items("n")), "forbidden");
    done(&ada, &affiliate("n", "bob@mon.example", "owner"));
    done(&ada, &affiliate("n", "ada@mon.example", "none"));
    let own = "<pubsub xmlns='http://jabber.org/protocol/pubsub'><affiliations/></pubsub>";
    let list = String::from(&get(&bob, Some(SERVICE), own));
    assert!(
        list.contains("'n'") && list.contains("owner") || list.contains("\"n\""),
        "{list}"
    );
    let manage = |jid: &str, state: &str| {
        let one = element("subscription", ns::PUBSUB_OWNER)
            .with("jid", jid)
            .with("subscription", state)
            .build();
        verb(
            ns::PUBSUB_OWNER,
            element("subscriptions", ns::PUBSUB_OWNER)
                .with("node", "n")
                .append(one)
                .build(),
        )
    };
    assert_eq!(set(&ada, &manage("eve@mon.example", "subscribed")), "forbidden");
    let eve = bench.online("eve/desk");
    done(&bob, &manage("eve@mon.example", "subscribed"));
    assert_eq!(heard(&eve), ["subscription n subscribed", "items n one"]);
    let all = String::from(&get(&bob, Some(SERVICE), &of_owner("subscriptions", "n")));
    assert!(all.contains("eve@mon.example"));
    assert_eq!(set(&bob, &manage("eve@mon.example", "odd")), "not-acceptable");
    done(&bob, &manage("eve@mon.example", "none"));
    assert_eq!(heard(&eve), ["subscription n none"]);
    // Who is removed, and comes again, is somebody else.
    done(&bob, &affiliate("n", "eve@mon.example", "owner"));
    bench.router.account_removed(&account("eve"));
    let node = bench.store.pep().node(Owner::Service("pubsub"), "n").expect("the node");
    assert!(!node.affiliations.contains_key("eve@mon.example"));
}

#[test]
fn limits_of_the_service_are_reached() {
    let (bench, ada) = bench();
    for number in 0..10 {
        done(&ada, &create(&number.to_string(), &[]));
    }
    assert_eq!(
        set(&ada, &create("more", &[])),
        "resource-constraint max-nodes-exceeded"
    );
    let eve = bench.online("eve/desk");
    assert_eq!(set(&eve, &create("mine", &[])), "forbidden", "a viewer makes none");
    let mut node = bench.store.pep().node(Owner::Service("pubsub"), "0").expect("the node");
    let one = |number: usize| crate::store::Subscription {
        jid: ["s", &number.to_string(), "@mon.example"].concat(),
        id: number.to_string(),
        state: crate::store::Subscribed::Subscribed,
        options: Default::default(),
    };
    node.subscribers = (0..1_000).map(one).collect();
    let change = |kept: &mut crate::store::Node| {
        kept.subscribers.clone_from(&node.subscribers);
        Ok(())
    };
    bench
        .store
        .pep()
        .change(Owner::Service("pubsub"), "0", change)
        .expect("so many");
    assert_eq!(
        set(&eve, &subscription("subscribe", "0", "eve@mon.example")),
        "policy-violation too-many-subscriptions"
    );
}

#[test]
fn one_event_is_serialised_once_for_all() {
    let (bench, ada) = bench();
    done(&ada, &create("n", &[]));
    let clients: Vec<Client> = ["bob/1", "bob/2", "bob/3", "eve/1", "eve/2"]
        .iter()
        .map(|name| bench.online(name))
        .collect();
    for client in [&clients[0], &clients[3]] {
        subscribed(client, "n", &[]);
    }
    clients.iter().for_each(|client| drop(client.elements()));
    done(&ada, &publish("n", "one"));
    let bodies: std::collections::BTreeSet<(usize, usize)> = clients
        .iter()
        .map(|client| {
            let mut ropes = Vec::new();
            client.session.sink().drain(Ticket(u64::MAX), usize::MAX, &mut ropes);
            let body = ropes[0].parts()[1].clone();
            (body.as_ptr().addr(), body.len())
        })
        .collect();
    assert_eq!(bodies.len(), 1, "the same bytes, at the same place, for all five");
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

#[test]
fn an_instant_node_has_a_name_of_the_services_making() {
    let (_bench, ada) = bench();
    let answer = ask(
        &ada,
        "set",
        Some(SERVICE),
        "<pubsub xmlns='http://jabber.org/protocol/pubsub'><create/></pubsub>",
    );
    let create = answer
        .get_child("pubsub", ns::PUBSUB)
        .and_then(|pubsub| pubsub.get_child("create", ns::PUBSUB));
    let name = create.and_then(|create| create.attr("node")).expect("a name");
    assert_eq!(name.len(), 32);
    done(&ada, &publish(name, "one"));
}

#[test]
fn defaults_are_told() {
    let (_bench, ada) = bench();
    let default = |namespace: &str, kind: Option<&str>| {
        let default = element("default", namespace).with_some("type", kind).build();
        String::from(&get(&ada, Some(SERVICE), &verb(namespace, default)))
    };
    let leaf = default(ns::PUBSUB_OWNER, None);
    assert!(leaf.contains("pubsub#max_items") && !leaf.contains("pubsub#children"));
    let collection = default(ns::PUBSUB_OWNER, Some("collection"));
    assert!(collection.contains("pubsub#children_max") && !collection.contains("pubsub#max_items"));
    assert!(default(ns::PUBSUB, None).contains("pubsub#show-values"));
}

#[test]
fn the_last_item_comes_with_presence_where_the_node_is_so_configured() {
    let (bench, ada) = bench();
    let bob = bench.online("bob/desk");
    for (node, when) in [
        ("always", "on_sub_and_presence"),
        ("once", "on_sub"),
        ("never", "never"),
    ] {
        done(&ada, &create(node, &[("send_last_published_item", when)]));
        done(&ada, &publish(node, node));
        bob.elements();
        bob.send(&ask_to(SERVICE, &subscription("subscribe", node, "bob@mon.example")));
        let expected: Vec<String> = (node != "never")
            .then(|| ["items ", node, " ", node].concat())
            .into_iter()
            .collect();
        assert_eq!(heard(&bob), expected);
    }
    bob.end();
    let bob = bench.connect("bob/desk");
    bob.send("<presence/>");
    assert_eq!(heard(&bob), ["items always always"]);
}
