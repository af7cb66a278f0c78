//! XEP-0060: explicit subscriptions: made (section 6.1), ended (6.2) and listed (5.6). A contact needs none at an account:
//! presence and capabilities subscribe it (XEP-0163 section 2.3).

use super::access::{may_ask, may_read, owners};
use super::error::{bad_request, error, too_many_subscriptions, unsupported};
use super::item::new_id;
use super::request::{Fields, Named};
use super::service::Service;
use super::{approval, last_item, notification, options};
use crate::stanza::{Condition, ErrorType, StanzaError, ns};
use crate::store::{Node, Subscribed, Subscription, SubscriptionOptions};
use crate::xml::{Build, CLIENT, Element, element};
use jid::Jid;

/// Subscribes the asker, under its bare JID or one of its full JIDs, and sends the last item. A node that asks its owners
/// asks them. Who subscribes again as before, or without options, is told how it stands; with other options it has one
/// subscription more.
///
/// # Errors
/// Those of section 6.1.3, or what the store refused.
pub fn subscribe(
    service: &Service<'_, '_>,
    name: &str,
    jid: &Jid,
    fields: Option<&Fields>,
) -> Result<Option<Element>, StanzaError> {
    if jid.to_bare() != *service.asker {
        return Err(bad_request("invalid-jid"));
    }
    let node = service.node(name)?;
    let state = admit(service, name, &node)?;
    let mut chosen = SubscriptionOptions::default();
    options::apply(node.config.is_collection, &mut chosen, fields.unwrap_or(&Fields::new()))?;
    let new = Subscription {
        jid: jid.to_string(),
        id: new_id()?,
        state,
        options: chosen,
    };
    let subscription = match standing(service, &node, &new, fields.is_some())? {
        Some(before) => before,
        None => {
            add(service, name, &node, &new)?;
            new
        }
    };
    let chosen = fields.map(|_| {
        let form = options::form("result", node.config.is_collection, &subscription.options);
        element("options", ns::PUBSUB).append(form).build()
    });
    Ok(Some(
        element("pubsub", ns::PUBSUB)
            .append(described(name, &subscription, subscription.state.as_str()))
            .append_all(chosen)
            .build(),
    ))
}

/// The state that a new subscription of the asker has.
fn admit(service: &Service<'_, '_>, name: &str, node: &Node) -> Result<Subscribed, StanzaError> {
    let who = service.party();
    let admitted = may_read(service, name, node, who);
    if !node.config.subscribe {
        return Err(unsupported("subscribe"));
    }
    match admitted {
        Ok(()) => Ok(Subscribed::Subscribed),
        Err(_) if may_ask(service, name, node, who) => Ok(Subscribed::Pending),
        Err(refusal) => Err(refusal),
    }
}

/// The subscription that the same request has made before, if it has.
fn standing(
    service: &Service<'_, '_>,
    node: &Node,
    new: &Subscription,
    chosen: bool,
) -> Result<Option<Subscription>, StanzaError> {
    let before = node.live(service.now()).filter(|before| before.jid == new.jid);
    let before: Vec<&Subscription> = before.collect();
    if before.iter().any(|before| before.state == Subscribed::Pending) {
        return Err(error(Condition::NotAuthorized, "pending-subscription"));
    }
    let same = before
        .into_iter()
        .find(|before| !chosen || before.options == new.options);
    if same.is_none() && options::conflicts(node, new, &new.options) {
        return Err(Condition::Conflict.into());
    }
    Ok(same.cloned())
}

fn add(service: &Service<'_, '_>, name: &str, node: &Node, new: &Subscription) -> Result<(), StanzaError> {
    if node.live(service.now()).count() >= service.cx.store().limits().node_subscriptions_max {
        tracing::warn!(node = name, "a subscription was refused: limits.pubsub_subscriptions");
        return Err(too_many_subscriptions());
    }
    let node = service.change(name, |node| node.subscribers.push(new.clone()))?;
    match new.state {
        Subscribed::Pending => approval::ask(service, name, &node, new),
        Subscribed::Subscribed => {
            tell_owners(service, name, &node, new, "subscribed");
            last_item::of_subscription(service, name, &node, new);
        }
    }
    Ok(())
}

/// Ends a subscription of the asker.
///
/// # Errors
/// Those of section 6.2.3, or what the store refused.
pub fn unsubscribe(service: &Service<'_, '_>, named: &Named) -> Result<Option<Element>, StanzaError> {
    let node = service.node(&named.node)?;
    let subscription = options::find(service, &node, named, ErrorType::Cancel)?;
    service.change(&named.node, |node| {
        node.subscribers.retain(|one| one.id != subscription.id)
    })?;
    if subscription.state == Subscribed::Subscribed {
        tell_owners(service, &named.node, &node, subscription, "none");
    }
    Ok(Some(
        element("pubsub", ns::PUBSUB)
            .append(described(&named.node, subscription, "none"))
            .build(),
    ))
}

/// Lists the asker's subscriptions, to one node or to all.
///
/// # Errors
/// `item-not-found` for a node that is not there.
pub fn list(service: &Service<'_, '_>, name: Option<&str>) -> Result<Option<Element>, StanzaError> {
    let nodes = match name {
        Some(name) => vec![(name.to_owned(), service.known(name)?)],
        None => service.nodes().nodes(service.owner()),
    };
    let subscriptions = nodes.iter().flat_map(|(name, node)| {
        let own = node.live_of(service.asker.as_str(), service.now());
        own.map(|one| described(name, one, one.state.as_str()))
    });
    let list = element("subscriptions", ns::PUBSUB)
        .with_some("node", name)
        .append_all(subscriptions)
        .build();
    Ok(Some(element("pubsub", ns::PUBSUB).append(list).build()))
}

/// Tells a subscriber what has become of a subscription (section 12.13).
pub fn tell_subscriber(service: &Service<'_, '_>, name: &str, subscription: &Subscription, state: &str) {
    tell(service, &subscription.jid, name, subscription, state);
}

/// Tells the owners of a subscriber who comes or goes, where the node is so configured.
fn tell_owners(service: &Service<'_, '_>, name: &str, node: &Node, subscription: &Subscription, state: &str) {
    if node.config.notify_sub {
        for owner in owners(service, node) {
            tell(service, owner.as_str(), name, subscription, state);
        }
    }
}

fn tell(service: &Service<'_, '_>, to: &str, name: &str, subscription: &Subscription, state: &str) {
    let event = notification::subscription(name, &subscription.jid, &subscription.id, state);
    let message = element("message", CLIENT)
        .with("from", service.jid.as_str())
        .with("to", to)
        .with("type", "headline")
        .append(element("event", ns::PUBSUB_EVENT).append(event).build());
    service.cx.route(&message.build());
}

fn described(node: &str, subscription: &Subscription, state: &str) -> Element {
    element("subscription", ns::PUBSUB)
        .with("node", node)
        .with("jid", subscription.jid.as_str())
        .with("subid", subscription.id.as_str())
        .with("subscription", state)
        .build()
}
