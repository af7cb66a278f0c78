//! An alert: the record of one worry, from its first sign to its end.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
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

/// Who has taken an alert over.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Acknowledgement {
    /// The account.
    pub by: String,
    /// When.
    pub at: SystemTime,
    /// What they said about it; empty when nothing.
    pub note: String,
}

/// Where an alert is in its life.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Life {
    /// The level is exceeded, but not yet for as long as the rule wants.
    Pending,
    /// It holds, and nobody has taken it over.
    Firing,
    /// It holds, and somebody knows.
    Acknowledged(Acknowledgement),
    /// It is over.
    Cleared,
}

/// A rule that is violated.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Alert {
    /// Its number, never used twice.
    pub id: u64,
    /// The rule's name.
    pub rule: String,
    /// What is violated, as `NODE#VALUE`.
    pub statistic: String,
    /// How bad it is.
    pub severity: Severity,
    /// When it was raised, or became pending.
    pub since: SystemTime,
    /// For how long it has held, by a clock that nobody sets.
    pub lasted: Duration,
    /// The last value seen.
    pub value: f64,
    /// The level that it reached.
    pub threshold: f64,
    /// What is wrong, for people.
    pub text: String,
    /// The rule's labels.
    #[serde(default)]
    pub labels: BTreeMap<String, String>,
    /// How often somebody is reminded until it is acknowledged; zero: never.
    pub repeat: Duration,
    /// Where it is in its life.
    pub life: Life,
    /// Whether it came and went so often that only a long calm ends it.
    #[serde(default)]
    pub flapping: bool,
}

impl Alert {
    /// The node that it is about.
    pub fn node(&self) -> &str {
        self.statistic
            .split_once('#')
            .map_or(self.statistic.as_str(), |(node, _)| node)
    }

    /// The group of that node.
    pub fn group(&self) -> &str {
        let node = self.node();
        node.split_once('/').map_or(node, |(group, _)| group)
    }

    /// Who has taken it over.
    pub fn acknowledgement(&self) -> Option<&Acknowledgement> {
        match &self.life {
            Life::Acknowledged(acknowledgement) => Some(acknowledgement),
            _ => None,
        }
    }

    /// Whether a word names it: the rule or a part of its name, the node, its group or member, or a label's value.
    pub fn is_named(&self, word: &str) -> bool {
        let member = self.node().split_once('/').map(|(_, member)| member);
        let same = |text: &str| text.eq_ignore_ascii_case(word);
        same(&self.rule)
            || same(self.node())
            || same(self.group())
            || member.is_some_and(same)
            || self.rule.split('-').any(same)
            || self.labels.values().any(|value| same(value))
    }
}

/// What became of an alert.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// It is new.
    Raised,
    /// Its severity changed from this one.
    Changed(Severity),
    /// Somebody has taken it over.
    Acknowledged,
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

impl Change {
    /// The end of an alert.
    pub(super) fn cleared(alert: Alert) -> Change {
        let alert = Alert {
            life: Life::Cleared,
            ..alert
        };
        Change {
            alert,
            event: Event::Cleared,
        }
    }
}
