//! Bound sessions over real sockets: order, ends, violations.

use super::*;
use crate::router::{Addressee, Context, Iq, IqRoute};
use crate::stanza::StanzaError;
use crate::xml::Element;

#[tokio::test]
async fn messages_travel_between_sessions_in_order_whatever_their_packets() {
    let bench = Bench::start(|_| {});
    let mut romeo = bench.session("romeo", "garden").await;
    let mut juliet = bench.session("juliet", "balcony").await;
    let burst: String = (0..100)
        .map(|n| format!("<message to='juliet@mon.example/balcony' id='{n}'><body>ü{n}</body></message>"))
        .collect();
    let (first, second) = burst.as_bytes().split_at(4321);
    romeo.socket.write_all(first).await.expect("a connection");
    romeo.socket.flush().await.expect("a connection");
    romeo.socket.write_all(second).await.expect("a connection");
    let received = juliet.expect("<body>ü99</body></message>").await;
    let ids: Vec<usize> = received
        .match_indices("<body>ü")
        .map(|(at, text)| at + text.len())
        .collect();
    assert_eq!(ids.len(), 100);
    let numbers: Vec<u32> = ids
        .iter()
        .map(|&at| {
            received[at..]
                .split('<')
                .next()
                .expect("text")
                .parse()
                .expect("a number")
        })
        .collect();
    assert!(numbers.is_sorted());
    assert!(received.contains("from='romeo@mon.example/garden'"));
    assert!(
        received.contains("xml:lang='de'"),
        "x29: the language of the sender's stream"
    );
}

#[tokio::test]
async fn a_frame_sent_with_the_bind_request_is_not_forgotten() {
    let bench = Bench::start(|_| {});
    let mut client = bench.encrypted().await;
    client.send(&plain("juliet", "secret")).await;
    client
        .expect("<success xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>")
        .await;
    client.send(&format!(
        "{HEADER}<iq type='set' id='b'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'><resource>desk</resource></bind></iq>\
         <message to='juliet@mon.example/desk'><body>to myself</body></message>"
    ))
    .await;
    let received = client.expect("to myself").await;
    assert!(received.contains("<jid>juliet@mon.example/desk</jid>"));
}

#[tokio::test]
async fn x32_n02_every_end_of_a_connection_ends_its_session() {
    let bench = Bench::start(|options| options.times.close = Duration::from_millis(200));
    let mut closes = bench.session("juliet", "closes").await;
    let vanishes = bench.session("juliet", "vanishes").await;
    let mut cut = bench.session("juliet", "cut").await;
    bench.sessions(3).await;
    closes.send("</stream:stream>").await;
    assert_eq!(closes.rest().await, "</stream:stream>");
    drop(vanishes);
    cut.send("<message to='romeo@mon.example'><bo").await;
    // TCP ends without TLS having ended (T10).
    drop(cut.socket.into_inner());
    bench.sessions(0).await;
}

#[tokio::test]
async fn violations_end_the_stream_with_their_condition() {
    let bench = Bench::start(|_| {});
    for (stanza, condition) in [
        (
            "<message from='romeo@mon.example' to='juliet@mon.example'/>",
            "invalid-from",
        ),
        ("<thing/>", "unsupported-stanza-type"),
        (
            "<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>",
            "invalid-namespace",
        ),
        ("<message><!-- --></message>", "restricted-xml"),
        ("<message></presence>", "not-well-formed"),
    ] {
        let mut client = bench.session("juliet", "desk").await;
        client.send(stanza).await;
        let rest = client.rest().await;
        assert!(
            rest.contains(&format!("<stream:error><{condition} ")),
            "{stanza}: {rest}"
        );
        assert!(rest.ends_with("</stream:stream>"), "{stanza}: {rest}");
    }
    bench.sessions(0).await;
}

#[tokio::test]
async fn a_resource_asked_for_again_goes_to_the_newcomer() {
    let bench = Bench::start(|_| {});
    let old = bench.session("juliet", "desk").await;
    let mut new = bench.session("juliet", "desk").await;
    assert!(old.rest().await.contains("<conflict "));
    new.send("<message to='juliet@mon.example/desk'><body>mine</body></message>")
        .await;
    new.expect("<body>mine</body>").await;
    bench.sessions(1).await;
}

#[tokio::test]
async fn o01_shutdown_says_so_to_everyone_and_waits_for_goodbyes() {
    let bench = Bench::start(|options| options.times.close = Duration::from_millis(300));
    let bound = bench.session("juliet", "desk").await;
    let mut half = bench.encrypted().await;
    half.expect("</stream:features>").await;
    let mut silent = bench.tcp(Security::StartTls).await;
    silent.send(HEADER).await;
    silent.expect("</stream:features>").await;
    let not_reading = bench.session("romeo", "asleep").await;
    let address = bench.server.local_addrs()[0].1;
    let start = Instant::now();
    let server = bench.server;
    let (_, bound, half, silent) = tokio::join!(server.shutdown(), bound.rest(), half.rest(), silent.rest());
    assert!(start.elapsed() < Duration::from_secs(5));
    for rest in [bound, half, silent] {
        let system_shutdown =
            "<system-shutdown xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></stream:error></stream:stream>";
        assert!(rest.ends_with(system_shutdown), "{rest}");
    }
    assert!(bench.router.sessions().is_empty());
    assert!(TcpStream::connect(address).await.is_err(), "nobody listens");
    drop(not_reading);
}

/// A module with a mistake.
struct Faulty;

impl Module for Faulty {
    fn iq_routes(&self) -> &'static [IqRoute] {
        &[IqRoute {
            get: true,
            set: false,
            addressee: Addressee::Server,
            ns: "urn:x",
            name: "fault",
        }]
    }

    fn handle_iq(&self, _: &Context<'_>, _: &Iq<'_>) -> Result<Option<Element>, StanzaError> {
        panic!("a mistake")
    }
}

#[tokio::test]
async fn x34_o07_a_panic_ends_one_session_and_tells_it() {
    let bench = Bench::with_modules(vec![Box::new(Faulty)], |_| {});
    let mut other = bench.session("romeo", "garden").await;
    let mut client = bench.session("juliet", "desk").await;
    client
        .send("<iq type='get' id='1' to='mon.example'><fault xmlns='urn:x'/></iq>")
        .await;
    assert!(client.rest().await.contains("<internal-server-error "));
    bench.sessions(1).await;
    other
        .send("<message to='romeo@mon.example/garden'><body>alive</body></message>")
        .await;
    other.expect("<body>alive</body>").await;
    bench.session("juliet", "desk").await;
}
