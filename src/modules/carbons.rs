//! XEP-0280: Message Carbons: all of an account's resources see its conversations, whichever of them talks.

#[cfg(test)]
mod tests;

use crate::router::{Addressee, Context, Iq, IqRoute, MessageType, Module, Passage, Session, Status, Xep};
use crate::stanza::{Condition, StanzaError, ns};
use crate::xml::{Address, Element, Frame, Rope, Writer};
use bytes::Bytes;
use std::sync::Arc;

/// Payloads of instant messaging that are copied though they come without a body: receipts (XEP-0184), chat states
/// (XEP-0085), chat markers (XEP-0333).
const INSTANT: [&str; 3] = [ns::RECEIPTS, ns::CHATSTATES, ns::DISPLAYED_MARKERS];

/// Copies messages to the available resources that have asked for it. The copies go straight to them: nothing archives,
/// keeps or copies a copy, and when one cannot be delivered nobody is told (section 10).
#[derive(Debug)]
pub struct Carbons;

/// Which way a message went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    Received,
    Sent,
}

impl Way {
    fn name(self) -> &'static str {
        match self {
            Way::Received => "received",
            Way::Sent => "sent",
        }
    }
}

const fn route(addressee: Addressee, name: &'static str) -> IqRoute {
    IqRoute {
        get: false,
        set: true,
        addressee,
        ns: ns::CARBONS,
        name,
    }
}

impl Module for Carbons {
    fn xeps(&self) -> &'static [Xep] {
        &[Xep {
            number: "XEP-0280",
            title: "Message Carbons",
            version: "1.0.1",
            status: Status::Complete,
        }]
    }

    fn server_features(&self) -> &'static [&'static str] {
        &[ns::CARBONS, ns::CARBONS_RULES]
    }

    fn account_features(&self) -> &'static [&'static str] {
        &[ns::CARBONS, ns::CARBONS_RULES]
    }

    fn iq_routes(&self) -> &'static [IqRoute] {
        const {
            &[
                route(Addressee::OwnAccount, "enable"),
                route(Addressee::OwnAccount, "disable"),
                route(Addressee::Server, "enable"),
                route(Addressee::Server, "disable"),
            ]
        }
    }

    fn handle_iq(&self, cx: &Context<'_>, iq: &Iq<'_>) -> Result<Option<Element>, StanzaError> {
        let session = cx.origin().ok_or(Condition::NotAllowed)?;
        session.set_copies(iq.payload.name() == "enable");
        Ok(None)
    }

    fn message_outbound(&self, cx: &Context<'_>, passage: &mut Passage<'_>) -> Result<(), StanzaError> {
        if is_eligible(passage, Way::Sent) {
            passage.copy();
            // What goes to the own account comes back, and is copied then.
            if !passage.is_to_oneself() {
                copy(cx, passage, Way::Sent, passage.standalone(), &[]);
            }
        }
        Ok(())
    }

    fn message_inbound(&self, _cx: &Context<'_>, passage: &mut Passage<'_>) -> Result<(), StanzaError> {
        if is_eligible(passage, Way::Received) {
            passage.copy();
        }
        Ok(())
    }

    fn message_delivered(&self, cx: &Context<'_>, passage: &Passage<'_>, taken: &[Arc<Session>]) {
        if passage.is_copied() {
            copy(cx, passage, Way::Received, passage.standalone(), taken);
        }
    }

    fn message_refused(&self, cx: &Context<'_>, passage: &Passage<'_>, reply: &Element) {
        if passage.is_copied() {
            let reply = Rope::from(Frame::from_element(reply).deliver(&STANDALONE, &[], &[]).to_bytes());
            copy(cx, passage, Way::Received, reply, &[]);
        }
    }
}

/// The address of what leaves its stream as it is.
const STANDALONE: Address<'static> = Address {
    from: None,
    to: None,
    lang: None,
    standalone: true,
};

/// Gives copies of a message to those of the account's resources that want them and have neither sent nor got it.
fn copy(cx: &Context<'_>, passage: &Passage<'_>, way: Way, message: Rope, taken: &[Arc<Session>]) {
    let is_one_of =
        |session: &Arc<Session>, others: &[Arc<Session>]| others.iter().any(|other| Arc::ptr_eq(other, session));
    for session in passage.sessions() {
        let is_origin = cx.origin().is_some_and(|origin| Arc::ptr_eq(origin, session));
        if session.takes_copies() && !is_origin && !is_one_of(session, taken) {
            passage.give_copy(session, wrapped(session, passage.stanza.type_attr(), way, &message));
        }
    }
}

/// The message as the server forwards it (XEP-0297) in the account's name.
fn wrapped(session: &Session, kind: Option<String>, way: Way, message: &Rope) -> Rope {
    let mut writer = Writer::with_capacity(256);
    writer
        .open("message")
        .attr("from", session.account().as_str())
        .attr("to", session.jid().as_str());
    if let Some(kind) = kind {
        writer.attr("type", &kind);
    }
    writer.open(way.name()).attr("xmlns", ns::CARBONS);
    writer.open("forwarded").attr("xmlns", ns::FORWARD).leave_open();
    let mut rope = Rope::from(writer.finish());
    for part in message.parts() {
        rope.push(part.clone());
    }
    rope.push(Bytes::from_static(match way {
        Way::Received => b"</forwarded></received></message>",
        Way::Sent => b"</forwarded></sent></message>",
    }));
    rope
}

/// Section 6.1. An error is known to answer a message that was copied when the server made it (then the module is told),
/// or when it says what it answers.
fn is_eligible(passage: &Passage<'_>, way: Way) -> bool {
    let frame = &passage.stanza.frame;
    let has = |ns: &str| frame.children().any(|child| child.ns == ns);
    // `private`, and what pretends to be a copy.
    if passage.hints.no_copy || has(ns::CARBONS) {
        return false;
    }
    let is_instant = || INSTANT.iter().any(|ns| has(ns));
    match passage.kind {
        MessageType::Groupchat => false,
        _ if way == Way::Received && is_private_in_room(frame) => false,
        MessageType::Chat => true,
        MessageType::Normal => passage.hints.body || is_instant() || has(ns::DIRECT_INVITATION) || has(ns::MUC_USER),
        MessageType::Error => passage.hints.body || is_instant(),
        MessageType::Headline => is_instant(),
    }
}

/// Whether it is a private message within a room (XEP-0045 section 7.5), which the room itself gives to every resource;
/// an invitation by the room is none.
fn is_private_in_room(frame: &Frame) -> bool {
    let Some(index) = frame
        .children()
        .position(|child| child.ns == ns::MUC_USER && child.name == "x")
    else {
        return false;
    };
    let invites = frame
        .child_element(index)
        .is_some_and(|x| x.has_child("invite", ns::MUC_USER));
    !invites
}
