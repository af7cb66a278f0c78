//! Who is there: presence told to those who ask, or have just come (RFC 6121 section 4.3).

use super::sender::{Sender, Target};
use super::{Session, Shared, locked};
use crate::stanza::{Condition, Stanza};
use crate::xml::{Build, CLIENT, element};
use jid::{BareJid, Jid};
use std::sync::Arc;

/// Tells a newly available session about the account's other resources and the contacts whose presence it may see. The
/// server knows them all, so that no probe is ever on the wire (section 4.3.1).
pub(super) fn greet(shared: &Shared, session: &Arc<Session>) {
    let account = session.account();
    let roster = shared.roster(account);
    for contact in std::iter::once(account).chain(roster.subscriptions()) {
        // Most contacts are away: their rosters need not be read.
        if !shared.available(contact).is_empty() && shared.may_see(account, contact) {
            introduce(shared, session, contact);
        }
    }
}

/// Sends the last presence of each of a contact's resources; `false` when there is none.
fn introduce(shared: &Shared, session: &Arc<Session>, contact: &BareJid) -> bool {
    let mut any = false;
    for resource in shared.available(contact) {
        any |= !Arc::ptr_eq(&resource, session) && tell(shared, session, &resource);
    }
    any
}

/// Sends a session the last presence of a resource, unless one blocks the other. The resource's state is held, so that
/// what it broadcasts next comes after this.
pub(super) fn tell(shared: &Shared, session: &Session, resource: &Arc<Session>) -> bool {
    if shared.are_apart(session.jid(), resource.jid()) {
        return false;
    }
    let state = locked(&resource.state);
    let Some(presence) = state.shown() else {
        return false;
    };
    let mut address = Sender::session(resource).address();
    address.to = Some(session.account().as_str());
    session.sink().push(presence.deliver(&address, &[], &[]), None)
}

/// A probe that a client sent itself (section 4.3.2): answered here for those who may know, and never forwarded. For
/// anyone else there is silence, whether the account exists or not (section 8.5.1).
pub(super) fn answer(shared: &Shared, session: &Arc<Session>, stanza: &Stanza, to: &Jid) -> Result<(), Condition> {
    match Target::of(shared, to) {
        Target::Abroad => return Err(Condition::RemoteServerNotFound),
        Target::Server | Target::Service(_) => {}
        Target::Account(_) => {
            let contact = to.to_bare();
            if shared.may_see(session.account(), &contact) && !introduce(shared, session, &contact) {
                mere(session, to, Some("unavailable"), stanza.id());
            }
        }
        Target::Resource(..) => {
            let resource = shared.session(to).filter(|resource| resource.is_available());
            let known = resource
                .as_ref()
                .is_some_and(|resource| resource.has_directed(session.jid()));
            let is_open = known || shared.may_see(session.account(), &to.to_bare());
            if is_open && !shared.are_apart(session.jid(), to) {
                let kind = if resource.is_some() { None } else { Some("unavailable") };
                mere(session, to, kind, stanza.id());
            }
        }
    }
    Ok(())
}

/// Presence that says nothing but available or not.
fn mere(session: &Session, from: &Jid, kind: Option<&'static str>, id: Option<String>) {
    let presence = element("presence", CLIENT)
        .with("from", from.as_str())
        .with("to", session.jid().as_str())
        .with_some("type", kind)
        .with_some("id", id);
    Shared::send(session, &presence.build());
}
