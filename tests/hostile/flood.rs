//! Too much of everything (rows D, A12, A13): what is held is bounded, and the others do not notice.

use crate::process::{descriptors, processor_ticks, resident, until};
use crate::scene::Scene;
use crate::support::node::Received;
use crate::support::{Client, Login, TestServer, ns};
use rustix::process::{Pid, Resource, Rlimit, getrlimit, prlimit};
use std::net::Ipv4Addr;
use std::time::{Duration, Instant};

const MIB: u64 = 1024;
const SECOND: Duration = Duration::from_secs(1);

fn local(last: u8) -> Ipv4Addr {
    Ipv4Addr::new(127, 0, 0, last)
}

/// A connection that stops at the step of this number: accepted, opened, asked for TLS, half a handshake, inside TLS, a
/// wrong password, a challenge unanswered, authenticated and not bound.
fn half_way(server: &TestServer, step: usize) {
    let mut client = Client::connect(server, server.starttls());
    match step % 8 {
        0 => {}
        1 => drop(client.open()),
        step @ (2 | 3) => {
            client.open();
            client.features();
            client.send(&format!("<starttls xmlns='{}'/>", ns::TLS));
            client.receive();
            if step == 3 {
                client.try_send_bytes(b"\x16\x03\x01\x02\x00\x01\x00").expect("sent");
            }
        }
        4 => drop(client.secure().features()),
        5 => {
            let login = Login::new("nobody", "wrong");
            assert!(client.secure().enter(&login).is_err());
        }
        6 => {
            let mut client = client.secure();
            client.features();
            client.send(&format!(
                "<auth xmlns='{}' mechanism='SCRAM-SHA-1'>biwsbj1ub2JvZHkscj1h</auth>",
                ns::SASL
            ));
            client.receive();
        }
        _ => {
            let mut client = client.secure();
            client.authenticate(&Login::new("canary", "secret")).expect("logged in");
        }
    }
}

#[test]
fn d01_connections_that_never_log_in_leave_nothing_behind() {
    let server = TestServer::start();
    server.add_account("canary", "secret");
    let at_rest = descriptors(server.pid());
    let round = |count: usize| {
        (0..count).for_each(|step| half_way(&server, step));
        until("the connections are gone", || descriptors(server.pid()) <= at_rest);
        resident(server.pid())
    };
    // What is made once is made in the first round.
    let before = round(160);
    let after = round(480);
    assert!(after < before + before / 10 + 2 * MIB, "{before} KiB, then {after} KiB");
}

#[test]
fn d02_x33_nothing_that_is_sent_extends_the_time_for_login() {
    let server = TestServer::with_config("[limits]\nlogin_time = '2s'");
    let abort = format!("<abort xmlns='{}'/>", ns::SASL);
    for drip in [" ", &abort] {
        let start = Instant::now();
        let mut client = Client::secured(&server, true);
        client.features();
        while start.elapsed() < 8 * SECOND && client.try_send(drip).is_ok() {
            if matches!(client.read(SECOND / 4), Some(Received::Footer) | None) && start.elapsed() > 2 * SECOND {
                break;
            }
        }
        assert!(client.is_gone(), "{drip:?}");
        assert!(start.elapsed() < 8 * SECOND, "{drip:?}: {:?}", start.elapsed());
    }
}

#[test]
fn d03_a_stanza_that_drips_ends_the_stream() {
    let server = TestServer::with_config("[limits]\nstanza_time = '1s'");
    server.add_account("attacker", "secret");
    let mut client = Client::login(&server, &Login::new("attacker", "secret"));
    client.send("<message id='");
    let start = Instant::now();
    while start.elapsed() < 8 * SECOND && client.read(SECOND / 4).is_none() {
        if client.try_send("x").is_err() {
            break;
        }
    }
    assert!(client.is_gone() && start.elapsed() < 8 * SECOND);
    assert!(server.log().contains("a stanza took too long"), "{}", server.log());
}

#[test]
fn d04_a_flood_from_one_address_leaves_room_for_others() {
    let server = TestServer::with_config(
        "[log]\nlevel = 'debug'\n[limits]\nloopback_exempt = false\nconnections_before_login_per_address = 5\n\
         connections_per_minute = 30\n",
    );
    server.add_account("canary", "secret");
    let mut flood: Vec<Client> = (0..60).map(|_| Client::connect_from(&server, local(2))).collect();
    let open = flood.iter_mut().filter_map(|client| client.try_open()).count();
    assert_eq!(open, 5, "connections of one address before login");
    let login = Login::new("canary", "secret");
    let canary = Client::connect_from(&server, local(3)).secure().enter(&login);
    assert!(canary.is_ok(), "another address is served");
    drop(flood);
    // One after the other is a flood too.
    let served = (0..60).filter(|_| Client::connect_from(&server, local(4)).try_open().is_some());
    assert!(served.count() < 40, "connections of one address in a minute");
    let log = server.log();
    for refusal in ["UnauthenticatedFromAddress", "ArrivalsFromAddress"] {
        assert!(log.contains(refusal), "no {refusal} in {log}");
    }
}

#[test]
fn d05_without_descriptors_it_waits_and_recovers() {
    let mut scene = Scene::new();
    let pid = scene.server.pid();
    let process = Pid::from_raw(pid.cast_signed());
    let maximum = getrlimit(Resource::Nofile).maximum;
    let limit =
        |current: Option<u64>| prlimit(process, Resource::Nofile, Rlimit { current, maximum }).expect("a limit");
    let old = limit(u64::try_from(descriptors(pid) + 4).ok());
    let flood: Vec<Client> = (0..30)
        .map(|_| Client::connect(&scene.server, scene.server.starttls()))
        .collect();
    until("it says so", || {
        scene.server.log().contains("cannot accept connections")
    });
    let before = processor_ticks(pid);
    std::thread::sleep(2 * SECOND);
    let used = processor_ticks(pid) - before;
    assert!(used < 40, "{used} ticks in two seconds of waiting");
    assert_eq!(scene.server.log().matches("cannot accept connections").count(), 1);
    // Who is in is served meanwhile, and the store writes.
    scene.is_well("no descriptors");
    scene
        .canary
        .result("<iq type='set'><query xmlns='jabber:iq:roster'><item jid='x@example.com'/></query></iq>");
    drop(flood);
    drop(scene.attacker());
    limit(old.current);
    drop(scene.attacker());
}

/// No limits on how fast a client may send, and no archives: what these tests measure is what waits for a peer, not what is kept.
const UNPACED: &str = "[archive]\nenabled = false\n[limits]\nrate = 'none'\nstanza_rate = 'none'\nwrite_time = '3s'\n";

#[test]
fn d06_who_does_not_read_loses_the_session_and_holds_nobody_up() {
    let mut scene = Scene::with_config(UNPACED);
    let mut sloth = scene.attacker();
    sloth.send("<presence/>");
    let before = resident(scene.server.pid());
    let body = "x".repeat(50_000);
    let message = format!(
        "<message to='{}' type='chat'><body>{body}</body></message>",
        sloth.bare()
    );
    let start = Instant::now();
    while !scene.server.log().contains("session lost") {
        scene.canary.send(&message);
        // What is refused once the offline store is full comes back: the canary must not become a sloth itself.
        scene.canary.drain();
        scene.is_well("a client that does not read");
        assert!(start.elapsed() < 30 * SECOND, "{}", scene.server.log());
    }
    let after = resident(scene.server.pid());
    assert!(after < before + 16 * MIB, "{before} KiB, then {after} KiB");
    drop(sloth);
    // What it had not taken is kept for it.
    let mut again = scene.attacker();
    again.send("<presence/>");
    let kept = again.drain();
    assert!(
        kept.iter()
            .any(|stanza| stanza.child_text("body").is_some_and(|text| text == body)),
        "nothing was kept"
    );
}

#[test]
fn d07_who_writes_and_does_not_read_is_read_no_more() {
    let mut scene = Scene::with_config(UNPACED);
    let mut greedy = scene.attacker();
    greedy.set_patience(2 * SECOND);
    let before = resident(scene.server.pid());
    let request = "<iq type='get' id='i' to='localhost'><query xmlns='http://jabber.org/protocol/disco#info'/></iq>";
    let burst = request.repeat(200);
    let sent = (0..2_000).take_while(|_| greedy.try_send(&burst).is_ok()).count();
    assert!(
        sent < 2_000,
        "400000 requests were read, and none of their answers was taken"
    );
    let after = resident(scene.server.pid());
    assert!(after < before + 16 * MIB, "{before} KiB, then {after} KiB");
    scene.is_well("a client that only writes");
}

#[test]
fn d09_x34_hogs_do_not_slow_the_others_down() {
    let mut scene = Scene::new();
    let hogs: Vec<Client> = (0..4).map(|_| scene.attacker()).collect();
    let end = Instant::now() + 4 * SECOND;
    let threads: Vec<_> = hogs
        .into_iter()
        .map(|mut hog| {
            std::thread::spawn(move || {
                hog.set_patience(SECOND);
                let burst = "<message to='attacker@localhost' type='headline'><body>x</body></message>".repeat(500);
                while Instant::now() < end && hog.try_send(&burst).is_ok() {}
            })
        })
        .collect();
    let mut slowest = Duration::ZERO;
    while Instant::now() < end {
        let start = Instant::now();
        scene.is_well("hogs");
        slowest = slowest.max(start.elapsed());
    }
    assert!(slowest < SECOND, "a message took {slowest:?}");
    for thread in threads {
        thread.join().expect("no panic");
    }
}

#[test]
fn a12_an_address_that_guesses_is_refused_and_the_owner_is_not() {
    let server = TestServer::with_config(
        "[limits]\nloopback_exempt = false\nlogin_failures_per_address = 6\nlogin_ban_time = '3s'\n",
    );
    server.add_account("owner", "secret");
    let from = |last: u8| Client::connect_from(&server, local(last));
    for _ in 0..6 {
        let wrong = Login::new("owner", "guess");
        let refusal = from(2).secure().enter(&wrong).err().expect("refused");
        assert_eq!(refusal.condition, "not-authorized");
    }
    let log = server.log();
    assert!(log.contains("too many failed logins"), "{log}");
    assert!(from(2).try_open().is_none(), "the address is refused");
    let right = Login::new("owner", "secret");
    assert!(from(3).secure().enter(&right).is_ok(), "the account is not locked");
    std::thread::sleep(4 * SECOND);
    assert!(from(2).secure().enter(&right).is_ok(), "the refusal ends");
}

#[test]
fn a13_password_hashes_are_few_at_a_time_and_their_queue_is_bounded() {
    let mut scene = Scene::with_config("[limits]\npassword_hashes = 1\npassword_hash_queue = 2\n");
    let before = resident(scene.server.pid());
    let secured: Vec<Client> = (0..24).map(|_| Client::secured(&scene.server, true)).collect();
    let threads: Vec<_> = secured
        .into_iter()
        .map(|client| {
            let login = Login::new("attacker", "wrong").mechanism("PLAIN");
            std::thread::spawn(move || client.enter(&login).err().map(|refusal| refusal.condition))
        })
        .collect();
    scene.is_well("hashing");
    let answers: Vec<Option<String>> = threads
        .into_iter()
        .map(|thread| thread.join().expect("no panic"))
        .collect();
    let count = |condition: &str| {
        answers
            .iter()
            .filter(|answer| answer.as_deref() == Some(condition))
            .count()
    };
    let (wrong, later) = (count("not-authorized"), count("temporary-auth-failure"));
    assert_eq!(wrong + later, 24, "{answers:?}");
    assert!(wrong >= 1 && later >= 1, "{answers:?}");
    let after = resident(scene.server.pid());
    assert!(after < before + 60 * MIB, "{before} KiB, then {after} KiB");
    drop(Client::login(
        &scene.server,
        &Login::new("attacker", "secret").mechanism("PLAIN"),
    ));
}
