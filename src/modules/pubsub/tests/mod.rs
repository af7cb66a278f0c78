//! Dialogues with accounts as pubsub services.

mod access;
mod announced;
mod matrix;
mod property;
mod service;

use crate::modules::dialogue::{advertise, ask, client_info, client_ver, events, get, outcome, present, question};
use crate::router::bench::{Bench, Client};
use crate::stanza::ns;
use crate::store::{AccessModel, Owner, Ticket};
use crate::xml::{Build, Element, element};

const NOTHING: [&str; 0] = [];

fn publish(node: &str, id: &str) -> String {
    publish_with(node, id, &[])
}

fn publish_with(node: &str, id: &str, options: &[(&str, &str)]) -> String {
    let payload = element("rebooted", ns::CODEBITS).build();
    let item = element("item", ns::PUBSUB).with("id", id).append(payload);
    let publish = element("publish", ns::PUBSUB).with("node", node).append(item.build());
    let mut pubsub = element("pubsub", ns::PUBSUB).append(publish.build());
    if !options.is_empty() {
        pubsub = pubsub.append(element("publish-options", ns::PUBSUB).append(submit(options)).build());
    }
    text(&pubsub.build())
}

fn submit(fields: &[(&str, &str)]) -> Element {
    let field = |(var, value): &(&str, &str)| {
        let value = element("value", ns::DATA_FORMS).append(*value).build();
        let var = ["pubsub#", var].concat();
        element("field", ns::DATA_FORMS).with("var", var).append(value).build()
    };
    element("x", ns::DATA_FORMS)
        .with("type", "submit")
        .append_all(fields.iter().map(field))
        .build()
}

fn verb(namespace: &str, verb: Element) -> String {
    text(&element("pubsub", namespace).append(verb).build())
}

fn items(node: &str) -> String {
    verb(ns::PUBSUB, element("items", ns::PUBSUB).with("node", node).build())
}

fn configure(node: &str, fields: &[(&str, &str)]) -> String {
    verb(
        ns::PUBSUB_OWNER,
        element("configure", ns::PUBSUB_OWNER)
            .with("node", node)
            .append(submit(fields))
            .build(),
    )
}

fn of_owner(name: &str, node: &str) -> String {
    verb(
        ns::PUBSUB_OWNER,
        element(name, ns::PUBSUB_OWNER).with("node", node).build(),
    )
}

fn subscription(name: &str, node: &str, jid: &str) -> String {
    verb(
        ns::PUBSUB,
        element(name, ns::PUBSUB).with("node", node).with("jid", jid).build(),
    )
}

fn text(element: &Element) -> String {
    String::from(element)
}

fn ids(items: &Element) -> Vec<String> {
    let items = items.get_child("items", ns::PUBSUB).expect("items");
    items
        .children()
        .filter_map(|item| item.attr("id").map(str::to_owned))
        .collect()
}

fn must(client: &Client, payload: &str) {
    assert_eq!(outcome(client, "set", None, payload), "result", "{payload}");
}

#[test]
fn an_event_reaches_those_whose_capabilities_ask_for_it_and_nobody_else() {
    let bench = Bench::new();
    bench.befriend("ada", "bob");
    let (desk, phone) = (bench.online("ada/desk"), bench.online("ada/phone"));
    let (bob, silent, eve) = (
        bench.online("bob/desk"),
        bench.online("bob/phone"),
        bench.online("eve/desk"),
    );
    for client in [&phone, &bob, &eve] {
        present(client, &["codebits+notify"]);
    }
    present(&silent, &["codebits", "other+notify"]);
    for client in [&desk, &phone, &bob, &silent, &eve] {
        client.elements();
    }

    must(&desk, &publish("codebits", "one"));
    assert_eq!(events(&phone), ["ada codebits item one"]);
    assert_eq!(events(&silent), NOTHING);
    assert_eq!(events(&eve), NOTHING);
    let event = bob.elements().pop().expect("an event");
    assert_eq!(event.attr("from"), Some("ada@mon.example"));
    assert_eq!(event.attr("to"), Some("bob@mon.example/desk"));
    let items = event
        .children()
        .next()
        .and_then(|event| event.children().next())
        .expect("items");
    let item = items.children().next().expect("an item");
    assert!(item.has_child("rebooted", ns::CODEBITS));
}

#[test]
fn the_result_waits_until_the_item_is_durable() {
    let bench = Bench::new();
    let ada = bench.online("ada/desk");
    let before = bench.store.latest();
    ada.send(&iq("set", &publish("codebits", "one")));
    let mut written = Vec::new();
    let waits_for = ada.session.sink().drain(before, usize::MAX, &mut written);
    assert!(written.is_empty() && waits_for > Some(before));
    ada.session
        .sink()
        .drain(waits_for.unwrap_or(Ticket(u64::MAX)), usize::MAX, &mut written);
    assert_eq!(written.len(), 1);
}

fn iq(kind: &str, payload: &str) -> String {
    let payload: Element = payload.parse().expect("XML");
    text(
        &element("iq", ns::JABBER_CLIENT)
            .with("type", kind)
            .with("id", "i")
            .append(payload)
            .build(),
    )
}

#[test]
fn last_items_come_once_with_new_capabilities() {
    let bench = Bench::new();
    bench.befriend("ada", "bob");
    let ada = bench.online("ada/desk");
    for node in ["a", "b", "c"] {
        must(&ada, &publish(node, node));
    }
    let bob = bench.online("bob/desk");
    advertise(&bob, &client_ver(&["a+notify"]));
    let id = question(&bob).expect("an unknown hash");
    crate::modules::dialogue::answer(&bob, &id, &client_info(&["a+notify"]));
    assert_eq!(events(&bob), ["ada a item a late"]);

    advertise(&bob, &client_ver(&["a+notify"]));
    assert_eq!(events(&bob), NOTHING, "nothing is new");
    advertise(&bob, &client_ver(&["a+notify", "b+notify"]));
    let id = question(&bob).expect("an unknown hash");
    crate::modules::dialogue::answer(&bob, &id, &client_info(&["a+notify", "b+notify"]));
    assert_eq!(events(&bob), ["ada b item b late"]);

    bob.end();
    let bob = bench.online("bob/desk");
    advertise(&bob, &client_ver(&["a+notify", "b+notify"]));
    assert_eq!(
        events(&bob),
        ["ada a item a late", "ada b item b late"],
        "a new session, a known hash"
    );
}

#[test]
fn last_items_come_with_a_new_subscription() {
    let bench = Bench::new();
    let (ada, bob) = (bench.online("ada/desk"), bench.online("bob/desk"));
    must(&ada, &publish("codebits", "one"));
    present(&bob, &["codebits+notify"]);
    assert_eq!(events(&bob), NOTHING);
    bob.send("<presence type='subscribe' to='ada@@'/>");
    ada.send("<presence type='subscribed' to='bob@@'/>");
    assert_eq!(events(&bob), ["ada codebits item one late"]);
}

#[test]
fn p07_what_is_too_much_is_refused() {
    let bench = Bench::new();
    let ada = bench.online("ada/desk");
    let body = element("a", "a").append("x".repeat(64 * 1024)).build();
    let item = element("item", ns::PUBSUB).append(body).build();
    let large = verb(
        ns::PUBSUB,
        element("publish", ns::PUBSUB).with("node", "n").append(item).build(),
    );
    assert_eq!(outcome(&ada, "set", None, &large), "not-acceptable payload-too-big");
    for number in 0..50 {
        must(&ada, &publish(&number.to_string(), "one"));
    }
    assert_eq!(
        outcome(&ada, "set", None, &publish("more", "one")),
        "resource-constraint max-nodes-exceeded"
    );
    for id in ["two", "three"] {
        must(&ada, &publish("0", id));
    }
    assert_eq!(
        ids(&get(&ada, None, &items("0"))),
        ["three"],
        "one item unless configured otherwise"
    );
}

#[test]
fn p09_a_publish_whose_preconditions_fail_changes_nothing() {
    let bench = Bench::new();
    let ada = bench.online("ada/desk");
    must(&ada, &publish_with("n", "one", &[("access_model", "open")]));
    for options in [
        &[("access_model", "whitelist")][..],
        &[("unknown", "1")],
        &[("max_items", "max")],
    ] {
        let refused = outcome(&ada, "set", None, &publish_with("n", "two", options));
        assert_eq!(refused, "conflict precondition-not-met", "{options:?}");
    }
    assert_eq!(ids(&get(&ada, None, &items("n"))), ["one"]);
    must(
        &ada,
        &publish_with("n", "two", &[("access_model", "open"), ("persist_items", "1")]),
    );
    let refused = outcome(&ada, "set", None, &publish_with("other", "one", &[("unknown", "1")]));
    assert_eq!(refused, "conflict precondition-not-met");
    let node = bench.store.pep().node(Owner::Account("ada"), "n").expect("the node");
    assert_eq!(node.config.access_model, AccessModel::Open);
    assert!(bench.store.pep().node(Owner::Account("ada"), "other").is_none());
}

#[test]
fn owners_make_configure_empty_and_delete_nodes_and_readers_hear_of_it() {
    let bench = Bench::new();
    bench.befriend("ada", "bob");
    let (ada, bob) = (bench.online("ada/desk"), bench.online("bob/desk"));
    present(&bob, &["n+notify"]);
    let create = verb(ns::PUBSUB, element("create", ns::PUBSUB).with("node", "n").build());
    must(&ada, &create);
    assert_eq!(outcome(&ada, "set", None, &create), "conflict");
    must(&ada, &configure("n", &[("max_items", "3"), ("title", "N")]));
    let form = get(&ada, None, &of_owner("configure", "n"));
    let form = form
        .get_child("configure", ns::PUBSUB_OWNER)
        .and_then(|form| form.get_child("x", ns::DATA_FORMS));
    let title = form
        .expect("a form")
        .children()
        .find(|field| field.attr("var") == Some("pubsub#title"));
    assert_eq!(
        title
            .and_then(|field| field.get_child("value", ns::DATA_FORMS))
            .map(Element::text),
        Some("N".to_owned())
    );

    for id in ["1", "2", "3", "4"] {
        must(&ada, &publish("n", id));
    }
    let retract =
        "<pubsub xmlns='http://jabber.org/protocol/pubsub'><retract node='n'><item id='3'/></retract></pubsub>";
    must(&ada, retract);
    assert_eq!(outcome(&ada, "set", None, retract), "item-not-found");
    assert_eq!(ids(&get(&ada, None, &items("n"))), ["2", "4"]);
    must(&ada, &of_owner("purge", "n"));
    must(&ada, &of_owner("delete", "n"));
    let heard = [
        "ada n item 1",
        "ada n item 2",
        "ada n item 3",
        "ada n item 4",
        "ada n retract 3",
        "ada n purge",
        "ada n delete",
    ];
    assert_eq!(events(&bob), heard);
    assert_eq!(outcome(&ada, "set", None, &of_owner("delete", "n")), "item-not-found");
}

#[test]
fn a_subscriber_needs_no_capabilities() {
    let bench = Bench::new();
    bench.befriend("ada", "bob");
    let (ada, bob) = (bench.online("ada/desk"), bench.online("bob/desk"));
    must(&ada, &publish("n", "one"));
    let to_ada = |payload: &str| outcome(&bob, "set", Some("ada@@"), payload);
    assert_eq!(
        to_ada(&subscription("subscribe", "n", "eve@mon.example")),
        "bad-request invalid-jid"
    );
    assert_eq!(
        to_ada(&subscription("unsubscribe", "n", "bob@mon.example")),
        "unexpected-request not-subscribed"
    );
    bob.elements();
    bob.send(&ask_to(
        "ada@mon.example",
        &subscription("subscribe", "n", "bob@mon.example"),
    ));
    assert_eq!(events(&bob), ["ada n item one late"]);
    let list = get(
        &bob,
        Some("ada@@"),
        "<pubsub xmlns='http://jabber.org/protocol/pubsub'><subscriptions/></pubsub>",
    );
    let list = list.get_child("subscriptions", ns::PUBSUB).expect("a list");
    assert_eq!(
        list.children()
            .filter_map(|entry| entry.attr("jid"))
            .collect::<Vec<_>>(),
        ["bob@mon.example"]
    );
    must(&ada, &publish("n", "two"));
    assert_eq!(events(&bob), ["ada n item two"]);
    assert_eq!(to_ada(&subscription("unsubscribe", "n", "bob@mon.example")), "result");
    must(&ada, &publish("n", "three"));
    assert_eq!(events(&bob), NOTHING);
}

fn ask_to(to: &str, payload: &str) -> String {
    let payload: Element = payload.parse().expect("XML");
    let iq = element("iq", ns::JABBER_CLIENT)
        .with("type", "set")
        .with("id", "i")
        .with("to", to);
    text(&iq.append(payload).build())
}

#[test]
fn x26_names_and_ids_come_back_as_they_went() {
    let bench = Bench::new();
    let ada = bench.online("ada/desk");
    for hostile in [
        "a'/><message to=\"v@x\"><body>x</body></message><x y='",
        "]]>&lt;&amp;\"'",
        "\u{1f600} \u{feff}",
    ] {
        let answer = ask(&ada, "set", None, &publish(hostile, hostile));
        let publish = answer
            .get_child("pubsub", ns::PUBSUB)
            .and_then(|pubsub| pubsub.get_child("publish", ns::PUBSUB));
        let publish = publish.expect("a result");
        assert_eq!(publish.attr("node"), Some(hostile));
        assert_eq!(
            publish.get_child("item", ns::PUBSUB).and_then(|item| item.attr("id")),
            Some(hostile)
        );
        assert_eq!(ids(&get(&ada, None, &items(hostile))), [hostile]);
    }
}
