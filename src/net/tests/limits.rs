//! Times, rates and numbers of connections.

use super::*;

const SHORT: Duration = Duration::from_millis(300);

#[tokio::test]
async fn d02_no_traffic_extends_the_time_for_login() {
    let bench = Bench::start(|options| options.times.login = SHORT);
    let start = Instant::now();
    let mut client = bench.encrypted().await;
    while start.elapsed() < SHORT.mul_f32(0.9) {
        client.send(" ").await;
        tokio::time::sleep(SHORT / 10).await;
    }
    let rest = client.rest().await;
    assert!(
        rest.contains("<connection-timeout ") && rest.ends_with("</stream:stream>"),
        "{rest}"
    );
    assert!(start.elapsed() >= SHORT);
}

#[tokio::test]
async fn t07_a_handshake_that_is_never_finished_is_ended() {
    let bench = Bench::start(|options| options.times.handshake = SHORT);
    let silent = bench.tcp(Security::Direct).await;
    let mut begun = bench.tcp(Security::Direct).await;
    begun.send("\u{16}\u{3}\u{1}").await;
    let mut idle = bench.tcp(Security::StartTls).await;
    idle.send(HEADER).await;
    let (silent, begun, idle) = tokio::join!(silent.rest(), begun.rest(), idle.rest());
    assert!(silent.is_empty() && begun.is_empty());
    assert!(idle.contains("<connection-timeout "), "{idle}");
}

#[tokio::test]
async fn n01_a_silent_client_is_asked_and_then_given_up() {
    let bench = Bench::start(|options| {
        options.times.idle = SHORT;
        options.times.ping = SHORT;
    });
    let mut client = bench.session("juliet", "desk").await;
    for _ in 0..2 {
        let ping = client.expect("</iq>").await;
        assert!(
            ping.contains("<ping xmlns='urn:xmpp:ping'/>") && ping.contains("to='juliet@mon.example/desk'"),
            "{ping}"
        );
        client.send("<iq type='result' id='idle-ping' to='mon.example'/>").await;
    }
    client.expect("</iq>").await;
    assert!(client.rest().await.contains("<connection-timeout "));
    bench.sessions(0).await;
}

#[tokio::test]
async fn d03_a_stanza_must_arrive_in_its_time_but_a_session_may_talk_for_ever() {
    let bench = Bench::start(|options| options.times.stanza = SHORT);
    let mut talks = bench.session("juliet", "talks").await;
    let mut drips = bench.session("juliet", "drips").await;
    drips.send("<message").await;
    let start = Instant::now();
    talks.send("<message to='juliet@mon.example/talks'>").await;
    while start.elapsed() < 2 * SHORT {
        // Every burst ends in the middle of a stanza.
        talks
            .send("<body>on and on</body></message><message to='juliet@mon.example/talks'>")
            .await;
        talks.expect("on and on").await;
        tokio::time::sleep(SHORT / 10).await;
    }
    let rest = drips.rest().await;
    assert!(rest.contains("<policy-violation "), "{rest}");
    talks.send("<body>done</body></message>").await;
    talks.expect("done").await;
}

#[tokio::test]
async fn d09_a_session_beyond_its_rate_is_read_more_slowly_and_loses_nothing() {
    let bench = Bench::start(|options| options.stanza_rate = Rate::per_second(100, 10));
    let mut client = bench.session("juliet", "desk").await;
    let start = Instant::now();
    for n in 0..60 {
        client
            .send(&format!(
                "<message to='juliet@mon.example/desk'><body>{n}.</body></message>"
            ))
            .await;
        client.expect(&format!("<body>{n}.</body>")).await;
    }
    assert!(start.elapsed() >= Duration::from_millis(480), "{:?}", start.elapsed());
}

#[tokio::test]
async fn d06_who_does_not_read_is_dropped_and_holds_nobody_up() {
    let bench = Bench::start(|options| {
        options.rate = Rate::per_second(usize::MAX, usize::MAX);
        options.stanza_rate = options.rate;
        options.times.write = SHORT;
        options.times.close = SHORT;
    });
    let _asleep = bench.session("romeo", "asleep").await;
    let mut juliet = bench.session("juliet", "desk").await;
    let big = format!(
        "<message to='romeo@mon.example/asleep' type='headline'><body>{}</body></message>",
        "x".repeat(60_000)
    );
    for _ in 0..200 {
        juliet.send(&big).await;
    }
    juliet
        .send("<message to='juliet@mon.example/desk'><body>awake</body></message>")
        .await;
    juliet.expect("<body>awake</body>").await;
    bench.sessions(1).await;
}

#[tokio::test]
async fn d04_connections_beyond_the_limits_are_closed_at_once() {
    let bench = Bench::start(|options| {
        options.admission.loopback_exempt = false;
        options.admission.unauthenticated_per_address_max = 2;
    });
    let first = bench.tcp(Security::StartTls).await;
    let _second = bench.tcp(Security::StartTls).await;
    assert_eq!(bench.tcp(Security::StartTls).await.rest().await, "");
    drop(first);
    let retry = async { while !is_served(bench.tcp(Security::StartTls).await).await {} };
    timeout(PATIENCE, retry).await.expect("room again");
}

/// Whether the server answers.
async fn is_served(mut client: Client<TcpStream>) -> bool {
    let sent = client.socket.write_all(HEADER.as_bytes()).await;
    sent.is_ok()
        && client
            .socket
            .read_buf(&mut client.unread)
            .await
            .is_ok_and(|read| read > 0)
}

#[tokio::test]
async fn a12_an_address_that_guesses_is_refused() {
    let bench = Bench::start(|options| {
        options.admission.loopback_exempt = false;
        options.admission.failures_max = 4;
    });
    for _ in 0..2 {
        let mut client = bench.encrypted().await;
        for _ in 0..2 {
            client.send(&plain("juliet", "wrong")).await;
            client.expect("<not-authorized/></failure>").await;
        }
    }
    assert_eq!(bench.tcp(Security::StartTls).await.rest().await, "");
}
