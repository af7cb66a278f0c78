//! What archives cost: `cargo bench --bench archive`. A message is archived while 100,000 others are there, and pages are
//! read from among them; each beside the same in an archive of 1,000, for the cost must not grow with the archive.

use bytes::Bytes;
use chrono::{DateTime, TimeDelta, Utc};
use criterion::{BenchmarkId, Criterion};
use jid::{BareJid, Jid};
use std::cell::Cell;
use std::hint::black_box;
use std::time::{Duration, Instant};
use tempfile::TempDir;
use watchpost::store::{Extent, Limits, Options, Store};

/// Messages of the archives compared.
const SIZES: [i64; 2] = [1_000, 100_000];
/// Contacts with whom they were exchanged.
const CONTACTS: i64 = 20;
const ACCOUNT: &str = "ada";

const PAGE: Extent = Extent {
    backwards: false,
    messages_max: 50,
    bytes_max: 128 * 1024,
};
const LAST_PAGE: Extent = Extent {
    backwards: true,
    ..PAGE
};

/// A store with an archive of so many messages, one a minute.
struct Archive {
    store: Store,
    size: i64,
    next: Cell<i64>,
    _dir: TempDir,
}

fn time(minute: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(1_700_000_000, 0).expect("in range") + TimeDelta::minutes(minute)
}

fn contact(minute: i64) -> BareJid {
    BareJid::new(&format!("contact{}@mon.example", minute % CONTACTS)).expect("a JID")
}

fn stanza(minute: i64) -> Bytes {
    let with = contact(minute);
    let body = "load 9.1, memory 87 %, disk / 97 % full; acknowledge with 'ack'. ".repeat(4);
    Bytes::from(format!(
        "<message xmlns='jabber:client' type='chat' id='m{minute}' from='{with}/watchpost' to='{ACCOUNT}@mon.example' \
         xml:lang='en'><body>{body}</body></message>"
    ))
}

impl Archive {
    fn new(size: i64) -> Archive {
        let dir = tempfile::tempdir().expect("a directory");
        let options = Options {
            free_bytes_min: 0,
            limits: Limits {
                archive_messages_max: usize::MAX,
                archive_bytes_max: usize::MAX,
                ..Limits::DEFAULT
            },
            ..Options::default()
        };
        let store = Store::open_with(&dir.path().join("store"), "mon.example", &options).expect("a store");
        let archive = Archive {
            store,
            size,
            next: Cell::new(0),
            _dir: dir,
        };
        let start = Instant::now();
        (0..size).for_each(|_| archive.append());
        archive.store.wait(archive.store.latest()).expect("durable");
        println!("{size} messages archived and durable in {:?}", start.elapsed());
        archive
    }

    /// Archives one more; when the disk is behind, waits for it, as no session has to.
    fn append(&self) {
        let minute = self.next.replace(self.next.get() + 1);
        let (with, stanza) = (contact(minute), stanza(minute));
        while self
            .store
            .archive()
            .append(ACCOUNT, &with, &stanza, time(minute))
            .is_err()
        {
            self.store.wait(self.store.latest()).expect("durable");
        }
    }

    /// The time of one append alone, the disk aside.
    fn append_timed(&self) -> Duration {
        let minute = self.next.replace(self.next.get() + 1);
        let (with, stanza) = (contact(minute), stanza(minute));
        loop {
            let start = Instant::now();
            let appended = self.store.archive().append(ACCOUNT, &with, &stanza, time(minute));
            let took = start.elapsed();
            if appended.is_ok() {
                return took;
            }
            self.store.wait(self.store.latest()).expect("durable");
        }
    }
}

/// A way to read a page.
type Read = fn(&Archive) -> usize;

const READS: [(&str, Read); 5] = [
    ("last page", |archive| {
        let reader = archive.store.archive();
        let span = reader.span(ACCOUNT, None, None);
        reader.page(ACCOUNT, &span, None, LAST_PAGE).messages.len()
    }),
    ("page from a time on", |archive| {
        let reader = archive.store.archive();
        let span = reader.span(ACCOUNT, Some(time(archive.size / 2)), None);
        reader.page(ACCOUNT, &span, None, PAGE).messages.len()
    }),
    ("last page with a contact", |archive| {
        let reader = archive.store.archive();
        let span = reader.span(ACCOUNT, None, None);
        let with = Jid::from(contact(7));
        reader.page(ACCOUNT, &span, Some(&with), LAST_PAGE).messages.len()
    }),
    ("page with a contact from a time on", |archive| {
        let reader = archive.store.archive();
        let span = reader.span(ACCOUNT, Some(time(0)), Some(time(archive.size)));
        let with = Jid::from(contact(7));
        reader.page(ACCOUNT, &span, Some(&with), PAGE).messages.len()
    }),
    ("message by its id", |archive| {
        let reader = archive.store.archive();
        let middle = archive.size.unsigned_abs() / 2;
        let id = reader.get(ACCOUNT, middle).map(|message| message.id);
        let found = id.and_then(|id| reader.find(ACCOUNT, &id));
        usize::from(found == Some(middle))
    }),
];

fn main() {
    let mut criterion = Criterion::default()
        .sample_size(20)
        .measurement_time(Duration::from_secs(2))
        .warm_up_time(Duration::from_millis(500))
        .configure_from_args();
    let archives = SIZES.map(Archive::new);
    for (name, read) in READS {
        let mut group = criterion.benchmark_group(name);
        for archive in &archives {
            assert!(read(archive) > 0, "{name} finds nothing among {}", archive.size);
            group.bench_function(BenchmarkId::from_parameter(archive.size), |bencher| {
                bencher.iter(|| read(black_box(archive)));
            });
        }
        group.finish();
    }
    let mut group = criterion.benchmark_group("append");
    for archive in &archives {
        group.bench_function(BenchmarkId::from_parameter(archive.size), |bencher| {
            bencher.iter_custom(|times| (0..times).map(|_| archive.append_timed()).sum());
        });
    }
    group.finish();
    criterion.final_summary();
    for (name, read) in READS {
        let [small, large] = archives.each_ref().map(|archive| {
            median(|| {
                black_box(read(archive));
            })
        });
        println!(
            "{name:<36} {large:>9.1?}   {:.2} times what it costs in the small one",
            ratio(large, small)
        );
    }
}

/// The median of 200 runs.
fn median(run: impl Fn()) -> Duration {
    let mut times: Vec<Duration> = (0..200)
        .map(|_| {
            let start = Instant::now();
            run();
            start.elapsed()
        })
        .collect();
    times.sort_unstable();
    times[times.len() / 2]
}

fn ratio(one: Duration, other: Duration) -> f64 {
    one.as_secs_f64() / other.as_secs_f64()
}
