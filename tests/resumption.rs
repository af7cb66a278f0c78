//! Bounds on sessions that outlive their connections (XEP-0198), each reached through its setting on the built binary.

mod support;

use std::time::{Duration, Instant};
use support::node::Received;
use support::{Client, Login, TestServer};

const SETTINGS: &str = "[limits]
unacknowledged_stanzas = 16
unacknowledged_size = '64 KiB'
detached_sessions = 1
resumption_time = '2s'
";
const SM: &str = "urn:xmpp:sm:3";

/// A client that counts; its session waits for 2 s when it is lost.
fn phone(server: &TestServer) -> Client {
    let mut phone = Client::login(server, &Login::new("romeo", "secret"));
    phone.send("<enable xmlns='urn:xmpp:sm:3' resume='true' max='600'/>");
    let enabled = phone.expect("enabled", |node| node.is("enabled", SM));
    assert_eq!(enabled.attr("max"), Some("2"));
    phone
}

/// Messages that come until nothing comes any more. A request of the client's would be answered behind them.
fn messages(phone: &mut Client) -> usize {
    let mut count = 0;
    while let Some(Received::Node(node)) = phone.read(Duration::from_secs(2)) {
        count += usize::from(node.is("message", "jabber:client"));
    }
    count
}

fn notes(phone: &Client, count: usize, body: &str) -> String {
    format!("<message to='{}'><body>{body}</body></message>", phone.jid).repeat(count)
}

#[test]
fn n01_sessions_that_wait_are_bounded_in_number_and_time() {
    let server = TestServer::with_config(SETTINGS);
    server.add_account("romeo", "secret");
    drop((phone(&server), phone(&server)));
    let start = Instant::now();
    for line in ["limits.detached_sessions reached", "session not resumed"] {
        while !server.log().contains(line) {
            assert!(start.elapsed() < Duration::from_secs(20), "{}", server.log());
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}

#[test]
fn d06_what_is_sent_and_not_acknowledged_is_bounded_by_number_and_by_size() {
    let server = TestServer::with_config(SETTINGS);
    server.add_account("romeo", "secret");
    let mut phone = phone(&server);
    phone.send(&notes(&phone, 20, "x"));
    assert_eq!(messages(&mut phone), 16);
    phone.send("<a xmlns='urn:xmpp:sm:3' h='16'/>");
    assert_eq!(messages(&mut phone), 4);
    phone.send("<a xmlns='urn:xmpp:sm:3' h='20'/>");
    phone.send(&notes(&phone, 4, &"x".repeat(30_000)));
    assert_eq!(messages(&mut phone), 3);
    phone.send("<a xmlns='urn:xmpp:sm:3' h='23'/>");
    assert_eq!(messages(&mut phone), 1);
}
