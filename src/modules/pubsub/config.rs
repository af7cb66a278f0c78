//! XEP-0060 section 16.4.4: a node's configuration, as the form `pubsub#node_config`.
//!
//! One table says what every field is, reads and writes: the owner's form, the preconditions of a publish and the
//! metadata are all made from it.

use super::error::{error, precondition_not_met};
use super::form::{self, Field, boolean_field, bound_field, choice_field, text_field, texts_field};
use super::request::Fields;
use super::service::Face;
use crate::stanza::{Condition, StanzaError, ns};
use crate::store::{AccessModel, ChildrenPolicy, Node, NodeConfig, NotificationType, PublishModel, SendLast};
use crate::xml::Element;
use chrono::{DateTime, SecondsFormat, Utc};

/// The metadata form's type (section 16.4.3).
const META_DATA: &str = "http://jabber.org/protocol/pubsub#meta-data";
/// The variable of a collection's nodes, which are kept as what their nodes belong to.
pub const CHILDREN: &str = "pubsub#children";

/// What every node has.
const COMMON: &[Field<NodeConfig>] = &[
    text_field!("pubsub#title", title, "A name for the node"),
    text_field!("pubsub#description", description, "A description of the node"),
    choice_field!(
        "pubsub#access_model",
        access_model,
        "Who may subscribe and retrieve items",
        AccessModel
    ),
    texts_field!(
        "pubsub#roster_groups_allowed",
        roster_groups,
        "text-multi",
        "Roster groups that may subscribe and retrieve items"
    ),
    boolean_field!("pubsub#subscribe", subscribe, "Whether to allow subscriptions"),
    boolean_field!(
        "pubsub#deliver_notifications",
        deliver_notifications,
        "Whether to notify at all"
    ),
    choice_field!(
        "pubsub#notification_type",
        notification_type,
        "The type of the messages that notify",
        NotificationType
    ),
    boolean_field!(
        "pubsub#presence_based_delivery",
        presence_based_delivery,
        "Whether to notify those alone who are available"
    ),
    boolean_field!(
        "pubsub#notify_delete",
        notify_delete,
        "Whether to notify of the node's deletion"
    ),
    boolean_field!(
        "pubsub#notify_config",
        notify_config,
        "Whether to notify of a new configuration"
    ),
    boolean_field!(
        "pubsub#notify_sub",
        notify_sub,
        "Whether to tell owners of subscribers who come and go"
    ),
];

/// What holds items.
const LEAF: &[Field<NodeConfig>] = &[
    text_field!("pubsub#type", payload_type, "Namespace of the payloads"),
    choice_field!("pubsub#publish_model", publish_model, "Who may publish", PublishModel),
    boolean_field!("pubsub#persist_items", persist_items, "Whether to keep items"),
    Field {
        var: "pubsub#max_items",
        kind: "text-single",
        label: "Items to keep, or max",
        options: &[],
        read: |config| vec![max_items_text(config.max_items)],
        write: |config, values| {
            config.max_items = max_items(values)?;
            Some(())
        },
    },
    bound_field!(
        "pubsub#item_expire",
        item_expire,
        "Seconds after which an item goes, or max"
    ),
    bound_field!(
        "pubsub#max_payload_size",
        max_payload_size,
        "Bytes that a payload may have, or max"
    ),
    choice_field!(
        "pubsub#send_last_published_item",
        send_last_published_item,
        "When to send the last published item",
        SendLast
    ),
    boolean_field!(
        "pubsub#deliver_payloads",
        deliver_payloads,
        "Whether notifications carry the payload"
    ),
    boolean_field!(
        "pubsub#notify_retract",
        notify_retract,
        "Whether to notify of items retracted"
    ),
];

/// What the graph of nodes is made of (XEP-0248), which accounts do not have.
const GRAPH: &[Field<NodeConfig>] = &[
    Field {
        var: "pubsub#node_type",
        kind: "list-single",
        label: "Whether the node holds items or nodes",
        options: &["leaf", "collection"],
        read: |config| vec![if config.is_collection { "collection" } else { "leaf" }.to_owned()],
        write: |config, values| {
            config.is_collection = match form::single(values)? {
                "leaf" => false,
                "collection" => true,
                _ => return None,
            };
            Some(())
        },
    },
    texts_field!(
        "pubsub#collection",
        collections,
        "text-multi",
        "The collections that the node belongs to"
    ),
];

/// What collections have (XEP-0248 section 6.2.1).
const COLLECTION: &[Field<NodeConfig>] = &[
    choice_field!(
        "pubsub#children_association_policy",
        children_policy,
        "Who may associate nodes with the collection",
        ChildrenPolicy
    ),
    texts_field!(
        "pubsub#children_association_whitelist",
        children_whitelist,
        "jid-multi",
        "Those who may, where the policy is a whitelist"
    ),
    bound_field!(
        "pubsub#children_max",
        children_max,
        "Nodes that the collection may have, or max"
    ),
];

/// The fields of such a node.
fn table(face: Face, is_collection: bool) -> impl Iterator<Item = &'static Field<NodeConfig>> + Clone {
    let graph = if face == Face::Domain { GRAPH } else { &[] };
    let own = if is_collection { COLLECTION } else { LEAF };
    COMMON.iter().chain(graph).chain(own)
}

/// All fields, whatever the node.
fn every(face: Face) -> impl Iterator<Item = &'static Field<NodeConfig>> + Clone {
    let collection = if face == Face::Domain { COLLECTION } else { &[] };
    table(face, false).chain(collection)
}

/// The owner's form (section 8.2.2), or that of the defaults (section 8.3.2), with the nodes of a collection.
pub fn form(face: Face, config: &NodeConfig, children: &[String]) -> Element {
    form_of("form", face, config, children)
}

/// The configuration as notifications of a change show it (section 8.2.5.3).
pub fn result(face: Face, config: &NodeConfig, children: &[String]) -> Element {
    form_of("result", face, config, children)
}

fn form_of(kind: &'static str, face: Face, config: &NodeConfig, children: &[String]) -> Element {
    let listed = Field::<Vec<String>> {
        var: CHILDREN,
        kind: "text-multi",
        label: "The nodes of the collection",
        options: &[],
        read: Clone::clone,
        write: |_, _| Some(()),
    };
    let fields = table(face, config.is_collection).map(|field| field.to_element(config));
    let children = config.is_collection.then(|| listed.to_element(&children.to_vec()));
    form::form(kind, ns::PUBSUB_CONFIGURE, fields.chain(children))
}

/// What disco#info tells of a node (section 5.4).
pub fn metadata(face: Face, node: &Node, now: DateTime<Utc>) -> Element {
    const SHOWN: [&str; 6] = [
        "pubsub#title",
        "pubsub#description",
        "pubsub#type",
        "pubsub#access_model",
        "pubsub#publish_model",
        "pubsub#max_items",
    ];
    let config = &node.config;
    let shown = table(face, config.is_collection).filter(|field| SHOWN.contains(&field.var));
    let fields = shown
        .map(|field| field.to_element(config))
        .filter(|field| field.children().count() > 0);
    let owners = node.affiliations.iter();
    let owners = owners.filter(|(_, affiliation)| **affiliation == crate::store::Affiliation::Owner);
    let facts = [
        shown_field(
            "pubsub#creation_date",
            [node.created.to_rfc3339_opts(SecondsFormat::Secs, true)],
        ),
        shown_field("pubsub#owner", owners.map(|(jid, _)| jid.clone())),
        shown_field("pubsub#num_subscribers", [node.live(now).count().to_string()]),
    ];
    form::form("result", META_DATA, fields.chain(facts))
}

fn shown_field(var: &'static str, values: impl IntoIterator<Item = String>) -> Element {
    let values = values.into_iter().map(|text| form::value(&text));
    crate::xml::Build::with(crate::xml::element("field", ns::DATA_FORMS), "var", var)
        .append_all(values)
        .build()
}

/// Applies a submitted form (section 8.2.4). Fields that are not ours are ignored.
///
/// # Errors
/// `not-acceptable`, naming the field, for a value that it cannot have.
pub fn apply(face: Face, config: &mut NodeConfig, fields: &Fields) -> Result<(), StanzaError> {
    form::fill(every(face), config, fields).map_err(|field| {
        let text = Some(["bad value for ", field.var].concat());
        let refused = match field.var {
            "pubsub#access_model" => error(Condition::NotAcceptable, "unsupported-access-model"),
            _ => Condition::NotAcceptable.into(),
        };
        StanzaError { text, ..refused }
    })
}

/// Whether a node is configured as a publisher presumes (section 7.1.5).
///
/// # Errors
/// `precondition-not-met`, naming the first field that differs, or that is unknown.
pub fn check(face: Face, config: &NodeConfig, preconditions: &Fields) -> Result<(), StanzaError> {
    for (var, values) in preconditions {
        let mut presumed = config.clone();
        write(face, &mut presumed, var, values)?;
        if presumed != *config {
            return Err(precondition_not_met(var));
        }
    }
    Ok(())
}

/// The configuration of a node that a publish makes: the default but for the preconditions (section 7.1.5).
///
/// # Errors
/// `precondition-not-met` for one that cannot be.
pub fn presumed(face: Face, default: NodeConfig, preconditions: &Fields) -> Result<NodeConfig, StanzaError> {
    let mut config = default;
    for (var, values) in preconditions {
        write(face, &mut config, var, values)?;
    }
    Ok(config)
}

fn write(face: Face, config: &mut NodeConfig, var: &str, values: &[String]) -> Result<(), StanzaError> {
    table(face, false)
        .find(|field| field.var == var)
        .and_then(|field| (field.write)(config, values))
        .ok_or_else(|| precondition_not_met(var))
}

/// `max` is as many as the store takes, which is its own to know; so is any larger number.
fn max_items(values: &[String]) -> Option<u32> {
    match form::single(values)? {
        "max" => Some(u32::MAX),
        number => Some(number.parse::<u32>().ok()?.max(1)),
    }
}

fn max_items_text(max_items: u32) -> String {
    match max_items {
        u32::MAX => "max".to_owned(),
        number => number.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(fields: &[(&str, &str)]) -> Fields {
        let field = |(var, value): &(&str, &str)| (["pubsub#", var].concat(), vec![(*value).to_owned()]);
        fields.iter().map(field).collect()
    }

    #[test]
    fn p09_a_precondition_holds_only_if_the_node_is_so() {
        let presumptions = fields(&[("access_model", "open"), ("max_items", "max")]);
        let node = presumed(Face::Account, NodeConfig::default(), &presumptions).expect("a configuration");
        assert_eq!((node.access_model, node.max_items), (AccessModel::Open, u32::MAX));
        for met in [
            ("access_model", "open"),
            ("max_items", "max"),
            ("persist_items", "true"),
        ] {
            assert!(check(Face::Account, &node, &fields(&[met])).is_ok(), "{met:?}");
        }
        for unmet in [
            ("access_model", "whitelist"),
            ("max_items", "1"),
            ("persist_items", "maybe"),
            ("x", "y"),
        ] {
            let error = check(Face::Account, &node, &fields(&[("max_items", "max"), unmet])).expect_err("unmet");
            let pubsub = error.application.map(|element| element.name().to_owned());
            assert_eq!(
                (error.condition, pubsub.as_deref()),
                (Condition::Conflict, Some("precondition-not-met"))
            );
        }
    }

    #[test]
    fn p08_bad_values_are_refused_and_foreign_fields_ignored() {
        for bad in [
            ("access_model", "secret"),
            ("access_model", ""),
            ("publish_model", "some"),
            ("max_items", "-1"),
            ("max_items", "99999999999"),
            ("persist_items", "yes"),
            ("send_last_published_item", "sometimes"),
        ] {
            let mut config = NodeConfig::default();
            assert!(apply(Face::Account, &mut config, &fields(&[bad])).is_err(), "{bad:?}");
        }
        let mut config = NodeConfig::default();
        apply(
            Face::Account,
            &mut config,
            &fields(&[("node_type", "collection"), ("max_items", "9")]),
        )
        .expect("foreign fields are ignored");
        assert_eq!(
            config,
            NodeConfig {
                max_items: 9,
                ..NodeConfig::default()
            }
        );
    }

    #[test]
    fn the_form_reads_back_as_what_it_was_made_of() {
        let mut config = NodeConfig::default();
        let changes = [
            ("title", "T"),
            ("access_model", "roster"),
            ("roster_groups_allowed", "Friends"),
            ("item_expire", "604800"),
            ("max_payload_size", "1028"),
            ("notification_type", "normal"),
            ("publish_model", "subscribers"),
            ("notify_sub", "true"),
        ];
        apply(Face::Account, &mut config, &fields(&changes)).expect("good values");
        let mut read = NodeConfig::default();
        apply(
            Face::Account,
            &mut read,
            &super::super::wire::fields(&form(Face::Account, &config, &[])),
        )
        .expect("our own form");
        assert_eq!(read, config);
    }
}
