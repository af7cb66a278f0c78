//! XEP-0060 section 8: what a node's owner does with it.

use super::config::{apply, form};
use super::item::new_id;
use super::notification::Notification;
use super::recipients::{notify, recipients};
use super::service::Service;
use super::wire::Fields;
use crate::stanza::{Condition, StanzaError, ns};
use crate::store::{Affiliation, Batch, Node, NodeConfig};
use crate::xml::{Build, Element, element};
use chrono::Utc;
use jid::{BareJid, Jid};

/// Makes a node, with a name of the service's own where none is given (section 8.1).
///
/// # Errors
/// `forbidden`, `conflict` when it is there, `not-acceptable` for a bad value, or what the store refused.
pub fn create(
    service: &Service<'_, '_>,
    name: Option<String>,
    fields: &Fields,
) -> Result<Option<Element>, StanzaError> {
    service.require_owner()?;
    let mut config = NodeConfig::default();
    apply(&mut config, fields)?;
    let node = Node::new(config, Utc::now());
    let (name, is_instant) = match name {
        Some(name) => (name, false),
        None => (new_id()?, true),
    };
    service.written(service.nodes().create(service.owner(), &name, &node))?;
    let created = || element("create", ns::PUBSUB).with("node", name).build();
    Ok(is_instant.then(|| element("pubsub", ns::PUBSUB).append(created()).build()))
}

/// The defaults of a new node (section 8.3).
pub fn default_configuration(service: &Service<'_, '_>) -> Result<Option<Element>, StanzaError> {
    service.require_owner()?;
    Ok(Some(answer(
        element("default", ns::PUBSUB_OWNER)
            .append(form(&NodeConfig::default()))
            .build(),
    )))
}

/// The form of a node's configuration (section 8.2.1).
///
/// # Errors
/// `forbidden`, `item-not-found`.
pub fn configuration(service: &Service<'_, '_>, name: &str) -> Result<Option<Element>, StanzaError> {
    service.require_owner()?;
    let node = service.node(name)?;
    let configure = element("configure", ns::PUBSUB_OWNER)
        .with("node", name)
        .append(form(&node.config));
    Ok(Some(answer(configure.build())))
}

/// Configures a node (section 8.2.4); a cancelled form changes nothing.
///
/// # Errors
/// `forbidden`, `item-not-found`, `not-acceptable` for a bad value, or what the store refused.
pub fn configure(
    service: &Service<'_, '_>,
    name: &str,
    fields: Option<&Fields>,
) -> Result<Option<Element>, StanzaError> {
    service.require_owner()?;
    let mut config = service.node(name)?.config;
    if let Some(fields) = fields {
        apply(&mut config, fields)?;
        let node = service.change(name, |node| node.config = config)?;
        if node.config.notify_config {
            notify(
                service,
                name,
                &node,
                &Notification::of_node(service.account, name, "configuration"),
            );
        }
    }
    Ok(None)
}

/// Deletes a node with its items (section 8.4).
///
/// # Errors
/// `forbidden`, `item-not-found`, or what the store refused.
pub fn delete(service: &Service<'_, '_>, name: &str) -> Result<Option<Element>, StanzaError> {
    service.require_owner()?;
    let node = service.node(name)?;
    let audience = if node.config.notify_delete {
        recipients(service, name, &node)
    } else {
        Vec::new()
    };
    service.written(service.nodes().delete(service.owner(), name))?;
    let notification = Notification::of_node(service.account, name, "delete");
    audience
        .iter()
        .for_each(|session| notification.send(service.cx, session));
    Ok(None)
}

/// Deletes all items of a node (section 8.5).
///
/// # Errors
/// `forbidden`, `item-not-found`, or what the store refused.
pub fn purge(service: &Service<'_, '_>, name: &str) -> Result<Option<Element>, StanzaError> {
    service.require_owner()?;
    let node = service.node(name)?;
    let mut batch = Batch::new();
    service.nodes().purge(&mut batch, service.owner(), name);
    service.written(service.cx.store().submit(batch))?;
    if node.config.notify_retract {
        notify(
            service,
            name,
            &node,
            &Notification::of_node(service.account, name, "purge"),
        );
    }
    Ok(None)
}

/// A node's affiliations, the owner's own included (section 8.9.1).
///
/// # Errors
/// `forbidden`, `item-not-found`.
pub fn affiliations(service: &Service<'_, '_>, name: &str) -> Result<Option<Element>, StanzaError> {
    service.require_owner()?;
    let node = service.node(name)?;
    let affiliation = |jid: &str, affiliation: &str| {
        element("affiliation", ns::PUBSUB_OWNER)
            .with("jid", jid)
            .with("affiliation", affiliation)
            .build()
    };
    let list = element("affiliations", ns::PUBSUB_OWNER)
        .with("node", name)
        .append(affiliation(service.account.as_str(), "owner"))
        .append_all(
            node.affiliations
                .iter()
                .map(|(jid, what)| affiliation(jid, affiliation_name(*what))),
        );
    Ok(Some(answer(list.build())))
}

/// Changes affiliations (section 8.9.2). An outcast's subscriptions end.
///
/// # Errors
/// `forbidden`, `not-allowed` for the owner's own, `item-not-found`, or what the store refused.
pub fn affiliate(
    service: &Service<'_, '_>,
    name: &str,
    changes: &[(BareJid, Option<Affiliation>)],
) -> Result<Option<Element>, StanzaError> {
    service.require_owner()?;
    if changes.iter().any(|(jid, _)| jid == service.account) {
        return Err(Condition::NotAllowed.into());
    }
    service.change(name, |node| {
        changes
            .iter()
            .for_each(|(jid, affiliation)| set(node, jid, *affiliation))
    })?;
    Ok(None)
}

fn set(node: &mut Node, jid: &BareJid, affiliation: Option<Affiliation>) {
    match affiliation {
        Some(affiliation) => node.affiliations.insert(jid.to_string(), affiliation),
        None => node.affiliations.remove(jid.as_str()),
    };
    if affiliation == Some(Affiliation::Outcast) {
        node.subscriptions
            .retain(|subscriber, _| Jid::new(subscriber).is_ok_and(|subscriber| subscriber.to_bare() != *jid));
    }
}

fn affiliation_name(affiliation: Affiliation) -> &'static str {
    match affiliation {
        Affiliation::Owner => "owner",
        Affiliation::Publisher => "publisher",
        Affiliation::PublishOnly => "publish-only",
        Affiliation::Member => "member",
        Affiliation::Outcast => "outcast",
    }
}

fn answer(content: Element) -> Element {
    element("pubsub", ns::PUBSUB_OWNER).append(content).build()
}
