//! Messages for those who are away (XEP-0160), stamped with when they came (XEP-0203).

use crate::router::{Context, Module, Passage, Session, Status, Xep, is_archived, refused_by_store};
use crate::stanza::ns;
use crate::store::{Batch, OfflineMessage, StoreError};
use crate::xml::{Address, Build, CLIENT, Frame, Limits, Rope, Writer, element};
use bytes::Bytes;
use chrono::{DateTime, SecondsFormat, Utc};
use jid::BareJid;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

/// Keeps messages of type chat and normal that have a body or the hint `store`, and no hint `no-store` (XEP-0334), and
/// gives them to the first resource that becomes available with a non-negative priority, in order, each once: they leave
/// the store as they enter the session's queue, and come back when the session ends before they were written; of a client
/// that counts (XEP-0198) they leave it once they are acknowledged. A resource that has read the archive first has seen
/// there what is archived: for it that stays where it is, for others that do not read archives, as long as there is room.
#[derive(Default)]
pub struct OfflineMessages {
    /// Held while a queue is emptied, so that two resources do not both get it.
    replaying: Mutex<()>,
    /// Messages refused for want of room since the start.
    refused: AtomicU64,
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
                complete("XEP-0334", "Message Processing Hints", "1.0.0"),
            ]
        }
    }

    fn server_features(&self) -> &'static [&'static str] {
        &[ns::OFFLINE, ns::DELAY]
    }

    fn account_features(&self) -> &'static [&'static str] {
        &[ns::OFFLINE]
    }

    fn presence_available(&self, cx: &Context<'_>, session: &Session, _presence: &Frame, _first: bool) {
        if session.takes_messages() {
            self.replay(cx, session);
        }
    }

    fn kept_acknowledged(&self, cx: &Context<'_>, session: &Session, ids: &[u64]) {
        let waiting = Waiting::of(cx, session);
        // Also what it has since seen in the archive as well: nobody needs to be given it again.
        let is_done = |message: &&OfflineMessage| ids.contains(&message.id);
        let all = waiting.messages.iter().map(|(message, _)| message);
        let acknowledged: Vec<_> = all.filter(is_done).collect();
        let mut seen = waiting.seen();
        seen.retain(|message| !is_done(message));
        settle(cx, session, &seen, &acknowledged);
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

    fn message_undeliverable(&self, cx: &Context<'_>, passage: &Passage<'_>) -> bool {
        if !passage.hints.is_lasting() {
            // Worth nothing later, and its loss is no news: a chat state, say.
            return true;
        }
        let record = passage.standalone().to_bytes();
        match cx.store().offline().push(passage.node(), &record, Utc::now()) {
            Ok(ticket) => cx.after(ticket),
            Err(StoreError::Limit(why)) => {
                let times = self.refused.fetch_add(1, Ordering::Relaxed) + 1;
                // Whoever floods an account must not flood the log too.
                if times.is_power_of_two() {
                    tracing::info!(account = %passage.account, times, "a message is refused: {why}");
                }
                return false;
            }
            Err(error) => {
                refused_by_store(&error);
                return false;
            }
        }
        // A resource that came while this was written has found nothing.
        let available = cx.available(passage.account);
        if let Some(session) = available.iter().find(|session| session.takes_messages()) {
            self.replay(cx, session);
        }
        true
    }
}

impl OfflineMessages {
    fn replay(&self, cx: &Context<'_>, session: &Session) {
        let _replaying = self.replaying.lock().unwrap_or_else(PoisonError::into_inner);
        // What a client has not acknowledged is another's only when it comes back.
        let mut sessions = cx.sessions(session.account()).into_iter();
        if sessions.any(|other| other.sink().has_kept()) {
            return;
        }
        let stays = session.sink().is_managed();
        let waiting = Waiting::of(cx, session);
        let queued: Vec<&OfflineMessage> = waiting.unseen().collect();
        let ropes = queued
            .iter()
            .filter_map(|message| Some((delayed(cx.domain(), message)?, stays.then_some(message.id))))
            .collect();
        if !queued.is_empty() && !session.sink().push_backlog(ropes) {
            return;
        }
        settle(cx, session, &waiting.seen(), if stays { &[] } else { &queued });
    }
}

/// What waits for an account, as one of its resources sees it.
struct Waiting {
    /// Each with whether the resource has seen it in the archive.
    messages: Vec<(OfflineMessage, bool)>,
}

impl Waiting {
    fn of(cx: &Context<'_>, session: &Session) -> Waiting {
        let messages = cx.store().offline().list(session.node(), Utc::now()).into_iter();
        let read = session.archive_read();
        let is_archived = |message: &OfflineMessage| {
            let frame = Frame::parse(message.stanza.clone(), &Limits::NONE);
            frame.is_ok_and(|frame| is_archived(session.account(), &frame))
        };
        let has_seen = |message: &OfflineMessage| message.id <= read && is_archived(message);
        Waiting {
            messages: messages
                .map(|message| {
                    let seen = has_seen(&message);
                    (message, seen)
                })
                .collect(),
        }
    }

    fn seen(&self) -> Vec<&OfflineMessage> {
        self.messages
            .iter()
            .filter(|(_, seen)| *seen)
            .map(|(message, _)| message)
            .collect()
    }

    fn unseen(&self) -> impl Iterator<Item = &OfflineMessage> {
        self.messages
            .iter()
            .filter(|(_, seen)| !seen)
            .map(|(message, _)| message)
    }
}

/// Notes what became of an account's messages: those that a resource has seen in the archive may go when room is needed,
/// those that are done with go now. Nothing else forgets a message before its time.
fn settle(cx: &Context<'_>, session: &Session, seen: &[&OfflineMessage], done: &[&OfflineMessage]) {
    let mut batch = Batch::new();
    let offline = cx.store().offline();
    offline.mark_seen(&mut batch, session.node(), seen);
    offline.delete(&mut batch, session.node(), done);
    if let Err(error) = cx.store().submit(batch) {
        // They will come a second time, which is better than not at all.
        refused_by_store(&error);
    }
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
        ada.send("<message to='bob@@'><mark xmlns='x'/><store xmlns='urn:xmpp:hints'/></message>");
        assert_eq!(bench.store.offline().list("bob", chrono::Utc::now()).len(), 1);
        for _ in 0..99 {
            ada.send(&chat("x"));
        }
        assert!(ada.received().is_empty());
        ada.send(&chat("one too many"));
        assert_eq!(ada.received(), ["message error <bob service-unavailable"]);
    }

    const QUERY: &str = "<iq type='set' id='q'><query xmlns='urn:xmpp:mam:2'/></iq>";

    #[test]
    fn who_has_read_the_archive_gets_no_replay_and_any_other_each_message_once() {
        let bench = Bench::new();
        let ada = bench.online("ada/desk");
        ada.send(&chat("one"));
        ada.send("<message to='bob@@'><body>passing</body><no-permanent-store xmlns='urn:xmpp:hints'/></message>");
        let phone = bench.connect("bob/phone");
        phone.send(QUERY);
        assert_eq!(phone.received().len(), 2, "the message and the end");
        phone.send("<presence/>");
        let received = phone.received();
        assert_eq!(received[0], "presence <bob/phone");
        assert_eq!(
            received[1..],
            ["message <ada/desk body=passing no-permanent-store delay=Offline Storage"],
            "what the archive does not have"
        );
        phone.end();
        let desk = bench.connect("bob/desk");
        desk.send("<presence/>");
        let received = desk.elements();
        assert_eq!(received.len(), 2);
        let id = received[1].get_child("stanza-id", ns::SID).unwrap().attr("id").unwrap();
        assert_eq!(bench.store.archive().find("bob", id), Some(1));
        assert!(received[1].has_child("delay", ns::DELAY));
        // What comes after it has read the archive it has not seen there.
        desk.send(QUERY);
        desk.received();
        desk.send("<presence type='unavailable'/>");
        ada.send(&chat("two"));
        desk.send("<presence/>");
        let received = desk.received();
        assert!(
            received.contains(&"message chat <ada/desk body=two delay=Offline Storage".to_owned()),
            "{received:?}"
        );
        desk.end();
        let again = bench.connect("bob/desk");
        again.send("<presence/>");
        assert_eq!(again.received(), ["presence <bob/desk"]);
    }

    #[test]
    fn s14_who_reads_archives_only_never_fills_the_queue_for_good() {
        let bench = Bench::new();
        let ada = bench.online("ada/desk");
        for round in 0..3 {
            for _ in 0..80 {
                ada.send(&chat("x"));
            }
            assert!(ada.received().is_empty(), "round {round}");
            let phone = bench.connect("bob/phone");
            phone.send(QUERY);
            phone.send("<presence/>");
            phone.end();
        }
        assert_eq!(bench.store.offline().list("bob", chrono::Utc::now()).len(), 100);
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

    #[test]
    fn what_was_kept_while_a_backlog_was_not_read_follows_it_and_leaves_the_store() {
        let bench = Bench::new();
        let (ada, bob) = (bench.online("ada/desk"), bench.connect("bob/desk"));
        for body in ["one", "two"] {
            bob.send("<presence type='unavailable'/>");
            ada.send(&chat(body));
            bob.send("<presence/>");
        }
        assert!(bench.store.offline().list("bob", chrono::Utc::now()).is_empty());
        let received = bob.received().join("\n");
        let at = |body: &str| received.find(&format!("body={body}"));
        assert!(at("one").is_some() && at("one") < at("two"), "{received}");
    }
}
