//! XEP-0060 sections 5.7 and 8.9: affiliations: one's own, and those of a node, which its owners manage.

use super::access::{affiliation, owners};
use super::approval::decide;
use super::service::{Face, Service};
use super::subscription::tell_subscriber;
use crate::stanza::{Condition, StanzaError, ns};
use crate::store::{Affiliation, Node, Subscribed};
use crate::xml::{Build, Element, element};
use jid::BareJid;

/// A change that an owner asks for: `None` is `none`.
type Change = (BareJid, Option<Affiliation>);

/// The asker's affiliations, with one node or with all (section 5.7).
///
/// # Errors
/// `item-not-found` for a node that is not there.
pub fn own(service: &Service<'_, '_>, name: Option<&str>) -> Result<Option<Element>, StanzaError> {
    let nodes = match name {
        Some(name) => vec![(name.to_owned(), service.known(name)?)],
        None => service.nodes().nodes(service.owner()),
    };
    let who = service.party();
    let affiliations = nodes.iter().filter_map(|(name, node)| {
        let what = affiliation(service, name, node, who)?;
        let own = element("affiliation", ns::PUBSUB)
            .with("node", name)
            .with("affiliation", what.as_str());
        Some(own.build())
    });
    let list = element("affiliations", ns::PUBSUB)
        .with_some("node", name)
        .append_all(affiliations)
        .build();
    Ok(Some(element("pubsub", ns::PUBSUB).append(list).build()))
}

/// A node's affiliations, an account's own included (section 8.9.1).
///
/// # Errors
/// `forbidden`, `item-not-found`.
pub fn list(service: &Service<'_, '_>, name: &str) -> Result<Option<Element>, StanzaError> {
    let node = service.owned(name)?;
    let account = (service.face == Face::Account).then(|| described(service.jid.as_str(), Some(Affiliation::Owner)));
    let affiliated = node.affiliations.iter();
    let entries = affiliated.map(|(jid, what)| described(jid, Some(*what)));
    Ok(Some(listed(name, account.into_iter().chain(entries))))
}

/// Changes affiliations (section 8.9.2). An outcast's subscriptions end; who is admitted otherwise waits no longer. What
/// cannot be is given back as it stands, and the rest is done.
///
/// # Errors
/// `forbidden`, `not-acceptable` for what would leave the node without an owner, `item-not-found`, or what the store
/// refused.
pub fn change(service: &Service<'_, '_>, name: &str, changes: &[Change]) -> Result<Option<Element>, StanzaError> {
    let before = service.owned(name)?;
    let mut node = before.clone();
    let (mut done, mut refused) = (Vec::new(), Vec::new());
    for (jid, what) in changes {
        let mut changed = node.clone();
        set(&mut changed, jid, *what);
        let is_fixed = service.face == Face::Account && jid == service.jid;
        if is_fixed || has_owner(service, &before) && !has_owner(service, &changed) {
            let now = if is_fixed {
                Some(Affiliation::Owner)
            } else {
                node.affiliations.get(jid.as_str()).copied()
            };
            refused.push(described(jid.as_str(), now));
        } else {
            node = changed;
            done.push((jid, *what));
        }
    }
    if !done.is_empty() {
        let affiliations = node.affiliations;
        service.change(name, |node| node.affiliations = affiliations)?;
        follow(service, name, &before, &done)?;
    }
    match refused.is_empty() {
        true => Ok(None),
        false => Err(StanzaError::from(Condition::NotAcceptable).with_echo(listed(name, refused))),
    }
}

fn set(node: &mut Node, jid: &BareJid, affiliation: Option<Affiliation>) {
    match affiliation {
        Some(affiliation) => node.affiliations.insert(jid.to_string(), affiliation),
        None => node.affiliations.remove(jid.as_str()),
    };
}

fn has_owner(service: &Service<'_, '_>, node: &Node) -> bool {
    owners(service, node).next().is_some()
}

/// What new affiliations make of subscriptions.
fn follow(
    service: &Service<'_, '_>,
    name: &str,
    before: &Node,
    changes: &[(&BareJid, Option<Affiliation>)],
) -> Result<(), StanzaError> {
    for (jid, what) in changes {
        let held = before.live_of(jid.as_str(), service.now());
        match what {
            Some(Affiliation::Outcast) => {
                let held: Vec<_> = held.collect();
                service.change(name, |node| node.subscribers.retain(|one| !one.is_of(jid.as_str())))?;
                held.iter().for_each(|one| tell_subscriber(service, name, one, "none"));
            }
            Some(Affiliation::Owner | Affiliation::Publisher | Affiliation::Member) => {
                for pending in held.filter(|one| one.state == Subscribed::Pending) {
                    decide(service, name, pending, true)?;
                }
            }
            Some(Affiliation::PublishOnly) | None => {}
        }
    }
    Ok(())
}

fn described(jid: &str, what: Option<Affiliation>) -> Element {
    element("affiliation", ns::PUBSUB_OWNER)
        .with("jid", jid)
        .with("affiliation", what.map_or("none", Affiliation::as_str))
        .build()
}

fn listed(name: &str, entries: impl IntoIterator<Item = Element>) -> Element {
    let list = element("affiliations", ns::PUBSUB_OWNER)
        .with("node", name)
        .append_all(entries);
    element("pubsub", ns::PUBSUB_OWNER).append(list.build()).build()
}
