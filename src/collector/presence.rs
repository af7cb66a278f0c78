//! Presence is the status: show, status line, capabilities (XEP-0115).

use super::board::State;
use super::notice::Reading;
use super::{Collector, Output};
use crate::monitor::{Alert, Severity, Snapshot, age};
use crate::service::caps::{Algorithm, advertisement, ver};
use crate::xml::{Build, CLIENT, Element, element};
use std::time::Duration;

/// The node of the capabilities: the talk's own.
pub(super) const CAPS_NODE: &str = "codebits";
/// The status line has values, but follows the state alone; so that it is not of last week, it is told anew after this.
const REFRESH: Duration = Duration::from_secs(60 * 60);
/// Between two presences, but for one that tells of something worse.
const PACE: Duration = Duration::from_secs(10);
/// Alerts that the status line names.
const NAMED_MAX: usize = 3;

/// What stands for a state: the presence changes when this does, not with each value.
type Key = (Option<&'static str>, Vec<(u64, Severity, bool)>);

/// The presence last sent.
#[derive(Debug, Default)]
pub(super) struct Face {
    shown: Option<Key>,
    at: Duration,
}

impl Collector {
    /// The presence that stands for the present state; it counts as sent.
    pub(super) fn present(&mut self, now: Duration) -> Element {
        let (show, status) = self.state(now);
        let mut presence = element("presence", CLIENT);
        if let Some(show) = show {
            presence = presence.append(element("show", CLIENT).append(show).build());
        }
        presence = presence.append(element("status", CLIENT).append(status.as_str()).build());
        if let Ok(ver) = ver(&self.own_info(false), Algorithm::Sha1) {
            presence = presence.append(advertisement(CAPS_NODE, &ver));
        }
        self.face = Face {
            shown: Some(self.key(now)),
            at: now,
        };
        presence.build()
    }

    /// A new presence, if the state has changed, or the status line is old. Nothing before the first.
    pub(super) fn refresh(&mut self, now: Duration) -> Option<Output> {
        let current = self.key(now);
        let shown = self.face.shown.as_ref()?;
        let since = now.saturating_sub(self.face.at);
        let worse = weight(current.0) > weight(shown.0);
        let due = (*shown != current && (worse || since >= PACE)) || since >= REFRESH;
        due.then(|| Output::Send(self.present(now)))
    }

    fn key(&self, now: Duration) -> Key {
        let state = self.board.lock();
        let loud = state.desk.loud(state.wall(now));
        let each = loud
            .iter()
            .map(|alert| (alert.id, alert.severity, alert.acknowledgement().is_some()));
        (show(&state, now), each.collect())
    }

    /// What is to be shown.
    fn state(&self, now: Duration) -> (Option<&'static str>, String) {
        let state = self.board.lock();
        (show(&state, now), status(&state, &self.reading(), now))
    }
}

/// How the host is, in a line.
pub(super) fn status(state: &State, reading: &Reading<'_>, now: Duration) -> String {
    let wall = state.wall(now);
    let loud = state.desk.loud(wall);
    match (state.desk.mutes().maintenance(wall), loud.as_slice()) {
        (Some(mute), _) => {
            let end = reading.zone.clock(mute.until, wall);
            format!("Maintenance until {end} ({})", reading.name(&mute.by))
        }
        (None, []) => summary(state.snapshot.as_deref()),
        (None, alerts) => problems(alerts, reading),
    }
}

/// The worst problem first.
fn problems(alerts: &[&Alert], reading: &Reading<'_>) -> String {
    let say = |alert: &&Alert| match alert.acknowledgement() {
        Some(by) => format!("{} (acknowledged by {})", alert.text, reading.name(&by.by)),
        None => alert.text.clone(),
    };
    let mut parts: Vec<String> = alerts.iter().take(NAMED_MAX).map(say).collect();
    if let Some(more) = alerts.len().checked_sub(NAMED_MAX).filter(|more| *more > 0) {
        parts.push(format!("and {more} more"));
    }
    parts.join(" · ")
}

fn show(state: &State, now: Duration) -> Option<&'static str> {
    let wall = state.wall(now);
    if state.desk.mutes().maintenance(wall).is_some() {
        return Some("xa");
    }
    let worst = state.desk.loud(wall).first().map(|alert| alert.severity);
    worst.map(|severity| match severity {
        Severity::Warning => "away",
        Severity::Critical => "dnd",
    })
}

/// How bad a `<show/>` of ours is.
fn weight(show: Option<&str>) -> u8 {
    match show {
        Some("dnd") => 2,
        Some("away") => 1,
        _ => 0,
    }
}

/// The presence that ends the session.
pub(super) fn unavailable(status: &str) -> Element {
    element("presence", CLIENT)
        .with("type", "unavailable")
        .append(element("status", CLIENT).append(status).build())
        .build()
}

/// `OK · load 0.40 · memory 41% · disk / 63% · up 3 d`; what is unknown is left out.
fn summary(snapshot: Option<&Snapshot>) -> String {
    let Some(snapshot) = snapshot else {
        return "Starting up".to_owned();
    };
    let value = |node, name| snapshot.value(node, name);
    let fullest = snapshot
        .members("disk")
        .filter_map(|disk| Some((disk, disk.statistic("percent")?)))
        .max_by(|a, b| a.1.value().total_cmp(&b.1.value()));
    let parts = [
        Some("OK".to_owned()),
        value("cpu", "5-min").map(|load| format!("load {load:.2}")),
        value("memory", "percent").map(|used| format!("memory {used:.0}%")),
        fullest.map(|(disk, used)| format!("disk {} {}", disk.member(), used.human())),
        value("uptime", "uptime").map(|seconds| format!("up {}", age(seconds))),
    ];
    parts.into_iter().flatten().collect::<Vec<_>>().join(" · ")
}
