//! What a client that nobody looks at need not be sent at once (XEP-0352): presence, of which the latest counts; chat
//! states; personal events that are no alerts. Whatever else comes takes what was held back along, so that the order
//! between sender and recipient stays.

use super::entry::{Entry, Origin};
use crate::stanza::ns;
use crate::xml::{CLIENT, Child, Element, Frame, Limits, Rope};

/// XEP-0085: Chat State Notifications.
const CHAT_STATES: &str = "http://jabber.org/protocol/chatstates";

/// What an element is the latest of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Subject {
    kind: Kind,
    from: String,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Kind {
    Presence,
    ChatState,
    /// Of the item with this id, at this node.
    Event {
        node: String,
        id: String,
    },
}

/// What is held back, the latest of each subject, in the order in which they came.
#[derive(Debug, Default)]
pub(super) struct Inactive {
    held: Vec<(Subject, Entry)>,
    bytes: usize,
}

impl Inactive {
    /// Holds an element back in the place of the one before it.
    pub fn hold(&mut self, subject: Subject, entry: Entry) {
        if let Some(at) = self.held.iter().position(|(held, _)| *held == subject) {
            let (_, before) = self.held.remove(at);
            self.bytes -= before.rope.len();
        }
        self.bytes += entry.rope.len();
        self.held.push((subject, entry));
    }

    pub fn len(&self) -> usize {
        self.held.len()
    }

    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// All that was held back, in order.
    pub fn take(&mut self) -> impl Iterator<Item = Entry> + use<> {
        self.bytes = 0;
        std::mem::take(&mut self.held).into_iter().map(|(_, entry)| entry)
    }
}

impl Subject {
    /// What an element is the latest of; `None` for what is not to be held back.
    pub fn of(rope: &Rope) -> Option<Subject> {
        let frame = Frame::parse(rope.to_bytes(), &Limits::NONE).ok()?;
        let kind = match frame.name() {
            "presence" => presence(&frame),
            "message" => message(&frame),
            _ => None,
        }?;
        let from = frame.attr("from")?.into_owned();
        Some(Subject { kind, from })
    }
}

/// Subscriptions and errors are somebody's business now.
fn presence(frame: &Frame) -> Option<Kind> {
    matches!(frame.attr("type").as_deref(), None | Some("unavailable")).then_some(Kind::Presence)
}

/// A message with one payload, which is of the moment. One with a body says something to a person.
fn message(frame: &Frame) -> Option<Kind> {
    let mut payloads = frame.children().enumerate().filter(|(_, child)| !is_note(child));
    let ((index, child), None) = (payloads.next()?, payloads.next()) else {
        return None;
    };
    match child.ns {
        CHAT_STATES => Some(Kind::ChatState),
        ns::PUBSUB_EVENT => event(&frame.child_element(index)?, frame.attr("from")?.contains('@')),
        _ => None,
    }
}

/// What stands beside the payload and says nothing by itself.
fn is_note(child: &Child<'_>) -> bool {
    match child.ns {
        CLIENT => child.name == "thread",
        "urn:xmpp:hints" | "http://jabber.org/protocol/address" | ns::SID => true,
        _ => false,
    }
}

/// Events of the account's contacts (XEP-0163) may wait; a service's, and alerts, may not. One that tells of no item, or of
/// several, is the latest of none: a bookmark's retraction says nothing of the next one.
fn event(event: &Element, is_personal: bool) -> Option<Kind> {
    let items = event.get_child("items", ns::PUBSUB_EVENT)?;
    let node = items.attr("node")?;
    let payloads = items.children().flat_map(Element::children);
    let is_alert = node == ns::CODEBITS || payloads.into_iter().any(|payload| payload.ns() == ns::CODEBITS);
    let mut told = items.children();
    let (Some(item), None) = (told.next(), told.next()) else {
        return None;
    };
    let id = item.attr("id").filter(|_| item.is("item", ns::PUBSUB_EVENT))?;
    (is_personal && !is_alert).then(|| Kind::Event {
        node: node.to_owned(),
        id: id.to_owned(),
    })
}

/// Whether an entry may wait at all: what the store or the disk has to do with may not.
pub(super) fn may_wait(entry: &Entry) -> bool {
    entry.after.is_none() && !matches!(entry.origin, Origin::Kept(_))
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;

    fn subject(xml: &str) -> Option<Subject> {
        Subject::of(&Rope::from(Bytes::copy_from_slice(xml.as_bytes())))
    }

    fn event(from: &str, node: &str, payload: &str) -> String {
        format!(
            "<message from='{from}' type='headline'><event xmlns='http://jabber.org/protocol/pubsub#event'>\
             <items node='{node}'><item id='1'><{payload}/></item></items></event></message>"
        )
    }

    #[test]
    fn presence_chat_states_and_personal_events_may_wait_and_nothing_else_may() {
        for waits in [
            "<presence from='a@x/y'/>",
            "<presence from='a@x/y' type='unavailable'><status>bye</status></presence>",
            "<message from='a@x/y' type='chat'><thread>1</thread><composing xmlns='http://jabber.org/protocol/chatstates'/>\
             <no-store xmlns='urn:xmpp:hints'/></message>",
            &event(
                "a@x",
                "urn:xmpp:avatar:metadata",
                "metadata xmlns='urn:xmpp:avatar:metadata'",
            ),
        ] {
            assert!(subject(waits).is_some(), "{waits}");
        }
        for important in [
            "<presence from='a@x' type='subscribe'/>",
            "<presence from='a@x' type='error'/>",
            "<message from='a@x/y' type='chat'><body>hi</body><active xmlns='http://jabber.org/protocol/chatstates'/></message>",
            "<message from='a@x/y' type='headline'><body>disk full</body></message>",
            "<message from='a@x/y'><received xmlns='urn:xmpp:receipts' id='1'/></message>",
            "<iq from='a@x/y' type='result' id='1'/>",
            &event("a@x", "codebits", "limit-exceeded xmlns='codebits'"),
            &event("a@x", "other", "limit-exceeded xmlns='codebits'"),
            &event("pubsub.x", "hosts/web1/events", "event xmlns='urn:x'"),
            "no XML",
        ] {
            assert_eq!(subject(important), None, "{important}");
        }
    }

    #[test]
    fn an_event_takes_the_place_of_another_about_the_same_item_alone() {
        let told = |items: &str| {
            subject(&format!(
                "<message from='a@x'><event xmlns='http://jabber.org/protocol/pubsub#event'>{items}</event></message>"
            ))
        };
        let item = |node: &str, id: &str, payload: &str| {
            told(&format!(
                "<items node='{node}'><item id='{id}'><conference xmlns='urn:xmpp:bookmarks:1' name='{payload}'/></item></items>"
            ))
        };
        let bookmark = item("urn:xmpp:bookmarks:1", "one@rooms", "old");
        assert!(bookmark.is_some());
        assert_eq!(bookmark, item("urn:xmpp:bookmarks:1", "one@rooms", "new"));
        assert_ne!(bookmark, item("urn:xmpp:bookmarks:1", "two@rooms", "old"));
        assert_ne!(bookmark, item("other", "one@rooms", "old"));
        for whole in [
            "<items node='urn:xmpp:bookmarks:1'><item id='one@rooms'/><item id='two@rooms'/></items>",
            "<items node='urn:xmpp:bookmarks:1'><retract id='one@rooms'/></items>",
            "<items node='urn:xmpp:bookmarks:1'><item/></items>",
            "<purge node='urn:xmpp:bookmarks:1'/>",
        ] {
            assert_eq!(told(whole), None, "{whole}");
        }
    }

    #[test]
    fn the_latest_of_a_subject_takes_the_place_of_those_before() {
        let mut inactive = Inactive::default();
        let texts = [
            "<presence from='a@x/1'/>",
            "<presence from='b@x/1'/>",
            "<presence from='a@x/1'><show>dnd</show></presence>",
            "<presence from='a@x/2'/>",
        ];
        for text in texts {
            let rope = Rope::from(Bytes::from_static(text.as_bytes()));
            inactive.hold(subject(text).unwrap(), Entry::new(rope, None, Origin::Alone));
        }
        assert_eq!(inactive.len(), 3);
        assert_eq!(
            inactive.bytes(),
            [1, 2, 3].map(|at: usize| texts[at].len()).iter().sum::<usize>()
        );
        let held: Vec<_> = inactive.take().map(|entry| entry.rope.to_bytes()).collect();
        assert_eq!(held, texts[1..]);
        assert_eq!((inactive.len(), inactive.bytes()), (0, 0));
    }
}
