//! Alerts: rules against snapshots, with hold times, hysteresis and a rest between two alarms of one cause.

use super::rule::Rule;
use super::{Node, Snapshot};
use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, SystemTime};

/// One cause raises the same severity, or a lesser one, at most once in this time.
const REST: Duration = Duration::from_secs(10 * 60);
/// A value that stayed away for so long belongs to something that is gone: its alert ends.
const FORGET: Duration = Duration::from_secs(60 * 60);

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Look at it today.
    Warning,
    /// Look at it now.
    Critical,
}

impl Severity {
    /// Its name on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Severity::Warning => "warning",
            Severity::Critical => "critical",
        }
    }
}

/// A rule that is violated.
#[derive(Clone, Debug, PartialEq)]
pub struct Alert {
    /// Its number, never used twice.
    pub id: u64,
    /// The rule's name.
    pub rule: String,
    /// What is violated, as `NODE#VALUE`.
    pub statistic: String,
    /// How bad it is.
    pub severity: Severity,
    /// When it was raised.
    pub since: SystemTime,
    /// The last value seen.
    pub value: f64,
    /// The level that it reached.
    pub threshold: f64,
    /// What is wrong, for people.
    pub text: String,
}

/// What became of an alert.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// It is new.
    Raised,
    /// Its severity changed from this one.
    Changed(Severity),
    /// It is over.
    Cleared,
}

/// News of one alert.
#[derive(Clone, Debug, PartialEq)]
pub struct Change {
    /// The alert as it is now, or was at its end.
    pub alert: Alert,
    /// What became of it.
    pub event: Event,
}

/// How long a level has been exceeded, and when it last raised an alarm.
#[derive(Clone, Copy, Debug, Default)]
struct Level {
    held: Option<Duration>,
    raised: Option<Duration>,
}

#[derive(Debug, Default)]
struct State {
    /// When the value was last there; `None` after a sample without it.
    seen: Option<Duration>,
    /// When the value was last there at all.
    last: Duration,
    warning: Level,
    critical: Level,
    alert: Option<Alert>,
}

/// The rules and what they have found. Pure: no clock of its own. It keeps one state for each rule and node, and
/// forgets those whose node has been away for an hour.
#[derive(Debug)]
pub struct Alerts {
    rules: Vec<Rule>,
    states: BTreeMap<(usize, String), State>,
    last_id: u64,
    now: Duration,
}

impl Alerts {
    /// Nothing found yet; the first alert is numbered after `last_id`.
    pub fn new(rules: Vec<Rule>, last_id: u64) -> Alerts {
        Alerts {
            rules,
            states: BTreeMap::new(),
            last_id,
            now: Duration::ZERO,
        }
    }

    /// Goes on where others have stopped, on the same clock: what they found under rules that still stand stays found.
    /// Returns the alerts that are over, for their rules have changed or gone.
    pub fn resume(&mut self, before: Alerts) -> Vec<Change> {
        self.last_id = self.last_id.max(before.last_id);
        self.now = self.now.max(before.now);
        let mut over = Vec::new();
        for ((index, node), state) in before.states {
            let rule = before.rules.get(index);
            match self.rules.iter().position(|known| Some(known) == rule) {
                Some(index) => {
                    self.states.insert((index, node), state);
                }
                None => over.extend(state.alert.map(cleared)),
            }
        }
        over
    }

    /// The number of the newest alert.
    pub fn last_id(&self) -> u64 {
        self.last_id
    }

    /// The alerts that hold, worst first, then by the order of the rules.
    pub fn active(&self) -> Vec<&Alert> {
        let mut active: Vec<&Alert> = self.states.values().filter_map(|state| state.alert.as_ref()).collect();
        active.sort_by_key(|alert| std::cmp::Reverse(alert.severity));
        active
    }

    /// Compares a snapshot with the rules. `now` is monotonic; a step back counts as no step.
    pub fn evaluate(&mut self, snapshot: &Snapshot, now: Duration) -> Vec<Change> {
        self.now = self.now.max(now);
        let mut changes = Vec::new();
        let mut met = BTreeSet::new();
        for (index, rule) in self.rules.iter().enumerate() {
            for node in rule.nodes(snapshot) {
                let Some(value) = node.statistic(rule.value_name()) else {
                    continue;
                };
                let key = (index, node.id.clone());
                let state = self.states.entry(key.clone()).or_default();
                let case = Case {
                    rule,
                    snapshot,
                    node,
                    value: value.value(),
                    now: self.now,
                };
                changes.extend(state.observe(&case, &mut self.last_id));
                met.insert(key);
            }
        }
        changes.extend(self.miss(&met));
        changes
    }

    /// What the snapshot did not have: it neither raises nor clears, until it is forgotten.
    fn miss(&mut self, met: &BTreeSet<(usize, String)>) -> Vec<Change> {
        let now = self.now;
        let mut over = Vec::new();
        self.states.retain(|key, state| {
            if met.contains(key) {
                return true;
            }
            state.seen = None;
            let keep = now.saturating_sub(state.last) < FORGET;
            if !keep {
                over.extend(state.alert.take().map(cleared));
            }
            keep
        });
        over
    }
}

fn cleared(alert: Alert) -> Change {
    Change {
        alert,
        event: Event::Cleared,
    }
}

/// One value of one node under one rule.
struct Case<'a> {
    rule: &'a Rule,
    snapshot: &'a Snapshot,
    node: &'a Node,
    value: f64,
    now: Duration,
}

impl State {
    fn observe(&mut self, case: &Case<'_>, last_id: &mut u64) -> Option<Change> {
        let step = self.seen.map_or(Duration::ZERO, |seen| case.now.saturating_sub(seen));
        self.warning.measure(case, Severity::Warning, step);
        self.critical.measure(case, Severity::Critical, step);
        self.seen = Some(case.now);
        self.last = case.now;

        let current = self.alert.as_ref().map(|alert| alert.severity);
        let next = self.next(case, current);
        match (self.alert.take(), next) {
            (None, None) => None,
            (Some(alert), None) => Some(cleared(Alert {
                value: case.value,
                ..alert
            })),
            (before, Some(severity)) => {
                let (alert, event) = self.hold(case, before, severity, last_id);
                self.alert = Some(alert.clone());
                event.map(|event| Change { alert, event })
            }
        }
    }

    /// The severity after this value: the worst level that has been exceeded long enough, or still holds.
    fn next(&self, case: &Case<'_>, current: Option<Severity>) -> Option<Severity> {
        [(Severity::Critical, &self.critical), (Severity::Warning, &self.warning)]
            .into_iter()
            .find(|(severity, level)| match current {
                Some(current) if current >= *severity => case.rule.holds(*severity, case.value),
                _ => level.is_due(case),
            })
            .map(|(severity, _)| severity)
    }

    /// The alert at a severity: the one before, or a new one.
    fn hold(
        &mut self,
        case: &Case<'_>,
        before: Option<Alert>,
        severity: Severity,
        last_id: &mut u64,
    ) -> (Alert, Option<Event>) {
        let event = match before.as_ref().map(|alert| alert.severity) {
            None => Some(Event::Raised),
            Some(before) if before != severity => Some(Event::Changed(before)),
            Some(_) => None,
        };
        if event.is_some() {
            self.warning.raised = Some(case.now);
        }
        if event.is_some() && severity == Severity::Critical {
            self.critical.raised = Some(case.now);
        }
        let (id, since) = match before {
            Some(alert) => (alert.id, alert.since),
            None => {
                *last_id += 1;
                (*last_id, case.snapshot.taken)
            }
        };
        let alert = Alert {
            id,
            rule: case.rule.name.clone(),
            statistic: [&case.node.id, "#", case.rule.value_name()].concat(),
            severity,
            since,
            value: case.value,
            threshold: case.rule.level(severity).unwrap_or(case.value),
            text: case.rule.text(case.snapshot, case.node),
        };
        (alert, event)
    }
}

impl Level {
    fn measure(&mut self, case: &Case<'_>, severity: Severity, step: Duration) {
        let exceeded = case
            .rule
            .level(severity)
            .is_some_and(|level| case.rule.reaches(case.value, level));
        self.held = exceeded.then(|| self.held.map_or(Duration::ZERO, |held| held + step));
    }

    fn is_due(&self, case: &Case<'_>) -> bool {
        let rested = self.raised.is_none_or(|raised| case.now.saturating_sub(raised) >= REST);
        rested && self.held.is_some_and(|held| held >= case.rule.hold)
    }
}

#[cfg(test)]
mod tests {
    use super::super::default_rules;
    use super::super::snapshot::tests::snapshot;
    use super::*;

    const STEP: Duration = Duration::from_secs(5);

    /// Alerts with a virtual clock, fed one value of one node.
    struct Bench {
        alerts: Alerts,
        now: Duration,
    }

    impl Bench {
        fn new() -> Bench {
            Bench {
                alerts: Alerts::new(default_rules(), 16),
                now: Duration::ZERO,
            }
        }

        fn feed(&mut self, values: &[(&str, &str, f64)]) -> Vec<(Event, Severity)> {
            self.now += STEP;
            let changes = self.alerts.evaluate(&snapshot(values), self.now);
            changes
                .into_iter()
                .map(|change| (change.event, change.alert.severity))
                .collect()
        }

        fn disk(&mut self, percent: f64) -> Vec<(Event, Severity)> {
            self.feed(&[("disk//", "percent", percent)])
        }

        fn load(&mut self, per_core: f64, time: Duration) -> Vec<(Event, Severity)> {
            let samples = time.as_secs() / STEP.as_secs();
            (0..samples)
                .flat_map(|_| self.feed(&[("cpu", "load-per-core", per_core)]))
                .collect()
        }
    }

    #[test]
    fn a_load_must_hold_five_minutes_without_a_break() {
        let mut bench = Bench::new();
        let minutes = |n: u64| Duration::from_secs(n * 60);
        assert_eq!(bench.load(2.0, minutes(4)), []);
        assert_eq!(bench.load(1.4, STEP), []);
        assert_eq!(bench.load(2.0, minutes(5)), []);
        assert_eq!(bench.load(2.0, STEP), [(Event::Raised, Severity::Warning)]);
        assert_eq!(bench.load(2.0, minutes(20)), []);
    }

    #[test]
    fn a_missing_value_neither_raises_nor_clears_and_pauses_the_hold() {
        let mut bench = Bench::new();
        let minutes = |n: u64| Duration::from_secs(n * 60);
        assert_eq!(bench.load(2.0, minutes(4)), []);
        for _ in 0..120 {
            assert_eq!(bench.feed(&[]), []);
        }
        assert_eq!(bench.load(2.0, minutes(1)), []);
        assert_eq!(bench.load(2.0, STEP * 2), [(Event::Raised, Severity::Warning)]);
        for _ in 0..120 {
            assert_eq!(bench.feed(&[]), []);
        }
        assert_eq!(bench.alerts.active().len(), 1);
    }

    #[test]
    fn warning_critical_warning_clear_with_hysteresis() {
        let mut bench = Bench::new();
        assert_eq!(bench.disk(84.9), []);
        assert_eq!(bench.disk(85.0), [(Event::Raised, Severity::Warning)]);
        assert_eq!(
            bench.disk(95.0),
            [(Event::Changed(Severity::Warning), Severity::Critical)]
        );
        assert_eq!(bench.disk(90.1), []);
        assert_eq!(
            bench.disk(90.0),
            [(Event::Changed(Severity::Critical), Severity::Warning)]
        );
        assert_eq!(bench.disk(80.1), []);
        assert_eq!(bench.disk(80.0), [(Event::Cleared, Severity::Warning)]);
        assert_eq!(bench.alerts.active().len(), 0);
    }

    #[test]
    fn a_critical_alert_may_clear_at_once() {
        let mut bench = Bench::new();
        assert_eq!(bench.disk(99.0), [(Event::Raised, Severity::Critical)]);
        assert_eq!(bench.disk(10.0), [(Event::Cleared, Severity::Critical)]);
    }

    #[test]
    fn low_memory_is_bad_below() {
        let mut bench = Bench::new();
        let mut memory = |value| bench.feed(&[("memory", "available-percent", value)]);
        assert_eq!(memory(10.0), [(Event::Raised, Severity::Warning)]);
        assert_eq!(memory(5.0), [(Event::Changed(Severity::Warning), Severity::Critical)]);
        assert_eq!(memory(9.9), []);
        assert_eq!(memory(10.0), [(Event::Changed(Severity::Critical), Severity::Warning)]);
        assert_eq!(memory(14.9), []);
        assert_eq!(memory(15.0), [(Event::Cleared, Severity::Warning)]);
    }

    #[test]
    fn m20_a_square_wave_alarms_once_in_ten_minutes() {
        let mut bench = Bench::new();
        let raised = (0..240)
            .flat_map(|n| bench.disk(if n % 2 == 0 { 99.0 } else { 10.0 }))
            .filter(|(event, _)| *event != Event::Cleared)
            .count();
        assert_eq!(raised, 2, "in twenty minutes");
    }

    #[test]
    fn the_clock_never_goes_back() {
        let mut bench = Bench::new();
        assert_eq!(bench.load(2.0, Duration::from_secs(240)), []);
        bench.now = Duration::ZERO;
        assert_eq!(bench.load(2.0, Duration::from_secs(240)), []);
        assert_eq!(
            bench.load(2.0, Duration::from_secs(65)),
            [(Event::Raised, Severity::Warning)]
        );
    }

    #[test]
    fn each_member_has_its_own_alert_and_the_worst_comes_first() {
        let mut bench = Bench::new();
        bench.feed(&[("disk//", "percent", 86.0), ("disk//var", "percent", 97.0)]);
        let active: Vec<_> = bench
            .alerts
            .active()
            .iter()
            .map(|alert| (alert.id, alert.text.as_str()))
            .collect();
        assert_eq!(active, [(18, "disk /var 97% full"), (17, "disk / 86% full")]);
        assert_eq!(bench.alerts.last_id(), 18);
    }

    #[test]
    fn alerts_go_on_under_new_rules_unless_their_own_has_changed() {
        let mut bench = Bench::new();
        let values = [("disk//", "percent", 86.0), ("memory", "available-percent", 4.0)];
        assert_eq!(bench.feed(&values).len(), 2);
        let mut rules = default_rules();
        rules.retain(|rule| rule.name != "memory");
        rules.reverse();
        let before = std::mem::replace(&mut bench.alerts, Alerts::new(rules, 0));
        let over = bench.alerts.resume(before);
        let over: Vec<_> = over
            .iter()
            .map(|change| (change.event, change.alert.rule.as_str()))
            .collect();
        assert_eq!(over, [(Event::Cleared, "memory")]);
        assert_eq!(bench.feed(&values), [], "it was told before");
        assert_eq!(bench.disk(10.0), [(Event::Cleared, Severity::Warning)]);
        assert_eq!(bench.alerts.last_id(), 18);
    }

    #[test]
    fn an_unmounted_disk_is_forgotten_after_an_hour() {
        let mut bench = Bench::new();
        bench.disk(99.0);
        let changes: Vec<_> = (0..720).flat_map(|_| bench.feed(&[])).collect();
        assert_eq!(changes, [(Event::Cleared, Severity::Critical)]);
        assert!(bench.alerts.states.is_empty());
    }
}
