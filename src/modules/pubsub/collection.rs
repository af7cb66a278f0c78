//! XEP-0248: collections: a graph of nodes without cycles. What a node belongs to is part of its own configuration; what a
//! collection has is found by asking all.

use super::access::{HOSTS, affiliation, owners};
use super::error::{error, invalid_options};
use super::notification::{association, of_node};
use super::recipients::{Concern, notify};
use super::service::{Face, Service};
use crate::stanza::{Condition, Role, StanzaError};
use crate::store::{Affiliation, ChildrenPolicy, Node};
use crate::xml::Element;
use jid::BareJid;

/// Collections that one node may belong to.
const PARENTS_MAX: usize = 8;

/// A collection above a node.
#[derive(Clone, Debug)]
pub struct Ancestor {
    /// Its name.
    pub name: String,
    /// The collection.
    pub node: Node,
    /// How far above: 1 is what the node belongs to itself.
    pub distance: u32,
}

/// The collections above a node that belongs to these, the nearest first, each once.
pub fn ancestors(service: &Service<'_, '_>, parents: &[String]) -> Vec<Ancestor> {
    let mut found: Vec<Ancestor> = Vec::new();
    let mut level: Vec<String> = parents.to_vec();
    let mut distance = 1;
    while !level.is_empty() {
        let mut above = Vec::new();
        for name in level {
            let known = found.iter().any(|ancestor| ancestor.name == name);
            if let Some(node) = service.nodes().node(service.owner(), &name).filter(|_| !known) {
                above.extend(node.config.collections.iter().cloned());
                found.push(Ancestor { name, node, distance });
            }
        }
        level = above;
        distance += 1;
    }
    found
}

/// The nodes of a collection, or (`None`) those that belong to none.
pub fn children(service: &Service<'_, '_>, collection: Option<&str>) -> Vec<(String, Node)> {
    let mut nodes = service.nodes().nodes(service.owner());
    nodes.retain(|(_, node)| match collection {
        Some(collection) => node.config.collections.iter().any(|parent| parent == collection),
        None => node.config.collections.is_empty(),
    });
    nodes
}

/// The names of a collection's nodes.
pub fn child_names(service: &Service<'_, '_>, name: &str, node: &Node) -> Vec<String> {
    match node.config.is_collection {
        true => children(service, Some(name))
            .into_iter()
            .map(|(name, _)| name)
            .collect(),
        false => Vec::new(),
    }
}

/// Whether the asker may have a node belong to these collections, beside those that it belongs to already.
///
/// # Errors
/// `item-not-found`, `invalid-options` for a leaf or a cycle, `forbidden`, `max-nodes-exceeded`.
pub fn check_parents(
    service: &Service<'_, '_>,
    name: &str,
    before: &[String],
    parents: &[String],
) -> Result<(), StanzaError> {
    if parents.len() > PARENTS_MAX {
        return Err(error(Condition::NotAllowed, "max-nodes-exceeded"));
    }
    for parent in parents.iter().filter(|parent| !before.contains(parent)) {
        let node = service.node(parent)?;
        let above = ancestors(service, &node.config.collections);
        let closes = parent == name || above.iter().any(|ancestor| ancestor.name == name);
        if !node.config.is_collection || closes {
            return Err(invalid_options());
        }
        may_associate(service, parent, &node)?;
    }
    Ok(())
}

/// Whether the asker may add a node to a collection (`pubsub#children_association_policy`).
fn may_associate(service: &Service<'_, '_>, name: &str, collection: &Node) -> Result<(), StanzaError> {
    let config = &collection.config;
    let asker = service.asker.to_string();
    let is_owner = affiliation(service, name, collection, service.party()) == Some(Affiliation::Owner);
    let allowed = is_owner
        || match config.children_policy {
            ChildrenPolicy::All => true,
            ChildrenPolicy::Owners => false,
            ChildrenPolicy::Whitelist => config.children_whitelist.contains(&asker),
        };
    if !allowed {
        return Err(Condition::Forbidden.into());
    }
    let full = |max: u32| children(service, Some(name)).len() >= usize::try_from(max).unwrap_or(usize::MAX);
    if config.children_max.is_some_and(full) {
        return Err(error(Condition::NotAllowed, "max-nodes-exceeded"));
    }
    Ok(())
}

/// Makes a collection have these nodes and no others (`pubsub#children`), of which those that are new are the asker's.
///
/// # Errors
/// As [`check_parents`]; `forbidden` for a node that is somebody else's. Then nothing has changed.
pub fn set_children(service: &Service<'_, '_>, name: &str, wanted: &[String]) -> Result<(), StanzaError> {
    let collection = service.node(name)?;
    if !collection.config.is_collection {
        return Err(invalid_options());
    }
    let max = collection.config.children_max.and_then(|max| usize::try_from(max).ok());
    if max.is_some_and(|max| wanted.len() > max) {
        return Err(error(Condition::NotAllowed, "max-nodes-exceeded"));
    }
    let now = child_names(service, name, &collection);
    let mut changes = Vec::new();
    for child in wanted.iter().filter(|child| !now.contains(child)) {
        let before = service.owned(child)?.config.collections;
        let after = [before.as_slice(), &[name.to_owned()]].concat();
        check_parents(service, child, &before, &after)?;
        changes.push((child, after));
    }
    for child in now.iter().filter(|child| !wanted.contains(child)) {
        let mut after = service.node(child)?.config.collections;
        after.retain(|parent| parent != name);
        changes.push((child, after));
    }
    for (child, parents) in changes {
        set_parents(service, child, parents)?;
    }
    Ok(())
}

/// Has a node belong to these collections, and tells those who watch collections that it came to or left.
pub fn set_parents(service: &Service<'_, '_>, name: &str, parents: Vec<String>) -> Result<(), StanzaError> {
    let before = service.node(name)?.config.collections;
    service.change(name, |node| node.config.collections.clone_from(&parents))?;
    tell_moved(service, name, &before, &parents);
    Ok(())
}

/// Tells those who watch collections that a node came to or left.
pub fn tell_moved(service: &Service<'_, '_>, name: &str, before: &[String], after: &[String]) {
    let left = before
        .iter()
        .filter(|parent| !after.contains(parent))
        .map(|parent| (parent, false));
    let joined = after
        .iter()
        .filter(|parent| !before.contains(parent))
        .map(|parent| (parent, true));
    for (parent, associate) in left.chain(joined) {
        if let Ok(collection) = service.node(parent) {
            let event = association(parent, name, associate);
            notify(service, parent, &collection, Concern::Node, event);
        }
    }
}

/// Tells those who watch the collections of a new node.
pub fn tell_created(service: &Service<'_, '_>, name: &str, node: &Node) {
    if !node.config.collections.is_empty() {
        notify(service, name, node, Concern::Node, of_node(name, "create", None));
    }
}

/// Associates a node with a collection, or dissociates it (XEP-0248 sections 6.5 and 6.6).
///
/// # Errors
/// As [`check_parents`]; `forbidden`; `bad-request` for a node that is not there to be dissociated.
pub fn associate(
    service: &Service<'_, '_>,
    collection: &str,
    name: &str,
    associate: bool,
) -> Result<Option<Element>, StanzaError> {
    let parent = service.node(collection)?;
    let node = service.node(name)?;
    let owns = |name: &str, node: &Node| affiliation(service, name, node, service.party()) == Some(Affiliation::Owner);
    let before = node.config.collections.clone();
    let mut after = before.clone();
    if associate {
        if !owns(name, &node) {
            return Err(Condition::Forbidden.into());
        }
        after.extend((!before.iter().any(|known| known == collection)).then(|| collection.to_owned()));
        check_parents(service, name, &before, &after)?;
    } else {
        after.retain(|known| known != collection);
        if after.len() == before.len() {
            return Err(Condition::BadRequest.into());
        }
        if !owns(name, &node) && !owns(collection, &parent) {
            return Err(Condition::Forbidden.into());
        }
    }
    set_parents(service, name, after)?;
    Ok(None)
}

/// Where a collector's new node belongs when it does not say: its host's collection to the root, all else to that one.
/// What is not there of the two is made.
///
/// # Errors
/// What the store refused.
pub fn place_of_host(service: &Service<'_, '_>, name: &str) -> Result<Option<String>, StanzaError> {
    let Some((root, below)) = name.split_once('/').filter(|(root, _)| *root == HOSTS) else {
        return Ok(None);
    };
    if service.face != Face::Domain {
        return Ok(None);
    }
    ensure(service, root, None, None)?;
    match below.split_once('/') {
        None => Ok(Some(root.to_owned())),
        Some((host, _)) => {
            let collection = [root, "/", host].concat();
            let local = [host, "@", service.cx.domain()].concat();
            let owner = BareJid::new(&local).ok();
            let owner = owner.filter(|owner| service.cx.role(owner) == Some(Role::Collector));
            ensure(service, &collection, Some(root), owner.as_ref())?;
            Ok(Some(collection))
        }
    }
}

/// Makes a collection where there is none.
fn ensure(
    service: &Service<'_, '_>,
    name: &str,
    parent: Option<&str>,
    owner: Option<&BareJid>,
) -> Result<(), StanzaError> {
    if service.node(name).is_ok() {
        return Ok(());
    }
    let mut config = service.defaults(true);
    config.collections.extend(parent.map(str::to_owned));
    let mut node = Node::new(config, service.now());
    if let Some(owner) = owner {
        node.affiliations.insert(owner.to_string(), Affiliation::Owner);
    }
    service.written(service.nodes().create(service.owner(), name, &node))?;
    tell_created(service, name, &node);
    Ok(())
}

/// Nodes of the service that an account owns by name.
pub fn owned_by(service: &Service<'_, '_>, account: &BareJid) -> usize {
    let nodes = service.nodes().nodes(service.owner());
    let owned = nodes
        .iter()
        .filter(|(_, node)| owners(service, node).any(|owner| owner == *account));
    owned.count()
}
