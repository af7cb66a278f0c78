//! What the collector's parts share: the latest snapshot, the alerts that hold, a reboot under way.

use crate::monitor::{Alert, Snapshot};
use jid::FullJid;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// A reboot that will run unless it is cancelled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Ordered {
    /// When it runs.
    pub due: Duration,
    /// Who ordered it.
    pub by: FullJid,
}

/// What is shared.
#[derive(Debug, Default)]
pub(super) struct State {
    /// The latest snapshot.
    pub snapshot: Option<Arc<Snapshot>>,
    /// The alerts that hold, worst first.
    pub alerts: Vec<Alert>,
    /// A reboot under way.
    pub reboot: Option<Ordered>,
    /// When a reboot last ran, or was ordered.
    pub rebooted: Option<Duration>,
    /// Whether the statistics are to be reset.
    pub reset: bool,
}

/// The shared board.
#[derive(Debug, Default)]
pub(super) struct Board(Mutex<State>);

impl Board {
    /// Looks at it, or writes on it. Never held over an await; a panic elsewhere leaves it consistent.
    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The latest snapshot.
    pub(super) fn snapshot(&self) -> Option<Arc<Snapshot>> {
        self.lock().snapshot.clone()
    }
}
