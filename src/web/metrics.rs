//! The statistics as OpenMetrics 1.0 text (<https://github.com/prometheus/OpenMetrics>).
//!
//! A family for each value of the catalogue: `watchpost_memory_used_bytes`. Of a group with members, a value that its members
//! have too is left out: sums are the reader's, and one family never holds parts and their whole.

use crate::monitor::{Definition, GROUPS, Group, Kind, Node, Snapshot, Units};
use std::fmt::Write;

/// The type of it.
pub(super) const CONTENT: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Writes a snapshot of a host.
pub(super) fn write(snapshot: &Snapshot, host: &str) -> String {
    let mut out = String::with_capacity(32 * 1024);
    let version = env!("CARGO_PKG_VERSION");
    out.push_str("# TYPE watchpost info\n# HELP watchpost The program and the host.\n");
    line(&mut out, "watchpost_info", &[("host", host), ("version", version)], "1");
    for group in GROUPS {
        let members: Vec<&Node> = snapshot.members(group.node).collect();
        let own = snapshot.node(group.node);
        for definition in group.members {
            family(&mut out, group, definition, &members);
        }
        let left = |definition: &&Definition| members.is_empty() || group.member(definition.name).is_none();
        for definition in group.statistics.iter().filter(left) {
            family(&mut out, group, definition, own.as_slice());
        }
    }
    out.push_str("# EOF\n");
    out
}

/// A value of several nodes; nothing where none has it.
fn family(out: &mut String, group: &Group, definition: &Definition, nodes: &[&Node]) {
    let name = name(group, definition);
    let counts = definition.kind == Kind::Counter;
    let mut headed = false;
    for node in nodes {
        let Some(statistic) = node.statistic(definition.name) else {
            continue;
        };
        if !std::mem::replace(&mut headed, true) {
            head(out, &name, definition);
        }
        let sample = if counts {
            [&name, "_total"].concat()
        } else {
            name.clone()
        };
        let value = number(statistic.value());
        match node.group() {
            Some(_) => line(out, &sample, &[(label(group.node), node.member())], &value),
            None => line(out, &sample, &[], &value),
        }
    }
}

fn head(out: &mut String, name: &str, definition: &Definition) {
    let kind = match definition.kind {
        Kind::Counter => "counter",
        Kind::Gauge => "gauge",
    };
    // Nothing can go wrong in a string.
    let _ = writeln!(out, "# TYPE {name} {kind}");
    if let Some(unit) = unit(definition.units) {
        let _ = writeln!(out, "# UNIT {name} {unit}");
    }
    let _ = writeln!(out, "# HELP {name} {}", definition.title);
}

fn line(out: &mut String, name: &str, labels: &[(&str, &str)], value: &str) {
    out.push_str(name);
    if !labels.is_empty() {
        let labels: Vec<String> = labels
            .iter()
            .map(|(key, value)| format!("{key}=\"{}\"", escape(value)))
            .collect();
        let _ = write!(out, "{{{}}}", labels.join(","));
    }
    let _ = writeln!(out, " {value}");
}

/// `watchpost_cpu_load_per_core`, with the unit at its end.
fn name(group: &Group, definition: &Definition) -> String {
    let word = |c: char| if c.is_ascii_alphanumeric() { c } else { '_' };
    let name: String = ["watchpost", group.node, definition.name]
        .join("_")
        .chars()
        .map(word)
        .collect();
    match unit(definition.units) {
        Some(unit) if !name.ends_with(&["_", unit].concat()) => [&name, "_", unit].concat(),
        _ => name,
    }
}

fn unit(units: Units) -> Option<&'static str> {
    match units {
        Units::None | Units::Packets | Units::Errors => None,
        Units::Percent => Some("percent"),
        Units::Bytes => Some("bytes"),
        Units::BytesPerSecond => Some("bytes_per_second"),
        Units::Seconds | Units::UnixSeconds => Some("seconds"),
        Units::Milliseconds => Some("milliseconds"),
        Units::Celsius => Some("celsius"),
    }
}

/// What tells the members of a group apart.
fn label(group: &str) -> &'static str {
    match group {
        "cpu" => "cpu",
        "disk" => "mountpoint",
        "io" => "device",
        "network" => "interface",
        "temperature" => "sensor",
        "pressure" => "resource",
        _ => "name",
    }
}

fn escape(value: &str) -> String {
    value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

/// A number without an exponent, which need not be finite elsewhere, but is here.
fn number(value: f64) -> String {
    value.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::monitor::{Statistic, group};
    use std::collections::BTreeSet;
    use std::time::SystemTime;

    fn snapshot(values: &[(&str, &str, f64)]) -> Snapshot {
        let node = |(id, name, value): &(&str, &str, f64)| {
            let (head, member) = id
                .split_once('/')
                .map_or((*id, None), |(head, member)| (head, Some(member)));
            let group = group(head).expect("a group");
            let definition = member.map_or_else(|| group.statistic(name), |_| group.member(name));
            Node {
                id: (*id).to_owned(),
                title: String::new(),
                statistics: vec![Statistic::new(definition.expect("a definition"), *value).expect("finite")],
                detail: None,
            }
        };
        Snapshot {
            taken: SystemTime::UNIX_EPOCH,
            reset: None,
            nodes: values.iter().map(node).collect(),
        }
    }

    #[test]
    fn values_stand_in_families_with_type_unit_and_labels() {
        let text = write(
            &snapshot(&[
                ("cpu", "5-min", 0.25),
                ("memory", "percent", 41.5),
                ("disk", "total", 300.0),
                ("disk//", "total", 100.0),
                ("disk//mnt/a \"b\"", "total", 200.0),
                ("network/eth0", "received", 1e15),
            ]),
            "web1",
        );
        let expected = "\
# TYPE watchpost info
# HELP watchpost The program and the host.
watchpost_info{host=\"web1\",version=\"0.1.0\"} 1
# TYPE watchpost_cpu_5_min gauge
# HELP watchpost_cpu_5_min Load, 5 minutes
watchpost_cpu_5_min 0.25
# TYPE watchpost_memory_percent gauge
# UNIT watchpost_memory_percent percent
# HELP watchpost_memory_percent Used share
watchpost_memory_percent 41.5
# TYPE watchpost_disk_total_bytes gauge
# UNIT watchpost_disk_total_bytes bytes
# HELP watchpost_disk_total_bytes Size
watchpost_disk_total_bytes{mountpoint=\"/\"} 100
watchpost_disk_total_bytes{mountpoint=\"/mnt/a \\\"b\\\"\"} 200
# TYPE watchpost_network_received_bytes counter
# UNIT watchpost_network_received_bytes bytes
# HELP watchpost_network_received_bytes Received
watchpost_network_received_bytes_total{interface=\"eth0\"} 1000000000000000
# EOF
";
        assert_eq!(text, expected);
    }

    #[test]
    fn no_two_values_of_the_catalogue_share_a_family() {
        let mut names = BTreeSet::new();
        for group in GROUPS {
            let mut own: BTreeSet<String> = group
                .statistics
                .iter()
                .map(|definition| name(group, definition))
                .collect();
            own.extend(group.members.iter().map(|definition| name(group, definition)));
            for name in own {
                assert!(names.insert(name.clone()), "{name}");
            }
        }
    }
}
