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
