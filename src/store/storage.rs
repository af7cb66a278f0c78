//! The storage thread from its beginning: it opens the store under a time limit, then commits.

use super::StoreError;
use super::batch::Ticket;
use super::committer::{Committer, Job, Progress, panic_text};
use super::directory::Directory;
use super::medium::Sled;
use super::opening::{self, Opened, Options, damaged};
use super::space::Floor;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::{self, JoinHandle};
use std::time::Duration;
use tokio::sync::watch;

/// What the storage thread needs to begin.
pub(super) struct Storage {
    pub(super) directory: Arc<Directory>,
    pub(super) domain: String,
    pub(super) options: Options,
    pub(super) floor: Floor,
}

/// What it tells when it has begun.
pub(super) struct Begun {
    pub(super) db: sled::Db,
    pub(super) secret: [u8; 32],
    pub(super) progress: Arc<Progress>,
    pub(super) committed: watch::Receiver<Ticket>,
}

impl Storage {
    /// Starts the thread and waits until the store is open. Damaged files can let sled spin for ever: then the thread
    /// is left behind, and the caller ends the process.
    pub(super) fn start(self, jobs: Receiver<Job>) -> Result<(Begun, JoinHandle<()>), StoreError> {
        let directory = Arc::clone(&self.directory);
        let bytes = directory
            .path()
            .join("db")
            .metadata()
            .map_or(0, |metadata| metadata.len());
        let limit = self.options.open_time_max + Duration::from_secs(bytes >> 23);
        let (sender, opened) = sync_channel(1);
        let thread = thread::Builder::new()
            .name("store".to_owned())
            .spawn(move || self.run(&sender, &jobs))
            .map_err(|error: io::Error| StoreError::Unreadable(format!("no thread for the store: {error}")))?;
        let slow = |_| {
            Err(damaged(
                &directory,
                &format!("it could not be read within {} s", limit.as_secs()),
            ))
        };
        let begun = opened.recv_timeout(limit).unwrap_or_else(slow)?;
        Ok((begun, thread))
    }

    fn run(self, opened: &SyncSender<Result<Begun, StoreError>>, jobs: &Receiver<Job>) {
        match self.open() {
            Ok((begun, committer)) => {
                // An error: nobody waits any more, the limit has passed.
                if opened.send(Ok(begun)).is_ok() {
                    drop(self);
                    committer.run(jobs);
                }
            }
            Err(error) => {
                // The lock first: whoever hears of the refusal may open the store as it should be.
                drop(self);
                let _ = opened.send(Err(error));
            }
        }
    }

    fn open(&self) -> Result<(Begun, Committer<Sled>), StoreError> {
        let open = || opening::open(&self.directory, &self.domain, &self.options, self.floor.clone());
        let opened = catch_unwind(AssertUnwindSafe(open));
        let opened = opened.unwrap_or_else(|panic| Err(damaged(&self.directory, &panic_text(&*panic))));
        let Opened { medium, meta, manifest } = opened?;
        let (sender, committed) = watch::channel(manifest.ticket);
        let progress = Arc::new(Progress::new(&manifest));
        let begun = Begun {
            db: medium.db.clone(),
            secret: meta.secret,
            progress: Arc::clone(&progress),
            committed,
        };
        let committer = Committer {
            medium,
            manifest,
            progress,
            committed: sender,
        };
        Ok((begun, committer))
    }
}
