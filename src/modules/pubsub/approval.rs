//! XEP-0060 sections 8.6 and 8.7: owners who are asked to approve of subscriptions.

use super::form;
use super::item::new_id;
use super::request::Fields;
use super::service::Service;
use super::subscription::tell_subscriber;
use super::wire::fields;
use super::{access::owners, last_item};
use crate::stanza::{Condition, Stanza, StanzaError, ns};
use crate::store::{Node, Subscribed, Subscription};
use crate::xml::{Build, CLIENT, Element, element};

/// The form's type (section 16.4.1).
const FORM_TYPE: &str = "http://jabber.org/protocol/pubsub#subscribe_authorization";
/// The command that sends the open questions once more.
pub const GET_PENDING: &str = "http://jabber.org/protocol/pubsub#get-pending";

/// Asks the owners of a node to approve of a subscription.
pub fn ask(service: &Service<'_, '_>, name: &str, node: &Node, pending: &Subscription) {
    for owner in owners(service, node) {
        ask_one(service, name, pending, owner.as_str());
    }
}

fn ask_one(service: &Service<'_, '_>, name: &str, pending: &Subscription, owner: &str) {
    let sentence = [&pending.jid, " asks to subscribe to the node ", name, "."].concat();
    let fields = [
        field("pubsub#subid", "hidden", None, &pending.id),
        field("pubsub#node", "text-single", Some("Node"), name),
        field("pubsub#subscriber_jid", "jid-single", Some("Subscriber"), &pending.jid),
        field("pubsub#allow", "boolean", Some("Allow the subscription?"), "false"),
    ];
    let message = element("message", CLIENT)
        .with("from", service.jid.as_str())
        .with("to", owner)
        .with_some("id", new_id().ok())
        .append(element("body", CLIENT).append(sentence).build())
        .append(form::form("form", FORM_TYPE, fields));
    service.cx.route(&message.build());
}

fn field(var: &'static str, kind: &'static str, label: Option<&'static str>, value: &str) -> Element {
    element("field", ns::DATA_FORMS)
        .with("var", var)
        .with("type", kind)
        .with_some("label", label)
        .append(form::value(value))
        .build()
}

/// The form with which an owner answers, if a message carries it; `None` in it is the cancelled one.
pub fn answer_of(stanza: &Stanza) -> Option<Option<Fields>> {
    let mut children = stanza.frame.children();
    let index = children.position(|child| child.name == "x" && child.ns == ns::DATA_FORMS)?;
    let form = stanza.frame.child_element(index)?;
    let mut typed = form.children().filter(|field| field.attr("var") == Some("FORM_TYPE"));
    if typed.next()?.get_child("value", ns::DATA_FORMS)?.text() != FORM_TYPE {
        return None;
    }
    match form.attr("type") {
        Some("submit") => Some(Some(fields(&form))),
        Some("cancel") => Some(None),
        _ => None,
    }
}

/// An owner answers (section 8.6): the first one counts.
///
/// # Errors
/// `bad-request` for a form that lacks a field, `forbidden`, `item-not-found`, or what the store refused.
pub fn answered(service: &Service<'_, '_>, answer: &Fields) -> Result<(), StanzaError> {
    let get = |var: &str| {
        let found = answer.iter().find(|(name, _)| name == var);
        found.map(|(_, values)| values.as_slice())
    };
    let text = |var: &str| get(var).and_then(form::single).ok_or(Condition::BadRequest);
    let (name, jid) = (text("pubsub#node")?, text("pubsub#subscriber_jid")?);
    let allow = get("pubsub#allow")
        .and_then(form::boolean)
        .ok_or(Condition::BadRequest)?;
    let id = get("pubsub#subid").and_then(form::single);
    let node = service.owned(name)?;
    let mut pending = node.live(service.now()).filter(|one| one.state == Subscribed::Pending);
    let found = pending.find(|one| one.jid == jid && id.is_none_or(|id| id == one.id));
    decide(service, name, found.ok_or(Condition::ItemNotFound)?, allow)
}

/// Admits a pending subscriber, or turns it down, and tells it.
///
/// # Errors
/// What the store refused.
pub fn decide(service: &Service<'_, '_>, name: &str, pending: &Subscription, allow: bool) -> Result<(), StanzaError> {
    let node = service.change(name, |node| settle(node, pending, allow))?;
    tell_subscriber(service, name, pending, if allow { "subscribed" } else { "none" });
    if let Some(admitted) = node.subscribers.iter().find(|one| one.id == pending.id) {
        last_item::of_subscription(service, name, &node, admitted);
    }
    Ok(())
}

fn settle(node: &mut Node, pending: &Subscription, allow: bool) {
    match allow {
        true => {
            let mut all = node.subscribers.iter_mut();
            if let Some(found) = all.find(|one| one.id == pending.id) {
                found.state = Subscribed::Subscribed;
            }
        }
        false => node.subscribers.retain(|one| one.id != pending.id),
    }
}

/// The command `get-pending` (section 8.7): first the nodes with open questions, then those of one node, once more. It
/// keeps nothing of a session: what it needs comes with each stage.
///
/// # Errors
/// `forbidden` for who owns nothing, or not that node; `item-not-found`; `bad-request` for what is no stage.
pub fn get_pending(service: &Service<'_, '_>, command: &Element) -> Result<Option<Element>, StanzaError> {
    let session = match command.attr("sessionid").filter(|id| !id.is_empty()) {
        Some(session) => session.to_owned(),
        None => new_id()?,
    };
    let stage = |status: &'static str| {
        element("command", ns::COMMANDS)
            .with("node", GET_PENDING)
            .with("sessionid", session.as_str())
            .with("status", status)
    };
    let chosen = command.get_child("x", ns::DATA_FORMS).map(fields);
    match (command.attr("action").unwrap_or("execute"), chosen) {
        ("cancel", _) => Ok(Some(stage("canceled").build())),
        ("execute" | "next" | "complete", Some(chosen)) => {
            let named = chosen.iter().find(|(var, _)| var == "pubsub#node");
            let name = named.and_then(|(_, values)| form::single(values));
            remind(service, name.ok_or(Condition::BadRequest)?)?;
            Ok(Some(stage("completed").build()))
        }
        ("execute", None) => Ok(Some(stage("executing").append(choice(service)?).build())),
        _ => Err(Condition::BadRequest.into()),
    }
}

/// Sends the asker the open questions of a node.
fn remind(service: &Service<'_, '_>, name: &str) -> Result<(), StanzaError> {
    let node = service.owned(name)?;
    for pending in node.live(service.now()).filter(|one| one.state == Subscribed::Pending) {
        ask_one(service, name, pending, service.asker.as_str());
    }
    Ok(())
}

/// The nodes of the asker with open questions.
fn choice(service: &Service<'_, '_>) -> Result<Element, StanzaError> {
    let mut owned = service.nodes().nodes(service.owner());
    owned.retain(|(name, _)| service.owned(name).is_ok());
    if owned.is_empty() {
        return Err(Condition::Forbidden.into());
    }
    let is_open = |node: &Node| {
        let mut live = node.live(service.now());
        live.any(|one| one.state == Subscribed::Pending)
    };
    let open = owned.iter().filter(|(_, node)| is_open(node));
    let option = |name: &str| element("option", ns::DATA_FORMS).append(form::value(name)).build();
    let field = element("field", ns::DATA_FORMS)
        .with("var", "pubsub#node")
        .with("type", "list-single")
        .with("label", "Node")
        .append_all(open.map(|(name, _)| option(name)));
    Ok(form::form("form", FORM_TYPE, [field.build()]))
}
