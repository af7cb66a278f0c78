//! Pages: what they hold, how they are bounded, and what is no query.

use super::{chat, query, request, set};
use crate::modules::dialogue::outcome;
use crate::router::bench::Bench;
use crate::stanza::ns;
use crate::xml::Element;

#[test]
fn pages_follow_each_other_and_flipping_changes_their_order_alone() {
    let bench = Bench::new();
    let ada = bench.online("ada/desk");
    for number in 0..7 {
        ada.send(&chat(["bob@@", "eve@@"][number % 2], &number.to_string()));
    }
    let all = query(&ada, &[], "").ids;
    let page = |fields: &[&str], content: &str| {
        let page = query(&ada, fields, &set(content));
        (page.bodies.concat(), page.is_complete())
    };
    let yes = |bodies: &str| (bodies.to_owned(), true);
    let no = |bodies: &str| (bodies.to_owned(), false);
    assert_eq!(page(&[], "<max>3</max>"), no("012"));
    assert_eq!(page(&[], &format!("<max>3</max><after>{}</after>", all[2])), no("345"));
    assert_eq!(page(&[], &format!("<max>3</max><after>{}</after>", all[5])), yes("6"));
    assert_eq!(page(&[], &format!("<max>3</max><after>{}</after>", all[6])), yes(""));
    assert_eq!(page(&[], "<max>3</max><before/>"), no("456"));
    assert_eq!(
        page(&[], &format!("<max>4</max><before>{}</before>", all[4])),
        yes("0123")
    );
    assert_eq!(page(&[], "<max>2</max><index>3</index>"), no("34"));
    assert_eq!(page(&["with=bob@mon.example"], "<max>2</max>"), no("02"));
    assert_eq!(page(&["with=bob@mon.example"], "<max>2</max><before/>"), no("46"));
    assert_eq!(page(&["with=nobody@mon.example"], ""), yes(""));
    let ids = |var: &str, id: &str| format!("{var}={id}");
    let (after, before) = (ids("after-id", &all[1]), ids("before-id", &all[5]));
    assert_eq!(page(&[&after, &before], ""), yes("234"));
    assert_eq!(page(&[&after, &before], "<max>2</max><before/>"), no("34"));
    assert_eq!(page(&[&before, "with=eve@mon.example"], ""), yes("13"));
    let named = format!("ids={} {} {}", all[5], all[0], all[5]);
    assert_eq!(page(&[&named], ""), yes("05"));
    assert_eq!(page(&[&named], "<max>1</max>"), no("0"));
    let stamp = |day: i64| (chrono::Utc::now() + chrono::TimeDelta::days(day)).to_rfc3339();
    assert_eq!(page(&[&ids("start", &stamp(1))], ""), yes(""));
    assert_eq!(
        page(&[&ids("start", &stamp(-1)), &ids("end", &stamp(1))], ""),
        yes("0123456")
    );

    let flipped = query(&ada, &[], &format!("{}<flip-page/>", set("<max>3</max>")));
    assert_eq!(flipped.bodies, ["2", "1", "0"]);
    assert_eq!(
        (flipped.set("first"), flipped.set("last")),
        (Some(all[0].clone()), Some(all[2].clone()))
    );
    let positioned = query(&ada, &[], &set("<max>2</max><index>3</index>"));
    let first = positioned
        .fin
        .get_child("set", ns::RSM)
        .unwrap()
        .get_child("first", ns::RSM)
        .unwrap();
    assert_eq!(first.attr("index"), Some("3"));
    let counted = query(&ada, &["with=bob@mon.example"], &set("<max>0</max>"));
    assert_eq!((counted.set("count").as_deref(), counted.bodies.len()), (Some("4"), 0));
}

#[test]
fn a_page_is_bounded_however_much_is_asked_for() {
    let bench = Bench::new();
    let ada = bench.online("ada/desk");
    let large = "x".repeat(60_000);
    for _ in 0..6 {
        ada.send(&chat("bob@@", &large));
    }
    let page = query(&ada, &[], &set("<max>1000</max>"));
    assert_eq!(
        (page.ids.len(), page.is_complete()),
        (3, false),
        "what fills the queue no further than it may"
    );
    for _ in 0..120 {
        ada.send(&chat("bob@@", "x"));
    }
    let after = page.set("last").unwrap();
    let rest = query(&ada, &[], &set(&format!("<max>1000</max><after>{after}</after>")));
    assert!(rest.ids.len() < 120 && !rest.is_complete());
    let last = query(&ada, &[], &set("<max>1000</max><before/>"));
    assert_eq!((last.ids.len(), last.is_complete()), (100, false));
}

#[test]
fn what_is_asked_wrongly_is_refused_by_its_name() {
    let bench = Bench::new();
    let ada = bench.online("ada/desk");
    ada.send(&chat("bob@@", "hi"));
    let bobs = {
        let bob = bench.online("bob/desk");
        query(&bob, &[], "").ids[0].clone()
    };
    let refusal = |fields: &[&str], rest: &str| {
        let iq: Element = request(fields, rest)
            .replacen("<iq", "<iq xmlns='jabber:client'", 1)
            .parse()
            .unwrap();
        outcome(&ada, "set", None, &String::from(iq.children().next().unwrap()))
    };
    assert_eq!(refusal(&[], ""), "result");
    for (fields, rest, condition) in [
        (vec!["colour=red"], "", "feature-not-implemented"),
        (vec!["include-groupchat=true"], "", "feature-not-implemented"),
        (vec!["with=@"], "", "jid-malformed"),
        (vec!["start=yesterday"], "", "bad-request"),
        (vec!["FORM_TYPE=x"], "", "bad-request"),
        (vec!["before-id=x"], "", "item-not-found"),
        (vec!["after-id=x"], "", "item-not-found"),
        (vec!["ids=x"], "", "item-not-found"),
        (
            vec![],
            "<set xmlns='http://jabber.org/protocol/rsm'><after>x</after></set>",
            "item-not-found",
        ),
        (
            vec![],
            "<set xmlns='http://jabber.org/protocol/rsm'><max>x</max></set>",
            "bad-request",
        ),
    ] {
        assert_eq!(refusal(&fields, rest), condition, "{fields:?} {rest}");
    }
    assert_eq!(
        refusal(&[&format!("ids={bobs}")], ""),
        "item-not-found",
        "an id of another archive"
    );
    let many = format!("ids={}", vec!["x"; 101].join(" "));
    assert_eq!(refusal(&[&many], ""), "policy-violation");
    assert_eq!(
        outcome(&ada, "set", None, "<query xmlns='urn:xmpp:mam:2' node='n'/>"),
        "item-not-found"
    );
}
