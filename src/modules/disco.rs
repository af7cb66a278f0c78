//! XEP-0030: Service Discovery, of the server and of its accounts.
//!
//! The module itself knows nothing of features: it asks all modules. At an account's bare JID the server answers on the
//! account's behalf (RFC 6121 section 8.5), to the account itself and to subscribers of its presence; anyone else gets
//! what an absent account gives. A hosted service answers for its bare JID itself, before any module is asked.

use crate::router::{Addressee, Contacts, Context, Iq, IqRoute, Module, Status, Xep};
use crate::service::caps::{Algorithm, advertisement, ver};
use crate::service::disco::{Info, Items, result_form};
use crate::stanza::{Condition, Role, StanzaError, ns};
use crate::xml::Element;
use jid::BareJid;

/// Answers disco#info and disco#items.
#[derive(Debug)]
pub struct Disco;

/// The `node` of the server's own entity capabilities (XEP-0115 section 4): what software it is.
const NODE: &str = env!("CARGO_PKG_NAME");

/// What the server says of itself, given the features of all modules, and whom to turn to (XEP-0157).
fn server_info(features: impl IntoIterator<Item = &'static str>, contacts: &Contacts) -> Info {
    let info = Info::new(None)
        .identity("server", "im", env!("CARGO_PKG_NAME"))
        .features(features);
    let fields = contacts.iter().filter(|(_, addresses)| !addresses.is_empty());
    let fields: Vec<_> = fields.map(|(var, addresses)| (*var, addresses.clone())).collect();
    match fields.is_empty() {
        true => info,
        false => info.form(result_form(ns::SERVER_INFO, fields)),
    }
}

/// The server's own entity capabilities (XEP-0115 section 6.3), for its stream features.
pub fn server_capabilities(modules: &[Box<dyn Module>], contacts: &Contacts) -> Element {
    let features = modules.iter().flat_map(|module| module.server_features()).copied();
    advertisement(NODE, &own_ver(&server_info(features, contacts)))
}

/// The `ver` of our own information. It is well-formed: names are literals, features are there once.
fn own_ver(info: &Info) -> String {
    ver(info, Algorithm::Sha1).unwrap_or_default()
}

const fn route(addressee: Addressee, ns: &'static str) -> IqRoute {
    IqRoute {
        get: true,
        set: false,
        addressee,
        ns,
        name: "query",
    }
}

impl Module for Disco {
    fn xeps(&self) -> &'static [Xep] {
        &[
            Xep {
                number: "XEP-0030",
                title: "Service Discovery",
                version: "2.5.0",
                status: Status::Complete,
            },
            Xep {
                number: "XEP-0128",
                title: "Service Discovery Extensions",
                version: "1.0.1",
                status: Status::Complete,
            },
            Xep {
                number: "XEP-0157",
                title: "Contact Addresses for XMPP Services",
                version: "1.1.1",
                status: Status::Complete,
            },
        ]
    }

    fn server_features(&self) -> &'static [&'static str] {
        &[ns::DISCO_INFO, ns::DISCO_ITEMS]
    }

    fn account_features(&self) -> &'static [&'static str] {
        &[ns::DISCO_INFO, ns::DISCO_ITEMS]
    }

    fn iq_routes(&self) -> &'static [IqRoute] {
        const {
            &[
                route(Addressee::Server, ns::DISCO_INFO),
                route(Addressee::Server, ns::DISCO_ITEMS),
                route(Addressee::Account, ns::DISCO_INFO),
                route(Addressee::Account, ns::DISCO_ITEMS),
            ]
        }
    }

    fn handle_iq(&self, cx: &Context<'_>, iq: &Iq<'_>) -> Result<Option<Element>, StanzaError> {
        let node = iq.payload.attr("node").filter(|node| !node.is_empty());
        let wants_info = iq.payload.has_ns(ns::DISCO_INFO);
        let answer = match (iq.account, wants_info) {
            (None, true) => server_info_at(cx, node)?.to_element(),
            (None, false) => server_items(cx, node)?.to_element(),
            (Some(account), true) => account_info(cx, account, node)?.to_element(),
            (Some(account), false) => account_items(cx, account, node)?.to_element(),
        };
        Ok(Some(answer))
    }
}

fn server_info_at(cx: &Context<'_>, node: Option<&str>) -> Result<Info, StanzaError> {
    let mut info = server_info(cx.server_features(), cx.contacts());
    if let Some(node) = node {
        if let Some(info) = cx.server_node(node)? {
            return Ok(info);
        }
        // The other node is the one that our capabilities name (XEP-0115 section 6.2).
        let advertised = node.strip_prefix(NODE).and_then(|rest| rest.strip_prefix('#'));
        if advertised != Some(own_ver(&info).as_str()) {
            return Err(Condition::ItemNotFound.into());
        }
        info.node = Some(node.to_owned());
    }
    Ok(info)
}

/// The hosted services, those at subdomains, and what modules have; users are nobody's business.
fn server_items(cx: &Context<'_>, node: Option<&str>) -> Result<Items, StanzaError> {
    let mut items = Items::new(node);
    if node.is_none() {
        items = cx
            .hosted_services()
            .iter()
            .fold(items, |items, service| items.item(service.as_str(), None, None));
        let services = cx.services();
        items = services.iter().fold(items, |items, (service, name)| {
            items.item(service.as_str(), None, Some(name))
        });
    }
    items.items.extend(cx.server_items(node));
    match node {
        Some(node) if items.items.is_empty() && cx.server_node(node)?.is_none() => Err(Condition::ItemNotFound.into()),
        _ => Ok(items),
    }
}

fn account_info(cx: &Context<'_>, account: &BareJid, node: Option<&str>) -> Result<Info, StanzaError> {
    cx.require_sight(account)?;
    match node {
        Some(node) => cx
            .account_node(account, node)
            .ok_or_else(|| Condition::ItemNotFound.into()),
        None => Ok(cx
            .account_identities()
            .into_iter()
            .fold(
                Info::new(None).identity("account", "registered", ""),
                |info, (category, kind, name)| info.identity(category, kind, name),
            )
            .features(cx.account_features())),
    }
}

fn account_items(cx: &Context<'_>, account: &BareJid, node: Option<&str>) -> Result<Items, StanzaError> {
    cx.require_sight(account)?;
    let mut items = Items::new(node);
    items.items = match node {
        Some(node) => cx.account_items(account, Some(node)),
        None => cx.account_items(account, None),
    };
    if node.is_some() && items.items.is_empty() && cx.account_node(account, node.unwrap_or_default()).is_none() {
        return Err(Condition::ItemNotFound.into());
    }
    // A collector's catalogue is at its resource: show those who see its presence the way there.
    if node.is_none() && cx.role(account) == Some(Role::Collector) {
        for session in cx.available(account) {
            items = items.item(session.jid().as_str(), None, None);
        }
    }
    Ok(items)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::modules::dialogue::{ask, get, outcome, present};
    use crate::router::bench::Bench;
    use crate::xml::{Build, CLIENT, element};

    const INFO: &str = "<query xmlns='http://jabber.org/protocol/disco#info'/>";
    const ITEMS: &str = "<query xmlns='http://jabber.org/protocol/disco#items'/>";

    fn info(query: &Element) -> Info {
        Info::from_element(query).expect("a disco#info result")
    }

    #[test]
    fn the_server_answers_for_what_its_capabilities_advertise() {
        let bench = Bench::new();
        let ada = bench.online("ada/desk");
        let answer = info(&get(&ada, Some("mon.example"), INFO));
        assert_eq!(
            (
                answer.identities[0].category.as_str(),
                answer.identities[0].kind.as_str()
            ),
            ("server", "im")
        );
        let c = server_capabilities(&crate::modules::all(), &Vec::new());
        assert_eq!(c.attr("ver"), ver(&answer, Algorithm::Sha1).ok().as_deref());

        let node = [NODE, c.attr("ver").unwrap_or_default()].join("#");
        let query = element("query", ns::DISCO_INFO).with("node", &node).build();
        let of_node = info(&get(&ada, Some("mon.example"), &String::from(&query)));
        assert_eq!((of_node.node, of_node.features), (Some(node), answer.features));
        let query = "<query xmlns='http://jabber.org/protocol/disco#info' node='watchpost#x'/>";
        assert_eq!(outcome(&ada, "get", Some("mon.example"), query), "item-not-found");
    }

    #[test]
    fn contact_addresses_are_a_form_that_the_capabilities_cover() {
        let contacts: Contacts = vec![
            ("abuse-addresses", vec![]),
            ("admin-addresses", vec!["mailto:a@x".to_owned(), "xmpp:a@x".to_owned()]),
        ];
        let told = server_info([ns::DISCO_INFO], &contacts);
        let form = &told.forms[0];
        let fields: Vec<(Option<&str>, String)> = form
            .children()
            .map(|field| {
                (
                    field.attr("var"),
                    field.children().map(Element::text).collect::<Vec<_>>().join(" "),
                )
            })
            .collect();
        assert_eq!(
            fields,
            [
                (Some("FORM_TYPE"), "http://jabber.org/network/serverinfo".to_owned()),
                (Some("admin-addresses"), "mailto:a@x xmpp:a@x".to_owned()),
            ]
        );
        assert_ne!(own_ver(&told), own_ver(&server_info([ns::DISCO_INFO], &Vec::new())));
    }

    #[test]
    fn what_the_server_answers_it_advertises() {
        let modules = crate::modules::all();
        let features: Vec<&str> = modules
            .iter()
            .flat_map(|module| module.server_features())
            .copied()
            .collect();
        let routes = modules.iter().flat_map(|module| module.iq_routes());
        for route in routes.filter(|route| route.addressee == Addressee::Server) {
            // Session establishment is a stream feature.
            assert!(features.contains(&route.ns) || route.ns == ns::SESSION, "{}", route.ns);
        }
    }

    #[test]
    fn p10_the_server_lists_no_users() {
        let bench = Bench::new();
        let (ada, _bob) = (bench.online("ada/desk"), bench.online("bob/desk"));
        let items = get(&ada, Some("mon.example"), ITEMS);
        let jids: Vec<&str> = items.children().filter_map(|item| item.attr("jid")).collect();
        assert_eq!(jids, ["pubsub.mon.example"]);
    }

    #[test]
    fn a11_an_account_is_there_for_itself_and_its_contacts_only() {
        let bench = Bench::new();
        bench.befriend("ada", "bob");
        let (ada, bob, eve) = (
            bench.online("ada/desk"),
            bench.online("bob/desk"),
            bench.online("eve/desk"),
        );
        for (asker, to) in [(&ada, None), (&ada, Some("ada@@")), (&bob, Some("ada@@"))] {
            let answer = info(&get(asker, to, INFO));
            let kinds: Vec<&str> = answer
                .identities
                .iter()
                .map(|identity| identity.kind.as_str())
                .collect();
            assert_eq!(kinds, ["registered", "pep"]);
            assert!(
                answer
                    .features
                    .contains(&"http://jabber.org/protocol/pubsub#publish".to_owned())
            );
        }
        for query in [
            INFO,
            ITEMS,
            "<vCard xmlns='vcard-temp'/>",
            "<query xmlns='jabber:iq:last'/>",
        ] {
            for to in ["ada@@", "nobody@@"] {
                assert_eq!(
                    outcome(&eve, "get", Some(to), query),
                    "service-unavailable",
                    "{query} {to}"
                );
            }
        }
    }

    #[test]
    fn a_hosted_service_answers_for_its_bare_jid() {
        let bench = Bench::new();
        bench.befriend("ada", "bob");
        let (ada, bob) = (bench.online("ada/desk"), bench.online("bob/watchpost"));
        bob.session.answer_for_account();
        let service = get(&ada, Some("mon.example"), ITEMS)
            .children()
            .next()
            .cloned()
            .expect("an item");
        assert_eq!(service.attr("jid"), Some("bob@mon.example"));

        ada.send("<iq type='get' id='d' to='bob@@'><query xmlns='http://jabber.org/protocol/disco#info'/></iq>");
        let asked = bob.elements().pop().expect("the request");
        assert_eq!(
            (asked.attr("from"), asked.attr("to")),
            (Some("ada@mon.example/desk"), Some("bob@mon.example"))
        );
        bob.send("<iq type='result' id='d' from='bob@@' to='ada@@/desk'><answer xmlns='x'/></iq>");
        let answer = ada.elements().pop().expect("the answer");
        assert!(answer.has_child("answer", "x"));
        assert_eq!(
            answer.attr("from"),
            Some("bob@mon.example"),
            "it comes from whom was asked"
        );

        // Its roster and its nodes are the server's; its own requests do not come back to it.
        let pubsub = "<pubsub xmlns='http://jabber.org/protocol/pubsub'><items node='n'/></pubsub>";
        assert_eq!(outcome(&ada, "get", Some("bob@@"), pubsub), "item-not-found");
        assert_eq!(
            outcome(&ada, "set", Some("bob@@"), "<query xmlns='jabber:iq:roster'/>"),
            "service-unavailable"
        );
        assert_eq!(ask(&bob, "get", Some("bob@@"), INFO).attr("type"), Some("result"));
        assert!(bob.elements().iter().all(|stanza| !stanza.is("iq", CLIENT)));
    }

    #[test]
    fn a_collectors_bare_jid_shows_the_way_to_its_resource() {
        let bench = Bench::new();
        bench
            .store
            .accounts()
            .add_without_credentials("web1", Role::Collector)
            .expect("an account");
        bench.befriend("ada", "web1");
        let (ada, web1) = (bench.online("ada/desk"), bench.online("web1/watchpost"));
        present(&web1, &[]);
        let items = get(&ada, Some("web1@@"), ITEMS);
        let jids: Vec<&str> = items.children().filter_map(|item| item.attr("jid")).collect();
        assert_eq!(jids, ["web1@mon.example/watchpost"]);
    }
}
