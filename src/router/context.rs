//! What a module may reach: state that several features share, and ways to send.

use super::iq::{self, Party};
use super::{
    BlockList, Contacts, Iq, Later, Module, ServerCommands, Session, Shared, blocking, presence, queries, subscription,
};
use crate::roster::Roster;
use crate::service::disco::{Info, Item};
use crate::stanza::{Condition, Kind, Role, Stanza, StanzaError, parse_jid};
use crate::store::{Store, Ticket};
use crate::xml::{Build, CLIENT, Element, Frame, Rope, element};
use jid::{BareJid, FullJid, Jid};
use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;
use std::sync::{Arc, MutexGuard};

/// A module's view of the router during one hook or handler.
pub struct Context<'a> {
    shared: &'a Shared,
    origin: Option<&'a Arc<Session>>,
    after: Cell<Option<Ticket>>,
    deferred: Cell<bool>,
    rosters: RefCell<Option<MutexGuard<'a, ()>>>,
}

impl<'a> Context<'a> {
    pub(super) fn new(shared: &'a Shared, origin: Option<&'a Arc<Session>>) -> Context<'a> {
        Context {
            shared,
            origin,
            after: Cell::new(None),
            deferred: Cell::new(false),
            rosters: RefCell::new(None),
        }
    }

    /// What the reply to the stanza being handled must wait for.
    pub(super) fn ticket(&self) -> Option<Ticket> {
        self.after.get()
    }

    /// Whether the stanza being handled is answered later.
    pub(super) fn is_deferred(&self) -> bool {
        self.deferred.get()
    }

    /// The request being handled is answered later: what its handler returns is not sent, unless it is an error.
    ///
    /// # Errors
    /// `internal-server-error` when no session asks.
    pub fn answer_later(&self, iq: &Iq<'_>) -> Result<Later, StanzaError> {
        let session = self.origin.ok_or(Condition::InternalServerError)?;
        self.deferred.set(true);
        Ok(Later::new(session, iq.stanza))
    }

    /// The commands at the server's own address; `None` where the appliance does not run.
    pub fn commands(&self) -> Option<&'a ServerCommands> {
        self.shared.commands.get()
    }

    /// The domain served.
    pub fn domain(&self) -> &'a str {
        self.shared.domain()
    }

    /// The contact addresses of the service.
    pub fn contacts(&self) -> &'a Contacts {
        &self.shared.options.contacts
    }

    /// The store.
    pub fn store(&self) -> &'a Store {
        &self.shared.store
    }

    /// The session whose stanza is being handled; `None` in hooks that no stanza caused.
    pub fn origin(&self) -> Option<&'a Arc<Session>> {
        self.origin
    }

    /// The account whose stanza is being handled.
    pub fn asker(&self) -> Option<&'a BareJid> {
        self.origin.map(|session| session.account())
    }

    /// The reply to the stanza being handled must wait for this ticket, and so must every other acknowledgement of it. Several
    /// calls: the latest counts.
    pub fn after(&self, ticket: Ticket) {
        self.after.set(self.after.get().max(Some(ticket)));
        if let Some(session) = self.origin {
            session.has_written(ticket);
        }
    }

    /// Roles that may create nodes at the publish-subscribe service.
    pub fn node_creators(&self) -> &'a [Role] {
        &self.shared.options.node_creators
    }

    /// Nodes of it that one account may own.
    pub fn nodes_per_account_max(&self) -> usize {
        self.shared.options.nodes_per_account_max
    }

    /// Whether a local account exists.
    pub fn account_exists(&self, account: &BareJid) -> bool {
        self.shared.account_exists(account)
    }

    /// The role of an account of this domain; `None` for strangers.
    pub fn role(&self, account: &BareJid) -> Option<Role> {
        self.shared.role(account)
    }

    /// Whether `who` may learn that `account` exists and what it shares with contacts: it is the same account, or has a
    /// subscription to its presence (RFC 6121 section 8.5.1). For anyone else a handler answers as for an absent account:
    /// `service-unavailable`.
    pub fn may_see(&self, who: &BareJid, account: &BareJid) -> bool {
        self.shared.may_see(who, account)
    }

    /// Whether the asker may see an account: see [`Context::may_see`].
    ///
    /// # Errors
    /// `service-unavailable` otherwise, as for an absent account.
    pub fn require_sight(&self, account: &BareJid) -> Result<(), StanzaError> {
        match self.asker() {
            Some(asker) if self.may_see(asker, account) => Ok(()),
            _ => Err(Condition::ServiceUnavailable.into()),
        }
    }

    /// The accounts that are services within the process, in order: see [`Session::answer_for_account`].
    pub fn hosted_services(&self) -> BTreeSet<BareJid> {
        let sessions = self.shared.sessions.all();
        let hosted = sessions.iter().filter(|session| session.answers_for_account());
        hosted.map(|session| session.account().clone()).collect()
    }

    /// The services at subdomains: their addresses, and their names for people.
    pub fn services(&self) -> Vec<(BareJid, &'static str)> {
        let services = self.shared.services().iter();
        let addressed = services.filter_map(|(label, name)| Some((self.service(label)?, *name)));
        addressed.collect()
    }

    /// The address of the service with that label.
    pub fn service(&self, label: &str) -> Option<BareJid> {
        BareJid::new(&[label, ".", self.domain()].concat()).ok()
    }

    /// A local account's roster; empty for anyone else.
    pub fn roster(&self, account: &BareJid) -> Arc<Roster> {
        self.shared.roster(account)
    }

    /// The origin's roster, as an answer to it: the session is interested from now on, and no roster changes before the
    /// answer is queued, so that no push overtakes it. Not to be called in a handler that changes a roster.
    ///
    /// # Errors
    /// `internal-server-error` when no session asks.
    pub fn watch_roster(&self) -> Result<Arc<Roster>, StanzaError> {
        let session = self.origin.ok_or(Condition::InternalServerError)?;
        let held = self.shared.rosters.hold();
        let roster = self.shared.roster(session.account());
        session.set_interested();
        self.rosters.replace(Some(held));
        Ok(roster)
    }

    /// Adds a roster item, or changes its name and groups, and pushes it (RFC 6121 sections 2.3 and 2.4).
    ///
    /// # Errors
    /// Those of RFC 6121 section 2.3.3 that do not depend on the wire form.
    pub fn set_roster_item(
        &self,
        account: &BareJid,
        contact: &BareJid,
        name: Option<String>,
        groups: Vec<String>,
    ) -> Result<Ticket, StanzaError> {
        subscription::set_item(self.shared, account, contact, name, groups)
    }

    /// Removes a roster item, cancels the subscriptions both ways, and pushes the removal (RFC 6121 section 2.5).
    ///
    /// # Errors
    /// `item-not-found` when there is none.
    pub fn remove_roster_item(&self, account: &BareJid, contact: &BareJid) -> Result<Ticket, StanzaError> {
        subscription::remove_item(self.shared, account, contact)
    }

    /// Whether one of two blocks the other (XEP-0191), so that nothing passes between them.
    pub fn are_apart(&self, one: &Jid, other: &Jid) -> bool {
        self.shared.are_apart(one, other)
    }

    /// The addresses that the origin's account blocks; its session is told of changes from now on.
    ///
    /// # Errors
    /// `internal-server-error` when no session asks.
    pub fn watch_block_list(&self) -> Result<BlockList, StanzaError> {
        let session = self.origin.ok_or(Condition::InternalServerError)?;
        // No change, and so no push, comes before the answer.
        let held = self.shared.rosters.hold();
        session.set_wants_block_list();
        let list = self.shared.block_list(session.account());
        self.rosters.replace(Some(held));
        Ok(list)
    }

    /// Adds addresses to an account's block list, and pushes them.
    ///
    /// # Errors
    /// `resource-constraint` when the list would be too long; when the store takes no more.
    pub fn block(&self, account: &BareJid, jids: &[Jid]) -> Result<Ticket, StanzaError> {
        blocking::block(self.shared, account, jids)
    }

    /// Takes addresses off an account's block list, or all of them (`None`), and pushes that.
    ///
    /// # Errors
    /// When the store takes no more.
    pub fn unblock(&self, account: &BareJid, jids: Option<&[Jid]>) -> Result<Ticket, StanzaError> {
        blocking::unblock(self.shared, account, jids)
    }

    /// Contacts that receive the account's presence (subscription `from` or `both`).
    pub fn subscribers(&self, account: &BareJid) -> Vec<Jid> {
        self.shared
            .roster(account)
            .subscribers()
            .cloned()
            .map(Jid::from)
            .collect()
    }

    /// Contacts whose presence the account receives (subscription `to` or `both`).
    pub fn subscriptions(&self, account: &BareJid) -> Vec<Jid> {
        self.shared
            .roster(account)
            .subscriptions()
            .cloned()
            .map(Jid::from)
            .collect()
    }

    /// Whether the contact is in one of these roster groups of the account.
    pub fn in_roster_groups(&self, account: &BareJid, contact: &BareJid, groups: &[String]) -> bool {
        let roster = self.shared.roster(account);
        roster
            .get(contact)
            .is_some_and(|item| item.groups.iter().any(|group| groups.contains(group)))
    }

    /// All sessions of an account.
    pub fn sessions(&self, account: &BareJid) -> Vec<Arc<Session>> {
        self.shared.sessions_of(account).to_vec()
    }

    /// The available sessions of an account.
    pub fn available(&self, account: &BareJid) -> Vec<Arc<Session>> {
        self.shared.available(account)
    }

    /// The features that a session's entity capabilities stand for (XEP-0115); `None` while unknown.
    pub fn caps_of(&self, jid: &FullJid) -> Option<Arc<BTreeSet<String>>> {
        self.shared.session(jid)?.caps()
    }

    /// Says what a session's capabilities stand for; `None` when they are no longer known. Calls `caps_changed` on all
    /// modules when that is news.
    pub fn set_caps(&self, jid: &FullJid, features: Option<Arc<BTreeSet<String>>>) {
        if let Some(session) = self.shared.session(jid)
            && session.set_caps(features)
        {
            self.shared
                .each(self.origin, |module, cx| module.caps_changed(cx, &session));
        }
    }

    /// Has the presence of an account's sessions stamped anew ([`Module::presence_stamp`]), and told where that is news.
    pub fn stamp_again(&self, account: &BareJid) {
        presence::stamp_again(self.shared, account);
    }

    /// Does for the origin what it would have done had it sent such a request to its own account: a module that speaks for
    /// another's data, and must not know the other. What the answer waits for counts here too.
    ///
    /// # Errors
    /// Those of the module that answers.
    pub fn perform(&self, set: bool, payload: &Element) -> Result<Option<Element>, StanzaError> {
        let request = element("iq", CLIENT)
            .with("type", if set { "set" } else { "get" })
            .append(payload.clone());
        let stanza = Stanza {
            frame: Frame::from_element(&request.build()),
            kind: Kind::Iq,
            to: None,
        };
        let party = self.asker().map_or(Party::Server, Party::Account);
        iq::handle(self.shared, self, &stanza, set, party)
    }

    /// Sends an element to a session as it stands.
    pub fn send(&self, session: &Session, element: &Element) {
        Shared::send(session, element);
    }

    /// Sends serialised XML to a session; shared slices stay shared. `false` when the session ends and takes nothing.
    pub fn send_rope(&self, session: &Session, rope: Rope) -> bool {
        session.sink().push(rope, None)
    }

    /// Routes a stanza of the server's own making, its `from` and `to` set, as if it had come from `from`. Nobody is told
    /// when it cannot be delivered. Subscription stanzas are not for this: see [`Context::set_roster_item`] and
    /// [`Router::provision`](super::Router::provision).
    pub fn route(&self, element: &Element) {
        let from = element.attr("from").and_then(parse_jid);
        if let (Some(from), Ok(stanza)) = (from, Stanza::new(Frame::from_element(element))) {
            self.shared.route_own(&stanza, &from);
        }
    }

    /// Asks a session: sends an iq get from the server with a random id, and calls the module's `handle_response` with
    /// the answer, or with `None` after 30 s, or when the session ends. Only an answer from that very session counts.
    /// Returns the id. `module` is the caller, which must hold state of its own: a type without fields has no address
    /// by which to know it.
    ///
    /// # Errors
    /// `resource-constraint` when a question to that session is still open (one at a time).
    pub fn request(&self, module: &dyn Module, session: &Session, payload: Element) -> Result<String, StanzaError> {
        let index = self
            .shared
            .modules
            .iter()
            .position(|known| size_of_val(module) > 0 && std::ptr::addr_eq(&raw const **known, module));
        let index = index.ok_or(Condition::InternalServerError)?;
        queries::ask(self.shared, index, session, payload)
    }

    /// All server features, gathered from the modules.
    pub fn server_features(&self) -> Vec<&'static str> {
        self.gather(|module| module.server_features())
    }

    /// Account features, gathered from the modules.
    pub fn account_features(&self) -> Vec<&'static str> {
        self.gather(|module| module.account_features())
    }

    /// Account identities, gathered from the modules.
    pub fn account_identities(&self) -> Vec<(&'static str, &'static str, &'static str)> {
        self.gather(|module| module.account_identities())
    }

    /// What the modules list of an account, or of one of its nodes, to the asker.
    pub fn account_items(&self, account: &BareJid, node: Option<&str>) -> Vec<Item> {
        let Some(asker) = self.asker() else { return Vec::new() };
        let modules = self.shared.modules.iter();
        modules
            .flat_map(|module| module.account_items(self, account, asker, node))
            .collect()
    }

    /// What the module that has an account's node tells of it to the asker.
    pub fn account_node(&self, account: &BareJid, node: &str) -> Option<Info> {
        let asker = self.asker()?;
        let mut modules = self.shared.modules.iter();
        modules.find_map(|module| module.account_node(self, account, asker, node))
    }

    /// What the modules list of the server, or of one of its nodes, to the asker.
    pub fn server_items(&self, node: Option<&str>) -> Vec<Item> {
        let modules = self.shared.modules.iter();
        modules.flat_map(|module| module.server_items(self, node)).collect()
    }

    /// What the module that has a node of the server tells of it to the asker.
    ///
    /// # Errors
    /// `forbidden` when the asker may not know.
    pub fn server_node(&self, node: &str) -> Result<Option<Info>, StanzaError> {
        for module in &self.shared.modules {
            if let Some(info) = module.server_node(self, node)? {
                return Ok(Some(info));
            }
        }
        Ok(None)
    }

    /// Sorted, each once.
    fn gather<T: Copy + Ord + 'static>(&self, part: impl Fn(&dyn Module) -> &'static [T]) -> Vec<T> {
        let all: BTreeSet<T> = self
            .shared
            .modules
            .iter()
            .flat_map(|module| part(&**module).iter().copied())
            .collect();
        all.into_iter().collect()
    }
}
