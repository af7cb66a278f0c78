//! Each limit by its key: it is reached, it bites as it should, and the log says so.

use crate::scene::Scene;
use crate::support::node::Received;
use crate::support::{Client, Login, TestServer, ns};
use std::time::{Duration, Instant};

/// Limits on what one stanza may be, far below their defaults.
const SMALL: &str = "[log]\nlevel = 'debug'\n[limits]\nstanza_size = '10 KiB'\npep_item_size = '8 KiB'\nstanza_size_before_login = '10 KiB'\n\
    stanza_elements = 16\nstanza_elements_before_login = 8\nstanza_depth = 8\nstanza_depth_before_login = 4\n\
    attributes = 12\nnamespaces = 8\nname_size = '64 B'\nvalue_size = '1 KiB'\nvalue_size_before_login = '1 KiB'\n";

/// What goes beyond which limit, with the limit's name in the log.
fn beyond() -> Vec<(&'static str, String)> {
    let numbered = |count: usize, text: &str| -> String {
        (0..count)
            .map(|number| text.replace('#', &number.to_string()))
            .collect()
    };
    vec![
        (
            "stanza_bytes_max",
            format!("<message><body>{}</body></message>", "x".repeat(11_000)),
        ),
        ("elements_max", format!("<message>{}</message>", "<a/>".repeat(20))),
        ("depth_max", format!("<message>{}", "<a>".repeat(10))),
        ("attributes_max", format!("<message{}/>", numbered(14, " a#=''"))),
        (
            "namespaces_max",
            format!("<message{}/>", numbered(10, " xmlns:n#='urn:#'")),
        ),
        ("name_bytes_max", format!("<message><{}/></message>", "n".repeat(70))),
        ("value_bytes_max", format!("<message id='{}'/>", "x".repeat(2_000))),
    ]
}

/// The stream ends with policy-violation, and the log names the limit.
#[track_caller]
fn ends(server: &TestServer, mut client: Client, limit: &str, text: &str) {
    let before = server.log().len();
    let _ = client.try_send(text);
    assert_eq!(client.expect_stream_error(), "policy-violation", "{limit}");
    assert!(client.is_gone(), "{limit}");
    let log = server.log();
    let line = log[before..]
        .lines()
        .find(|line| line.contains("policy-violation") && line.contains(limit));
    assert!(line.is_some(), "no line of {limit} in {}", &log[before..]);
}

#[test]
fn x20_to_x23_a_stanza_beyond_a_limit_ends_the_stream_and_is_logged() {
    let server = TestServer::with_config(SMALL);
    server.add_account("romeo", "secret");
    for (limit, text) in beyond() {
        ends(
            &server,
            Client::login(&server, &Login::new("romeo", "secret")),
            limit,
            &text,
        );
        let before_login = text.replace("<message", "<auth").replace("</message", "</auth");
        ends(&server, Client::secured(&server, true), limit, &before_login);
    }
}

#[test]
fn t07_a_handshake_that_is_not_finished_in_its_time_is_ended() {
    let server = TestServer::with_config("[log]\nlevel = 'debug'\n[limits]\nhandshake_time = '1s'\n");
    let start = Instant::now();
    let mut client = Client::connect(&server, server.direct_tls());
    client.try_send_bytes(b"\x16\x03\x01").expect("sent");
    assert!(client.is_gone() && start.elapsed() < Duration::from_secs(10));
}

#[test]
fn x32_a_closing_tag_that_is_not_answered_is_waited_for_only_so_long() {
    let mut server = TestServer::with_config("[limits]\nclose_time = '1s'\n");
    server.add_account("romeo", "secret");
    let mut client = Client::login(&server, &Login::new("romeo", "secret"));
    let start = Instant::now();
    // The server says goodbye, and the client never does.
    server.signal("TERM");
    assert_eq!(client.expect_stream_error(), "system-shutdown");
    assert!(server.wait().success() && start.elapsed() < Duration::from_secs(8));
}

#[test]
fn d06_a_queue_of_so_many_stanzas_ends_the_session() {
    let mut scene = Scene::with_config("[limits]\nqueue_stanzas = 16\nrate = 'none'\nstanza_rate = 'none'\n");
    let sloth = scene.attacker();
    let message = format!("<message to='{}' type='headline'><body>x</body></message>", sloth.jid);
    let lost = |scene: &Scene| {
        scene
            .server
            .log()
            .contains("resource-constraint: too much is waiting to be read")
    };
    // In one burst they come faster than one connection is written to.
    let start = Instant::now();
    while !lost(&scene) {
        scene.canary.send(&message.repeat(500));
        scene.is_well("a burst to one session");
        assert!(start.elapsed() < Duration::from_secs(20), "{}", scene.server.log());
    }
}

#[test]
fn d04_connections_are_bounded_in_all_and_before_login() {
    for limit in [
        "connections = 8",
        "loopback_exempt = false\nconnections_before_login = 8",
    ] {
        let server = TestServer::with_config(&format!("[limits]\n{limit}\n"));
        let mut clients: Vec<Client> = (0..12).map(|_| Client::connect(&server, server.starttls())).collect();
        let open = clients.iter_mut().filter_map(|client| client.try_open()).count();
        assert_eq!(open, 8, "{limit}");
        assert!(server.log().contains("connection refused"), "{limit}: {}", server.log());
        drop(clients);
        let start = Instant::now();
        while Client::connect(&server, server.starttls()).try_open().is_none() {
            assert!(start.elapsed() < Duration::from_secs(10), "{limit}: no room again");
        }
    }
}

#[test]
fn a12_failures_on_one_stream_and_the_time_they_count_are_settings() {
    let server = TestServer::with_config(
        "[limits]\nloopback_exempt = false\nlogin_failures = 1\nlogin_failures_per_address = 2\n\
         login_failures_time = '2s'\n",
    );
    server.add_account("romeo", "secret");
    let guess = || {
        let wrong = Login::new("romeo", "wrong").mechanism("PLAIN");
        let mut refusal = Client::try_login(&server, &wrong).err().expect("refused");
        assert_eq!(refusal.condition, "not-authorized");
        assert_eq!(refusal.client.expect_stream_error(), "policy-violation");
    };
    guess();
    std::thread::sleep(Duration::from_secs(3));
    guess();
    // The first is forgotten: this is the second, and the address is not refused yet.
    drop(Client::login(&server, &Login::new("romeo", "secret")));
}

/// A login that reads and answers nothing, for a server that is asked for little a second.
#[test]
fn d09_what_is_sent_before_login_is_read_at_its_rate() {
    let server = TestServer::with_config("[limits]\nrate_before_login = '1 KiB'\nrate_burst_before_login = '1 KiB'\n");
    let mut client = Client::secured(&server, true);
    client.features();
    let start = Instant::now();
    // 40 answers of malformed-request would come at once without a rate; ten exchanges end the stream.
    let padding = " ".repeat(700);
    for _ in 0..5 {
        client.send(&format!("{padding}<abort xmlns='{}'/>", ns::SASL));
        let answer = client.receive();
        assert_eq!(answer.name, "failure", "{answer}");
    }
    assert!(start.elapsed() > Duration::from_secs(2), "{:?}", start.elapsed());
}

/// A setting, what is done up to it, what goes beyond, and the stanza error of that.
struct Bound {
    setting: &'static str,
    within: Vec<String>,
    beyond: String,
    condition: &'static str,
}

fn bound(setting: &'static str, within: &[String], beyond: String, condition: &'static str) -> Bound {
    Bound {
        setting,
        within: within.to_vec(),
        beyond,
        condition,
    }
}

fn publish(node: &str, id: &str, size: usize) -> String {
    let text = "x".repeat(size);
    format!(
        "<iq type='set'><pubsub xmlns='{}'><publish node='{node}'><item id='{id}'><a xmlns='urn:example:a'>{text}</a>\
         </item></publish></pubsub></iq>",
        ns::PUBSUB
    )
}

/// Those of an account's nodes.
fn bounds() -> Vec<Bound> {
    vec![
        bound(
            "pep_nodes = 1",
            &[publish("urn:example:one", "1", 1)],
            publish("urn:example:two", "1", 1),
            "resource-constraint",
        ),
        bound(
            "pep_item_size = '1 KiB'",
            &[publish("urn:example:one", "1", 500)],
            publish("urn:example:one", "1", 2_000),
            "not-acceptable",
        ),
        bound(
            "pep_size = '1 KiB'",
            &[publish("urn:example:one", "1", 600)],
            publish("urn:example:two", "1", 600),
            "resource-constraint",
        ),
    ]
}

#[test]
fn p07_what_an_account_keeps_is_bounded_and_the_log_says_when() {
    for Bound {
        setting,
        within,
        beyond,
        condition,
    } in bounds()
    {
        let server = TestServer::with_config(&format!("[limits]\n{setting}\n"));
        server.add_account("romeo", "secret");
        let mut romeo = Client::login(&server, &Login::new("romeo", "secret"));
        within.iter().for_each(|request| drop(romeo.result(request)));
        let before = server.log().len();
        let answer = romeo.iq(&beyond);
        assert_eq!(answer.condition(), Some(condition), "{setting}: {answer}");
        let log = server.log();
        assert!(
            log[before..].contains("romeo@localhost"),
            "{setting}: no line in {}",
            &log[before..]
        );
    }
}

#[test]
fn s14_offline_messages_are_bounded_in_time_too() {
    let server = TestServer::with_config("[limits]\noffline_time = '1s'\n");
    server.add_account("romeo", "secret");
    server.add_account("juliet", "secret");
    let mut romeo = Client::login(&server, &Login::new("romeo", "secret"));
    romeo.send("<message to='juliet@localhost' type='chat'><body>old</body></message>");
    romeo.drain();
    std::thread::sleep(Duration::from_secs(2));
    romeo.send("<message to='juliet@localhost' type='chat'><body>new</body></message>");
    romeo.drain();
    let mut juliet = Client::login(&server, &Login::new("juliet", "secret"));
    juliet.send("<presence/>");
    let bodies: Vec<String> = juliet
        .drain()
        .iter()
        .filter_map(|stanza| stanza.child_text("body"))
        .collect();
    assert_eq!(bodies, ["new"]);
}

#[test]
fn n01_a_silent_client_has_its_time_in_the_log() {
    let server = TestServer::with_config("[limits]\nidle_time = '1s'\nping_time = '1s'\n");
    server.add_account("romeo", "secret");
    let mut romeo = Client::login(&server, &Login::new("romeo", "secret"));
    let start = Instant::now();
    let mut asked = 0;
    while let Some(received) = romeo.read(Duration::from_secs(10)) {
        asked += usize::from(matches!(received, Received::Node(node) if node.child("ping").is_some()));
    }
    assert!(
        asked == 1 && start.elapsed() < Duration::from_secs(9),
        "{asked} in {:?}",
        start.elapsed()
    );
    assert!(server.log().contains("connection-timeout"), "{}", server.log());
}
