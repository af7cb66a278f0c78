//! Verified entity capabilities (XEP-0115): what a `ver` stands for. Only who verified a hash may put it here.

use super::key::{Key, Table};
use super::{Store, StoreError, Ticket};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// Bytes of all features of one.
const FEATURES_BYTES_MAX: usize = 16 << 10;

/// A hash as presence names it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CapsHash {
    /// The attribute `hash`: `sha-1`, `sha-256`.
    pub algorithm: String,
    /// The attribute `ver`.
    pub ver: String,
}

#[derive(Serialize, Deserialize)]
pub(super) struct Record {
    features: BTreeSet<String>,
    stamp: DateTime<Utc>,
}

/// The cache.
#[derive(Clone, Copy, Debug)]
pub struct Caps<'a> {
    store: &'a Store,
}

impl<'a> Caps<'a> {
    pub(super) fn new(store: &'a Store) -> Caps<'a> {
        Caps { store }
    }

    /// The disco#info features that a hash stands for.
    pub fn get(&self, hash: &CapsHash) -> Option<BTreeSet<String>> {
        self.store.get_json::<Record>(&key(hash)).map(|record| record.features)
    }

    /// Remembers what a hash stands for. Beyond the limit the oldest goes.
    ///
    /// # Errors
    /// [`StoreError::Limit`] for more than 16 KiB of features, or as [`Store::submit`].
    pub fn put(&self, hash: &CapsHash, features: BTreeSet<String>, now: DateTime<Utc>) -> Result<Ticket, StoreError> {
        let bytes: usize = features.iter().map(String::len).sum();
        if bytes + hash.ver.len() + hash.algorithm.len() > FEATURES_BYTES_MAX {
            return Err(StoreError::Limit("entity capabilities may have 16 KiB"));
        }
        let record = Record { features, stamp: now };
        let (ticket, ()) = self.store.transact(|batch| {
            let mut known = self.store.scan_json::<Record>(&Key::new(Table::Caps));
            known.retain(|(known, _)| known != key(hash).as_bytes());
            known.sort_by_key(|(_, record)| record.stamp);
            let excess = (known.len() + 1).saturating_sub(self.store.limits().caps_max.max(1));
            for (oldest, _) in known.into_iter().take(excess) {
                batch.delete_raw(oldest);
            }
            batch.put_json(key(hash), &record);
            Ok(())
        })?;
        Ok(ticket)
    }
}

fn key(hash: &CapsHash) -> Key {
    Key::new(Table::Caps).text(&hash.algorithm).text(&hash.ver)
}

#[cfg(test)]
mod tests {
    use super::super::Limits;
    use super::super::tests::{Scratch, days};
    use super::*;

    fn hash(number: usize) -> CapsHash {
        CapsHash {
            algorithm: "sha-1".to_owned(),
            ver: format!("{number}="),
        }
    }

    #[test]
    fn p03_the_oldest_goes_when_the_cache_is_full() {
        let scratch = Scratch::new();
        let store = scratch.store();
        let features = BTreeSet::from(["codebits+notify".to_owned()]);
        // The first is the youngest by its stamp.
        store.caps().put(&hash(0), features.clone(), days(9)).unwrap();
        let fill = |number| {
            let mut batch = super::super::Batch::new();
            let stamp = days(1) + chrono::TimeDelta::seconds(number as i64);
            let record = Record {
                features: features.clone(),
                stamp,
            };
            batch.put_json(key(&hash(number)), &record);
            store.submit(batch).unwrap();
        };
        (1..Limits::DEFAULT.caps_max).for_each(fill);
        store
            .caps()
            .put(&hash(Limits::DEFAULT.caps_max), features.clone(), days(9))
            .unwrap();
        assert_eq!(store.caps().get(&hash(0)), Some(features.clone()));
        assert_eq!(store.caps().get(&hash(1)), None);
        assert_eq!(store.caps().get(&hash(2)), Some(features.clone()));
        assert_eq!(store.keys(&Key::new(Table::Caps)).len(), Limits::DEFAULT.caps_max);
        let large = BTreeSet::from(["x".repeat(FEATURES_BYTES_MAX)]);
        assert!(store.caps().put(&hash(0), large, days(9)).is_err());
    }
}
