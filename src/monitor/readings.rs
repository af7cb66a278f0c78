//! What is measured at a pace of its own, apart from the sampler: the scan of processes, checks, the states of units.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

/// Values of one node of the catalogue. What the catalogue does not know is dropped.
#[derive(Clone, Debug, PartialEq)]
pub struct Reading {
    /// The node: `process`, `check/website`.
    pub node: String,
    /// Its values, by name.
    pub values: Vec<(&'static str, f64)>,
    /// What they mean, for people.
    pub detail: Option<String>,
}

impl Reading {
    /// A reading without values.
    pub fn new(node: impl Into<String>) -> Reading {
        Reading {
            node: node.into(),
            values: Vec::new(),
            detail: None,
        }
    }

    /// With a value.
    pub fn with(mut self, name: &'static str, value: f64) -> Reading {
        self.values.push((name, value));
        self
    }

    /// With a value, if there is one.
    pub fn with_some(self, name: &'static str, value: Option<f64>) -> Reading {
        match value {
            Some(value) => self.with(name, value),
            None => self,
        }
    }

    /// With a detail.
    pub fn detailed(mut self, detail: impl Into<String>) -> Reading {
        self.detail = Some(detail.into());
        self
    }
}

/// The latest readings, by who made them: each maker replaces its own. A cheap handle.
#[derive(Clone, Debug, Default)]
pub struct Readings(Arc<Mutex<BTreeMap<&'static str, Vec<Reading>>>>);

impl Readings {
    /// Replaces what one maker has read; the next sample takes it along.
    pub fn set(&self, maker: &'static str, readings: Vec<Reading>) {
        self.lock().insert(maker, readings);
    }

    /// All of them.
    pub(super) fn all(&self) -> Vec<Reading> {
        self.lock().values().flatten().cloned().collect()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeMap<&'static str, Vec<Reading>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
