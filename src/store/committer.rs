//! The storage thread: collects batches, writes and syncs them as one group, then tells who waits.

use super::batch::{Ticket, Writes};
use super::manifest::Manifest;
use super::medium::Medium;
use super::overlay::Overlay;
use bytes::Bytes;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::{Duration, Instant};
use tokio::sync::watch;

/// Batches that may wait for the storage thread.
pub(super) const QUEUE_BATCHES_MAX: usize = 1024;
/// Bytes that may be on their way; one batch alone may be larger.
pub(super) const QUEUE_BYTES_MAX: usize = 16 << 20;
/// A group is closed after this time even when more is waiting.
const COLLECT_TIME_MAX: Duration = Duration::from_millis(3);
/// Time between looks at the free space.
const SPACE_INTERVAL: Duration = Duration::from_secs(3);

/// A batch on its way.
#[derive(Debug)]
pub(super) struct Job {
    pub(super) ticket: Ticket,
    pub(super) writes: Writes,
    pub(super) bytes: usize,
}

impl Job {
    pub(super) fn new(ticket: Ticket, writes: Writes) -> Job {
        let bytes = |(key, value): (&Vec<u8>, &Option<Bytes>)| key.len() + value.as_ref().map_or(0, Bytes::len);
        let bytes = writes.iter().map(bytes).sum();
        Job { ticket, writes, bytes }
    }
}

/// What the storage thread and the handles share.
#[derive(Debug)]
pub(super) struct Progress {
    pub(super) overlay: RwLock<Overlay>,
    /// Bytes handed over and not yet durable.
    pub(super) pending_bytes: AtomicUsize,
    /// No number given out for order is above it.
    pub(super) order: AtomicU64,
    /// Less is free than the floor.
    pub(super) low_space: AtomicBool,
    outcome: Mutex<Outcome>,
    moved: Condvar,
}

#[derive(Debug, Default)]
struct Outcome {
    committed: Ticket,
    failure: Option<String>,
    /// When the group being written was begun.
    begun: Option<Instant>,
}

impl Progress {
    pub(super) fn new(start: &Manifest) -> Progress {
        Progress {
            overlay: RwLock::default(),
            pending_bytes: AtomicUsize::new(0),
            order: AtomicU64::new(start.order),
            low_space: AtomicBool::new(false),
            outcome: Mutex::new(Outcome {
                committed: start.ticket,
                failure: None,
                begun: None,
            }),
            moved: Condvar::new(),
        }
    }

    fn outcome(&self) -> MutexGuard<'_, Outcome> {
        self.outcome.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Why the store has failed, if it has.
    pub(super) fn failure(&self) -> Option<String> {
        self.outcome().failure.clone()
    }

    /// The first failure stays.
    pub(super) fn fail(&self, why: String) {
        let mut outcome = self.outcome();
        if outcome.failure.is_none() {
            tracing::error!("the store has failed, nothing more is written: {why}");
            outcome.failure = Some(why);
        }
        self.moved.notify_all();
    }

    fn begin(&self) {
        self.outcome().begun = Some(Instant::now());
    }

    fn commit(&self, ticket: Ticket) {
        let mut outcome = self.outcome();
        outcome.committed = ticket;
        outcome.begun = None;
        self.moved.notify_all();
    }

    /// How long the group being written has taken until now.
    pub(super) fn busy_for(&self) -> Option<Duration> {
        self.outcome().begun.map(|begun| begun.elapsed())
    }

    /// Blocks until a ticket is durable.
    pub(super) fn wait(&self, ticket: Ticket) -> Result<(), String> {
        let mut outcome = self.outcome();
        loop {
            if outcome.committed >= ticket {
                return Ok(());
            }
            if let Some(why) = &outcome.failure {
                return Err(why.clone());
            }
            outcome = self.moved.wait(outcome).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

/// The storage thread's state.
pub(super) struct Committer<M> {
    pub(super) medium: M,
    pub(super) manifest: Manifest,
    pub(super) progress: Arc<Progress>,
    pub(super) committed: watch::Sender<Ticket>,
}

impl<M: Medium> Committer<M> {
    /// Runs until all handles are gone, or the first failure. Dropping `committed` tells those who wait.
    pub(super) fn run(mut self, jobs: &Receiver<Job>) {
        let mut looked = None;
        loop {
            self.look_at_space(&mut looked);
            let job = jobs.recv_timeout(SPACE_INTERVAL);
            // A reader may have come upon it.
            if self.progress.failure().is_some() {
                return;
            }
            match job {
                Ok(job) => {
                    if let Err(why) = self.guarded(collect(job, jobs)) {
                        return self.progress.fail(why);
                    }
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return,
            }
        }
    }

    fn look_at_space(&mut self, looked: &mut Option<Instant>) {
        if looked.is_some_and(|at| at.elapsed() < SPACE_INTERVAL) {
            return;
        }
        *looked = Some(Instant::now());
        let low = self.medium.headroom() < 0;
        if self.progress.low_space.swap(low, Ordering::Relaxed) != low {
            match low {
                true => tracing::error!("too little free space for the store: writes are refused until there is more"),
                false => tracing::info!("there is enough free space for the store again"),
            }
        }
    }

    /// A panic in sled is a failure like any other.
    fn guarded(&mut self, group: Job) -> Result<(), String> {
        catch_unwind(AssertUnwindSafe(|| self.write(group))).unwrap_or_else(|panic| Err(panic_text(&*panic)))
    }

    fn write(&mut self, group: Job) -> Result<(), String> {
        self.progress.begin();
        let Job {
            ticket,
            mut writes,
            bytes,
        } = group;
        self.manifest.ticket = ticket;
        // Read after the group is complete: numbers in it were given out before its batches were handed over.
        self.manifest.order = self.progress.order.load(Ordering::SeqCst);
        self.manifest.join(&mut writes, &self.medium)?;
        self.medium.apply(&writes)?;
        self.medium.sync()?;
        self.medium.note(ticket)?;
        let mut overlay = self.progress.overlay.write().unwrap_or_else(PoisonError::into_inner);
        overlay.leave(ticket, writes.keys());
        drop(overlay);
        self.progress.pending_bytes.fetch_sub(bytes, Ordering::Relaxed);
        self.committed.send_replace(ticket);
        self.progress.commit(ticket);
        Ok(())
    }
}

/// Joins to the first job what waits behind it. It never waits for more: while one group is synced, the next gathers.
fn collect(first: Job, jobs: &Receiver<Job>) -> Job {
    let begun = Instant::now();
    let mut group = first;
    while begun.elapsed() < COLLECT_TIME_MAX {
        let Ok(next) = jobs.try_recv() else { break };
        group.ticket = next.ticket;
        group.bytes += next.bytes;
        group.writes.extend(next.writes);
    }
    group
}

/// The words of a panic.
pub(super) fn panic_text(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    let text = text.or_else(|| panic.downcast_ref::<&str>().copied());
    format!(
        "the storage engine broke down: {}",
        text.unwrap_or("for no reason it could name")
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;
    use std::sync::mpsc::sync_channel;

    /// Fails, or panics, at the n-th call.
    #[derive(Clone, Default)]
    struct Flaky {
        tree: Arc<Mutex<BTreeMap<Vec<u8>, Bytes>>>,
        calls: Arc<Mutex<usize>>,
        fail_at: Option<usize>,
        panic: bool,
    }

    impl Flaky {
        fn call(&self) -> Result<(), String> {
            let mut calls = self.calls.lock().unwrap_or_else(PoisonError::into_inner);
            *calls += 1;
            let fails = self.fail_at == Some(*calls);
            assert!(!(fails && self.panic), "injected");
            if fails { Err("injected".to_owned()) } else { Ok(()) }
        }
    }

    impl Medium for Flaky {
        fn get(&self, key: &[u8]) -> Result<Option<Bytes>, String> {
            self.call()?;
            Ok(self.tree.lock().unwrap().get(key).cloned())
        }

        fn apply(&mut self, writes: &Writes) -> Result<(), String> {
            self.call()?;
            let mut tree = self.tree.lock().unwrap();
            for (key, value) in writes {
                match value {
                    Some(value) => tree.insert(key.clone(), value.clone()),
                    None => tree.remove(key),
                };
            }
            Ok(())
        }

        fn sync(&mut self) -> Result<(), String> {
            self.call()
        }

        fn note(&mut self, _: Ticket) -> Result<(), String> {
            self.call()
        }

        fn headroom(&mut self) -> i64 {
            0
        }
    }

    fn job(ticket: u64, key: &str, value: Option<&'static str>) -> Job {
        let writes = Writes::from([(key.as_bytes().to_vec(), value.map(Bytes::from))]);
        Job::new(Ticket(ticket), writes)
    }

    /// Runs the committer over jobs that are all there, until the handles are gone.
    fn run(medium: &Flaky, jobs: Vec<Job>) -> (Arc<Progress>, watch::Receiver<Ticket>) {
        let (sender, receiver) = sync_channel(jobs.len());
        let start = Manifest::default();
        let progress = Arc::new(Progress::new(&start));
        for job in jobs {
            progress.pending_bytes.fetch_add(job.bytes, Ordering::Relaxed);
            progress.overlay.write().unwrap().enter(job.ticket, job.writes.clone());
            sender.send(job).unwrap();
        }
        drop(sender);
        let (committed, watch) = watch::channel(start.ticket);
        let committer = Committer {
            medium: medium.clone(),
            manifest: start,
            progress: Arc::clone(&progress),
            committed,
        };
        committer.run(&receiver);
        (progress, watch)
    }

    #[test]
    fn batches_apply_in_order_and_leave_the_overlay() {
        let medium = Flaky::default();
        let jobs = vec![
            job(1, "a", Some("1")),
            job(2, "a", Some("2")),
            job(3, "b", Some("3")),
            job(4, "b", None),
        ];
        let (progress, watch) = run(&medium, jobs);
        assert_eq!(*watch.borrow(), Ticket(4));
        assert_eq!(progress.wait(Ticket(4)), Ok(()));
        assert!(progress.overlay.read().unwrap().scan(b"").is_empty());
        assert_eq!(progress.pending_bytes.load(Ordering::Relaxed), 0);
        let tree = medium.tree.lock().unwrap();
        assert_eq!(tree.get(b"a".as_slice()), Some(&Bytes::from("2")));
        assert_eq!(tree.get(b"b".as_slice()), None);
        let manifest = Manifest::read(&tree[Manifest::key().as_bytes()]).unwrap();
        let mut counted = Manifest::default();
        counted.add(b"a", b"2");
        assert!(manifest.agrees(&counted));
        assert_eq!(manifest.ticket, Ticket(4));
    }

    #[test]
    fn whichever_call_fails_nothing_after_it_counts_as_durable() {
        for panic in [false, true] {
            let mut fail_at = 1;
            loop {
                let medium = Flaky {
                    fail_at: Some(fail_at),
                    panic,
                    ..Flaky::default()
                };
                let (progress, mut watch) = run(&medium, vec![job(1, "a", Some("1"))]);
                if *medium.calls.lock().unwrap_or_else(PoisonError::into_inner) < fail_at {
                    break;
                }
                assert_eq!(*watch.borrow_and_update(), Ticket(0));
                assert!(watch.has_changed().is_err(), "closed for those who wait");
                assert!(progress.wait(Ticket(1)).unwrap_err().contains("injected"));
                assert!(progress.failure().is_some());
                // Readers go on seeing what was written.
                assert_eq!(progress.overlay.read().unwrap().get(b"a"), Some(Some(Bytes::from("1"))));
                fail_at += 1;
            }
            assert_eq!(fail_at, 5, "reading the old value, applying, syncing, noting");
        }
    }
}
