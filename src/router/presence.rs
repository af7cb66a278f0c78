//! Presence: broadcasts, directed presence, and the end of both (RFC 6121 section 4).

use super::sender::{Sender, Target};
use super::session::DIRECTED_MAX;
use super::{Session, Shared, locked, probe, subscription};
use crate::roster::Request;
use crate::stanza::{Condition, Stanza};
use crate::xml::{Address, Build, CLIENT, Frame, element};
use chrono::{DateTime, Local};
use jid::{BareJid, Jid};
use std::sync::Arc;

/// Routes a presence stanza from a session. `available`, a type that RFC 6121 does not have and old clients send, is
/// taken as none.
pub(super) fn route(shared: &Shared, session: &Arc<Session>, stanza: &Stanza) {
    let sender = Sender::session(session);
    let kind = stanza.type_attr();
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
    let frame = without_type(frame);
    let first = {
        let mut state = locked(&session.state);
        let first = !session.is_available();
        session.set_priority(Some(priority));
        state.presence = Some(frame.clone());
        state.silent = None;
        broadcast(shared, session, &frame);
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
    farewell(shared, session, frame, was_available, &directed);
    session.set_priority(None);
    was_available
}

/// Tells the modules that a session is no longer available.
pub(super) fn departed(shared: &Shared, session: &Arc<Session>, frame: &Frame) {
    session.set_caps(None);
    shared.each(Some(session), |module, cx| {
        module.presence_unavailable(cx, session, frame)
    });
}

fn farewell(shared: &Shared, session: &Arc<Session>, frame: &Frame, was_available: bool, directed: &[Jid]) {
    if was_available {
        broadcast(shared, session, frame);
    }
    let roster = shared.roster(session.account());
    for to in directed {
        let told = was_available && roster.state(&to.to_bare()).subscription.is_from();
        if !told {
            let mut address = Sender::session(session).address();
            address.to = Some(to.as_str());
            send(shared, frame, &address, to);
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
/// of the end. The answer to what goes nowhere is `resource-constraint` beyond [`DIRECTED_MAX`].
fn directed(
    shared: &Shared,
    session: &Arc<Session>,
    stanza: &Stanza,
    to: &Jid,
    available: bool,
) -> Result<(), Condition> {
    if Target::of(shared.domain(), to) == Target::Abroad {
        return Err(Condition::RemoteServerNotFound);
    }
    let mut state = locked(&session.state);
    let subscribed = session.is_available()
        && shared
            .roster(session.account())
            .state(&to.to_bare())
            .subscription
            .is_from();
    if !available {
        state.directed.retain(|directed| directed != to);
    } else if !subscribed && !state.directed.contains(to) {
        if state.directed.len() >= DIRECTED_MAX {
            return Err(Condition::ResourceConstraint);
        }
        state.directed.push(to.clone());
    }
    let frame = without_type_available(&stanza.frame);
    send(shared, &frame, &Sender::session(session).address(), to);
    Ok(())
}

/// Delivers presence that is addressed to somebody: an error of a client, or one of the server's own.
pub(super) fn deliver(shared: &Shared, sender: &Sender<'_>, stanza: &Stanza) {
    if let Some(to) = &stanza.to {
        send(shared, &stanza.frame, &sender.address(), to);
    }
}

/// To a full JID: that resource, if it is connected; to a bare one: all available resources (section 8.5.2.1.2).
fn send(shared: &Shared, frame: &Frame, address: &Address<'_>, to: &Jid) {
    match to.resource() {
        Some(_) => {
            if let Some(resource) = shared.session(to) {
                resource.sink().push(frame.deliver(address, &[], &[]), None);
            }
        }
        None => {
            for resource in shared.available(&to.to_bare()) {
                resource.sink().push(frame.deliver(address, &[], &[]), None);
            }
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
    let mut available = resources.iter().filter(|resource| resource.is_available()).peekable();
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
mod tests {
    use super::DIRECTED_MAX;
    use crate::router::bench::Bench;
    use std::time::Duration;

    /// Who does what.
    type Steps = &'static [(&'static str, &'static str)];

    /// What `ada` and `bob` do to get into each state, and whether `ada` then sees `bob`.
    const STATES: [(&str, Steps, bool); 6] = [
        ("none", &[], false),
        ("pending", &[("ada", "subscribe")], false),
        (
            "ada's presence only",
            &[("bob", "subscribe"), ("ada", "subscribed")],
            false,
        ),
        (
            "bob's presence only",
            &[("ada", "subscribe"), ("bob", "subscribed")],
            true,
        ),
        (
            "both",
            &[
                ("ada", "subscribe"),
                ("bob", "subscribed"),
                ("bob", "subscribe"),
                ("ada", "subscribed"),
            ],
            true,
        ),
        (
            "cancelled",
            &[("ada", "subscribe"), ("bob", "subscribed"), ("bob", "unsubscribed")],
            false,
        ),
    ];

    #[test]
    fn s06_presence_reaches_those_who_may_see_it_and_nobody_else() {
        for (state, steps, sees) in STATES {
            let bench = Bench::new();
            for (who, what) in steps {
                let other = if *who == "ada" { "bob" } else { "ada" };
                let client = bench.connect(&format!("{who}/setup"));
                client.send(&format!("<presence type='{what}' to='{other}@@'/>"));
                client.end();
            }
            let ada = bench.online("ada/desk");
            let bob = bench.connect("bob/desk");
            let told = |expected: &[&str]| {
                let expected = if sees { expected } else { &[] };
                assert_eq!(ada.received(), expected, "{state}");
            };
            bob.send("<presence id='1'><show>away</show></presence>");
            told(&["presence <bob/desk show=away"]);
            bob.send("<presence><status>x</status></presence>");
            told(&["presence <bob/desk status=x"]);
            ada.send("<presence type='probe' to='bob@@'/>");
            told(&["presence <bob/desk status=x"]);
            ada.send("<presence type='probe' to='bob@@/desk'/>");
            told(&["presence <bob/desk"]);
            let late = bench.online("ada/late");
            late.end();
            ada.received();
            bob.send("<presence type='unavailable'><status>bye</status></presence>");
            told(&["presence unavailable <bob/desk status=bye"]);
            bob.end();
            told(&[]);
            ada.send("<presence type='probe' to='bob@@'/>");
            told(&["presence unavailable <bob"]);
        }
    }

    #[test]
    fn a_newcomer_is_greeted_with_what_others_have_said_last() {
        let bench = Bench::new();
        bench.befriend("ada", "bob");
        let bob = bench.online("bob/desk");
        bob.send("<presence><show>dnd</show></presence>");
        bench.online("ada/phone");
        let ada = bench.connect("ada/desk");
        ada.send("<presence><priority>3</priority></presence>");
        assert_eq!(
            ada.received(),
            [
                "presence <ada/desk priority=3",
                "presence <ada/phone",
                "presence <bob/desk show=dnd",
            ]
        );
        ada.send("<presence/>");
        assert_eq!(ada.received(), ["presence <ada/desk"], "an update asks for nothing");
        assert_eq!(bob.elements().pop().unwrap().attr("to"), Some("bob@mon.example"));
    }

    #[test]
    fn the_end_of_a_session_is_told_once_however_it_comes() {
        let bench = Bench::new();
        bench.befriend("ada", "bob");
        let (ada, bob) = (bench.online("ada/desk"), bench.online("bob/desk"));
        ada.received();
        bob.send("<presence to='eve@@'/>");
        let eve = bench.online("eve/desk");
        bob.send("<presence to='eve@@/desk'/>");
        assert_eq!(eve.received(), ["presence <bob/desk"]);
        bob.end();
        bob.end();
        assert_eq!(ada.received(), ["presence unavailable <bob/desk"]);
        // Once for the bare JID, once for the full one that it had sent presence to.
        assert_eq!(eve.received(), ["presence unavailable <bob/desk"; 2]);
    }

    #[test]
    fn directed_presence_is_taken_back_and_bounded() {
        let bench = Bench::new();
        let (ada, eve) = (bench.connect("ada/desk"), bench.online("eve/desk"));
        ada.send("<presence to='eve@@'/>");
        ada.send("<presence to='eve@@' type='unavailable'/>");
        assert_eq!(eve.received(), ["presence <ada/desk", "presence unavailable <ada/desk"]);
        for number in 0..=DIRECTED_MAX {
            ada.send(&format!("<presence to='u{number}@@'/>"));
        }
        assert_eq!(ada.received(), ["presence error <u256 resource-constraint"]);
        ada.end();
        assert!(eve.received().is_empty());
    }

    #[test]
    fn who_falls_silent_is_shown_as_stale_until_heard_again() {
        let bench = Bench::new();
        bench.befriend("ada", "bob");
        let (ada, bob) = (bench.online("ada/desk"), bench.online("bob/desk"));
        bob.send("<presence><show>away</show></presence>");
        ada.received();
        let stale = |received: &[String]| {
            received
                .iter()
                .any(|line| line.starts_with("presence <bob/desk show=xa status=stale since "))
        };
        bench.router.fell_silent(&bob.session, Duration::from_secs(30));
        assert!(stale(&ada.received()));
        let late = bench.connect("ada/phone");
        late.send("<presence/>");
        assert!(stale(&late.received()), "who comes now sees it too");
        ada.received();
        bench.router.heard_again(&bob.session);
        bench.router.heard_again(&bob.session);
        assert_eq!(ada.received(), ["presence <bob/desk show=away"]);
        bench.router.fell_silent(&bob.session, Duration::from_secs(30));
        bob.end();
        let received = ada.received();
        assert!(stale(&received[..1]));
        assert_eq!(received[1..], ["presence unavailable <bob/desk"]);
    }

    #[test]
    fn the_type_available_is_none_and_unknown_ones_are_bad() {
        let bench = Bench::new();
        let ada = bench.online("ada/desk");
        let eve = bench.online("eve/desk");
        ada.send("<presence type='available'><show>away</show></presence>");
        assert_eq!(ada.received(), ["presence <ada/desk show=away"]);
        ada.send("<presence type='available' to='eve@@'/>");
        assert_eq!(eve.received(), ["presence <ada/desk"]);
        ada.send("<presence type='busy'/>");
        ada.send("<presence type='subscribe'/>");
        for priority in ["x", "128", "-129", "1.0", ""] {
            ada.send(&format!("<presence><priority>{priority}</priority></presence>"));
        }
        ada.send("<presence><priority>1</priority><priority>1</priority></presence>");
        assert_eq!(ada.received(), ["presence error bad-request"; 8]);
        ada.send("<presence><priority> -128 </priority></presence>");
        assert_eq!(ada.session.priority(), Some(-128));
    }
}
