//! A store in a directory of its own, for the tests of this room.

use super::*;
use chrono::{DateTime, TimeDelta, Utc};

/// A directory that goes with the test.
pub(super) struct Scratch {
    dir: tempfile::TempDir,
}

impl Scratch {
    pub(super) fn new() -> Scratch {
        Scratch {
            dir: tempfile::tempdir().unwrap(),
        }
    }

    pub(super) fn path(&self) -> std::path::PathBuf {
        self.dir.path().join("store")
    }

    pub(super) fn open(&self, domain: &str) -> Result<Store, StoreError> {
        let options = Options {
            free_bytes_min: 0,
            ..Options::default()
        };
        Store::open_with(&self.path(), domain, &options)
    }

    pub(super) fn store(&self) -> Store {
        self.open("mon.example").unwrap()
    }
}

/// So many days after some moment.
pub(super) fn days(days: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(1_700_000_000, 0).unwrap() + TimeDelta::days(days)
}
