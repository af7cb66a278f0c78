//! Counts over all records but those of archives, written with every group of writes: sled may come back with less after damage to its
//! files, and say nothing (security note F07). The manifest notices.

use super::batch::{Ticket, Writes};
use super::key::{ARCHIVES, Key, Table};
use super::medium::Medium;
use super::record;
use bytes::Bytes;
use serde::{Deserialize, Serialize};

/// What must be found at the next start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Manifest {
    /// Records, the manifest and the archives aside.
    pub(super) records: u64,
    /// The sum of all records' fingerprints: independent of order, so it can follow each write.
    sum: u64,
    /// The last batch within.
    pub(super) ticket: Ticket,
    /// No number given out for order (offline messages, published items) is above it.
    pub(super) order: u64,
}

impl Manifest {
    pub(super) fn key() -> Key {
        Key::new(Table::Manifest)
    }

    /// Counts a record in.
    pub(super) fn add(&mut self, key: &[u8], value: &[u8]) {
        self.records = self.records.wrapping_add(1);
        self.sum = self.sum.wrapping_add(fingerprint(key, value));
    }

    fn subtract(&mut self, key: &[u8], value: &[u8]) {
        self.records = self.records.wrapping_sub(1);
        self.sum = self.sum.wrapping_sub(fingerprint(key, value));
    }

    /// Follows a group of writes, and joins it as one more of them.
    pub(super) fn join(&mut self, writes: &mut Writes, medium: &impl Medium) -> Result<(), String> {
        for (key, value) in writes.iter().filter(|(key, _)| key.first() < Some(&ARCHIVES)) {
            if let Some(old) = medium.get(key)? {
                self.subtract(key, &old);
            }
            if let Some(value) = value {
                self.add(key, value);
            }
        }
        writes.insert(Manifest::key().into_bytes(), Some(self.seal()));
        Ok(())
    }

    pub(super) fn seal(&self) -> Bytes {
        record::seal_json(&Manifest::key(), self)
    }

    /// Whether two manifests count the same records.
    pub(super) fn agrees(&self, other: &Manifest) -> bool {
        (self.records, self.sum) == (other.records, other.sum)
    }

    /// Goes on with what another has counted.
    pub(super) fn counting(self, found: &Manifest) -> Manifest {
        Manifest {
            records: found.records,
            sum: found.sum,
            ..self
        }
    }

    /// Reads the stored manifest.
    pub(super) fn read(value: &Bytes) -> Option<Manifest> {
        record::open_json(Manifest::key().as_bytes(), value).ok()
    }
}

fn fingerprint(key: &[u8], value: &[u8]) -> u64 {
    let mut sum = crc32fast::Hasher::new();
    sum.update(key);
    let low = sum.clone().finalize();
    sum.update(value);
    let high = sum.finalize();
    // Odd multiplier: the two halves of different records do not cancel out in a sum.
    (u64::from(high) << 32 | u64::from(low)).wrapping_mul(0x9e37_79b9_7f4a_7c15)
}
