//! A network that fails (rows N).

use crate::process::{descriptors, until};
use crate::relay::resetting_after;
use crate::support::{Client, Login, TestServer};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

fn sessions(server: &TestServer) -> usize {
    let text = String::from_utf8_lossy(&server.run(&["status"]).stdout).into_owned();
    let line = text.lines().find(|line| line.starts_with("sessions")).expect("a line");
    let count = line.split(|c: char| !c.is_ascii_digit()).find(|word| !word.is_empty());
    count.expect("a count").parse().expect("a number")
}

/// romeo and juliet see each other's presence.
fn contacts(server: &TestServer) -> (Client, Client) {
    let mut romeo = Client::login(server, &Login::new("romeo", "secret").resource("garden"));
    let mut juliet = Client::login(server, &Login::new("juliet", "secret").resource("balcony"));
    for client in [&mut romeo, &mut juliet] {
        client.send("<presence/>");
    }
    for (client, other) in [(&mut romeo, "juliet"), (&mut juliet, "romeo")] {
        client.send(&format!("<presence to='{other}@localhost' type='subscribe'/>"));
        client.send(&format!("<presence to='{other}@localhost' type='subscribed'/>"));
        client.drain();
    }
    for (client, other) in [(&mut romeo, "juliet"), (&mut juliet, "romeo")] {
        client.send(&format!("<presence to='{other}@localhost' type='subscribed'/>"));
        client.drain();
    }
    romeo.drain();
    (romeo, juliet)
}

fn world(settings: &str) -> TestServer {
    let server = TestServer::with_config(settings);
    server.add_account("romeo", "secret");
    server.add_account("juliet", "secret");
    server
}

#[test]
fn n01_a_client_that_falls_silent_is_gone_for_its_contacts_and_misses_nothing() {
    let server = world("[limits]\nidle_time = '1s'\nping_time = '1s'\n");
    let (mut romeo, juliet) = contacts(&server);
    // juliet's cable is pulled: nothing is answered from here on, and nothing closed.
    let start = Instant::now();
    let gone = loop {
        let stanza = romeo.receive();
        // romeo is asked too, and answers.
        if stanza.name == "iq" && stanza.attr("type") == Some("get") {
            let id = stanza.attr("id").unwrap_or_default().to_owned();
            romeo.send(&format!("<iq type='result' to='localhost' id='{id}'/>"));
        } else if stanza.name == "presence" && stanza.attr("from") == Some("juliet@localhost/balcony") {
            break stanza;
        }
        assert!(start.elapsed() < Duration::from_secs(20), "{stanza}");
    };
    assert_eq!(gone.attr("type"), Some("unavailable"), "{gone}");
    romeo.send("<message to='juliet@localhost' type='chat'><body>wherefore</body></message>");
    romeo.close();
    drop(juliet);
    let mut again = Client::login(&server, &Login::new("juliet", "secret"));
    again.send("<presence/>");
    let kept = again.drain();
    assert!(
        kept.iter()
            .any(|stanza| stanza.child_text("body").as_deref() == Some("wherefore")),
        "{kept:?}"
    );
}

#[test]
fn n02_a_reset_at_any_byte_leaves_no_session_and_the_resource_is_free() {
    let server = world("");
    let (before, files) = (sessions(&server), descriptors(server.pid()));
    for bytes in (0..3_000).step_by(61) {
        let address = resetting_after(server.starttls(), bytes);
        // Where it breaks is the relay's choice: the client's complaint about it is no failure.
        let _ = catch_unwind(AssertUnwindSafe(|| {
            let stream = std::net::TcpStream::connect(address).expect("the relay accepts");
            let login = Login::new("romeo", "secret").resource("garden");
            let Ok(mut client) = Client::over(&server, stream).secure().enter(&login) else {
                return;
            };
            client.send("<presence/>");
            for _ in 0..40 {
                client.iq("<iq type='get' to='localhost'><ping xmlns='urn:xmpp:ping'/></iq>");
            }
        }));
    }
    until("no session is left", || sessions(&server) == before);
    until("no socket is left", || descriptors(server.pid()) <= files);
    let again = Client::login(&server, &Login::new("romeo", "secret").resource("garden"));
    assert_eq!(again.jid, "romeo@localhost/garden");
}

#[test]
fn n05_all_come_back_at_once_after_a_restart() {
    let mut server = TestServer::start();
    let names: Vec<String> = (0..5).map(|number| format!("user{number}")).collect();
    names.iter().for_each(|name| server.add_account(name, "secret"));
    server.terminate();
    server.spawn();
    let start = Instant::now();
    std::thread::scope(|scope| {
        for name in names.iter().cycle().take(50) {
            let server = &server;
            scope.spawn(move || {
                let mut client = Client::login(server, &Login::new(name, "secret"));
                client.send("<presence/>");
                client.drain();
            });
        }
    });
    assert!(start.elapsed() < Duration::from_secs(30), "{:?}", start.elapsed());
}

#[test]
fn n06_a_resource_that_comes_again_takes_the_place_of_the_one_that_hangs() {
    let server = world("");
    let (mut romeo, mut old) = contacts(&server);
    let mut new = Client::login(&server, &Login::new("juliet", "secret").resource("balcony"));
    assert_eq!(old.expect_stream_error(), "conflict");
    new.send("<presence><status>anew</status></presence>");
    new.drain();
    let seen: Vec<(Option<String>, Option<String>)> = romeo
        .drain()
        .into_iter()
        .filter(|stanza| stanza.name == "presence")
        .map(|stanza| (stanza.attr("type").map(str::to_owned), stanza.child_text("status")))
        .collect();
    assert_eq!(seen.last(), Some(&(None, Some("anew".to_owned()))), "{seen:?}");
}
