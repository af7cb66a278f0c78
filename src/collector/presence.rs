//! Presence is the status: show, status line, capabilities (XEP-0115).

use super::{Collector, Output};
use crate::monitor::{Alert, Severity, Snapshot, age};
use crate::service::caps::{Algorithm, advertisement, ver};
use crate::xml::{Build, CLIENT, Element, element};
use std::time::Duration;

/// The node of the capabilities: the talk's own.
pub(super) const CAPS_NODE: &str = "codebits";
/// Between two changes of the status line alone.
const REFRESH: Duration = Duration::from_secs(5 * 60);
/// Alerts that the status line names.
const NAMED_MAX: usize = 3;

/// The presence last sent.
#[derive(Debug, Default)]
pub(super) struct Face {
    shown: Option<(Option<&'static str>, String)>,
    at: Duration,
}

impl Collector {
    /// The presence that stands for the present state; it counts as sent.
    pub(super) fn present(&mut self, now: Duration) -> Element {
        let (show, status) = self.state();
        let mut presence = element("presence", CLIENT);
        if let Some(show) = show {
            presence = presence.append(element("show", CLIENT).append(show).build());
        }
        presence = presence.append(element("status", CLIENT).append(status.as_str()).build());
        if let Ok(ver) = ver(&self.own_info(false), Algorithm::Sha1) {
            presence = presence.append(advertisement(CAPS_NODE, &ver));
        }
        self.face = Face {
            shown: Some((show, status)),
            at: now,
        };
        presence.build()
    }

    /// A new presence, if the state has changed, or the status line is old and wrong. Nothing before the first.
    pub(super) fn refresh(&mut self, news: bool, now: Duration) -> Option<Output> {
        let current = self.state();
        let shown = self.face.shown.as_ref()?;
        let aged = now.saturating_sub(self.face.at) >= REFRESH;
        let due = shown.0 != current.0 || (*shown != current && (news || aged));
        due.then(|| Output::Send(self.present(now)))
    }

    /// What is to be shown.
    pub(super) fn state(&self) -> (Option<&'static str>, String) {
        let state = self.board.lock();
        let show = match state.alerts.first().map(|alert| alert.severity) {
            None => None,
            Some(Severity::Warning) => Some("away"),
            Some(Severity::Critical) => Some("dnd"),
        };
        let status = match state.alerts.as_slice() {
            [] => summary(state.snapshot.as_deref()),
            alerts => problems(alerts),
        };
        (show, status)
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

/// The worst problem first.
fn problems(alerts: &[Alert]) -> String {
    let mut parts: Vec<String> = alerts.iter().take(NAMED_MAX).map(|alert| alert.text.clone()).collect();
    if let Some(more) = alerts.len().checked_sub(NAMED_MAX).filter(|more| *more > 0) {
        parts.push(format!("and {more} more"));
    }
    parts.join(" · ")
}
