//! Threat A11: whatever a stranger sends, what comes back does not tell an account that is away, here, hidden or blocking
//! from one that is not there at all (RFC 6121 section 8.5.1).

use super::bench::{Bench, Client};

/// Payloads of requests: of the server's modules, of clients, and of nobody.
const GETS: [&str; 17] = [
    "<query xmlns='http://jabber.org/protocol/disco#info'/>",
    "<query xmlns='http://jabber.org/protocol/disco#info' node='urn:xmpp:avatar:metadata'/>",
    "<query xmlns='http://jabber.org/protocol/disco#items'/>",
    "<query xmlns='http://jabber.org/protocol/disco#items' node='urn:xmpp:avatar:metadata'/>",
    "<vCard xmlns='vcard-temp'/>",
    "<query xmlns='jabber:iq:last'/>",
    "<query xmlns='jabber:iq:version'/>",
    "<time xmlns='urn:xmpp:time'/>",
    "<ping xmlns='urn:xmpp:ping'/>",
    "<query xmlns='jabber:iq:roster'/>",
    "<query xmlns='jabber:iq:private'><storage xmlns='storage:bookmarks'/></query>",
    "<blocklist xmlns='urn:xmpp:blocking'/>",
    "<query xmlns='jabber:iq:register'/>",
    "<pubsub xmlns='http://jabber.org/protocol/pubsub'><items node='urn:xmpp:avatar:metadata'/></pubsub>",
    "<pubsub xmlns='http://jabber.org/protocol/pubsub'><subscriptions/></pubsub>",
    "<pubsub xmlns='http://jabber.org/protocol/pubsub#owner'><configure node='urn:xmpp:avatar:metadata'/></pubsub>",
    "<query xmlns='urn:x'/>",
];

const SETS: [&str; 9] = [
    "<query xmlns='jabber:iq:roster'><item jid='eve@@'/></query>",
    "<vCard xmlns='vcard-temp'/>",
    "<query xmlns='jabber:iq:private'><storage xmlns='storage:bookmarks'/></query>",
    "<block xmlns='urn:xmpp:blocking'><item jid='x@y'/></block>",
    "<command xmlns='http://jabber.org/protocol/commands' node='x'/>",
    "<pubsub xmlns='http://jabber.org/protocol/pubsub'><publish node='n'><item/></publish></pubsub>",
    "<pubsub xmlns='http://jabber.org/protocol/pubsub'><subscribe node='urn:xmpp:avatar:metadata' jid='eve@@'/></pubsub>",
    "<pubsub xmlns='http://jabber.org/protocol/pubsub#owner'><delete node='urn:xmpp:avatar:metadata'/></pubsub>",
    "<query xmlns='urn:x'/>",
];

const PRESENCES: [&str; 9] = [
    "available",
    "unavailable",
    "probe",
    "error",
    "subscribed",
    "unsubscribe",
    "unsubscribed",
    "subscribe",
    "subscribe",
];

const MESSAGES: [&str; 6] = ["normal", "chat", "headline", "groupchat", "error", "unheard"];

/// Every kind of stanza to an address.
fn all(to: &str) -> Vec<String> {
    let iq = |kind: &str, payload: &&str| format!("<iq type='{kind}' id='i' to='{to}'>{payload}</iq>");
    let presence = |kind: &&str| match *kind {
        "available" => format!("<presence to='{to}'/>"),
        kind => format!("<presence to='{to}' type='{kind}' id='p'/>"),
    };
    let message = |kind: &&str| format!("<message to='{to}' type='{kind}' id='m'><body>hi</body></message>");
    let iqs = GETS.iter().map(|payload| iq("get", payload));
    iqs.chain(SETS.iter().map(|payload| iq("set", payload)))
        .chain(["result", "error"].map(|kind| format!("<iq type='{kind}' id='i' to='{to}'/>")))
        .chain(PRESENCES.iter().map(presence))
        .chain(MESSAGES.iter().map(message))
        .collect()
}

/// What a stranger is answered, stanza by stanza, as XML; the account's name made one.
fn answers(stranger: &Client, name: &str) -> Vec<(String, Vec<String>)> {
    let addresses = [format!("{name}@@"), format!("{name}@@/desk"), format!("{name}@@/gone")];
    let stanzas = addresses.iter().flat_map(|to| all(to));
    stanzas
        .map(|stanza| {
            stranger.send(&stanza);
            let same = |xml: String| xml.replace(&format!("{name}@"), "NAME@");
            let told = stranger.elements().iter().map(String::from).map(same).collect();
            (same(stanza), told)
        })
        .collect()
}

/// A bench on which `bob` has all that an account can have, and a stranger.
fn scene(state: &str) -> (Bench, Client, Option<Client>) {
    let bench = Bench::new();
    let bob = bench.online("bob/desk");
    for set in [
        "<vCard xmlns='vcard-temp'><FN>Bob</FN></vCard>",
        "<pubsub xmlns='http://jabber.org/protocol/pubsub'><publish node='urn:xmpp:avatar:metadata'><item id='1'>\
         <metadata xmlns='urn:xmpp:avatar:metadata'/></item></publish></pubsub>",
    ] {
        bob.send(&format!("<iq type='set' id='s'>{set}</iq>"));
    }
    match state {
        "away" => bob.end(),
        "connected" => bob.send("<presence type='unavailable'/>"),
        _ => {}
    }
    let stranger = bench.online("eve/desk");
    (bench, stranger, (state != "away").then_some(bob))
}

#[test]
fn a11_no_answer_tells_an_account_from_none() {
    let (_bench, stranger, _) = scene("away");
    let absent = answers(&stranger, "nobody");
    assert!(
        absent.iter().filter(|(_, told)| !told.is_empty()).count() > 60,
        "the table answers"
    );
    for state in ["away", "connected", "available"] {
        let (_bench, stranger, _bob) = scene(state);
        let found = answers(&stranger, "bob");
        for (absent, found) in absent.iter().zip(&found) {
            // The roster versions are the stranger's own and move alike.
            assert_eq!(unversioned(found), unversioned(absent), "{state}");
        }
    }
}

/// Without what counts up with every push.
fn unversioned((stanza, told): &(String, Vec<String>)) -> (String, Vec<String>) {
    let plain = |xml: &String| {
        let mut words: Vec<&str> = xml.split_inclusive(['\'', '"']).collect();
        for index in 1..words.len() {
            if words[index - 1].contains(" ver=") || words[index].starts_with("push-") {
                words[index] = "";
            }
        }
        words.concat()
    };
    (stanza.clone(), told.iter().map(plain).collect())
}
