//! XEP-0060 section 7.1.2 and XEP-0163 section 4: event notifications.

use crate::router::{Context, Session};
use crate::stanza::ns;
use crate::xml::{Address, Build, CLIENT, Element, Frame, element};
use chrono::{DateTime, SecondsFormat, Utc};
use jid::BareJid;

/// A notification, serialised once: each recipient gets an opening tag of its own and shares the rest.
#[derive(Debug)]
pub struct Notification {
    frame: Frame,
}

/// An item as notifications and results carry it. `ns` is that of the element around it.
pub fn item(ns: &str, id: &str, payload: Option<Element>) -> Element {
    element("item", ns).with("id", id).append_all(payload).build()
}

impl Notification {
    /// Items were published (section 7.1.2.1).
    pub fn published(service: &BareJid, node: &str, items: impl IntoIterator<Item = Element>) -> Notification {
        let items = element("items", ns::PUBSUB_EVENT).with("node", node).append_all(items);
        Notification::new(service, items.build(), None)
    }

    /// The last item of a node, as it stood before the recipient came (section 7.1.2.1, XEP-0163 section 4.3.4).
    pub fn last(service: &BareJid, node: &str, item: Element, since: DateTime<Utc>) -> Notification {
        let items = element("items", ns::PUBSUB_EVENT).with("node", node).append(item);
        let delay = element("delay", ns::DELAY).with("stamp", since.to_rfc3339_opts(SecondsFormat::Secs, true));
        Notification::new(service, items.build(), Some(delay.build()))
    }

    /// Items were retracted (section 7.2.2.1).
    pub fn retracted(service: &BareJid, node: &str, ids: &[String]) -> Notification {
        let retract = |id: &String| element("retract", ns::PUBSUB_EVENT).with("id", id).build();
        let items = element("items", ns::PUBSUB_EVENT)
            .with("node", node)
            .append_all(ids.iter().map(retract));
        Notification::new(service, items.build(), None)
    }

    /// The node was emptied (section 8.5.2) or deleted (section 8.4.2): `what` is `purge` or `delete`.
    pub fn of_node(service: &BareJid, node: &str, what: &'static str) -> Notification {
        Notification::new(
            service,
            element(what, ns::PUBSUB_EVENT).with("node", node).build(),
            None,
        )
    }

    fn new(service: &BareJid, event: Element, delay: Option<Element>) -> Notification {
        let message = element("message", CLIENT)
            .with("from", service.as_str())
            .with("type", "headline")
            .append(element("event", ns::PUBSUB_EVENT).append(event).build())
            .append_all(delay);
        Notification {
            frame: Frame::from_element(&message.build()),
        }
    }

    /// Sends it to one session.
    pub fn send(&self, cx: &Context<'_>, session: &Session) {
        let address = Address {
            to: Some(session.jid().as_str()),
            ..Address::default()
        };
        cx.send_rope(session, self.frame.deliver(&address, &[], &[]));
    }
}
