//! What owners decide about others: approval, affiliations, subscriptions.

use super::*;
use crate::router::bench::account;

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
