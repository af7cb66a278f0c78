//! XEP-0060 sections 4.1 and 4.5: who may do what at a node.
//!
//! At an account its owner owns every node, and nobody else any. At the domain's service admins own every node, and a
//! collector its host's collection with all below it; collectors watch nothing. What is asked is asked anew each time: a
//! roster or a role that changes takes the right with it.

use super::error::error;
use super::service::{Face, Service};
use crate::stanza::{Condition, Role, StanzaError};
use crate::store::{AccessModel, Affiliation, Node, PublishModel, Subscribed};
use jid::BareJid;

/// The root of the hosts' collections.
pub const HOSTS: &str = "hosts";

/// Somebody, with the role at the domain; none where roles do not count.
#[derive(Clone, Copy, Debug)]
pub struct Party<'a> {
    /// The account.
    pub jid: &'a BareJid,
    /// Its role.
    pub role: Option<Role>,
}

/// What somebody is to a node.
pub fn affiliation(service: &Service<'_, '_>, name: &str, node: &Node, who: Party<'_>) -> Option<Affiliation> {
    let owns_all = match service.face {
        Face::Account => who.jid == service.jid,
        Face::Domain => who.role == Some(Role::Admin) || is_own_host(name, who),
    };
    match owns_all {
        true => Some(Affiliation::Owner),
        false => node.affiliations.get(who.jid.as_str()).copied(),
    }
}

/// Whether a node is a collector's collection or below it: `hosts/NAME`, by the name of its account.
pub fn is_own_host(name: &str, who: Party<'_>) -> bool {
    let local = who.jid.node().filter(|_| who.role == Some(Role::Collector));
    let below = name.strip_prefix(HOSTS).and_then(|rest| rest.strip_prefix('/'));
    let (Some(local), Some(below)) = (local, below) else {
        return false;
    };
    let rest = below.strip_prefix(local.as_str());
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// Whether somebody may retrieve the items of a node, subscribe to it, and be notified.
///
/// # Errors
/// What XEP-0060 section 6.5.9 says for the node's access model.
pub fn may_read(service: &Service<'_, '_>, name: &str, node: &Node, who: Party<'_>) -> Result<(), StanzaError> {
    let is_subscribed = || is_subscribed(service, node, who.jid);
    may_hear(service, name, node, who, is_subscribed)
}

/// As [`may_read`], where the caller knows whether an owner has approved of a subscription.
///
/// # Errors
/// As [`may_read`].
pub fn may_hear(
    service: &Service<'_, '_>,
    name: &str,
    node: &Node,
    who: Party<'_>,
    is_subscribed: impl FnOnce() -> bool,
) -> Result<(), StanzaError> {
    match affiliation(service, name, node, who) {
        Some(Affiliation::Owner | Affiliation::Publisher | Affiliation::Member) => return Ok(()),
        Some(Affiliation::Outcast | Affiliation::PublishOnly) => return Err(Condition::Forbidden.into()),
        None if who.role == Some(Role::Collector) => return Err(Condition::Forbidden.into()),
        None => {}
    }
    let cx = service.cx;
    if service.face == Face::Account && cx.are_apart(service.jid, who.jid) {
        return Err(Condition::ServiceUnavailable.into());
    }
    let (allowed, condition, pubsub) = match node.config.access_model {
        AccessModel::Open => return Ok(()),
        AccessModel::Presence => (
            owners(service, node).any(|owner| cx.may_see(who.jid, &owner)),
            Condition::NotAuthorized,
            "presence-subscription-required",
        ),
        AccessModel::Roster => (
            owners(service, node).any(|owner| cx.in_roster_groups(&owner, who.jid, &node.config.roster_groups)),
            Condition::NotAuthorized,
            "not-in-roster-group",
        ),
        AccessModel::Authorize => (is_subscribed(), Condition::NotAuthorized, "not-subscribed"),
        AccessModel::Whitelist => (false, Condition::NotAllowed, "closed-node"),
    };
    if allowed { Ok(()) } else { Err(error(condition, pubsub)) }
}

/// Whether somebody may know of a node that it may not read: where it may ask an owner.
pub fn may_know(service: &Service<'_, '_>, name: &str, node: &Node, who: Party<'_>) -> bool {
    may_read(service, name, node, who).is_ok() || may_ask(service, name, node, who)
}

/// Whether an owner may be asked to approve of a subscription.
pub fn may_ask(service: &Service<'_, '_>, name: &str, node: &Node, who: Party<'_>) -> bool {
    node.config.access_model == AccessModel::Authorize
        && affiliation(service, name, node, who).is_none()
        && who.role != Some(Role::Collector)
}

/// Whether somebody may publish (section 4.1, `pubsub#publish_model`).
///
/// # Errors
/// `forbidden`.
pub fn may_publish(service: &Service<'_, '_>, name: &str, node: &Node, who: Party<'_>) -> Result<(), StanzaError> {
    let allowed = match affiliation(service, name, node, who) {
        Some(Affiliation::Owner | Affiliation::Publisher | Affiliation::PublishOnly) => true,
        Some(Affiliation::Outcast) => false,
        _ if who.role == Some(Role::Collector) => false,
        Some(Affiliation::Member) | None => match node.config.publish_model {
            PublishModel::Publishers => false,
            PublishModel::Subscribers => is_subscribed(service, node, who.jid),
            PublishModel::Open => true,
        },
    };
    if allowed {
        Ok(())
    } else {
        Err(Condition::Forbidden.into())
    }
}

/// Whether the asker may make a node of that name, or one without a name of its own. Names below [`HOSTS`] are the
/// collectors'.
///
/// # Errors
/// `forbidden`.
pub fn may_create(service: &Service<'_, '_>, name: Option<&str>) -> Result<(), StanzaError> {
    let who = service.party();
    let hosts = name.and_then(|name| name.strip_prefix(HOSTS));
    let is_reserved = hosts.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
    let allowed = match service.face {
        Face::Account => who.jid == service.jid,
        Face::Domain if who.role == Some(Role::Admin) => true,
        Face::Domain if is_reserved || who.role == Some(Role::Collector) => {
            name.is_some_and(|name| is_own_host(name, who))
        }
        Face::Domain => who.role.is_some_and(|role| service.cx.node_creators().contains(&role)),
    };
    if allowed {
        Ok(())
    } else {
        Err(Condition::Forbidden.into())
    }
}

/// The accounts that own a node.
pub fn owners<'a>(service: &Service<'a, '_>, node: &'a Node) -> impl Iterator<Item = BareJid> + use<'a> {
    let account = (service.face == Face::Account).then(|| service.jid.clone());
    let affiliated = node.affiliations.iter();
    let named = affiliated.filter(|(_, affiliation)| **affiliation == Affiliation::Owner);
    account
        .into_iter()
        .chain(named.filter_map(|(jid, _)| BareJid::new(jid).ok()))
}

fn is_subscribed(service: &Service<'_, '_>, node: &Node, who: &BareJid) -> bool {
    let mut subscriptions = node.live_of(who.as_str(), service.now());
    subscriptions.any(|subscription| subscription.state == Subscribed::Subscribed)
}
