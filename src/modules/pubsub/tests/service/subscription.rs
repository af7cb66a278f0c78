//! Subscriptions: their options and ids, and the last item that comes with them.

use super::*;

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
