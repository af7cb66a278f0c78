//! Messages for those who are away (XEP-0160), stamped with when they came (XEP-0203), unless they are of the moment
//! only (XEP-0334).

use crate::router::{Context, Module, Session, Status, Xep, has_body, refused_by_store};
use crate::stanza::{Stanza, ns};
use crate::store::{Batch, OfflineMessage, StoreError};
use crate::xml::{Address, Build, CLIENT, Child, Frame, Limits, Rope, Writer, element};
use bytes::Bytes;
use chrono::{DateTime, SecondsFormat, Utc};
use jid::{BareJid, Jid};
use std::sync::{Mutex, PoisonError};

/// XEP-0334: Message Processing Hints.
const HINTS: &str = "urn:xmpp:hints";

/// Keeps messages of type chat and normal that have a body and no hint `no-store`, and gives them to the first resource
/// that becomes available with a non-negative priority, in order, each once: they leave the store as they enter the
/// session's queue, and come back when the session ends before they were written; of a client that counts (XEP-0198) they
/// leave it once they are acknowledged.
#[derive(Default)]
pub struct OfflineMessages {
    /// Held while a queue is emptied, so that two resources do not both get it.
    replaying: Mutex<()>,
}

impl Module for OfflineMessages {
    fn xeps(&self) -> &'static [Xep] {
        const fn complete(number: &'static str, title: &'static str, version: &'static str) -> Xep {
            Xep {
                number,
                title,
                version,
                status: Status::Complete,
            }
        }
        const {
            &[
                complete("XEP-0160", "Best Practices for Handling Offline Messages", "1.0.1"),
                complete("XEP-0203", "Delayed Delivery", "2.0"),
                Xep {
                    number: "XEP-0334",
                    title: "Message Processing Hints",
                    version: "1.0.0",
                    status: Status::Partial,
                },
            ]
        }
    }

    fn server_features(&self) -> &'static [&'static str] {
        &[ns::OFFLINE, ns::DELAY]
    }

    fn presence_available(&self, cx: &Context<'_>, session: &Session, _presence: &Frame, _first: bool) {
        if session.takes_messages() {
            self.replay(cx, session);
        }
    }

    fn kept_acknowledged(&self, cx: &Context<'_>, session: &Session, id: u64) {
        delete_through(cx, session.node(), id);
        // What came since is next.
        if session.takes_messages() {
            self.replay(cx, session);
        }
    }

    fn kept_returned(&self, cx: &Context<'_>, account: &BareJid) {
        if let Some(session) = cx.available(account).iter().find(|session| session.takes_messages()) {
            self.replay(cx, session);
        }
    }

    fn message_undeliverable(&self, cx: &Context<'_>, account: &BareJid, stanza: &Stanza, from: &Jid) -> bool {
        let Some(node) = account.node().filter(|_| is_lasting(&stanza.frame)) else {
            // Worth nothing later, and its loss is no news: a chat state, say.
            return true;
        };
        let record = record(account, stanza, from, cx.origin().and_then(|session| session.lang()));
        match cx.store().offline().push(node.as_str(), &record, Utc::now()) {
            Ok(_) => {}
            Err(StoreError::Limit(_)) => return false,
            Err(error) => {
                refused_by_store(&error);
                return false;
            }
        }
        // A resource that came while this was written has found nothing.
        if let Some(session) = cx.available(account).iter().find(|session| session.takes_messages()) {
            self.replay(cx, session);
        }
        true
    }
}

impl OfflineMessages {
    fn replay(&self, cx: &Context<'_>, session: &Session) {
        let _replaying = self.replaying.lock().unwrap_or_else(PoisonError::into_inner);
        // What a client has not acknowledged is another's only when it comes back.
        if cx
            .sessions(session.account())
            .iter()
            .any(|other| other.sink().has_kept())
        {
            return;
        }
        let offline = cx.store().offline();
        let stays = session.sink().is_managed();
        let messages = offline.list(session.node(), Utc::now());
        let Some(last) = messages.last().map(|message| message.id) else {
            return;
        };
        let ropes = messages
            .iter()
            .filter_map(|message| Some((delayed(cx.domain(), message)?, stays.then_some(message.id))))
            .collect();
        if session.sink().push_backlog(ropes) && !stays {
            delete_through(cx, session.node(), last);
        }
    }
}

fn delete_through(cx: &Context<'_>, account: &str, id: u64) {
    let mut batch = Batch::new();
    cx.store().offline().delete_through(&mut batch, account, id);
    if let Err(error) = cx.store().submit(batch) {
        // They will come a second time, which is better than not at all.
        refused_by_store(&error);
    }
}

/// Whether a message is worth reading later.
fn is_lasting(frame: &Frame) -> bool {
    let is_momentary = |child: Child<'_>| child.ns == HINTS && child.name == "no-store";
    has_body(frame) && !frame.children().any(is_momentary)
}

/// The stanza as it would have been delivered, self-contained.
fn record(account: &BareJid, stanza: &Stanza, from: &Jid, lang: Option<&str>) -> Bytes {
    let address = Address {
        from: Some(from.as_str()),
        to: stanza.to.is_none().then_some(account.as_str()),
        lang,
        standalone: true,
    };
    stanza.frame.deliver(&address, &[], &[]).to_bytes()
}

/// The message with the time of its coming. One that has been stored before keeps its first stamp.
fn delayed(domain: &str, message: &OfflineMessage) -> Option<Rope> {
    let frame = Frame::parse(message.stanza.clone(), &Limits::NONE).ok()?;
    if is_stamped(domain, &frame) {
        return Some(Rope::from(message.stanza.clone()));
    }
    Some(frame.deliver(&Address::default(), &[], &[stamp(domain, message.stamp)]))
}

/// Whether a child says when this server received it; none that a client wrote gets here.
fn is_stamped(domain: &str, frame: &Frame) -> bool {
    frame.children().enumerate().any(|(index, child)| {
        child.ns == ns::DELAY
            && frame
                .child_element(index)
                .is_some_and(|delay| delay.attr("from") == Some(domain))
    })
}

fn stamp(domain: &str, when: DateTime<Utc>) -> Bytes {
    let delay = element("delay", ns::DELAY)
        .with("from", domain)
        .with("stamp", when.to_rfc3339_opts(SecondsFormat::Millis, true))
        .append("Offline Storage");
    let mut writer = Writer::new();
    writer.element(&delay.build(), CLIENT);
    writer.finish()
}

#[cfg(test)]
mod tests {
    use crate::router::bench::Bench;
    use crate::stanza::ns;

    fn chat(body: &str) -> String {
        format!("<message type='chat' to='bob@@'><body>{body}</body></message>")
    }

    #[test]
    fn s14_messages_come_in_order_exactly_once_also_after_a_restart() {
        let bench = Bench::new();
        let ada = bench.online("ada/desk");
        ada.session.set_lang("de");
        for number in 0..3 {
            ada.send(&chat(&number.to_string()));
        }
        let bench = bench.restart();
        let bob = bench.connect("bob/desk");
        bob.send("<presence><priority>-1</priority></presence>");
        assert_eq!(bob.received().len(), 1, "not for a negative priority");
        bob.send("<presence/>");
        let received = bob.elements();
        let bodies: Vec<_> = received
            .iter()
            .filter_map(|e| e.get_child("body", "jabber:client"))
            .collect();
        assert_eq!(
            bodies.iter().map(|body| body.text()).collect::<Vec<_>>(),
            ["0", "1", "2"]
        );
        let delay = received[1].get_child("delay", ns::DELAY).unwrap();
        assert_eq!(delay.attr("from"), Some("mon.example"));
        let stamp = chrono::DateTime::parse_from_rfc3339(delay.attr("stamp").unwrap()).unwrap();
        assert!((chrono::Utc::now().timestamp() - stamp.timestamp()).abs() < 60);
        assert_eq!(received[1].attr("from"), Some("ada@mon.example/desk"));
        assert_eq!(
            received[1].attr_ns("http://www.w3.org/XML/1998/namespace", "lang"),
            Some("de")
        );
        bob.end();
        let again = bench.connect("bob/desk");
        again.send("<presence/>");
        assert_eq!(again.received(), ["presence <bob/desk"]);
    }

    #[test]
    fn what_was_not_written_is_kept_again_with_its_first_stamp() {
        let bench = Bench::new();
        bench.connect("ada/desk").send(&chat("hi"));
        let stored = bench.store.offline().list("bob", chrono::Utc::now()).remove(0).stamp;
        let bob = bench.connect("bob/desk");
        bob.send("<presence/>");
        bob.end();
        let again = bench.connect("bob/desk");
        again.send("<presence/>");
        let message = again.elements().pop().unwrap();
        let delays: Vec<_> = message
            .children()
            .filter(|child| child.is("delay", ns::DELAY))
            .collect();
        assert_eq!(delays.len(), 1);
        let stamp = chrono::DateTime::parse_from_rfc3339(delays[0].attr("stamp").unwrap()).unwrap();
        assert_eq!(stamp, stored);
    }

    #[test]
    fn s14_what_is_of_the_moment_is_not_kept_and_a_full_queue_refuses() {
        let bench = Bench::new();
        let ada = bench.online("ada/desk");
        for momentary in [
            "<message type='chat' to='bob@@'><composing xmlns='http://jabber.org/protocol/chatstates'/></message>",
            "<message type='chat' to='bob@@'><body>x</body><no-store xmlns='urn:xmpp:hints'/></message>",
            "<message type='headline' to='bob@@'><body>x</body></message>",
        ] {
            ada.send(momentary);
        }
        assert!(bench.store.offline().list("bob", chrono::Utc::now()).is_empty());
        for _ in 0..100 {
            ada.send(&chat("x"));
        }
        assert!(ada.received().is_empty());
        ada.send(&chat("one too many"));
        assert_eq!(ada.received(), ["message error <bob service-unavailable"]);
    }

    #[test]
    fn a_backlog_larger_than_the_queue_closes_nobody() {
        let bench = Bench::new();
        let ada = bench.online("ada/desk");
        for _ in 0..10 {
            ada.send(&chat(&"x".repeat(1000)));
        }
        let bob = bench.connect_through("bob/desk", crate::router::Sink::new(5, 2000));
        bob.send("<presence/>");
        assert_eq!(bob.session.sink().closing(), None);
        assert_eq!(bob.received().len(), 11);
    }
}
