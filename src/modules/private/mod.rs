//! XEP-0049: Private XML Storage, and what XEP-0402: PEP Native Bookmarks keeps there for older clients.

mod bookmarks;

use crate::router::{Addressee, Context, Iq, IqRoute, Module, Status, Xep, refused_by_store};
use crate::stanza::{Condition, StanzaError, ns};
use crate::xml::{Element, Frame, Limits, element};
use bytes::Bytes;

/// Keeps what an account's clients hand it, and shows it to nobody else.
#[derive(Debug)]
pub struct PrivateStorage;

impl Module for PrivateStorage {
    fn xeps(&self) -> &'static [Xep] {
        &[
            Xep {
                number: "XEP-0049",
                title: "Private XML Storage",
                version: "1.2",
                status: Status::Complete,
            },
            Xep {
                number: "XEP-0402",
                title: "PEP Native Bookmarks",
                version: "1.2.0",
                status: Status::Complete,
            },
            Xep {
                number: "XEP-0048",
                title: "Bookmarks",
                version: "1.2",
                status: Status::Partial,
            },
        ]
    }

    fn server_features(&self) -> &'static [&'static str] {
        &[ns::PRIVATE]
    }

    fn account_features(&self) -> &'static [&'static str] {
        &[ns::PRIVATE, ns::BOOKMARKS2_COMPAT]
    }

    fn iq_routes(&self) -> &'static [IqRoute] {
        // Nobody else's can be asked for or set: without a route that is `service-unavailable`.
        &[IqRoute {
            get: true,
            set: true,
            addressee: Addressee::OwnAccount,
            ns: ns::PRIVATE,
            name: "query",
        }]
    }

    fn handle_iq(&self, cx: &Context<'_>, iq: &Iq<'_>) -> Result<Option<Element>, StanzaError> {
        let elements: Vec<&Element> = iq.payload.children().collect();
        for element in &elements {
            check(element)?;
        }
        match (iq.set, elements.as_slice()) {
            (_, []) => Err(Condition::BadRequest.into()),
            (true, elements) => set(cx, elements).map(|()| None),
            (false, [asked]) => {
                let found = get(cx, asked)?;
                Ok(Some(element("query", ns::PRIVATE).append(found).build()))
            }
            (false, _) => Err(Condition::NotAcceptable.into()),
        }
    }
}

/// XEP-0049 section 2.3: an element has a namespace of its own, and none of those that XMPP itself uses.
fn check(element: &Element) -> Result<(), StanzaError> {
    let ns = element.ns();
    let is_reserved = ["jabber:", "vcard-temp"].iter().any(|prefix| ns.starts_with(prefix));
    match ns.as_str() {
        "" | ns::PRIVATE => Err(Condition::BadRequest.into()),
        _ if is_reserved => Err(Condition::NotAcceptable.into()),
        _ => Ok(()),
    }
}

/// What is stored, or the empty element that was asked for.
fn get(cx: &Context<'_>, asked: &Element) -> Result<Element, StanzaError> {
    let stored = stored(cx, &asked.ns(), asked.name()).unwrap_or_else(|| element(asked.name(), &asked.ns()).build());
    match asked.is("storage", ns::BOOKMARKS) {
        true => bookmarks::get(cx, stored),
        false => Ok(stored),
    }
}

fn stored(cx: &Context<'_>, ns: &str, name: &str) -> Option<Element> {
    let account = cx.asker()?.node()?;
    let xml = cx.store().private().get(account.as_str(), ns, name)?;
    Some(Frame::parse(xml, &Limits::NONE).ok()?.to_element())
}

fn set(cx: &Context<'_>, elements: &[&Element]) -> Result<(), StanzaError> {
    let account = cx.asker().and_then(|account| account.node());
    let account = account.ok_or(Condition::InternalServerError)?;
    let mut kept = Vec::new();
    for element in elements {
        let element = match element.is("storage", ns::BOOKMARKS) {
            true => bookmarks::set(cx, element)?,
            false => (*element).clone(),
        };
        kept.push((element.ns(), element.name().to_owned(), xml(&element)));
    }
    let kept: Vec<_> = kept
        .iter()
        .map(|(ns, name, xml)| (ns.as_str(), name.as_str(), xml.clone()))
        .collect();
    let ticket = cx.store().private().put(account.as_str(), &kept).map_err(|error| {
        tracing::info!(account = account.as_str(), %error, "private XML is refused");
        refused_by_store(&error)
    })?;
    cx.after(ticket);
    Ok(())
}

fn xml(element: &Element) -> Bytes {
    Frame::from_element(element).bytes().clone()
}

#[cfg(test)]
mod tests {
    use crate::modules::dialogue::{get, outcome};
    use crate::router::bench::Bench;
    use crate::xml::Element;

    fn query(content: &str) -> String {
        ["<query xmlns='jabber:iq:private'>", content, "</query>"].concat()
    }

    #[test]
    fn what_is_stored_comes_back_as_it_was_and_for_its_owner_alone() {
        let bench = Bench::new();
        bench.befriend("ada", "bob");
        let (ada, bob) = (bench.online("ada/desk"), bench.online("bob/desk"));
        let empty = query("<exodus xmlns='exodus:prefs'/>");
        let full = query("<exodus xmlns='exodus:prefs'><nick a='&lt;'>H&amp;t</nick></exodus>");
        let expected = |xml: &str| xml.parse::<Element>().expect("XML");
        assert_eq!(get(&ada, None, &empty), expected(&empty));
        assert_eq!(outcome(&ada, "set", None, &full), "result");
        assert_eq!(get(&ada, Some("ada@@"), &empty), expected(&full));
        assert_eq!(get(&bob, None, &empty), expected(&empty));
        for kind in ["get", "set"] {
            assert_eq!(outcome(&bob, kind, Some("ada@@"), &empty), "service-unavailable");
            assert_eq!(outcome(&bob, kind, Some("nobody@@"), &empty), "service-unavailable");
        }
        let bench = bench.restart();
        assert_eq!(get(&bench.connect("ada/desk"), None, &empty), expected(&full));
        bench.store.accounts().remove("ada").expect("removed");
        assert_eq!(bench.store.private().get("ada", "exodus:prefs", "exodus"), None);
    }

    #[test]
    fn what_the_xep_refuses_is_refused() {
        let bench = Bench::new();
        let ada = bench.online("ada/desk");
        for (kind, content, condition) in [
            ("get", "", "bad-request"),
            ("set", "", "bad-request"),
            ("set", "<x/>", "bad-request"),
            ("set", "<x xmlns='jabber:iq:roster'/>", "not-acceptable"),
            ("set", "<x xmlns='jabber:client'/>", "not-acceptable"),
            ("set", "<vCard xmlns='vcard-temp'/>", "not-acceptable"),
            ("get", "<x xmlns='a'/><x xmlns='b'/>", "not-acceptable"),
        ] {
            assert_eq!(outcome(&ada, kind, None, &query(content)), condition, "{content}");
        }
    }

    #[test]
    fn private_xml_is_bounded_in_number_and_size() {
        let bench = Bench::new();
        let ada = bench.online("ada/desk");
        let limits = crate::store::Limits::DEFAULT;
        let large = ["<x xmlns='a'>", &"x".repeat(limits.private_bytes_max / 2), "</x>"].concat();
        assert_eq!(outcome(&ada, "set", None, &query(&large)), "result");
        let other = large.replace("'a'", "'b'");
        assert_eq!(outcome(&ada, "set", None, &query(&other)), "resource-constraint");
        assert_eq!(
            outcome(&ada, "set", None, &query(&large)),
            "result",
            "it takes its own place"
        );
        for number in 1..limits.private_elements_max {
            let small = format!("<query xmlns='jabber:iq:private'><x xmlns='n{number}'/></query>");
            assert_eq!(outcome(&ada, "set", None, &small), "result");
        }
        assert_eq!(
            outcome(&ada, "set", None, &query("<x xmlns='c'/>")),
            "resource-constraint"
        );
    }
}
