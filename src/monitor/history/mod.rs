//! History: what statistics were, in three tiers. Every sample for an hour, minutes for a day, ten minutes for 30 days.
//!
//! One row a minute holds all statistics, so that a minute costs one small write; the ten-minute row is made anew from
//! its minutes each time, so that a restart loses nothing but the minute under way. Times are the wall clock's: a clock
//! that is set back writes its minutes again, one that jumps ahead leaves a gap; old rows go a few at a time, so that
//! a clock that was wrong for an hour does not take the history along.

mod forecast;
mod row;
mod sparkline;
#[cfg(test)]
mod tests;

pub use row::Span;
pub use sparkline::sparkline;

use super::catalogue::{Kind, group};
use super::memory::{Memory, Write};
use super::{Snapshot, Statistic};
use row::{INDEX_MAX, Samples, read_spans, write_spans};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

/// The key of the names in [`Memory`].
const NAMES: &str = "history-names";
const MINUTE: u64 = 60;
/// Old rows that go with one new one.
const PRUNED_MAX: usize = 3;
/// Samples kept of one minute.
const SAMPLES_MAX: usize = 60;

/// How finely a time is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tier {
    /// Every sample, for an hour.
    Raw,
    /// A minute, for a day.
    Minute,
    /// Ten minutes, for 30 days.
    TenMinutes,
}

impl Tier {
    const ALL: [Tier; 3] = [Tier::Raw, Tier::Minute, Tier::TenMinutes];

    /// The finest tier that reaches so far back.
    pub fn reaching(back: Duration) -> Tier {
        let reaches = |tier: &Tier| back.as_secs() <= tier.row_secs() * tier.rows();
        Tier::ALL.into_iter().find(reaches).unwrap_or(Tier::TenMinutes)
    }

    fn series(self) -> &'static str {
        match self {
            Tier::Raw => "history-raw",
            Tier::Minute => "history-minute",
            Tier::TenMinutes => "history-ten-minutes",
        }
    }

    /// Seconds in a row.
    fn row_secs(self) -> u64 {
        match self {
            Tier::Raw | Tier::Minute => MINUTE,
            Tier::TenMinutes => 10 * MINUTE,
        }
    }

    /// Rows kept.
    fn rows(self) -> u64 {
        match self {
            Tier::Raw => 60,
            Tier::Minute => 24 * 60,
            Tier::TenMinutes => 30 * 24 * 6,
        }
    }
}

/// One point of a statistic's history.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Point {
    /// When it begins, seconds since the epoch.
    pub at: u64,
    /// What the statistic was.
    pub span: Span,
}

/// A statistic with history, and the day on which it was last seen.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Name {
    name: String,
    day: u64,
}

/// The history of all gauges of one host. Bounded in time and in the number of statistics.
pub struct History {
    memory: Arc<dyn Memory>,
    names: Vec<Name>,
    indices: HashMap<String, u16>,
    series_max: usize,
    /// Whether there was no room for a statistic; told once.
    full: bool,
    rows: [BTreeSet<u64>; 3],
    /// The minute under way.
    minute: u64,
    samples: Samples,
    /// Seconds until a node's `percent` is 100, by node.
    forecasts: BTreeMap<String, f64>,
}

impl History {
    /// The history of earlier processes, continued; of at most `series_max` statistics.
    pub fn new(memory: Arc<dyn Memory>, series_max: usize) -> History {
        let names: Vec<Name> = memory
            .load(NAMES)
            .and_then(|text| serde_json::from_str(&text).ok())
            .unwrap_or_default();
        let rows = Tier::ALL.map(|tier| memory.numbers(tier.series()).into_iter().collect());
        let mut history = History {
            memory,
            names,
            indices: HashMap::new(),
            series_max: series_max.min(usize::from(INDEX_MAX)),
            full: false,
            rows,
            minute: 0,
            samples: Samples::default(),
            forecasts: BTreeMap::new(),
        };
        history.index();
        history
    }

    fn index(&mut self) {
        let names = (0u16..).zip(&self.names);
        self.indices = names.map(|(index, name)| (name.name.clone(), index)).collect();
    }

    /// The statistics that there is history of, as `NODE#VALUE`.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.names.iter().map(|name| name.name.as_str())
    }

    /// Takes a snapshot in; once a minute a row is handed to the memory. The tests print what that costs.
    pub fn record(&mut self, snapshot: &Snapshot) {
        let seconds = seconds(snapshot.taken);
        let minute = seconds / MINUTE;
        if minute != self.minute {
            self.flush();
            self.minute = minute;
        }
        if self.samples.at.len() >= SAMPLES_MAX {
            return;
        }
        let before = self.samples.at.len();
        // Less than 60.
        self.samples.at.push(u8::try_from(seconds % MINUTE).unwrap_or_default());
        let mut slots: HashMap<u16, usize> = self
            .samples
            .values
            .iter()
            .enumerate()
            .map(|(slot, (index, _))| (*index, slot))
            .collect();
        for node in &snapshot.nodes {
            let gauges = node.statistics.iter().filter(|one| one.definition.kind == Kind::Gauge);
            for statistic in gauges {
                let Some(index) = self.index_of(&key(&node.id, statistic), minute) else {
                    continue;
                };
                let slot = *slots.entry(index).or_insert_with(|| {
                    self.samples.values.push((index, vec![f32::NAN; before]));
                    self.samples.values.len() - 1
                });
                self.samples.values[slot].1.push(narrow(statistic.value()));
            }
        }
        for (_, values) in &mut self.samples.values {
            values.resize(before + 1, f32::NAN);
        }
    }

    /// The index of a name; a new one takes the place of one that was away for 30 days, or the next.
    fn index_of(&mut self, name: &str, minute: u64) -> Option<u16> {
        if let Some(index) = self.indices.get(name) {
            return Some(*index);
        }
        let day = minute / (24 * 60);
        let gone = self.names.iter().position(|known| known.day + 31 < day);
        let new = Name {
            name: name.to_owned(),
            day,
        };
        match gone {
            Some(index) => self.names[index] = new,
            None if self.names.len() < self.series_max => self.names.push(new),
            None => {
                if !std::mem::replace(&mut self.full, true) {
                    tracing::warn!(
                        limit = self.series_max,
                        name,
                        "no history of more statistics: limits.history_statistics"
                    );
                }
                return None;
            }
        }
        self.index();
        self.save_names();
        self.indices.get(name).copied()
    }

    fn save_names(&self) {
        if let Ok(text) = serde_json::to_string(&self.names) {
            self.memory.save(NAMES, &text);
        }
    }

    /// Writes the minute under way: its samples, its spans, and the ten minutes that it belongs to.
    pub fn flush(&mut self) {
        let samples = std::mem::take(&mut self.samples);
        if samples.at.is_empty() {
            return;
        }
        let spans = samples.spans();
        let bucket = self.minute / 10;
        let mut writes = vec![
            put(Tier::Raw, self.minute, Some(samples.write())),
            put(Tier::Minute, self.minute, Some(write_spans(&spans))),
            put(Tier::TenMinutes, bucket, Some(self.bucket(bucket, spans))),
        ];
        let newest = [self.minute, self.minute, bucket];
        for ((tier, rows), newest) in Tier::ALL.into_iter().zip(&mut self.rows).zip(newest) {
            rows.insert(newest);
            writes.extend(prune(tier, rows, newest));
        }
        self.memory.write(writes);
        self.see();
        if self.minute.is_multiple_of(10) || self.forecasts.is_empty() {
            self.look_ahead();
        }
    }

    /// The row of ten minutes, the newest of which is not written yet.
    fn bucket(&self, bucket: u64, newest: Vec<(u16, Span)>) -> Vec<u8> {
        let minutes = (bucket * 10..bucket * 10 + 10).filter(|minute| *minute != self.minute);
        let written = minutes.filter(|minute| self.rows[1].contains(minute));
        let rows = written.filter_map(|minute| self.memory.read(Tier::Minute.series(), minute));
        let mut all: BTreeMap<u16, Vec<Span>> = BTreeMap::new();
        for (index, span) in rows.flat_map(|row| read_spans(&row)).chain(newest) {
            all.entry(index).or_default().push(span);
        }
        let spans = all
            .into_iter()
            .filter_map(|(index, spans)| Some((index, Span::over(spans)?)));
        write_spans(&spans.collect::<Vec<_>>())
    }

    /// Once a day, what is there is seen.
    fn see(&mut self) {
        let day = self.minute / (24 * 60);
        if self.names.iter().all(|name| name.day >= day) || !self.minute.is_multiple_of(24 * 60) {
            return;
        }
        let rows = &self.rows[1];
        let row = rows
            .last()
            .and_then(|last| self.memory.read(Tier::Minute.series(), *last));
        for (index, _) in read_spans(&row.unwrap_or_default()) {
            if let Some(name) = self.names.get_mut(usize::from(index)) {
                name.day = day;
            }
        }
        self.save_names();
    }

    /// What a statistic (`NODE#VALUE`) was from one time to another, seconds since the epoch, the oldest first.
    pub fn query(&self, name: &str, from: u64, to: u64, tier: Tier) -> Vec<Point> {
        let Some(index) = self.indices.get(name).copied() else {
            return Vec::new();
        };
        let rows = match tier {
            Tier::Raw => &self.rows[0],
            Tier::Minute => &self.rows[1],
            Tier::TenMinutes => &self.rows[2],
        };
        if from >= to {
            return Vec::new();
        }
        let mut points: Vec<Point> = rows
            .range(from / tier.row_secs()..=to / tier.row_secs())
            .filter_map(|number| Some((*number, self.memory.read(tier.series(), *number)?)))
            .flat_map(|(number, row)| points(tier, number, &row, index))
            .collect();
        points.extend(self.under_way(tier, index));
        points.retain(|point| (from..to).contains(&point.at));
        points.sort_by_key(|point| point.at);
        points.dedup_by_key(|point| point.at);
        points
    }

    /// What is not written yet.
    fn under_way(&self, tier: Tier, index: u16) -> Vec<Point> {
        let row = match tier {
            Tier::Raw => self.samples.write(),
            Tier::Minute => write_spans(&self.samples.spans()),
            Tier::TenMinutes => return Vec::new(),
        };
        points(tier, self.minute, &row, index)
    }

    /// Seconds until each disk is full, as [`Snapshot`]s show them.
    pub fn forecasts(&self) -> &BTreeMap<String, f64> {
        &self.forecasts
    }

    fn look_ahead(&mut self) {
        let to = (self.minute + 1) * MINUTE;
        let from = to.saturating_sub(forecast::WINDOW.as_secs());
        let disks = self.names().filter(|name| name.starts_with("disk/"));
        let disks: Vec<String> = disks
            .filter_map(|name| name.strip_suffix("#percent").map(str::to_owned))
            .collect();
        let before = std::mem::take(&mut self.forecasts);
        for disk in disks {
            let points = self.query(&[&disk, "#percent"].concat(), from, to, Tier::TenMinutes);
            let points: Vec<(u64, Span)> = points.into_iter().map(|point| (point.at, point.span)).collect();
            let fresh = points.last().is_some_and(|(at, _)| at + 20 * MINUTE >= to);
            let left = forecast::full_in(&points).filter(|_| fresh);
            // What is no longer foreseen is told once as far away, so that who was warned hears that it is over.
            let far = forecast::FAR.as_secs_f64();
            let averted = before.get(&disk).filter(|left| **left < far && fresh).map(|_| far);
            if let Some(left) = left.or(averted) {
                self.forecasts.insert(disk, left);
            }
        }
    }
}

/// A snapshot with the forecasts as the statistic `full-in` of their nodes.
pub fn with_forecasts(snapshot: Arc<Snapshot>, forecasts: &BTreeMap<String, f64>) -> Arc<Snapshot> {
    let definition = group("disk").and_then(|disk| disk.member("full-in"));
    let Some(definition) = definition.filter(|_| !forecasts.is_empty()) else {
        return snapshot;
    };
    let mut snapshot = Arc::unwrap_or_clone(snapshot);
    for node in &mut snapshot.nodes {
        let left = forecasts
            .get(&node.id)
            .and_then(|left| Statistic::new(definition, *left));
        node.statistics.extend(left);
    }
    Arc::new(snapshot)
}

/// Seconds since the epoch.
pub fn seconds(time: SystemTime) -> u64 {
    time.duration_since(SystemTime::UNIX_EPOCH)
        .unwrap_or_default()
        .as_secs()
}

fn key(node: &str, statistic: &Statistic) -> String {
    [node, "#", statistic.definition.name].concat()
}

#[allow(clippy::cast_possible_truncation, reason = "f32 is what is kept")]
fn narrow(value: f64) -> f32 {
    value as f32
}

fn put(tier: Tier, number: u64, record: Option<Vec<u8>>) -> Write {
    Write {
        series: tier.series(),
        number,
        record,
    }
}

/// A few rows that are too old, or that a clock which was wrong has left in the future.
fn prune(tier: Tier, rows: &mut BTreeSet<u64>, newest: u64) -> Vec<Write> {
    let old = (newest + 1).saturating_sub(tier.rows());
    let wrong = |number: &&u64| **number < old || **number > newest + 1;
    let gone: Vec<u64> = rows.iter().filter(wrong).take(PRUNED_MAX).copied().collect();
    gone.into_iter()
        .map(|number| {
            rows.remove(&number);
            put(tier, number, None)
        })
        .collect()
}

fn points(tier: Tier, number: u64, row: &[u8], index: u16) -> Vec<Point> {
    let begin = number * tier.row_secs();
    if tier == Tier::Raw {
        let samples = Samples::read(row);
        let values = samples.values.iter().find(|(known, _)| *known == index);
        let values = values.map_or(&[][..], |(_, values)| values);
        let known = samples.at.iter().zip(values).filter(|(_, value)| value.is_finite());
        return known
            .map(|(second, value)| Point {
                at: begin + u64::from(*second),
                span: Span::of(f64::from(*value)),
            })
            .collect();
    }
    let spans = read_spans(row).into_iter().filter(|(known, _)| *known == index);
    spans.map(|(_, span)| Point { at: begin, span }).collect()
}
