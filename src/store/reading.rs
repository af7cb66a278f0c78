//! Reading: what is on its way first, then the tree.

use super::Store;
use super::committer::panic_text;
use super::key::Key;
use super::overlay::Merged;
use super::record::{self, Fault};
use bytes::Bytes;
use serde::de::DeserializeOwned;
use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Mutex, PoisonError};

/// Records that were reported as unreadable: each is reported once, as long as there are not very many.
#[derive(Debug, Default)]
pub(super) struct Quarantine {
    reported: Mutex<BTreeSet<Vec<u8>>>,
}

const QUARANTINE_MAX: usize = 256;

impl Quarantine {
    fn report(&self, key: &[u8], fault: Fault) {
        let mut reported = self.reported.lock().unwrap_or_else(PoisonError::into_inner);
        if reported.len() < QUARANTINE_MAX && reported.insert(key.to_vec()) {
            tracing::error!(
                "the record {} is unreadable, {fault}: it is treated as absent",
                key.escape_ascii()
            );
        }
    }

    /// How many records were found unreadable, up to a maximum.
    pub(super) fn len(&self) -> usize {
        self.reported.lock().unwrap_or_else(PoisonError::into_inner).len()
    }
}

/// Readers never see half a batch in a point read; a scan that runs while a batch is handed over may see part of it,
/// unless it runs in a transaction.
impl Store {
    /// A payload.
    pub(super) fn get(&self, key: &Key) -> Option<Bytes> {
        let value = self.value(key.as_bytes())?;
        self.readable(key.as_bytes(), record::open(key.as_bytes(), &value))
    }

    /// A structure.
    pub(super) fn get_json<T: DeserializeOwned>(&self, key: &Key) -> Option<T> {
        let value = self.value(key.as_bytes())?;
        self.readable(key.as_bytes(), record::open_json(key.as_bytes(), &value))
    }

    /// Whether there is a record, readable or not.
    pub(super) fn has(&self, key: &Key) -> bool {
        self.value(key.as_bytes()).is_some()
    }

    /// The payloads of all keys that begin with a prefix, in the keys' order.
    pub(super) fn scan(&self, prefix: &Key) -> Vec<(Vec<u8>, Bytes)> {
        let open = |(key, value): (Vec<u8>, Bytes)| {
            let payload = self.readable(&key, record::open(&key, &value))?;
            Some((key, payload))
        };
        self.values(prefix.as_bytes()).into_iter().filter_map(open).collect()
    }

    /// The structures of all keys that begin with a prefix, in the keys' order.
    pub(super) fn scan_json<T: DeserializeOwned>(&self, prefix: &Key) -> Vec<(Vec<u8>, T)> {
        let open = |(key, value): (Vec<u8>, Bytes)| {
            let record = self.readable(&key, record::open_json(&key, &value))?;
            Some((key, record))
        };
        self.values(prefix.as_bytes()).into_iter().filter_map(open).collect()
    }

    /// All keys that begin with a prefix, of unreadable records too.
    pub(super) fn keys(&self, prefix: &Key) -> Vec<Vec<u8>> {
        self.values(prefix.as_bytes()).into_keys().collect()
    }

    /// The next key after one, among those that begin with a prefix; of unreadable records too.
    pub(super) fn key_after(&self, prefix: &Key, key: &Key) -> Option<Vec<u8>> {
        let overlay = |at: &[u8]| self.overlay().after(at);
        let tree = |at: &[u8]| self.tree(|db| db.get_gt(at)).flatten();
        self.neighbour(prefix, key, Ordering::Less, overlay, tree)
    }

    /// The last key before one, among those that begin with a prefix; of unreadable records too.
    pub(super) fn key_before(&self, prefix: &Key, key: &Key) -> Option<Vec<u8>> {
        let overlay = |at: &[u8]| self.overlay().before(at);
        let tree = |at: &[u8]| self.tree(|db| db.get_lt(at)).flatten();
        self.neighbour(prefix, key, Ordering::Greater, overlay, tree)
    }

    /// Walks on, past pending deletions, to the nearer of what is on its way and what the tree holds; of two keys that
    /// one is nearer which compares so with the other.
    fn neighbour(
        &self,
        prefix: &Key,
        key: &Key,
        nearer: Ordering,
        overlay: impl Fn(&[u8]) -> Option<(Vec<u8>, bool)>,
        tree: impl Fn(&[u8]) -> Option<(sled::IVec, sled::IVec)>,
    ) -> Option<Vec<u8>> {
        let mut at = key.as_bytes().to_vec();
        loop {
            // The overlay first: what leaves it meanwhile is in the tree, and what is in both is the same.
            let pending = overlay(&at);
            let stored = tree(&at).map(|(key, _)| key.to_vec());
            let is_farther = |key: &Vec<u8>| stored.as_ref().is_some_and(|stored| stored.cmp(key) == nearer);
            let (next, is_there) = match pending.filter(|(key, _)| !is_farther(key)) {
                Some(pending) => pending,
                None => (stored?, true),
            };
            if !next.starts_with(prefix.as_bytes()) {
                return None;
            }
            if is_there {
                return Some(next);
            }
            at = next;
        }
    }

    fn readable<T>(&self, key: &[u8], record: Result<T, Fault>) -> Option<T> {
        record.map_err(|fault| self.shared.quarantine.report(key, fault)).ok()
    }

    fn value(&self, key: &[u8]) -> Option<Bytes> {
        if let Some(pending) = self.overlay().get(key) {
            return pending;
        }
        let value = self.tree(|db| db.get(key))?;
        value.map(|value| Bytes::copy_from_slice(&value))
    }

    /// Sealed values as they are, in the keys' order.
    pub(super) fn values(&self, prefix: &[u8]) -> BTreeMap<Vec<u8>, Bytes> {
        // The overlay first: what leaves it meanwhile is in the tree, and what is in both is the same.
        let pending = self.overlay().scan(prefix);
        let stored = self.tree(|db| {
            let entry = |(key, value): (sled::IVec, sled::IVec)| (key.to_vec(), Bytes::copy_from_slice(&value));
            db.scan_prefix(prefix)
                .map(|found| found.map(entry))
                .collect::<sled::Result<BTreeMap<_, _>>>()
        });
        let mut merged = stored.unwrap_or_default();
        for (key, value) in pending {
            match value {
                Some(value) => merged.insert(key, value),
                None => merged.remove(&key),
            };
        }
        merged
    }

    /// Hands on all sealed values as they are, in the keys' order. What is in memory at once is what is on its way.
    ///
    /// # Errors
    /// The first of `visit`, which ends it. `None`: the tree could not be read to its end.
    pub(super) fn visit<E>(&self, mut visit: impl FnMut(&[u8], &[u8]) -> Result<(), E>) -> Option<Result<(), E>> {
        // The overlay first: what leaves it meanwhile is in the tree, and what is in both is the same.
        let pending = self.overlay().scan(b"");
        self.tree(|db| {
            let entry = |(key, value): (sled::IVec, sled::IVec)| (key.to_vec(), Bytes::copy_from_slice(&value));
            let mut records = Merged::new(db.iter().map(|found| found.map(entry)), pending);
            while let Some((key, value)) = records.read()? {
                if let Err(error) = visit(&key, &value) {
                    return Ok(Err(error));
                }
            }
            Ok(Ok(()))
        })
    }

    /// Reads the tree. An error, or a panic in sled, is the store's end: from then on nothing is written that could
    /// rest on a record wrongly taken as absent.
    fn tree<T>(&self, read: impl FnOnce(&sled::Db) -> sled::Result<T>) -> Option<T> {
        let outcome = catch_unwind(AssertUnwindSafe(|| read(&self.shared.db)));
        let failure = match outcome {
            Ok(Ok(value)) => return Some(value),
            Ok(Err(error)) => error.to_string(),
            Err(panic) => panic_text(&*panic),
        };
        self.shared.progress.fail(failure);
        None
    }
}
