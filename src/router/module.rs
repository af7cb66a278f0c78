//! What a protocol feature is to the router. A module's `impl Module` shows at a glance what it attaches to.

use super::{Context, Passage, Session};
use crate::service::disco::{Info, Item};
use crate::stanza::{Stanza, StanzaError};
use crate::xml::{Element, Frame};
use jid::{BareJid, FullJid};
use std::sync::Arc;

/// How much of a XEP is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// All that a server does of it.
    Complete,
    /// A part, named in README's table.
    Partial,
}

/// A specification that a module implements: README's table is compared with these.
#[derive(Clone, Copy, Debug)]
pub struct Xep {
    /// `XEP-0199`, or `RFC 6121`.
    pub number: &'static str,
    /// Its title.
    pub title: &'static str,
    /// The version implemented.
    pub version: &'static str,
    /// How much of it.
    pub status: Status,
}

/// Whom an iq must address to reach a route.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Addressee {
    /// The server's domain.
    Server,
    /// The sender's own account: its bare JID, or no `to` at all.
    OwnAccount,
    /// A service of the server's, at a subdomain, by its label: see [`Module::service`].
    Service(&'static str),
    /// Any local account's bare JID, the sender's own included: the server answers on its behalf (RFC 6121 section 8.5).
    /// A handler that must not tell a stranger whether the account exists uses [`Context::may_see`].
    Account,
}

/// The key under which an iq finds its module.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct IqRoute {
    /// Whether it takes `get`.
    pub get: bool,
    /// Whether it takes `set`.
    pub set: bool,
    /// Whom it addresses.
    pub addressee: Addressee,
    /// The payload's namespace.
    pub ns: &'static str,
    /// The payload's name.
    pub name: &'static str,
}

/// An iq of type get or set on its way to a module.
#[derive(Clone, Copy, Debug)]
pub struct Iq<'a> {
    /// The stanza.
    pub stanza: &'a Stanza,
    /// Whether it is a `set`.
    pub set: bool,
    /// The account addressed: `None` for the server itself, and for its services.
    pub account: Option<&'a BareJid>,
    /// Its one payload, as a tree.
    pub payload: &'a Element,
}

/// A protocol feature: one file (or folder) in `modules/`. Every method has a default, and the list of them is the
/// catalogue of hooks.
pub trait Module: Send + Sync {
    /// The specifications it implements.
    fn xeps(&self) -> &'static [Xep] {
        &[]
    }

    /// Features that the server's disco#info lists because of it.
    fn server_features(&self) -> &'static [&'static str] {
        &[]
    }

    /// The service that it offers at a subdomain: its label, such as `pubsub`, and its name for people. The server's
    /// disco#items lists it; iqs reach it by routes to [`Addressee::Service`], messages by [`Module::handle_message`].
    fn service(&self) -> Option<(&'static str, &'static str)> {
        None
    }

    /// Features that an account's disco#info (at its bare JID) lists because of it.
    fn account_features(&self) -> &'static [&'static str] {
        &[]
    }

    /// Identities (category, type, name) that an account's disco#info lists because of it, such as `pubsub/pep`.
    fn account_identities(&self) -> &'static [(&'static str, &'static str, &'static str)] {
        &[]
    }

    /// What an account's disco#items lists to one who may see the account: items of the account, or of one of its nodes.
    fn account_items(&self, cx: &Context<'_>, account: &BareJid, asker: &BareJid, node: Option<&str>) -> Vec<Item> {
        let _ = (cx, account, asker, node);
        Vec::new()
    }

    /// What disco#info tells of an account's node to one who may see the account; `None` when the node is not this
    /// module's, or not for the asker.
    fn account_node(&self, cx: &Context<'_>, account: &BareJid, asker: &BareJid, node: &str) -> Option<Info> {
        let _ = (cx, account, asker, node);
        None
    }

    /// What the server's disco#items lists to the asker because of it: items of the server, or of one of its nodes.
    fn server_items(&self, cx: &Context<'_>, node: Option<&str>) -> Vec<Item> {
        let _ = (cx, node);
        Vec::new()
    }

    /// What disco#info tells the asker of a node of the server; `None` when the node is not this module's.
    ///
    /// # Errors
    /// `forbidden` when the asker may not know.
    fn server_node(&self, cx: &Context<'_>, node: &str) -> Result<Option<Info>, StanzaError> {
        let _ = (cx, node);
        Ok(None)
    }

    /// The iqs it answers.
    fn iq_routes(&self) -> &'static [IqRoute] {
        &[]
    }

    /// Answers an iq: the payload of the result (`None`: an empty result), or an error. The dispatcher sends it, once.
    ///
    /// # Errors
    /// The stanza error that answers the sender.
    fn handle_iq(&self, cx: &Context<'_>, iq: &Iq<'_>) -> Result<Option<Element>, StanzaError> {
        let _ = (cx, iq);
        Err(crate::stanza::Condition::ServiceUnavailable.into())
    }

    /// A message to a service (its label), or to the sender's own account (`None`); `true` takes it: nobody else is given
    /// it. Every module is asked, for a message to the own account may be an answer to what a module sent it.
    fn handle_message(&self, cx: &Context<'_>, service: Option<&str>, stanza: &Stanza) -> bool {
        let _ = (cx, service, stanza);
        false
    }

    /// The answer to an iq that this module sent with [`Context::request`]; `None` when it was an error, or never came.
    fn handle_response(&self, cx: &Context<'_>, from: &FullJid, id: &str, payload: Option<&Element>) {
        let _ = (cx, from, id, payload);
    }

    /// A resource was bound.
    fn session_bound(&self, cx: &Context<'_>, session: &Session) {
        let _ = (cx, session);
    }

    /// A child that the server adds to a session's available presence before anybody is told.
    fn presence_stamp(&self, cx: &Context<'_>, session: &Session, presence: &Frame) -> Option<Element> {
        let _ = (cx, session, presence);
        None
    }

    /// A session broadcast available presence; `first` when it was not available before. `presence` is what it sent.
    fn presence_available(&self, cx: &Context<'_>, session: &Session, presence: &Frame, first: bool) {
        let _ = (cx, session, presence, first);
    }

    /// A session went unavailable, or ended. `presence` is what its contacts were sent.
    fn presence_unavailable(&self, cx: &Context<'_>, session: &Session, presence: &Frame) {
        let _ = (cx, session, presence);
    }

    /// The features of an available session became known, or changed (XEP-0115).
    fn caps_changed(&self, cx: &Context<'_>, session: &Session) {
        let _ = (cx, session);
    }

    /// The subscription between a local account and a contact changed; `receives` tells whether the contact now
    /// receives the account's presence, and `received` whether it did before.
    fn subscription_changed(
        &self,
        cx: &Context<'_>,
        account: &BareJid,
        contact: &BareJid,
        received: bool,
        receives: bool,
    ) {
        let _ = (cx, account, contact, received, receives);
    }

    /// A message leaves its sender's account for another of this domain, or for the sender's own: nobody has been given it
    /// yet. What must be durable before it is acknowledged goes to [`Context::after`].
    ///
    /// # Errors
    /// Refuses it: the sender is told, and later modules are not asked.
    fn message_outbound(&self, cx: &Context<'_>, passage: &mut Passage<'_>) -> Result<(), StanzaError> {
        let _ = (cx, passage);
        Ok(())
    }

    /// A message enters its recipient's account, which exists: nobody has been given it yet. What is appended to it all
    /// resources of the account are given, and whoever keeps it for them.
    ///
    /// # Errors
    /// Refuses it: the sender is told, and later modules are not asked.
    fn message_inbound(&self, cx: &Context<'_>, passage: &mut Passage<'_>) -> Result<(), StanzaError> {
        let _ = (cx, passage);
        Ok(())
    }

    /// A message was given to those sessions of its recipient; to none when it was kept, or ignored.
    fn message_delivered(&self, cx: &Context<'_>, passage: &Passage<'_>, taken: &[Arc<Session>]) {
        let _ = (cx, passage, taken);
    }

    /// The sender of a message was told that it was refused: `passage` is that of its own account.
    fn message_refused(&self, cx: &Context<'_>, passage: &Passage<'_>, reply: &Element) {
        let _ = (cx, passage, reply);
    }

    /// A message of type chat or normal for an existing account that has no resource to take it (RFC 6121 section
    /// 8.5.2.2): `true` when it was kept, or need not be. When no module says `true`, the sender is told
    /// `service-unavailable`.
    fn message_undeliverable(&self, cx: &Context<'_>, passage: &Passage<'_>) -> bool {
        let _ = (cx, passage);
        false
    }

    /// A client has acknowledged what it was sent from the store, under these ids: see
    /// [`Sink::push_backlog`](super::Sink::push_backlog).
    fn kept_acknowledged(&self, cx: &Context<'_>, session: &Session, ids: &[u64]) {
        let _ = (cx, session, ids);
    }

    /// A session ended before its client acknowledged what it was sent from the store: that is free for another one.
    fn kept_returned(&self, cx: &Context<'_>, account: &BareJid) {
        let _ = (cx, account);
    }

    /// About a second has passed: time for a slice of what is done now and then.
    fn tick(&self, cx: &Context<'_>) {
        let _ = cx;
    }

    /// An account was removed: what the module keeps of it goes.
    fn account_removed(&self, cx: &Context<'_>, account: &BareJid) {
        let _ = (cx, account);
    }
}
