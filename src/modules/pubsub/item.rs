//! XEP-0060: items: published (section 7.1), retracted (7.2) and retrieved (6.5).

use super::config::{check, presumed};
use super::error::{payload_too_big, refused, unsupported};
use super::notification::{Notification, item};
use super::recipients::notify;
use super::service::Service;
use super::wire::Publish;
use crate::stanza::{Condition, StanzaError, ns};
use crate::store::{Node, PepItem};
use crate::xml::{Build, Element, Frame, Limits, element};
use chrono::Utc;

/// Bytes of an item's id.
const ID_BYTES_MAX: usize = 1_023;

/// Publishes an item, to a node that is made if there is none (XEP-0163 section 3), and tells the subscribers.
///
/// # Errors
/// `forbidden`, `precondition-not-met`, `payload-too-big`, or what the store refused.
pub fn publish(service: &Service<'_, '_>, publish: Publish) -> Result<Option<Element>, StanzaError> {
    service.require_owner()?;
    let (node, absent) = match service.nodes().node(service.owner(), &publish.node) {
        Some(node) => {
            check(&node.config, &publish.options)?;
            (node, false)
        }
        None => (Node::new(presumed(&publish.options)?, Utc::now()), true),
    };
    let record = record(service, &publish)?;
    let outcome = service
        .nodes()
        .publish(service.owner(), &publish.node, &record, absent.then_some(&node))
        .map_err(refused)?;
    service.cx.after(outcome.ticket);
    let payload = node.config.deliver_payloads.then_some(publish.payload);
    let event = item(ns::PUBSUB_EVENT, &record.id, payload);
    notify(
        service,
        &publish.node,
        &node,
        &Notification::published(service.account, &publish.node, [event]),
    );
    let published =
        element("publish", ns::PUBSUB)
            .with("node", publish.node)
            .append(item(ns::PUBSUB, &record.id, None));
    Ok(Some(element("pubsub", ns::PUBSUB).append(published.build()).build()))
}

fn record(service: &Service<'_, '_>, publish: &Publish) -> Result<PepItem, StanzaError> {
    let payload = Frame::from_element(&publish.payload).bytes().clone();
    if payload.len() > service.cx.store().limits().item_bytes_max {
        return Err(payload_too_big());
    }
    let id = match &publish.id {
        Some(id) if id.len() > ID_BYTES_MAX => return Err(Condition::NotAcceptable.into()),
        Some(id) => id.clone(),
        None => new_id()?,
    };
    let publisher = service
        .cx
        .origin()
        .map_or(service.account.as_str(), |session| session.jid().as_str());
    Ok(PepItem {
        id,
        publisher: publisher.to_owned(),
        stamp: Utc::now(),
        payload,
    })
}

/// Retracts items; those that are not there are passed over, unless none is.
///
/// # Errors
/// `forbidden`, `item-not-found`, or what the store refused.
pub fn retract(
    service: &Service<'_, '_>,
    name: &str,
    ids: &[String],
    notify_anyway: bool,
) -> Result<Option<Element>, StanzaError> {
    service.require_owner()?;
    let node = service.node(name)?;
    let mut retracted = Vec::new();
    for id in ids
        .iter()
        .filter(|id| service.nodes().item(service.owner(), name, id).is_some())
    {
        service.written(service.nodes().retract(service.owner(), name, id))?;
        retracted.push(id.clone());
    }
    if retracted.is_empty() {
        return Err(Condition::ItemNotFound.into());
    }
    if notify_anyway || node.config.notify_retract {
        notify(
            service,
            name,
            &node,
            &Notification::retracted(service.account, name, &retracted),
        );
    }
    Ok(None)
}

/// Retrieves items: those with the ids, or the newest `max`, oldest first.
///
/// # Errors
/// What the node's access model says; `item-not-found` for a node; `unsupported` where none are kept.
pub fn retrieve(
    service: &Service<'_, '_>,
    name: &str,
    ids: &[String],
    max: Option<usize>,
) -> Result<Option<Element>, StanzaError> {
    let node = service.readable(name)?;
    if !node.config.persist_items {
        return Err(unsupported("persistent-items"));
    }
    let (nodes, owner) = (service.nodes(), service.owner());
    let found = match ids {
        [] => nodes.items(owner, name, max.unwrap_or(usize::MAX)),
        ids => ids.iter().filter_map(|id| nodes.item(owner, name, id)).collect(),
    };
    let items = found.iter().map(|found| item(ns::PUBSUB, &found.id, payload(found)));
    let items = element("items", ns::PUBSUB)
        .with("node", name)
        .append_all(items)
        .build();
    Ok(Some(element("pubsub", ns::PUBSUB).append(items).build()))
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
