//! What an ended session was not sent, or did not acknowledge, finds another way.

use super::delivery::{self, MessageType};
use super::sink::{Origin, Undelivered};
use super::vouched::is_archived;
use super::{Session, Shared};
use crate::stanza::{Condition, Hints, IqType, Kind, Stanza, StanzaError, error_reply, ns, parse_jid};
use crate::xml::{Address, Build, CLIENT, Frame, Limits, Rope, element, to_bytes};
use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use jid::Jid;
use std::time::Duration;
use tracing::info;

/// What is delivered later than that says when it came (XEP-0198 section 4, XEP-0203).
const LATE: Duration = Duration::from_secs(10);

/// Messages of type chat and normal with a body go to the account's other resources or to the modules; requests get an
/// error (RFC 6121 section 8.5.3.2.3); everything else is void with its session. A message that other resources were given
/// too stays with those, until the last of them returns it. What is still in the store is the modules' to give to another resource, and
/// comes first, for it is older.
pub(super) fn hand_back(shared: &Shared, session: &Session, undelivered: Vec<Undelivered>) {
    let is_kept = |one: &Undelivered| matches!(one.origin, Origin::Kept(_));
    if undelivered.iter().any(is_kept) {
        shared.each(None, |module, cx| module.kept_returned(cx, session.account()));
    }
    for one in undelivered.into_iter().filter(|one| !is_kept(one)) {
        match &one.origin {
            Origin::Copy(copies) if !copies.returned() => {}
            Origin::Copy(copies) => another_way(shared, session, copies.message(), one.since.elapsed()),
            _ => another_way(shared, session, &one.rope, one.since.elapsed()),
        }
    }
}

fn another_way(shared: &Shared, session: &Session, rope: &Rope, age: Duration) {
    let Ok(frame) = Frame::parse(rope.to_bytes(), &Limits::NONE) else {
        return;
    };
    let Some(from) = frame.attr("from").and_then(|from| parse_jid(&from)) else {
        return;
    };
    let Ok(stanza) = Stanza::new(frame) else { return };
    match stanza.kind {
        Kind::Message if is_worth_keeping(&stanza.frame) => {
            let stanza = stamped(shared.domain(), stanza, age);
            let kept = delivery::to_account(shared, &from, &stanza, session.account());
            // Its sender took silence for an answer. What the archive has is not lost.
            if let Err(error) = kept
                && !is_archived(session.account(), &stanza.frame)
            {
                info!(account = %session.account(), "a message that was not delivered could not be kept: its sender is told");
                bounce(shared, &from, &stanza, &error);
            }
        }
        Kind::Iq if matches!(stanza.iq_type(), Some(IqType::Get | IqType::Set)) => {
            bounce(shared, &from, &stanza, &Condition::ServiceUnavailable.into());
        }
        _ => {}
    }
}

fn is_worth_keeping(frame: &Frame) -> bool {
    let hints = Hints::of(frame);
    matches!(MessageType::of(frame), MessageType::Chat | MessageType::Normal) && (hints.body || hints.store)
}

/// Tells whoever sent it, if still there, that nobody will answer a request any more, or read a message.
fn bounce(shared: &Shared, from: &Jid, stanza: &Stanza, error: &StanzaError) {
    if let Some(origin) = shared.session(from) {
        Shared::send(&origin, &error_reply(stanza, origin.jid().as_str(), error));
    }
}

/// The message with the time of its coming, if that is past and not said yet.
fn stamped(domain: &str, stanza: Stanza, age: Duration) -> Stanza {
    if age < LATE || is_stamped(domain, &stanza.frame) {
        return stanza;
    }
    let came = TimeDelta::from_std(age)
        .ok()
        .and_then(|age| Utc::now().checked_sub_signed(age));
    let delay = came.map(|came| delay(domain, came));
    let rope: Rope = stanza.frame.deliver(&Address::default(), &[], delay.as_slice());
    match Frame::parse(rope.to_bytes(), &Limits::NONE) {
        Ok(frame) => Stanza { frame, ..stanza },
        // What was a frame is one with one more child, too.
        Err(_) => stanza,
    }
}

fn is_stamped(domain: &str, frame: &Frame) -> bool {
    frame.children().enumerate().any(|(index, child)| {
        let is_ours = |index| {
            frame
                .child_element(index)
                .is_some_and(|delay| delay.attr("from") == Some(domain))
        };
        child.ns == ns::DELAY && is_ours(index)
    })
}

fn delay(domain: &str, came: DateTime<Utc>) -> bytes::Bytes {
    let delay = element("delay", ns::DELAY)
        .with("from", domain)
        .with("stamp", came.to_rfc3339_opts(SecondsFormat::Millis, true));
    to_bytes(&delay.build(), CLIENT)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::router::bench::Bench;
    use bytes::Bytes;

    #[test]
    fn a_message_delivered_late_says_when_it_came_once() {
        let stanza = |xml: &'static str| {
            let frame = Frame::parse(Bytes::from_static(xml.as_bytes()), &Limits::NONE).unwrap();
            Stanza::new(frame).unwrap()
        };
        let delays = |stanza: &Stanza| stanza.frame.children().filter(|child| child.ns == ns::DELAY).count();
        let plain = "<message from='a@x'><body>hi</body></message>";
        assert_eq!(delays(&stamped("x", stanza(plain), Duration::from_secs(9))), 0);
        let late = stamped("x", stanza(plain), Duration::from_secs(300));
        assert_eq!(delays(&late), 1);
        let delay = late.frame.child_element(1).unwrap();
        let stamp = DateTime::parse_from_rfc3339(delay.attr("stamp").unwrap()).unwrap();
        assert!((Utc::now().timestamp() - stamp.timestamp() - 300).abs() < 10);
        assert_eq!(delays(&stamped("x", late, Duration::from_secs(300))), 1);
        let foreign = "<message from='a@x'><delay xmlns='urn:xmpp:delay' from='y' stamp='z'/></message>";
        assert_eq!(delays(&stamped("x", stanza(foreign), Duration::from_secs(300))), 2);
    }

    #[test]
    fn s14_whoever_sent_what_neither_the_archive_nor_the_store_takes_is_told() {
        let bench = Bench::new();
        let (ada, bob) = (bench.online("ada/desk"), bench.online("bob/desk"));
        let chat = |body: &str, hint: &str| {
            ada.send(&format!(
                "<message type='chat' id='{body}' to='bob@@'><body>{body}</body>{hint}</message>"
            ));
        };
        chat("passing", "<no-permanent-store xmlns='urn:xmpp:hints'/>");
        chat("archived", "");
        chat("unread", "<no-store xmlns='urn:xmpp:hints'/>");
        bob.send("<presence type='unavailable'/>");
        for number in 0..100 {
            chat(&number.to_string(), "");
        }
        assert!(ada.received().is_empty());
        bob.end();
        let told = ada.elements();
        assert_eq!(told.len(), 1, "{told:?}");
        assert_eq!(
            (told[0].attr("type"), told[0].attr("id")),
            (Some("error"), Some("passing"))
        );
        assert_eq!(told[0].attr("from"), Some("bob@mon.example"));
        let error = told[0].get_child("error", "jabber:client").unwrap();
        assert!(error.children().any(|child| child.name() == "service-unavailable"));
        let archived = bench.store.archive().span("bob", None, None);
        assert_eq!(archived.end - archived.start, 101);
    }

    #[test]
    fn a_request_that_a_session_took_with_it_is_answered_once() {
        let bench = Bench::new();
        bench.befriend("ada", "bob");
        let (ada, bob) = (bench.online("ada/desk"), bench.online("bob/desk"));
        ada.received();
        ada.send("<iq type='get' id='1' to='bob@@/desk'><query xmlns='urn:x'/></iq>");
        ada.send("<iq type='result' id='2' to='bob@@/desk'/>");
        bob.end();
        assert_eq!(
            ada.received(),
            [
                "presence unavailable <bob/desk",
                "iq error <bob/desk service-unavailable"
            ]
        );
    }
}
