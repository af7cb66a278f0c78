//! What a session that waits was given, and its client never acknowledged.

use super::*;

#[test]
fn what_was_not_acknowledged_goes_to_another_resource_in_order() {
    let bench = Bench::new();
    let ada = bench.online("ada/desk");
    let bob = Phone::online(&bench, "bob/phone");
    for body in ["1", "2", "3"] {
        ada.send(&chat(body));
    }
    let mut two = vec![];
    bob.client.session.sink().drain(crate::store::Ticket(0), 1, &mut two);
    let desk = bench.connect("bob/desk");
    desk.send("<presence><priority>-1</priority></presence>");
    desk.send("<presence/>");
    desk.received();
    bob.client.end();
    let received = desk.received();
    assert_eq!(received[1..], lines(["1", "2", "3"]), "{received:?}");
}

#[test]
fn what_several_resources_were_given_is_lost_with_none_but_the_last_of_them() {
    for copies in [false, true] {
        let bench = Bench::new();
        let ada = bench.online("ada/desk");
        let (phone, desk) = (Phone::online(&bench, "bob/phone"), Phone::online(&bench, "bob/desk"));
        if copies {
            // One is given the message, the other a carbon.
            desk.client.send("<presence><priority>-1</priority></presence>");
            for one in [&phone, &desk] {
                one.client.session.set_copies(true);
            }
        }
        for one in [&phone, &desk] {
            one.client.received();
            one.cut(&bench);
        }
        ada.send(&chat("hi"));
        let tablet = bench.online("bob/tablet");
        for one in [&phone, &desk] {
            assert!(
                !tablet.received().iter().any(|line| line.contains("body=hi")),
                "{copies}"
            );
            one.client.end();
        }
        let given: Vec<_> = tablet
            .received()
            .into_iter()
            .filter(|line| line.contains("body=hi"))
            .collect();
        assert_eq!(given, lines(["hi"]), "{copies}");
        assert_eq!(stored(&bench), 0);
    }
}

#[test]
fn what_another_resource_was_sent_does_not_come_again() {
    let bench = Bench::new();
    let (ada, phone) = (bench.online("ada/desk"), Phone::online(&bench, "bob/phone"));
    let desk = bench.online("bob/desk");
    phone.cut(&bench);
    ada.send(&chat("hi"));
    assert_eq!(desk.received().last(), Some(&line("hi")));
    desk.end();
    phone.client.end();
    assert_eq!(stored(&bench), 0);
}

#[test]
fn offline_messages_stay_in_the_store_until_they_are_acknowledged() {
    let bench = Bench::new();
    let ada = bench.online("ada/desk");
    for body in ["1", "2", "3"] {
        ada.send(&chat(body));
    }
    let mut bob = Phone::new(&bench, bench.connect("bob/phone"));
    bob.client.send("<presence/>");
    assert_eq!(bob.read().len(), 4);
    assert_eq!(stored(&bench), 3);
    let desk = bench.online("bob/desk");
    assert!(desk.received().is_empty(), "they are the phone's, for now");
    bench.router.acknowledged(&bob.client.session, 2).unwrap();
    assert_eq!(stored(&bench), 2);
    bob.client.end();
    let received = desk.received();
    let bodies: Vec<_> = received.iter().filter(|line| line.contains("body")).collect();
    assert!(
        bodies.len() == 2 && bodies[0].contains("body=2") && bodies[1].contains("body=3"),
        "{received:?}"
    );
    assert_eq!(stored(&bench), 0);
}

#[test]
fn offline_messages_that_a_client_acknowledges_after_it_has_read_the_archive_do_not_come_again() {
    let bench = Bench::new();
    let ada = bench.online("ada/desk");
    ada.send(&chat("1"));
    ada.send(&chat("2"));
    let mut bob = Phone::new(&bench, bench.connect("bob/phone"));
    bob.client.send("<presence/>");
    assert_eq!(bob.read().len(), 3);
    // What is kept while it reads the archive, for it is away, is another's still.
    bob.client.send("<presence type='unavailable'/>");
    ada.send(&chat("3"));
    bob.client
        .send("<iq type='set' id='q'><query xmlns='urn:xmpp:mam:2'/></iq>");
    bob.acknowledge(&bench);
    assert_eq!(stored(&bench), 1);
    bob.client.end();
    let again = bench.connect("bob/tablet");
    again.send("<presence/>");
    let received = again.received();
    assert_eq!(received.len(), 2, "{received:?}");
    assert!(received[1].contains("body=3"));
}

#[test]
fn offline_messages_outlive_a_server_that_stops_before_they_are_acknowledged() {
    let bench = Bench::new();
    bench.online("ada/desk").send(&chat("1"));
    let mut bob = Phone::new(&bench, bench.connect("bob/phone"));
    bob.client.send("<presence/>");
    assert_eq!(bob.read().len(), 2);
    let bench = bench.restart();
    let again = bench.connect("bob/phone");
    again.send("<presence/>");
    assert!(again.received().last().unwrap().contains("body=1"));
}
