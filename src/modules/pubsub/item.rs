//! XEP-0060: items: retrieved (section 6.5) and retracted (7.2).

use super::access::{affiliation, may_publish};
use super::error::{bad_request, error, unsupported};
use super::notification::{item, retracted};
use super::recipients::{Concern, notify};
use super::request::Items;
use super::service::Service;
use crate::stanza::rsm::{SetQuery, SetResult};
use crate::stanza::{Condition, StanzaError, ns};
use crate::store::{Affiliation, ItemHead, Node, NodeConfig, PepItem};
use crate::xml::{Build, Element, Frame, Limits, element};
use chrono::{DateTime, TimeDelta, Utc};

/// Retrieves items: those with the ids, or the newest `max`, or a page of them, oldest first.
///
/// # Errors
/// Those of section 6.5.9; `item-not-found` for a page that begins nowhere.
pub fn retrieve(service: &Service<'_, '_>, asked: &Items) -> Result<Option<Element>, StanzaError> {
    let name = asked.node.as_str();
    let node = service.readable(name)?;
    check_subid(service, &node, asked.subid.as_deref())?;
    if node.config.is_collection {
        return Err(unsupported("retrieve-items"));
    }
    if !node.config.persist_items {
        return Err(unsupported("persistent-items"));
    }
    let (found, set) = match (&asked.page, asked.ids.as_slice()) {
        (Some(page), []) => {
            let (ids, set) = page_of(&live_heads(service, name, &node.config), page)?;
            (by_ids(service, name, &node.config, &ids), Some(set))
        }
        (_, []) => {
            let max = asked.max.unwrap_or(usize::MAX);
            (live_items(service, name, &node.config, max), None)
        }
        (_, ids) => (by_ids(service, name, &node.config, ids), None),
    };
    let items = found.iter().map(|found| item(ns::PUBSUB, &found.id, payload(found)));
    let items = element("items", ns::PUBSUB)
        .with("node", name)
        .append_all(items)
        .build();
    let answer = element("pubsub", ns::PUBSUB).append(items).append_all(set);
    Ok(Some(answer.build()))
}

/// Sections 6.5.9.1 and 6.5.9.2: who is subscribed more than once says under which subscription it asks.
fn check_subid(service: &Service<'_, '_>, node: &Node, subid: Option<&str>) -> Result<(), StanzaError> {
    let own: Vec<_> = node.live_of(service.asker.as_str(), service.now()).collect();
    let is_twice = |jid: &str| own.iter().filter(|one| one.jid == jid).count() > 1;
    match subid {
        Some(id) if !own.is_empty() && own.iter().all(|one| one.id != id) => {
            Err(error(Condition::NotAcceptable, "invalid-subid"))
        }
        None if own.iter().any(|one| is_twice(&one.jid)) => Err(bad_request("subid-required")),
        _ => Ok(()),
    }
}

/// The ids of a page (XEP-0059), and what is said of it.
fn page_of(heads: &[ItemHead], page: &SetQuery) -> Result<(Vec<String>, Element), StanzaError> {
    let ids: Vec<&str> = heads.iter().map(|head| head.id.as_str()).collect();
    let range = page.select(&ids, usize::MAX)?;
    let set = SetResult::of(&ids, &range).to_element();
    Ok((ids[range].iter().map(|id| (*id).to_owned()).collect(), set))
}

/// Retracts items; those that are not there are passed over, unless none is. Owners may retract any, others their own.
///
/// # Errors
/// Those of section 7.2.3, or what the store refused.
pub fn retract(
    service: &Service<'_, '_>,
    name: &str,
    ids: &[String],
    notify_anyway: bool,
) -> Result<Option<Element>, StanzaError> {
    let node = service.node_for_publisher(name)?;
    may_publish(service, name, &node, service.party())?;
    if node.config.is_collection || !node.config.persist_items {
        return Err(unsupported("persistent-items"));
    }
    let found = by_ids(service, name, &node.config, ids);
    if found.is_empty() {
        return Err(Condition::ItemNotFound.into());
    }
    let owns = affiliation(service, name, &node, service.party()) == Some(Affiliation::Owner);
    if !owns && !found.iter().all(|item| is_by(&item.publisher, service.asker.as_str())) {
        return Err(Condition::Forbidden.into());
    }
    for item in &found {
        service.written(service.nodes().retract(service.owner(), name, &item.id))?;
    }
    if notify_anyway || node.config.notify_retract {
        let ids: Vec<String> = found.into_iter().map(|item| item.id).collect();
        notify(service, name, &node, Concern::Items, retracted(name, &ids));
    }
    Ok(None)
}

fn is_by(publisher: &str, account: &str) -> bool {
    publisher.split('/').next() == Some(account)
}

/// The newest items that have not expired, oldest first, at most `max`.
pub fn live_items(service: &Service<'_, '_>, name: &str, config: &NodeConfig, max: usize) -> Vec<PepItem> {
    let mut items = service.nodes().items(service.owner(), name, max);
    items.retain(|item| is_live(config, item.stamp, service.now()));
    items
}

/// All items that have not expired without their payloads, oldest first.
pub fn live_heads(service: &Service<'_, '_>, name: &str, config: &NodeConfig) -> Vec<ItemHead> {
    let mut heads = service.nodes().item_heads(service.owner(), name);
    heads.retain(|head| is_live(config, head.stamp, service.now()));
    heads
}

/// The items with these ids, each once, that are there and have not expired.
fn by_ids(service: &Service<'_, '_>, name: &str, config: &NodeConfig, ids: &[String]) -> Vec<PepItem> {
    let first = |(index, id): (usize, &String)| (!ids[..index].contains(id)).then(|| id.clone());
    let ids = ids.iter().enumerate().filter_map(first);
    ids.filter_map(|id| service.nodes().item(service.owner(), name, &id))
        .filter(|item| is_live(config, item.stamp, service.now()))
        .collect()
}

/// Whether an item is not older than the node keeps it (`pubsub#item_expire`).
fn is_live(config: &NodeConfig, stamp: DateTime<Utc>, now: DateTime<Utc>) -> bool {
    let age = config.item_expire.map(|seconds| TimeDelta::seconds(i64::from(seconds)));
    age.is_none_or(|age| now - stamp < age)
}

/// The payload of a stored item.
pub fn payload(item: &PepItem) -> Option<Element> {
    let frame = Frame::parse(item.payload.clone(), &Limits::AUTHENTICATED).ok()?;
    Some(frame.to_element())
}

/// An id of the service's own making: 128 random bits.
///
/// # Errors
/// `internal-server-error` when the system has none.
pub fn new_id() -> Result<String, StanzaError> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).map_err(|_| Condition::InternalServerError)?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}
