//! What happens to an iq: RFC 6120 section 8.2.3 and RFC 6121 section 8.5.

use super::sender::{Sender, Target};
use super::shared::rope;
use super::{Addressee, Context, Iq, Session, Shared, blocking, queries, rates};
use crate::stanza::{Condition, IqType, Role, Stanza, StanzaError, error_reply, iq_result, ns};
use crate::xml::{Address, Element};
use jid::BareJid;
use std::sync::Arc;

/// The outcome of a request: the payload of its result.
type Answer = Result<Option<Element>, StanzaError>;

/// Routes an iq from a session.
pub(super) fn route(shared: &Shared, session: &Arc<Session>, stanza: &Stanza) {
    match stanza.iq_type() {
        Some(IqType::Get) => request(shared, session, stanza, false),
        Some(IqType::Set) => request(shared, session, stanza, true),
        Some(IqType::Result | IqType::Error) => response(shared, session, stanza),
        None => refuse(session, stanza, &Condition::BadRequest.into()),
    }
}

/// Forwards an iq of the server's own making to the session that it addresses.
pub(super) fn forward_own(shared: &Shared, sender: &Sender<'_>, stanza: &Stanza) {
    if let Some(session) = stanza.to.as_ref().and_then(|to| shared.session(to)) {
        forward(sender, stanza, &session);
    }
}

/// Every request ends in exactly one of: an answer here, an error here, the queue of the resource it addresses.
fn request(shared: &Shared, session: &Arc<Session>, stanza: &Stanza, set: bool) {
    let sender = Sender::session(session);
    if stanza.frame.attr("id").is_none() || stanza.frame.children().count() != 1 {
        return refuse(session, stanza, &Condition::BadRequest.into());
    }
    if let Err(error) = check(shared, &sender, session, stanza, set) {
        return refuse(session, stanza, &error);
    }
    // What the handler holds on to (Context::watch_roster) it holds until its answer is queued.
    let cx = shared.context(Some(session));
    let to = sender.recipient(stanza);
    let answer = match Target::of(shared, to) {
        Target::Abroad => Err(Condition::RemoteServerNotFound.into()),
        // Roster pushes come from the server alone (CVE-2015-8688 and others: clients that did not check).
        Target::Resource(..) if stanza.frame.children().any(|child| child.ns == ns::ROSTER) => {
            Err(Condition::ServiceUnavailable.into())
        }
        Target::Resource(node, resource) => {
            let found = shared.sessions.find(node, resource);
            match found.filter(|found| may_reach(shared, session, found)) {
                Some(found) if forward(&sender, stanza, &found) => return,
                _ => Err(Condition::ServiceUnavailable.into()),
            }
        }
        Target::Server => handle(shared, &cx, stanza, set, Party::Server),
        Target::Service(label) => handle(shared, &cx, stanza, set, Party::Service(label)),
        Target::Account(_) => match hosted_service(shared, session, stanza) {
            Some(service) if forward(&sender, stanza, &service) => return,
            Some(_) => Err(Condition::ServiceUnavailable.into()),
            None => handle(shared, &cx, stanza, set, Party::Account(&to.to_bare())),
        },
    };
    reply(&cx, session, stanza, answer);
}

/// What is refused before anybody is asked.
fn check(
    shared: &Shared,
    sender: &Sender<'_>,
    session: &Session,
    stanza: &Stanza,
    set: bool,
) -> Result<(), StanzaError> {
    if set && !may_command(session, stanza) {
        return Err(Condition::Forbidden.into());
    }
    if set && stanza.frame.children().any(|child| child.ns == ns::PUBSUB) {
        rates::publish(shared, session)?;
    }
    blocking::check(shared, sender, sender.recipient(stanza))
}

/// What a hosted service answers at its bare JID: what it is, has and can do. Its roster and its nodes are the server's.
const HOSTED: [&str; 8] = [
    ns::DISCO_INFO,
    ns::DISCO_ITEMS,
    ns::COMMANDS,
    ns::STATS,
    ns::LAST,
    ns::VERSION,
    ns::TIME,
    ns::VCARD,
];

/// The hosted service that a request at a bare JID is for; its own requests are the server's.
fn hosted_service(shared: &Shared, from: &Session, stanza: &Stanza) -> Option<Arc<Session>> {
    let account = stanza.to.as_ref()?.to_bare();
    let is_for_it = stanza.frame.children().any(|child| HOSTED.contains(&child.ns));
    if !is_for_it || account == *from.account() {
        return None;
    }
    let sessions = shared.sessions_of(&account);
    sessions.iter().find(|session| session.answers_for_account()).cloned()
}

/// Who answers through a module.
#[derive(Clone, Copy)]
pub(super) enum Party<'a> {
    /// The server.
    Server,
    /// A service of its own, by its label.
    Service(&'static str),
    /// The server for an account.
    Account(&'a BareJid),
}

/// Offers the request to the module that has registered for it.
pub(super) fn handle(shared: &Shared, cx: &Context<'_>, stanza: &Stanza, set: bool, party: Party<'_>) -> Answer {
    let own = cx.origin().map(|session| session.account());
    let (addressees, account): (&[Addressee], _) = match party {
        Party::Server => (&[Addressee::Server], None),
        Party::Service(label) => (&[Addressee::Service(label)], None),
        Party::Account(account) if Some(account) == own => {
            (&[Addressee::OwnAccount, Addressee::Account], Some(account))
        }
        Party::Account(account) => (&[Addressee::Account], Some(account)),
    };
    let Some(child) = stanza.frame.children().next() else {
        return Err(Condition::BadRequest.into());
    };
    let module = addressees
        .iter()
        .find_map(|addressee| shared.route_of(&(*addressee, set, child.ns, child.name)));
    let (Some(module), Some(payload)) = (module, stanza.frame.child_element(0)) else {
        return Err(Condition::ServiceUnavailable.into());
    };
    let iq = Iq {
        stanza,
        set,
        account,
        payload: &payload,
    };
    module.handle_iq(cx, &iq)
}

fn reply(cx: &Context<'_>, session: &Session, stanza: &Stanza, answer: Answer) {
    match answer {
        Ok(_) if cx.is_deferred() => {}
        Ok(payload) => {
            let result = iq_result(stanza, session.jid().as_str(), payload);
            session.sink().push(rope(&result), cx.ticket());
        }
        Err(error) => refuse(session, stanza, &error),
    }
}

fn refuse(session: &Session, stanza: &Stanza, error: &StanzaError) {
    rates::refused(session, error);
    Shared::send(session, &error_reply(stanza, session.jid().as_str(), error));
}

/// A result or an error: to the resource that asked, or to the server, if it did. Never answered.
fn response(shared: &Shared, session: &Arc<Session>, stanza: &Stanza) {
    let sender = Sender::session(session);
    let to = sender.recipient(stanza);
    match Target::of(shared, to) {
        _ if blocking::between(shared, &sender, to).is_some() => {}
        Target::Server => queries::answer(shared, session, stanza),
        Target::Resource(node, resource) => {
            if let Some(found) = shared.sessions.find(node, resource) {
                let address = answer_address(&sender, session, stanza);
                found.sink().push(stanza.frame.deliver(&address, &[], &[]), None);
            }
        }
        Target::Account(_) | Target::Service(_) | Target::Abroad => {}
    }
}

/// A hosted service answers as whoever was asked: as itself, or as its account (RFC 6120 section 8.1.2.1 lets `from` be
/// the bare JID). Clients compare.
fn answer_address<'a>(sender: &Sender<'a>, session: &'a Session, stanza: &Stanza) -> Address<'a> {
    let account = session.account().as_str();
    let as_account = session.answers_for_account() && stanza.frame.attr("from").as_deref() == Some(account);
    match as_account {
        true => Address {
            from: Some(account),
            ..sender.address()
        },
        false => sender.address(),
    }
}

fn forward(sender: &Sender<'_>, stanza: &Stanza, to: &Session) -> bool {
    to.sink().push(stanza.frame.deliver(&sender.address(), &[], &[]), None)
}

/// Whether a request may reach a resource: its user shares presence with the sender (RFC 6121 section 8.5.3.1), so
/// that an answer tells nothing new. A collector hides from nobody, and may ask its watchers.
pub(super) fn may_reach(shared: &Shared, from: &Session, to: &Session) -> bool {
    from.role() == Role::Collector
        || to.role() == Role::Collector
        || shared.may_see(from.account(), to.account())
        || to.has_directed(from.jid())
}

/// Collectors command nothing, whoever is addressed (XEP-0050). What a viewer or more may run the commanded decides.
fn may_command(from: &Session, stanza: &Stanza) -> bool {
    let is_command = stanza.frame.children().any(|child| child.ns == ns::COMMANDS);
    from.role() >= Role::Viewer || !is_command
}

#[cfg(test)]
mod tests;
