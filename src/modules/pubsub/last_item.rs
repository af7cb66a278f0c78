//! XEP-0060 section 6.1.7 and XEP-0163 section 4.3: the last item of a node, to those who have just come.

use super::access::may_hear;
use super::item::{live_items, payload};
use super::notification::{Notification, item, published};
use super::recipients::{NOTIFY, session_party};
use super::service::{Face, LABEL, Service};
use crate::router::{Context, Session};
use crate::stanza::ns;
use crate::store::{Node, SendLast, Subscribed, Subscription};
use jid::BareJid;

/// Sends a session the last items of an account's nodes, of those that it is newly interested in.
pub fn of_account(cx: &Context<'_>, account: &BareJid, session: &Session, is_new: impl Fn(&str) -> bool) {
    if account.node().is_none() || account.domain().as_str() != cx.domain() {
        return;
    }
    let service = Service {
        cx,
        face: Face::Account,
        jid: account,
        asker: session.account(),
    };
    for (name, node) in service.nodes().nodes(service.owner()) {
        if node.config.send_last_published_item == SendLast::OnSubAndPresence && is_new(&[&name, NOTIFY].concat()) {
            send(&service, &name, &node, session, session.jid().as_str(), false);
        }
    }
}

/// Sends a session that has become available the last items of the nodes that its account is subscribed to at the
/// domain's service, where they are so configured.
pub fn of_subscriptions(cx: &Context<'_>, session: &Session) {
    let Some(jid) = cx.service(LABEL) else { return };
    let service = Service {
        cx,
        face: Face::Domain,
        jid: &jid,
        asker: session.account(),
    };
    for (name, node) in service.nodes().nodes(service.owner()) {
        if node.config.send_last_published_item == SendLast::OnSubAndPresence {
            let own = node.live_of(session.account().as_str(), service.now());
            let mut wanted = own.filter(|one| one.options.deliver && reaches(one, session));
            if let Some(subscription) = wanted.next() {
                send(&service, &name, &node, session, &subscription.jid, true);
            }
        }
    }
}

/// Sends the last item to the sessions of a new subscription.
pub fn of_subscription(service: &Service<'_, '_>, name: &str, node: &Node, subscription: &Subscription) {
    let wanted = node.config.send_last_published_item != SendLast::Never && subscription.options.deliver;
    let Some(account) = subscription
        .jid
        .split('/')
        .next()
        .and_then(|bare| BareJid::new(bare).ok())
    else {
        return;
    };
    if wanted {
        for session in service.cx.available(&account) {
            if reaches(subscription, &session) {
                send(service, name, node, &session, &subscription.jid, true);
            }
        }
    }
}

/// Whether a subscription that has been approved is under the address of a session, or its account's.
fn reaches(subscription: &Subscription, session: &Session) -> bool {
    let jid = subscription.jid.as_str();
    subscription.state == Subscribed::Subscribed && (jid == session.account().as_str() || jid == session.jid().as_str())
}

/// Sends a session the last item of a node, if it may read it.
fn send(service: &Service<'_, '_>, name: &str, node: &Node, session: &Session, to: &str, is_subscribed: bool) {
    let config = &node.config;
    let who = session_party(service, session);
    if !config.deliver_notifications || may_hear(service, name, node, who, || is_subscribed).is_err() {
        return;
    }
    if let Some(last) = live_items(service, name, config, 1).pop() {
        let body = config.deliver_payloads.then(|| payload(&last)).flatten();
        let event = published(name, [item(ns::PUBSUB_EVENT, &last.id, body)]);
        let to = match service.face {
            Face::Account => session.jid().as_str(),
            Face::Domain => to,
        };
        Notification::late(service, config.notification_type, event, last.stamp).send(service.cx, session, to, &[]);
    }
}
