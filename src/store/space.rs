//! Free space: a disk that fills up while sled writes costs the store, so writes stop before.

use std::fs;
use std::path::{Path, PathBuf};

/// How much must stay free where the store is.
#[derive(Clone, Debug)]
pub(super) struct Floor {
    dir: PathBuf,
    bytes_min: u64,
}

impl Floor {
    pub(super) fn new(dir: &Path, bytes_min: u64) -> Floor {
        Floor {
            dir: dir.to_owned(),
            bytes_min,
        }
    }

    /// The floor: the configured one, or twice the last snapshot, which sled writes anew beside the old one.
    pub(super) fn bytes(&self) -> u64 {
        let snapshot = snapshots(&self.dir).into_iter().filter_map(|path| path.metadata().ok());
        let largest = snapshot.map(|metadata| metadata.len()).max().unwrap_or(0);
        // A floor of zero is the operator's (or a test's) wish for none.
        if self.bytes_min == 0 {
            0
        } else {
            self.bytes_min.max(2 * largest)
        }
    }

    /// Free bytes beyond the floor; negative below it. A file system that does not tell counts as roomy.
    pub(super) fn headroom(&self) -> i64 {
        let Ok(space) = rustix::fs::statvfs(&self.dir) else {
            return i64::MAX;
        };
        let free = space.f_bavail.saturating_mul(space.f_frsize);
        i64::try_from(free).unwrap_or(i64::MAX) - i64::try_from(self.bytes()).unwrap_or(i64::MAX)
    }

    /// What the operator is told below the floor.
    pub(super) fn sentence(&self) -> String {
        format!(
            "less than {} MiB are free in {}: free some space, writing goes on by itself",
            self.bytes().div_ceil(1 << 20),
            self.dir.display()
        )
    }
}

/// The files that sled calls `snap.*`, finished or not.
pub(super) fn snapshots(dir: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(dir).into_iter().flatten().flatten();
    let named = entries.filter(|entry| entry.file_name().as_encoded_bytes().starts_with(b"snap."));
    named.map(|entry| entry.path()).collect()
}
