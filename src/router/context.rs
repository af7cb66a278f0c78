//! What a module may reach: state that several features share, and ways to send.

use super::{Router, Session};
use crate::stanza::{Role, Stanza, StanzaError};
use crate::store::{Store, Ticket};
use crate::xml::{Element, Rope};
use jid::{BareJid, FullJid, Jid};
use std::collections::BTreeSet;
use std::sync::Arc;

/// A module's view of the router during one hook or handler.
pub struct Context<'a> {
    _router: &'a Router,
    _origin: Option<&'a Arc<Session>>,
}

impl Context<'_> {
    /// The domain served.
    pub fn domain(&self) -> &str {
        todo!()
    }

    /// The store.
    pub fn store(&self) -> &Store {
        todo!()
    }

    /// The session whose stanza is being handled; `None` in hooks that no stanza caused.
    pub fn origin(&self) -> Option<&Arc<Session>> {
        todo!()
    }

    /// The reply to the stanza being handled must wait for this ticket. Several calls: the latest counts.
    pub fn after(&self, ticket: Ticket) {
        let _ = ticket;
        todo!()
    }

    /// Whether a local account exists.
    pub fn account_exists(&self, account: &BareJid) -> bool {
        let _ = account;
        todo!()
    }

    /// The role of an account of this domain; `None` for strangers.
    pub fn role(&self, account: &BareJid) -> Option<Role> {
        let _ = account;
        todo!()
    }

    /// Whether `who` may learn that `account` exists and what it shares with contacts: it is the same account, or has a
    /// subscription to its presence (RFC 6121 section 8.5.1). For anyone else a handler answers as for an absent account:
    /// `service-unavailable`.
    pub fn may_see(&self, who: &BareJid, account: &BareJid) -> bool {
        let _ = (who, account);
        todo!()
    }

    /// Contacts that receive the account's presence (subscription `from` or `both`).
    pub fn subscribers(&self, account: &BareJid) -> Vec<Jid> {
        let _ = account;
        todo!()
    }

    /// Contacts whose presence the account receives (subscription `to` or `both`).
    pub fn subscriptions(&self, account: &BareJid) -> Vec<Jid> {
        let _ = account;
        todo!()
    }

    /// Whether the contact is in one of these roster groups of the account.
    pub fn in_roster_groups(&self, account: &BareJid, contact: &BareJid, groups: &[String]) -> bool {
        let _ = (account, contact, groups);
        todo!()
    }

    /// All sessions of an account.
    pub fn sessions(&self, account: &BareJid) -> Vec<Arc<Session>> {
        let _ = account;
        todo!()
    }

    /// The available sessions of an account.
    pub fn available(&self, account: &BareJid) -> Vec<Arc<Session>> {
        let _ = account;
        todo!()
    }

    /// The features that a session's entity capabilities stand for (XEP-0115); `None` while unknown.
    pub fn caps_of(&self, jid: &FullJid) -> Option<Arc<BTreeSet<String>>> {
        let _ = jid;
        todo!()
    }

    /// Says what a session's capabilities stand for; `None` when they are no longer known. Calls `caps_changed` on all
    /// modules when that is news.
    pub fn set_caps(&self, jid: &FullJid, features: Option<Arc<BTreeSet<String>>>) {
        let _ = (jid, features);
        todo!()
    }

    /// Sends an element to a session as it stands.
    pub fn send(&self, session: &Session, element: &Element) {
        let _ = (session, element);
        todo!()
    }

    /// Sends serialised XML to a session; shared slices stay shared.
    pub fn send_rope(&self, session: &Session, rope: Rope) {
        let _ = (session, rope);
        todo!()
    }

    /// Routes a stanza of the server's own making, its `from` and `to` set, as if it had come from `from`.
    pub fn route(&self, element: &Element) {
        let _ = element;
        todo!()
    }

    /// Asks a session: sends an iq get from the server with a random id, and calls the module's `handle_response` with
    /// the answer, or with `None` after 30 s. Only an answer from that very session counts. Returns the id.
    ///
    /// # Errors
    /// `resource-constraint` when a question to that session is still open (one at a time).
    pub fn request(
        &self,
        module: &dyn super::Module,
        session: &Session,
        payload: Element,
    ) -> Result<String, StanzaError> {
        let _ = (module, session, payload);
        todo!()
    }

    /// All server features, gathered from the modules.
    pub fn server_features(&self) -> Vec<&'static str> {
        todo!()
    }

    /// Account features, gathered from the modules.
    pub fn account_features(&self) -> Vec<&'static str> {
        todo!()
    }

    /// Account identities, gathered from the modules.
    pub fn account_identities(&self) -> Vec<(&'static str, &'static str, &'static str)> {
        todo!()
    }

    /// Hands a message that nobody took to the sender's error reply; used by the delivery table.
    pub fn bounce(&self, stanza: &Stanza, to: &FullJid, error: &StanzaError) {
        let _ = (stanza, to, error);
        todo!()
    }
}
