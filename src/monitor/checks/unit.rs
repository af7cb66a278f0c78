//! What systemctl(1) says of units.

use super::{State, Verdict};

/// Arguments that list the units that have failed.
pub const FAILED_UNITS_ARGUMENTS: [&str; 6] = [
    "list-units",
    "--state=failed",
    "--plain",
    "--no-legend",
    "--full",
    "--no-pager",
];

/// Arguments that show how a unit is.
pub fn show_arguments(unit: &str) -> Vec<String> {
    let arguments = [
        "show",
        "--property=LoadState,ActiveState,SubState,Result",
        "--no-pager",
        "--",
        unit,
    ];
    arguments.map(str::to_owned).to_vec()
}

/// Judges what `show` has said of one unit.
pub fn judge(shown: &str) -> Verdict {
    let property = |name: &str| {
        let line = |line: &str| line.strip_prefix(name)?.strip_prefix('=').map(str::to_owned);
        shown.lines().find_map(line).unwrap_or_default()
    };
    let (active, sub, result) = (property("ActiveState"), property("SubState"), property("Result"));
    if property("LoadState") == "not-found" {
        return Verdict::down("there is no such unit");
    }
    match active.as_str() {
        "active" => Verdict::new(State::Well, &format!("active ({sub})")),
        "reloading" | "refreshing" => Verdict::new(State::Well, &active),
        "activating" | "deactivating" => Verdict::new(State::Warning, &format!("{active} ({sub})")),
        "failed" => Verdict::down(&format!("failed ({result})")),
        "" => Verdict::down("systemctl says nothing of it"),
        other => Verdict::down(&format!("{other} ({sub})")),
    }
}

/// The failed units in the list, without those that a pattern ignores: `*` stands for anything.
pub fn failed_units(list: &str, ignored: &[String]) -> Vec<String> {
    let name = |line: &str| line.split_whitespace().next().map(str::to_owned);
    let units = list.lines().filter_map(name).filter(|unit| unit.contains('.'));
    units
        .filter(|unit| !ignored.iter().any(|pattern| fits(pattern, unit)))
        .collect()
}

/// Whether a name fits a pattern in which `*` stands for anything.
pub(in super::super) fn fits(pattern: &str, name: &str) -> bool {
    let mut parts = pattern.split('*');
    let Some(mut rest) = parts.next().and_then(|head| name.strip_prefix(head)) else {
        return false;
    };
    let mut parts: Vec<&str> = parts.collect();
    let Some(tail) = parts.pop() else {
        return rest.is_empty();
    };
    for part in parts {
        match rest.split_once(part) {
            Some((_, after)) => rest = after,
            None => return false,
        }
    }
    rest.ends_with(tail)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_unit_is_well_when_it_is_active() {
        let shown = |load: &str, active: &str, sub: &str| {
            judge(&format!(
                "Result=exit-code\nLoadState={load}\nActiveState={active}\nSubState={sub}\n"
            ))
        };
        for (active, sub, state, detail) in [
            ("active", "running", State::Well, "active (running)"),
            (
                "activating",
                "auto-restart",
                State::Warning,
                "activating (auto-restart)",
            ),
            ("inactive", "dead", State::Critical, "inactive (dead)"),
            ("failed", "failed", State::Critical, "failed (exit-code)"),
        ] {
            let verdict = shown("loaded", active, sub);
            assert_eq!((verdict.state, verdict.detail.as_str()), (state, detail));
        }
        assert_eq!(shown("not-found", "inactive", "dead").detail, "there is no such unit");
        assert_eq!(judge("").state, State::Critical);
    }

    #[test]
    fn failed_units_are_listed_but_for_those_ignored() {
        let list =
            "nginx.service loaded failed failed A web server\nrun-credentials.mount loaded failed failed /run\n\n";
        assert_eq!(failed_units(list, &[]), ["nginx.service", "run-credentials.mount"]);
        assert_eq!(failed_units(list, &["*.mount".to_owned()]), ["nginx.service"]);
        assert!(failed_units("0 loaded units listed", &[]).is_empty());
    }

    #[test]
    fn a_star_stands_for_anything() {
        for (pattern, name, fit) in [
            ("a.service", "a.service", true),
            ("a", "ab", false),
            ("a*", "ab", true),
            ("*.mount", "x.mount", true),
            ("a*c*e", "abcde", true),
            ("a*c*e", "abdce", true),
            ("a*c*e", "abde", false),
            ("*", "", true),
            ("", "x", false),
            ("ab*ba", "aba", false),
        ] {
            assert_eq!(fits(pattern, name), fit, "{pattern} {name}");
        }
    }
}
