//! Sled behind narrow types: nobody outside this room sees it.
//!
//! One storage thread owns all writing: it collects batches for a few milliseconds, applies them, flushes, calls
//! fdatasync on its own handle of the database file, and only then moves the committed sequence forward (sled's
//! `flush` alone does not survive a power cut, its `flush_async` deadlocks). A write is visible to readers at once,
//! through an overlay of what is still on its way; what may be acknowledged waits for its [`Ticket`].

use std::path::Path;
use std::sync::Arc;
use tokio::sync::watch;

/// The sequence number of a batch handed to the storage thread. Ordered: a later ticket is durable only after all
/// earlier ones.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Ticket(pub u64);

/// A handle on the store. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Store {
    _shared: Arc<()>,
}

/// Why the store cannot be opened or used: a sentence for the operator that says what, where and how to mend it.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct StoreError(pub String);

impl Store {
    /// Opens the store in a directory (created 0700 when absent), for one domain.
    ///
    /// # Errors
    /// Locked by another process, made for another domain, no free space, damaged, unreadable.
    pub fn open(dir: &Path, domain: &str) -> Result<Store, StoreError> {
        let _ = (dir, domain);
        todo!()
    }

    /// Follows the newest durable ticket. The value changes after each commit.
    pub fn committed(&self) -> watch::Receiver<Ticket> {
        todo!()
    }

    /// Waits until a ticket is durable, for callers outside the runtime (command line, tests).
    ///
    /// # Errors
    /// When the store has failed: nothing after the failure is durable.
    pub fn wait(&self, ticket: Ticket) -> Result<(), StoreError> {
        let _ = ticket;
        todo!()
    }
}
