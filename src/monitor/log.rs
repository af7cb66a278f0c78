//! The event log: what happened, when, and who did it.

use super::memory::{Memory, Write};
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::SystemTime;

/// The series in [`Memory`].
const SERIES: &str = "events";
/// Bytes of one entry's text.
const TEXT_BYTES_MAX: usize = 1_024;

/// What an entry is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Topic {
    /// An alert was raised, changed or ended.
    Alert,
    /// Somebody took an alert over.
    Acknowledgement,
    /// A mute or a maintenance began or ended.
    Mute,
    /// Somebody ran a command.
    Command,
    /// Somebody changed a rule.
    Rule,
    /// The host rebooted, or the collector started.
    Host,
}

impl Topic {
    /// Its name.
    pub fn as_str(self) -> &'static str {
        match self {
            Topic::Alert => "alert",
            Topic::Acknowledgement => "acknowledgement",
            Topic::Mute => "mute",
            Topic::Command => "command",
            Topic::Rule => "rule",
            Topic::Host => "host",
        }
    }
}

/// One thing that happened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// When.
    pub at: SystemTime,
    /// What it is about.
    pub topic: Topic,
    /// The account that did it; empty when nobody did.
    pub who: String,
    /// What happened.
    pub text: String,
}

/// The log: append-only, durable, bounded; the oldest entry goes first.
pub struct Log {
    memory: Arc<dyn Memory>,
    numbers: VecDeque<u64>,
    entries_max: usize,
}

impl Log {
    /// The log of earlier processes, continued.
    pub fn new(memory: Arc<dyn Memory>, entries_max: usize) -> Log {
        let numbers = memory.numbers(SERIES).into();
        Log {
            memory,
            numbers,
            entries_max: entries_max.max(1),
        }
    }

    /// One more entry.
    pub fn add(&mut self, mut entry: Entry) {
        while entry.text.len() > TEXT_BYTES_MAX {
            entry.text.pop();
        }
        let number = self.numbers.back().map_or(1, |last| last + 1);
        let record = serde_json::to_vec(&entry).ok();
        let put = |number, record| Write {
            series: SERIES,
            number,
            record,
        };
        let mut writes = vec![put(number, record)];
        self.numbers.push_back(number);
        while self.numbers.len() > self.entries_max {
            if self.numbers.len() == self.entries_max + 1 && number.is_multiple_of(1_000) {
                tracing::info!(
                    limit = self.entries_max,
                    "the event log is full, its oldest entries go: limits.events"
                );
            }
            writes.extend(self.numbers.pop_front().map(|oldest| put(oldest, None)));
        }
        self.memory.write(writes);
    }

    /// What happened in a span of time, the oldest first; when there is more than `max`, the newest of it.
    pub fn between(&self, from: SystemTime, to: SystemTime, max: usize) -> Vec<Entry> {
        let read = |number: &u64| {
            let record = self.memory.read(SERIES, *number)?;
            serde_json::from_slice::<Entry>(&record).ok()
        };
        let newest = self.numbers.iter().rev().filter_map(read);
        let mut found: Vec<Entry> = newest
            .filter(|entry| from <= entry.at && entry.at < to)
            .take(max)
            .collect();
        found.reverse();
        found
    }
}

#[cfg(test)]
mod tests {
    use super::super::memory::tests::Notebook;
    use super::*;
    use std::time::Duration;

    #[test]
    fn the_oldest_entries_go_and_the_rest_survives_a_restart() {
        let notebook = Arc::new(Notebook::default());
        let at = |seconds| SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
        let mut log = Log::new(notebook.clone(), 3);
        for n in 0..5 {
            log.add(Entry {
                at: at(n),
                topic: Topic::Alert,
                who: String::new(),
                text: n.to_string(),
            });
        }
        let log = Log::new(notebook, 3);
        let texts = |from, to, max| -> Vec<String> {
            let found = log.between(at(from), at(to), max);
            found.into_iter().map(|entry| entry.text).collect()
        };
        assert_eq!(texts(0, 9, 9), ["2", "3", "4"]);
        assert_eq!(texts(0, 9, 2), ["3", "4"], "the newest");
        assert_eq!(texts(3, 4, 9), ["3"]);
    }
}
