//! Sled behind narrow types: nobody outside this room sees it.
//!
//! One storage thread owns all writing: it applies the batches that wait as one group, flushes, calls fdatasync on its
//! own handle of the database file, and only then moves the committed sequence forward (sled's `flush` alone does not
//! survive a power cut, its `flush_async` deadlocks). A write is visible to readers at once, through an overlay of what
//! is still on its way; what may be acknowledged waits for its [`Ticket`].
//!
//! Everything is in one tree, one byte of the key telling the table, so that a [`Batch`] over any tables is one atomic
//! write. Local accounts are keyed by their localpart alone, so that a store can change its domain. Each value carries a
//! checksum; a manifest counts all records but those of archives, a note outside sled names the last commit, and a start
//! reads all that is counted: less data than before is never served in silence.
//!
//! The first I/O error ends all writing until a restart (a sled handle never recovers): [`Store::failure`] tells, and
//! receivers of [`Store::committed`] see it closed.

mod accounts;
mod archive;
mod backup;
mod batch;
mod blocked;
mod caps;
mod committer;
mod directory;
mod error;
#[cfg(any(test, fuzzing))]
pub(crate) mod fuzz;
mod invitations;
mod key;
mod last_activity;
mod limits;
mod manifest;
mod medium;
mod meta;
mod monitor;
mod offline;
mod opening;
mod overlay;
mod password;
mod pep;
mod private;
mod reading;
mod record;
mod renaming;
mod rosters;
mod scram;
mod space;
mod storage;
#[cfg(test)]
mod tests;
mod vcards;

pub use accounts::{Account, Accounts};
pub use archive::{Archive, ArchiveCheck, ArchiveDefault, ArchivePage, ArchivePrefs, ArchiveSpan, Archived, Extent};
pub use backup::{check_backup, restore};
pub use batch::{Batch, Ticket};
pub use blocked::Blocked;
pub use caps::{Caps, CapsHash};
pub use directory::set_aside;
pub use error::StoreError;
pub use invitations::{Invitation, Invitations, Token};
pub use last_activity::{Departure, LastActivity};
pub use limits::Limits;
pub use monitor::Monitor;
pub use offline::{Offline, OfflineMessage};
pub use opening::Options;
pub use password::{Credentials, Policy, prepare_password};
pub use pep::{
    AccessModel, Affiliation, ChildrenPolicy, ITEMS_FULL, ItemHead, NODES_FULL, Node, NodeConfig, NotificationType,
    Owner, Pep, PepItem, PublishModel, Published, SendLast, Show, Subscribed, Subscription, SubscriptionOptions,
    SubscriptionType,
};
pub use private::Private;
pub use renaming::rename_domain;
pub use rosters::Rosters;
pub use scram::{SCRAM_ITERATIONS, ScramHash, ScramKeys};
pub use vcards::Vcards;

use committer::{Job, Progress, QUEUE_BATCHES_MAX, QUEUE_BYTES_MAX};
use directory::Directory;
use overlay::Overlay;
use reading::Quarantine;
use space::Floor;
use std::path::Path;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError, RwLockReadGuard};
use std::thread::JoinHandle;
use std::time::Duration;
use storage::Storage;
use tokio::sync::watch;

/// A handle on the store. Cheap to clone. When the last one goes, what was handed over is made durable first.
#[derive(Clone)]
pub struct Store {
    shared: Arc<Shared>,
}

struct Shared {
    domain: String,
    limits: Limits,
    secret: [u8; 32],
    progress: Arc<Progress>,
    writers: Mutex<Writers>,
    committed: watch::Receiver<Ticket>,
    quarantine: Quarantine,
    floor: Floor,
    thread: Option<JoinHandle<()>>,
    db: sled::Db,
    // Last: the lock goes when sled has gone.
    _directory: Arc<Directory>,
}

/// Held while a batch is built from what was read, and handed over.
struct Writers {
    /// `None` once the store is being closed.
    jobs: Option<SyncSender<Job>>,
    latest: Ticket,
}

impl Store {
    /// Opens the store in a directory (created 0700 when absent), for one domain, with default [`Options`].
    ///
    /// # Errors
    /// Locked by another process, made for another domain, no free space, damaged, unreadable.
    pub fn open(dir: &Path, domain: &str) -> Result<Store, StoreError> {
        Store::open_with(dir, domain, &Options::default())
    }

    /// Opens the store with options. Blocks; needs no runtime.
    ///
    /// # Errors
    /// As [`Store::open`].
    pub fn open_with(dir: &Path, domain: &str, options: &Options) -> Result<Store, StoreError> {
        let floor = Floor::new(dir, options.free_bytes_min);
        let directory = Arc::new(Directory::open(dir, &floor)?);
        let (sender, jobs) = sync_channel(QUEUE_BATCHES_MAX);
        let storage = Storage {
            directory: Arc::clone(&directory),
            domain: domain.to_owned(),
            options: options.clone(),
            floor: floor.clone(),
        };
        let (begun, thread) = storage.start(jobs)?;
        let latest = *begun.committed.borrow();
        Ok(Store {
            shared: Arc::new(Shared {
                domain: domain.to_owned(),
                limits: options.limits,
                secret: begun.secret,
                writers: Mutex::new(Writers {
                    jobs: Some(sender),
                    latest,
                }),
                progress: begun.progress,
                committed: begun.committed,
                quarantine: Quarantine::default(),
                floor,
                thread: Some(thread),
                db: begun.db,
                _directory: directory,
            }),
        })
    }

    /// The domain that the store was made for.
    pub fn domain(&self) -> &str {
        &self.shared.domain
    }

    /// What one account, node or cache may hold.
    pub fn limits(&self) -> &Limits {
        &self.shared.limits
    }

    /// Follows the newest durable ticket. The value changes after each commit; closed when the store has failed.
    pub fn committed(&self) -> watch::Receiver<Ticket> {
        self.shared.committed.clone()
    }

    /// Waits until a ticket is durable, for callers outside the runtime (command line, tests).
    ///
    /// # Errors
    /// When the store has failed: nothing after the failure is durable.
    pub fn wait(&self, ticket: Ticket) -> Result<(), StoreError> {
        self.shared.progress.wait(ticket).map_err(StoreError::Failed)
    }

    /// The ticket of the newest batch handed over: when it is durable, everything written until now is.
    pub fn latest(&self) -> Ticket {
        self.shared
            .writers
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .latest
    }

    /// Why the store has failed, if it has: a reason to end and be restarted.
    pub fn failure(&self) -> Option<String> {
        self.shared.progress.failure()
    }

    /// How long the write that is under way has taken; `None` when there is none. More than 10 s: the disk or sled hangs,
    /// a reason to end and be restarted.
    pub fn busy_for(&self) -> Option<Duration> {
        self.shared.progress.busy_for()
    }

    /// Whether writes are refused for want of free space: a reason for an alert.
    pub fn is_low_on_space(&self) -> bool {
        self.shared.progress.low_space.load(Ordering::Relaxed)
    }

    /// Bytes that the store takes on disk; `None` when that cannot be told.
    pub fn disk_bytes(&self) -> Option<u64> {
        self.shared.db.size_on_disk().ok()
    }

    /// Records found unreadable since the start; each was logged.
    pub fn quarantined(&self) -> usize {
        self.shared.quarantine.len()
    }

    /// Hands a batch over: visible to readers at once, durable when its ticket is. An empty batch yields the ticket of
    /// everything before it. Never blocks on the disk.
    ///
    /// # Errors
    /// [`StoreError::Busy`], [`StoreError::NoSpace`] (both `resource-constraint`) or [`StoreError::Failed`]; then
    /// nothing of it is written.
    pub fn submit(&self, batch: Batch) -> Result<Ticket, StoreError> {
        let mut writers = self.shared.writers.lock().unwrap_or_else(PoisonError::into_inner);
        self.hand_over(&mut writers, batch)
    }

    /// Builds a batch from what it reads while no other batch can come between. `build` must stay within this room.
    fn transact<T>(&self, build: impl FnOnce(&mut Batch) -> Result<T, StoreError>) -> Result<(Ticket, T), StoreError> {
        let mut writers = self.shared.writers.lock().unwrap_or_else(PoisonError::into_inner);
        let mut batch = Batch::new();
        let value = build(&mut batch)?;
        Ok((self.hand_over(&mut writers, batch)?, value))
    }

    /// Reads while no batch can be handed over: all of it as at one moment.
    fn still<T>(&self, read: impl FnOnce() -> T) -> T {
        let _writers = self.shared.writers.lock().unwrap_or_else(PoisonError::into_inner);
        read()
    }

    fn hand_over(&self, writers: &mut Writers, batch: Batch) -> Result<Ticket, StoreError> {
        if batch.is_empty() {
            return Ok(writers.latest);
        }
        self.check_writable()?;
        let ticket = Ticket(writers.latest.0 + 1);
        let progress = &self.shared.progress;
        // Held over both: the thread cannot take the batch out of the overlay before it is in.
        let mut overlay = progress.overlay.write().unwrap_or_else(PoisonError::into_inner);
        let job = Job::new(ticket, batch.writes().clone());
        let bytes = job.bytes;
        let jobs = writers.jobs.as_ref().ok_or(StoreError::Busy)?;
        jobs.try_send(job).map_err(|error| match error {
            TrySendError::Full(_) => StoreError::Busy,
            TrySendError::Disconnected(_) => self.failed(),
        })?;
        progress.pending_bytes.fetch_add(bytes, Ordering::Relaxed);
        overlay.enter(ticket, batch.into_writes());
        writers.latest = ticket;
        Ok(ticket)
    }

    fn check_writable(&self) -> Result<(), StoreError> {
        let progress = &self.shared.progress;
        if progress.failure().is_some() {
            return Err(self.failed());
        }
        if self.is_low_on_space() {
            return Err(StoreError::NoSpace(self.shared.floor.sentence()));
        }
        if progress.pending_bytes.load(Ordering::Relaxed) > QUEUE_BYTES_MAX {
            return Err(StoreError::Busy);
        }
        Ok(())
    }

    fn failed(&self) -> StoreError {
        let why = self
            .failure()
            .unwrap_or_else(|| "the storage thread has ended".to_owned());
        StoreError::Failed(format!(
            "the store has failed ({why}): see the log, mend the cause, restart watchpost"
        ))
    }

    fn overlay(&self) -> RwLockReadGuard<'_, Overlay> {
        self.shared
            .progress
            .overlay
            .read()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// The last number given out for order: what is kept from now on has larger ones.
    pub fn newest_number(&self) -> u64 {
        self.shared.progress.order.load(Ordering::SeqCst)
    }

    /// A number above all given out before, over restarts too.
    fn next_number(&self) -> u64 {
        self.shared.progress.order.fetch_add(1, Ordering::SeqCst) + 1
    }

    /// Accounts and their credentials.
    pub fn accounts(&self) -> Accounts<'_> {
        Accounts::new(self)
    }

    /// Rosters and subscription requests.
    pub fn rosters(&self) -> Rosters<'_> {
        Rosters::new(self)
    }

    /// Block lists.
    pub fn blocked(&self) -> Blocked<'_> {
        Blocked::new(self)
    }

    /// The message archives of accounts.
    pub fn archive(&self) -> Archive<'_> {
        Archive::new(self)
    }

    /// Messages for accounts that are away.
    pub fn offline(&self) -> Offline<'_> {
        Offline::new(self)
    }

    /// Nodes and their items.
    pub fn pep(&self) -> Pep<'_> {
        Pep::new(self)
    }

    /// Private XML.
    pub fn private(&self) -> Private<'_> {
        Private::new(self)
    }

    /// vCards.
    pub fn vcards(&self) -> Vcards<'_> {
        Vcards::new(self)
    }

    /// When accounts were last here.
    pub fn last_activity(&self) -> LastActivity<'_> {
        LastActivity::new(self)
    }

    /// Verified entity capabilities.
    pub fn caps(&self) -> Caps<'_> {
        Caps::new(self)
    }

    /// Invitations to make an account.
    pub fn invitations(&self) -> Invitations<'_> {
        Invitations::new(self)
    }

    /// What collectors remember.
    pub fn monitor(&self) -> Monitor<'_> {
        Monitor::new(self)
    }
}

impl std::fmt::Debug for Store {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Store")
            .field("domain", &self.shared.domain)
            .finish_non_exhaustive()
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        let writers = self.writers.get_mut().unwrap_or_else(PoisonError::into_inner);
        writers.jobs = None;
        if let Some(thread) = self.thread.take() {
            // A panic there was caught and told already.
            let _ = thread.join();
        }
    }
}
