//! Archives on the bench: what is archived, and how its owner finds it.

mod paging;

use crate::modules::dialogue::{ask, get, outcome};
use crate::router::bench::{Bench, Client, DOMAIN};
use crate::stanza::ns;
use crate::xml::{CLIENT, Element};
use std::time::Instant;

fn chat(to: &str, body: &str) -> String {
    format!("<message type='chat' to='{to}'><body>{body}</body></message>")
}

/// One answered query: the ids and bodies of its messages, and what ends it.
struct Page {
    ids: Vec<String>,
    bodies: Vec<String>,
    fin: Element,
}

impl Page {
    fn is_complete(&self) -> bool {
        self.fin.attr("complete") == Some("true")
    }

    fn set(&self, name: &str) -> Option<String> {
        let set = self.fin.get_child("set", ns::RSM).unwrap();
        set.get_child(name, ns::RSM).map(Element::text)
    }
}

/// Asks the own archive: fields as `var=value`, then what else the query holds.
fn query(client: &Client, fields: &[&str], rest: &str) -> Page {
    client.elements();
    client.send(&request(fields, rest));
    let mut stanzas = client.elements();
    let answer = stanzas.pop().unwrap();
    let fin = answer.get_child("fin", ns::MAM);
    let fin = fin.unwrap_or_else(|| panic!("{answer:?}")).clone();
    let results = stanzas.iter().map(|stanza| result(client, stanza));
    let (ids, bodies) = results.unzip();
    Page { ids, bodies, fin }
}

fn request(fields: &[&str], rest: &str) -> String {
    let field = |field: &&str| {
        let (var, values) = field.split_once('=').unwrap();
        let values: String = values
            .split(' ')
            .map(|value| format!("<value>{value}</value>"))
            .collect();
        format!("<field var='{var}'>{values}</field>")
    };
    let fields: String = fields.iter().map(field).collect();
    format!(
        "<iq type='set' id='q'><query xmlns='urn:xmpp:mam:2' queryid='f27'><x xmlns='jabber:x:data' type='submit'>\
         <field var='FORM_TYPE' type='hidden'><value>urn:xmpp:mam:2</value></field>{fields}</x>{rest}</query></iq>"
    )
}

/// The id and the body of a result, whose wrapping must be as section 4.2 says.
fn result(client: &Client, stanza: &Element) -> (String, String) {
    assert_eq!(stanza.attr("from"), Some(client.session.account().as_str()));
    assert_eq!(stanza.attr("to"), Some(client.session.jid().as_str()));
    let result = stanza.get_child("result", ns::MAM).unwrap();
    assert_eq!(result.attr("queryid"), Some("f27"));
    let forwarded = result.get_child("forwarded", ns::FORWARD).unwrap();
    let delay = forwarded.get_child("delay", ns::DELAY).unwrap();
    chrono::DateTime::parse_from_rfc3339(delay.attr("stamp").unwrap()).unwrap();
    let message = forwarded.get_child("message", CLIENT).unwrap();
    let body = message.get_child("body", CLIENT).map(Element::text);
    (result.attr("id").unwrap().to_owned(), body.unwrap_or_default())
}

fn bodies(client: &Client) -> Vec<String> {
    query(client, &[], "").bodies
}

fn set(content: &str) -> String {
    format!("<set xmlns='{}'>{content}</set>", ns::RSM)
}

#[test]
fn both_sides_are_archived_and_each_is_told_its_own_id() {
    let bench = Bench::new();
    let (ada, bob) = (bench.online("ada/desk"), bench.online("bob/desk"));
    ada.session.set_lang("de");
    ada.send(&chat("bob@@", "hi"));
    let received = bob.elements().pop().unwrap();
    let ids: Vec<&Element> = received
        .children()
        .filter(|child| child.is("stanza-id", ns::SID))
        .collect();
    assert_eq!(ids.len(), 1, "the recipient's alone");
    assert_eq!(ids[0].attr("by"), Some("bob@mon.example"));
    bob.send(
        "<message type='chat' to='ada@@/desk'><body>ho</body><origin-id xmlns='urn:xmpp:sid:0' id='o'/></message>",
    );
    let origin = ada.elements().pop().unwrap();
    assert!(
        origin
            .children()
            .any(|child| child.is("origin-id", ns::SID) && child.attr("id") == Some("o"))
    );

    let page = query(&bob, &[], "");
    assert_eq!(page.bodies, ["hi", "ho"]);
    assert_eq!(page.ids[0], ids[0].attr("id").unwrap());
    assert!(page.is_complete());
    assert_eq!(
        (page.set("first"), page.set("last")),
        (Some(page.ids[0].clone()), Some(page.ids[1].clone()))
    );
    assert_eq!(page.set("count").as_deref(), Some("2"));
    let other = query(&ada, &[], "");
    assert_eq!(other.bodies, ["hi", "ho"]);
    assert_ne!(other.ids, page.ids);
    let stored = bench.store.archive().get("ada", 1).unwrap().stanza;
    let stored: Element = String::from_utf8(stored.to_vec()).unwrap().parse().unwrap();
    assert_eq!(
        stored.attr_ns("http://www.w3.org/XML/1998/namespace", "lang"),
        Some("de")
    );
    assert_eq!(
        (stored.attr("from"), stored.attr("to")),
        (Some("ada@mon.example/desk"), Some("bob@mon.example"))
    );
}

#[test]
fn s05_a_forged_stanza_id_is_not_the_archives() {
    let bench = Bench::new();
    let (ada, bob) = (bench.online("ada/desk"), bench.online("bob/desk"));
    ada.send(
        "<message to='bob@@'><stanza-id xmlns='urn:xmpp:sid:0' by='bob@@' id='x'/><body>hi</body>\
              <stanza-id xmlns='urn:xmpp:sid:0' by='BOB@mon.example' id='y'/></message>",
    );
    let received = bob.elements().pop().unwrap();
    let ids: Vec<_> = received
        .children()
        .filter(|child| child.is("stanza-id", ns::SID))
        .collect();
    assert_eq!(ids.len(), 1);
    assert_eq!(ids[0].attr("id"), Some(query(&bob, &[], "").ids[0].as_str()));
}

#[test]
fn what_is_said_is_archived_and_nothing_else() {
    let bench = Bench::new();
    let (ada, bob) = (bench.online("ada/desk"), bench.online("bob/desk"));
    let send =
        |kind: &str, children: &str| ada.send(&format!("<message type='{kind}' to='bob@@/desk'>{children}</message>"));
    for kind in ["chat", "normal", "groupchat", "headline", "error"] {
        send(kind, &format!("<body>{kind}</body>"));
    }
    for (hint, body) in [
        ("no-store", "a"),
        ("no-permanent-store", "b"),
        ("no-copy", "c"),
        ("store", "d"),
    ] {
        send("chat", &format!("<body>{body}</body><{hint} xmlns='urn:xmpp:hints'/>"));
    }
    send("chat", "<active xmlns='http://jabber.org/protocol/chatstates'/>");
    send(
        "chat",
        "<received xmlns='urn:xmpp:receipts' id='1'/><store xmlns='urn:xmpp:hints'/>",
    );
    for client in [&ada, &bob] {
        assert_eq!(bodies(client), ["chat", "normal", "c", "d", ""]);
    }
}

#[test]
fn a_note_to_oneself_is_archived_once_and_a_collector_archives_nothing() {
    let bench = Bench::new();
    let ada = bench.online("ada/desk");
    let web = bench.collector("web");
    ada.send(&chat("ada@@", "note"));
    ada.send(&chat("ada@@/desk", "again"));
    ada.send(&chat("nobody@@", "lost"));
    web.send(&chat("ada@@", "WARN cpu"));
    ada.send(&chat("web@@", "help"));
    assert_eq!(bodies(&ada), ["note", "again", "lost", "WARN cpu", "help"]);
    assert_eq!(bench.store.archive().bounds("web"), None);
    assert_eq!(bench.store.archive().bounds("nobody"), None);
    let own = query(&ada, &["with=ada@mon.example"], "");
    assert_eq!(
        own.bodies,
        ["note", "again"],
        "with oneself: what went both from and to"
    );
    assert_eq!(
        query(&ada, &["with=web@mon.example/watchpost"], "").bodies,
        ["WARN cpu"]
    );
    web.end();
    ada.send(&chat("web@@", "help"));
    assert_eq!(bench.store.archive().bounds("web"), None, "nor while it is away");
}

#[test]
fn a11_an_archive_is_its_owners_alone() {
    let bench = Bench::new();
    bench.befriend("ada", "bob");
    let (ada, bob) = (bench.online("ada/desk"), bench.online("bob/desk"));
    ada.send(&chat("bob@@", "hi"));
    for payload in ["query", "metadata", "prefs"] {
        let payload = format!("<{payload} xmlns='urn:xmpp:mam:2'/>");
        for kind in ["get", "set"] {
            for to in ["ada@@", "nobody@@", "ada@@/desk"] {
                if to.ends_with("/desk") && kind == "get" {
                    continue;
                }
                bob.elements();
                let sent = format!("<iq type='{kind}' id='1' to='{to}'>{payload}</iq>");
                bob.send(&sent);
                assert!(ada.elements().iter().all(|stanza| !stanza.has_child("result", ns::MAM)));
                if !to.ends_with("/desk") {
                    assert_eq!(
                        bob.received(),
                        [format!("iq error <{} service-unavailable", to.trim_end_matches("@@"))]
                    );
                }
            }
        }
    }
    assert_eq!(bodies(&bob), ["hi"]);
}

#[test]
fn the_form_the_ends_and_the_features_are_there_to_be_found() {
    let bench = Bench::new();
    let ada = bench.online("ada/desk");
    let form = get(&ada, None, "<query xmlns='urn:xmpp:mam:2'/>");
    let x = form.get_child("x", ns::DATA_FORMS).unwrap();
    let vars: Vec<_> = x.children().filter_map(|field| field.attr("var")).collect();
    assert_eq!(
        vars,
        ["FORM_TYPE", "with", "start", "end", "before-id", "after-id", "ids"]
    );
    assert!(
        x.children()
            .last()
            .unwrap()
            .get_child("validate", ns::VALIDATE)
            .unwrap()
            .has_child("open", ns::VALIDATE)
    );

    let metadata = || get(&ada, Some("ada@@"), "<metadata xmlns='urn:xmpp:mam:2'/>");
    assert_eq!(metadata().children().count(), 0);
    ada.send(&chat("bob@@", "1"));
    ada.send(&chat("bob@@", "2"));
    let ids = query(&ada, &[], "").ids;
    let ends: Vec<_> = metadata()
        .children()
        .map(|end| end.attr("id").unwrap().to_owned())
        .collect();
    assert_eq!(ends, ids);

    for to in [None, Some(DOMAIN)] {
        let info = get(&ada, to, "<query xmlns='http://jabber.org/protocol/disco#info'/>");
        let has = |var| info.children().any(|feature| feature.attr("var") == Some(var));
        assert!(has("urn:xmpp:mam:2") && has("urn:xmpp:mam:2#extended") && has("urn:xmpp:sid:0"));
    }
}

#[test]
fn preferences_hold_from_the_next_message_on() {
    let bench = Bench::new();
    let (ada, bob, eve) = (
        bench.online("ada/desk"),
        bench.online("bob/desk"),
        bench.online("eve/desk"),
    );
    let prefs = |default: &str, always: &str, never: &str| {
        format!(
            "<prefs xmlns='urn:xmpp:mam:2' default='{default}'><always>{always}</always><never>{never}</never></prefs>"
        )
    };
    let answer = ask(&ada, "get", None, "<prefs xmlns='urn:xmpp:mam:2'/>");
    let now = answer.get_child("prefs", ns::MAM).unwrap();
    assert_eq!((now.attr("default"), now.children().count()), (Some("always"), 2));
    assert_eq!(
        outcome(
            &ada,
            "set",
            None,
            &prefs("never", "<jid>bob@mon.example/desk</jid>", "")
        ),
        "result"
    );
    ada.send(&chat("bob@@", "to the account"));
    bob.send(&chat("ada@@", "from the resource"));
    eve.send(&chat("ada@@", "stranger"));
    assert_eq!(bodies(&ada), ["from the resource"]);
    assert_eq!(bodies(&eve), ["stranger"], "each has preferences of its own");
    assert_eq!(outcome(&ada, "set", None, &prefs("roster", "", "")), "result");
    bench.befriend("ada", "bob");
    bob.send(&chat("ada@@", "contact"));
    eve.send(&chat("ada@@", "stranger"));
    assert_eq!(bodies(&ada), ["from the resource", "contact"]);
    for (wrong, condition) in [
        (prefs("sometimes", "", ""), "bad-request"),
        (prefs("always", "<jid>@</jid>", ""), "jid-malformed"),
        (
            prefs("always", "", &"<jid>a@b</jid>".repeat(257)),
            "resource-constraint",
        ),
    ] {
        assert_eq!(outcome(&ada, "set", None, &wrong), condition);
    }
}

#[test]
fn what_is_too_much_goes_with_the_next_ticks() {
    let bench = Bench::new();
    let limits = crate::store::Limits {
        archive_messages_max: 5,
        ..crate::store::Limits::DEFAULT
    };
    let bench = bench.restart_with(limits);
    let ada = bench.online("ada/desk");
    for number in 0..9 {
        ada.send(&chat("bob@@", &number.to_string()));
    }
    bench.router.tick(Instant::now());
    assert_eq!(bodies(&ada), ["4", "5", "6", "7", "8"]);
    // A limit that was lowered while nobody wrote counts too, by and by.
    let bench = bench.restart_with(crate::store::Limits {
        archive_messages_max: 2,
        ..limits
    });
    let ada = bench.online("ada/desk");
    for _ in 0..10 {
        bench.router.tick(Instant::now());
    }
    assert_eq!(bodies(&ada), ["7", "8"]);
}

#[test]
fn what_is_too_much_for_one_tick_goes_with_the_next_ones_and_nobody_waits() {
    let bench = Bench::new();
    let ada = bench.connect("ada/desk");
    for number in 0..super::SLICE + 50 {
        ada.send(&chat("bob@@", &number.to_string()));
    }
    let limits = crate::store::Limits {
        archive_messages_max: 10,
        ..crate::store::Limits::DEFAULT
    };
    let bench = bench.restart_with(limits);
    let ada = bench.connect("ada/desk");
    ada.send(&chat("bob@@", "last"));
    for _ in 0..4 {
        bench.router.tick(Instant::now());
    }
    assert_eq!(bodies(&ada).len(), 10);
    ada.send(&chat("bob@@", "still archived"));
    assert_eq!(bodies(&ada).last().map(String::as_str), Some("still archived"));
}

#[test]
fn an_acknowledgement_waits_for_what_its_stanza_wrote() {
    let bench = Bench::new();
    let ada = bench.online("ada/desk");
    let before = ada.session.written();
    ada.send(&chat("bob@@", "hi"));
    let after = ada.session.written();
    assert!(after > before && after <= bench.store.latest());
    ada.send("<message type='headline' to='bob@@'><body>hi</body></message>");
    assert_eq!(ada.session.written(), after);
}

#[test]
fn without_an_archive_nothing_is_archived_offered_or_answered() {
    let bench = Bench::with(crate::modules::with(crate::modules::Options { archive: false }));
    let (ada, bob) = (bench.online("ada/desk"), bench.online("bob/desk"));
    ada.send(&chat("bob@@", "hi"));
    assert_eq!(bob.received(), ["message chat <ada/desk body=hi"]);
    assert_eq!(bench.store.archive().bounds("ada"), None);
    assert_eq!(
        outcome(&ada, "set", None, "<query xmlns='urn:xmpp:mam:2'/>"),
        "service-unavailable"
    );
    let info = get(&ada, None, "<query xmlns='http://jabber.org/protocol/disco#info'/>");
    assert!(
        info.children()
            .all(|feature| feature.attr("var") != Some("urn:xmpp:mam:2"))
    );
}
