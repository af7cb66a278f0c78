//! Events, never polling: what happened goes out by PEP (XEP-0163), and by chat to those who are to be told.

use super::{Collector, Output};
use crate::monitor::{Alert, Change, Event, Topic};
use crate::stanza::{Stanza, ns};
use crate::xml::{Build, CLIENT, Element, element};
use chrono::{DateTime, SecondsFormat, Utc};
use minidom::element::ElementBuilder;

/// The node of our events.
const NODE: &str = ns::CODEBITS;
/// The key of what outlives the process.
const BOOT_ID: &str = "boot-id";

impl Collector {
    /// Publishes what has become of alerts.
    pub(super) fn announce(&mut self, changes: &[Change]) -> Vec<Output> {
        let mut outputs = Vec::new();
        for change in changes {
            let payload = payload(change, &self.options.host);
            outputs.push(self.publish(payload.clone()));
            outputs.push(self.publish_event(payload));
        }
        outputs
    }

    /// Says that the host has rebooted, when its boot id is not the one remembered. It is remembered once the server has
    /// the event: told twice is better than lost.
    pub(super) fn rebooted(&mut self) -> Vec<Output> {
        let Some(current) = self.boot_id.clone() else {
            return Vec::new();
        };
        let before = self.memory.load(BOOT_ID);
        if before.as_ref() == Some(&current) {
            return Vec::new();
        }
        if before.is_none() {
            self.memory.save(BOOT_ID, &current);
            return Vec::new();
        }
        let host = self.options.host.clone();
        let rebooted = event("rebooted", &host).build();
        let mut outputs = vec![self.publish(rebooted.clone())];
        self.reboot_told = Some(self.publication_id());
        outputs.push(self.publish_event(rebooted));
        outputs.extend(self.tell_all(&format!("{host} has rebooted.")));
        let mut state = self.board.lock();
        let wall = state.wall(state.sampled);
        state.desk.note(wall, Topic::Host, "", "rebooted");
        drop(state);
        outputs
    }

    /// The server has done what it was asked.
    pub(super) fn acknowledged(&mut self, result: &Stanza) {
        let told = self
            .reboot_told
            .take_if(|id| result.id().as_deref() == Some(id.as_str()));
        if let (Some(_), Some(current)) = (told, &self.boot_id) {
            self.memory.save(BOOT_ID, current);
        }
    }

    /// The id of the latest publication.
    fn publication_id(&self) -> String {
        format!("event-{}", self.publications)
    }

    /// XEP-0060 section 7.1 at the own account; the server makes the item's id.
    fn publish(&mut self, payload: Element) -> Output {
        self.publications += 1;
        let item = element("item", ns::PUBSUB).append(payload).build();
        let publish = element("publish", ns::PUBSUB).with("node", NODE).append(item).build();
        let pubsub = element("pubsub", ns::PUBSUB).append(publish).build();
        let iq = element("iq", CLIENT)
            .with("type", "set")
            .with("id", self.publication_id())
            .append(pubsub);
        Output::Send(iq.build())
    }
}

fn event(name: &str, host: &str) -> ElementBuilder {
    element(name, ns::CODEBITS).with("host", host)
}

fn payload(change: &Change, host: &str) -> Element {
    let alert = &change.alert;
    let name = match change.event {
        Event::Raised | Event::Changed(_) => "limit-exceeded",
        Event::Acknowledged => "alert-acknowledged",
        Event::Cleared => "limit-cleared",
    };
    let by = alert
        .acknowledgement()
        .map(|acknowledgement| acknowledgement.by.clone());
    event(name, host)
        .with("id", alert.id.to_string())
        .with("rule", &alert.rule)
        .with("statistic", &alert.statistic)
        .with("value", short(alert.value))
        .with("threshold", short(alert.threshold))
        .with("severity", alert.severity.as_str())
        .with("since", stamp(alert))
        .with_some("by", by)
        .append(alert.text.as_str())
        .build()
}

/// At most two decimals.
fn short(value: f64) -> String {
    ((value * 100.0).round() / 100.0).to_string()
}

/// XEP-0082.
fn stamp(alert: &Alert) -> String {
    DateTime::<Utc>::from(alert.since).to_rfc3339_opts(SecondsFormat::Secs, true)
}
