//! XEP-0060 section 5 and XEP-0248 section 4: what can be found out about a service and its nodes.

use super::access::{may_know, may_read};
use super::approval::GET_PENDING;
use super::collection::children;
use super::config::metadata;
use super::features;
use super::item::live_heads;
use super::service::Service;
use crate::service::disco::{Info, Item, Items};
use crate::stanza::{Condition, StanzaError, ns};
use crate::store::Node;
use crate::xml::Element;

/// The service's name, for people.
pub const NAME: &str = "Publish-Subscribe";

/// disco#info of the domain's service, of one of its nodes, or of its command.
///
/// # Errors
/// `item-not-found` for a node that is not there, or not for the asker.
pub fn info(service: &Service<'_, '_>, node: Option<&str>) -> Result<Element, StanzaError> {
    let found = match node {
        None => Info::new(None)
            .identity("pubsub", "service", NAME)
            .features([ns::DISCO_INFO, ns::DISCO_ITEMS, ns::COMMANDS])
            .features(features::OF_SERVICE.iter().copied()),
        Some(GET_PENDING) => Info::new(node)
            .identity("automation", "command-node", "Open questions")
            .features([ns::COMMANDS, ns::DATA_FORMS]),
        Some(name) => node_info(service, name).ok_or(Condition::ItemNotFound)?,
    };
    Ok(found.to_element())
}

/// disco#info of a node (sections 5.3 and 5.4); `None` when there is none that the asker may know of.
pub fn node_info(service: &Service<'_, '_>, name: &str) -> Option<Info> {
    let node = service.node(name).ok()?;
    if !may_know(service, name, &node, service.party()) {
        return None;
    }
    let kind = if node.config.is_collection {
        "collection"
    } else {
        "leaf"
    };
    let title = node.config.title.as_deref().unwrap_or_default();
    let info = Info::new(Some(name))
        .identity("pubsub", kind, title)
        .features([ns::PUBSUB]);
    Some(info.form(metadata(service.face, &node, service.now())))
}

/// disco#items of the domain's service (its first-level nodes), of a collection (its nodes), of a leaf (its items), or of
/// the commands.
///
/// # Errors
/// `item-not-found` for a node that is not there, or not for the asker.
pub fn items(service: &Service<'_, '_>, node: Option<&str>) -> Result<Element, StanzaError> {
    let mut answer = Items::new(node);
    answer.items = match node {
        None => nodes(service, children(service, None)),
        Some(ns::COMMANDS) => vec![item(
            service,
            Some(GET_PENDING.to_owned()),
            Some("Open questions".to_owned()),
        )],
        Some(name) => below(service, name)?,
    };
    Ok(answer.to_element())
}

fn below(service: &Service<'_, '_>, name: &str) -> Result<Vec<Item>, StanzaError> {
    let node = service.node(name)?;
    if !may_know(service, name, &node, service.party()) {
        return Err(Condition::ItemNotFound.into());
    }
    if !node.config.is_collection {
        return Ok(items_of(service, name));
    }
    Ok(match may_read(service, name, &node, service.party()) {
        Ok(()) => nodes(service, children(service, Some(name))),
        Err(_) => Vec::new(),
    })
}

/// Those of these nodes that the asker may know of.
fn nodes(service: &Service<'_, '_>, nodes: Vec<(String, Node)>) -> Vec<Item> {
    let who = service.party();
    let known = nodes
        .into_iter()
        .filter(|(name, node)| may_know(service, name, node, who));
    known
        .map(|(name, node)| item(service, Some(name), node.config.title))
        .collect()
}

/// All nodes of an account that the asker may know of.
pub fn all_nodes(service: &Service<'_, '_>) -> Vec<Item> {
    nodes(service, service.nodes().nodes(service.owner()))
}

/// The items of a node (section 5.5): their names are their ids. Empty for who may not read it.
pub fn items_of(service: &Service<'_, '_>, name: &str) -> Vec<Item> {
    let Ok(node) = service.readable(name) else {
        return Vec::new();
    };
    let heads = live_heads(service, name, &node.config).into_iter();
    heads.map(|head| item(service, None, Some(head.id))).collect()
}

fn item(service: &Service<'_, '_>, node: Option<String>, name: Option<String>) -> Item {
    Item {
        jid: service.jid.to_string(),
        node,
        name,
    }
}
