//! XEP-0060 section 8: what a node's owner does with it.

use super::access::may_create;
use super::collection;
use super::config::{CHILDREN, apply, form, result};
use super::error::{error, invalid_options, unsupported};
use super::form::texts;
use super::item::new_id;
use super::notification::of_node;
use super::recipients::{Audience, Concern, audience, notify};
use super::request::Fields;
use super::service::{Face, Service};
use crate::stanza::{Condition, StanzaError, ns};
use crate::store::{Affiliation, Batch, Node, NodeConfig};
use crate::xml::{Build, Element, element};

/// Makes a node, with a name of the service's own where none is given (section 8.1).
///
/// # Errors
/// `forbidden`, `conflict` when it is there, `not-acceptable` for a bad value, those of XEP-0248 section 6.2.3, or what
/// the store refused.
pub fn create(
    service: &Service<'_, '_>,
    name: Option<String>,
    fields: &Fields,
) -> Result<Option<Element>, StanzaError> {
    may_create(service, name.as_deref())?;
    let mut config = service.defaults(false);
    apply(service.face, &mut config, fields)?;
    if config.is_collection {
        config = service.defaults(true);
        apply(service.face, &mut config, fields)?;
    }
    let (name, is_instant) = match name {
        Some(name) => (name, false),
        None => (new_id()?, true),
    };
    if service.nodes().node(service.owner(), &name).is_some() {
        return Err(Condition::Conflict.into());
    }
    let children = children_in(fields)?;
    if children.is_some() && !config.is_collection {
        return Err(invalid_options());
    }
    let node = prepare(service, &name, config)?;
    service.written(service.nodes().create(service.owner(), &name, &node))?;
    collection::tell_created(service, &name, &node);
    if let Some(children) = children {
        collection::set_children(service, &name, &children)?;
    }
    let created = || element("create", ns::PUBSUB).with("node", name).build();
    Ok(is_instant.then(|| element("pubsub", ns::PUBSUB).append(created()).build()))
}

/// The record of a new node of the asker's, where it belongs.
///
/// # Errors
/// `resource-constraint` when the asker owns as many as it may; those of XEP-0248 section 6.2.3.
pub fn prepare(service: &Service<'_, '_>, name: &str, config: NodeConfig) -> Result<Node, StanzaError> {
    let mut node = Node::new(config, service.now());
    if service.face == Face::Account {
        return Ok(node);
    }
    if !service.is_admin() && collection::owned_by(service, service.asker) >= service.cx.nodes_per_account_max() {
        tracing::warn!(owner = %service.asker, "a node was refused: limits.pubsub_nodes_per_account");
        return Err(error(Condition::ResourceConstraint, "max-nodes-exceeded"));
    }
    let place = collection::place_of_host(service, name)?;
    match (node.config.collections.as_slice(), place) {
        ([], Some(place)) => node.config.collections = vec![place],
        (parents, place) => {
            let own: Vec<String> = place.into_iter().collect();
            collection::check_parents(service, name, &own, parents)?;
        }
    }
    node.affiliations.insert(service.asker.to_string(), Affiliation::Owner);
    Ok(node)
}

fn children_in(fields: &Fields) -> Result<Option<Vec<String>>, StanzaError> {
    let listed = fields.iter().find(|(var, _)| var == CHILDREN);
    match listed.map(|(_, values)| texts(values)) {
        None => Ok(None),
        Some(Some(children)) => Ok(Some(children)),
        Some(None) => Err(Condition::NotAcceptable.into()),
    }
}

/// The defaults of a new node (section 8.3).
///
/// # Errors
/// `forbidden` at somebody else's account; `unsupported` for a collection there.
pub fn default_configuration(service: &Service<'_, '_>, is_collection: bool) -> Result<Option<Element>, StanzaError> {
    if service.face == Face::Account {
        may_create(service, None)?;
        if is_collection {
            return Err(unsupported("collections"));
        }
    }
    let form = form(service.face, &service.defaults(is_collection), &[]);
    Ok(Some(answer(element("default", ns::PUBSUB_OWNER).append(form).build())))
}

/// The form of a node's configuration (section 8.2.1).
///
/// # Errors
/// `forbidden`, `item-not-found`.
pub fn configuration(service: &Service<'_, '_>, name: &str) -> Result<Option<Element>, StanzaError> {
    let node = service.owned(name)?;
    let children = collection::child_names(service, name, &node);
    let configure =
        element("configure", ns::PUBSUB_OWNER)
            .with("node", name)
            .append(form(service.face, &node.config, &children));
    Ok(Some(answer(configure.build())))
}

/// Configures a node (section 8.2.4); a cancelled form changes nothing. A leaf that becomes a collection loses its items
/// (XEP-0248 section 6.2.4).
///
/// # Errors
/// `forbidden`, `item-not-found`, `not-acceptable` for a bad value, those of XEP-0248 section 6.2.3, or what the store
/// refused.
pub fn configure(
    service: &Service<'_, '_>,
    name: &str,
    fields: Option<&Fields>,
) -> Result<Option<Element>, StanzaError> {
    let before = service.owned(name)?.config;
    let Some(fields) = fields else { return Ok(None) };
    let mut config = before.clone();
    apply(service.face, &mut config, fields)?;
    let children = children_in(fields)?;
    if (before.is_collection || children.is_some()) && !config.is_collection {
        return Err(invalid_options());
    }
    collection::check_parents(service, name, &before.collections, &config.collections)?;
    if config.is_collection && !before.is_collection {
        empty(service, name)?;
    }
    let node = service.change(name, |node| node.config = config)?;
    collection::tell_moved(service, name, &before.collections, &node.config.collections);
    if let Some(children) = children {
        collection::set_children(service, name, &children)?;
    }
    if node.config.notify_config {
        let children = collection::child_names(service, name, &node);
        let content = node
            .config
            .deliver_payloads
            .then(|| result(service.face, &node.config, &children));
        let event = of_node(name, "configuration", content);
        notify(service, name, &node, Concern::Node, event);
    }
    Ok(None)
}

/// Deletes a node with its items (section 8.4), perhaps in favour of another address.
///
/// # Errors
/// `forbidden`, `item-not-found`, or what the store refused.
pub fn delete(service: &Service<'_, '_>, name: &str, redirect: Option<String>) -> Result<Option<Element>, StanzaError> {
    let node = service.owned(name)?;
    let audience = match node.config.notify_delete {
        true => audience(service, name, &node, Concern::Node),
        false => Audience::default(),
    };
    service.written(service.nodes().delete(service.owner(), name))?;
    let redirect = redirect.map(|uri| element("redirect", ns::PUBSUB_EVENT).with("uri", uri).build());
    audience.tell(service, of_node(name, "delete", redirect));
    Ok(None)
}

/// Deletes all items of a node (section 8.5).
///
/// # Errors
/// `forbidden`, `item-not-found`, `unsupported` where none are kept, or what the store refused.
pub fn purge(service: &Service<'_, '_>, name: &str) -> Result<Option<Element>, StanzaError> {
    let node = service.owned(name)?;
    if node.config.is_collection || !node.config.persist_items {
        return Err(unsupported("persistent-items"));
    }
    empty(service, name)?;
    if node.config.notify_retract {
        notify(service, name, &node, Concern::Items, of_node(name, "purge", None));
    }
    Ok(None)
}

fn empty(service: &Service<'_, '_>, name: &str) -> Result<(), StanzaError> {
    let mut batch = Batch::new();
    service.nodes().purge(&mut batch, service.owner(), name);
    service.written(service.cx.store().submit(batch))
}

fn answer(content: Element) -> Element {
    element("pubsub", ns::PUBSUB_OWNER).append(content).build()
}
