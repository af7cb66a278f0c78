//! From an invitation to a session, with the built binary: the link that the operator prints, the account that it makes
//! (XEP-0445), the login that is one request (XEP-0388, XEP-0386), and the password changed by its owner (XEP-0077).

mod support;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use support::node::Node;
use support::server::shown;
use support::{Client, Login, TestServer};

const SASL2: &str = "urn:xmpp:sasl:2";
const REGISTER: &str = "jabber:iq:register";

/// The link in what a command printed.
#[track_caller]
fn invited(server: &TestServer, arguments: &[&str]) -> String {
    let output = server.run(&[&["invite"], arguments].concat());
    assert!(output.status.success(), "{}", shown(&output));
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(!text.contains('\u{1b}'), "no colours for a pipe: {text}");
    let link = text.lines().find_map(|line| line.trim().strip_prefix("xmpp:"));
    link.unwrap_or_else(|| panic!("no link in {text}")).to_owned()
}

fn token(link: &str) -> &str {
    link.split_once("preauth=").expect("a token").1
}

/// A connection inside TLS, and its features.
fn connected(server: &TestServer) -> (Client, Node) {
    let mut client = Client::secured(server, true);
    let features = client.features();
    (client, features)
}

fn preauth(client: &mut Client, token: &str) -> Node {
    client.iq(&format!(
        "<iq type='set' to='localhost'><preauth xmlns='urn:xmpp:pars:0' token='{token}'/></iq>"
    ))
}

fn register(client: &mut Client, name: &str, password: &str) -> Node {
    client.iq(&format!(
        "<iq type='set'><query xmlns='{REGISTER}'><username>{name}</username><password>{password}</password></query></iq>"
    ))
}

#[track_caller]
fn assert_error(answer: &Node, condition: &str) {
    let error = answer.child("error").unwrap_or_else(|| panic!("no error: {answer}"));
    assert!(error.child(condition).is_some(), "not {condition}: {answer}");
}

#[test]
fn an_invitation_makes_an_account_once_whether_the_appliance_runs_or_not() {
    let mut server = TestServer::prepared("localhost", "");
    let early = invited(&server, &["--role", "operator"]);
    server.spawn();
    let late = invited(&server, &["nurse"]);
    assert!(early.starts_with("localhost?register;preauth=") && late.starts_with("nurse@localhost?register;preauth="));
    for (link, name, other) in [(&early, "juliet", "romeo"), (&late, "nurse", "romeo")] {
        let (mut client, features) = connected(&server);
        assert!(
            features.child_ns("register", "urn:xmpp:ibr-token:0").is_some(),
            "{features}"
        );
        assert_eq!(preauth(&mut client, token(link)).attr("type"), Some("result"));
        assert_error(
            &register(&mut client, "monitor", "secret"),
            if name == "nurse" { "not-acceptable" } else { "conflict" },
        );
        assert_eq!(register(&mut client, name, "secret").attr("type"), Some("result"));
        assert_error(&register(&mut client, other, "secret"), "not-allowed");
    }
    let (mut client, features) = connected(&server);
    assert!(
        features.child_ns("register", "urn:xmpp:ibr-token:0").is_none(),
        "{features}"
    );
    assert_error(&preauth(&mut client, token(&early)), "item-not-found");
    let accounts = server.run(&["account", "list"]);
    let accounts = String::from_utf8_lossy(&accounts.stdout).into_owned();
    let role = |name: &str| {
        accounts
            .lines()
            .find(|line| line.starts_with(name))
            .unwrap_or_default()
            .to_owned()
    };
    assert!(
        role("juliet@").contains("operator") && role("nurse@").contains("viewer"),
        "{accounts}"
    );
    let mut juliet = Client::login(&server, &Login::new("juliet", "secret"));
    let roster = juliet.iq("<iq type='get'><query xmlns='jabber:iq:roster'/></iq>");
    assert!(roster.to_string().contains("monitor@localhost"), "{roster}");
}

#[test]
fn invitations_end_when_they_are_revoked_and_are_kept_over_a_kill() {
    let mut server = TestServer::start();
    let kept = invited(&server, &["--expires", "2 h"]);
    server.kill();
    server.spawn();
    let (mut client, _) = connected(&server);
    assert_eq!(preauth(&mut client, token(&kept)).attr("type"), Some("result"));
    let output = server.run(&["invite", "--revoke"]);
    assert!(
        String::from_utf8_lossy(&output.stdout).contains("1 invitations ended"),
        "{}",
        shown(&output)
    );
    assert_error(&register(&mut client, "juliet", "secret"), "item-not-found");
    let usage = server.run(&["invite", "--expires", "5"]);
    assert_eq!(usage.status.code(), Some(2), "{}", shown(&usage));
}

#[test]
fn a19_a_fresh_server_registers_nobody() {
    let server = TestServer::start();
    let (mut client, features) = connected(&server);
    assert!(!features.to_string().contains("register"), "{features}");
    assert_error(&register(&mut client, "juliet", "secret"), "not-allowed");
    let asked = client.iq(&format!("<iq type='get'><query xmlns='{REGISTER}'/></iq>"));
    assert_error(&asked, "not-allowed");
    assert!(Client::try_login(&server, &Login::new("juliet", "secret")).is_err());
}

#[test]
fn one_request_logs_in_and_binds_and_the_owner_changes_the_password() {
    use sasl::client::Mechanism as _;
    use sasl::client::mechanisms::Scram;
    use sasl::common::scram::Sha256;
    use sasl::common::{ChannelBinding, Credentials};
    let server = TestServer::start();
    server.add_account("juliet", "secret");
    let (mut client, features) = connected(&server);
    let offer = features.child_ns("authentication", SASL2).expect("XEP-0388");
    assert!(offer.to_string().contains("urn:xmpp:bind:0"), "{offer}");
    let credentials = Credentials::default()
        .with_username("juliet")
        .with_password("secret")
        .with_channel_binding(ChannelBinding::None);
    let mut scram = Scram::<Sha256>::from_credentials(credentials).expect("SCRAM");
    let first = BASE64.encode(scram.initial());
    client.send(&format!(
        "<authenticate xmlns='{SASL2}' mechanism='SCRAM-SHA-256'><initial-response>{first}</initial-response>\
         <user-agent id='d4565fa7-4d72-4749-b3d3-740edbf87770'><software>x</software></user-agent>\
         <bind xmlns='urn:xmpp:bind:0'><tag>dino</tag></bind></authenticate>"
    ));
    let challenge = client.receive();
    assert!(challenge.is("challenge", SASL2), "{challenge}");
    let response = scram
        .response(&BASE64.decode(challenge.text()).expect("base64"))
        .expect("a challenge");
    client.send(&format!(
        "<response xmlns='{SASL2}'>{}</response>",
        BASE64.encode(response)
    ));
    let success = client.receive();
    let proof = success.child("additional-data").expect("SCRAM's last message").text();
    scram
        .success(&BASE64.decode(proof).expect("base64"))
        .expect("the server's proof");
    let jid = success.child_text("authorization-identifier").expect("a JID");
    assert!(jid.starts_with("juliet@localhost/dino/"), "{jid}");
    assert!(success.child_ns("bound", "urn:xmpp:bind:0").is_some(), "{success}");
    let features = client.features();
    let limits = features
        .child_ns("limits", "urn:xmpp:stream-limits:0")
        .expect("XEP-0478");
    assert_eq!(limits.child_text("max-bytes").as_deref(), Some("262144"));

    let mut other = Client::login(&server, &Login::new("juliet", "secret"));
    assert_eq!(register(&mut client, "juliet", "another").attr("type"), Some("result"));
    assert_eq!(other.expect_stream_error(), "not-authorized", "a17");
    assert!(Client::try_login(&server, &Login::new("juliet", "secret")).is_err());
    for mechanism in ["SCRAM-SHA-1", "SCRAM-SHA-256", "PLAIN"] {
        Client::login(&server, &Login::new("juliet", "another").mechanism(mechanism));
    }
}
