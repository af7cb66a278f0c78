//! Subscriptions between accounts of this domain (RFC 6121 section 3), and every other change of a roster.
//!
//! Both rosters change in one batch, and both parties are told at once, while no other roster changes. What either is
//! told comes in the RFC's order: unavailable presence from those it may no longer see, the subscription stanza, the
//! roster push, then presence from those it may now see.

use super::rosters::{refused, refused_by_store};
use super::sender::{Sender, Target};
use super::{Session, Shared, locked, presence};
use crate::roster::{Direction, Item, Request, Roster, State, Subscription};
use crate::stanza::{Condition, Stanza, StanzaError};
use crate::store::{Batch, Ticket};
use crate::xml::{Address, Build, CLIENT, Rope, element};
use jid::{BareJid, Jid};
use std::sync::Arc;

/// Bytes of a stored request; of a longer one only the asking is kept (RFC 6121 section 3.1.3, security warning).
const REQUEST_BYTES_MAX: usize = 4096;

/// One party to a change: its roster, and what it is told.
struct Party {
    account: BareJid,
    roster: Roster,
    before: State,
    told: Vec<Request>,
    push: bool,
}

/// The user whose doing it is, and the contact, unless there is no such account.
struct Change {
    user: Party,
    contact: Option<Party>,
    with: BareJid,
}

/// Routes a subscription stanza from a session. To an account that does not exist it does to the user's roster what it
/// would do otherwise, and nothing else: nobody learns who exists.
pub(super) fn route(shared: &Shared, session: &Arc<Session>, stanza: &Stanza, to: &Jid, request: Request) {
    let contact = to.to_bare();
    let outcome = match Target::of(shared.domain(), to) {
        Target::Abroad => Err(Condition::RemoteServerNotFound.into()),
        Target::Server => Ok(()),
        // Everyone sees their own presence anyway (section 4.2.2).
        _ if contact == *session.account() => Ok(()),
        _ if request == Request::Subscribe && !locked(&session.state).may_ask(shared.now()) => {
            Err(Condition::ResourceConstraint.into())
        }
        _ => request_change(shared, session, stanza, &contact, request),
    };
    if let Err(error) = outcome {
        Sender::session(session).refuse(stanza, &error);
    }
}

fn request_change(
    shared: &Shared,
    session: &Arc<Session>,
    stanza: &Stanza,
    contact: &BareJid,
    request: Request,
) -> Result<(), StanzaError> {
    let account = session.account();
    let held = shared.rosters.hold();
    let mut change = Change::new(shared, account, contact);
    let items_max = shared.options.roster_items_max;
    let outcome = change
        .user
        .roster
        .apply(contact, Direction::Outbound, request, items_max);
    let outcome = outcome.map_err(refused)?;
    change.user.push |= outcome.push;
    if outcome.pass {
        change.tell_contact(request);
    }
    let address = Address {
        from: Some(account.as_str()),
        to: Some(contact.as_str()),
        lang: session.lang(),
        standalone: true,
    };
    let rope = stanza.frame.deliver(&address, &[], &[]);
    change.submit(shared, Some((request, &rope)))?;
    change.announce(shared, Some((request, &rope)));
    drop(held);
    change.hooks(shared, Some(session));
    Ok(())
}

/// A roster set (section 2.3): name and groups; the subscription stays as it is.
///
/// # Errors
/// Those of section 2.3.3.
pub(super) fn set_item(
    shared: &Shared,
    account: &BareJid,
    contact: &BareJid,
    name: Option<String>,
    groups: Vec<String>,
) -> Result<Ticket, StanzaError> {
    let _held = shared.rosters.hold();
    let mut user = Party::new(shared, account, contact);
    let items_max = shared.options.roster_items_max;
    user.roster.set(contact, name, groups, items_max).map_err(refused)?;
    user.push = true;
    let change = Change {
        user,
        contact: None,
        with: contact.clone(),
    };
    let ticket = change.submit(shared, None)?;
    change.announce(shared, None);
    Ok(ticket)
}

/// Removes an item (section 2.5), and with it the subscriptions both ways.
///
/// # Errors
/// `item-not-found` when there is none.
pub(super) fn remove_item(shared: &Shared, account: &BareJid, contact: &BareJid) -> Result<Ticket, StanzaError> {
    let held = shared.rosters.hold();
    let mut change = Change::new(shared, account, contact);
    let listed = change.user.roster.get(contact).is_some_and(|item| item.listed);
    if !listed {
        return Err(Condition::ItemNotFound.into());
    }
    let ticket = change.remove(shared)?;
    drop(held);
    change.hooks(shared, None);
    Ok(ticket)
}

/// Cancels everything between an account that goes and its contacts.
pub(super) fn remove_all(shared: &Shared, account: &BareJid) {
    let roster = shared.roster(account);
    let contacts = roster.listed().map(|(contact, _)| contact).chain(roster.pending_in());
    for contact in contacts {
        let held = shared.rosters.hold();
        let mut change = Change::new(shared, account, contact);
        let removed = change.remove(shared);
        drop(held);
        match removed {
            Ok(_) => change.hooks(shared, None),
            Err(error) => tracing::warn!(
                ?error,
                contact = contact.as_str(),
                "a subscription outlives its account"
            ),
        }
    }
}

/// Makes two accounts see each other, as the server's own doing.
///
/// # Errors
/// When the store takes no more.
pub(super) fn provision(
    shared: &Shared,
    owner: &BareJid,
    contact: &BareJid,
    name: Option<String>,
    groups: Vec<String>,
) -> Result<Ticket, StanzaError> {
    let held = shared.rosters.hold();
    let mut change = Change::new(shared, owner, contact);
    change.user.befriend(contact, name, groups);
    if let Some(other) = &mut change.contact {
        other.befriend(owner, None, Vec::new());
    }
    let ticket = change.submit(shared, None)?;
    change.announce(shared, None);
    drop(held);
    change.hooks(shared, None);
    Ok(ticket)
}

/// Delivers the requests that wait for an answer, to a session that has just become available (section 3.1.3).
pub(super) fn remind(shared: &Shared, session: &Session) {
    for (_, stanza) in shared.store.rosters().requests(session.node()) {
        session.sink().push(Rope::from(stanza), None);
    }
}

fn plain(request: Request, from: &BareJid, to: &BareJid) -> Rope {
    let presence = element("presence", CLIENT)
        .with("type", request.as_str())
        .with("from", from.as_str())
        .with("to", to.as_str());
    super::shared::rope(&presence.build())
}

impl Party {
    fn new(shared: &Shared, account: &BareJid, with: &BareJid) -> Party {
        let roster = (*shared.roster(account)).clone();
        Party {
            account: account.clone(),
            before: roster.state(with),
            roster,
            told: Vec::new(),
            push: false,
        }
    }

    /// A stanza from the other one; returns what the server answers it at once. Only outbound stanzas can be refused,
    /// so that a refusal here has no effect.
    fn receive(&mut self, with: &BareJid, request: Request) -> Option<Request> {
        let outcome = self.roster.apply(with, Direction::Inbound, request, usize::MAX).ok()?;
        self.push |= outcome.push;
        if outcome.pass {
            self.told.push(request);
        }
        outcome.reply
    }

    fn befriend(&mut self, with: &BareJid, name: Option<String>, groups: Vec<String>) {
        let known = self.roster.get(with).filter(|item| item.listed).cloned();
        let state = State {
            subscription: Subscription::Both,
            ..State::default()
        };
        let item = known.unwrap_or_else(|| Item {
            name,
            groups,
            listed: true,
            state,
        });
        self.roster.insert(with.clone(), Item { state, ..item });
        self.push = true;
    }
}

impl Change {
    fn new(shared: &Shared, account: &BareJid, contact: &BareJid) -> Change {
        let exists = shared.account_exists(contact);
        Change {
            user: Party::new(shared, account, contact),
            contact: exists.then(|| Party::new(shared, contact, account)),
            with: contact.clone(),
        }
    }

    /// Section 2.5.2.
    fn remove(&mut self, shared: &Shared) -> Result<Ticket, StanzaError> {
        if let Some(item) = self.user.roster.remove(&self.with) {
            self.user.push = item.listed;
            for request in item.state.cancellations() {
                self.tell_contact(request);
            }
        }
        let ticket = self.submit(shared, None)?;
        self.announce(shared, None);
        Ok(ticket)
    }

    /// The contact receives a stanza, and the user what the contact's server answers.
    fn tell_contact(&mut self, request: Request) {
        let Some(contact) = &mut self.contact else {
            return;
        };
        if let Some(reply) = contact.receive(&self.user.account, request) {
            // An answer is never answered: only requests are.
            self.user.receive(&self.with, reply);
        }
    }

    /// Both parties, each with the other's JID.
    fn parties(&self) -> impl Iterator<Item = (&Party, &BareJid)> {
        let contact = self.contact.as_ref().map(|contact| (contact, &self.user.account));
        contact.into_iter().chain([(&self.user, &self.with)])
    }

    /// Hands both rosters to the store in one batch.
    fn submit(&self, shared: &Shared, sent: Option<(Request, &Rope)>) -> Result<Ticket, StanzaError> {
        let mut batch = Batch::new();
        let rosters = shared.store.rosters();
        for (party, with) in self.parties() {
            let Some(node) = shared.local_node(&party.account) else {
                continue;
            };
            rosters.save(&mut batch, node, &party.roster, with);
            if let Some((Request::Subscribe, rope)) = sent
                && party.told.contains(&Request::Subscribe)
            {
                let stanza = if rope.len() > REQUEST_BYTES_MAX {
                    plain(Request::Subscribe, with, &party.account).to_bytes()
                } else {
                    rope.to_bytes()
                };
                rosters.put_request(&mut batch, node, with, &stanza);
            }
        }
        let ticket = shared.store.submit(batch).map_err(|error| refused_by_store(&error))?;
        for (party, _) in self.parties() {
            shared.rosters.replace(&party.account, party.roster.clone());
        }
        Ok(ticket)
    }

    /// Tells both parties' resources.
    fn announce(&self, shared: &Shared, sent: Option<(Request, &Rope)>) {
        for (party, with) in self.parties() {
            if party.before.subscription.is_from() && !party.sees_me(with) {
                presence::withdraw(shared, &party.account, with);
            }
        }
        for (party, with) in self.parties() {
            for request in &party.told {
                let rope = match sent {
                    Some((sent, rope)) if sent == *request && party.account == self.with => rope.clone(),
                    _ => plain(*request, with, &party.account),
                };
                deliver(shared, &party.account, *request, &rope);
            }
            if party.push {
                shared.push_item(&party.account, &party.roster, with);
            }
        }
        for (party, with) in self.parties() {
            if !party.before.subscription.is_from() && party.sees_me(with) {
                presence::grant(shared, &party.account, with);
            }
        }
    }

    /// Tells the modules. No lock is held.
    fn hooks(&self, shared: &Shared, origin: Option<&Arc<Session>>) {
        for (party, with) in self.parties() {
            if party.before == party.roster.state(with) {
                continue;
            }
            let received = party.before.subscription.is_from();
            let receives = party.sees_me(with);
            shared.each(origin, |module, cx| {
                module.subscription_changed(cx, &party.account, with, received, receives);
            });
        }
    }
}

impl Party {
    /// Whether the other one now receives this one's presence.
    fn sees_me(&self, with: &BareJid) -> bool {
        self.roster.state(with).subscription.is_from()
    }
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
