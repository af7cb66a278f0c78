//! The roster (RFC 6121 section 2), with versioning (section 2.6, once XEP-0237).

use crate::router::{Addressee, Context, Iq, IqRoute, Module, Status, Xep, roster_payload};
use crate::stanza::{Condition, StanzaError, ns, parse_jid};
use crate::xml::Element;
use jid::BareJid;

/// Answers roster gets and sets of an account's own clients. What a roster is, and who is told of its changes, is the
/// router's.
pub struct RosterManagement;

impl Module for RosterManagement {
    fn xeps(&self) -> &'static [Xep] {
        &[
            Xep {
                number: "RFC 6121",
                title: "Instant Messaging and Presence",
                version: "2011-03",
                status: Status::Complete,
            },
            Xep {
                number: "XEP-0237",
                title: "Roster Versioning",
                version: "1.3",
                status: Status::Complete,
            },
        ]
    }

    fn iq_routes(&self) -> &'static [IqRoute] {
        // Nobody else's roster can be asked for or set: without a route that is `service-unavailable`.
        &[IqRoute {
            get: true,
            set: true,
            addressee: Addressee::OwnAccount,
            ns: ns::ROSTER,
            name: "query",
        }]
    }

    fn handle_iq(&self, cx: &Context<'_>, iq: &Iq<'_>) -> Result<Option<Element>, StanzaError> {
        if iq.set {
            set(cx, iq).map(|()| None)
        } else {
            get(cx, iq.payload)
        }
    }
}

/// Sections 2.2 and 2.6.2. A client that has the current version is told nothing. One that has an older version gets the
/// whole roster: what was removed meanwhile is not remembered.
fn get(cx: &Context<'_>, query: &Element) -> Result<Option<Element>, StanzaError> {
    let roster = cx.watch_roster()?;
    let is_current = query.attr("ver") == Some(roster.version().to_string().as_str());
    Ok((!is_current).then(|| roster_payload(&roster)))
}

/// Sections 2.3 to 2.5. What a client says of subscriptions, `remove` aside, is ignored (section 2.1.2.5).
fn set(cx: &Context<'_>, iq: &Iq<'_>) -> Result<(), StanzaError> {
    let account = iq.account.ok_or(Condition::InternalServerError)?;
    let item = only_item(iq.payload)?;
    let contact = item.attr("jid").ok_or(Condition::BadRequest)?;
    let contact = parse_jid(contact).ok_or(Condition::JidMalformed)?.into_bare();
    let ticket = if item.attr("subscription") == Some("remove") {
        cx.remove_roster_item(account, &contact)?
    } else {
        refuse_self(account, &contact)?;
        let name = item.attr("name").map(str::to_owned);
        cx.set_roster_item(account, &contact, name, groups(item))?
    };
    cx.after(ticket);
    Ok(())
}

/// Section 2.3.3: a set has one item.
fn only_item(query: &Element) -> Result<&Element, StanzaError> {
    let mut items = query.children().filter(|child| child.is("item", ns::ROSTER));
    match (items.next(), items.next()) {
        (Some(item), None) => Ok(item),
        _ => Err(Condition::BadRequest.into()),
    }
}

/// Section 2.3.3, interoperability note.
fn refuse_self(account: &BareJid, contact: &BareJid) -> Result<(), StanzaError> {
    if contact == account {
        return Err(Condition::NotAllowed.into());
    }
    Ok(())
}

fn groups(item: &Element) -> Vec<String> {
    let groups = item.children().filter(|child| child.is("group", ns::ROSTER));
    groups.map(Element::text).collect()
}

#[cfg(test)]
mod tests {
    use crate::router::bench::{Bench, Client};
    use crate::stanza::ns;
    use crate::store::Ticket;

    fn set(client: &Client, items: &str) -> Vec<String> {
        client.send(&format!(
            "<iq type='set' id='1'><query xmlns='jabber:iq:roster'>{items}</query></iq>"
        ));
        client.received()
    }

    fn get(client: &Client, ver: &str) -> minidom::Element {
        client.send(&format!(
            "<iq type='get' id='1'><query xmlns='jabber:iq:roster'{ver}/></iq>"
        ));
        client.elements().remove(0)
    }

    #[test]
    fn a_set_is_pushed_to_all_who_asked_and_answered_when_it_is_durable() {
        let bench = Bench::new();
        let (desk, phone) = (bench.online("ada/desk"), bench.online("ada/phone"));
        desk.received();
        let before = *bench.store.committed().borrow();
        desk.send("<iq type='set' id='1'><query xmlns='jabber:iq:roster'><item jid='bob@@' name='Bob'/></query></iq>");
        let mut ropes = vec![];
        let waits = desk.session.sink().drain(Ticket(0), usize::MAX, &mut ropes);
        assert!(waits.is_some_and(|ticket| ticket > before), "the result waits");
        assert_eq!(ropes.len(), 1, "the push does not");
        assert_eq!(desk.received(), ["iq result"]);
        assert_eq!(phone.received(), ["iq set [bob:none]"]);
    }

    #[test]
    fn s09_sets_that_the_rfc_refuses_are_refused() {
        let bench = Bench::new();
        let ada = bench.online("ada/desk");
        let long = "x".repeat(257);
        let groups: String = (0..33).map(|number| format!("<group>{number}</group>")).collect();
        for (items, condition) in [
            (String::new(), "bad-request"),
            ("<item jid='bob@@'/><item jid='eve@@'/>".to_owned(), "bad-request"),
            ("<item/>".to_owned(), "bad-request"),
            ("<item jid='@@'/>".to_owned(), "jid-malformed"),
            ("<item jid='ada@@'/>".to_owned(), "not-allowed"),
            (
                "<item jid='bob@@'><group>a</group><group>a</group></item>".to_owned(),
                "bad-request",
            ),
            ("<item jid='bob@@'><group/></item>".to_owned(), "not-acceptable"),
            (
                format!("<item jid='bob@@'><group>{long}</group></item>"),
                "not-acceptable",
            ),
            (format!("<item jid='bob@@' name='{long}'/>"), "not-acceptable"),
            (format!("<item jid='bob@@'>{groups}</item>"), "resource-constraint"),
            ("<item jid='bob@@' subscription='remove'/>".to_owned(), "item-not-found"),
        ] {
            let answer = set(&ada, &items);
            assert_eq!(answer.len(), 1, "{items}: {answer:?}");
            assert!(
                answer[0].starts_with(&format!("iq error {condition}")),
                "{items}: {answer:?}"
            );
        }
        for number in 0..20 {
            assert_eq!(set(&ada, &format!("<item jid='u{number}@x'/>")).len(), 2);
        }
        assert!(set(&ada, "<item jid='one-more@x'/>")[0].starts_with("iq error resource-constraint"));
    }

    #[test]
    fn s07_what_a_client_says_of_subscriptions_is_ignored() {
        let bench = Bench::new();
        let ada = bench.online("ada/desk");
        let answer = set(
            &ada,
            "<item jid='bob@@' subscription='both' ask='subscribe' approved='true'/>",
        );
        assert_eq!(answer, ["iq set [bob:none]", "iq result"]);
    }

    #[test]
    fn a_client_with_the_current_version_is_told_nothing() {
        let bench = Bench::new();
        let ada = bench.online("ada/desk");
        set(
            &ada,
            "<item jid='bob@@' name='B&amp;b'><group>a</group><group>b</group></item>",
        );
        let whole = get(&ada, " ver=''");
        let query = whole.get_child("query", ns::ROSTER).unwrap();
        let item = query.children().next().unwrap();
        assert_eq!(item.attr("name"), Some("B&b"));
        assert_eq!(
            item.children().map(minidom::Element::text).collect::<Vec<_>>(),
            ["a", "b"]
        );
        let current = format!(" ver='{}'", query.attr("ver").unwrap());
        assert_eq!(get(&ada, &current).children().count(), 0);
        set(&ada, "<item jid='bob@@'/>");
        assert_eq!(get(&ada, &current).children().count(), 1);
        let bench = bench.restart();
        assert_eq!(get(&bench.connect("ada/desk"), "").children().count(), 1);
    }
}
