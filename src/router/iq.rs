//! What happens to an iq: RFC 6120 section 8.2.3 and RFC 6121 section 8.5.

use super::sender::{Sender, Target};
use super::shared::rope;
use super::{Addressee, Context, Iq, Session, Shared, queries};
use crate::stanza::{Condition, IqType, Role, Stanza, StanzaError, error_reply, iq_result, ns};
use crate::xml::{Address, Element};
use jid::BareJid;
use std::sync::Arc;

/// The outcome of a request: the payload of its result.
type Answer = Result<Option<Element>, StanzaError>;

/// Routes an iq from a session.
pub(super) fn route(shared: &Shared, session: &Arc<Session>, stanza: &Stanza) {
    match stanza.iq_type() {
        Some(IqType::Get) => request(shared, session, stanza, false),
        Some(IqType::Set) => request(shared, session, stanza, true),
        Some(IqType::Result | IqType::Error) => response(shared, session, stanza),
        None => refuse(session, stanza, &Condition::BadRequest.into()),
    }
}

/// Forwards an iq of the server's own making to the session that it addresses.
pub(super) fn forward_own(shared: &Shared, sender: &Sender<'_>, stanza: &Stanza) {
    if let Some(session) = stanza.to.as_ref().and_then(|to| shared.session(to)) {
        forward(sender, stanza, &session);
    }
}

/// Every request ends in exactly one of: an answer here, an error here, the queue of the resource it addresses.
fn request(shared: &Shared, session: &Arc<Session>, stanza: &Stanza, set: bool) {
    let sender = Sender::session(session);
    if stanza.frame.attr("id").is_none() || stanza.frame.children().count() != 1 {
        return refuse(session, stanza, &Condition::BadRequest.into());
    }
    if set && !may_command(session, stanza) {
        return refuse(session, stanza, &Condition::Forbidden.into());
    }
    // What the handler holds on to (Context::watch_roster) it holds until its answer is queued.
    let cx = shared.context(Some(session));
    let to = sender.recipient(stanza);
    let answer = match Target::of(shared.domain(), to) {
        Target::Abroad => Err(Condition::RemoteServerNotFound.into()),
        // Roster pushes come from the server alone (CVE-2015-8688 and others: clients that did not check).
        Target::Resource(..) if stanza.frame.children().any(|child| child.ns == ns::ROSTER) => {
            Err(Condition::ServiceUnavailable.into())
        }
        Target::Resource(node, resource) => {
            let found = shared.sessions.find(node, resource);
            match found.filter(|found| may_reach(shared, session, found)) {
                Some(found) if forward(&sender, stanza, &found) => return,
                _ => Err(Condition::ServiceUnavailable.into()),
            }
        }
        Target::Server => handle(shared, &cx, stanza, set, None),
        Target::Account(_) => match hosted_service(shared, session, stanza) {
            Some(service) if forward(&sender, stanza, &service) => return,
            Some(_) => Err(Condition::ServiceUnavailable.into()),
            None => handle(shared, &cx, stanza, set, Some(&to.to_bare())),
        },
    };
    reply(&cx, session, stanza, answer);
}

/// What a hosted service answers at its bare JID: what it is, has and can do. Its roster and its nodes are the server's.
const HOSTED: [&str; 8] = [
    ns::DISCO_INFO,
    ns::DISCO_ITEMS,
    ns::COMMANDS,
    ns::STATS,
    ns::LAST,
    ns::VERSION,
    ns::TIME,
    ns::VCARD,
];

/// The hosted service that a request at a bare JID is for; its own requests are the server's.
fn hosted_service(shared: &Shared, from: &Session, stanza: &Stanza) -> Option<Arc<Session>> {
    let account = stanza.to.as_ref()?.to_bare();
    let is_for_it = stanza.frame.children().any(|child| HOSTED.contains(&child.ns));
    if !is_for_it || account == *from.account() {
        return None;
    }
    let sessions = shared.sessions_of(&account);
    sessions.iter().find(|session| session.answers_for_account()).cloned()
}

/// Offers the request to the module that has registered for it.
fn handle(shared: &Shared, cx: &Context<'_>, stanza: &Stanza, set: bool, account: Option<&BareJid>) -> Answer {
    let own = cx.origin().map(|session| session.account());
    let addressees: &[Addressee] = match account {
        None => &[Addressee::Server],
        Some(_) if account == own => &[Addressee::OwnAccount, Addressee::Account],
        Some(_) => &[Addressee::Account],
    };
    let Some(child) = stanza.frame.children().next() else {
        return Err(Condition::BadRequest.into());
    };
    let module = addressees
        .iter()
        .find_map(|addressee| shared.route_of(&(*addressee, set, child.ns, child.name)));
    let (Some(module), Some(payload)) = (module, stanza.frame.child_element(0)) else {
        return Err(Condition::ServiceUnavailable.into());
    };
    let iq = Iq {
        stanza,
        set,
        account,
        payload: &payload,
    };
    module.handle_iq(cx, &iq)
}

fn reply(cx: &Context<'_>, session: &Session, stanza: &Stanza, answer: Answer) {
    match answer {
        Ok(payload) => {
            let result = iq_result(stanza, session.jid().as_str(), payload);
            session.sink().push(rope(&result), cx.ticket());
        }
        Err(error) => refuse(session, stanza, &error),
    }
}

fn refuse(session: &Session, stanza: &Stanza, error: &StanzaError) {
    Shared::send(session, &error_reply(stanza, session.jid().as_str(), error));
}

/// A result or an error: to the resource that asked, or to the server, if it did. Never answered.
fn response(shared: &Shared, session: &Arc<Session>, stanza: &Stanza) {
    let sender = Sender::session(session);
    match Target::of(shared.domain(), sender.recipient(stanza)) {
        Target::Server => queries::answer(shared, session, stanza),
        Target::Resource(node, resource) => {
            if let Some(found) = shared.sessions.find(node, resource) {
                let address = answer_address(&sender, session, stanza);
                found.sink().push(stanza.frame.deliver(&address, &[], &[]), None);
            }
        }
        Target::Account(_) | Target::Abroad => {}
    }
}

/// A hosted service answers as whoever was asked: as itself, or as its account (RFC 6120 section 8.1.2.1 lets `from` be
/// the bare JID). Clients compare.
fn answer_address<'a>(sender: &Sender<'a>, session: &'a Session, stanza: &Stanza) -> Address<'a> {
    let account = session.account().as_str();
    let as_account = session.answers_for_account() && stanza.frame.attr("from").as_deref() == Some(account);
    match as_account {
        true => Address {
            from: Some(account),
            ..sender.address()
        },
        false => sender.address(),
    }
}

fn forward(sender: &Sender<'_>, stanza: &Stanza, to: &Session) -> bool {
    to.sink().push(stanza.frame.deliver(&sender.address(), &[], &[]), None)
}

/// Whether a request may reach a resource: its user shares presence with the sender (RFC 6121 section 8.5.3.1), so
/// that an answer tells nothing new. A collector hides from nobody, and may ask its watchers.
fn may_reach(shared: &Shared, from: &Session, to: &Session) -> bool {
    from.role() == Role::Collector
        || to.role() == Role::Collector
        || shared.may_see(from.account(), to.account())
        || to.has_directed(from.jid())
}

/// Collectors command nothing, whoever is addressed (XEP-0050). What a viewer or more may run the commanded decides.
fn may_command(from: &Session, stanza: &Stanza) -> bool {
    let is_command = stanza.frame.children().any(|child| child.ns == ns::COMMANDS);
    from.role() >= Role::Viewer || !is_command
}

#[cfg(test)]
mod tests {
    use crate::router::bench::{Bench, DOMAIN};
    use crate::router::{Addressee, Context, Iq, IqRoute, Module};
    use crate::stanza::StanzaError;
    use crate::xml::{Element, element};
    use jid::FullJid;
    use std::sync::{Arc, Mutex};
    use std::time::{Duration, Instant};

    /// Asks each session that becomes available, answers `own` and `any`, and notes what it hears.
    #[derive(Default)]
    struct Curious {
        heard: Arc<Mutex<Vec<String>>>,
    }

    const fn route(addressee: Addressee, name: &'static str) -> IqRoute {
        IqRoute {
            get: true,
            set: false,
            addressee,
            ns: "urn:x",
            name,
        }
    }

    impl Module for Curious {
        fn iq_routes(&self) -> &'static [IqRoute] {
            const {
                &[
                    route(Addressee::Server, "any"),
                    route(Addressee::Account, "any"),
                    route(Addressee::OwnAccount, "own"),
                ]
            }
        }

        fn handle_iq(&self, _cx: &Context<'_>, iq: &Iq<'_>) -> Result<Option<Element>, StanzaError> {
            let account = iq.account.map_or("server", |account| account.as_str());
            Ok(Some(element("seen", "urn:x").append(account).build()))
        }

        fn handle_response(&self, _cx: &Context<'_>, from: &FullJid, _id: &str, payload: Option<&Element>) {
            let payload = payload.map_or("nothing", Element::name);
            self.heard
                .lock()
                .unwrap()
                .push(format!("{}: {payload}", from.resource()));
        }

        fn presence_available(
            &self,
            cx: &Context<'_>,
            session: &crate::router::Session,
            _presence: &crate::xml::Frame,
            first: bool,
        ) {
            if first {
                let payload = || element("query", "urn:x").build();
                cx.request(self, session, payload()).unwrap();
                assert!(cx.request(self, session, payload()).is_err(), "one question at a time");
            }
        }
    }

    fn curious() -> (Bench, Arc<Mutex<Vec<String>>>) {
        let module = Curious::default();
        let heard = Arc::clone(&module.heard);
        (Bench::with(vec![Box::new(module)]), heard)
    }

    #[test]
    fn a_request_finds_the_module_that_registered_for_it() {
        let (bench, _) = curious();
        let ada = bench.connect("ada/desk");
        for (to, name, answer) in [
            ("", "own", "iq result seen=ada@mon.example"),
            ("to='ada@@'", "own", "iq result <ada seen=ada@mon.example"),
            ("to='ada@@'", "any", "iq result <ada seen=ada@mon.example"),
            ("to='bob@@'", "any", "iq result <bob seen=bob@mon.example"),
            ("to='mon.example'", "any", "iq result <mon.example seen=server"),
            ("to='bob@@'", "own", "iq error <bob service-unavailable"),
            ("to='mon.example'", "own", "iq error <mon.example service-unavailable"),
            ("", "other", "iq error service-unavailable"),
        ] {
            ada.send(&format!("<iq type='get' id='1' {to}><{name} xmlns='urn:x'/></iq>"));
            assert_eq!(ada.received(), [answer], "{to} {name}");
        }
        ada.send("<iq type='set' id='1'><own xmlns='urn:x'/></iq>");
        assert_eq!(ada.received(), ["iq error service-unavailable"]);
    }

    #[test]
    fn s10_each_shape_has_exactly_the_answers_it_must() {
        let (bench, _) = curious();
        let ada = bench.connect("ada/desk");
        for bad in [
            "<iq type='get'><own xmlns='urn:x'/></iq>",
            "<iq id='1'><own xmlns='urn:x'/></iq>",
            "<iq id='1' type='other'><own xmlns='urn:x'/></iq>",
            "<iq id='1' type='get'/>",
            "<iq id='1' type='set' to='mon.example'/>",
            "<iq id='1' type='get'><own xmlns='urn:x'/><own xmlns='urn:x'/></iq>",
            "<iq id='1' type='get' to='bob@@/desk'/>",
        ] {
            ada.send(bad);
            let received = ada.received();
            assert!(
                matches!(received.as_slice(), [error] if error.ends_with("bad-request")),
                "{bad}: {received:?}"
            );
        }
        for to in [
            "",
            "to='mon.example'",
            "to='ada@@'",
            "to='bob@@'",
            "to='bob@@/gone'",
            "to='x@other.example'",
        ] {
            for kind in ["result", "error"] {
                ada.send(&format!("<iq id='1' type='{kind}' {to}><own xmlns='urn:x'/></iq>"));
                ada.send(&format!("<iq type='{kind}' {to}/>"));
                assert!(ada.received().is_empty(), "{kind} {to}");
            }
        }
    }

    #[test]
    fn a11_a_stranger_learns_nothing_of_an_account_or_its_resources() {
        let bench = Bench::new();
        let eve = bench.online("eve/desk");
        let bob = bench.online("bob/desk");
        let answers = |name: &str| {
            for to in [format!("{name}@@"), format!("{name}@@/desk"), format!("{name}@@/gone")] {
                eve.send(&format!("<iq type='get' id='1' to='{to}'><query xmlns='urn:x'/></iq>"));
                eve.send(&format!(
                    "<iq type='set' id='2' to='{to}'><query xmlns='jabber:iq:roster'/></iq>"
                ));
                eve.send(&format!("<presence to='{to}' type='probe'/>"));
                eve.send(&format!("<presence to='{to}' type='unsubscribe'/>"));
                eve.send(&format!("<message to='{name}@@' type='groupchat'/>"));
            }
            eve.send(&format!("<message to='{name}@@' type='chat'><body>hi</body></message>"));
            eve.received()
                .into_iter()
                .map(|line| line.replace(name, "NAME"))
                .collect::<Vec<_>>()
        };
        let absent = answers("nobody");
        assert!(!absent.is_empty());
        assert_eq!(answers("bob"), absent, "connected");
        assert_eq!(bob.received(), ["message chat <eve/desk body=hi"]);
        bob.end();
        assert_eq!(answers("bob"), absent, "away");
    }

    #[test]
    fn requests_reach_a_resource_that_shares_its_presence() {
        let bench = Bench::new();
        let (ada, bob) = (bench.online("ada/desk"), bench.online("bob/desk"));
        let ask = "<iq type='get' id='1' to='bob@@/desk'><query xmlns='urn:x'/></iq>";
        ada.send(ask);
        assert_eq!(ada.received(), ["iq error <bob/desk service-unavailable"]);
        bob.send("<presence to='ada@@'/>");
        ada.send(ask);
        assert_eq!(bob.received(), ["iq get <ada/desk query"]);
        bob.send("<iq type='result' id='1' to='ada@@/desk'/>");
        assert_eq!(ada.received(), ["presence <bob/desk", "iq result <bob/desk"]);
        bob.send("<presence type='unavailable' to='ada@@'/>");
        ada.send(ask);
        assert!(bob.received().is_empty());
        bench.befriend("ada", "bob");
        let _ = (ada.received(), bob.received());
        ada.send(ask);
        assert_eq!(bob.received(), ["iq get <ada/desk query"]);
        ada.send("<iq type='get' id='1' to='bob@@/gone'><query xmlns='urn:x'/></iq>");
        assert_eq!(ada.received(), ["iq error <bob/gone service-unavailable"]);
    }

    #[test]
    fn a_hosted_service_answers_as_whom_it_was_asked() {
        let bench = Bench::new();
        let (ada, bob) = (bench.online("ada/desk"), bench.online("bob/desk"));
        let query = "<query xmlns='http://jabber.org/protocol/disco#info'/>";
        let answers = |from: &str| {
            bob.send(&format!("<iq type='result' id='1' to='ada@@/desk'{from}>{query}</iq>"));
            ada.received()
        };
        assert_eq!(
            answers(" from='bob@@'"),
            ["iq result <bob/desk query"],
            "others are stamped"
        );
        bob.session.answer_for_account();
        ada.send(&format!("<iq type='get' id='1' to='bob@@'>{query}</iq>"));
        assert_eq!(bob.received(), ["iq get <ada/desk query"]);
        assert_eq!(answers(" from='bob@@'"), ["iq result <bob query"]);
        assert_eq!(answers(" from='bob@@/desk'"), ["iq result <bob/desk query"]);
        assert_eq!(answers(""), ["iq result <bob/desk query"]);
    }

    #[test]
    fn a_collector_commands_nobody_and_still_answers_its_watchers() {
        let bench = Bench::new();
        let (web, db) = (bench.collector("web"), bench.collector("db"));
        let ada = bench.online("ada/desk");
        db.session.answer_for_account();
        let command = "<command xmlns='http://jabber.org/protocol/commands' node='reboot'/>";
        for to in [
            "db@@",
            "db@@/watchpost",
            "db@@/gone",
            "ada@@/desk",
            "mon.example",
            "nobody@@",
        ] {
            web.send(&format!("<iq type='set' id='1' to='{to}'>{command}</iq>"));
            let received = web.received();
            assert!(received[0].ends_with("forbidden"), "{to}: {received:?}");
            assert_eq!(received.len(), 1, "{to}");
        }
        assert!(db.received().is_empty() && ada.received().is_empty());
        for to in ["db@@", "db@@/watchpost"] {
            ada.send(&format!("<iq type='set' id='1' to='{to}'>{command}</iq>"));
            assert_eq!(db.received(), ["iq set <ada/desk command"], "{to}");
        }
        db.send(&format!("<iq type='result' id='1' to='ada@@/desk'>{command}</iq>"));
        assert_eq!(ada.received(), ["iq result <db/watchpost command"]);
        web.send("<iq type='get' id='1'><query xmlns='jabber:iq:roster'/></iq>");
        assert!(web.received()[0].starts_with("iq result"));
    }

    #[test]
    fn s02_a_roster_push_of_a_client_reaches_nobody() {
        let bench = Bench::new();
        bench.befriend("ada", "bob");
        let (ada, bob) = (bench.online("ada/desk"), bench.online("bob/desk"));
        ada.received();
        for to in ["bob@@", "bob@@/desk"] {
            ada.send(&format!(
                "<iq type='set' id='1' to='{to}'><query xmlns='jabber:iq:roster'><item jid='eve@@'/></query></iq>"
            ));
            assert!(ada.received()[0].ends_with("service-unavailable"));
        }
        assert!(bob.received().is_empty());
    }

    #[test]
    fn s04_an_answer_counts_only_from_the_session_that_was_asked() {
        let (bench, heard) = curious();
        let (ada, eve) = (bench.connect("ada/desk"), bench.connect("eve/x"));
        ada.send("<presence/>");
        let question = ada.elements().pop().unwrap();
        assert_eq!(question.attr("from"), Some(DOMAIN));
        let id = question.attr("id").unwrap();
        let answer = |id: &str| format!("<iq type='result' to='mon.example' id='{id}'><answer xmlns='urn:x'/></iq>");
        eve.send(&answer(id));
        ada.send(&answer("guess"));
        assert!(heard.lock().unwrap().is_empty());
        ada.send(&answer(id));
        ada.send(&answer(id));
        assert_eq!(*heard.lock().unwrap(), ["desk: answer"]);
    }

    #[test]
    fn a_question_ends_with_an_error_with_time_and_with_the_session() {
        let (bench, heard) = curious();
        let start = Instant::now();
        bench.router.tick(start);
        let clients = ["a", "b", "c"].map(|resource| bench.connect(&format!("ada/{resource}")));
        let ids = clients.each_ref().map(|client| {
            client.send("<presence/>");
            let elements = client.elements();
            let question = elements.iter().find(|element| element.name() == "iq").unwrap();
            question.attr("id").unwrap().to_owned()
        });
        clients[0].send(&format!("<iq type='error' to='mon.example' id='{}'/>", ids[0]));
        clients[1].end();
        bench.router.tick(start + Duration::from_secs(29));
        assert_eq!(*heard.lock().unwrap(), ["a: nothing", "b: nothing"]);
        bench.router.tick(start + Duration::from_secs(30));
        assert_eq!(heard.lock().unwrap().last().unwrap(), "c: nothing");
    }
}
