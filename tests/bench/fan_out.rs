//! What one delivered event costs: `cargo bench --bench fan_out`. A publisher, and 1, 10, 100 and 1,000 subscribers with a
//! session each. Of the publish the part that one subscriber costs too is taken off; the rest, divided by the number of
//! the others, is the cost of an event, which must not grow with the subscribers: the ratio stands at the end.

use bytes::Bytes;
use criterion::{BenchmarkId, Criterion, Throughput};
use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};
use watchpost::router::{Options, Rates, Router, Session, Sink};
use watchpost::stanza::Role;
use watchpost::store::{Store, Ticket};
use watchpost::xml::{Frame, Limits};

const SUBSCRIBERS: [usize; 4] = [1, 10, 100, 1_000];
/// Publishes between two reads by the subscribers.
const UNREAD_MAX: u64 = 50;
/// Rounds of so many publishes, of which the best counts: more of them where one is short.
const ROUNDS_MIN: usize = 10;
const ROUNDS_MAX: usize = 200;

struct Hub {
    router: Router,
    store: Store,
    publisher: Arc<Session>,
    subscribers: Vec<Arc<Session>>,
    _dir: tempfile::TempDir,
}

impl Hub {
    fn new(count: usize) -> Hub {
        let dir = tempfile::tempdir().expect("a folder");
        let store = Store::open(&dir.path().join("store"), "mon.example").expect("a store");
        let router = Router::new(
            Options {
                rates: Rates::NONE,
                ..Options::new("mon.example")
            },
            store.clone(),
            watchpost::modules::all(),
        );
        let bind = |name: &str, role: Role| {
            store
                .accounts()
                .add_without_credentials(name, role)
                .expect("an account");
            let account = [name, "@mon.example"].concat().parse().expect("a JID");
            let sink = Arc::new(Sink::new(usize::MAX, usize::MAX));
            router.bind(&account, Some("r"), role, sink).expect("a session")
        };
        let publisher = bind("boss", Role::Admin);
        let subscribers = (0..count)
            .map(|number| bind(&format!("s{number}"), Role::Viewer))
            .collect();
        let hub = Hub {
            publisher,
            subscribers,
            store: store.clone(),
            router: router.clone(),
            _dir: dir,
        };
        hub.send(&hub.publisher, "<create node='n'/>");
        for session in &hub.subscribers {
            let frame = Frame::parse(Bytes::from_static(b"<presence/>"), &Limits::NONE).expect("presence");
            hub.router.route(session, frame).expect("routed");
            hub.send(session, &format!("<subscribe node='n' jid='{}'/>", session.account()));
        }
        hub
    }

    fn send(&self, session: &Arc<Session>, verb: &str) {
        let iq = format!(
            "<iq type='set' id='i' to='pubsub.mon.example'><pubsub xmlns='http://jabber.org/protocol/pubsub'>{verb}\
             </pubsub></iq>"
        );
        let frame = Frame::parse(Bytes::from(iq), &Limits::NONE).expect("a stanza");
        self.router.route(session, frame).expect("routed");
    }

    /// The time of so many publishes. What was sent is read outside of the clock, and the disk has its time.
    fn publish_timed(&self, times: u64) -> Duration {
        let body = "x".repeat(400);
        let publish = format!("<publish node='n'><item id='i'><a xmlns='a'>{body}</a></item></publish>");
        let mut took = Duration::ZERO;
        for published in 1..=times {
            let start = Instant::now();
            self.send(&self.publisher, &publish);
            took += start.elapsed();
            if published % UNREAD_MAX == 0 || published == times {
                self.read();
            }
        }
        took
    }

    fn read(&self) {
        for session in self.subscribers.iter().chain([&self.publisher]) {
            let mut ropes = Vec::new();
            session.sink().drain(Ticket(u64::MAX), usize::MAX, &mut ropes);
            black_box(ropes);
        }
        self.store.wait(self.store.latest()).expect("durable");
    }

    /// One publish, in the best of the rounds.
    fn best(&self) -> Duration {
        let rounds = (10_000 / self.subscribers.len()).clamp(ROUNDS_MIN, ROUNDS_MAX);
        let rounds = (0..rounds).map(|_| self.publish_timed(UNREAD_MAX) / UNREAD_MAX as u32);
        rounds.min().unwrap_or_default()
    }
}

fn main() {
    let mut criterion = Criterion::default()
        .sample_size(20)
        .measurement_time(Duration::from_secs(3))
        .warm_up_time(Duration::from_millis(500))
        .configure_from_args();
    let hubs = SUBSCRIBERS.map(Hub::new);
    let mut group = criterion.benchmark_group("publish");
    for hub in &hubs {
        let count = hub.subscribers.len();
        group.throughput(Throughput::Elements(count as u64));
        group.bench_function(BenchmarkId::from_parameter(count), |bencher| {
            bencher.iter_custom(|times| hub.publish_timed(times));
        });
    }
    group.finish();
    criterion.final_summary();
    let [one, more @ ..] = hubs.each_ref().map(|hub| (hub.subscribers.len(), hub.best()));
    let events = more.map(|(count, publish)| {
        let event = publish.saturating_sub(one.1).as_secs_f64() * 1e9 / (count - one.0) as f64;
        println!("{count:>5} subscribers: {publish:>9.1?} a publish, {event:>6.0} ns an event");
        event
    });
    let least = events.iter().copied().fold(f64::INFINITY, f64::min);
    let most = events.iter().copied().fold(0.0, f64::max);
    println!(
        "with one {:.1?}; the dearest event costs {:.2} times the cheapest",
        one.1,
        most / least
    );
}
