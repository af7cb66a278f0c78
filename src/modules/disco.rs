//! XEP-0030: Service Discovery, of the server and of its accounts.
//!
//! The module itself knows nothing of features: it asks all modules. At an account's bare JID the server answers on the
//! account's behalf (RFC 6121 section 8.5), to the account itself and to subscribers of its presence; anyone else gets
//! what an absent account gives. A hosted service answers for its bare JID itself, before any module is asked.

use crate::router::{Addressee, Context, Iq, IqRoute, Module, Status, Xep};
use crate::service::caps::{Algorithm, advertisement, ver};
use crate::service::disco::{Info, Items};
use crate::stanza::{Condition, Role, StanzaError, ns};
use crate::xml::Element;
use jid::BareJid;

/// Answers disco#info and disco#items.
#[derive(Debug)]
pub struct Disco;

/// The `node` of the server's own entity capabilities (XEP-0115 section 4): what software it is.
const NODE: &str = env!("CARGO_PKG_NAME");

/// What the server says of itself, given the features of all modules.
fn server_info(features: impl IntoIterator<Item = &'static str>) -> Info {
    Info::new(None)
        .identity("server", "im", env!("CARGO_PKG_NAME"))
        .features(features)
}

/// The server's own entity capabilities (XEP-0115 section 6.3), for its stream features.
pub fn server_capabilities(modules: &[Box<dyn Module>]) -> Element {
    let features = modules.iter().flat_map(|module| module.server_features()).copied();
    advertisement(NODE, &own_ver(&server_info(features)))
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
    let mut info = server_info(cx.server_features());
    if let Some(node) = node {
        // The only node is the one that our capabilities name (XEP-0115 section 6.2).
        let advertised = node.strip_prefix(NODE).and_then(|rest| rest.strip_prefix('#'));
        if advertised != Some(own_ver(&info).as_str()) {
            return Err(Condition::ItemNotFound.into());
        }
        info.node = Some(node.to_owned());
    }
    Ok(info)
}

/// The hosted services, and nothing else: users are nobody's business.
fn server_items(cx: &Context<'_>, node: Option<&str>) -> Result<Items, StanzaError> {
    match node {
        None => Ok(cx.hosted_services().iter().fold(Items::new(None), |items, service| {
            items.item(service.as_str(), None, None)
        })),
        Some(_) => Err(Condition::ItemNotFound.into()),
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
