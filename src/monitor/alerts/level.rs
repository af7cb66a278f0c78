//! One value under one rule: how long each level has been exceeded, and what follows.

use super::super::alert::{Alert, Change, Event, Life, Severity};
use super::super::rule::Rule;
use super::super::{Node, Snapshot};
use std::collections::VecDeque;
use std::time::Duration;

/// One cause raises the same severity, or a lesser one, at most once in this time.
const REST: Duration = Duration::from_secs(10 * 60);
/// An alert that was raised this often ...
const FLAPS: usize = 3;
/// ... in this time flaps: it then ends only ...
const FLAP_TIME: Duration = Duration::from_secs(60 * 60);
/// ... after a calm of this length.
const CALM: Duration = Duration::from_secs(15 * 60);

/// How long a level has been exceeded, and when it last raised an alarm.
#[derive(Clone, Copy, Debug, Default)]
struct Level {
    held: Option<Duration>,
    raised: Option<Duration>,
}

/// What is known of one value under one rule.
#[derive(Debug, Default)]
pub(super) struct State {
    /// When the value was last there; `None` after a sample without it.
    pub(super) seen: Option<Duration>,
    /// When the value was last there at all.
    pub(super) last: Duration,
    warning: Level,
    critical: Level,
    /// Since when the value is on the good side, while an alert flaps.
    calm: Duration,
    /// When alerts were raised, within the last hour.
    raises: VecDeque<Duration>,
    /// The number that the next alert has; it stays for the next one when a pending alert comes to nothing.
    reserved: Option<u64>,
    /// The alert that holds, or is pending.
    pub(super) alert: Option<Alert>,
}

/// One value of one node under one rule.
pub(super) struct Case<'a> {
    pub(super) rule: &'a Rule,
    pub(super) snapshot: &'a Snapshot,
    pub(super) node: &'a Node,
    pub(super) value: f64,
    pub(super) now: Duration,
    /// Whether there is room for one more alert.
    pub(super) room: bool,
}

impl State {
    /// An alert of an earlier process, found again.
    pub(super) fn holding(alert: Alert, now: Duration) -> State {
        State {
            last: now,
            alert: Some(alert),
            ..State::default()
        }
    }

    /// The alert that holds.
    pub(super) fn active(&self) -> Option<&Alert> {
        self.alert.as_ref().filter(|alert| alert.life != Life::Pending)
    }

    /// Takes a value in; what became of the alert, if anything.
    pub(super) fn observe(&mut self, case: &Case<'_>, last_id: &mut u64) -> Option<Change> {
        let step = self.seen.map_or(Duration::ZERO, |seen| case.now.saturating_sub(seen));
        self.warning.measure(case, Severity::Warning, step);
        self.critical.measure(case, Severity::Critical, step);
        self.seen = Some(case.now);
        self.last = case.now;

        let held = self.alert.take_if(|alert| alert.life != Life::Pending);
        let current = held.as_ref().map(|alert| alert.severity);
        let next = self.damped(self.next(case, current), current, step);
        match (held, next) {
            (None, None) => {
                self.wait(case, last_id);
                None
            }
            (Some(alert), None) => {
                let value = case.value;
                self.alert = None;
                Some(Change::cleared(Alert { value, ..alert }))
            }
            (None, Some(_)) if !case.room => None,
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

    /// What flaps does not end before it has been calm for a while.
    fn damped(&mut self, next: Option<Severity>, current: Option<Severity>, step: Duration) -> Option<Severity> {
        if next.is_some() || current.is_none() || self.raises.len() < FLAPS {
            self.calm = Duration::ZERO;
            return next;
        }
        self.calm += step;
        current.filter(|_| self.calm < CALM)
    }

    /// No alert holds: one may be pending.
    fn wait(&mut self, case: &Case<'_>, last_id: &mut u64) {
        let levels = [(Severity::Critical, &self.critical), (Severity::Warning, &self.warning)];
        let begun = levels
            .into_iter()
            .find_map(|(severity, level)| level.held.filter(|_| !level.rests(case)).map(|held| (severity, held)));
        let since = self.alert.as_ref().map(|alert| alert.since);
        self.alert = begun.map(|(severity, held)| {
            let id = self.number(last_id);
            Alert {
                lasted: held,
                since: since.unwrap_or(case.snapshot.taken),
                ..self.alert(case, severity, id)
            }
        });
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
        if event == Some(Event::Raised) {
            self.count(case.now);
        }
        let id = match &before {
            Some(alert) => alert.id,
            None => self.number(last_id),
        };
        let fresh = self.alert(case, severity, id);
        let alert = match before {
            // What got worse is nobody's business any more, until somebody looks again.
            Some(alert) => Alert {
                since: alert.since,
                lasted: alert.lasted,
                life: if severity > alert.severity {
                    Life::Firing
                } else {
                    alert.life
                },
                ..fresh
            },
            None => {
                self.reserved = None;
                Alert {
                    life: Life::Firing,
                    ..fresh
                }
            }
        };
        (alert, event)
    }

    fn count(&mut self, now: Duration) {
        self.raises.retain(|raised| now.saturating_sub(*raised) < FLAP_TIME);
        self.raises.push_back(now);
    }

    /// The number of the next alert.
    fn number(&mut self, last_id: &mut u64) -> u64 {
        *self.reserved.get_or_insert_with(|| {
            *last_id += 1;
            *last_id
        })
    }

    /// What the case makes of an alert.
    fn alert(&self, case: &Case<'_>, severity: Severity, id: u64) -> Alert {
        Alert {
            id,
            rule: case.rule.name.clone(),
            statistic: [&case.node.id, "#", case.rule.value_name()].concat(),
            severity,
            since: case.snapshot.taken,
            lasted: Duration::ZERO,
            value: case.value,
            threshold: case.rule.level(severity).unwrap_or(case.value),
            text: case.rule.text(case.snapshot, case.node),
            labels: case.rule.labels.clone(),
            repeat: case.rule.repeat,
            life: Life::Pending,
            flapping: self.raises.len() >= FLAPS,
        }
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

    fn rests(&self, case: &Case<'_>) -> bool {
        self.raised.is_some_and(|raised| case.now.saturating_sub(raised) < REST)
    }

    fn is_due(&self, case: &Case<'_>) -> bool {
        !self.rests(case) && self.held.is_some_and(|held| held >= case.rule.hold)
    }
}
