//! One change of a roster, or of the two that a subscription is in, from reading them to telling whom it concerns.
//!
//! Both rosters change in one batch, and both parties are told at once, while no other roster changes. What either is
//! told comes in the order in which RFC 6121 section 3 has the two servers do it: each stanza before its roster push
//! (sections 3.1.6, 3.2.3, 3.3.3), unavailable presence before the `unsubscribed` that explains it (section 3.2.2) and
//! after the push of an `unsubscribe` (section 3.3.3), available presence after all else (section 3.1.5).

use super::rosters::refused_by_store;
use super::{Session, Shared, presence};
use crate::roster::{Direction, Item, Limits, Provided, Refusal, Request, Roster};
use crate::stanza::StanzaError;
use crate::store::{Batch, Ticket};
use crate::xml::{Build, CLIENT, Rope, element};
use jid::BareJid;
use std::sync::{Arc, MutexGuard};

/// Bytes of a stored request; of a longer one only the asking is kept (RFC 6121 section 3.1.3, security warning).
pub(super) const REQUEST_BYTES_MAX: usize = 4096;

/// Which party.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Side {
    User,
    Contact,
}

/// What happens to a party, in its turn.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Event {
    /// It is told a stanza of the other one.
    Stanza(Request),
    /// Its item of the other one is pushed as it is by then, with the version.
    Push(Option<Item>, u64),
    /// The other one is told its presence.
    Show,
    /// The other one is told that it is gone.
    Hide,
}

/// One party to a change: its roster, as it becomes.
struct Party {
    account: BareJid,
    roster: Roster,
    before: Option<Item>,
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
    events: Vec<(Side, Event)>,
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
            events: Vec::new(),
        }
    }

    /// A subscription stanza from the user's client (RFC 6121 section 3). `stanza` is what the contact is given.
    ///
    /// # Errors
    /// When the roster is full.
    pub fn request(&mut self, request: Request, stanza: Rope) -> Result<(), Refusal> {
        let limits = &self.shared.options.roster;
        let (user, contact) = (self.user.is_seen(&self.with), self.contact_is_seen());
        let roster = &mut self.user.roster;
        let outcome = roster.apply(&self.with, Direction::Outbound, request, limits)?;
        self.sent = Some((request, stanza));
        if user && !self.user.is_seen(&self.with) {
            self.events.push((Side::User, Event::Hide));
        }
        let reply = if outcome.pass {
            self.receive_contact(request)
        } else {
            None
        };
        if outcome.push {
            self.push(Side::User);
        }
        if !user && self.user.is_seen(&self.with) {
            self.events.push((Side::User, Event::Show));
        }
        // An answer is never answered: only requests are.
        if let Some(reply) = reply {
            self.receive_user(reply);
        }
        self.contact_was_seen(contact);
        Ok(())
    }

    /// A roster set (RFC 6121 section 2.3): name and groups; the subscription stays as it is.
    ///
    /// # Errors
    /// Those of section 2.3.3.
    pub fn set(&mut self, name: Option<String>, groups: Vec<String>) -> Result<(), Refusal> {
        let limits = &self.shared.options.roster;
        self.user.roster.set(&self.with, name, groups, limits)?;
        self.push(Side::User);
        Ok(())
    }

    /// Removes the contact, and cancels the subscriptions both ways (RFC 6121 section 2.5.2). `false` when it was not in
    /// the roster; a request that waits is denied even so.
    pub fn remove(&mut self) -> bool {
        let was_seen = self.user.is_seen(&self.with);
        let Some(item) = self.user.roster.remove(&self.with) else {
            return false;
        };
        if item.listed {
            self.push(Side::User);
        }
        for request in item.state.cancellations() {
            let contact = self.contact_is_seen();
            if was_seen && request == Request::Unsubscribed {
                self.events.push((Side::User, Event::Hide));
            }
            self.receive_contact(request);
            self.contact_was_seen(contact);
        }
        item.listed
    }

    /// Takes the user out of the contact's life, too: the account goes.
    pub fn erase(&mut self) {
        self.remove();
        if let Some(contact) = &mut self.contact
            && contact
                .roster
                .remove(&self.user.account)
                .is_some_and(|item| item.listed)
        {
            self.push(Side::Contact);
        }
    }

    /// Makes the two see each other, as the server's own doing; what they have of each other already is left alone.
    pub fn befriend(&mut self, provided: Provided) {
        let seen = (self.contact_is_seen(), self.user.is_seen(&self.with));
        let account = &self.user.account;
        if self
            .contact
            .as_mut()
            .is_some_and(|contact| contact.befriend(account, Provided::default()))
        {
            self.push(Side::Contact);
        }
        if self.user.befriend(&self.with, provided) {
            self.push(Side::User);
        }
        self.contact_was_seen(seen.0);
        if !seen.1 {
            self.events.push((Side::User, Event::Show));
        }
    }

    /// Keeps the change, and tells whom it concerns. A change of nothing is none. Returns what an answer waits for.
    ///
    /// # Errors
    /// When the store takes no more: nothing has changed then.
    pub fn complete(self, origin: Option<&Arc<Session>>) -> Result<Ticket, StanzaError> {
        let ticket = self.submit()?;
        for (side, event) in &self.events {
            if let Some((party, with)) = self.party(*side) {
                self.tell(party, with, event);
            }
        }
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

    /// The contact receives a stanza; returns what its server answers at once. Of one that it blocks it hears nothing and
    /// is asked nothing (XEP-0191 section 3.3); the two rosters agree even so.
    fn receive_contact(&mut self, request: Request) -> Option<Request> {
        let contact = self.contact.as_mut()?;
        let is_blocked = self.shared.blocks(&contact.account, &self.user.account);
        if is_blocked && request == Request::Subscribe {
            return None;
        }
        let limits = &self.shared.options.roster;
        let (pass, push, reply) = contact.receive(&self.user.account, request, limits)?;
        self.events
            .extend((pass && !is_blocked).then_some((Side::Contact, Event::Stanza(request))));
        if push {
            self.push(Side::Contact);
        }
        reply.filter(|_| !is_blocked)
    }

    /// The user receives the answer.
    fn receive_user(&mut self, request: Request) {
        let limits = &self.shared.options.roster;
        if let Some((pass, push, _)) = self.user.receive(&self.with, request, limits) {
            self.events.extend(pass.then_some((Side::User, Event::Stanza(request))));
            if push {
                self.push(Side::User);
            }
        }
    }

    fn contact_is_seen(&self) -> bool {
        self.contact
            .as_ref()
            .is_some_and(|contact| contact.is_seen(&self.user.account))
    }

    /// Whether the user saw the contact before; if that has changed, it is told.
    fn contact_was_seen(&mut self, before: bool) {
        match (before, self.contact_is_seen()) {
            (true, false) => self.events.push((Side::Contact, Event::Hide)),
            (false, true) => self.events.push((Side::Contact, Event::Show)),
            _ => {}
        }
    }

    fn push(&mut self, side: Side) {
        if let Some((party, with)) = self.party(side) {
            let item = party.roster.get(with).filter(|item| item.listed).cloned();
            let event = Event::Push(item, party.roster.version());
            self.events.push((side, event));
        }
    }

    /// A party, with the other's JID.
    fn party(&self, side: Side) -> Option<(&Party, &BareJid)> {
        match side {
            Side::User => Some((&self.user, &self.with)),
            Side::Contact => self.contact.as_ref().map(|contact| (contact, &self.user.account)),
        }
    }

    /// Both parties that changed. A push changes the version even where the item stays the same.
    fn changed(&self) -> impl Iterator<Item = (Side, &Party, &BareJid)> {
        let both = [Side::Contact, Side::User].into_iter();
        both.filter_map(|side| {
            let (party, with) = self.party(side)?;
            let is_pushed = |(of, event): &(Side, Event)| *of == side && matches!(event, Event::Push(..));
            let has_changed = party.before.as_ref() != party.roster.get(with) || self.events.iter().any(is_pushed);
            has_changed.then_some((side, party, with))
        })
    }

    /// Hands both rosters to the store in one batch.
    fn submit(&self) -> Result<Ticket, StanzaError> {
        let mut batch = Batch::new();
        let rosters = self.shared.store.rosters();
        for (side, party, with) in self.changed() {
            let Some(node) = self.shared.local_node(&party.account) else {
                continue;
            };
            rosters.save(&mut batch, node, &party.roster, with);
            if self.events.contains(&(side, Event::Stanza(Request::Subscribe))) {
                let stanza = self.stanza(Request::Subscribe, party, with, REQUEST_BYTES_MAX);
                rosters.put_request(&mut batch, node, with, &stanza.to_bytes());
            }
        }
        if batch.is_empty() {
            return Ok(self.shared.store.latest());
        }
        let ticket = self.shared.store.submit(batch);
        let ticket = ticket.map_err(|error| refused_by_store(&error))?;
        for (_, party, _) in self.changed() {
            self.shared.rosters.replace(&party.account, party.roster.clone());
        }
        Ok(ticket)
    }

    fn tell(&self, party: &Party, with: &BareJid, event: &Event) {
        let account = &party.account;
        match event {
            Event::Stanza(request) => {
                let stanza = self.stanza(*request, party, with, usize::MAX);
                deliver(self.shared, account, *request, &stanza);
            }
            Event::Push(item, version) => self.shared.push_item(account, with, item.as_ref(), *version),
            Event::Show => presence::grant(self.shared, account, with),
            Event::Hide => presence::withdraw(self.shared, account, with),
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
        }
    }

    /// A stanza from the other one: whether it is passed on, whether the item is pushed, and what the server answers at
    /// once. Only outbound stanzas can be refused, so that a refusal here has no effect.
    fn receive(&mut self, with: &BareJid, request: Request, limits: &Limits) -> Option<(bool, bool, Option<Request>)> {
        let outcome = self.roster.apply(with, Direction::Inbound, request, limits).ok()?;
        Some((outcome.pass, outcome.push, outcome.reply))
    }

    /// Whether that is a change.
    fn befriend(&mut self, with: &BareJid, provided: Provided) -> bool {
        let item = self.before.clone().unwrap_or_default().befriended(provided);
        let is_news = self.before.as_ref() != Some(&item);
        if is_news {
            self.roster.insert(with.clone(), item);
        }
        is_news
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
