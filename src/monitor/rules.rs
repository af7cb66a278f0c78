//! The rules that hold when the operator writes none.

use super::rule::{Direction, Rule};
use std::collections::BTreeMap;
use std::time::Duration;

/// How often somebody is reminded of what nobody has acknowledged, unless a rule says otherwise.
pub const REPEAT: Duration = Duration::from_secs(4 * 60 * 60);
const DAY: f64 = 86_400.0;

/// Load, CPU, memory, swap, disk space and inodes, and disks that fill up within days.
pub fn default_rules() -> Vec<Rule> {
    vec![
        Rule {
            hold: Duration::from_secs(5 * 60),
            ..above(
                "cpu-load",
                "cpu#load-per-core",
                (1.5, 3.0, 1.2),
                "Overloaded. Can't take more jobs. load {cpu#5-min} on {cpu#cores} cores",
            )
        },
        Rule {
            hold: Duration::from_secs(10 * 60),
            ..above("cpu-usage", "cpu#usage", (90.0, 98.0, 80.0), "CPU {value} busy")
        },
        Rule {
            direction: Direction::Below,
            ..above(
                "memory",
                "memory#available-percent",
                (10.0, 5.0, 15.0),
                "Low on memory. {value} available",
            )
        },
        above(
            "swap",
            "swap#percent",
            (50.0, 80.0, 40.0),
            "Swapping. {value} of swap used",
        ),
        above(
            "disk-space",
            "disk/*#percent",
            (85.0, 95.0, 80.0),
            "disk {name} {value} full",
        ),
        above(
            "disk-inodes",
            "disk/*#inodes-percent",
            (85.0, 95.0, 80.0),
            "disk {name} {value} of inodes used",
        ),
        Rule {
            direction: Direction::Below,
            hold: Duration::from_secs(30 * 60),
            ..above(
                "disk-forecast",
                "disk/*#full-in",
                (5.0 * DAY, DAY, 7.0 * DAY),
                "disk {name} full in about {value}",
            )
        },
        above("check", "check/*#state", (1.0, 2.0, 0.0), "{name}: {detail}"),
        above("foreign", "foreign/*#severity", (1.0, 2.0, 0.0), "{detail}"),
        Rule {
            direction: Direction::Below,
            ..above("certificate", "certificate/*#days-left", (14.0, 3.0, 15.0), "{detail}")
        },
        Rule {
            critical: None,
            ..above(
                "failed-units",
                "units#failed",
                (1.0, 1.0, 0.0),
                "{value} units have failed: {detail}",
            )
        },
    ]
}

fn above(name: &str, statistic: &str, (warning, critical, clear): (f64, f64, f64), message: &str) -> Rule {
    Rule {
        name: name.to_owned(),
        statistic: statistic.to_owned(),
        direction: Direction::Above,
        warning: Some(warning),
        critical: Some(critical),
        clear,
        hold: Duration::ZERO,
        repeat: REPEAT,
        labels: BTreeMap::new(),
        message: message.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_default_rule_passes_its_own_check() {
        for rule in default_rules() {
            assert_eq!(rule.check(), Ok(()), "{}", rule.name);
        }
    }
}
