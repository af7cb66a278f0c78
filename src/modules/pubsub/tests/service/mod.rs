//! Dialogues with the service of the domain.

mod collection;
mod item;
mod owner;
mod subscription;

use super::*;
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
