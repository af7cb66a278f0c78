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

    fn commit(&self, ticket: Ticket) {
        self.outcome().committed = ticket;
        self.moved.notify_all();
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
            match jobs.recv_timeout(SPACE_INTERVAL) {
                Ok(job) => {
                    if let Err(why) = self.guarded(collect(job, jobs)) {
                        return self.progress.fail(why);
                    }
                }
                Err(RecvTimeoutError::Timeout) if self.progress.failure().is_some() => return,
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
        let mut overlay = self.progress.overlay.write().unwrap_or_else(PoisonError::into_inner);
        overlay.leave(ticket, writes.keys());
        drop(overlay);
        self.progress.pending_bytes.fetch_sub(bytes, Ordering::Relaxed);
        self.progress.commit(ticket);
        self.committed.send_replace(ticket);
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
