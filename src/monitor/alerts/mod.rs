//! Alerts: rules against snapshots, with hold times, hysteresis, a rest between two alarms of one cause, and damping of
//! what flaps.

mod level;
#[cfg(test)]
mod tests;

use super::Snapshot;
use super::alert::{Acknowledgement, Alert, Change, Event, Life};
use super::rule::Rule;
use level::{Case, State};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::{Duration, SystemTime};

/// A value that stayed away for so long belongs to something that is gone: its alert ends.
const FORGET: Duration = Duration::from_secs(60 * 60);
/// Alerts that are over and still known by their number.
const OVER_MAX: usize = 64;

/// Why an alert cannot be acknowledged.
#[derive(Clone, Debug, PartialEq)]
pub enum Refusal {
    /// There is none with that number.
    Unknown,
    /// Somebody was faster.
    Already(Acknowledgement),
    /// It is over.
    Over(Box<Alert>),
}

/// The rules and what they have found. Pure: no clock of its own. It keeps one state for each rule and node, and
/// forgets those whose node has been away for an hour.
#[derive(Debug)]
pub struct Alerts {
    rules: Vec<Rule>,
    /// By rule and node.
    states: BTreeMap<(String, String), State>,
    /// Over, the latest last.
    over: VecDeque<Alert>,
    last_id: u64,
    now: Duration,
    /// Whether time has been told yet.
    begun: bool,
    alerts_max: usize,
    /// Whether there was no room for an alert; told once.
    full: bool,
}

impl Alerts {
    /// Nothing found yet; the first alert is numbered after `last_id`. At most `alerts_max` hold at once; what is found
    /// beyond them is not raised.
    pub fn new(rules: Vec<Rule>, last_id: u64, alerts_max: usize) -> Alerts {
        Alerts {
            rules,
            states: BTreeMap::new(),
            over: VecDeque::new(),
            last_id,
            now: Duration::ZERO,
            begun: false,
            alerts_max,
            full: false,
        }
    }

    /// Takes up what an earlier process has found; `wall` is the time of day. Returns the alerts that are over, for their
    /// rules have gone.
    pub fn restore(&mut self, alerts: Vec<Alert>, wall: SystemTime) -> Vec<Change> {
        for mut alert in alerts {
            self.last_id = self.last_id.max(alert.id);
            alert.lasted = alert.lasted.max(wall.duration_since(alert.since).unwrap_or_default());
            let key = (alert.rule.clone(), alert.node().to_owned());
            self.states.insert(key, State::holding(alert, self.now));
        }
        self.sweep()
    }

    /// Goes on with other rules. What was found under a rule of the same name and statistic stays found; returns the
    /// alerts that are over, for their rules have gone.
    pub fn set_rules(&mut self, rules: Vec<Rule>) -> Vec<Change> {
        self.rules = rules;
        self.sweep()
    }

    /// Ends what no rule watches any more.
    fn sweep(&mut self) -> Vec<Change> {
        let stands = |rules: &[Rule], name: &str, node: &str| {
            let found = rules.iter().find(|rule| rule.name == name);
            found.is_some_and(|rule| rule.watches(node))
        };
        let mut over = Vec::new();
        let rules = &self.rules;
        self.states.retain(|(name, node), state| {
            let keep = stands(rules, name, node);
            if !keep {
                over.extend(state.alert.take());
            }
            keep
        });
        over.into_iter().filter_map(|alert| self.end(alert)).collect()
    }

    /// The rules in force.
    pub fn rules(&self) -> &[Rule] {
        &self.rules
    }

    /// The number of the newest alert.
    pub fn last_id(&self) -> u64 {
        self.last_id
    }

    /// The alerts that hold, worst first, then the oldest.
    pub fn active(&self) -> Vec<&Alert> {
        let mut active: Vec<&Alert> = self.states.values().filter_map(State::active).collect();
        active.sort_by_key(|alert| (std::cmp::Reverse(alert.severity), alert.id));
        active
    }

    /// What may become an alert.
    pub fn pending(&self) -> Vec<&Alert> {
        let alerts = self.states.values().filter_map(|state| state.alert.as_ref());
        alerts.filter(|alert| alert.life == Life::Pending).collect()
    }

    /// Compares a snapshot with the rules. `now` is monotonic; a step back counts as no step.
    pub fn evaluate(&mut self, snapshot: &Snapshot, now: Duration) -> Vec<Change> {
        self.age(now);
        let mut changes = Vec::new();
        let mut met = BTreeSet::new();
        let mut count = self.active().len();
        for rule in &self.rules {
            for node in rule.nodes(snapshot) {
                let Some(value) = node.statistic(rule.value_name()) else {
                    continue;
                };
                let key = (rule.name.clone(), node.id.clone());
                let state = self.states.entry(key.clone()).or_default();
                let case = Case {
                    rule,
                    snapshot,
                    node,
                    value: value.value(),
                    now: self.now,
                    room: count < self.alerts_max,
                };
                let change = state.observe(&case, &mut self.last_id);
                match change.as_ref().map(|change| change.event) {
                    Some(Event::Raised) => count += 1,
                    Some(Event::Cleared) => count -= 1,
                    _ => {}
                }
                changes.extend(change);
                met.insert(key);
            }
        }
        self.watch_room(count);
        changes.extend(self.miss(&met));
        for change in changes.iter().filter(|change| change.event == Event::Cleared) {
            self.bury(change.alert.clone());
        }
        changes
    }

    /// Time passes for what holds.
    fn age(&mut self, now: Duration) {
        let begun = std::mem::replace(&mut self.begun, true);
        let step = if begun {
            now.saturating_sub(self.now)
        } else {
            Duration::ZERO
        };
        self.now = self.now.max(now);
        if !begun {
            // What an earlier process has found was there a moment ago, as far as this one knows.
            self.states.values_mut().for_each(|state| state.last = self.now);
        }
        let alerts = self.states.values_mut().filter_map(|state| state.alert.as_mut());
        for alert in alerts.filter(|alert| alert.life != Life::Pending) {
            alert.lasted += step;
        }
    }

    fn watch_room(&mut self, count: usize) {
        let full = count >= self.alerts_max;
        if full && !self.full {
            tracing::warn!(limit = self.alerts_max, "no room for more alerts: limits.alerts");
        }
        self.full = full;
    }

    /// What the snapshot did not have: it neither raises nor clears, until it is forgotten.
    fn miss(&mut self, met: &BTreeSet<(String, String)>) -> Vec<Change> {
        let now = self.now;
        let mut over = Vec::new();
        self.states.retain(|key, state| {
            if met.contains(key) {
                return true;
            }
            state.seen = None;
            let keep = now.saturating_sub(state.last) < FORGET;
            if !keep {
                over.extend(state.alert.take().filter(|alert| alert.life != Life::Pending));
            }
            keep
        });
        over.into_iter().map(Change::cleared).collect()
    }

    /// Ends an alert, unless it was only pending.
    fn end(&mut self, alert: Alert) -> Option<Change> {
        let change = Some(alert)
            .filter(|alert| alert.life != Life::Pending)
            .map(Change::cleared)?;
        self.bury(change.alert.clone());
        Some(change)
    }

    fn bury(&mut self, alert: Alert) {
        if self.over.len() == OVER_MAX {
            self.over.pop_front();
        }
        self.over.push_back(alert);
    }

    /// An alert that is over, as far back as they are remembered.
    pub fn over(&self, id: u64) -> Option<&Alert> {
        self.over.iter().rev().find(|alert| alert.id == id)
    }

    /// Somebody takes an alert over.
    ///
    /// # Errors
    /// There is no such alert, it is over, or somebody was faster.
    pub fn acknowledge(&mut self, id: u64, acknowledgement: Acknowledgement) -> Result<Change, Refusal> {
        let mut alerts = self.states.values_mut().filter_map(|state| state.alert.as_mut());
        let found = alerts.find(|alert| alert.id == id && alert.life != Life::Pending);
        let Some(alert) = found else {
            return Err(self
                .over(id)
                .map_or(Refusal::Unknown, |alert| Refusal::Over(Box::new(alert.clone()))));
        };
        if let Life::Acknowledged(first) = &alert.life {
            return Err(Refusal::Already(first.clone()));
        }
        alert.life = Life::Acknowledged(acknowledgement);
        Ok(Change {
            alert: alert.clone(),
            event: Event::Acknowledged,
        })
    }
}
