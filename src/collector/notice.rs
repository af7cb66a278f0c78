//! A message about alerts: what it says of them now, and who was told.

use super::times::Zone;
use crate::monitor::{Alert, Life, Severity, age};
use jid::BareJid;
use serde::{Deserialize, Serialize};
use std::time::{Duration, SystemTime};

/// Alerts that a message names.
const NAMED_MAX: usize = 8;

/// One alert, as a message tells of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Line {
    /// The alert's number.
    pub(super) alert: u64,
    pub(super) severity: Severity,
    text: String,
    /// The processes that use most; for operators.
    culprits: String,
    since: SystemTime,
    lasted: Duration,
    pub(super) life: Life,
}

impl Line {
    /// An alert as it is now.
    pub(super) fn new(alert: &Alert, culprits: &str) -> Line {
        let flapping = if alert.flapping { ", flapping" } else { "" };
        Line {
            alert: alert.id,
            severity: alert.severity,
            text: [alert.text.as_str(), flapping].concat(),
            culprits: culprits.to_owned(),
            since: alert.since,
            lasted: alert.lasted,
            life: alert.life.clone(),
        }
    }

    /// Takes over what has become of the alert.
    pub(super) fn follow(&mut self, alert: &Alert) {
        let culprits = std::mem::take(&mut self.culprits);
        // At its end an alert's text has the value that ended it; what was wrong is what was told.
        let text = match alert.life {
            Life::Cleared => Some(std::mem::take(&mut self.text)),
            _ => None,
        };
        *self = Line::new(alert, &culprits);
        self.text = text.unwrap_or_else(|| std::mem::take(&mut self.text));
    }

    pub(super) fn is_over(&self) -> bool {
        self.life == Life::Cleared
    }

    fn word(&self) -> String {
        match self.is_over() {
            true => "OK".to_owned(),
            false => self.severity.as_str().to_uppercase(),
        }
    }

    fn state(&self, reading: &Reading<'_>) -> String {
        match &self.life {
            Life::Pending | Life::Firing => format!("firing since {}", reading.zone.time(self.since)),
            Life::Acknowledged(by) => {
                let note = if by.note.is_empty() {
                    String::new()
                } else {
                    format!(": {}", by.note)
                };
                format!(
                    "acknowledged by {} {}{note}",
                    reading.name(&by.by),
                    reading.zone.time(by.at)
                )
            }
            Life::Cleared => format!("cleared after {}", age(self.lasted.as_secs_f64())),
        }
    }
}

/// Somebody who was told.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Addressee {
    pub(super) account: BareJid,
    /// Whether names of processes are for them.
    pub(super) operator: bool,
    /// How often the message came back.
    #[serde(default)]
    pub(super) bounces: u32,
    /// When it is sent again.
    #[serde(skip)]
    pub(super) again: Option<Duration>,
}

/// How a message is put into words.
pub(super) struct Reading<'a> {
    pub(super) host: &'a str,
    pub(super) domain: &'a str,
    pub(super) zone: Zone,
}

impl Reading<'_> {
    /// An account as its colleagues know it.
    pub(super) fn name<'b>(&self, account: &'b str) -> &'b str {
        match account.split_once('@') {
            Some((name, domain)) if domain == self.domain => name,
            _ => account,
        }
    }
}

/// A message about alerts.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Notice {
    /// Its number.
    pub(super) number: u64,
    /// When it was made, seconds since the epoch: numbers begin anew with a new store, ids must not.
    pub(super) made: u64,
    /// Corrections so far.
    pub(super) revision: u32,
    /// Whether it reminds of what was told before.
    pub(super) reminder: bool,
    /// Whether the server has it.
    pub(super) sent: bool,
    /// Whether a later reminder tells of the same alerts, so that this one stays as it is.
    pub(super) superseded: bool,
    pub(super) lines: Vec<Line>,
    pub(super) to: Vec<Addressee>,
}

impl Notice {
    /// The id of the message.
    pub(super) fn id(&self) -> String {
        format!("alert-{}-{}", self.made, self.number)
    }

    /// The id of its latest correction.
    pub(super) fn correction_id(&self) -> String {
        format!("{}-{}", self.id(), self.revision)
    }

    /// Whether an id is this message's, or one of its corrections'.
    pub(super) fn has_id(&self, id: &str) -> bool {
        let own = self.id();
        id.strip_prefix(&own)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('-'))
    }

    /// Whether all its alerts are over.
    pub(super) fn is_over(&self) -> bool {
        self.lines.iter().all(Line::is_over)
    }

    /// What it says.
    pub(super) fn text(&self, reading: &Reading<'_>, operator: bool) -> String {
        match self.lines.as_slice() {
            [line] => self.one(line, reading, operator),
            lines => self.several(lines, reading),
        }
    }

    fn one(&self, line: &Line, reading: &Reading<'_>, operator: bool) -> String {
        let (word, host) = (line.word(), reading.host);
        let still = if self.reminder && !line.is_over() {
            format!("STILL {word} on {host} after {}", age(line.lasted.as_secs_f64()))
        } else {
            format!("{word} on {host}")
        };
        let mut text = format!("{still}: {} (alert {})\n{}", line.text, line.alert, line.state(reading));
        if operator && !line.culprits.is_empty() && !line.is_over() {
            text.push('\n');
            text.push_str(&line.culprits);
        }
        text
    }

    fn several(&self, lines: &[Line], reading: &Reading<'_>) -> String {
        let host = reading.host;
        let open = lines.iter().filter(|line| !line.is_over()).count();
        let mut head = match open {
            0 => format!("OK on {host}: all {} alerts are over", lines.len()),
            open if open == lines.len() => format!("{open} alerts on {host}"),
            open => format!("{open} of {} alerts on {host}", lines.len()),
        };
        if self.reminder && open > 0 {
            head.insert_str(0, "STILL ");
        }
        let mut sorted: Vec<&Line> = lines.iter().collect();
        sorted.sort_by_key(|line| (line.is_over(), std::cmp::Reverse(line.severity), line.alert));
        let say = |line: &&Line| {
            format!(
                "{} {} ({}), {}",
                line.word(),
                line.text,
                line.alert,
                line.state(reading)
            )
        };
        let mut text = vec![head];
        text.extend(sorted.iter().take(NAMED_MAX).map(say));
        if lines.len() > NAMED_MAX {
            text.push(format!("and {} more: say 'alerts'", lines.len() - NAMED_MAX));
        }
        text.join("\n")
    }
}
