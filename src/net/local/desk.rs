//! What the collector shares with other faces of the appliance, whatever becomes of its session: readings that come from
//! outside, and what it has found last.

use crate::monitor::checks::{Book, UnknownHeartbeat};
use crate::monitor::{Foreign, Readings, Snapshot};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

/// The desk.
pub struct Desk {
    pub(super) readings: Readings,
    foreign: Foreign,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    snapshot: Option<Arc<Snapshot>>,
    book: Option<Book>,
}

impl Desk {
    /// An empty desk, with room for so many alerts of others.
    pub fn new(foreign_max: usize) -> Desk {
        let readings = Readings::default();
        Desk {
            foreign: Foreign::new(readings.clone(), foreign_max),
            readings,
            state: Mutex::default(),
        }
    }

    /// The latest snapshot.
    pub fn snapshot(&self) -> Option<Arc<Snapshot>> {
        self.lock().snapshot.clone()
    }

    /// Others' alerts.
    pub fn foreign(&self) -> &Foreign {
        &self.foreign
    }

    /// A heartbeat has come; with a reason, if the job has failed.
    ///
    /// # Errors
    /// There is none of that name.
    pub fn beat(&self, name: &str, failed: Option<&str>) -> Result<(), UnknownHeartbeat> {
        let book = self.lock().book.clone();
        let book = book.ok_or_else(|| UnknownHeartbeat(name.to_owned()))?;
        book.beat(name, failed, SystemTime::now())
    }

    pub(super) fn show(&self, snapshot: Arc<Snapshot>) {
        self.lock().snapshot = Some(snapshot);
        self.foreign.tick(SystemTime::now());
    }

    pub(super) fn open(&self, book: Book) {
        self.lock().book = Some(book);
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
