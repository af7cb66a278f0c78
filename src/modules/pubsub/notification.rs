//! XEP-0060 section 7.1.2 and XEP-0163 section 4: event notifications.

use super::item::new_id;
use super::service::Service;
use crate::router::{Context, Session};
use crate::stanza::ns;
use crate::store::NotificationType;
use crate::xml::{Address, Build, CLIENT, Element, Frame, element, to_bytes};
use bytes::Bytes;
use chrono::{DateTime, SecondsFormat, Utc};

/// A notification, serialised once: each recipient gets an opening tag of its own and shares the rest.
#[derive(Debug)]
pub struct Notification {
    frame: Frame,
}

/// An item as notifications and results carry it. `ns` is that of the element around it.
pub fn item(ns: &str, id: &str, payload: Option<Element>) -> Element {
    element("item", ns).with("id", id).append_all(payload).build()
}

/// Items were published (section 7.1.2.1).
pub fn published(node: &str, items: impl IntoIterator<Item = Element>) -> Element {
    element("items", ns::PUBSUB_EVENT)
        .with("node", node)
        .append_all(items)
        .build()
}

/// Items were retracted (section 7.2.2.1).
pub fn retracted(node: &str, ids: &[String]) -> Element {
    let retract = |id: &String| element("retract", ns::PUBSUB_EVENT).with("id", id).build();
    published(node, ids.iter().map(retract))
}

/// The node was made (XEP-0248 section 4.3.1.2), emptied (section 8.5.2), deleted (section 8.4.2) or configured (section
/// 8.2.5.3): `what` is `create`, `purge`, `delete` or `configuration`.
pub fn of_node(node: &str, what: &'static str, content: Option<Element>) -> Element {
    element(what, ns::PUBSUB_EVENT)
        .with("node", node)
        .append_all(content)
        .build()
}

/// A node was associated with a collection, or dissociated from it (XEP-0248 section 4.3.2).
pub fn association(collection: &str, node: &str, associate: bool) -> Element {
    let what = if associate { "associate" } else { "dissociate" };
    let change = element(what, ns::PUBSUB_EVENT).with("node", node).build();
    of_node(collection, "collection", Some(change))
}

/// The state of a subscription (section 12.13).
pub fn subscription(node: &str, jid: &str, id: &str, state: &str) -> Element {
    element("subscription", ns::PUBSUB_EVENT)
        .with("node", node)
        .with("jid", jid)
        .with("subid", id)
        .with("subscription", state)
        .build()
}

/// The headers of those who hear of it through collections, or are subscribed more than once (XEP-0131).
pub fn headers(collections: &[&str], subids: &[&str]) -> Bytes {
    let header =
        |name: &'static str| move |value: &&str| element("header", ns::SHIM).with("name", name).append(*value).build();
    let headers = element("headers", ns::SHIM)
        .append_all(collections.iter().map(header("Collection")))
        .append_all(subids.iter().map(header("SubID")));
    to_bytes(&headers.build(), CLIENT)
}

impl Notification {
    /// A notification of what is happening.
    pub fn new(service: &Service<'_, '_>, kind: NotificationType, event: Element) -> Notification {
        Notification::build(service, kind, event, None)
    }

    /// The last item of a node, as it stood before the recipient came (section 6.1.7, XEP-0163 section 4.3.4).
    pub fn late(
        service: &Service<'_, '_>,
        kind: NotificationType,
        event: Element,
        since: DateTime<Utc>,
    ) -> Notification {
        let delay = element("delay", ns::DELAY).with("stamp", since.to_rfc3339_opts(SecondsFormat::Secs, true));
        Notification::build(service, kind, event, Some(delay.build()))
    }

    fn build(
        service: &Service<'_, '_>,
        kind: NotificationType,
        event: Element,
        delay: Option<Element>,
    ) -> Notification {
        let message = element("message", CLIENT)
            .with("from", service.jid.as_str())
            .with("type", kind.as_str())
            .with_some("id", new_id().ok())
            .append(element("event", ns::PUBSUB_EVENT).append(event).build())
            .append_all(delay);
        Notification {
            frame: Frame::from_element(&message.build()),
        }
    }

    /// Sends it to one session, under the address that it has subscribed with.
    pub fn send(&self, cx: &Context<'_>, session: &Session, to: &str, headers: &[Bytes]) {
        let address = Address {
            to: Some(to),
            ..Address::default()
        };
        cx.send_rope(session, self.frame.deliver(&address, &[], headers));
    }

    /// Routes it to somebody who has no session to take it: it is kept, or lost, as its type says.
    pub fn keep(&self, cx: &Context<'_>, to: &str) {
        let address = Address {
            to: Some(to),
            ..Address::default()
        };
        let rope = self.frame.deliver(&address, &[], &[]);
        if let Ok(frame) = Frame::parse(rope.to_bytes(), &crate::xml::Limits::NONE) {
            cx.route(&frame.to_element());
        }
    }
}
