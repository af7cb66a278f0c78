//! Where a message goes: RFC 6121 section 8.5.4 as a table.

use super::sender::{Sender, Target};
use super::sessions::Resources;
use super::{Shared, blocking, iq, rates};
use crate::stanza::{Condition, Role, Stanza, StanzaError};
use crate::xml::{CLIENT, Frame, Rope};
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
    if let Err(error) = check(shared, sender, stanza, to) {
        return sender.refuse(stanza, &error);
    }
    let target = Target::of(shared, to);
    if is_taken(shared, sender, stanza, target) {
        return;
    }
    let outcome = match target {
        Target::Abroad => Err(Condition::RemoteServerNotFound),
        Target::Server | Target::Service(_) => Err(Condition::ServiceUnavailable),
        _ if !may_talk(shared, sender, to) => Err(Condition::Forbidden),
        Target::Account(node) => local(shared, sender, stanza, to, (node, None)),
        Target::Resource(node, resource) => local(shared, sender, stanza, to, (node, Some(resource))),
    };
    if let Err(condition) = outcome {
        sender.refuse(stanza, &condition.into());
    }
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
        several => {
            let taken = several.iter().filter(|session| session.sink().push_copy(rope.clone()));
            taken.count() > 0
        }
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

/// Routes a message to an account's bare JID, whatever it was addressed to.
///
/// # Errors
/// Nobody takes it.
pub(super) fn to_account(
    shared: &Shared,
    sender: &Sender<'_>,
    stanza: &Stanza,
    account: &BareJid,
) -> Result<(), Condition> {
    let node = account.node().map_or("", |node| node.as_str());
    local(shared, sender, stanza, account, (node, None))
}

/// Whether a message says something to a person (RFC 6121 section 5.2.3).
pub fn has_body(frame: &Frame) -> bool {
    frame.children().any(|child| child.name == "body" && child.ns == CLIENT)
}

#[cfg(test)]
mod tests {
    use crate::router::bench::{Bench, Client};
    use crate::router::{Closing, Sink};

    const TYPES: [&str; 5] = ["normal", "chat", "groupchat", "headline", "error"];

    fn message(kind: &str, to: &str) -> String {
        format!("<message type='{kind}' to='{to}'><body>hi</body></message>")
    }

    /// Sends each type to an address; a letter each: those of RFC 6121 section 8.5.4, `D` with the number of those who
    /// received it, and `O` or `S` for silence.
    fn letters(sender: &Client, to: &str, recipients: &[&Client]) -> String {
        let letter = |kind: &&str| {
            sender.send(&message(kind, to));
            let taken = recipients.iter().filter(|client| !client.received().is_empty()).count();
            match (sender.received().as_slice(), taken) {
                ([], 0) => "S".to_owned(),
                ([], taken) => format!("D{taken}"),
                ([error], 0) => {
                    assert!(error.ends_with("service-unavailable"), "{error}");
                    "E".to_owned()
                }
                more => panic!("{more:?}"),
            }
        };
        TYPES.iter().map(letter).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn s11_messages_follow_the_table() {
        let bench = Bench::new();
        let ada = bench.online("ada/desk");
        // normal chat groupchat headline error. Silence for the first two is offline storage where the account exists.
        assert_eq!(letters(&ada, "nobody@@", &[]), "S S E S S");
        assert_eq!(letters(&ada, "nobody@@/desk", &[]), "S S E S S");
        assert_eq!(letters(&ada, "bob@@", &[]), "S S E S S");
        assert_eq!(letters(&ada, "bob@@/desk", &[]), "S S E S S");
        assert_eq!(bench.store.offline().list("bob", chrono::Utc::now()).len(), 4);

        let low = bench.connect("bob/low");
        low.send("<presence><priority>-1</priority></presence>");
        low.received();
        assert_eq!(letters(&ada, "bob@@", &[&low]), "S S E S S");
        assert_eq!(
            letters(&ada, "bob@@/low", &[&low]),
            "D1 D1 E D1 D1",
            "a stranger's groupchat"
        );
        assert_eq!(letters(&ada, "bob@@/gone", &[&low]), "S S E S S");

        let desk = bench.connect("bob/desk");
        desk.send("<presence/>");
        let _ = (desk.received(), low.received());
        assert_eq!(letters(&ada, "bob@@", &[&low, &desk]), "D1 D1 E D1 S");
        assert_eq!(letters(&ada, "bob@@/gone", &[&low, &desk]), "D1 D1 E S S");

        let phone = bench.connect("bob/phone");
        phone.send("<presence><priority>5</priority></presence>");
        let _ = (phone.received(), desk.received(), low.received());
        let all = [&low, &desk, &phone];
        assert_eq!(letters(&ada, "bob@@", &all), "D1 D1 E D2 S");
        desk.send("<presence><priority>5</priority></presence>");
        let _ = (phone.received(), desk.received(), low.received());
        assert_eq!(letters(&ada, "bob@@", &all), "D2 D2 E D2 S");
        bench.befriend("ada", "bob");
        let _ = (phone.received(), desk.received(), low.received(), ada.received());
        assert_eq!(letters(&ada, "bob@@/low", &all), "D1 D1 D1 D1 D1");
    }

    #[test]
    fn a_collector_talks_to_people_and_to_no_other_collector() {
        let bench = Bench::new();
        let (web, db) = (bench.collector("web"), bench.collector("db"));
        let ada = bench.online("ada/desk");
        for kind in ["normal", "chat", "groupchat", "headline"] {
            for to in ["db@@", "db@@/watchpost", "db@@/gone"] {
                web.send(&message(kind, to));
                let received = web.received();
                assert!(
                    matches!(received.as_slice(), [error] if error.ends_with("forbidden")),
                    "{kind} {to}: {received:?}"
                );
            }
        }
        web.send(&message("error", "db@@/watchpost"));
        assert!(web.received().is_empty() && db.received().is_empty());
        db.end();
        assert!(bench.store.offline().list("db", chrono::Utc::now()).is_empty());
        web.send(&message("chat", "ada@@"));
        assert_eq!(ada.received(), ["message chat <web/watchpost body=hi"]);
        ada.send(&message("chat", "web@@"));
        assert_eq!(web.received(), ["message chat <ada/desk body=hi"]);
    }

    #[test]
    fn a_message_keeps_what_its_sender_wrote() {
        let bench = Bench::new();
        let (ada, bob) = (bench.online("ada/desk"), bench.online("bob/desk"));
        ada.session.set_lang("de");
        ada.send("<message to='Bob@@' id='7' x='&lt;'><own xmlns='urn:x'><a b='c'/></own></message>");
        let received = bob.elements();
        assert_eq!(received[0].attr("to"), Some("Bob@mon.example"));
        assert_eq!(received[0].attr("x"), Some("<"));
        assert_eq!(received[0].attr("id"), Some("7"));
        assert_eq!(
            received[0].attr_ns("http://www.w3.org/XML/1998/namespace", "lang"),
            Some("de")
        );
        assert!(received[0].get_child("own", "urn:x").unwrap().has_child("a", "urn:x"));
        // Without an address it is the sender's own account's (RFC 6120 section 10.3.1).
        ada.send("<message><body>note</body></message>");
        assert_eq!(ada.elements()[0].attr("to"), Some("ada@mon.example"));
    }

    #[test]
    fn s13_another_domain_is_not_found_once() {
        let bench = Bench::new();
        let ada = bench.online("ada/desk");
        for to in ["x@other.example", "other.example", "x@pubsub.other.example/y"] {
            ada.send(&message("chat", to));
            ada.send(&format!("<iq type='get' id='1' to='{to}'><query xmlns='x'/></iq>"));
            ada.send(&format!("<presence to='{to}'/>"));
            ada.send(&format!("<presence type='subscribe' to='{to}'/>"));
            let errors = ada.received();
            assert_eq!(errors.len(), 4, "{errors:?}");
            assert!(errors.iter().all(|error| error.ends_with("remote-server-not-found")));
            ada.send(&message("error", to));
            ada.send(&format!("<iq type='result' id='1' to='{to}'/>"));
            ada.send(&format!("<presence type='error' to='{to}'/>"));
            assert!(ada.received().is_empty());
        }
    }

    #[test]
    fn what_an_ended_session_was_not_sent_finds_another_way() {
        let bench = Bench::new();
        let ada = bench.online("ada/desk");
        let (desk, phone) = (bench.online("bob/desk"), bench.online("bob/phone"));
        desk.received();
        ada.send(&message("chat", "bob@@"));
        ada.send("<message type='chat' to='bob@@/desk'><body>you</body></message>");
        ada.send("<message type='headline' to='bob@@/desk'><body>news</body></message>");
        desk.end();
        // The first was given to both; of the others the chat message alone is worth a second way.
        assert_eq!(
            phone.received(),
            [
                "message chat <ada/desk body=hi",
                "presence unavailable <bob/desk",
                "message chat <ada/desk body=you",
            ]
        );
        ada.send(&message("chat", "bob@@"));
        phone.end();
        let again = bench.connect("bob/desk");
        again.send("<presence/>");
        let received = again.received();
        assert_eq!(received[0], "presence <bob/desk");
        assert_eq!(received[1..], ["message chat <ada/desk body=hi delay=Offline Storage"]);
        assert!(ada.received().is_empty());
    }

    #[test]
    fn a_client_that_does_not_read_is_closed_and_loses_no_message() {
        let bench = Bench::new();
        let ada = bench.online("ada/desk");
        let bob = bench.connect_through("bob/desk", Sink::new(3, 10_000));
        bob.send("<presence/>");
        for _ in 0..5 {
            ada.send(&message("chat", "bob@@"));
        }
        assert_eq!(bob.session.sink().closing(), Some(Closing::ResourceConstraint));
        bob.end();
        assert_eq!(bench.store.offline().list("bob", chrono::Utc::now()).len(), 5);
        assert!(ada.received().is_empty(), "senders notice nothing");
    }
}
