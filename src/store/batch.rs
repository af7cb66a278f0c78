//! A group of writes that happens as a whole.

use super::key::Key;
use super::record;
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The sequence number of a batch handed to the storage thread. Ordered: a later ticket is durable only after all
/// earlier ones. Numbers go on over restarts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Ticket(pub u64);

/// Writes to any tables that become visible, and durable, all together. The narrow types ([`super::Rosters`], …) put
/// them in; [`super::Store::submit`] hands them over. Later writes to a record replace earlier ones.
#[derive(Clone, Debug, Default)]
pub struct Batch {
    writes: Writes,
}

/// What is to be: the sealed value, or `None` for a record to be deleted.
pub(super) type Writes = BTreeMap<Vec<u8>, Option<Bytes>>;

impl Batch {
    /// Nothing yet.
    pub fn new() -> Batch {
        Batch::default()
    }

    /// Whether nothing is to be written.
    pub fn is_empty(&self) -> bool {
        self.writes.is_empty()
    }

    pub(super) fn put_json(&mut self, key: Key, record: &impl Serialize) {
        let value = record::seal_json(&key, record);
        self.writes.insert(key.into_bytes(), Some(value));
    }

    pub(super) fn put_bytes(&mut self, key: Key, payload: &[u8]) {
        let value = record::seal(&key, payload);
        self.writes.insert(key.into_bytes(), Some(value));
    }

    /// Puts a value that is sealed already.
    pub(super) fn put_sealed(&mut self, key: Vec<u8>, value: Bytes) {
        self.writes.insert(key, Some(value));
    }

    pub(super) fn delete(&mut self, key: Key) {
        self.writes.insert(key.into_bytes(), None);
    }

    pub(super) fn delete_raw(&mut self, key: Vec<u8>) {
        self.writes.insert(key, None);
    }

    pub(super) fn writes(&self) -> &Writes {
        &self.writes
    }

    pub(super) fn into_writes(self) -> Writes {
        self.writes
    }
}
