//! XEP-0060: explicit subscriptions: made (section 6.1), ended (6.2) and listed (5.6). A contact needs none: presence
//! and capabilities subscribe it (XEP-0163 section 2.3).

use super::error::{bad_request, error};
use super::recipients::send_last_item;
use super::service::Service;
use crate::stanza::{Condition, StanzaError, ns};
use crate::store::{SendLast, Subscribed};
use crate::xml::{Build, Element, element};
use jid::Jid;

/// Subscribes the asker, under its bare JID or one of its full JIDs, and sends the last item.
///
/// # Errors
/// `invalid-jid` for somebody else's JID, what the node's access model says, or what the store refused.
pub fn subscribe(service: &Service<'_, '_>, name: &str, jid: &Jid) -> Result<Option<Element>, StanzaError> {
    if jid.to_bare() != *service.asker {
        return Err(bad_request("invalid-jid"));
    }
    service.readable(name)?;
    let node = service.change(name, |node| {
        node.subscriptions.insert(jid.to_string(), Subscribed::Subscribed);
    })?;
    if node.config.send_last_published_item != SendLast::Never {
        let sessions = service.cx.available(service.asker);
        for session in sessions.iter().filter(|session| jid.is_bare() || session.jid() == jid) {
            send_last_item(service.cx, service.account, name, &node, session);
        }
    }
    Ok(Some(
        element("pubsub", ns::PUBSUB)
            .append(subscription(name, jid.as_str()))
            .build(),
    ))
}

/// Ends a subscription of the asker.
///
/// # Errors
/// `forbidden` for somebody else's JID, `not-subscribed`, or what the store refused.
pub fn unsubscribe(service: &Service<'_, '_>, name: &str, jid: &Jid) -> Result<Option<Element>, StanzaError> {
    if jid.to_bare() != *service.asker {
        return Err(Condition::Forbidden.into());
    }
    if !service.node(name)?.subscriptions.contains_key(jid.as_str()) {
        return Err(error(Condition::UnexpectedRequest, "not-subscribed").with_type(crate::stanza::ErrorType::Cancel));
    }
    service.change(name, |node| {
        node.subscriptions.remove(jid.as_str());
    })?;
    Ok(None)
}

/// Lists the asker's subscriptions, to one node or to all.
///
/// # Errors
/// `item-not-found` for a node that is not there.
pub fn list(service: &Service<'_, '_>, name: Option<&str>) -> Result<Option<Element>, StanzaError> {
    let nodes = match name {
        Some(name) => vec![(name.to_owned(), service.node(name)?)],
        None => service.nodes().nodes(service.owner()),
    };
    let own = |jid: &String| Jid::new(jid).is_ok_and(|jid| jid.to_bare() == *service.asker);
    let subscriptions = nodes.iter().flat_map(|(name, node)| {
        let jids = node.subscriptions.keys().filter(|jid| own(jid));
        jids.map(|jid| subscription(name, jid))
    });
    let list = element("subscriptions", ns::PUBSUB)
        .with_some("node", name)
        .append_all(subscriptions)
        .build();
    Ok(Some(element("pubsub", ns::PUBSUB).append(list).build()))
}

fn subscription(node: &str, jid: &str) -> Element {
    element("subscription", ns::PUBSUB)
        .with("node", node)
        .with("jid", jid)
        .with("subscription", "subscribed")
        .build()
}
