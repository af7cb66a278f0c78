//! XEP-0060: Publish-Subscribe, with XEP-0248: PubSub Collection Nodes: one engine behind two faces. Every account is a
//! pubsub service (XEP-0163: Personal Eventing Protocol), and `pubsub.DOMAIN` is one of its own.
//!
//! At an account strangers, who do not receive its presence, are answered as for an absent account, but at nodes that it
//! has opened to them. At the domain's service the tree `hosts` is the collectors': each creates and publishes below
//! `hosts/NAME`, by the name of its account. A subscription to a collection there brings all that happens below it, at
//! any depth, unless it says otherwise (XEP-0248 would have it bring new nodes only); and nothing of a node that its
//! subscriber may not read itself.

mod access;
mod affiliation;
mod approval;
mod collection;
mod config;
mod disco;
mod error;
mod features;
mod form;
#[cfg(any(test, fuzzing))]
pub(crate) mod fuzz;
mod item;
mod last_item;
mod notification;
mod options;
mod owner;
mod publish;
mod recipients;
mod request;
mod service;
mod subscribers;
mod subscription;
#[cfg(test)]
mod tests;
mod wire;

use crate::router::{Addressee, Context, Iq, IqRoute, Module, Session, Status, Xep};
use crate::service::disco::{Info, Item};
use crate::stanza::{Condition, Stanza, StanzaError, ns};
use crate::store::Batch;
use crate::xml::{Element, Frame};
use jid::{BareJid, FullJid};
use request::Request;
use service::{Face, LABEL, Service};
use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Answers for the nodes of accounts and of the domain's service, and notifies of their events.
#[derive(Debug, Default)]
pub struct PubSub {
    /// What each available session with capabilities was last known to want; held while nodes change and while last
    /// items are sent, so that everybody hears of a node in the order of its changes.
    wants: Mutex<Wants>,
}

type Wants = HashMap<FullJid, Arc<BTreeSet<String>>>;
/// The payload of a result, or an error.
type Answer = Result<Option<Element>, StanzaError>;

const fn route(addressee: Addressee, ns: &'static str, name: &'static str, set: bool) -> IqRoute {
    IqRoute {
        get: !set || !is_command(name),
        set,
        addressee,
        ns,
        name,
    }
}

/// Commands are run, never asked for.
const fn is_command(name: &str) -> bool {
    matches!(name.as_bytes(), b"command")
}

const SERVICE: Addressee = Addressee::Service(LABEL);

impl Module for PubSub {
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
                number: "XEP-0248",
                title: "PubSub Collection Nodes",
                version: "0.5.0",
                status: Status::Partial,
            },
            Xep {
                number: "XEP-0222",
                title: "Persistent Storage of Public Data via PubSub",
                version: "1.0",
                status: Status::Complete,
            },
            Xep {
                number: "XEP-0223",
                title: "Persistent Storage of Private Data via PubSub",
                version: "1.1.1",
                status: Status::Complete,
            },
            Xep {
                number: "XEP-0131",
                title: "Stanza Headers and Internet Metadata",
                version: "1.2",
                status: Status::Partial,
            },
        ]
    }

    fn service(&self) -> Option<(&'static str, &'static str)> {
        Some((LABEL, disco::NAME))
    }

    fn account_features(&self) -> &'static [&'static str] {
        features::OF_ACCOUNT
    }

    fn account_identities(&self) -> &'static [(&'static str, &'static str, &'static str)] {
        &[("pubsub", "pep", "")]
    }

    fn account_items(&self, cx: &Context<'_>, account: &BareJid, asker: &BareJid, node: Option<&str>) -> Vec<Item> {
        let service = of_account(cx, account, asker);
        match node {
            Some(node) => disco::items_of(&service, node),
            None => disco::all_nodes(&service),
        }
    }

    fn account_node(&self, cx: &Context<'_>, account: &BareJid, asker: &BareJid, node: &str) -> Option<Info> {
        disco::node_info(&of_account(cx, account, asker), node)
    }

    fn iq_routes(&self) -> &'static [IqRoute] {
        const {
            &[
                route(Addressee::Account, ns::PUBSUB, "pubsub", true),
                route(Addressee::Account, ns::PUBSUB_OWNER, "pubsub", true),
                route(SERVICE, ns::PUBSUB, "pubsub", true),
                route(SERVICE, ns::PUBSUB_OWNER, "pubsub", true),
                route(SERVICE, ns::DISCO_INFO, "query", false),
                route(SERVICE, ns::DISCO_ITEMS, "query", false),
                route(SERVICE, ns::COMMANDS, "command", true),
            ]
        }
    }

    fn handle_iq(&self, cx: &Context<'_>, iq: &Iq<'_>) -> Answer {
        let asker = cx.asker().ok_or(Condition::ServiceUnavailable)?;
        let own = cx.service(LABEL).ok_or(Condition::ServiceUnavailable)?;
        let service = match iq.account {
            Some(account) => of_account(cx, account, asker),
            None => of_domain(cx, &own, asker),
        };
        let node = iq.payload.attr("node").filter(|node| !node.is_empty());
        match (iq.payload.ns().as_str(), iq.payload.name()) {
            (ns::DISCO_INFO, _) => disco::info(&service, node).map(Some),
            (ns::DISCO_ITEMS, _) => disco::items(&service, node).map(Some),
            (_, "command") if node == Some(approval::GET_PENDING) => approval::get_pending(&service, iq.payload),
            (_, "command") => Err(Condition::ItemNotFound.into()),
            _ => self.answer(&service, iq),
        }
    }

    fn handle_message(&self, cx: &Context<'_>, label: Option<&str>, stanza: &Stanza) -> bool {
        let (Some(asker), Some(own)) = (cx.asker(), cx.service(LABEL)) else {
            return false;
        };
        let service = match label {
            Some(LABEL) => of_domain(cx, &own, asker),
            Some(_) => return false,
            None => of_account(cx, asker, asker),
        };
        let Some(answer) = approval::answer_of(stanza) else {
            return false;
        };
        let _order = self.wants();
        if let Some(Err(refusal)) = answer.map(|fields| approval::answered(&service, &fields)) {
            tracing::debug!(?refusal, "an answer to a subscription request was ignored");
        }
        true
    }

    fn presence_available(&self, cx: &Context<'_>, session: &Session, _: &Frame, first: bool) {
        if first {
            let _order = self.wants();
            last_item::of_subscriptions(cx, session);
        }
    }

    fn account_removed(&self, cx: &Context<'_>, account: &BareJid) {
        let _order = self.wants();
        let mut batch = Batch::new();
        cx.store().pep().forget(&mut batch, account.as_str());
        if let Err(error) = cx.store().submit(batch) {
            tracing::error!(%error, "an account that was removed keeps its affiliations and subscriptions");
        }
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
            last_item::of_account(cx, &publisher, session, is_new);
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
                last_item::of_account(cx, account, &session, |interest| wanted.contains(interest));
            }
        }
    }
}

impl PubSub {
    fn wants(&self) -> MutexGuard<'_, Wants> {
        self.wants.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn answer(&self, service: &Service<'_, '_>, iq: &Iq<'_>) -> Answer {
        let request = Request::read(iq.payload, iq.set)?;
        let is_stranger = service.face == Face::Account && !service.cx.may_see(service.asker, service.jid);
        let _order = iq.set.then(|| self.wants());
        match is_stranger {
            false => answer(service, request),
            true if request.node().is_none() => Err(Condition::ServiceUnavailable.into()),
            // What a stranger may not do an absent account cannot do either.
            true => answer(service, request).map_err(|_| Condition::ServiceUnavailable.into()),
        }
    }
}

fn of_account<'a, 'r>(cx: &'a Context<'r>, account: &'a BareJid, asker: &'a BareJid) -> Service<'a, 'r> {
    Service {
        cx,
        face: Face::Account,
        jid: account,
        asker,
    }
}

fn of_domain<'a, 'r>(cx: &'a Context<'r>, own: &'a BareJid, asker: &'a BareJid) -> Service<'a, 'r> {
    Service {
        cx,
        face: Face::Domain,
        jid: own,
        asker,
    }
}

fn answer(service: &Service<'_, '_>, request: Request) -> Answer {
    match request {
        Request::Publish(new) => publish::publish(service, new),
        Request::Retract { node, ids, notify } => item::retract(service, &node, &ids, notify),
        Request::Items(items) => item::retrieve(service, &items),
        Request::Subscribe { node, jid, options } => subscription::subscribe(service, &node, &jid, options.as_ref()),
        Request::Unsubscribe(named) => subscription::unsubscribe(service, &named),
        Request::Options(named) => options::retrieve(service, &named),
        Request::SetOptions(named, fields) => options::set(service, &named, fields.as_ref()),
        Request::Subscriptions { node } => subscription::list(service, node.as_deref()),
        Request::Affiliations { node } => affiliation::own(service, node.as_deref()),
        Request::DefaultOptions { node } => options::defaults(service, node.as_deref()),
        Request::Create { node, fields } => owner::create(service, node, &fields),
        Request::Default { is_collection } => owner::default_configuration(service, is_collection),
        Request::Configuration { node } => owner::configuration(service, &node),
        Request::Configure { node, fields } => owner::configure(service, &node, fields.as_ref()),
        Request::Delete { node, redirect } => owner::delete(service, &node, redirect),
        Request::Purge { node } => owner::purge(service, &node),
        Request::NodeAffiliations { node } => affiliation::list(service, &node),
        Request::Affiliate { node, affiliations } => affiliation::change(service, &node, &affiliations),
        Request::NodeSubscriptions { node } => subscribers::list(service, &node),
        Request::Resubscribe { node, changes } => subscribers::change(service, &node, &changes),
        Request::Associate {
            collection,
            node,
            associate,
        } => collection::associate(service, &collection, &node, associate),
    }
}
