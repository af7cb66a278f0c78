//! XEP-0060 section 8.8: the subscriptions of a node, which its owners manage.

use super::approval::decide;
use super::item::new_id;
use super::request::Resubscribed;
use super::service::Service;
use super::subscription::tell_subscriber;
use super::{error::too_many_subscriptions, last_item};
use crate::stanza::{Condition, StanzaError, ns};
use crate::store::{Node, Subscribed, Subscription, SubscriptionOptions};
use crate::xml::{Build, Element, element};

/// The subscriptions of a node, but for those that wait for an answer (section 8.8.1).
///
/// # Errors
/// `forbidden`, `item-not-found`.
pub fn list(service: &Service<'_, '_>, name: &str) -> Result<Option<Element>, StanzaError> {
    let node = service.owned(name)?;
    let live = node.live(service.now());
    let subscribed = live.filter(|one| one.state == Subscribed::Subscribed);
    let entries = subscribed.map(|one| described(&one.jid, Some(&one.id), one.state.as_str()));
    Ok(Some(listed(name, entries)))
}

/// Changes subscriptions (section 8.8.2), and tells their subscribers. What cannot be is given back as it stands, and the
/// rest is done.
///
/// # Errors
/// `forbidden`, `item-not-found`, `not-acceptable`, `too-many-subscriptions`, or what the store refused.
pub fn change(service: &Service<'_, '_>, name: &str, changes: &[Resubscribed]) -> Result<Option<Element>, StanzaError> {
    let mut refused = Vec::new();
    service.owned(name)?;
    for change in changes {
        let node = service.owned(name)?;
        let held: Vec<&Subscription> = node.live(service.now()).filter(|one| is_meant(change, one)).collect();
        match (change.state.as_str(), held.as_slice()) {
            ("subscribed", []) if change.subid.is_none() => add(service, name, &node, change)?,
            ("subscribed", [_, ..]) => admit(service, name, &held)?,
            ("none", [_, ..]) => remove(service, name, &held)?,
            (_, held) => {
                let state = held.first().map_or("none", |one| one.state.as_str());
                refused.push(described(change.jid.as_str(), change.subid.as_deref(), state));
            }
        }
    }
    match refused.is_empty() {
        true => Ok(None),
        false => Err(StanzaError::from(Condition::NotAcceptable).with_echo(listed(name, refused))),
    }
}

fn is_meant(change: &Resubscribed, one: &Subscription) -> bool {
    one.jid == change.jid.as_str() && change.subid.as_ref().is_none_or(|id| *id == one.id)
}

fn add(service: &Service<'_, '_>, name: &str, node: &Node, change: &Resubscribed) -> Result<(), StanzaError> {
    if node.live(service.now()).count() >= service.cx.store().limits().node_subscriptions_max {
        tracing::warn!(node = name, "a subscription was refused: limits.pubsub_subscriptions");
        return Err(too_many_subscriptions());
    }
    let new = Subscription {
        jid: change.jid.to_string(),
        id: new_id()?,
        state: Subscribed::Subscribed,
        options: SubscriptionOptions::default(),
    };
    let node = service.change(name, |node| node.subscribers.push(new.clone()))?;
    tell_subscriber(service, name, &new, "subscribed");
    last_item::of_subscription(service, name, &node, &new);
    Ok(())
}

fn admit(service: &Service<'_, '_>, name: &str, held: &[&Subscription]) -> Result<(), StanzaError> {
    let mut pending = held.iter().filter(|one| one.state == Subscribed::Pending);
    pending.try_for_each(|one| decide(service, name, one, true))
}

fn remove(service: &Service<'_, '_>, name: &str, held: &[&Subscription]) -> Result<(), StanzaError> {
    held.iter().try_for_each(|one| decide(service, name, one, false))
}

fn described(jid: &str, id: Option<&str>, state: &str) -> Element {
    element("subscription", ns::PUBSUB_OWNER)
        .with("jid", jid)
        .with_some("subid", id)
        .with("subscription", state)
        .build()
}

fn listed(name: &str, entries: impl IntoIterator<Item = Element>) -> Element {
    let list = element("subscriptions", ns::PUBSUB_OWNER)
        .with("node", name)
        .append_all(entries);
    element("pubsub", ns::PUBSUB_OWNER).append(list.build()).build()
}
