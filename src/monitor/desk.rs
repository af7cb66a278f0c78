//! The desk: alerts, mutes, rules and the event log in one hand, all that people can change of them, and its durability.

use super::alert::{Acknowledgement, Alert, Change, Event, Life};
use super::alerts::{Alerts, Refusal};
use super::log::{Entry, Log, Topic};
use super::memory::{Memory, Write};
use super::mute::{Mute, Mutes};
use super::rule::Rule;
use super::rulebook::Rulebook;
use super::{Snapshot, age};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

/// The series of alerts in [`Memory`].
const ALERTS: &str = "alerts";
/// The key of the last alert's number.
const LAST_ALERT: &str = "last-alert";

/// Bounds on what is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Alerts that hold at once.
    pub alerts_max: usize,
    /// Mutes and maintenance windows.
    pub mutes_max: usize,
    /// Rules changed by people.
    pub rules_max: usize,
    /// Entries of the event log.
    pub events_max: usize,
    /// Statistics with history.
    pub history_statistics_max: usize,
}

impl Limits {
    /// The defaults.
    pub const DEFAULT: Limits = Limits {
        alerts_max: 500,
        mutes_max: 50,
        rules_max: 50,
        events_max: 10_000,
        history_statistics_max: 500,
    };
}

/// What the operator's room would have on its desk.
pub struct Desk {
    memory: Arc<dyn Memory>,
    alerts: Alerts,
    mutes: Mutes,
    rules: Rulebook,
    log: Log,
    changes: Vec<Change>,
}

impl Desk {
    /// What earlier processes left, under the rules of the configuration.
    pub fn new(memory: Arc<dyn Memory>, rules: Vec<Rule>, limits: &Limits) -> Desk {
        let rules = Rulebook::new(memory.clone(), rules, limits.rules_max);
        let last_id = memory.load(LAST_ALERT).and_then(|number| number.parse().ok());
        Desk {
            alerts: Alerts::new(rules.rules(), last_id.unwrap_or(0), limits.alerts_max),
            mutes: Mutes::new(memory.clone(), limits.mutes_max),
            log: Log::new(memory.clone(), limits.events_max),
            rules,
            memory,
            changes: Vec::new(),
        }
    }

    /// Takes up the alerts of an earlier process, at this time of day.
    pub fn restore(&mut self, wall: SystemTime) {
        let read = |number| serde_json::from_slice::<Alert>(&self.memory.read(ALERTS, number)?).ok();
        let alerts = self.memory.numbers(ALERTS).into_iter().filter_map(read).collect();
        let over = self.alerts.restore(alerts, wall);
        self.keep(over, wall);
    }

    /// Goes on with the alerts of a desk of the same process, on the same clock, under the own rules.
    pub fn resume(&mut self, before: Desk, wall: SystemTime) {
        self.alerts = before.alerts;
        let over = self.alerts.set_rules(self.rules.rules());
        self.changes.splice(0..0, before.changes);
        self.keep(over, wall);
    }

    /// Compares a snapshot with the rules, and ends the mutes whose time has come.
    pub fn evaluate(&mut self, snapshot: &Snapshot, now: Duration) {
        let wall = snapshot.taken;
        for mute in self.mutes.expire(wall) {
            let text = format!("{} of {} ended", kind(&mute), mute.scope.text());
            self.note(wall, Topic::Mute, "", text);
        }
        let changes = self.alerts.evaluate(snapshot, now);
        self.keep(changes, wall);
    }

    /// Makes changes durable, logs them, and keeps them for whoever tells of them.
    fn keep(&mut self, changes: Vec<Change>, wall: SystemTime) {
        if changes.iter().any(|change| change.event == Event::Raised) {
            self.memory.save(LAST_ALERT, &self.alerts.last_id().to_string());
        }
        let writes = changes.iter().map(|change| Write {
            series: ALERTS,
            number: change.alert.id,
            record: match change.event {
                Event::Cleared => None,
                _ => serde_json::to_vec(&change.alert).ok(),
            },
        });
        let writes: Vec<Write> = writes.collect();
        if !writes.is_empty() {
            self.memory.write(writes);
        }
        for change in &changes {
            self.log(change, wall);
        }
        self.changes.extend(changes);
    }

    fn log(&mut self, change: &Change, wall: SystemTime) {
        let alert = &change.alert;
        let severity = alert.severity.as_str();
        let (topic, who, text) = match (change.event, alert.acknowledgement()) {
            (Event::Acknowledged, Some(acknowledgement)) => {
                let note = Some(acknowledgement.note.as_str()).filter(|note| !note.is_empty());
                let note = note.map_or(String::new(), |note| format!(": {note}"));
                (
                    Topic::Acknowledgement,
                    acknowledgement.by.as_str(),
                    format!("acknowledged: {}{note}", alert.text),
                )
            }
            (Event::Cleared, _) => {
                let lasted = age(alert.lasted.as_secs_f64());
                (Topic::Alert, "", format!("cleared after {lasted}: {}", alert.text))
            }
            _ => (Topic::Alert, "", format!("{severity}: {}", alert.text)),
        };
        let text = format!("{text} (alert {})", alert.id);
        let who = who.to_owned();
        self.note(wall, topic, &who, text);
    }

    /// One more entry of the event log.
    pub fn note(&mut self, wall: SystemTime, topic: Topic, who: &str, text: impl Into<String>) {
        self.log.add(Entry {
            at: wall,
            topic,
            who: who.to_owned(),
            text: text.into(),
        });
    }

    /// What has changed since this was last asked.
    pub fn take_changes(&mut self) -> Vec<Change> {
        std::mem::take(&mut self.changes)
    }

    /// The alerts that hold, worst first, muted ones among them.
    pub fn active(&self) -> Vec<&Alert> {
        self.alerts.active()
    }

    /// The alerts that people are told of: those that nothing mutes.
    pub fn loud(&self, wall: SystemTime) -> Vec<&Alert> {
        let active = self.alerts.active().into_iter();
        active
            .filter(|alert| self.mutes.covering(alert, wall).is_none())
            .collect()
    }

    /// An alert that is over, as far back as they are remembered.
    pub fn over(&self, id: u64) -> Option<&Alert> {
        self.alerts.over(id)
    }

    /// What may become an alert.
    pub fn pending(&self) -> Vec<&Alert> {
        self.alerts.pending()
    }

    /// The numbers of the alerts that nobody has taken over, as far as a word names them.
    pub fn firing(&self, word: Option<&str>) -> Vec<u64> {
        let firing = self
            .alerts
            .active()
            .into_iter()
            .filter(|alert| alert.life == Life::Firing);
        let named = firing.filter(|alert| word.is_none_or(|word| alert.is_named(word)));
        let mut numbers: Vec<u64> = named.map(|alert| alert.id).collect();
        numbers.sort_unstable();
        numbers
    }

    /// Somebody takes an alert over.
    ///
    /// # Errors
    /// As [`Alerts::acknowledge`].
    pub fn acknowledge(&mut self, id: u64, acknowledgement: Acknowledgement) -> Result<Alert, Refusal> {
        let wall = acknowledgement.at;
        let change = self.alerts.acknowledge(id, acknowledgement)?;
        let alert = change.alert.clone();
        self.keep(vec![change], wall);
        Ok(alert)
    }

    /// The mutes.
    pub fn mutes(&self) -> &Mutes {
        &self.mutes
    }

    /// Somebody mutes something, at this time of day.
    ///
    /// # Errors
    /// As [`Mutes::add`].
    pub fn mute(&mut self, mute: Mute, wall: SystemTime) -> Result<Mute, String> {
        let mute = self.mutes.add(mute)?;
        let length = mute.until.duration_since(mute.from).unwrap_or_default();
        let note = Some(mute.note.as_str()).filter(|note| !note.is_empty());
        let note = note.map_or(String::new(), |note| format!(": {note}"));
        let text = format!(
            "{} of {} for {}{note}",
            kind(&mute),
            mute.scope.text(),
            age(length.as_secs_f64())
        );
        self.note(wall, Topic::Mute, &mute.by, text);
        Ok(mute)
    }

    /// Somebody ends mutes.
    pub fn unmute(&mut self, who: &str, wall: SystemTime, fits: impl Fn(&Mute) -> bool) -> Vec<Mute> {
        let gone = self.mutes.remove(fits);
        for mute in &gone {
            let text = format!("{} of {} taken back", kind(mute), mute.scope.text());
            self.note(wall, Topic::Mute, who, text);
        }
        gone
    }

    /// Whether a word can name anything: a rule, a part of its name, what it watches, or an alert.
    pub fn is_scope(&self, word: &str) -> bool {
        let rule = |rule: &Rule| rule.is_named(word);
        self.alerts.rules().iter().any(rule) || self.alerts.active().iter().any(|alert| alert.is_named(word))
    }

    /// The rules.
    pub fn rules(&self) -> &Rulebook {
        &self.rules
    }

    /// Somebody sets a rule, or switches it off.
    ///
    /// # Errors
    /// As [`Rulebook::change`].
    pub fn change_rule(&mut self, name: &str, rule: Option<Rule>, who: &str, wall: SystemTime) -> Result<(), String> {
        let what = if rule.is_some() { "set" } else { "off" };
        self.rules.change(name, rule)?;
        self.obey(wall);
        self.note(wall, Topic::Rule, who, format!("rule {name} {what}"));
        Ok(())
    }

    /// Somebody takes a change of a rule back; `false` when there is none.
    pub fn take_back_rule(&mut self, name: &str, who: &str, wall: SystemTime) -> bool {
        let gone = self.rules.take_back(name);
        if gone {
            self.obey(wall);
            self.note(wall, Topic::Rule, who, format!("rule {name} as configured"));
        }
        gone
    }

    fn obey(&mut self, wall: SystemTime) {
        let over = self.alerts.set_rules(self.rules.rules());
        self.keep(over, wall);
    }

    /// What happened in a span of time: see [`Log::between`].
    pub fn events(&self, from: SystemTime, to: SystemTime, max: usize) -> Vec<Entry> {
        self.log.between(from, to, max)
    }
}

fn kind(mute: &Mute) -> &'static str {
    if mute.maintenance { "maintenance" } else { "mute" }
}

#[cfg(test)]
mod tests {
    use super::super::default_rules;
    use super::super::memory::tests::Notebook;
    use super::super::mute::Scope;
    use super::super::snapshot::tests::snapshot;
    use super::*;

    fn mute(scope: Scope, until: u64) -> Mute {
        Mute {
            id: 0,
            scope,
            from: SystemTime::UNIX_EPOCH,
            until: SystemTime::UNIX_EPOCH + Duration::from_secs(until),
            by: "ann".to_owned(),
            note: String::new(),
            maintenance: false,
        }
    }

    #[test]
    fn alerts_acknowledgements_and_mutes_survive_a_restart() {
        let notebook = Arc::new(Notebook::default());
        let desk = || Desk::new(notebook.clone(), default_rules(), &Limits::DEFAULT);
        let full = snapshot(&[("disk//", "percent", 90.0), ("swap", "percent", 60.0)]);
        let mut first = desk();
        first.evaluate(&full, Duration::from_secs(5));
        let acknowledgement = Acknowledgement {
            by: "ann".to_owned(),
            at: SystemTime::UNIX_EPOCH,
            note: "mine".to_owned(),
        };
        let id = first.firing(Some("disk"))[0];
        first.acknowledge(id, acknowledgement.clone()).expect("it fires");
        first
            .mute(mute(Scope::Named("swap".to_owned()), 60), SystemTime::UNIX_EPOCH)
            .expect("room");

        let mut second = desk();
        second.restore(SystemTime::UNIX_EPOCH);
        second.evaluate(&full, Duration::from_secs(5));
        assert!(second.take_changes().is_empty(), "all of it was told before");
        let found: Vec<_> = second
            .active()
            .iter()
            .map(|alert| alert.acknowledgement().cloned())
            .collect();
        assert_eq!(found, [None, Some(acknowledgement)]);
        assert_eq!(second.loud(SystemTime::UNIX_EPOCH).len(), 1);
        second.evaluate(
            &snapshot(&[("disk//", "percent", 1.0), ("swap", "percent", 1.0)]),
            Duration::from_secs(10),
        );
        assert!(notebook.numbers(ALERTS).is_empty(), "what is over is not kept");
        assert_eq!(second.events(SystemTime::UNIX_EPOCH, SystemTime::now(), 99).len(), 6);
    }

    #[test]
    fn mutes_are_bounded() {
        let limits = Limits {
            mutes_max: 2,
            ..Limits::DEFAULT
        };
        let mut desk = Desk::new(Arc::new(Notebook::default()), default_rules(), &limits);
        let wall = SystemTime::UNIX_EPOCH;
        for word in ["disk", "swap", "disk"] {
            desk.mute(mute(Scope::Named(word.to_owned()), 60), wall)
                .expect("the same one is replaced");
        }
        assert!(desk.mute(mute(Scope::All, 60), wall).is_err());
    }
}
