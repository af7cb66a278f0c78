//! Subscriptions between accounts of this domain (RFC 6121 section 3), and every other change of a roster.

use super::change::Change;
use super::rosters::refused;
use super::sender::{Sender, Target};
use super::{Session, Shared, rates};
use crate::roster::{Provided, Request};
use crate::stanza::{Condition, Role, Stanza, StanzaError};
use crate::store::Ticket;
use crate::xml::{Address, Rope};
use jid::{BareJid, Jid};
use std::collections::BTreeSet;
use std::sync::Arc;

/// Routes a subscription stanza from a session. To an account that does not exist it does to the user's roster what it
/// would do otherwise, and nothing else: nobody learns who exists.
pub(super) fn route(shared: &Shared, session: &Arc<Session>, stanza: &Stanza, to: &Jid, request: Request) {
    let contact = to.to_bare();
    let outcome = match Target::of(shared, to) {
        Target::Abroad => Err(Condition::RemoteServerNotFound.into()),
        Target::Server | Target::Service(_) => Ok(()),
        // Everyone sees their own presence anyway (section 4.2.2).
        _ if contact == *session.account() => Ok(()),
        // Collectors watch nothing; they answer those who ask to watch them.
        _ if request == Request::Subscribe && session.role() < Role::Viewer => Err(Condition::Forbidden.into()),
        _ if request == Request::Subscribe => {
            rates::subscribe(shared, session).and_then(|()| request_change(shared, session, stanza, &contact, request))
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
    let address = Address {
        from: Some(session.account().as_str()),
        to: Some(contact.as_str()),
        lang: session.lang(),
        standalone: true,
    };
    let rope = stanza.frame.deliver(&address, &[], &[]);
    let mut change = Change::begin(shared, session.account(), contact);
    change.request(request, rope).map_err(refused)?;
    change.complete(Some(session))?;
    Ok(())
}

/// A roster set (section 2.3).
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
    let mut change = Change::begin(shared, account, contact);
    change.set(name, groups).map_err(refused)?;
    change.complete(None)
}

/// Removes an item (section 2.5), and with it the subscriptions both ways.
///
/// # Errors
/// `item-not-found` when there is none.
pub(super) fn remove_item(shared: &Shared, account: &BareJid, contact: &BareJid) -> Result<Ticket, StanzaError> {
    let mut change = Change::begin(shared, account, contact);
    if !change.remove() {
        return Err(Condition::ItemNotFound.into());
    }
    change.complete(None)
}

/// Cancels everything between an account that goes and its contacts, and takes it out of every roster that it is in.
pub(super) fn remove_all(shared: &Shared, account: &BareJid) {
    let roster = shared.roster(account);
    let mut contacts: BTreeSet<BareJid> = roster.listed().map(|(contact, _)| contact.clone()).collect();
    contacts.extend(roster.pending_in().cloned());
    contacts.extend(holders(shared, account));
    for contact in &contacts {
        let mut change = Change::begin(shared, account, contact);
        change.erase();
        if let Err(error) = change.complete(None) {
            let contact = contact.as_str();
            tracing::warn!(?error, contact, "a subscription outlives its account");
        }
    }
}

/// Whose rosters an account is in.
fn holders(shared: &Shared, account: &BareJid) -> Vec<BareJid> {
    let holders = shared.store.rosters().holders(account).into_iter();
    let jid = |node: String| BareJid::new(&[node.as_str(), "@", shared.domain()].concat()).ok();
    holders.filter_map(jid).collect()
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
    let mut change = Change::begin(shared, owner, contact);
    change.befriend(Provided { name, groups });
    change.complete(None)
}

/// Delivers the requests that wait for an answer, to a session that has just become available (section 3.1.3).
pub(super) fn remind(shared: &Shared, session: &Session) {
    for (contact, stanza) in shared.store.rosters().requests(session.node()) {
        if !shared.blocks(session.jid(), &contact) {
            session.sink().push(Rope::from(stanza), None);
        }
    }
}

#[cfg(test)]
mod tests;
