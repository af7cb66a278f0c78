//! What the collector's parts share: the latest snapshot, the desk with its alerts, the history, a reboot under way.

use crate::monitor::{Desk, History, Snapshot};
use jid::FullJid;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

/// A reboot that will run unless it is cancelled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Ordered {
    /// When it runs.
    pub due: Duration,
    /// Who ordered it.
    pub by: FullJid,
}

/// What is shared.
pub(super) struct State {
    /// The latest snapshot.
    pub snapshot: Option<Arc<Snapshot>>,
    /// When it was taken, monotonic.
    pub sampled: Duration,
    /// Alerts, mutes, rules, the event log.
    pub desk: Desk,
    /// A reboot under way.
    pub reboot: Option<Ordered>,
    /// When a reboot last ran, or was ordered.
    pub rebooted: Option<Duration>,
    /// Whether the statistics are to be reset.
    pub reset: bool,
}

impl State {
    /// The time of day: the latest snapshot's, and what has passed since. The epoch before the first.
    pub(super) fn wall(&self, now: Duration) -> SystemTime {
        let taken = self.snapshot.as_ref().map(|snapshot| snapshot.taken);
        taken.map_or(SystemTime::UNIX_EPOCH, |taken| taken + now.saturating_sub(self.sampled))
    }
}

/// The shared board.
pub(super) struct Board {
    state: Mutex<State>,
    /// What the statistics were. Reading a month of it takes milliseconds: apart from the rest.
    history: Arc<Mutex<History>>,
}

impl Board {
    /// A board without a snapshot.
    pub(super) fn new(desk: Desk, history: History) -> Board {
        Board {
            state: Mutex::new(State {
                snapshot: None,
                sampled: Duration::ZERO,
                desk,
                reboot: None,
                rebooted: None,
                reset: false,
            }),
            history: Arc::new(Mutex::new(history)),
        }
    }

    /// Looks at it, or writes on it. Never held over an await; a panic elsewhere leaves it consistent.
    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The latest snapshot.
    pub(super) fn snapshot(&self) -> Option<Arc<Snapshot>> {
        self.lock().snapshot.clone()
    }

    /// The history.
    pub(super) fn history(&self) -> Arc<Mutex<History>> {
        self.history.clone()
    }
}
