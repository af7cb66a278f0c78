//! What the storage thread writes to: sled and its file. A trait, so that tests can let the n-th call fail.

use super::batch::{Ticket, Writes};
use super::directory::Witness;
use super::space::Floor;
use bytes::Bytes;
use std::fs::File;

/// The few calls that the storage thread makes. An error's text is for the operator.
pub(super) trait Medium: Send + 'static {
    /// The value of a key as it is in the tree.
    fn get(&self, key: &[u8]) -> Result<Option<Bytes>, String>;
    /// Applies all writes as one atomic group.
    fn apply(&mut self, writes: &Writes) -> Result<(), String>;
    /// Makes everything applied survive a power cut.
    fn sync(&mut self) -> Result<(), String>;
    /// Notes, where sled's damage does not reach, that everything up to a ticket is durable.
    fn note(&mut self, ticket: Ticket) -> Result<(), String>;
    /// Free bytes beyond the floor; negative below it.
    fn headroom(&mut self) -> i64;
}

/// sled, and a handle of its file.
#[derive(Debug)]
pub(super) struct Sled {
    pub(super) db: sled::Db,
    pub(super) file: File,
    pub(super) witness: Witness,
    pub(super) floor: Floor,
}

impl Medium for Sled {
    fn get(&self, key: &[u8]) -> Result<Option<Bytes>, String> {
        let value = self.db.get(key).map_err(|error| error.to_string())?;
        Ok(value.map(|value| Bytes::copy_from_slice(&value)))
    }

    fn apply(&mut self, writes: &Writes) -> Result<(), String> {
        let mut batch = sled::Batch::default();
        for (key, value) in writes {
            match value {
                Some(value) => batch.insert(key.as_slice(), value.as_ref()),
                None => batch.remove(key.as_slice()),
            }
        }
        self.db.apply_batch(batch).map_err(|error| error.to_string())
    }

    fn sync(&mut self) -> Result<(), String> {
        // `flush` calls sync_file_range alone, which a power cut does not respect; `flush_async` deadlocks.
        self.db.flush().map_err(|error| error.to_string())?;
        self.file.sync_data().map_err(|error| error.to_string())
    }

    fn note(&mut self, ticket: Ticket) -> Result<(), String> {
        self.witness.note(ticket).map_err(|error| error.to_string())
    }

    fn headroom(&mut self) -> i64 {
        self.floor.headroom()
    }
}
