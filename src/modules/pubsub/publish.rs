//! XEP-0060 section 7.1: items are published.

use super::access::{may_create, may_publish};
use super::config::{check, presumed};
use super::error::{bad_request, error, payload_too_big, refused, unsupported};
use super::item::new_id;
use super::notification::{item, published};
use super::recipients::{Concern, notify};
use super::request::{NewItem, Publish};
use super::service::{Face, Service};
use super::{collection, owner};
use crate::stanza::{Condition, StanzaError, ns};
use crate::store::{Node, NodeConfig, PepItem};
use crate::xml::{Build, Element, Frame, element};

/// Bytes of an item's id.
const ID_BYTES_MAX: usize = 1_023;

/// Publishes items, to a node that is made if there is none and the asker may make it (section 7.1.4), and tells the
/// subscribers.
///
/// # Errors
/// Those of section 7.1.3, `precondition-not-met`, or what the store refused.
pub fn publish(service: &Service<'_, '_>, publish: Publish) -> Result<Option<Element>, StanzaError> {
    let name = publish.node.as_str();
    let (node, absent) = match service.nodes().node(service.owner(), name) {
        Some(node) => (admit(service, name, node, &publish)?, false),
        None => (make(service, name, &publish)?, true),
    };
    fit(service, &node.config, &publish.items)?;
    let records = publish.items.iter().map(|new| record(service, new));
    let records = records.collect::<Result<Vec<_>, _>>()?;
    let outcome = service
        .nodes()
        .publish(service.owner(), name, &records, absent.then_some(&node))
        .map_err(refused)?;
    service.cx.after(outcome.ticket);
    if outcome.created {
        collection::tell_created(service, name, &node);
    }
    let with_payloads = node.config.deliver_payloads;
    let events = publish.items.into_iter().zip(&records).map(|(new, record)| {
        let payload = new.payload.filter(|_| with_payloads);
        item(ns::PUBSUB_EVENT, &record.id, payload)
    });
    notify(service, name, &node, Concern::Items, published(name, events));
    let published = element("publish", ns::PUBSUB)
        .with("node", name)
        .append_all(records.iter().map(|record| item(ns::PUBSUB, &record.id, None)));
    Ok(Some(element("pubsub", ns::PUBSUB).append(published.build()).build()))
}

/// Whether the asker may publish to a node that is there, and it is as the publisher presumes.
fn admit(service: &Service<'_, '_>, name: &str, node: Node, publish: &Publish) -> Result<Node, StanzaError> {
    may_publish(service, name, &node, service.party())?;
    if node.config.is_collection {
        return Err(unsupported("publish"));
    }
    check(service.face, &node.config, &publish.options)?;
    Ok(node)
}

/// A node for a publish that finds none.
fn make(service: &Service<'_, '_>, name: &str, publish: &Publish) -> Result<Node, StanzaError> {
    may_create(service, Some(name)).map_err(|refusal| match service.face {
        Face::Account => refusal,
        Face::Domain => Condition::ItemNotFound.into(),
    })?;
    let config = presumed(service.face, service.defaults(false), &publish.options)?;
    if config.is_collection {
        return Err(unsupported("publish"));
    }
    owner::prepare(service, name, config)
}

/// Whether the items are what the node is for (section 7.1.3.7), and no more than it keeps (section 12.16).
fn fit(service: &Service<'_, '_>, config: &NodeConfig, items: &[NewItem]) -> Result<(), StanzaError> {
    if items.is_empty() && config.persist_items {
        return Err(bad_request("item-required"));
    }
    if !items.is_empty() && !config.persist_items && !config.deliver_payloads {
        return Err(bad_request("item-forbidden"));
    }
    let kept_max = usize::try_from(config.max_items).unwrap_or(usize::MAX);
    if config.persist_items && items.len() > kept_max.min(service.cx.store().limits().items_max) {
        return Err(error(Condition::NotAllowed, "max-items-exceeded"));
    }
    if config.deliver_payloads && (items.is_empty() || items.iter().any(|item| item.payload.is_none())) {
        return Err(bad_request("payload-required"));
    }
    for payload in items.iter().filter_map(|item| item.payload.as_ref()) {
        fit_payload(service, config, payload)?;
    }
    Ok(())
}

fn fit_payload(service: &Service<'_, '_>, config: &NodeConfig, payload: &Element) -> Result<(), StanzaError> {
    if config
        .payload_type
        .as_ref()
        .is_some_and(|wanted| payload.ns() != *wanted)
    {
        return Err(bad_request("invalid-payload"));
    }
    let own = config.max_payload_size.and_then(|bytes| usize::try_from(bytes).ok());
    let bytes_max = service
        .cx
        .store()
        .limits()
        .item_bytes_max
        .min(own.unwrap_or(usize::MAX));
    if Frame::from_element(payload).bytes().len() > bytes_max {
        tracing::warn!("an item was refused: limits.pep_item_size, or the node's own maximum");
        return Err(payload_too_big());
    }
    Ok(())
}

fn record(service: &Service<'_, '_>, new: &NewItem) -> Result<PepItem, StanzaError> {
    let id = match &new.id {
        Some(id) if id.len() > ID_BYTES_MAX => return Err(error(Condition::NotAcceptable, "invalid-payload")),
        Some(id) => id.clone(),
        None => new_id()?,
    };
    let publisher = service
        .cx
        .origin()
        .map_or(service.asker.as_str(), |session| session.jid().as_str());
    let payload = new
        .payload
        .as_ref()
        .map(|payload| Frame::from_element(payload).bytes().clone());
    Ok(PepItem {
        id,
        publisher: publisher.to_owned(),
        stamp: service.now(),
        payload: payload.unwrap_or_default(),
    })
}
