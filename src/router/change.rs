//! One change of a roster, or of the two that a subscription is in, from reading them to telling whom it concerns.
//!
//! Both rosters change in one batch, and both parties are told at once, while no other roster changes. What either is
//! told comes in the RFC's order (RFC 6121 section 3): unavailable presence from those it may no longer see, the
//! subscription stanza, the roster push, then presence from those it may now see.

use super::rosters::refused_by_store;
use super::{Session, Shared, presence};
use crate::roster::{Direction, Item, Limits, Refusal, Request, Roster, State, Subscription};
use crate::stanza::StanzaError;
use crate::store::{Batch, Ticket};
use crate::xml::{Build, CLIENT, Rope, element};
use jid::BareJid;
use std::sync::{Arc, MutexGuard};

/// Bytes of a stored request; of a longer one only the asking is kept (RFC 6121 section 3.1.3, security warning).
pub(super) const REQUEST_BYTES_MAX: usize = 4096;

/// One party to a change: its roster, and what it is told.
struct Party {
    account: BareJid,
    roster: Roster,
    before: Option<Item>,
    told: Vec<Request>,
    push: bool,
}

/// A change by one user, and what it does to the contact, unless there is no such account. While it lives no other
/// roster changes.
pub(super) struct Change<'a> {
    shared: &'a Shared,
    held: MutexGuard<'a, ()>,
    user: Party,
    contact: Option<Party>,
    with: BareJid,
    /// What the user's client sent, as the contact is given it.
    sent: Option<(Request, Rope)>,
}

impl<'a> Change<'a> {
    /// Begins a change of what two accounts are to each other; the contact need not exist.
    pub fn begin(shared: &'a Shared, account: &BareJid, contact: &BareJid) -> Change<'a> {
        let held = shared.rosters.hold();
        let exists = shared.account_exists(contact);
        Change {
            shared,
            held,
            user: Party::new(shared, account, contact),
            contact: exists.then(|| Party::new(shared, contact, account)),
            with: contact.clone(),
            sent: None,
        }
    }

    /// A subscription stanza from the user's client (RFC 6121 section 3). `stanza` is what the contact is given.
    ///
    /// # Errors
    /// When the roster is full.
    pub fn request(&mut self, request: Request, stanza: Rope) -> Result<(), Refusal> {
        let roster = &mut self.user.roster;
        let outcome = roster.apply(&self.with, Direction::Outbound, request, &self.shared.options.roster)?;
        self.user.push |= outcome.push;
        self.sent = Some((request, stanza));
        if outcome.pass {
            self.tell_contact(request);
        }
        Ok(())
    }

    /// A roster set (RFC 6121 section 2.3): name and groups; the subscription stays as it is.
    ///
    /// # Errors
    /// Those of section 2.3.3.
    pub fn set(&mut self, name: Option<String>, groups: Vec<String>) -> Result<(), Refusal> {
        self.user
            .roster
            .set(&self.with, name, groups, &self.shared.options.roster)?;
        self.user.push = true;
        Ok(())
    }

    /// Removes the contact, and cancels the subscriptions both ways (RFC 6121 section 2.5.2). `false` when it was not in
    /// the roster; a request that waits is denied even so.
    pub fn remove(&mut self) -> bool {
        let Some(item) = self.user.roster.remove(&self.with) else {
            return false;
        };
        self.user.push = item.listed;
        for request in item.state.cancellations() {
            self.tell_contact(request);
        }
        item.listed
    }

    /// Makes the two see each other, as the server's own doing.
    pub fn befriend(&mut self, name: Option<String>, groups: Vec<String>) {
        self.user.befriend(&self.with, name, groups);
        if let Some(contact) = &mut self.contact {
            contact.befriend(&self.user.account, None, Vec::new());
        }
    }

    /// Keeps the change, and tells whom it concerns. A change of nothing is none. Returns what an answer waits for.
    ///
    /// # Errors
    /// When the store takes no more: nothing has changed then.
    pub fn complete(self, origin: Option<&Arc<Session>>) -> Result<Ticket, StanzaError> {
        let ticket = self.submit()?;
        self.withdraw();
        for (party, with) in self.parties() {
            self.announce(party, with);
        }
        self.grant();
        let Change {
            shared,
            held,
            user,
            contact,
            with,
            ..
        } = self;
        // The modules' turn: no lock is held.
        drop(held);
        if let Some(contact) = &contact {
            contact.hooks(shared, &user.account, origin);
        }
        user.hooks(shared, &with, origin);
        Ok(ticket)
    }

    /// The contact receives a stanza, and the user what the contact's server answers.
    fn tell_contact(&mut self, request: Request) {
        let Some(contact) = &mut self.contact else {
            return;
        };
        let limits = &self.shared.options.roster;
        // Of one that it blocks a contact hears nothing and is asked nothing (XEP-0191 section 3.3); the two rosters
        // agree even so.
        if self.shared.blocks(&contact.account, &self.user.account) {
            if request != Request::Subscribe {
                contact.receive(&self.user.account, request, limits);
                contact.told.clear();
            }
            return;
        }
        if let Some(reply) = contact.receive(&self.user.account, request, limits) {
            // An answer is never answered: only requests are.
            self.user.receive(&self.with, reply, limits);
        }
    }

    /// Both parties that changed, each with the other's JID.
    fn parties(&self) -> impl Iterator<Item = (&Party, &BareJid)> {
        let contact = self.contact.as_ref().map(|contact| (contact, &self.user.account));
        let both = contact.into_iter().chain([(&self.user, &self.with)]);
        both.filter(|(party, with)| party.has_changed(with))
    }

    /// Hands both rosters to the store in one batch.
    fn submit(&self) -> Result<Ticket, StanzaError> {
        let mut batch = Batch::new();
        let rosters = self.shared.store.rosters();
        for (party, with) in self.parties() {
            let Some(node) = self.shared.local_node(&party.account) else {
                continue;
            };
            rosters.save(&mut batch, node, &party.roster, with);
            if party.told.contains(&Request::Subscribe) {
                let stanza = self.stanza(Request::Subscribe, party, with, REQUEST_BYTES_MAX);
                rosters.put_request(&mut batch, node, with, &stanza.to_bytes());
            }
        }
        if batch.is_empty() {
            return Ok(self.shared.store.latest());
        }
        let ticket = self.shared.store.submit(batch);
        let ticket = ticket.map_err(|error| refused_by_store(&error))?;
        for (party, _) in self.parties() {
            self.shared.rosters.replace(&party.account, party.roster.clone());
        }
        Ok(ticket)
    }

    /// Unavailable presence from those who are no longer seen.
    fn withdraw(&self) {
        for (party, with) in self.parties() {
            if party.was_seen() && !party.is_seen(with) {
                presence::withdraw(self.shared, &party.account, with);
            }
        }
    }

    /// What a party is told, and the push.
    fn announce(&self, party: &Party, with: &BareJid) {
        for request in &party.told {
            let stanza = self.stanza(*request, party, with, usize::MAX);
            deliver(self.shared, &party.account, *request, &stanza);
        }
        if party.push {
            self.shared.push_item(&party.account, &party.roster, with);
        }
    }

    /// Presence from those who are now seen.
    fn grant(&self) {
        for (party, with) in self.parties() {
            if !party.was_seen() && party.is_seen(with) {
                presence::grant(self.shared, &party.account, with);
            }
        }
    }

    /// A stanza as a party is given it: what the other one's client sent, unless it is the server's own or too long.
    fn stanza(&self, request: Request, to: &Party, from: &BareJid, bytes_max: usize) -> Rope {
        match &self.sent {
            Some((sent, rope)) if *sent == request && to.account == self.with && rope.len() <= bytes_max => {
                rope.clone()
            }
            _ => plain(request, from, &to.account),
        }
    }
}

impl Party {
    fn new(shared: &Shared, account: &BareJid, with: &BareJid) -> Party {
        let roster = (*shared.roster(account)).clone();
        Party {
            account: account.clone(),
            before: roster.get(with).cloned(),
            roster,
            told: Vec::new(),
            push: false,
        }
    }

    /// A stanza from the other one; returns what the server answers it at once. Only outbound stanzas can be refused,
    /// so that a refusal here has no effect.
    fn receive(&mut self, with: &BareJid, request: Request, limits: &Limits) -> Option<Request> {
        let outcome = self.roster.apply(with, Direction::Inbound, request, limits).ok()?;
        self.push |= outcome.push;
        if outcome.pass {
            self.told.push(request);
        }
        outcome.reply
    }

    fn befriend(&mut self, with: &BareJid, name: Option<String>, groups: Vec<String>) {
        let state = State {
            subscription: Subscription::Both,
            ..State::default()
        };
        let known = self.before.clone().filter(|item| item.listed);
        let item = known.unwrap_or(Item {
            name,
            groups,
            listed: true,
            state,
        });
        self.roster.insert(with.clone(), Item { state, ..item });
        self.push = true;
    }

    /// A push changes the version even where the item stays the same.
    fn has_changed(&self, with: &BareJid) -> bool {
        self.push || self.before.as_ref() != self.roster.get(with)
    }

    /// Whether the other one received this one's presence before.
    fn was_seen(&self) -> bool {
        self.before
            .as_ref()
            .is_some_and(|item| item.state.subscription.is_from())
    }

    /// Whether the other one now receives this one's presence.
    fn is_seen(&self, with: &BareJid) -> bool {
        self.roster.state(with).subscription.is_from()
    }

    fn hooks(&self, shared: &Shared, with: &BareJid, origin: Option<&Arc<Session>>) {
        let before = self.before.as_ref().map(|item| item.state).unwrap_or_default();
        if before != self.roster.state(with) {
            shared.each(origin, |module, cx| {
                module.subscription_changed(cx, &self.account, with, self.was_seen(), self.is_seen(with));
            });
        }
    }
}

fn plain(request: Request, from: &BareJid, to: &BareJid) -> Rope {
    let presence = element("presence", CLIENT)
        .with("type", request.as_str())
        .with("from", from.as_str())
        .with("to", to.as_str());
    super::shared::rope(&presence.build())
}

/// A request goes to the available resources, an answer to the interested ones (sections 3.1.3, 3.1.6, 3.2.3, 3.3.3).
fn deliver(shared: &Shared, account: &BareJid, request: Request, rope: &Rope) {
    for session in shared.sessions_of(account).iter() {
        let hears = match request {
            Request::Subscribe => session.is_available(),
            _ => session.is_interested(),
        };
        if hears {
            session.sink().push(rope.clone(), None);
        }
    }
}
