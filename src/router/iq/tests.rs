//! What happens to requests and answers.

use crate::router::bench::{Bench, DOMAIN};
use crate::router::{Addressee, Context, Iq, IqRoute, Module};
use crate::stanza::{Stanza, StanzaError};
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
    fn service(&self) -> Option<(&'static str, &'static str)> {
        Some(("echo", "Echo"))
    }

    fn handle_message(&self, _cx: &Context<'_>, service: Option<&str>, stanza: &Stanza) -> bool {
        let taken = stanza.frame.children().any(|child| child.ns == "urn:x");
        if taken {
            let heard = service.unwrap_or("own account").to_owned();
            self.heard.lock().unwrap().push(heard);
        }
        taken
    }

    fn iq_routes(&self) -> &'static [IqRoute] {
        const {
            &[
                route(Addressee::Service("echo"), "own"),
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
fn a_service_has_a_domain_of_its_own() {
    let (bench, heard) = curious();
    let ada = bench.connect("ada/desk");
    for (to, answer) in [
        ("echo.mon.example", "iq result <echo.mon.example seen=server"),
        ("ECHO.mon.example/x", "iq result <echo.mon.example/x seen=server"),
        (
            "other.mon.example",
            "iq error <other.mon.example remote-server-not-found",
        ),
        (
            "x.echo.mon.example",
            "iq error <x.echo.mon.example remote-server-not-found",
        ),
        ("echomon.example", "iq error <echomon.example remote-server-not-found"),
    ] {
        ada.send(&format!("<iq type='get' id='1' to='{to}'><own xmlns='urn:x'/></iq>"));
        assert_eq!(ada.received(), [answer], "{to}");
    }
    ada.send("<message to='echo.mon.example'><m xmlns='urn:x'/></message>");
    ada.send("<message to='ada@@'><m xmlns='urn:x'/></message>");
    ada.send("<message to='nobody@@'><m xmlns='urn:x'/></message>");
    assert_eq!(*heard.lock().unwrap(), ["echo", "own account"]);
    assert!(ada.received().is_empty());
    ada.send("<message to='echo.mon.example'><body>hi</body></message>");
    assert_eq!(ada.received(), ["message error <echo.mon.example service-unavailable"]);
    for kind in ["", "type='probe'", "type='subscribe'", "type='unavailable'"] {
        ada.send(&format!("<presence to='echo.mon.example' {kind}/>"));
    }
    assert!(ada.received().is_empty());
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
