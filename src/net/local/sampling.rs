//! The thread that samples the host.

use super::Place;
use crate::monitor::{Counters, Memory, Registry, Sampler, Snapshot, boot_id};
use crate::router::Router;
use crate::store::Store;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::thread;
use std::time::{Duration, Instant, SystemTime};
use tokio::sync::watch;

/// Between the first two samples: what is a difference, such as the CPU's usage, needs two.
const FIRST: Duration = Duration::from_millis(250);
/// Resets that wait; more of them are one.
const RESETS_MAX: usize = 4;

/// The running thread; it ends when this goes.
pub(super) struct Sampling {
    snapshots: watch::Receiver<Option<Arc<Snapshot>>>,
    resets: SyncSender<()>,
}

impl Sampling {
    /// Starts the thread; `None` when the system has no more.
    pub(super) fn start(place: &Place, memory: Arc<dyn Memory>) -> Option<Sampling> {
        let (publish, snapshots) = watch::channel(None);
        let (resets, orders) = sync_channel(RESETS_MAX);
        let interval = place.options.interval;
        let counters = counters(place.router.clone(), place.store.clone());
        thread::Builder::new()
            .name("sampling".to_owned())
            .spawn(move || sample(counters, memory, interval, &publish, &orders))
            .inspect_err(|error| tracing::error!(%error, "no thread for sampling"))
            .ok()?;
        Some(Sampling { snapshots, resets })
    }

    /// The next snapshot; `None` when the thread has ended. Cancel-safe.
    pub(super) async fn next(&mut self) -> Option<Arc<Snapshot>> {
        loop {
            self.snapshots.changed().await.ok()?;
            if let Some(snapshot) = self.snapshots.borrow_and_update().clone() {
                return Some(snapshot);
            }
        }
    }

    /// Lets counters, extremes and averages start anew, with the next sample.
    pub(super) fn reset(&self) {
        // A full queue holds resets enough; a thread that has gone is noticed elsewhere.
        let _ = self.resets.try_send(());
    }
}

/// The hub's own numbers.
fn counters(router: Router, store: Store) -> Counters {
    Box::new(move || {
        let sessions = router.sessions();
        let people = sessions.iter().filter(|session| !session.answers_for_account()).count();
        vec![
            ("sessions", people as f64),
            ("accounts", store.accounts().list().len() as f64),
        ]
    })
}

fn sample(
    counters: Counters,
    memory: Arc<dyn Memory>,
    interval: Duration,
    publish: &watch::Sender<Option<Arc<Snapshot>>>,
    orders: &Receiver<()>,
) {
    let mut sampler = Sampler::new(counters);
    let mut registry = Registry::new(memory, boot_id());
    sampler.sample();
    thread::sleep(FIRST);
    loop {
        let next = Instant::now() + interval;
        let snapshot = registry.record(sampler.sample(), SystemTime::now());
        if publish.send(Some(Arc::new(snapshot))).is_err() {
            return;
        }
        loop {
            match orders.recv_timeout(next.saturating_duration_since(Instant::now())) {
                Ok(()) => registry.reset(SystemTime::now()),
                Err(RecvTimeoutError::Timeout) => break,
                Err(RecvTimeoutError::Disconnected) => return,
            }
        }
    }
}
