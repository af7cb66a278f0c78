//! XEP-0060 sections 6.3 and 6.4: a subscription's options, as the form `pubsub#subscribe_options`.

use super::error::{error, not_subscribed};
use super::form::{self, Field, boolean_field, choice_field};
use super::request::{Fields, Named};
use super::service::Service;
use crate::stanza::{Condition, ErrorType, StanzaError, ns};
use crate::store::{Node, Show, Subscription, SubscriptionOptions, SubscriptionType};
use crate::xml::{Build, Element, element};
use chrono::{DateTime, SecondsFormat, Utc};

/// The form's type (section 16.4.2).
const FORM_TYPE: &str = "http://jabber.org/protocol/pubsub#subscribe_options";

/// What every subscription has.
const COMMON: &[Field<SubscriptionOptions>] = &[
    boolean_field!("pubsub#deliver", deliver, "Whether to be notified"),
    Field {
        var: "pubsub#expire",
        kind: "text-single",
        label: "When the subscription ends (date and time, or never)",
        options: &[],
        read: |options| options.expire.map(stamp).into_iter().collect(),
        write: |options, values| {
            options.expire = expire(values)?;
            Some(())
        },
    },
    Field {
        var: "pubsub#show-values",
        kind: "list-multi",
        label: "Presence with which to be notified; none means any",
        options: Show::WORDS,
        read: |options| {
            options
                .show_values
                .iter()
                .map(|show| show.as_str().to_owned())
                .collect()
        },
        write: |options, values| {
            options.show_values = values
                .iter()
                .map(|value| value.parse())
                .collect::<Result<_, _>>()
                .ok()?;
            Some(())
        },
    },
];

/// What subscriptions to collections have beside it (XEP-0248 section 5.1).
const COLLECTION: &[Field<SubscriptionOptions>] = &[
    choice_field!(
        "pubsub#subscription_type",
        kind,
        "What to be notified of",
        SubscriptionType
    ),
    Field {
        var: "pubsub#subscription_depth",
        kind: "list-single",
        label: "How far below the collection",
        options: &["1", "all"],
        read: |options| vec![depth_text(options.depth)],
        write: |options, values| {
            options.depth = depth(values)?;
            Some(())
        },
    },
];

fn table(is_collection: bool) -> impl Iterator<Item = &'static Field<SubscriptionOptions>> + Clone {
    let own: &[_] = if is_collection { COLLECTION } else { &[] };
    COMMON.iter().chain(own)
}

/// The form, filled in: `kind` is `form` or `result`.
pub fn form(kind: &'static str, is_collection: bool, options: &SubscriptionOptions) -> Element {
    let fields = table(is_collection).map(|field| field.to_element(options));
    form::form(kind, FORM_TYPE, fields)
}

/// Applies a submitted form (section 6.3.5). Fields that are not ours are ignored.
///
/// # Errors
/// `invalid-options`, naming the field.
pub fn apply(is_collection: bool, options: &mut SubscriptionOptions, fields: &Fields) -> Result<(), StanzaError> {
    form::fill(table(is_collection), options, fields).map_err(|field| StanzaError {
        text: Some(["bad value for ", field.var].concat()),
        ..error(Condition::BadRequest, "invalid-options")
    })
}

/// The options of a subscription (section 6.3.3).
///
/// # Errors
/// Those of section 6.3.4.
pub fn retrieve(service: &Service<'_, '_>, named: &Named) -> Result<Option<Element>, StanzaError> {
    let node = service.node(&named.node)?;
    let subscription = find(service, &node, named, ErrorType::Modify)?;
    let options = element("options", ns::PUBSUB)
        .with("node", named.node.as_str())
        .with("jid", named.jid.as_str())
        .with("subid", subscription.id.as_str())
        .append(form("form", node.config.is_collection, &subscription.options));
    Ok(Some(element("pubsub", ns::PUBSUB).append(options.build()).build()))
}

/// Sets the options of a subscription (section 6.3.5); a cancelled form changes nothing.
///
/// # Errors
/// Those of section 6.3.4, `invalid-options`, or what the store refused.
pub fn set(service: &Service<'_, '_>, named: &Named, fields: Option<&Fields>) -> Result<Option<Element>, StanzaError> {
    let node = service.node(&named.node)?;
    let subscription = find(service, &node, named, ErrorType::Modify)?;
    let Some(fields) = fields else { return Ok(None) };
    let mut options = subscription.options.clone();
    apply(node.config.is_collection, &mut options, fields)?;
    if conflicts(&node, subscription, &options) {
        return Err(Condition::Conflict.into());
    }
    let id = subscription.id.clone();
    service.change(&named.node, |node| {
        let mut all = node.subscribers.iter_mut();
        if let Some(subscription) = all.find(|subscription| subscription.id == id) {
            subscription.options = options;
        }
    })?;
    Ok(None)
}

/// The defaults of a subscription (section 6.4).
///
/// # Errors
/// `item-not-found`, or what the node's access model says.
pub fn defaults(service: &Service<'_, '_>, name: Option<&str>) -> Result<Option<Element>, StanzaError> {
    let is_collection = match name {
        Some(name) => service.readable(name)?.config.is_collection,
        None => false,
    };
    let default = element("default", ns::PUBSUB).with_some("node", name).append(form(
        "form",
        is_collection,
        &SubscriptionOptions::default(),
    ));
    Ok(Some(element("pubsub", ns::PUBSUB).append(default.build()).build()))
}

/// The subscription that a request names, which is the asker's own.
///
/// # Errors
/// `forbidden` for somebody else's, `not-subscribed`, `subid-required`, `invalid-subid`.
pub fn find<'a>(
    service: &Service<'_, '_>,
    node: &'a Node,
    named: &Named,
    kind: ErrorType,
) -> Result<&'a Subscription, StanzaError> {
    if named.jid.to_bare() != *service.asker && !service.is_admin() {
        return Err(Condition::Forbidden.into());
    }
    let own = node.live(service.now()).filter(|one| one.jid == named.jid.as_str());
    let own: Vec<&Subscription> = own.collect();
    match (&named.subid, own.as_slice()) {
        (_, []) => Err(not_subscribed(kind)),
        (None, [one]) => Ok(*one),
        (None, _) => Err(error(Condition::BadRequest, "subid-required")),
        (Some(id), own) => {
            let meant = own.iter().find(|one| one.id == *id);
            meant
                .copied()
                .ok_or_else(|| error(Condition::NotAcceptable, "invalid-subid"))
        }
    }
}

/// XEP-0248 section 5.1.3: whether with these options a subscription to a collection would bring what another of the same
/// subscriber brings already.
pub fn conflicts(node: &Node, subscription: &Subscription, options: &SubscriptionOptions) -> bool {
    let mut others = node
        .subscribers
        .iter()
        .filter(|other| other.jid == subscription.jid && other.id != subscription.id);
    node.config.is_collection && others.any(|other| other.options.kind == options.kind)
}

fn stamp(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Secs, true)
}

/// Nothing is no end.
fn expire(values: &[String]) -> Option<Option<DateTime<Utc>>> {
    match values {
        [] => Some(None),
        [text] if text.is_empty() => Some(None),
        [text] => Some(Some(DateTime::parse_from_rfc3339(text).ok()?.to_utc())),
        _ => None,
    }
}

fn depth(values: &[String]) -> Option<u32> {
    match form::single(values)? {
        "all" => Some(u32::MAX),
        number => number.parse().ok(),
    }
}

fn depth_text(depth: u32) -> String {
    match depth {
        u32::MAX => "all".to_owned(),
        number => number.to_string(),
    }
}
