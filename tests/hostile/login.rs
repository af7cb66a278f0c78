//! TLS and authentication (rows T and A).

use crate::scene::Scene;
use crate::support::node::Received;
use crate::support::{Client, Login, TestServer, ns};
use std::time::Duration;

#[test]
fn t01_what_is_sent_before_the_handshake_is_not_executed_after_it() {
    let server = TestServer::start();
    server.add_account("attacker", "secret");
    for injected in [
        " ",
        "<iq type='get' id='x'><ping xmlns='urn:xmpp:ping'/></iq>",
        "<stream:stream to='localhost' version='1.0' xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'><auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>AGF0dGFja2VyAHNlY3JldA==</auth>",
    ] {
        let mut client = Client::connect(&server, server.starttls());
        client.open();
        client.features();
        client.send(&format!("<starttls xmlns='{}'/>{injected}", ns::TLS));
        match client.read(Duration::from_secs(10)) {
            // Ended at once, or a handshake that the extra bytes break, or one after which all starts anew.
            Some(Received::Node(node)) if node.is("proceed", ns::TLS) => {}
            Some(Received::Node(_) | Received::Footer) | None => continue,
            other => panic!("{injected:?}: {other:?}"),
        }
        let anew = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            client.handshake();
            client.open();
            client.features()
        }));
        if let Ok(features) = anew {
            assert!(
                features.child_ns("mechanisms", ns::SASL).is_some(),
                "{injected:?}: {features}"
            );
        }
    }
}

#[test]
fn t04_a02_nothing_but_starttls_before_tls() {
    let server = TestServer::start();
    server.add_account("romeo", "secret");
    for text in [
        "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>AHJvbWVvAHNlY3JldA==</auth>",
        "<iq type='set' id='b'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></iq>",
        "<iq type='set' id='r'><query xmlns='jabber:iq:register'/></iq>",
        "<compress xmlns='http://jabber.org/protocol/compress'><method>zlib</method></compress>",
        "<message to='romeo@localhost'><body>x</body></message>",
    ] {
        let mut client = Client::connect(&server, server.starttls());
        client.open();
        let features = client.features();
        assert!(
            features
                .child_ns("starttls", ns::TLS)
                .and_then(|tls| tls.child("required"))
                .is_some(),
            "{features}"
        );
        assert_eq!(features.nodes().count(), 1, "{features}");
        client.send(text);
        match client.read(Duration::from_secs(10)) {
            Some(Received::Node(node)) if node.is("failure", ns::SASL) => {
                assert!(node.child("encryption-required").is_some(), "{node}");
            }
            Some(Received::Node(node)) => assert!(node.is("error", ns::STREAM), "{text}: {node}"),
            other => panic!("{text}: {other:?}"),
        }
    }
}

fn plain(client: &mut Client, message: &[u8]) -> String {
    use base64::Engine as _;
    let data = base64::engine::general_purpose::STANDARD.encode(message);
    client.send(&format!("<auth xmlns='{}' mechanism='PLAIN'>{data}</auth>", ns::SASL));
    let answer = client.receive();
    match answer.name.as_str() {
        "failure" => answer
            .nodes()
            .find(|node| node.name != "text")
            .expect("a condition")
            .name
            .clone(),
        other => other.to_owned(),
    }
}

#[test]
fn a01_nobody_acts_for_another() {
    let server = TestServer::start();
    server.add_account("victim", "other");
    server.add_account("me", "mypw");
    for (authzid, verdict) in [
        ("", "success"),
        ("me@localhost", "success"),
        ("victim@localhost", "invalid-authzid"),
        ("victim", "invalid-authzid"),
        ("me@other.example", "invalid-authzid"),
        ("localhost", "invalid-authzid"),
    ] {
        let mut client = Client::secured(&server, true);
        client.features();
        let answer = plain(&mut client, &[authzid.as_bytes(), b"\0me\0mypw"].concat());
        match verdict {
            "success" => assert_eq!(answer, "success", "{authzid:?}"),
            _ => assert!(
                ["invalid-authzid", "not-authorized"].contains(&answer.as_str()),
                "{authzid:?}: {answer}"
            ),
        }
    }
}

#[test]
fn a08_no_step_can_be_skipped() {
    let mut scene = Scene::new();
    for text in [
        "<iq type='set' id='b'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></iq>",
        "<message to='witness@localhost/w' type='chat'><body>x</body></message>",
        "<presence to='witness@localhost/w'/>",
    ] {
        let mut stranger = Client::secured(&scene.server, true);
        stranger.features();
        scene.ends(
            stranger,
            text,
            text.as_bytes(),
            &["not-authorized", "policy-violation", "unsupported-stanza-type"],
        );
    }
    // Authenticated, and not yet bound.
    let mut half = Client::secured(&scene.server, true);
    half.authenticate(&Login::new("attacker", "secret")).expect("logged in");
    half.open();
    half.features();
    half.send("<message to='witness@localhost/w' type='chat'><body>x</body></message>");
    match half.read(Duration::from_secs(10)) {
        Some(Received::Node(node)) => {
            assert!(
                node.is("error", ns::STREAM) || node.attr("type") == Some("error"),
                "{node}"
            );
        }
        other => assert!(other.is_none(), "{other:?}"),
    }
    scene.is_well("a stanza before bind");
}

#[test]
fn a10_an_unknown_user_fails_like_a_wrong_password() {
    let server = TestServer::start();
    server.add_account("romeo", "secret");
    let challenge = |user: &str| {
        let mut client = Client::secured(&server, true);
        client.features();
        let first = format!("n,,n={user},r=abcdefghijklmnop");
        use base64::Engine as _;
        let base64 = base64::engine::general_purpose::STANDARD;
        let data = base64.encode(first);
        client.send(&format!(
            "<auth xmlns='{}' mechanism='SCRAM-SHA-256'>{data}</auth>",
            ns::SASL
        ));
        let answer = client.receive();
        assert_eq!(answer.name, "challenge", "{answer}");
        let text = String::from_utf8(base64.decode(answer.text()).expect("base64")).expect("UTF-8");
        let field = |name: &str| {
            text.split(',')
                .find_map(|part| part.strip_prefix(name))
                .expect(name)
                .to_owned()
        };
        (field("s="), field("i="))
    };
    let (known, iterations) = challenge("romeo");
    let (unknown, same_iterations) = challenge("nobody");
    assert_eq!(iterations, same_iterations);
    assert_eq!(known.len(), unknown.len());
    assert_eq!(challenge("nobody").0, unknown, "the salt of an unknown user changes");
    assert_ne!(challenge("somebody").0, unknown);
    for user in ["romeo", "nobody"] {
        for mechanism in ["PLAIN", "SCRAM-SHA-256"] {
            let refusal = Client::try_login(&server, &Login::new(user, "wrong").mechanism(mechanism)).err();
            assert_eq!(
                refusal.map(|r| r.condition).as_deref(),
                Some("not-authorized"),
                "{user} {mechanism}"
            );
        }
    }
}

#[test]
fn a12_three_failures_end_the_stream_and_one_does_not() {
    let server = TestServer::start();
    server.add_account("romeo", "secret");
    let mut client = Client::secured(&server, true);
    client.features();
    assert_eq!(plain(&mut client, b"\0romeo\0wrong"), "not-authorized");
    assert_eq!(plain(&mut client, b"\0romeo\0secret"), "success");
    let mut client = Client::secured(&server, true);
    client.features();
    for _ in 0..2 {
        assert_eq!(plain(&mut client, b"\0romeo\0wrong"), "not-authorized");
    }
    let _ = client.try_send("<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>AHJvbWVvAHdyb25n</auth>");
    assert_eq!(client.expect_stream_error(), "policy-violation");
}

#[test]
fn a19_nobody_makes_an_account_from_outside() {
    let server = TestServer::start();
    server.add_account("romeo", "secret");
    let register = "<query xmlns='jabber:iq:register'><username>mallory</username><password>secret</password></query>";
    let mut stranger = Client::secured(&server, true);
    stranger.features();
    let _ = stranger.try_send(&format!("<iq type='set' id='r'>{register}</iq>"));
    let mut romeo = Client::login(&server, &Login::new("romeo", "secret"));
    let answer = romeo.iq(&format!("<iq type='set' to='localhost'>{register}</iq>"));
    assert_eq!(answer.attr("type"), Some("error"), "{answer}");
    assert!(Client::try_login(&server, &Login::new("mallory", "secret")).is_err());
    // Nor did the attempt change the password of who made it.
    drop(Client::login(&server, &Login::new("romeo", "secret")));
}

#[test]
fn a20_resources_are_prepared_and_bounded() {
    let server = TestServer::with_config("[limits]\nresources = 3\n");
    server.add_account("romeo", "secret");
    let login = |resource: &str| Client::try_login(&server, &Login::new("romeo", "secret").resource(resource));
    for resource in [
        "\u{ad}\u{fffd}\u{1}".trim_matches('\u{1}'),
        &"x".repeat(1_024),
        "\u{e000}",
    ] {
        if let Err(refusal) = login(resource) {
            assert!(
                ["jid-malformed", "bad-request"].contains(&refusal.condition.as_str()),
                "{resource:?}: {}",
                refusal.condition
            );
        }
    }
    let held: Vec<Client> = (0..3)
        .map(|number| login(&format!("r{number}")).unwrap_or_else(|refusal| panic!("{}", refusal.condition)))
        .collect();
    assert_eq!(
        login("one too many").err().map(|refusal| refusal.condition).as_deref(),
        Some("resource-constraint")
    );
    assert_eq!(held.len(), 3);
}

#[test]
fn a21_a22_only_passwords_over_tls_are_taken() {
    let server = TestServer::start();
    for direct in [true, false] {
        let mut client = Client::secured(&server, direct);
        let features = client.features();
        let offered: Vec<String> = features
            .child_ns("mechanisms", ns::SASL)
            .expect("mechanisms")
            .nodes()
            .map(|node| node.text())
            .collect();
        assert!(
            offered
                .iter()
                .all(|name| name == "PLAIN" || name.starts_with("SCRAM-SHA-")),
            "{offered:?}"
        );
        for mechanism in ["EXTERNAL", "ANONYMOUS", "DIGEST-MD5", "LOGIN"] {
            client.send(&format!("<auth xmlns='{}' mechanism='{mechanism}'>=</auth>", ns::SASL));
            let answer = client.receive();
            assert!(answer.child("invalid-mechanism").is_some(), "{mechanism}: {answer}");
        }
    }
}
