//! Presence: broadcasts, directed presence, and the end of both (RFC 6121 section 4).

use super::sender::{Sender, Target};
use super::session::{Newcomer, State};
use super::{Session, Shared, blocking, locked, probe, rates, subscription};
use crate::roster::Request;
use crate::stanza::{Condition, Stanza};
use crate::xml::{Address, Build, CLIENT, Frame, Limits, element, to_bytes};
use bytes::Bytes;
use chrono::{DateTime, Local};
use jid::{BareJid, Jid};
use std::sync::Arc;

/// Routes a presence stanza from a session. `available`, a type that RFC 6121 does not have and old clients send, is
/// taken as none.
pub(super) fn route(shared: &Shared, session: &Arc<Session>, stanza: &Stanza) {
    let sender = Sender::session(session);
    let kind = stanza.type_attr();
    if stanza.to.as_ref().is_some_and(|to| shared.blocks(session.jid(), to)) {
        sender.refuse(stanza, &blocking::blocked_by_sender());
        return;
    }
    let outcome = match (kind.as_deref(), &stanza.to) {
        (None | Some("available"), None) => available(shared, session, &stanza.frame),
        (None | Some("available"), Some(to)) => directed(shared, session, stanza, to, true),
        (Some("unavailable"), None) => {
            unavailable(shared, session, &stanza.frame);
            Ok(())
        }
        (Some("unavailable"), Some(to)) => directed(shared, session, stanza, to, false),
        (Some("probe"), Some(to)) => probe::answer(shared, session, stanza, to),
        (Some("probe" | "error"), None) => Ok(()),
        (Some("error"), Some(_)) => {
            deliver(shared, &sender, stanza);
            Ok(())
        }
        (Some(other), Some(to)) if let Some(request) = Request::parse(other) => {
            return subscription::route(shared, session, stanza, to, request);
        }
        _ => Err(Condition::BadRequest),
    };
    if let Err(condition) = outcome {
        sender.refuse(stanza, &condition.into());
    }
}

/// Broadcast of available presence (sections 4.2 and 4.4).
fn available(shared: &Shared, session: &Arc<Session>, frame: &Frame) -> Result<(), Condition> {
    let priority = priority(frame)?;
    let (frame, stamps) = stamped(shared, session, without_type(frame));
    let first = {
        let mut state = locked(&session.state);
        let first = !session.is_available();
        session.set_priority(Some(priority));
        state.presence = Some(frame.clone());
        state.stamps = stamps;
        state.silent = None;
        announce(shared, session, &mut state, first);
        first
    };
    if first {
        probe::greet(shared, session);
        subscription::remind(shared, session);
    }
    shared.each(Some(session), |module, cx| {
        module.presence_available(cx, session, &frame, first)
    });
    Ok(())
}

/// What the modules add to a session's presence, and how much that is.
fn stamped(shared: &Shared, session: &Arc<Session>, frame: Frame) -> (Frame, usize) {
    let cx = shared.context(Some(session));
    let modules = shared.modules.iter();
    let stamps: Vec<Bytes> = modules
        .filter_map(|module| module.presence_stamp(&cx, session, &frame))
        .map(|stamp| to_bytes(&stamp, CLIENT))
        .collect();
    match stamps.len() {
        0 => (frame, 0),
        count => (edited(frame, &[], &stamps), count),
    }
}

/// A frame without some of its children, and with others.
fn edited(frame: Frame, cut: &[usize], append: &[Bytes]) -> Frame {
    let edited = frame.deliver(&Address::default(), cut, append).to_bytes();
    Frame::parse(edited, &Limits::NONE).unwrap_or(frame)
}

/// Adds anew to the presence of an account's sessions what the modules add; whoever sees it is told where that is news.
/// Presence that has changed meanwhile has been stamped by then.
pub(super) fn stamp_again(shared: &Shared, account: &BareJid) {
    for session in shared.available(account) {
        let (old, stamps) = {
            let state = locked(&session.state);
            (state.presence.clone(), state.stamps)
        };
        let Some(old) = old else { continue };
        let count = old.children().count();
        let ours: Vec<usize> = (count.saturating_sub(stamps)..count).collect();
        let (frame, stamps) = stamped(shared, &session, edited(old.clone(), &ours, &[]));
        let mut state = locked(&session.state);
        let is_same = |now: &Frame| now.bytes() == old.bytes();
        if frame.bytes() != old.bytes() && state.presence.as_ref().is_some_and(is_same) {
            state.presence = Some(frame);
            state.stamps = stamps;
            announce(shared, &session, &mut state, false);
        }
    }
}

/// Tells whoever should know what a session now shows; later, when it has shown enough for the moment.
fn announce(shared: &Shared, session: &Arc<Session>, state: &mut State, first: Newcomer) {
    let newcomer = state.late.take().unwrap_or(first);
    if !rates::may_broadcast(shared, session) {
        state.late = Some(newcomer);
        locked(&shared.late).insert(session.jid().clone(), Arc::clone(session));
    } else if let Some(frame) = state.shown() {
        broadcast(shared, session, frame);
    }
}

/// Tells what was held back, of those sessions that may speak again.
pub(super) fn catch_up(shared: &Shared) {
    let late = std::mem::take(&mut *locked(&shared.late));
    for session in late.into_values() {
        let mut state = locked(&session.state);
        if let Some(newcomer) = state.late.take() {
            announce(shared, &session, &mut state, newcomer);
        }
    }
}

/// Broadcast of unavailable presence (section 4.5), to those as well who had directed presence (section 4.6.3). Once:
/// a session that is not available, and has
/// sent no directed presence, tells nobody.
pub(super) fn unavailable(shared: &Shared, session: &Arc<Session>, frame: &Frame) {
    // A contact that stops being one meanwhile would be told neither here nor there.
    let held = shared.rosters.hold();
    let was_available = depart(shared, session, frame);
    drop(held);
    if was_available {
        departed(shared, session, frame);
    }
}

/// What the server says for a session that went without a word.
pub(super) fn goodbye() -> Frame {
    Frame::from_element(&element("presence", CLIENT).with("type", "unavailable").build())
}

/// Tells everyone, while the caller holds the rosters; whether the session was available. Then it is the modules' turn:
/// [`departed`].
pub(super) fn depart(shared: &Shared, session: &Arc<Session>, frame: &Frame) -> bool {
    let mut state = locked(&session.state);
    let was_available = state.presence.take().is_some();
    state.silent = None;
    let directed = std::mem::take(&mut state.directed);
    // Who has not been told that it came need not hear that it goes.
    let was_seen = was_available && state.late.take() != Some(true);
    if was_seen {
        rates::may_broadcast(shared, session);
    }
    farewell(shared, session, frame, was_seen, &directed);
    session.set_priority(None);
    drop(state);
    let roster = shared.roster(session.account());
    let subscribers = roster.subscribers().filter(|_| was_seen).cloned();
    subscribers
        .chain(directed.iter().map(Jid::to_bare))
        .for_each(|contact| forget_directed(shared, session, &contact));
    was_available
}

/// Whoever was told that a session is gone need not tell it of its own end (section 4.6.1). No session's state is held.
fn forget_directed(shared: &Shared, gone: &Session, contact: &BareJid) {
    for resource in shared.sessions_of(contact).iter() {
        let mut state = locked(&resource.state);
        state.directed.retain(|directed| *directed != *gone.jid());
    }
}

/// Tells the modules that a session is no longer available.
pub(super) fn departed(shared: &Shared, session: &Arc<Session>, frame: &Frame) {
    session.set_caps(None);
    shared.each(Some(session), |module, cx| {
        module.presence_unavailable(cx, session, frame)
    });
}

fn farewell(shared: &Shared, session: &Arc<Session>, frame: &Frame, was_seen: bool, directed: &[Jid]) {
    if was_seen {
        broadcast(shared, session, frame);
    }
    for to in directed {
        if !(was_seen && is_subscribed(shared, session, to)) {
            let sender = Sender::session(session);
            let mut address = sender.address();
            address.to = Some(to.as_str());
            send(shared, frame, &sender, &address, to);
        }
    }
}

/// Nothing has been heard of a session for some time: its watchers see `xa` and since when, said by the server in its
/// name. What it has said itself stays remembered.
pub(super) fn fell_silent(shared: &Shared, session: &Arc<Session>, since: DateTime<Local>) {
    let mut state = locked(&session.state);
    if state.presence.is_none() {
        return;
    }
    let status = format!("stale since {}", since.format("%Y-%m-%d %H:%M:%S %:z"));
    let presence = element("presence", CLIENT)
        .append(element("show", CLIENT).append("xa").build())
        .append(element("status", CLIENT).append(status).build());
    let frame = Frame::from_element(&presence.build());
    broadcast(shared, session, &frame);
    state.silent = Some(frame);
}

/// Something is heard of it again: its watchers see what it said last.
pub(super) fn heard_again(shared: &Shared, session: &Arc<Session>) {
    let mut state = locked(&session.state);
    if state.silent.take().is_some()
        && let Some(presence) = &state.presence
    {
        broadcast(shared, session, presence);
    }
}

/// Presence to somebody in particular (section 4.6): an entity that is not subscribed is remembered, so that it learns
/// of the end. The answer to what goes nowhere is `resource-constraint` beyond [`Options::directed_max`](super::Options::directed_max).
fn directed(
    shared: &Shared,
    session: &Arc<Session>,
    stanza: &Stanza,
    to: &Jid,
    available: bool,
) -> Result<(), Condition> {
    if Target::of(shared, to) == Target::Abroad {
        return Err(Condition::RemoteServerNotFound);
    }
    let mut state = locked(&session.state);
    let subscribed = session.is_available() && is_subscribed(shared, session, to);
    if !available {
        state.directed.retain(|directed| directed != to);
    } else if !subscribed && !state.directed.contains(to) {
        let directed_max = shared.options.directed_max;
        if state.directed.len() >= directed_max {
            tracing::info!(jid = %session.jid(), directed_max, "directed presence to too many");
            return Err(Condition::ResourceConstraint);
        }
        state.directed.push(to.clone());
    }
    let frame = without_type_available(&stanza.frame);
    let sender = Sender::session(session);
    send(shared, &frame, &sender, &sender.address(), to);
    drop(state);
    if !available {
        forget_directed(shared, session, &to.to_bare());
    }
    Ok(())
}

/// Whether an address sees an account's presence anyway; one's own account does (section 4.2.2).
fn is_subscribed(shared: &Shared, session: &Session, to: &Jid) -> bool {
    let to = to.to_bare();
    to == *session.account() || shared.roster(session.account()).state(&to).subscription.is_from()
}

/// Delivers presence that is addressed to somebody: an error of a client, or one of the server's own.
pub(super) fn deliver(shared: &Shared, sender: &Sender<'_>, stanza: &Stanza) {
    if let Some(to) = &stanza.to {
        send(shared, &stanza.frame, sender, &sender.address(), to);
    }
}

/// To a full JID: that resource, if it is connected; to a bare one: all available resources (section 8.5.2.1.2).
fn send(shared: &Shared, frame: &Frame, sender: &Sender<'_>, address: &Address<'_>, to: &Jid) {
    let resources = match to.resource() {
        Some(_) => shared.session(to).into_iter().collect(),
        None => shared.available(&to.to_bare()),
    };
    for resource in resources {
        if !shared.are_apart(sender.jid, resource.jid()) {
            resource.sink().push(frame.deliver(address, &[], &[]), None);
        }
    }
}

/// Tells the account's own resources and its subscribers. The caller holds the session's state.
fn broadcast(shared: &Shared, session: &Arc<Session>, frame: &Frame) {
    let account = session.account();
    let roster = shared.roster(account);
    for contact in std::iter::once(account).chain(roster.subscribers()) {
        tell(shared, session, frame, contact);
    }
}

/// Sends one session's presence to all available resources of a contact; the body is shared by all.
fn tell(shared: &Shared, session: &Arc<Session>, frame: &Frame, contact: &BareJid) {
    let resources = shared.sessions_of(contact);
    let mut available = resources
        .iter()
        .filter(|resource| resource.is_available() && !shared.are_apart(session.jid(), resource.jid()))
        .peekable();
    if available.peek().is_none() {
        return;
    }
    let mut address = Sender::session(session).address();
    address.to = Some(contact.as_str());
    let rope = frame.deliver(&address, &[], &[]);
    for resource in available {
        resource.sink().push(rope.clone(), None);
    }
}

/// Tells a resource that an account's resources are gone, those whose presence it may have seen: the account blocks it,
/// which a broadcast heeds already.
pub(super) fn hide(shared: &Shared, account: &BareJid, from: &Arc<Session>) {
    let frame = goodbye();
    let subscribed = shared.roster(account).state(from.account()).subscription.is_from();
    for session in shared.sessions_of(account).iter() {
        let state = locked(&session.state);
        let directed = state
            .directed
            .iter()
            .any(|to| *to == *from.jid() || *to == *from.account());
        if directed || subscribed && state.presence.is_some() {
            let mut address = Sender::session(session).address();
            address.to = Some(from.account().as_str());
            from.sink().push(frame.deliver(&address, &[], &[]), None);
        }
    }
}

/// Sends the presence of an account's available resources to a contact that may now see it (section 3.1.5).
pub(super) fn grant(shared: &Shared, account: &BareJid, contact: &BareJid) {
    for session in shared.available(account) {
        let state = locked(&session.state);
        if let Some(presence) = state.shown() {
            tell(shared, &session, presence, contact);
        }
    }
}

/// Tells a contact that may no longer see it that an account's resources are gone (section 3.2.2). The roster has
/// changed already, so that no broadcast comes after this.
pub(super) fn withdraw(shared: &Shared, account: &BareJid, contact: &BareJid) {
    let frame = Frame::from_element(&element("presence", CLIENT).with("type", "unavailable").build());
    for session in shared.available(account) {
        let state = locked(&session.state);
        if state.presence.is_some() {
            tell(shared, &session, &frame, contact);
        }
    }
}

/// Section 4.7.2.3: an integer from -128 to 127, 0 when absent.
fn priority(frame: &Frame) -> Result<i8, Condition> {
    let mut priorities = frame
        .children()
        .enumerate()
        .filter(|(_, child)| child.name == "priority" && child.ns == CLIENT);
    match (priorities.next(), priorities.next()) {
        (None, _) => Ok(0),
        (Some((index, _)), None) => {
            let text = frame.child_element(index).map(|child| child.text()).unwrap_or_default();
            text.trim().parse().map_err(|_| Condition::BadRequest)
        }
        _ => Err(Condition::BadRequest),
    }
}

fn without_type_available(frame: &Frame) -> Frame {
    match frame.attr("type").as_deref() {
        Some("available") => without_type(frame),
        _ => frame.clone(),
    }
}

fn without_type(frame: &Frame) -> Frame {
    if frame.attr("type").is_none() {
        return frame.clone();
    }
    let mut presence = frame.to_element();
    presence.attrs_mut().remove("", "type");
    Frame::from_element(&presence)
}

#[cfg(test)]
mod tests;
