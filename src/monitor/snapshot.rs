//! All statistics at one time.

use super::catalogue::{Definition, Kind, Units};
use chrono::DateTime;
use std::time::SystemTime;

/// Least, greatest and mean value since the last reset, or since the program started.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Extremes {
    /// The least value.
    pub min: f64,
    /// The greatest value.
    pub max: f64,
    /// The mean of all samples.
    pub average: f64,
}

/// One value. Finite, and 0 to 100 when it is a percentage.
#[derive(Clone, Debug, PartialEq)]
pub struct Statistic {
    /// What it is.
    pub definition: &'static Definition,
    value: f64,
    /// What it was; for gauges only.
    pub extremes: Option<Extremes>,
}

impl Statistic {
    /// A value; `None` when it is not a finite number.
    pub fn new(definition: &'static Definition, value: f64) -> Option<Statistic> {
        let value = match definition.units {
            Units::Percent => value.clamp(0.0, 100.0),
            _ => value,
        };
        value.is_finite().then_some(Statistic {
            definition,
            value,
            extremes: None,
        })
    }

    /// The number.
    pub fn value(&self) -> f64 {
        self.value
    }

    /// The number as the wire has it: whole, or with at most two decimals.
    pub fn number(&self) -> String {
        number(self.value)
    }

    /// The number as people read it, with its units: `63%`, `4.2 GiB`, `3 d 4 h`.
    pub fn human(&self) -> String {
        self.definition.human(self.value)
    }
}

impl Definition {
    /// A number of these units as people read it.
    pub fn human(&self, value: f64) -> String {
        match self.units {
            Units::Percent => format!("{value:.0}%"),
            Units::Bytes => bytes(value),
            Units::BytesPerSecond => format!("{}/s", bytes(value)),
            Units::Seconds => age(value),
            Units::Milliseconds if value < 10.0 => format!("{value:.1} ms"),
            Units::Milliseconds => format!("{value:.0} ms"),
            Units::UnixSeconds => moment(value),
            Units::Celsius => format!("{value:.0} °C"),
            Units::None if self.kind == Kind::Gauge && value.fract() != 0.0 => format!("{value:.2}"),
            Units::None | Units::Packets | Units::Errors => number(value),
        }
    }
}

/// A number with at most two decimals and no trailing zeros.
fn number(value: f64) -> String {
    let text = format!("{value:.2}");
    let text = text.trim_end_matches('0').trim_end_matches('.');
    if text == "-0" { "0".to_owned() } else { text.to_owned() }
}

fn bytes(value: f64) -> String {
    const NAMES: [&str; 6] = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"];
    let mut value = value;
    let mut name = 0;
    while value >= 1024.0 && name + 1 < NAMES.len() {
        value /= 1024.0;
        name += 1;
    }
    match name {
        0 => format!("{value:.0} B"),
        _ => format!("{value:.1} {}", NAMES[name]),
    }
}

/// Seconds since 1970 as date and time, UTC.
fn moment(seconds: f64) -> String {
    let moment = DateTime::from_timestamp(seconds as i64, 0);
    moment.map_or_else(
        || number(seconds),
        |moment| moment.format("%Y-%m-%d %H:%M UTC").to_string(),
    )
}

/// A span of seconds in its two greatest units: `3 d 4 h`, `12 min`.
pub fn age(seconds: f64) -> String {
    let seconds = seconds.max(0.0) as u64;
    let (days, hours, minutes) = (seconds / 86_400, seconds / 3_600 % 24, seconds / 60 % 60);
    match (days, hours, minutes) {
        (0, 0, 0) => format!("{seconds} s"),
        (0, 0, minutes) => format!("{minutes} min"),
        (0, hours, 0) => format!("{hours} h"),
        (0, hours, minutes) => format!("{hours} h {minutes} min"),
        (days, 0, _) => format!("{days} d"),
        (days, hours, _) => format!("{days} d {hours} h"),
    }
}

/// A statistic group or one member of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Node {
    /// Its stable name: `cpu`, `cpu/0`, `disk//var`.
    pub id: String,
    /// For people: `CPU Load`, `Disk /var`.
    pub title: String,
    /// Its values, in the catalogue's order; what could not be read is not there.
    pub statistics: Vec<Statistic>,
    /// What they mean, for people: why a check fails, which units have failed.
    pub detail: Option<String>,
}

impl Node {
    /// The value with that name.
    pub fn statistic(&self, name: &str) -> Option<&Statistic> {
        self.statistics
            .iter()
            .find(|statistic| statistic.definition.name == name)
    }

    /// The group it belongs to, if it is a member.
    pub fn group(&self) -> Option<&str> {
        self.id.split_once('/').map(|(group, _)| group)
    }

    /// Its name within its group: `/var` of `disk//var`; the whole when it is a group.
    pub fn member(&self) -> &str {
        self.id.split_once('/').map_or(self.id.as_str(), |(_, member)| member)
    }
}

/// All statistics at one time. Immutable once made; shared by every face.
#[derive(Clone, Debug, PartialEq)]
pub struct Snapshot {
    /// When it was taken.
    pub taken: SystemTime,
    /// When the statistics were last reset; `None`: never.
    pub reset: Option<SystemTime>,
    /// Groups in the catalogue's order, each followed by its members.
    pub nodes: Vec<Node>,
}

impl Snapshot {
    /// The node with that name.
    pub fn node(&self, id: &str) -> Option<&Node> {
        self.nodes.iter().find(|node| node.id == id)
    }

    /// The groups.
    pub fn groups(&self) -> impl Iterator<Item = &Node> {
        self.nodes.iter().filter(|node| node.group().is_none())
    }

    /// The members of a group.
    pub fn members<'a>(&'a self, group: &'a str) -> impl Iterator<Item = &'a Node> {
        self.nodes.iter().filter(move |node| node.group() == Some(group))
    }

    /// A value by node and name.
    pub fn statistic(&self, node: &str, name: &str) -> Option<&Statistic> {
        self.node(node)?.statistic(name)
    }

    /// A number by node and name.
    pub fn value(&self, node: &str, name: &str) -> Option<f64> {
        self.statistic(node, name).map(Statistic::value)
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::super::catalogue::group;
    use super::*;

    /// A snapshot of the given `(node, value name, number)`s.
    pub(crate) fn snapshot(values: &[(&str, &str, f64)]) -> Snapshot {
        let mut nodes: Vec<Node> = Vec::new();
        for (id, name, value) in values {
            let (head, member) = id
                .split_once('/')
                .map_or((*id, None), |(head, member)| (head, Some(member)));
            let group = group(head).expect("a group");
            let definition = match member {
                Some(_) => group.member(name),
                None => group.statistic(name),
            };
            let statistic = Statistic::new(definition.expect("a definition"), *value).expect("a number");
            match nodes.iter_mut().find(|node| node.id == *id) {
                Some(node) => node.statistics.push(statistic),
                None => nodes.push(Node {
                    id: (*id).to_owned(),
                    title: member.map_or(group.title.to_owned(), |member| [group.member_title, member].join(" ")),
                    statistics: vec![statistic],
                    detail: None,
                }),
            }
        }
        Snapshot {
            taken: SystemTime::UNIX_EPOCH,
            reset: None,
            nodes,
        }
    }

    #[test]
    fn m19_a_statistic_is_finite_and_a_percentage_at_most_100() {
        let usage = group("cpu").expect("cpu").statistic("usage").expect("usage");
        assert_eq!(Statistic::new(usage, f64::NAN), None);
        assert_eq!(Statistic::new(usage, 100.4).expect("finite").value(), 100.0);
        let load = group("cpu").expect("cpu").statistic("1-min").expect("load");
        assert_eq!(Statistic::new(load, f64::INFINITY), None);
    }

    #[test]
    fn numbers_are_short_on_the_wire_and_readable_for_people() {
        for (value, wire) in [
            (0.4, "0.4"),
            (12.0, "12"),
            (0.125, "0.12"),
            (-0.001, "0"),
            (1e15, "1000000000000000"),
        ] {
            assert_eq!(number(value), wire);
        }
        assert_eq!(moment(1_000_000_000.0), "2001-09-09 01:46 UTC");
        assert_eq!(moment(1e300), number(1e300));
        assert_eq!(bytes(4.5 * 1024.0 * 1024.0 * 1024.0), "4.5 GiB");
        assert_eq!((age(59.0), age(3_660.0)), ("59 s".into(), "1 h 1 min".into()));
        assert_eq!((age(86_400.0 * 3.0), age(90_000.0)), ("3 d".into(), "1 d 1 h".into()));
    }

    #[test]
    fn a_mount_point_s_node_keeps_its_slash() {
        let snapshot = snapshot(&[
            ("disk", "percent", 1.0),
            ("disk//", "percent", 1.0),
            ("disk//var", "percent", 2.0),
        ]);
        let members: Vec<_> = snapshot
            .members("disk")
            .map(|node| (node.member(), &node.title))
            .collect();
        assert_eq!(
            members,
            [("/", &"Disk /".to_owned()), ("/var", &"Disk /var".to_owned())]
        );
        assert_eq!(snapshot.groups().count(), 1);
    }
}
