//! The rosters of accounts that have sessions, what may be done to a roster, and the pushes that tell of it.

use super::{Session, Shared, locked};
use crate::roster::{Item, Refusal, Roster};
use crate::stanza::{Condition, StanzaError, ns};
use crate::store::StoreError;
use crate::xml::{Build, CLIENT, Element, element};
use jid::BareJid;
use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

/// Rosters in memory: those of accounts with sessions, loaded when first asked for.
///
/// Whoever changes a roster holds `changing` from reading it to the last push, so that changes, and their pushes, have
/// one order. Locks are taken in the order `changing`, a session's state, the cache.
#[derive(Debug, Default)]
pub(super) struct Rosters {
    cache: RwLock<HashMap<BareJid, Arc<Roster>>>,
    changing: Mutex<()>,
    pushes: AtomicU64,
}

impl Rosters {
    /// Keeps all rosters as they are while the guard lives.
    pub fn hold(&self) -> MutexGuard<'_, ()> {
        locked(&self.changing)
    }

    /// Puts a changed roster where the one before was, if it was there; what is not there is read from the store.
    pub fn replace(&self, account: &BareJid, roster: Roster) {
        let mut cache = self.cache.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(cached) = cache.get_mut(account) {
            *cached = Arc::new(roster);
        }
    }

    /// Forgets the roster of an account whose last session has ended.
    pub fn forget(&self, account: &BareJid) {
        self.cache
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .remove(account);
    }
}

impl Shared {
    /// A local account's roster; an empty one for everybody else.
    pub fn roster(&self, account: &BareJid) -> Arc<Roster> {
        let cache = self.rosters.cache.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(roster) = cache.get(account) {
            return Arc::clone(roster);
        }
        drop(cache);
        match self.local_node(account) {
            Some(node) => self.load_roster(account, node),
            None => Arc::default(),
        }
    }

    fn load_roster(&self, account: &BareJid, node: &str) -> Arc<Roster> {
        if self.sessions.of(node).is_empty() {
            return Arc::new(self.store.rosters().load(node));
        }
        // Read under the lock, so that no change comes between reading and keeping.
        let mut cache = self.rosters.cache.write().unwrap_or_else(PoisonError::into_inner);
        let load = || Arc::new(self.store.rosters().load(node));
        Arc::clone(cache.entry(account.clone()).or_insert_with(load))
    }

    /// Pushes an item to the account's interested resources (RFC 6121 section 2.1.6).
    pub fn push_item(&self, account: &BareJid, contact: &BareJid, item: Option<&Item>, version: u64) {
        let query = roster_query(version).append(roster_item(contact, item)).build();
        let sessions = self.sessions_of(account);
        for session in sessions.iter().filter(|session| session.is_interested()) {
            self.push(session, &query);
        }
    }

    /// Sends a session an iq set of its account's own.
    pub fn push(&self, session: &Session, payload: &Element) {
        let number = self.rosters.pushes.fetch_add(1, Ordering::Relaxed);
        let push = element("iq", CLIENT)
            .with("type", "set")
            .with("id", format!("push-{number}"))
            .with("to", session.jid().as_str())
            .append(payload.clone());
        Shared::send(session, &push.build());
    }
}

/// A roster as its owner's client gets it (RFC 6121 section 2.1.4).
pub fn roster_payload(roster: &Roster) -> Element {
    roster_query(roster.version())
        .append_all(roster.listed().map(|(contact, item)| roster_item(contact, Some(item))))
        .build()
}

fn roster_query(version: u64) -> minidom::element::ElementBuilder {
    element("query", ns::ROSTER).with("ver", version.to_string())
}

/// RFC 6121 section 2.1.2; `None` stands for one that was removed.
fn roster_item(contact: &BareJid, item: Option<&Item>) -> Element {
    let builder = element("item", ns::ROSTER).with("jid", contact.as_str());
    let Some(item) = item else {
        return builder.with("subscription", "remove").build();
    };
    let groups = item
        .groups
        .iter()
        .map(|group| element("group", ns::ROSTER).append(group.as_str()).build());
    builder
        .with_some("name", item.name.as_deref())
        .with("subscription", item.state.subscription.as_str())
        .with_some("ask", item.state.pending_out.then_some("subscribe"))
        .with_some("approved", item.state.approved.then_some("true"))
        .append_all(groups)
        .build()
}

/// The stanza error for a roster change that is not admissible (RFC 6121 section 2.3.3).
pub(super) fn refused(refusal: Refusal) -> StanzaError {
    let condition = match refusal {
        Refusal::NameTooLong | Refusal::GroupTooLong | Refusal::GroupEmpty => Condition::NotAcceptable,
        Refusal::GroupTwice => Condition::BadRequest,
        Refusal::TooManyGroups | Refusal::TooManyItems => Condition::ResourceConstraint,
    };
    tracing::debug!(%refusal, "a roster change is refused");
    StanzaError::new(condition, refusal.to_string())
}

/// The stanza error for what the store does not take. Its text stays here: it is the operator's.
pub fn refused_by_store(error: &StoreError) -> StanzaError {
    if error.is_constraint() {
        return Condition::ResourceConstraint.into();
    }
    tracing::error!(%error, "the store refuses a write");
    Condition::InternalServerError.into()
}
