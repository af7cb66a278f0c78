//! XEP-0060 section 12.3, XEP-0163 section 4 and XEP-0248 section 4.3: who is told of a node's events.

use super::access::{Party, may_hear, may_read};
use super::collection::{Ancestor, ancestors};
use super::notification::{Notification, headers};
use super::service::{Face, Service};
use crate::router::{Context, Session};
use crate::store::{Node, NotificationType, Show, Subscribed, Subscription, SubscriptionType};
use crate::xml::{CLIENT, Element};
use bytes::Bytes;
use jid::{BareJid, Jid};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// The suffix by which capabilities say that a node's events are wanted (XEP-0060 section 9.2).
pub const NOTIFY: &str = "+notify";

/// What an event is about: subscriptions to collections choose.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Concern {
    /// The items of a node.
    Items,
    /// The node itself.
    Node,
}

/// One session that is told, under which address, with which headers.
struct Delivery {
    session: Arc<Session>,
    to: String,
    headers: Option<Bytes>,
}

/// Those who are told of an event, as they were when it was asked for.
#[derive(Default)]
pub struct Audience {
    deliveries: Vec<Delivery>,
    /// Subscribers without a session to take it.
    away: Vec<String>,
    kind: NotificationType,
}

/// Subscriptions of one address, each with the index of the node that it is to.
type Held<'a> = Vec<(usize, &'a Subscription)>;

/// Tells all who are concerned of a node's event.
pub fn notify(service: &Service<'_, '_>, name: &str, node: &Node, concern: Concern, event: Element) {
    audience(service, name, node, concern).tell(service, event);
}

impl Audience {
    /// Tells them.
    pub fn tell(&self, service: &Service<'_, '_>, event: Element) {
        if self.deliveries.is_empty() && self.away.is_empty() {
            return;
        }
        let notification = Notification::new(service, self.kind, event);
        for delivery in &self.deliveries {
            let headers = delivery.headers.as_slice();
            notification.send(service.cx, &delivery.session, &delivery.to, headers);
        }
        for to in &self.away {
            notification.keep(service.cx, to);
        }
    }
}

/// Those who may read a node and want its events: by a subscription to it or to a collection above it, or, at an account,
/// by their capabilities.
pub fn audience(service: &Service<'_, '_>, name: &str, node: &Node, concern: Concern) -> Audience {
    let mut audience = Audience {
        kind: node.config.notification_type,
        ..Audience::default()
    };
    if !node.config.deliver_notifications {
        return audience;
    }
    let own = Ancestor {
        name: name.to_owned(),
        node: node.clone(),
        distance: 0,
    };
    let mut sources = vec![own];
    sources.extend(ancestors(service, &node.config.collections));
    let mut shared = vec![None; sources.len()];
    for (jid, held) in holders(service, &sources, concern) {
        let headers = headers_of(&sources, &held, &mut shared);
        subscribed(service, &sources, jid, &held, headers, &mut audience);
    }
    if service.face == Face::Account {
        interested(service, name, node, &mut audience);
    }
    audience
}

/// The subscriptions that an event concerns, by address.
fn holders<'a>(service: &Service<'_, '_>, sources: &'a [Ancestor], concern: Concern) -> BTreeMap<&'a str, Held<'a>> {
    let now = service.now();
    let mut holders: BTreeMap<&str, Held<'_>> = BTreeMap::new();
    for (index, source) in sources.iter().enumerate() {
        for subscription in source.node.live(now).filter(|one| is_concerned(source, one, concern)) {
            holders
                .entry(&subscription.jid)
                .or_default()
                .push((index, subscription));
        }
    }
    holders
}

fn is_concerned(source: &Ancestor, subscription: &Subscription, concern: Concern) -> bool {
    let options = &subscription.options;
    let wanted = match options.kind {
        SubscriptionType::All => true,
        SubscriptionType::Items => concern == Concern::Items,
        SubscriptionType::Nodes => concern == Concern::Node,
    };
    let reaches = source.distance == 0 || (wanted && source.distance <= options.depth);
    subscription.state == Subscribed::Subscribed && options.deliver && reaches
}

/// The headers of a subscriber; those with one subscription to the same node share theirs.
fn headers_of(sources: &[Ancestor], held: &Held<'_>, shared: &mut [Option<Bytes>]) -> Option<Bytes> {
    match held.as_slice() {
        [(0, _)] => None,
        [(index, _)] => {
            let header = || headers(&[sources[*index].name.as_str()], &[]);
            Some(shared[*index].get_or_insert_with(header).clone())
        }
        several => {
            let above: BTreeSet<usize> = several
                .iter()
                .map(|(index, _)| *index)
                .filter(|index| *index > 0)
                .collect();
            let collections: Vec<&str> = above.iter().map(|index| sources[*index].name.as_str()).collect();
            let ids: Vec<&str> = several.iter().map(|(_, one)| one.id.as_str()).collect();
            Some(headers(&collections, &ids))
        }
    }
}

/// The sessions of one subscribed address.
fn subscribed(
    service: &Service<'_, '_>,
    sources: &[Ancestor],
    jid: &str,
    held: &Held<'_>,
    headers: Option<Bytes>,
    audience: &mut Audience,
) {
    let Ok(address) = Jid::new(jid) else { return };
    let account = address.to_bare();
    let sessions = addressed(service, &address, &account, audience.kind);
    let away = sessions.is_empty() && address.is_bare();
    for session in sessions {
        let wanted = held.iter().any(|(_, one)| admits(&one.options.show_values, &session));
        if wanted && hears(service, sources, held, session_party(service, &session)) {
            let to = match service.face {
                Face::Account => session.jid().to_string(),
                Face::Domain => jid.to_owned(),
            };
            let headers = headers.clone();
            audience.deliveries.push(Delivery { session, to, headers });
        }
    }
    let config = &sources[0].node.config;
    let kept = config.notification_type == NotificationType::Normal && !config.presence_based_delivery;
    if away && kept && hears(service, sources, held, service.party_of(&account)) {
        audience.away.push(jid.to_owned());
    }
}

/// The sessions that take a message to an address (RFC 6121 section 8.5.2), as its type has it.
fn addressed(service: &Service<'_, '_>, address: &Jid, account: &BareJid, kind: NotificationType) -> Vec<Arc<Session>> {
    let mut sessions = service.cx.available(account);
    if !address.is_bare() {
        sessions.retain(|session| session.jid() == address);
        return sessions;
    }
    if service.face == Face::Domain {
        sessions.retain(|session| session.takes_messages());
        if kind == NotificationType::Normal {
            let highest = sessions.iter().filter_map(|session| session.priority()).max();
            sessions.retain(|session| session.priority() == highest);
        }
    }
    sessions
}

/// Whether a subscriber may hear of the node by one of its subscriptions: what a collection may not show it does not.
fn hears(service: &Service<'_, '_>, sources: &[Ancestor], held: &Held<'_>, who: Party<'_>) -> bool {
    let own = &sources[0];
    held.iter().any(|(index, _)| {
        let source = &sources[*index];
        let may_hear = may_hear(service, &source.name, &source.node, who, || true).is_ok();
        may_hear && (*index == 0 || may_read(service, &own.name, &own.node, who).is_ok())
    })
}

/// Who a session is; its role is that with which it was bound, which ends with it.
pub fn session_party<'a>(service: &Service<'_, '_>, session: &'a Session) -> Party<'a> {
    Party {
        jid: session.account(),
        role: (service.face == Face::Domain).then(|| session.role()),
    }
}

/// Whether a session shows what a subscription wants to be notified with (`pubsub#show-values`).
fn admits(wanted: &BTreeSet<Show>, session: &Session) -> bool {
    wanted.is_empty() || wanted.contains(&show(session))
}

fn show(session: &Session) -> Show {
    let Some(presence) = session.presence() else {
        return Show::default();
    };
    let mut children = presence.children();
    let index = children.position(|child| child.name == "show" && child.ns == CLIENT);
    let show = index.and_then(|index| presence.child_element(index));
    show.and_then(|show| show.text().trim().parse().ok())
        .unwrap_or_default()
}

/// The available sessions of the account and of those who receive its presence, whose capabilities ask for the node.
fn interested(service: &Service<'_, '_>, name: &str, node: &Node, audience: &mut Audience) {
    let cx = service.cx;
    let interest = [name, NOTIFY].concat();
    let contacts = cx.subscribers(service.jid).into_iter().map(|contact| contact.to_bare());
    for account in contacts.chain([service.jid.clone()]) {
        let party = service.party_of(&account);
        if may_read(service, name, node, party).is_err() {
            continue;
        }
        for session in cx.available(&account) {
            let told = audience
                .deliveries
                .iter()
                .any(|one| Arc::ptr_eq(&one.session, &session));
            if !told && is_interested(cx, &session, &interest) {
                audience.deliveries.push(Delivery {
                    to: session.jid().to_string(),
                    session,
                    headers: None,
                });
            }
        }
    }
}

fn is_interested(cx: &Context<'_>, session: &Session, interest: &str) -> bool {
    cx.caps_of(session.jid())
        .is_some_and(|features| features.contains(interest))
}
