//! Items: what a node takes, and how they are read.

use super::*;

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
