//! What an Alertmanager posts: the webhook's payload, version 4
//! (<https://prometheus.io/docs/alerting/latest/configuration/#webhook_config>).

use crate::monitor::ForeignAlert;
use serde::Deserialize;
use std::collections::BTreeMap;

/// Alerts of one notification that are read.
const ALERTS_MAX: usize = 1_000;

#[derive(Deserialize)]
struct Notification {
    #[serde(default)]
    version: Option<String>,
    alerts: Vec<Alert>,
}

#[derive(Deserialize)]
struct Alert {
    status: Status,
    #[serde(default)]
    labels: BTreeMap<String, String>,
    #[serde(default)]
    annotations: BTreeMap<String, String>,
    #[serde(default)]
    fingerprint: String,
}

#[derive(Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Status {
    Firing,
    Resolved,
}

/// The alerts of a notification.
///
/// # Errors
/// A sentence for whoever posted it.
pub(super) fn read(text: &[u8]) -> Result<Vec<ForeignAlert>, String> {
    let notification: Notification =
        serde_json::from_slice(text).map_err(|error| format!("This is no notification of an Alertmanager: {error}"))?;
    if let Some(version) = notification.version.filter(|version| version != "4") {
        return Err(format!("Version {version} of the notification is not known, 4 is."));
    }
    if notification.alerts.len() > ALERTS_MAX {
        return Err(format!("A notification may have {ALERTS_MAX} alerts."));
    }
    Ok(notification.alerts.iter().map(alert).collect())
}

fn alert(alert: &Alert) -> ForeignAlert {
    let label = |name: &str| {
        alert
            .labels
            .get(name)
            .map(String::as_str)
            .filter(|value| !value.is_empty())
    };
    let note = |name: &str| {
        alert
            .annotations
            .get(name)
            .map(String::as_str)
            .filter(|value| !value.is_empty())
    };
    let name = label("alertname").unwrap_or("alert");
    let about = note("summary").or(note("description")).or(note("message"));
    let text = [Some(name), label("instance").or(label("job")), about];
    ForeignAlert {
        name: name.to_owned(),
        fingerprint: match alert.fingerprint.as_str() {
            "" => label("instance").unwrap_or("x").to_owned(),
            fingerprint => fingerprint.to_owned(),
        },
        fires: alert.status == Status::Firing,
        critical: matches!(label("severity"), Some("critical" | "page" | "error" | "emergency")),
        text: text.into_iter().flatten().collect::<Vec<_>>().join(": "),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As Alertmanager 0.27 posts it.
    const POSTED: &str = r#"{"receiver":"watchpost","status":"firing","alerts":[
        {"status":"firing","labels":{"alertname":"DiskFull","instance":"db1:9100","severity":"critical"},
         "annotations":{"summary":"/ is 97 % full"},"startsAt":"2026-01-01T10:00:00Z","endsAt":"0001-01-01T00:00:00Z",
         "generatorURL":"http://prom/graph","fingerprint":"f2d36d8cdd57b5d4"},
        {"status":"resolved","labels":{"alertname":"Slow"},"annotations":{},"fingerprint":"aa"}],
        "groupLabels":{},"commonLabels":{},"commonAnnotations":{},"externalURL":"http://am","version":"4",
        "groupKey":"{}:{}","truncatedAlerts":0}"#;

    #[test]
    fn a_notification_becomes_alerts() {
        let alerts = read(POSTED.as_bytes()).expect("two alerts");
        assert_eq!(alerts[0].text, "DiskFull: db1:9100: / is 97 % full");
        assert_eq!((alerts[0].fires, alerts[0].critical), (true, true));
        assert_eq!(
            (alerts[1].name.as_str(), alerts[1].fires, alerts[1].critical),
            ("Slow", false, false)
        );
    }

    #[test]
    fn what_is_none_is_refused() {
        for wrong in [
            "",
            "[]",
            "{}",
            r#"{"alerts":[{"status":"odd"}]}"#,
            r#"{"version":"5","alerts":[]}"#,
        ] {
            assert!(read(wrong.as_bytes()).is_err(), "{wrong}");
        }
        let many = vec![r#"{"status":"firing"}"#; ALERTS_MAX + 1].join(",");
        assert!(read(format!(r#"{{"alerts":[{many}]}}"#).as_bytes()).is_err());
    }
}
