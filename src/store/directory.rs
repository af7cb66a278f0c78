//! The store's directory: made, locked, tidied, and its modes set.

use super::batch::Ticket;
use super::error::StoreError;
use super::space::{Floor, snapshots};
use std::ffi::OsStr;
use std::fs::{self, DirBuilder, File, OpenOptions, Permissions, TryLockError};
use std::io;
use std::os::unix::fs::{DirBuilderExt, FileExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

/// Present once the store was made completely: an empty tree beside it is damage, not a first start. It holds the last
/// durable ticket: after damage sled may come back whole, but as it was some time ago.
const COMMITTED: &str = "committed";
const LOCK: &str = "lock";

/// A store's directory, ours alone while this lives.
#[derive(Debug)]
pub(super) struct Directory {
    path: PathBuf,
    _lock: File,
}

impl Directory {
    /// Makes the directory when absent, takes its lock, checks the free space, and clears what an interrupted start
    /// left.
    pub(super) fn open(path: &Path, floor: &Floor) -> Result<Directory, StoreError> {
        make(path).map_err(|error| unreadable(path, &error))?;
        let lock = lock(path)?;
        if floor.headroom() < 0 {
            return Err(StoreError::NoSpace(floor.sentence()));
        }
        remove_unfinished(path).map_err(|error| unreadable(path, &error))?;
        Ok(Directory {
            path: path.to_owned(),
            _lock: lock,
        })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// An own handle of sled's file, for `fdatasync`.
    pub(super) fn file(&self) -> io::Result<File> {
        OpenOptions::new().write(true).open(self.path.join("db"))
    }

    /// The last ticket noted as durable (zero when the note is illegible); `None`: the store was never made completely.
    pub(super) fn witnessed(&self) -> io::Result<Option<Ticket>> {
        match fs::read(self.path.join(COMMITTED)) {
            Ok(note) => Ok(Some(Witness::read(&note).unwrap_or_default())),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Opens the note of the last durable ticket, durably made when it was not there.
    pub(super) fn witness(&self, ticket: Ticket) -> io::Result<Witness> {
        let mut options = OpenOptions::new();
        let options = options.create(true).truncate(false).write(true).mode(0o600);
        let file = options.open(self.path.join(COMMITTED))?;
        let witness = Witness { file };
        witness.note(ticket)?;
        Ok(witness)
    }

    /// Sets the modes of the store's files to 0600 and makes their names durable. Other files are not its business.
    pub(super) fn sync(&self) -> io::Result<()> {
        for entry in fs::read_dir(&self.path)? {
            let entry = entry?;
            if !is_stores(&entry.file_name()) {
                continue;
            }
            let mode = if entry.file_type()?.is_dir() { 0o700 } else { 0o600 };
            fs::set_permissions(entry.path(), Permissions::from_mode(mode))?;
            File::open(entry.path())?.sync_all()?;
        }
        File::open(&self.path)?.sync_all()
    }

    /// Moves finished snapshots out of sled's sight: it then rebuilds its index from the log, with all data.
    pub(super) fn set_snapshots_aside(&self) -> io::Result<bool> {
        let snapshots = snapshots(&self.path);
        for path in &snapshots {
            let name = path
                .file_name()
                .unwrap_or_default()
                .to_string_lossy()
                .replace("snap.", "damaged.");
            tracing::warn!("the store's snapshot {} is set aside as {name}", path.display());
            fs::rename(path, self.path.join(name))?;
        }
        self.sync()?;
        Ok(!snapshots.is_empty())
    }
}

/// Moves the files of a store that nobody uses into a new directory beside them, and returns its path.
///
/// # Errors
/// Somebody uses it, or its files cannot be moved.
pub fn set_aside(path: &Path) -> Result<PathBuf, StoreError> {
    let directory = Directory::open(path, &Floor::new(path, 0))?;
    let aside = path.join(format!(
        "damaged-{}",
        chrono::Local::now().format("%Y-%m-%dT%H-%M-%S%.3f")
    ));
    let moved = || {
        DirBuilder::new().mode(0o700).create(&aside)?;
        for entry in fs::read_dir(path)? {
            let name = entry?.file_name();
            if is_stores(&name) && name != LOCK {
                fs::rename(path.join(&name), aside.join(&name))?;
            }
        }
        directory.sync()
    };
    moved().map_err(|error| unreadable(path, &error))?;
    Ok(aside)
}

/// Whether a file of this name is the store's, and not another's in its directory.
fn is_stores(name: &OsStr) -> bool {
    let known = ["db", "conf", "blobs", LOCK, COMMITTED];
    known.iter().any(|known| name == *known) || name.as_encoded_bytes().starts_with(b"snap.")
}

/// The last durable ticket, noted outside sled. It is written after each group is durable and never synced by itself, so
/// it may lag behind after a power cut, and is never ahead.
#[derive(Debug)]
pub(super) struct Witness {
    file: File,
}

impl Witness {
    pub(super) fn note(&self, ticket: Ticket) -> io::Result<()> {
        let number = ticket.0.to_be_bytes();
        let sum = crc32fast::hash(&number).to_be_bytes();
        self.file.write_all_at(&[number.as_slice(), &sum].concat(), 0)
    }

    fn read(note: &[u8]) -> Option<Ticket> {
        let (number, sum) = note.split_first_chunk::<8>()?;
        let legible = crc32fast::hash(number).to_be_bytes() == sum;
        legible.then(|| Ticket(u64::from_be_bytes(*number)))
    }
}

fn make(path: &Path) -> io::Result<()> {
    if !path.exists() {
        DirBuilder::new().recursive(true).mode(0o700).create(path)?;
    }
    fs::set_permissions(path, Permissions::from_mode(0o700))?;
    File::open(path)?.sync_all()?;
    match path.canonicalize()?.parent() {
        Some(parent) => File::open(parent)?.sync_all(),
        None => Ok(()),
    }
}

/// Our own lock, not sled's: nothing may be tidied before it is held.
fn lock(path: &Path) -> Result<File, StoreError> {
    let mut options = OpenOptions::new();
    let file = options.create(true).append(true).mode(0o600).open(path.join(LOCK));
    let file = file.map_err(|error| unreadable(path, &error))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(StoreError::InUse(format!(
            "another watchpost runs on {}: stop it first, or give this one a data directory of its own",
            path.display()
        ))),
        Err(TryLockError::Error(error)) => Err(unreadable(path, &error)),
    }
}

/// A snapshot that sled was writing when it was stopped looks like a damaged one at every later start (sled #1527).
fn remove_unfinished(path: &Path) -> io::Result<()> {
    for snapshot in snapshots(path) {
        if snapshot.to_string_lossy().ends_with(".generating") {
            fs::remove_file(&snapshot)?;
            tracing::warn!("removed {}, left by an interrupted start", snapshot.display());
        }
    }
    Ok(())
}

pub(super) fn unreadable(path: &Path, error: &io::Error) -> StoreError {
    StoreError::Unreadable(format!(
        "the store in {} cannot be used ({error}): check that it is a directory on a writable file system and belongs \
         to the user that runs watchpost",
        path.display()
    ))
}
