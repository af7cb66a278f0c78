//! The thread that samples the host.

use super::Place;
use crate::monitor::{Counters, Memory, Processes, Registry, SCAN_INTERVAL, Sampler, Snapshot, boot_id};
use crate::router::Router;
use crate::store::Store;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::thread;
use std::time::{Duration, Instant, SystemTime};
use tokio::sync::{Mutex, watch};

/// Between the first two samples: what is a difference, such as the CPU's usage, needs two.
const FIRST: Duration = Duration::from_millis(250);
/// Resets that wait; more of them are one.
const RESETS_MAX: usize = 4;

/// The running threads; they end when this goes.
pub(super) struct Sampling {
    snapshots: watch::Receiver<Option<Arc<Snapshot>>>,
    resets: SyncSender<()>,
    /// Closed for the scanning thread to end.
    _scanning: SyncSender<()>,
}

impl Sampling {
    /// Starts the thread; `None` when the system has no more.
    pub(super) fn start(place: &Place, memory: Arc<dyn Memory>) -> Option<Sampling> {
        let (publish, snapshots) = watch::channel(None);
        let (resets, orders) = sync_channel(RESETS_MAX);
        let interval = place.options.interval;
        let counters = counters(place.router.clone(), place.store.clone());
        let readings = place.readings.clone();
        begin("sampling", move || {
            let sampler = Sampler::new(counters, readings);
            sample(sampler, memory, interval, &publish, &orders);
        })?;
        let (scanning, ended) = sync_channel(0);
        let processes = place.processes.clone();
        begin("scanning", move || scan(&processes, &ended))?;
        Some(Sampling {
            snapshots,
            resets,
            _scanning: scanning,
        })
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

fn begin(name: &str, work: impl FnOnce() + Send + 'static) -> Option<()> {
    let begun = thread::Builder::new().name(name.to_owned()).spawn(work);
    begun
        .map(drop)
        .inspect_err(|error| tracing::error!(%error, name, "no thread"))
        .ok()
}

/// Looks at the processes now and then, until the other side is closed.
fn scan(processes: &Mutex<Processes>, ended: &Receiver<()>) {
    loop {
        processes.blocking_lock().refresh(SCAN_INTERVAL);
        if let Err(RecvTimeoutError::Disconnected) = ended.recv_timeout(SCAN_INTERVAL) {
            return;
        }
    }
}

/// The hub's own numbers.
fn counters(router: Router, store: Store) -> Counters {
    Box::new(move || {
        let sessions = router.sessions();
        let people = sessions.iter().filter(|session| !session.answers_for_account()).count();
        let waiting = sessions.iter().map(|session| session.sink().waiting());
        let (stanzas, bytes) = waiting.fold((0, 0), |all, one| (all.0 + one.0, all.1 + one.1));
        let mut own = vec![
            ("sessions", people as f64),
            ("accounts", store.accounts().list().len() as f64),
            ("stanzas", router.counts().stanzas() as f64),
            ("queue-stanzas", stanzas as f64),
            ("queue-bytes", bytes as f64),
            ("logins-refused", router.counts().logins_refused() as f64),
        ];
        own.extend(store.disk_bytes().map(|bytes| ("store-size", bytes as f64)));
        own
    })
}

fn sample(
    mut sampler: Sampler,
    memory: Arc<dyn Memory>,
    interval: Duration,
    publish: &watch::Sender<Option<Arc<Snapshot>>>,
    orders: &Receiver<()>,
) {
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
