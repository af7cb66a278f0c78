//! XEP-0163 sections 4.1 and 4.3: who is told of a node's events, and of its last item.

use super::access::may_read;
use super::item::payload;
use super::notification::{Notification, item};
use super::service::Service;
use crate::router::{Context, Session};
use crate::stanza::ns;
use crate::store::{Node, Owner, SendLast};
use jid::{BareJid, Jid};
use std::collections::BTreeSet;
use std::sync::Arc;

/// The suffix by which capabilities say that a node's events are wanted (XEP-0060 section 9.2).
const NOTIFY: &str = "+notify";

/// Tells all recipients of a node's event.
pub fn notify(service: &Service<'_, '_>, name: &str, node: &Node, notification: &Notification) {
    for session in recipients(service, name, node) {
        notification.send(service.cx, &session);
    }
}

/// The available sessions of the account, of its subscribers and of the node's own, that may read the node and want its
/// events: by their capabilities, or by a subscription to the node.
pub fn recipients(service: &Service<'_, '_>, name: &str, node: &Node) -> Vec<Arc<Session>> {
    if !node.config.deliver_notifications {
        return Vec::new();
    }
    let (cx, account) = (service.cx, service.account);
    let interest = [name, NOTIFY].concat();
    let mut accounts: BTreeSet<BareJid> = cx.subscribers(account).iter().map(Jid::to_bare).collect();
    accounts.extend(
        node.subscriptions
            .keys()
            .filter_map(|jid| Some(Jid::new(jid).ok()?.to_bare())),
    );
    accounts.insert(account.clone());
    accounts
        .iter()
        .filter(|who| may_read(cx, account, node, who).is_ok())
        .flat_map(|who| cx.available(who))
        .filter(|session| is_subscribed(node, session) || is_interested(cx, session, &interest))
        .collect()
}

fn is_subscribed(node: &Node, session: &Session) -> bool {
    let subscribed = |jid: &str| node.subscriptions.contains_key(jid);
    !node.subscriptions.is_empty() && (subscribed(session.jid().as_str()) || subscribed(session.account().as_str()))
}

fn is_interested(cx: &Context<'_>, session: &Session, interest: &str) -> bool {
    cx.caps_of(session.jid())
        .is_some_and(|features| features.contains(interest))
}

/// Sends a session the last items of an account's nodes, of those that it is newly interested in.
pub fn send_last_items(cx: &Context<'_>, account: &BareJid, session: &Session, is_new: impl Fn(&str) -> bool) {
    let Some(local) = account.node().filter(|_| account.domain().as_str() == cx.domain()) else {
        return;
    };
    for (name, node) in cx.store().pep().nodes(Owner::Account(local.as_str())) {
        if node.config.send_last_published_item == SendLast::OnSubAndPresence && is_new(&[&name, NOTIFY].concat()) {
            send_last_item(cx, account, &name, &node, session);
        }
    }
}

/// Sends a session the last item of a node, if it may read it.
pub fn send_last_item(cx: &Context<'_>, account: &BareJid, name: &str, node: &Node, session: &Session) {
    let Some(local) = account.node() else { return };
    if !node.config.deliver_notifications || may_read(cx, account, node, session.account()).is_err() {
        return;
    }
    if let Some(last) = cx.store().pep().items(Owner::Account(local.as_str()), name, 1).pop() {
        let body = if node.config.deliver_payloads {
            payload(&last)
        } else {
            None
        };
        let event = item(ns::PUBSUB_EVENT, &last.id, body);
        Notification::last(account, name, event, last.stamp).send(cx, session);
    }
}
