//! Rules: when a statistic is a worry.

use super::alert::Severity;
use super::catalogue;
use super::{Node, Snapshot};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::time::Duration;

/// Bytes of a rule's name.
const NAME_BYTES_MAX: usize = 64;
/// Bytes of a rule's message.
const MESSAGE_BYTES_MAX: usize = 512;

/// Which side of the threshold is bad.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Direction {
    /// Bad at or above.
    Above,
    /// Bad at or below.
    Below,
}

/// A rule on a statistic. Levels are in the statistic's own units.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Rule {
    /// A stable name: `cpu-load`.
    pub name: String,
    /// The node and value it watches, as `NODE#VALUE`: `cpu#load-per-core`, `memory#available-percent`;
    /// `disk/*#percent` for every member of a group.
    pub statistic: String,
    /// Which side is bad.
    pub direction: Direction,
    /// The warning level, if any.
    pub warning: Option<f64>,
    /// The critical level, if any.
    pub critical: Option<f64>,
    /// The level at which a warning clears (hysteresis); a critical one falls back to warning at the warning level's
    /// side of its own threshold by the same margin.
    pub clear: f64,
    /// How long the level must be exceeded without a break.
    pub hold: Duration,
    /// How often somebody is reminded until the alert is acknowledged; zero: never.
    pub repeat: Duration,
    /// Words of the operator's own, which each alert carries: a team, a place.
    pub labels: BTreeMap<String, String>,
    /// What the presence status and the messages say, with `{value}`, `{name}` (of the group's member) and `{detail}`
    /// (why a check fails, which units have failed) replaced, and `{NODE#VALUE}` by another statistic: `load {cpu#5-min}
    /// on {cpu#cores} cores`.
    pub message: String,
}

impl Rule {
    /// Whether the rule makes sense.
    ///
    /// # Errors
    /// A sentence for the operator: an unknown statistic, no level, levels or `clear` on the wrong side of each other.
    pub fn check(&self) -> Result<(), String> {
        let (node, value) = self.target();
        if self.name.is_empty() || self.name.len() > NAME_BYTES_MAX {
            return Err(format!(
                "rule '{}': its name must have 1 to {NAME_BYTES_MAX} characters",
                self.name
            ));
        }
        if self.message.len() > MESSAGE_BYTES_MAX {
            return Err(format!(
                "rule '{}': its message is longer than {MESSAGE_BYTES_MAX} bytes",
                self.name
            ));
        }
        let known = match node.split_once('/') {
            Some((group, _)) => catalogue::group(group).and_then(|group| group.member(value)),
            None => catalogue::group(node).and_then(|group| group.statistic(value)),
        };
        if known.is_none() {
            return Err(format!("rule '{}': no statistic '{}'", self.name, self.statistic));
        }
        let levels = [Some(self.clear), self.warning, self.critical];
        let levels: Vec<f64> = levels.into_iter().flatten().collect();
        if levels.len() < 2 {
            return Err(format!("rule '{}': give a warning or a critical level", self.name));
        }
        if !levels
            .windows(2)
            .all(|pair| pair[0] != pair[1] && self.reaches(pair[1], pair[0]))
        {
            return Err(format!(
                "rule '{}': clear, warning and critical must go {} in this order",
                self.name,
                match self.direction {
                    Direction::Above => "up",
                    Direction::Below => "down",
                }
            ));
        }
        Ok(())
    }

    /// The node (perhaps with `*`) and the name of the value.
    fn target(&self) -> (&str, &str) {
        self.statistic.split_once('#').unwrap_or((&self.statistic, ""))
    }

    /// The name of the value watched.
    pub(super) fn value_name(&self) -> &str {
        self.target().1
    }

    /// The nodes of a snapshot that it watches.
    pub(super) fn nodes<'a>(&'a self, snapshot: &'a Snapshot) -> impl Iterator<Item = &'a Node> {
        snapshot.nodes.iter().filter(|node| self.watches(&node.id))
    }

    /// Whether it watches a node.
    pub(super) fn watches(&self, node: &str) -> bool {
        let (target, _) = self.target();
        match target.strip_suffix("/*") {
            Some(group) => node.split_once('/').is_some_and(|(head, _)| head == group),
            None => node == target,
        }
    }

    /// Whether a word names it, or what it watches: see [`Alert::is_named`](super::Alert::is_named).
    pub(super) fn is_named(&self, word: &str) -> bool {
        let (target, _) = self.target();
        let group = target.split_once('/').map_or(target, |(group, _)| group);
        let same = |text: &str| text.eq_ignore_ascii_case(word);
        same(&self.name)
            || same(group)
            || self.name.split('-').any(same)
            || self.labels.values().any(|value| same(value))
    }

    /// Whether a value is at a level or beyond it, on the bad side.
    pub(super) fn reaches(&self, value: f64, level: f64) -> bool {
        match self.direction {
            Direction::Above => value >= level,
            Direction::Below => value <= level,
        }
    }

    /// The level of a severity.
    pub(super) fn level(&self, severity: Severity) -> Option<f64> {
        match severity {
            Severity::Warning => self.warning,
            Severity::Critical => self.critical,
        }
    }

    /// The severity that holds while a severity was raised and the value is this: it falls only past the margin.
    pub(super) fn holds(&self, severity: Severity, value: f64) -> bool {
        let margin = self.warning.or(self.critical).map_or(0.0, |level| level - self.clear);
        self.level(severity)
            .is_some_and(|level| !self.cleared(value, level - margin))
    }

    fn cleared(&self, value: f64, level: f64) -> bool {
        match self.direction {
            Direction::Above => value <= level,
            Direction::Below => value >= level,
        }
    }

    /// The message about a node whose value is this.
    pub(super) fn text(&self, snapshot: &Snapshot, node: &Node) -> String {
        let mut text = String::new();
        let mut rest = self.message.as_str();
        while let Some((before, after)) = rest.split_once('{') {
            text.push_str(before);
            let Some((name, after)) = after.split_once('}') else {
                rest = after;
                break;
            };
            text.push_str(&self.placeholder(name, snapshot, node));
            rest = after;
        }
        text.push_str(rest);
        text
    }

    fn placeholder(&self, name: &str, snapshot: &Snapshot, node: &Node) -> String {
        let statistic = match name {
            "name" => return node.member().to_owned(),
            "detail" => return node.detail.clone().unwrap_or_else(|| "n/a".to_owned()),
            "value" => node.statistic(self.value_name()),
            _ => name
                .split_once('#')
                .and_then(|(node, value)| snapshot.statistic(node, value)),
        };
        statistic.map_or_else(|| "n/a".to_owned(), |statistic| statistic.human())
    }
}

#[cfg(test)]
mod tests {
    use super::super::default_rules;
    use super::super::snapshot::tests::snapshot;
    use super::*;

    #[test]
    fn a_message_names_member_value_and_other_statistics() {
        let rules = default_rules();
        let snapshot = snapshot(&[
            ("cpu", "5-min", 9.12),
            ("cpu", "load-per-core", 2.28),
            ("cpu", "cores", 4.0),
            ("disk//var", "percent", 96.4),
        ]);
        let cpu = snapshot.node("cpu").expect("cpu");
        assert_eq!(
            rules[0].text(&snapshot, cpu),
            "Overloaded. Can't take more jobs. load 9.12 on 4 cores"
        );
        let disk = snapshot.node("disk//var").expect("disk");
        assert_eq!(rules[4].text(&snapshot, disk), "disk /var 96% full");
    }

    #[test]
    fn a_rule_without_sense_is_refused_with_its_name() {
        let good = default_rules().remove(0);
        let wrong = [
            Rule {
                statistic: "cpu#lode".into(),
                ..good.clone()
            },
            Rule {
                warning: None,
                critical: None,
                ..good.clone()
            },
            Rule {
                clear: 2.0,
                ..good.clone()
            },
            Rule {
                direction: Direction::Below,
                ..good.clone()
            },
        ];
        for rule in wrong {
            assert!(rule.check().is_err_and(|why| why.contains("cpu-load")));
        }
    }
}
