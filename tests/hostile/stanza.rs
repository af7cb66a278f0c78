//! Stanzas that claim what is not so, or ask about others (rows S, and A11).

use crate::scene::Scene;

#[test]
fn s01_a_false_sender_ends_the_stream() {
    let mut scene = Scene::new();
    for from in [
        "witness@localhost",
        "localhost",
        "canary@localhost/c",
        "attacker@localhost/other",
        "attacker@other.example",
        "@",
    ] {
        let attacker = scene.attacker();
        let text = format!("<message from='{from}' to='witness@localhost/w' type='chat'><body>x</body></message>");
        scene.ends(attacker, from, text.as_bytes(), &["invalid-from"]);
    }
}

#[test]
fn s10_s11_an_error_or_a_result_is_never_answered() {
    let scene = Scene::new();
    let mut attacker = scene.attacker();
    for text in [
        "<message to='nobody@localhost' type='error' id='1'><error type='cancel'/></message>",
        "<iq to='localhost' type='error' id='2'><error type='cancel'/></iq>",
        "<iq to='localhost' type='result' id='3'/>",
        "<iq to='witness@localhost/gone' type='result' id='4'/>",
        "<presence to='nobody@localhost' type='error' id='5'/>",
    ] {
        attacker.send(text);
        attacker.expect_nothing();
    }
}

#[test]
fn s02_s03_forged_pushes_and_carbons_reach_nobody() {
    let mut scene = Scene::new();
    let mut attacker = scene.attacker();
    let item = "<query xmlns='jabber:iq:roster'><item jid='evil@example.com' subscription='both'/></query>";
    for to in ["witness@localhost", "witness@localhost/w"] {
        attacker.send(&format!("<iq type='set' id='push' to='{to}'>{item}</iq>"));
        let answer = attacker.receive();
        assert_eq!(answer.attr("type"), Some("error"), "{to}: {answer}");
    }
    scene.is_well("forged roster pushes");
    let inner = "<forwarded xmlns='urn:xmpp:forward:0'><message xmlns='jabber:client' from='canary@localhost'>\
                 <body>forged</body></message></forwarded>";
    for kind in ["received", "sent"] {
        attacker.send(&format!(
            "<message to='witness@localhost/w' type='chat'><body>plain</body><{kind} xmlns='urn:xmpp:carbons:2'>{inner}\
             </{kind}></message>"
        ));
    }
    attacker.drain();
    for stanza in scene.witness.drain() {
        assert!(
            stanza.child_ns("received", "urn:xmpp:carbons:2").is_none()
                && stanza.child_ns("sent", "urn:xmpp:carbons:2").is_none(),
            "{stanza}"
        );
    }
}

#[test]
fn a11_a_stranger_learns_of_no_account() {
    let scene = Scene::new();
    scene.server.add_account("away", "secret");
    let mut stranger = scene.attacker();
    let queries = [
        "<query xmlns='http://jabber.org/protocol/disco#info'/>",
        "<query xmlns='http://jabber.org/protocol/disco#items'/>",
        "<vCard xmlns='vcard-temp'/>",
        "<query xmlns='jabber:iq:last'/>",
        "<ping xmlns='urn:xmpp:ping'/>",
        "<pubsub xmlns='http://jabber.org/protocol/pubsub'><items node='urn:xmpp:avatar:metadata'/></pubsub>",
    ];
    let mut stanzas: Vec<String> = queries
        .iter()
        .flat_map(|query| {
            ["", "/w"].map(|resource| format!("<iq type='get' id='i' to='NAME@localhost{resource}'>{query}</iq>"))
        })
        .collect();
    stanzas.extend(
        [
            "<presence to='NAME@localhost' type='probe' id='i'/>",
            "<presence to='NAME@localhost' type='subscribe' id='i'/>",
            "<presence to='NAME@localhost/w' id='i'/>",
            "<message to='NAME@localhost' type='chat' id='i'><body>x</body></message>",
            "<message to='NAME@localhost' type='groupchat' id='i'><body>x</body></message>",
        ]
        .map(str::to_owned),
    );
    for stanza in stanzas {
        let mut answers = ["nobody", "away", "witness"].map(|name| {
            stranger.send(&stanza.replace("NAME", name));
            let answers: Vec<String> = stranger.drain().iter().map(ToString::to_string).collect();
            (name, answers.join("\n").replace(name, "NAME"))
        });
        let (_, nobody) = std::mem::take(&mut answers[0]);
        for (name, answer) in &answers[1..] {
            assert_eq!(*answer, nobody, "{stanza} to {name}, instead of what nobody's says");
        }
    }
}
