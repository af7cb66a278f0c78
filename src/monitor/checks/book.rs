//! The book of checks: when each is due, what has become of it, which heartbeats have come.

use super::heartbeat::Beat;
use super::{Check, State, UnknownHeartbeat, Verdict, What};
use crate::monitor::{Memory, Reading, Readings};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

/// Who made the readings.
const MAKER: &str = "checks";
/// The key of the heartbeats' record in [`Memory`].
const HEARTBEATS: &str = "heartbeats";
/// The first looks are spread over this time.
const FIRST: Duration = Duration::from_secs(20);
/// A check that has failed, and not often enough to count, is looked at again after this time.
const RETRY: Duration = Duration::from_secs(15);

/// One check and what has become of it.
#[derive(Clone, Debug)]
struct Entry {
    check: Check,
    due: Duration,
    runs: bool,
    rounds: u32,
    /// Failed looks in a row.
    failed: u32,
    /// What is shown: of failed looks only what counts.
    shown: Option<Verdict>,
}

impl Entry {
    fn new(check: Check, now: Duration) -> Entry {
        let spread = FIRST.min(check.interval).mul_f64(chance(&check.name, 0));
        Entry {
            check,
            due: now + spread,
            runs: false,
            rounds: 0,
            failed: 0,
            shown: None,
        }
    }

    fn record(&mut self, verdict: Verdict, now: Duration) {
        self.runs = false;
        self.rounds = self.rounds.wrapping_add(1);
        self.failed = match verdict.state {
            State::Critical => self.failed.saturating_add(1),
            State::Well | State::Warning => 0,
        };
        let counts = self.failed == 0 || self.failed >= self.check.failures;
        // Nine to eleven tenths: checks of one interval drift apart instead of coming all at once.
        let interval = self
            .check
            .interval
            .mul_f64(0.9 + 0.2 * chance(&self.check.name, self.rounds));
        self.due = now + if counts { interval } else { RETRY.min(interval) };
        if counts {
            self.shown = Some(verdict);
        }
    }
}

/// A number from 0 to 1 that depends on name and round alone (FNV-1a).
fn chance(name: &str, round: u32) -> f64 {
    let bytes = name.bytes().chain(round.to_le_bytes());
    let hash = bytes.fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    (hash >> 11) as f64 / (1u64 << 53) as f64
}

/// A check as it is listed.
#[derive(Clone, Debug, PartialEq)]
pub struct Listed {
    /// Its name.
    pub name: String,
    /// What it has found; `None` before the first look.
    pub verdict: Option<Verdict>,
    /// Whether it is a heartbeat.
    pub is_heartbeat: bool,
}

/// What one book leaves to the next, when the settings change.
#[derive(Clone, Debug, Default)]
pub struct Kept(Vec<Entry>);

/// The book. A cheap handle.
#[derive(Clone)]
pub struct Book {
    inner: Arc<Mutex<Inner>>,
    readings: Readings,
    memory: Arc<dyn Memory>,
}

#[derive(Default)]
struct Inner {
    entries: Vec<Entry>,
    beats: BTreeMap<String, Beat>,
}

impl Book {
    /// A book of these checks. Those that stand as they stood in the book before keep what was found; heartbeats are
    /// remembered over restarts.
    pub fn new(
        checks: Vec<Check>,
        before: Kept,
        readings: Readings,
        memory: Arc<dyn Memory>,
        (now, clock): (Duration, SystemTime),
    ) -> Book {
        let mut before = before.0;
        let mut entry = |check: Check| match before.iter().position(|entry| entry.check == check) {
            Some(index) => Entry {
                runs: false,
                ..before.swap_remove(index)
            },
            None => Entry::new(check, now),
        };
        let entries: Vec<Entry> = checks.into_iter().map(&mut entry).collect();
        let known: BTreeMap<String, Beat> = memory
            .load(HEARTBEATS)
            .and_then(|text| serde_json::from_str(&text).ok())
            .unwrap_or_default();
        let heartbeats = entries
            .iter()
            .filter(|entry| matches!(entry.check.what, What::Heartbeat(_)));
        let beats = heartbeats.map(|entry| {
            let name = entry.check.name.clone();
            let beat = known.get(&name).cloned().unwrap_or_else(|| Beat::awaited(clock));
            (name, beat)
        });
        let beats: BTreeMap<String, Beat> = beats.collect();
        let book = Book {
            inner: Arc::new(Mutex::new(Inner { entries, beats })),
            readings,
            memory,
        };
        let inner = book.lock();
        if inner.beats != known {
            book.remember(&inner);
        }
        drop(inner);
        book.publish(clock);
        book
    }

    /// What the next book goes on with.
    pub fn kept(&self) -> Kept {
        Kept(self.lock().entries.clone())
    }

    /// The checks that are due, which count as running from now on.
    pub fn due(&self, now: Duration) -> Vec<Check> {
        let mut inner = self.lock();
        let due = inner
            .entries
            .iter_mut()
            .filter(|entry| entry.is_looked_at() && !entry.runs && entry.due <= now);
        due.map(|entry| {
            entry.runs = true;
            entry.check.clone()
        })
        .collect()
    }

    /// When the next check is due, if any ever is.
    pub fn next_due(&self) -> Option<Duration> {
        let inner = self.lock();
        let waiting = inner.entries.iter().filter(|entry| entry.is_looked_at() && !entry.runs);
        waiting.map(|entry| entry.due).min()
    }

    /// A look has ended.
    pub fn record(&self, name: &str, verdict: Verdict, now: Duration, clock: SystemTime) {
        if let Some(entry) = self.lock().entries.iter_mut().find(|entry| entry.check.name == name) {
            entry.record(verdict, now);
        }
        self.publish(clock);
    }

    /// A heartbeat has come; with a reason, if the job has failed.
    ///
    /// # Errors
    /// There is none of that name.
    pub fn beat(&self, name: &str, failed: Option<&str>, clock: SystemTime) -> Result<(), UnknownHeartbeat> {
        let failed = failed.map(|why| Verdict::down(why).detail);
        let mut inner = self.lock();
        match inner.beats.get_mut(name) {
            Some(beat) => *beat = Beat::came(clock, failed),
            None => return Err(UnknownHeartbeat(name.to_owned())),
        }
        self.remember(&inner);
        drop(inner);
        self.publish(clock);
        Ok(())
    }

    /// All checks, in their order.
    pub fn list(&self, clock: SystemTime) -> Vec<Listed> {
        let inner = self.lock();
        let listed = |entry: &Entry| Listed {
            name: entry.check.name.clone(),
            verdict: inner.verdict(entry, clock),
            is_heartbeat: matches!(entry.check.what, What::Heartbeat(_)),
        };
        inner.entries.iter().map(listed).collect()
    }

    /// Brings the readings up to date: heartbeats grow older by themselves.
    pub fn publish(&self, clock: SystemTime) {
        let inner = self.lock();
        let (mut readings, mut failing, mut days) = (Vec::new(), 0, Vec::new());
        for entry in &inner.entries {
            let Some(verdict) = inner.verdict(entry, clock) else {
                continue;
            };
            failing += usize::from(verdict.state != State::Well);
            let age = inner
                .beats
                .get(&entry.check.name)
                .map(|beat| beat.age(clock).as_secs_f64());
            if let Some(certificate) = &verdict.certificate {
                readings.push(certificate.reading(&entry.check.name, clock));
                days.push(certificate.days_left(clock));
            }
            readings.push(reading(&entry.check.name, &verdict).with_some("age", age));
        }
        if !inner.entries.is_empty() {
            let all = Reading::new("check").with("count", inner.entries.len() as f64);
            readings.push(all.with("failing", failing as f64));
        }
        if let Some(least) = days.into_iter().reduce(f64::min) {
            readings.push(Reading::new("certificate").with("days-left", (least * 10.0).floor() / 10.0));
        }
        self.readings.set(MAKER, readings);
    }

    /// Whoever calls keeps the lock: of two heartbeats at once, what is kept last must be what came last.
    fn remember(&self, inner: &Inner) {
        if let Ok(text) = serde_json::to_string(&inner.beats) {
            self.memory.save(HEARTBEATS, &text);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Entry {
    /// Whether somebody has to go and look.
    fn is_looked_at(&self) -> bool {
        !matches!(self.check.what, What::Heartbeat(_))
    }
}

impl Inner {
    fn verdict(&self, entry: &Entry, clock: SystemTime) -> Option<Verdict> {
        match &entry.check.what {
            What::Heartbeat(expected) => Some(self.beats.get(&entry.check.name)?.judge(expected, clock)),
            _ => entry.shown.clone(),
        }
    }
}

fn reading(name: &str, verdict: &Verdict) -> Reading {
    Reading::new(["check/", name].concat())
        .with("state", verdict.state.number())
        .with_some(
            "time",
            verdict.time.map(|time| (time.as_secs_f64() * 1e4).round() / 10.0),
        )
        .with_some("status", verdict.status.map(f64::from))
        .detailed(verdict.detail.clone())
}

#[cfg(test)]
mod tests {
    use super::super::{Address, Heartbeat};
    use super::*;
    use crate::monitor::memory::tests::Notebook;

    const START: SystemTime = SystemTime::UNIX_EPOCH;

    fn tcp(name: &str, failures: u32) -> Check {
        Check {
            name: name.to_owned(),
            what: What::Tcp(Address {
                host: "mon.example".to_owned(),
                port: 5222,
            }),
            interval: Duration::from_secs(60),
            timeout: Duration::from_secs(10),
            failures,
        }
    }

    fn heartbeat(name: &str) -> Check {
        Check {
            what: What::Heartbeat(Heartbeat {
                every: Duration::from_secs(3_600),
                grace: Duration::from_secs(60),
            }),
            ..tcp(name, 1)
        }
    }

    fn book(checks: Vec<Check>, memory: &Arc<Notebook>) -> (Book, Readings) {
        let readings = Readings::default();
        let now = (Duration::ZERO, START);
        (
            Book::new(checks, Kept::default(), readings.clone(), memory.clone(), now),
            readings,
        )
    }

    fn state(readings: &Readings, node: &str) -> Option<f64> {
        let all = readings.all();
        let found = all.iter().find(|reading| reading.node == node)?;
        found
            .values
            .iter()
            .find(|(name, _)| *name == "state")
            .map(|(_, value)| *value)
    }

    #[test]
    fn checks_begin_apart_and_run_one_at_a_time_each() {
        let names: Vec<String> = (0..40).map(|n| format!("c{n}")).collect();
        let (book, _) = book(names.iter().map(|name| tcp(name, 1)).collect(), &Arc::default());
        let first = book.due(FIRST / 2).len();
        assert!((8..=32).contains(&first), "{first} of 40 in the first half");
        assert_eq!(book.due(FIRST).len(), 40 - first);
        assert_eq!(
            (book.due(FIRST * 9).len(), book.next_due()),
            (0, None),
            "all are running"
        );
        book.record("c7", Verdict::new(State::Well, "ok"), FIRST, START);
        let next = book.next_due().expect("one") - FIRST;
        assert!((54.0..=66.0).contains(&next.as_secs_f64()), "{next:?}");
    }

    #[test]
    fn a_failure_counts_when_it_has_been_seen_often_enough() {
        let (book, readings) = book(vec![tcp("mail", 3)], &Arc::default());
        let look = |verdict: Verdict, at: u64| {
            let at = Duration::from_secs(at);
            assert_eq!(book.due(at).len(), 1);
            book.record("mail", verdict, at, START);
            state(&readings, "check/mail")
        };
        let down = || Verdict::down("refused");
        assert_eq!(look(down(), 20), None, "nothing is known yet");
        assert_eq!(look(Verdict::new(State::Well, "ok"), 40), Some(0.0));
        assert_eq!(look(down(), 120), Some(0.0));
        assert_eq!(look(down(), 135), Some(0.0), "looked at again soon");
        assert_eq!(look(down(), 150), Some(2.0));
        assert_eq!(look(Verdict::new(State::Warning, "slow"), 230), Some(1.0));
    }

    #[test]
    fn heartbeats_are_late_by_themselves_and_survive_a_restart() {
        let memory = Arc::new(Notebook::default());
        let at = |seconds: u64| START + Duration::from_secs(seconds);
        let (first, readings) = book(vec![heartbeat("backup"), tcp("mail", 1)], &memory);
        assert!(
            first
                .due(Duration::from_secs(999))
                .iter()
                .all(|check| check.name == "mail")
        );
        first.publish(at(3_661));
        assert_eq!(state(&readings, "check/backup"), Some(2.0));
        first.beat("backup", None, at(4_000)).expect("known");
        assert_eq!(state(&readings, "check/backup"), Some(0.0));
        let unknown = first.beat("mail", None, at(4_000)).expect_err("no heartbeat");
        assert_eq!(unknown.to_string(), "there is no heartbeat 'mail'");

        let (second, readings) = book(vec![heartbeat("backup")], &memory);
        second.publish(at(7_000));
        assert_eq!(state(&readings, "check/backup"), Some(0.0));
        second.publish(at(7_661));
        assert_eq!(state(&readings, "check/backup"), Some(2.0));
        second.beat("backup", Some("disk full"), at(8_000)).expect("known");
        assert_eq!(
            second.list(at(8_000))[0].verdict.as_ref().map(|verdict| verdict.state),
            Some(State::Critical)
        );
    }

    /// A memory that looks, whenever something is kept, whether a heartbeat could come between.
    #[derive(Default)]
    struct Witness {
        book: std::sync::OnceLock<Book>,
        kept_alone: Mutex<Vec<bool>>,
    }

    impl Memory for Witness {
        fn load(&self, _: &str) -> Option<String> {
            None
        }

        fn save(&self, _: &str, _: &str) {
            if let Some(book) = self.book.get() {
                let is_locked = book.inner.try_lock().is_err();
                self.kept_alone.lock().expect("no panic").push(is_locked);
            }
        }

        fn read(&self, _: &str, _: u64) -> Option<Vec<u8>> {
            None
        }

        fn numbers(&self, _: &str) -> Vec<u64> {
            Vec::new()
        }

        fn write(&self, _: Vec<crate::monitor::Write>) {}
    }

    #[test]
    fn no_heartbeat_comes_between_another_and_its_keeping() {
        let witness = Arc::new(Witness::default());
        let now = (Duration::ZERO, START);
        let checks = vec![heartbeat("backup")];
        let book = Book::new(checks, Kept::default(), Readings::default(), witness.clone(), now);
        assert!(witness.book.set(book.clone()).is_ok());
        book.beat("backup", None, START).expect("known");
        assert_eq!(*witness.kept_alone.lock().expect("no panic"), [true]);
    }

    #[test]
    fn a_check_that_stays_as_it_was_keeps_what_was_found() {
        let (before, _) = book(vec![tcp("mail", 1), tcp("web", 1)], &Arc::default());
        before.due(FIRST);
        for name in ["mail", "web"] {
            before.record(name, Verdict::down("refused"), FIRST, START);
        }
        let readings = Readings::default();
        let changed = vec![tcp("mail", 1), tcp("web", 2)];
        let memory = Arc::new(Notebook::default());
        let after = Book::new(changed, before.kept(), readings.clone(), memory, (FIRST, START));
        assert_eq!(state(&readings, "check/mail"), Some(2.0));
        assert_eq!(state(&readings, "check/web"), None);
        assert_eq!(after.list(START).len(), 2);
    }
}
