//! Where a message goes: RFC 6121 section 8.5.4 as a table.

#[cfg(test)]
mod tests;

use super::sender::{Sender, Target};
use super::{Context, Passage, Session, Shared, blocking, iq, rates};
use crate::stanza::{Condition, Role, Stanza, StanzaError};
use crate::xml::{Frame, Rope};
use jid::{BareJid, Jid};
use std::sync::Arc;

/// RFC 6121 section 5.2.2.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MessageType {
    /// `normal`, or none
    Normal,
    /// `chat`
    Chat,
    /// `groupchat`
    Groupchat,
    /// `headline`
    Headline,
    /// `error`
    Error,
}

/// What a message is addressed to, once its account is known to be local.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    /// A bare JID.
    Bare,
    /// A full JID that is bound.
    Match,
    /// A full JID that is not.
    NoMatch,
}

/// What is done with it. The letters are those of RFC 6121 section 8.5.4.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Rule {
    /// D: to the resource addressed.
    Deliver,
    /// M: to the available resources with the highest priority, if it is not negative, all that share it; where there
    /// is none O: kept, if a module keeps it, E if none can. An account that does not exist ignores it (S), as one
    /// that keeps it seems to.
    MostAvailable,
    /// A: to all available resources with non-negative priority; where there is none, S.
    All,
    /// E: `service-unavailable`.
    Refuse,
    /// S: silently ignored.
    Ignore,
}

/// The table. A message of type normal to a resource that has gone is treated as one of type chat, where the RFC would
/// have it lost or returned: alerts are such messages, and their reader has merely reconnected.
fn rule(kind: MessageType, place: Place) -> Rule {
    match (kind, place) {
        (_, Place::Match) => Rule::Deliver,
        (MessageType::Normal | MessageType::Chat, _) => Rule::MostAvailable,
        (MessageType::Groupchat, _) => Rule::Refuse,
        (MessageType::Headline, Place::Bare) => Rule::All,
        (MessageType::Headline, Place::NoMatch) => Rule::Ignore,
        (MessageType::Error, _) => Rule::Ignore,
    }
}

impl MessageType {
    /// The type of a message; an unknown one is `normal`.
    pub fn of(frame: &Frame) -> MessageType {
        match frame.attr("type").as_deref() {
            Some("chat") => MessageType::Chat,
            Some("groupchat") => MessageType::Groupchat,
            Some("headline") => MessageType::Headline,
            Some("error") => MessageType::Error,
            _ => MessageType::Normal,
        }
    }
}

/// Routes a message.
pub(super) fn message(shared: &Shared, sender: &Sender<'_>, stanza: &Stanza) {
    let to = sender.recipient(stanza);
    if let Err(error) = check(shared, sender, stanza, to) {
        sender.refuse(stanza, &error);
        return;
    }
    let target = Target::of(shared, to);
    if is_taken(shared, sender, stanza, target) {
        return;
    }
    let refusal = match target {
        Target::Abroad => Condition::RemoteServerNotFound,
        Target::Server | Target::Service(_) => Condition::ServiceUnavailable,
        _ if !may_talk(shared, sender, to) => Condition::Forbidden,
        Target::Account(node) => return pass(shared, sender, stanza, to, (node, None)),
        Target::Resource(node, resource) => return pass(shared, sender, stanza, to, (node, Some(resource))),
    };
    sender.refuse(stanza, &refusal.into());
}

/// What is refused whoever the message is for.
fn check(shared: &Shared, sender: &Sender<'_>, stanza: &Stanza, to: &Jid) -> Result<(), StanzaError> {
    blocking::check(shared, sender, to)?;
    rates::recipient(shared, sender, to)?;
    // The table returns a groupchat message to a resource that has gone, and delivers it to one that has not: whether a
    // resource is there is for those who may know (threat A11). Rooms are no sessions.
    let is_groupchat = MessageType::of(&stanza.frame) == MessageType::Groupchat;
    let resource = is_groupchat.then(|| shared.session(to)).flatten();
    match (sender.session, resource) {
        (Some(from), Some(resource)) if !iq::may_reach(shared, from, &resource) => {
            Err(Condition::ServiceUnavailable.into())
        }
        _ => Ok(()),
    }
}

/// Offers a message to a service, or to the sender's own account, to the modules.
fn is_taken(shared: &Shared, sender: &Sender<'_>, stanza: &Stanza, target: Target<'_>) -> bool {
    let service = match (target, sender.session) {
        (Target::Service(label), _) => Some(label),
        (Target::Account(node), Some(session)) if node == session.node() => None,
        _ => return false,
    };
    let cx = shared.context(sender.session);
    let mut modules = shared.modules.iter();
    modules.any(|module| module.handle_message(&cx, service, stanza))
}

/// A collector takes words for commands, and collectors command nothing: none may talk to another. What the server
/// sends in somebody's name it answers for itself.
fn may_talk(shared: &Shared, sender: &Sender<'_>, to: &Jid) -> bool {
    let Some(from) = sender.session.filter(|session| session.role() < Role::Viewer) else {
        return true;
    };
    let account = to.to_bare();
    account == *from.account() || shared.role(&account) != Some(Role::Collector)
}

/// Lets a message pass its sender's account, then its recipient's. What the server sends in somebody's name passes the
/// recipient's alone.
fn pass(shared: &Shared, sender: &Sender<'_>, stanza: &Stanza, to: &Jid, place: (&str, Option<&str>)) {
    let cx = shared.context(sender.session);
    let Some(session) = sender.session else {
        // Nobody is there to be told of a refusal.
        let _ = arrive(shared, &cx, sender, stanza, to, place);
        return;
    };
    let resources = shared.sessions.of(session.node());
    let addresses = (sender.jid, to);
    let mut passage = Passage::new(session.account(), addresses, stanza, session.lang(), resources);
    let mut modules = shared.modules.iter();
    let outcome = modules
        .try_for_each(|module| module.message_outbound(&cx, &mut passage))
        .and_then(|()| arrive(shared, &cx, sender, stanza, to, place));
    if let Err(error) = outcome
        && let Some(reply) = sender.refuse(stanza, &error)
    {
        shared.each(sender.session, |module, cx| {
            module.message_refused(cx, &passage, &reply)
        });
    }
}

fn arrive(
    shared: &Shared,
    cx: &Context<'_>,
    sender: &Sender<'_>,
    stanza: &Stanza,
    to: &Jid,
    (node, resource): (&str, Option<&str>),
) -> Result<(), StanzaError> {
    let resources = shared.sessions.of(node);
    let account = to.to_bare();
    let exists = !resources.is_empty() || shared.account_exists(&account);
    let lang = sender.session.and_then(|session| session.lang());
    let mut passage = Passage::new(&account, (sender.jid, to), stanza, lang, resources);
    if exists {
        let mut modules = shared.modules.iter();
        modules.try_for_each(|module| module.message_inbound(cx, &mut passage))?;
    }
    let taken = deliver(shared, cx, &passage, resource, exists)?;
    for module in &shared.modules {
        module.message_delivered(cx, &passage, &taken);
    }
    Ok(())
}

/// Does what the table says; returns the sessions that took the message.
fn deliver(
    shared: &Shared,
    cx: &Context<'_>,
    passage: &Passage<'_>,
    resource: Option<&str>,
    exists: bool,
) -> Result<Vec<Arc<Session>>, StanzaError> {
    let rope = passage.rope();
    let mut sessions = passage.sessions().iter();
    let addressed = resource.and_then(|resource| sessions.find(|session| session.resource() == resource));
    // A session that ends, and takes nothing more, has as good as gone.
    let addressed = addressed.filter(|session| push(passage, session, &rope));
    let place = match (resource, addressed) {
        (None, _) => Place::Bare,
        (_, Some(_)) => Place::Match,
        _ => Place::NoMatch,
    };
    match rule(passage.kind, place) {
        Rule::Deliver => Ok(addressed.cloned().into_iter().collect()),
        Rule::Ignore => Ok(Vec::new()),
        Rule::MostAvailable => match to_most_available(passage, &rope) {
            taken if taken.is_empty() && exists => keep(shared, cx, passage).map(|()| taken),
            taken => Ok(taken),
        },
        Rule::All => Ok(to_all(passage, &rope)),
        Rule::Refuse => Err(Condition::ServiceUnavailable.into()),
    }
}

/// Gives it to one session alone, save for the copies that others may get.
fn push(passage: &Passage<'_>, session: &Arc<Session>, rope: &Rope) -> bool {
    let is_another = |other: &Arc<Session>| other.takes_copies() && !Arc::ptr_eq(other, session);
    match passage.is_copied() && passage.sessions().iter().any(is_another) {
        true => session.sink().push_copy(rope.clone(), passage.copies()),
        false => session.sink().push(rope.clone(), None),
    }
}

fn to_most_available(passage: &Passage<'_>, rope: &Rope) -> Vec<Arc<Session>> {
    let sessions = passage.sessions().iter();
    let highest = sessions.filter_map(|session| session.priority()).max();
    let Some(highest) = highest.filter(|priority| *priority >= 0) else {
        return Vec::new();
    };
    let mut best: Vec<_> = passage.sessions().to_vec();
    best.retain(|session| session.priority() == Some(highest));
    match best.as_slice() {
        [one] => {
            if !push(passage, one, rope) {
                best.clear();
            }
        }
        _ => best.retain(|session| session.sink().push_copy(rope.clone(), passage.copies())),
    }
    best
}

fn to_all(passage: &Passage<'_>, rope: &Rope) -> Vec<Arc<Session>> {
    let mut all = passage.sessions().to_vec();
    all.retain(|session| session.takes_messages() && session.sink().push_copy(rope.clone(), passage.copies()));
    all
}

/// Offers a message that no resource takes to the modules.
fn keep(shared: &Shared, cx: &Context<'_>, passage: &Passage<'_>) -> Result<(), StanzaError> {
    let mut modules = shared.modules.iter();
    match modules.any(|module| module.message_undeliverable(cx, passage)) {
        true => Ok(()),
        false => Err(Condition::ServiceUnavailable.into()),
    }
}

/// Delivers a message that has passed an account before to the account's bare JID, whatever it was addressed to.
///
/// # Errors
/// Nobody takes it.
pub(super) fn to_account(shared: &Shared, from: &Jid, stanza: &Stanza, account: &BareJid) -> Result<(), StanzaError> {
    let resources = shared.sessions_of(account);
    let exists = shared.account_exists(account);
    let passage = Passage::new(account, (from, account), stanza, None, resources);
    deliver(shared, &shared.context(None), &passage, None, exists).map(drop)
}
