//! Whom accounts block, and what that keeps from whom (XEP-0191).
//!
//! Blocking is polite: subscriptions stay as they are, and the blocked one sees somebody who is away. What an account
//! blocks holds for whatever it is: a collector too, whose roster item stays. Never blocked are the account's own
//! resources (XEP-0191 section 5) and the server itself: whoever blocks the whole domain must find the way back.

use super::rosters::refused_by_store;
use super::sender::Sender;
use super::{Session, Shared, locked, presence, probe};
use crate::stanza::{Condition, ErrorType, StanzaError, ns};
use crate::store::{Batch, Store, Ticket};
use crate::xml::{Build, Element, element};
use jid::{BareJid, Jid};
use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, PoisonError, RwLock};

/// The addresses that an account blocks.
pub type BlockList = Arc<BTreeSet<Jid>>;

/// The lists that are not empty, by localpart: few accounts have one, so that all of them are in memory.
#[derive(Debug)]
pub(super) struct BlockLists {
    lists: RwLock<HashMap<String, BlockList>>,
}

impl BlockLists {
    /// Those that the store has.
    pub fn load(store: &Store) -> BlockLists {
        let lists = store.blocked().all().into_iter();
        let lists = lists.map(|(account, list)| (account, Arc::new(list))).collect();
        BlockLists {
            lists: RwLock::new(lists),
        }
    }

    /// An account's list; `None` when it is empty.
    fn of(&self, node: &str) -> Option<BlockList> {
        let lists = self.lists.read().unwrap_or_else(PoisonError::into_inner);
        lists.get(node).cloned()
    }

    fn replace(&self, node: &str, list: BTreeSet<Jid>) {
        let mut lists = self.lists.write().unwrap_or_else(PoisonError::into_inner);
        match list.is_empty() {
            true => drop(lists.remove(node)),
            false => drop(lists.insert(node.to_owned(), Arc::new(list))),
        }
    }

    /// Forgets the list of an account that goes.
    pub fn forget(&self, node: &str) {
        self.replace(node, BTreeSet::new());
    }
}

/// Whose list keeps a stanza from its addressee.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Barrier {
    /// The sender's.
    Own,
    /// The addressee's.
    Theirs,
}

/// What stands between a sender and an address.
pub(super) fn between(shared: &Shared, sender: &Sender<'_>, to: &Jid) -> Option<Barrier> {
    if shared.blocks(sender.jid, to) {
        Some(Barrier::Own)
    } else if shared.blocks(to, sender.jid) {
        Some(Barrier::Theirs)
    } else {
        None
    }
}

/// Whether a message or a request may go on.
///
/// # Errors
/// `not-acceptable` with `<blocked/>` for what the sender itself blocks, `service-unavailable` for one who blocks it
/// (XEP-0191 section 3.3).
pub(super) fn check(shared: &Shared, sender: &Sender<'_>, to: &Jid) -> Result<(), StanzaError> {
    match between(shared, sender, to) {
        None => Ok(()),
        Some(Barrier::Own) => Err(blocked_by_sender()),
        Some(Barrier::Theirs) => Err(Condition::ServiceUnavailable.into()),
    }
}

/// The answer to whoever addresses what it blocks.
pub(super) fn blocked_by_sender() -> StanzaError {
    StanzaError::from(Condition::NotAcceptable)
        .with_type(ErrorType::Cancel)
        .with_application("blocked", ns::BLOCKING_ERRORS)
}

/// XEP-0191 section 3.5: an item is a full JID, a bare one, or a domain with all that is at it.
fn holds(list: &BTreeSet<Jid>, jid: &Jid) -> bool {
    list.contains(jid)
        || list.contains(&Jid::from(jid.to_bare()))
        || list.contains(&Jid::from_parts(None, jid.domain(), None))
}

impl Shared {
    /// Whether the account of one address blocks another address.
    pub fn blocks(&self, owner: &Jid, other: &Jid) -> bool {
        let list = self.local_node(owner).and_then(|node| self.blocked.of(node));
        list.is_some_and(|list| !self.is_never_blocked(owner, other) && holds(&list, other))
    }

    /// Whether one of two blocks the other.
    pub fn are_apart(&self, one: &Jid, other: &Jid) -> bool {
        self.blocks(one, other) || self.blocks(other, one)
    }

    fn is_never_blocked(&self, owner: &Jid, other: &Jid) -> bool {
        let is_here = other.domain().as_str() == self.domain();
        is_here && (other.node().is_none() || other.node() == owner.node())
    }

    /// An account's list.
    pub fn block_list(&self, account: &BareJid) -> BlockList {
        let list = self.local_node(account).and_then(|node| self.blocked.of(node));
        list.unwrap_or_default()
    }
}

/// Adds addresses to an account's list; contacts that no longer see its presence are told that it is gone.
///
/// # Errors
/// `resource-constraint` when the list would be too long; when the store takes no more.
pub(super) fn block(shared: &Shared, account: &BareJid, jids: &[Jid]) -> Result<Ticket, StanzaError> {
    change(shared, account, payload("block", jids), |list| {
        list.extend(jids.iter().cloned());
    })
}

/// Takes addresses off an account's list, or all of them (`None`); contacts that may see its presence are told of it, and
/// the account of theirs.
///
/// # Errors
/// When the store takes no more.
pub(super) fn unblock(shared: &Shared, account: &BareJid, jids: Option<&[Jid]>) -> Result<Ticket, StanzaError> {
    change(
        shared,
        account,
        payload("unblock", jids.unwrap_or_default()),
        |list| match jids {
            None => list.clear(),
            Some(jids) => list.retain(|jid| !jids.contains(jid)),
        },
    )
}

/// A push, or what is answered: addresses in an element.
pub fn payload<'a>(name: &str, jids: impl IntoIterator<Item = &'a Jid>) -> Element {
    let item = |jid: &Jid| element("item", ns::BLOCKING).with("jid", jid.as_str()).build();
    element(name, ns::BLOCKING)
        .append_all(jids.into_iter().map(item))
        .build()
}

fn change(
    shared: &Shared,
    account: &BareJid,
    push: Element,
    edit: impl FnOnce(&mut BTreeSet<Jid>),
) -> Result<Ticket, StanzaError> {
    let node = shared.local_node(account).ok_or(Condition::InternalServerError)?;
    // Rosters stay as they are meanwhile: who sees whom depends on both.
    let _held = shared.rosters.hold();
    let before = shared.block_list(account);
    let mut after = (*before).clone();
    edit(&mut after);
    let blocked_max = shared.options.blocked_max;
    if after.len() > blocked_max.max(before.len()) {
        tracing::warn!(%account, blocked_max, "a block list is full");
        let text = "The block list is full.";
        return Err(StanzaError::new(Condition::ResourceConstraint, text));
    }
    let ticket = keep(shared, node, &before, &after)?;
    shared.blocked.replace(node, after.clone());
    let changed = |resource: &Arc<Session>| {
        let held = |list| holds(list, resource.jid());
        held(&before) != held(&after)
    };
    for resource in resources_in_sight(shared, account).iter().filter(|it| changed(it)) {
        match holds(&after, resource.jid()) {
            true => presence::hide(shared, account, resource),
            false => reveal(shared, account, resource),
        }
    }
    for session in shared.sessions_of(account).iter() {
        forget_directed(session, &after);
        if session.wants_block_list() {
            shared.push(session, &push);
        }
    }
    Ok(ticket)
}

fn keep(shared: &Shared, node: &str, before: &BTreeSet<Jid>, after: &BTreeSet<Jid>) -> Result<Ticket, StanzaError> {
    let mut batch = Batch::new();
    let blocked = shared.store.blocked();
    after
        .difference(before)
        .for_each(|jid| blocked.put(&mut batch, node, jid));
    before
        .difference(after)
        .for_each(|jid| blocked.delete(&mut batch, node, jid));
    shared.store.submit(batch).map_err(|error| refused_by_store(&error))
}

/// The available resources of those with whom the account shares presence, one way or the other.
fn resources_in_sight(shared: &Shared, account: &BareJid) -> Vec<Arc<Session>> {
    let roster = shared.roster(account);
    let mut contacts: BTreeSet<BareJid> = roster.subscribers().chain(roster.subscriptions()).cloned().collect();
    for session in shared.sessions_of(account).iter() {
        contacts.extend(locked(&session.state).directed.iter().map(Jid::to_bare));
    }
    contacts.remove(account);
    contacts.iter().flat_map(|contact| shared.available(contact)).collect()
}

/// The two see each other again, as far as they may. The XEP has the contact told of the user; the user is told of the
/// contact too, whose changes it has missed.
fn reveal(shared: &Shared, account: &BareJid, resource: &Arc<Session>) {
    let contact = resource.account();
    if shared.may_see(contact, account) {
        for session in shared.available(account) {
            probe::tell(shared, resource, &session);
        }
    }
    if shared.may_see(account, contact) {
        for session in shared.available(account) {
            probe::tell(shared, &session, resource);
        }
    }
}

/// Who is blocked was told of the end already.
fn forget_directed(session: &Session, list: &BTreeSet<Jid>) {
    locked(&session.state).directed.retain(|jid| !holds(list, jid));
}

#[cfg(test)]
mod tests;
