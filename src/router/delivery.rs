//! Where a message goes: RFC 6121 section 8.5.4 as a table.

use super::sender::{Sender, Target};
use super::sessions::Resources;
use super::sink::Undelivered;
use super::{Session, Shared};
use crate::stanza::{Condition, Kind, Stanza, parse_jid};
use crate::xml::{CLIENT, Frame, Limits, Rope};
use jid::{BareJid, Jid};

/// RFC 6121 section 5.2.2.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum MessageType {
    Normal,
    Chat,
    Groupchat,
    Headline,
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
    let outcome = match Target::of(shared.domain(), to) {
        Target::Abroad => Err(Condition::RemoteServerNotFound),
        Target::Server => Err(Condition::ServiceUnavailable),
        Target::Account(node) => local(shared, sender, stanza, to, (node, None)),
        Target::Resource(node, resource) => local(shared, sender, stanza, to, (node, Some(resource))),
    };
    if let Err(condition) = outcome {
        sender.refuse(stanza, &condition.into());
    }
}

fn local(
    shared: &Shared,
    sender: &Sender<'_>,
    stanza: &Stanza,
    to: &Jid,
    (node, resource): (&str, Option<&str>),
) -> Result<(), Condition> {
    let sessions = shared.sessions.of(node);
    let mut address = sender.address();
    address.to = stanza.to.is_none().then_some(to.as_str());
    let rope = stanza.frame.deliver(&address, &[], &[]);
    let addressed = resource.and_then(|resource| sessions.iter().find(|session| session.resource() == resource));
    let place = match (resource, addressed) {
        (None, _) => Place::Bare,
        // A session that ends, and takes nothing more, has as good as gone.
        (_, Some(session)) if session.sink().push(rope.clone(), None) => Place::Match,
        _ => Place::NoMatch,
    };
    match rule(MessageType::of(&stanza.frame), place) {
        Rule::Deliver | Rule::Ignore => Ok(()),
        Rule::MostAvailable if to_most_available(&sessions, &rope) => Ok(()),
        Rule::MostAvailable => keep(shared, sender, stanza, &to.to_bare()),
        Rule::All => {
            to_all(&sessions, &rope);
            Ok(())
        }
        Rule::Refuse => Err(Condition::ServiceUnavailable),
    }
}

/// Whether any of them took it.
fn to_most_available(sessions: &Resources, rope: &Rope) -> bool {
    let highest = sessions.iter().filter_map(|session| session.priority()).max();
    let Some(highest) = highest.filter(|priority| *priority >= 0) else {
        return false;
    };
    let best: Vec<_> = sessions
        .iter()
        .filter(|session| session.priority() == Some(highest))
        .collect();
    match best.as_slice() {
        [one] => one.sink().push(rope.clone(), None),
        several => several
            .iter()
            .fold(false, |taken, session| session.sink().push_copy(rope.clone()) || taken),
    }
}

fn to_all(sessions: &Resources, rope: &Rope) {
    for session in sessions.iter().filter(|session| session.takes_messages()) {
        session.sink().push_copy(rope.clone());
    }
}

/// Offers a message that no resource takes to the modules.
fn keep(shared: &Shared, sender: &Sender<'_>, stanza: &Stanza, account: &BareJid) -> Result<(), Condition> {
    if !shared.account_exists(account) {
        return Ok(());
    }
    let cx = shared.context(sender.session);
    let kept = shared
        .modules
        .iter()
        .any(|module| module.message_undeliverable(&cx, account, stanza, sender.jid));
    if kept {
        Ok(())
    } else {
        Err(Condition::ServiceUnavailable)
    }
}

/// Finds another way for what an ended session was not sent: messages of type chat and normal with a body go to the
/// account's other resources or to the modules; everything else is void with its session. A message that another
/// resource was given too stays with that one while it is there.
pub(super) fn hand_back(shared: &Shared, session: &Session, undelivered: Vec<Undelivered>) {
    for Undelivered { rope, copy } in undelivered {
        let others = shared.available(session.account());
        if copy && others.iter().any(|other| other.takes_messages()) {
            continue;
        }
        if let Some((stanza, from)) = worth_keeping(rope) {
            let sender = Sender {
                jid: &from,
                session: None,
            };
            // Nobody is told: the sender has long had its answer, which was silence.
            let to: &Jid = session.account();
            let _ = local(shared, &sender, &stanza, to, (session.node(), None));
        }
    }
}

fn worth_keeping(rope: Rope) -> Option<(Stanza, Jid)> {
    let frame = Frame::parse(rope.to_bytes(), &Limits::NONE).ok()?;
    let from = parse_jid(&frame.attr("from")?)?;
    let stanza = Stanza::new(frame).ok()?;
    let lasting = stanza.kind == Kind::Message
        && matches!(MessageType::of(&stanza.frame), MessageType::Chat | MessageType::Normal)
        && has_body(&stanza.frame);
    lasting.then_some((stanza, from))
}

/// Whether a message says something to a person (RFC 6121 section 5.2.3).
pub fn has_body(frame: &Frame) -> bool {
    frame.children().any(|child| child.name == "body" && child.ns == CLIENT)
}
