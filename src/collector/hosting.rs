//! What the collector has at the domain's publish-subscribe service (XEP-0248): the collection `hosts/NAME`, by the name
//! of its account, with a leaf for what happens and one for what is measured. Who may watch the collector alone, where
//! the configuration narrows that, may read them.

use super::discovery::statistic;
use super::{Collector, Output};
use crate::monitor::{Node, Snapshot};
use crate::stanza::ns;
use crate::xml::{Build, CLIENT, Element, element};
use std::time::Duration;

/// Between two publications of what is measured.
const INTERVAL: Duration = Duration::from_secs(60);
/// Events that the service keeps.
const EVENTS_MAX: &str = "100";

impl Collector {
    /// Makes the nodes, or has those of an earlier start be as they are configured now.
    pub(super) fn open_nodes(&self) -> Vec<Output> {
        let nodes = [
            ("", "collection", self.options.host.clone(), None),
            (
                "/events",
                "leaf",
                ["Events of ", &self.options.host].concat(),
                Some(EVENTS_MAX),
            ),
            (
                "/statistics",
                "leaf",
                ["Statistics of ", &self.options.host].concat(),
                Some("1"),
            ),
        ];
        let mut outputs = Vec::new();
        for (below, kind, title, max_items) in nodes {
            let name = self.node_name(below);
            let form = self.node_form(kind, &title, max_items);
            let create = element("create", ns::PUBSUB).with("node", name.as_str()).build();
            let configure = element("configure", ns::PUBSUB).append(form.clone()).build();
            outputs.push(self.to_service(ns::PUBSUB, "create-node", [create, configure]));
            let configure = element("configure", ns::PUBSUB_OWNER).with("node", name).append(form);
            outputs.push(self.to_service(ns::PUBSUB_OWNER, "configure-node", [configure.build()]));
        }
        outputs
    }

    /// An event, beside the one of the own account (XEP-0163).
    pub(super) fn publish_event(&self, payload: Element) -> Output {
        self.publish_to("/events", None, payload)
    }

    /// What is measured, from time to time; the newest takes the place of the one before.
    pub(super) fn publish_statistics(&mut self, now: Duration) -> Option<Output> {
        if self
            .statistics_told
            .is_some_and(|told| now.saturating_sub(told) < INTERVAL)
        {
            return None;
        }
        let snapshot = self.board.lock().snapshot.clone()?;
        self.statistics_told = Some(now);
        let payload = statistics(&self.options.host, &snapshot);
        Some(self.publish_to("/statistics", Some("current"), payload))
    }

    fn publish_to(&self, below: &str, id: Option<&str>, payload: Element) -> Output {
        let item = element("item", ns::PUBSUB).with_some("id", id).append(payload);
        let publish = element("publish", ns::PUBSUB)
            .with("node", self.node_name(below))
            .append(item.build());
        self.to_service(ns::PUBSUB, "publish-to-service", [publish.build()])
    }

    fn node_name(&self, below: &str) -> String {
        let name = self.jid.node().map_or("", |node| node.as_str());
        ["hosts/", name, below].concat()
    }

    fn node_form(&self, kind: &str, title: &str, max_items: Option<&str>) -> Element {
        // Those who watch the collector receive its presence.
        let access = if self.options.watchers.is_some() {
            "presence"
        } else {
            "open"
        };
        let field = |(var, value): (&str, &str)| {
            let value = element("value", ns::DATA_FORMS).append(value).build();
            element("field", ns::DATA_FORMS).with("var", var).append(value).build()
        };
        let fields = [
            ("FORM_TYPE", ns::PUBSUB_CONFIGURE),
            ("pubsub#node_type", kind),
            ("pubsub#title", title),
            ("pubsub#access_model", access),
        ];
        element("x", ns::DATA_FORMS)
            .with("type", "submit")
            .append_all(fields.map(field))
            .append_all(max_items.map(|max| field(("pubsub#max_items", max))))
            .build()
    }

    fn to_service(&self, namespace: &str, id: &str, children: impl IntoIterator<Item = Element>) -> Output {
        let iq = element("iq", CLIENT)
            .with("type", "set")
            .with("id", id)
            .with("to", self.service())
            .append(element("pubsub", namespace).append_all(children).build());
        Output::Send(iq.build())
    }

    /// The address of the domain's service.
    pub(super) fn service(&self) -> String {
        ["pubsub.", self.jid.domain().as_str()].concat()
    }
}

/// Every group and member with its values, as disco#info shows each of them.
fn statistics(host: &str, snapshot: &Snapshot) -> Element {
    let group = |node: &Node| {
        element("group", ns::CODEBITS)
            .with("node", &node.id)
            .append_all(node.statistics.iter().map(statistic))
            .build()
    };
    element("statistics", ns::CODEBITS)
        .with("host", host)
        .append_all(
            snapshot
                .nodes
                .iter()
                .filter(|node| !node.statistics.is_empty())
                .map(group),
        )
        .build()
}
