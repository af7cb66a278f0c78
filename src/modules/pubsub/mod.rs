//! XEP-0163: Personal Eventing Protocol: every account is a pubsub service (XEP-0060).
//!
//! Strangers, who do not receive the account's presence, are answered as for an absent account, but at nodes that the
//! account has opened to everybody.

mod access;
mod config;
mod error;
#[cfg(any(test, fuzzing))]
pub(crate) mod fuzz;
mod item;
mod notification;
mod owner;
mod recipients;
mod service;
mod subscription;
#[cfg(test)]
mod tests;
mod wire;

use crate::router::{Addressee, Context, Iq, IqRoute, Module, Session, Status, Xep};
use crate::service::disco::{Info, Item};
use crate::stanza::{Condition, StanzaError, ns};
use crate::xml::{Element, Frame};
use jid::{BareJid, FullJid};
use recipients::send_last_items;
use service::Service;
use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use wire::Request;

/// Answers for the nodes of accounts, and notifies of their events.
#[derive(Debug, Default)]
pub struct Pep {
    /// What each available session with capabilities was last known to want; held while nodes change and while last
    /// items are sent, so that everybody hears of a node in the order of its changes.
    wants: Mutex<Wants>,
}

type Wants = HashMap<FullJid, Arc<BTreeSet<String>>>;

macro_rules! features {
    ($($name:literal)*) => { &[ns::PUBSUB, $(concat!("http://jabber.org/protocol/pubsub#", $name)),*] };
}

const fn route(ns: &'static str) -> IqRoute {
    IqRoute {
        get: true,
        set: true,
        addressee: Addressee::Account,
        ns,
        name: "pubsub",
    }
}

impl Module for Pep {
    fn xeps(&self) -> &'static [Xep] {
        &[
            Xep {
                number: "XEP-0163",
                title: "Personal Eventing Protocol",
                version: "1.2.2",
                status: Status::Complete,
            },
            Xep {
                number: "XEP-0060",
                title: "Publish-Subscribe",
                version: "1.30.0",
                status: Status::Partial,
            },
            Xep {
                number: "XEP-0223",
                title: "Persistent Storage of Private Data via PubSub",
                version: "1.1.1",
                status: Status::Complete,
            },
        ]
    }

    fn account_features(&self) -> &'static [&'static str] {
        features! {
            "access-presence" "auto-create" "auto-subscribe" "config-node" "config-node-max" "create-and-configure"
            "create-nodes" "delete-items" "delete-nodes" "filtered-notifications" "instant-nodes" "item-ids"
            "last-published" "member-affiliation" "meta-data" "modify-affiliations" "multi-items" "outcast-affiliation"
            "persistent-items" "presence-subscribe" "publish" "publish-options" "purge-nodes" "retract-items"
            "retrieve-default" "retrieve-items" "retrieve-subscriptions" "subscribe"
        }
    }

    fn account_identities(&self) -> &'static [(&'static str, &'static str, &'static str)] {
        &[("pubsub", "pep", "")]
    }

    fn account_items(&self, cx: &Context<'_>, account: &BareJid, asker: &BareJid, node: Option<&str>) -> Vec<Item> {
        let service = Service { cx, account, asker };
        match node {
            Some(node) => self.items(&service, node),
            None => self.nodes(&service),
        }
    }

    fn account_node(&self, cx: &Context<'_>, account: &BareJid, asker: &BareJid, node: &str) -> Option<Info> {
        let record = Service { cx, account, asker }.readable(node).ok()?;
        let info = Info::new(Some(node))
            .identity("pubsub", "leaf", "")
            .features([ns::PUBSUB]);
        Some(info.form(config::metadata(&record.config)))
    }

    fn iq_routes(&self) -> &'static [IqRoute] {
        const { &[route(ns::PUBSUB), route(ns::PUBSUB_OWNER)] }
    }

    fn handle_iq(&self, cx: &Context<'_>, iq: &Iq<'_>) -> Result<Option<Element>, StanzaError> {
        let (Some(account), Some(asker)) = (iq.account, cx.asker()) else {
            return Err(Condition::ServiceUnavailable.into());
        };
        let request = Request::read(iq.payload, iq.set)?;
        let service = Service { cx, account, asker };
        if !cx.may_see(asker, account) && !is_open(&service, &request) {
            return Err(Condition::ServiceUnavailable.into());
        }
        let _order = iq.set.then(|| self.wants());
        answer(&service, request)
    }

    fn caps_changed(&self, cx: &Context<'_>, session: &Session) {
        let mut wants = self.wants();
        let Some(now) = cx.caps_of(session.jid()) else {
            wants.remove(session.jid());
            return;
        };
        let before = wants.insert(session.jid().clone(), now.clone()).unwrap_or_default();
        let is_new = |interest: &str| now.contains(interest) && !before.contains(interest);
        let publishers = cx
            .subscriptions(session.account())
            .into_iter()
            .map(|contact| contact.to_bare());
        for publisher in publishers.chain([session.account().clone()]) {
            send_last_items(cx, &publisher, session, is_new);
        }
    }

    fn presence_unavailable(&self, _: &Context<'_>, session: &Session, _: &Frame) {
        self.wants().remove(session.jid());
    }

    fn subscription_changed(
        &self,
        cx: &Context<'_>,
        account: &BareJid,
        contact: &BareJid,
        received: bool,
        receives: bool,
    ) {
        if received || !receives {
            return;
        }
        let wants = self.wants();
        for session in cx.available(contact) {
            if let Some(wanted) = wants.get(session.jid()) {
                send_last_items(cx, account, &session, |interest| wanted.contains(interest));
            }
        }
    }
}

impl Pep {
    fn wants(&self) -> MutexGuard<'_, Wants> {
        self.wants.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn nodes(&self, service: &Service<'_, '_>) -> Vec<Item> {
        let nodes = service.nodes().nodes(service.owner()).into_iter();
        let readable =
            nodes.filter(|(_, node)| access::may_read(service.cx, service.account, node, service.asker).is_ok());
        readable
            .map(|(name, node)| Item {
                jid: service.account.to_string(),
                node: Some(name),
                name: node.config.title,
            })
            .collect()
    }

    /// The items of a node (XEP-0060 section 5.5): their names are their ids.
    fn items(&self, service: &Service<'_, '_>, node: &str) -> Vec<Item> {
        if service.readable(node).is_err() {
            return Vec::new();
        }
        let ids = service.nodes().item_ids(service.owner(), node).into_iter();
        ids.map(|id| Item {
            jid: service.account.to_string(),
            node: None,
            name: Some(id),
        })
        .collect()
    }
}

/// Whether a request is one that a stranger may make: it reads a node that is open.
fn is_open(service: &Service<'_, '_>, request: &Request) -> bool {
    match request {
        Request::Items { node, .. } | Request::Subscribe { node, .. } | Request::Unsubscribe { node, .. } => {
            service.readable(node).is_ok()
        }
        _ => false,
    }
}

fn answer(service: &Service<'_, '_>, request: Request) -> Result<Option<Element>, StanzaError> {
    match request {
        Request::Publish(publish) => item::publish(service, publish),
        Request::Retract { node, ids, notify } => item::retract(service, &node, &ids, notify),
        Request::Items { node, ids, max } => item::retrieve(service, &node, &ids, max),
        Request::Subscribe { node, jid } => subscription::subscribe(service, &node, &jid),
        Request::Unsubscribe { node, jid } => subscription::unsubscribe(service, &node, &jid),
        Request::Subscriptions { node } => subscription::list(service, node.as_deref()),
        Request::Create { node, fields } => owner::create(service, node, &fields),
        Request::Default => owner::default_configuration(service),
        Request::Configuration { node } => owner::configuration(service, &node),
        Request::Configure { node, fields } => owner::configure(service, &node, fields.as_ref()),
        Request::Delete { node } => owner::delete(service, &node),
        Request::Purge { node } => owner::purge(service, &node),
        Request::Affiliations { node } => owner::affiliations(service, &node),
        Request::Affiliate { node, affiliations } => owner::affiliate(service, &node, &affiliations),
    }
}
