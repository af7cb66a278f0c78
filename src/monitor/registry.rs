//! The registry: samples become snapshots, with extremes, averages and counters since the last reset.

use super::catalogue::Kind;
use super::{Extremes, Memory, Node, Snapshot, Statistic};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

/// The key of the reset's record in [`Memory`].
const RESET: &str = "statistics-reset";

/// Where the counters stood when they were last reset.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Reset {
    /// Seconds since the epoch.
    at: u64,
    /// The boot during which it was: after another, counters began anew by themselves.
    boot_id: Option<String>,
    /// Counters by `NODE#NAME`.
    baseline: BTreeMap<String, f64>,
}

#[derive(Clone, Copy, Debug)]
struct Record {
    min: f64,
    max: f64,
    sum: f64,
    count: u64,
}

impl Record {
    fn new(value: f64) -> Record {
        Record {
            min: value,
            max: value,
            sum: value,
            count: 1,
        }
    }

    fn add(&mut self, value: f64) {
        self.min = self.min.min(value);
        self.max = self.max.max(value);
        self.sum += value;
        self.count += 1;
    }

    fn extremes(&self) -> Extremes {
        Extremes {
            min: self.min,
            max: self.max,
            average: self.sum / self.count as f64,
        }
    }
}

/// The one registry of statistics. It keeps one record for each statistic of the last sample, and no other: what is
/// unplugged is forgotten.
pub struct Registry {
    memory: Arc<dyn Memory>,
    boot_id: Option<String>,
    reset: Option<Reset>,
    records: BTreeMap<String, Record>,
    counters: BTreeMap<String, f64>,
}

impl Registry {
    /// A registry that remembers the last reset.
    pub fn new(memory: Arc<dyn Memory>, boot_id: Option<String>) -> Registry {
        let reset = memory
            .load(RESET)
            .and_then(|text| serde_json::from_str::<Reset>(&text).ok())
            .map(|reset| match reset.boot_id == boot_id {
                true => reset,
                false => Reset {
                    baseline: BTreeMap::new(),
                    ..reset
                },
            });
        Registry {
            memory,
            boot_id,
            reset,
            records: BTreeMap::new(),
            counters: BTreeMap::new(),
        }
    }

    /// Takes a sample and makes the snapshot.
    pub fn record(&mut self, mut nodes: Vec<Node>, taken: SystemTime) -> Snapshot {
        let mut records = BTreeMap::new();
        self.counters.clear();
        for node in &mut nodes {
            for statistic in &mut node.statistics {
                let key = [&node.id, "#", statistic.definition.name].concat();
                match statistic.definition.kind {
                    Kind::Counter => self.count(key, statistic),
                    Kind::Gauge => {
                        let record = self.gauge(&key, statistic);
                        records.insert(key, record);
                    }
                }
            }
        }
        self.records = records;
        Snapshot {
            taken,
            reset: self
                .reset
                .as_ref()
                .map(|reset| SystemTime::UNIX_EPOCH + Duration::from_secs(reset.at)),
            nodes,
        }
    }

    fn gauge(&self, key: &str, statistic: &mut Statistic) -> Record {
        let value = statistic.value();
        let record = match self.records.get(key) {
            Some(record) => {
                let mut record = *record;
                record.add(value);
                record
            }
            None => Record::new(value),
        };
        statistic.extremes = Some(record.extremes());
        record
    }

    /// A counter that stands below its baseline has begun anew (an interface came back): then it counts in full.
    fn count(&mut self, key: String, statistic: &mut Statistic) {
        let raw = statistic.value();
        let baseline = self.reset.as_ref().and_then(|reset| reset.baseline.get(&key));
        if let Some(since) = baseline.map(|baseline| raw - baseline).filter(|since| *since >= 0.0)
            && let Some(counted) = Statistic::new(statistic.definition, since)
        {
            *statistic = counted;
        }
        self.counters.insert(key, raw);
    }

    /// Lets counters, extremes and averages start anew, and remembers it.
    pub fn reset(&mut self, now: SystemTime) {
        let reset = Reset {
            at: now.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs(),
            boot_id: self.boot_id.clone(),
            baseline: self.counters.clone(),
        };
        if let Ok(text) = serde_json::to_string(&reset) {
            self.memory.save(RESET, &text);
        }
        self.reset = Some(reset);
        self.records.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::super::memory::tests::Notebook;
    use super::super::snapshot::tests::snapshot;
    use super::*;

    fn sample(load: f64, received: f64) -> Vec<Node> {
        snapshot(&[("cpu", "1-min", load), ("network/eth0", "received", received)]).nodes
    }

    fn received(snapshot: &Snapshot) -> Option<f64> {
        snapshot.value("network/eth0", "received")
    }

    #[test]
    fn a_reset_starts_counters_extremes_and_averages_anew() {
        let notebook = Arc::new(Notebook::default());
        let mut registry = Registry::new(notebook, None);
        registry.record(sample(1.0, 100.0), SystemTime::UNIX_EPOCH);
        let before = registry.record(sample(3.0, 150.0), SystemTime::UNIX_EPOCH);
        let load = before.statistic("cpu", "1-min").and_then(|load| load.extremes);
        assert_eq!(
            load,
            Some(Extremes {
                min: 1.0,
                max: 3.0,
                average: 2.0
            })
        );
        assert_eq!((received(&before), before.reset), (Some(150.0), None));

        let at = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000);
        registry.reset(at);
        let after = registry.record(sample(2.0, 170.0), at);
        let load = after.statistic("cpu", "1-min").and_then(|load| load.extremes);
        assert_eq!(
            load,
            Some(Extremes {
                min: 2.0,
                max: 2.0,
                average: 2.0
            })
        );
        assert_eq!((received(&after), after.reset), (Some(20.0), Some(at)));
    }

    #[test]
    fn a_reset_survives_a_restart_but_its_baseline_no_reboot() {
        let notebook = Arc::new(Notebook::default());
        let boot = |id: &str| Registry::new(notebook.clone(), Some(id.to_owned()));
        let at = SystemTime::UNIX_EPOCH + Duration::from_secs(7);
        let mut first = boot("a");
        first.record(sample(0.0, 100.0), at);
        first.reset(at);
        let restarted = boot("a").record(sample(0.0, 130.0), at);
        assert_eq!((received(&restarted), restarted.reset), (Some(30.0), Some(at)));
        let rebooted = boot("b").record(sample(0.0, 130.0), at);
        assert_eq!((received(&rebooted), rebooted.reset), (Some(130.0), Some(at)));
    }

    #[test]
    fn m19_a_counter_that_wraps_counts_in_full() {
        let mut registry = Registry::new(Arc::new(Notebook::default()), None);
        registry.record(sample(0.0, 100.0), SystemTime::UNIX_EPOCH);
        registry.reset(SystemTime::UNIX_EPOCH);
        let wrapped = registry.record(sample(0.0, 40.0), SystemTime::UNIX_EPOCH);
        assert_eq!(received(&wrapped), Some(40.0));
    }

    #[test]
    fn what_is_unplugged_is_forgotten() {
        let mut registry = Registry::new(Arc::new(Notebook::default()), None);
        registry.record(sample(9.0, 1.0), SystemTime::UNIX_EPOCH);
        registry.record(Vec::new(), SystemTime::UNIX_EPOCH);
        assert!(registry.records.is_empty() && registry.counters.is_empty());
    }
}
