//! Exit codes of Nagios' plugins: 0 OK, 1 WARNING, 2 CRITICAL, 3 UNKNOWN; the first line says why, and what stands behind a
//! `|` in it is for machines.

use super::{State, Verdict};

/// Judges a program's end; `code` is `None` when a signal or the time limit ended it.
pub fn judge(code: Option<i32>, output: &str) -> Verdict {
    let said = output.lines().next().unwrap_or_default();
    let said = said.split('|').next().unwrap_or_default().trim();
    let or = |text: &str| {
        if said.is_empty() {
            text.to_owned()
        } else {
            said.to_owned()
        }
    };
    let verdict = match code {
        Some(0) => Verdict::new(State::Well, &or("OK")),
        Some(1) => Verdict::new(State::Warning, &or("warning")),
        Some(2) => Verdict::new(State::Critical, &or("critical")),
        Some(3) => Verdict::new(State::Warning, &["unknown: ", &or("no reason given")].concat()),
        Some(other) => Verdict::down(&format!("exit code {other}: {}", or("no reason given"))),
        None => Verdict::down(&["ended by a signal: ", &or("no reason given")].concat()),
    };
    Verdict {
        status: code.and_then(|code| u16::try_from(code).ok()),
        ..verdict
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exit_codes_are_states_and_the_first_line_the_reason() {
        for (code, state) in [
            (Some(0), State::Well),
            (Some(1), State::Warning),
            (Some(2), State::Critical),
            (Some(3), State::Warning),
            (Some(127), State::Critical),
            (None, State::Critical),
        ] {
            assert_eq!(judge(code, "").state, state, "{code:?}");
        }
        let verdict = judge(Some(1), "DISK WARNING - 9% left | /=42MB;8;9\nmore\n");
        assert_eq!(
            (verdict.detail.as_str(), verdict.status),
            ("DISK WARNING - 9% left", Some(1))
        );
        assert_eq!(judge(Some(3), "").detail, "unknown: no reason given");
    }
}
