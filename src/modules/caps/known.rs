//! Verified capabilities: what a hash stands for.

use crate::service::caps::Algorithm;
use crate::store::{CapsHash, Store};
use chrono::Utc;
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

/// The features that a session's capabilities stand for, shared by all sessions that present them.
pub type Features = Arc<BTreeSet<String>>;

/// Hashes remembered, in memory and in the store.
const KNOWN_MAX: usize = 1_000;

/// A hash and the function that made it: two functions are never confused.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Key {
    /// The function.
    pub algorithm: Algorithm,
    /// The hash, in base64.
    pub ver: String,
}

/// What hashes stand for, at most [`KNOWN_MAX`]; the one not used for longest goes first.
#[derive(Debug, Default)]
pub struct Known {
    features: HashMap<Key, (Features, u64)>,
    clock: u64,
}

impl Known {
    /// Whether a hash is known.
    pub fn contains(&self, key: &Key) -> bool {
        self.features.contains_key(key)
    }

    /// What a hash stands for.
    pub fn get(&mut self, key: &Key) -> Option<Features> {
        self.clock += 1;
        let (features, used) = self.features.get_mut(key)?;
        *used = self.clock;
        Some(features.clone())
    }

    /// Remembers a verified hash.
    pub fn insert(&mut self, key: Key, features: Features) {
        self.clock += 1;
        self.features.insert(key, (features, self.clock));
        if self.features.len() > KNOWN_MAX
            && let Some(oldest) = self
                .features
                .iter()
                .min_by_key(|(_, (_, used))| *used)
                .map(|(key, _)| key.clone())
        {
            self.features.remove(&oldest);
        }
    }
}

impl Key {
    /// What the store remembers of it.
    pub fn load(&self, store: &Store) -> Option<Features> {
        store.caps().get(&self.stored()).map(Arc::new)
    }

    /// Has the store remember what it stands for. What the store does not take is asked for again after a restart.
    pub fn save(&self, store: &Store, features: &Features) {
        if let Err(error) = store.caps().put(&self.stored(), features.as_ref().clone(), Utc::now()) {
            tracing::debug!(%error, "verified capabilities are not stored");
        }
    }

    fn stored(&self) -> CapsHash {
        CapsHash {
            algorithm: self.algorithm.name().to_owned(),
            ver: self.ver.clone(),
        }
    }
}
