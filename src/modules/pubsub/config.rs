//! XEP-0060 section 16.4.4: a node's configuration, as the form `pubsub#node_config`.
//!
//! One table says what every field is, reads and writes: the owner's form, the preconditions of a publish and the
//! metadata are all made from it.

use super::error::precondition_not_met;
use super::wire::Fields;
use crate::stanza::{Condition, StanzaError, ns};
use crate::store::NodeConfig;
use crate::xml::{Build, Element, element};

/// Groups that may be allowed, and bytes of one text.
const GROUPS_MAX: usize = 32;
const TEXT_BYTES_MAX: usize = 1_024;
/// The metadata form's type (section 16.4.5).
const META_DATA: &str = "http://jabber.org/protocol/pubsub#meta-data";

/// A field: how it looks to people, and what it does to a configuration. `write` yields `None` for a bad value.
struct Field {
    var: &'static str,
    kind: &'static str,
    label: &'static str,
    options: &'static [&'static str],
    read: fn(&NodeConfig) -> Vec<String>,
    write: fn(&mut NodeConfig, &[String]) -> Option<()>,
}

macro_rules! boolean {
    ($var:literal, $field:ident, $label:literal) => {
        Field {
            var: $var,
            kind: "boolean",
            label: $label,
            options: &[],
            read: |config| vec![if config.$field { "1" } else { "0" }.to_owned()],
            write: |config, values| {
                config.$field = boolean(values)?;
                Some(())
            },
        }
    };
}

macro_rules! choice {
    ($var:literal, $field:ident, $label:literal, $options:expr) => {
        Field {
            var: $var,
            kind: "list-single",
            label: $label,
            options: $options,
            read: |config| vec![config.$field.as_str().to_owned()],
            write: |config, values| {
                config.$field = one_of($options, values)?.parse().ok()?;
                Some(())
            },
        }
    };
}

macro_rules! text {
    ($var:literal, $field:ident, $label:literal) => {
        Field {
            var: $var,
            kind: "text-single",
            label: $label,
            options: &[],
            read: |config| config.$field.iter().cloned().collect(),
            write: |config, values| {
                config.$field = text(values)?;
                Some(())
            },
        }
    };
}

/// Models that need an owner's approval, or other publishers than the account, are not offered (XEP-0163 section 5).
const FIELDS: &[Field] = &[
    text!("pubsub#title", title, "A name for the node"),
    text!("pubsub#type", payload_type, "Namespace of the payloads"),
    choice!(
        "pubsub#access_model",
        access_model,
        "Who may subscribe and retrieve items",
        &["open", "presence", "roster", "whitelist"]
    ),
    Field {
        var: "pubsub#roster_groups_allowed",
        kind: "text-multi",
        label: "Roster groups that may subscribe and retrieve items",
        options: &[],
        read: |config| config.roster_groups.clone(),
        write: |config, values| {
            config.roster_groups = groups(values)?;
            Some(())
        },
    },
    choice!(
        "pubsub#publish_model",
        publish_model,
        "Who may publish",
        &["publishers"]
    ),
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
    boolean!("pubsub#persist_items", persist_items, "Whether to keep items"),
    choice!(
        "pubsub#send_last_published_item",
        send_last_published_item,
        "When to send the last published item",
        &["never", "on_sub", "on_sub_and_presence"]
    ),
    boolean!(
        "pubsub#deliver_notifications",
        deliver_notifications,
        "Whether to notify at all"
    ),
    boolean!(
        "pubsub#deliver_payloads",
        deliver_payloads,
        "Whether notifications carry the payload"
    ),
    boolean!(
        "pubsub#notify_retract",
        notify_retract,
        "Whether to notify of items retracted"
    ),
    boolean!(
        "pubsub#notify_delete",
        notify_delete,
        "Whether to notify of the node's deletion"
    ),
    boolean!(
        "pubsub#notify_config",
        notify_config,
        "Whether to notify of a new configuration"
    ),
];

/// The owner's form (section 8.2.2), or that of the defaults (section 8.3.2).
pub fn form(config: &NodeConfig) -> Element {
    element("x", ns::DATA_FORMS)
        .with("type", "form")
        .append(form_type(ns::PUBSUB_CONFIGURE))
        .append_all(FIELDS.iter().map(|field| field.to_element(config)))
        .build()
}

/// What disco#info tells readers of a node (section 5.4).
pub fn metadata(config: &NodeConfig) -> Element {
    const SHOWN: [&str; 4] = ["pubsub#title", "pubsub#type", "pubsub#access_model", "pubsub#max_items"];
    let shown = FIELDS.iter().filter(|field| SHOWN.contains(&field.var));
    element("x", ns::DATA_FORMS)
        .with("type", "result")
        .append(form_type(META_DATA))
        .append_all(
            shown
                .map(|field| field.to_element(config))
                .filter(|field| field.children().count() > 0),
        )
        .build()
}

/// Applies a submitted form (section 8.2.4). Fields that are not ours are ignored.
///
/// # Errors
/// `not-acceptable`, naming the field, for a value that it cannot have.
pub fn apply(config: &mut NodeConfig, fields: &Fields) -> Result<(), StanzaError> {
    for (var, values) in fields {
        if let Some(field) = field(var) {
            (field.write)(config, values)
                .ok_or_else(|| StanzaError::new(Condition::NotAcceptable, ["bad value for ", var].concat()))?;
        }
    }
    Ok(())
}

/// Whether a node is configured as a publisher presumes (section 7.1.5).
///
/// # Errors
/// `precondition-not-met`, naming the first field that differs, or that is unknown.
pub fn check(config: &NodeConfig, preconditions: &Fields) -> Result<(), StanzaError> {
    for (var, values) in preconditions {
        let field = field(var).ok_or_else(|| precondition_not_met(var))?;
        let mut presumed = config.clone();
        (field.write)(&mut presumed, values).ok_or_else(|| precondition_not_met(var))?;
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
pub fn presumed(preconditions: &Fields) -> Result<NodeConfig, StanzaError> {
    let mut config = NodeConfig::default();
    for (var, values) in preconditions {
        field(var)
            .and_then(|field| (field.write)(&mut config, values))
            .ok_or_else(|| precondition_not_met(var))?;
    }
    Ok(config)
}

fn field(var: &str) -> Option<&'static Field> {
    FIELDS.iter().find(|field| field.var == var)
}

impl Field {
    fn to_element(&self, config: &NodeConfig) -> Element {
        let option = |option: &&str| element("option", ns::DATA_FORMS).append(value(option)).build();
        element("field", ns::DATA_FORMS)
            .with("var", self.var)
            .with("type", self.kind)
            .with("label", self.label)
            .append_all((self.read)(config).iter().map(|text| value(text)))
            .append_all(self.options.iter().map(option))
            .build()
    }
}

fn form_type(name: &str) -> Element {
    element("field", ns::DATA_FORMS)
        .with("var", "FORM_TYPE")
        .with("type", "hidden")
        .append(value(name))
        .build()
}

fn value(text: &str) -> Element {
    element("value", ns::DATA_FORMS).append(text).build()
}

fn single(values: &[String]) -> Option<&str> {
    match values {
        [value] => Some(value),
        _ => None,
    }
}

fn boolean(values: &[String]) -> Option<bool> {
    match single(values)? {
        "1" | "true" => Some(true),
        "0" | "false" => Some(false),
        _ => None,
    }
}

fn one_of<'a>(options: &[&str], values: &'a [String]) -> Option<&'a str> {
    single(values).filter(|value| options.contains(value))
}

/// At most one; an empty one is none.
fn text(values: &[String]) -> Option<Option<String>> {
    match values {
        [] => Some(None),
        [text] if text.len() <= TEXT_BYTES_MAX => Some((!text.is_empty()).then(|| text.clone())),
        _ => None,
    }
}

fn groups(values: &[String]) -> Option<Vec<String>> {
    let bounded = values.len() <= GROUPS_MAX && values.iter().all(|group| group.len() <= TEXT_BYTES_MAX);
    bounded.then(|| values.to_vec())
}

/// `max` is as many as the store takes, which is its own to know; so is any larger number.
fn max_items(values: &[String]) -> Option<u32> {
    match single(values)? {
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
    use crate::store::AccessModel;

    fn fields(fields: &[(&str, &str)]) -> Fields {
        let field = |(var, value): &(&str, &str)| (["pubsub#", var].concat(), vec![(*value).to_owned()]);
        fields.iter().map(field).collect()
    }

    #[test]
    fn p09_a_precondition_holds_only_if_the_node_is_so() {
        let node = presumed(&fields(&[("access_model", "open"), ("max_items", "max")])).expect("a configuration");
        assert_eq!((node.access_model, node.max_items), (AccessModel::Open, u32::MAX));
        for met in [
            ("access_model", "open"),
            ("max_items", "max"),
            ("persist_items", "true"),
        ] {
            assert!(check(&node, &fields(&[met])).is_ok(), "{met:?}");
        }
        for unmet in [
            ("access_model", "whitelist"),
            ("max_items", "1"),
            ("persist_items", "maybe"),
            ("x", "y"),
        ] {
            let error = check(&node, &fields(&[("max_items", "max"), unmet])).expect_err("unmet");
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
            ("access_model", "authorize"),
            ("access_model", ""),
            ("publish_model", "open"),
            ("max_items", "-1"),
            ("max_items", "99999999999"),
            ("persist_items", "yes"),
            ("send_last_published_item", "sometimes"),
        ] {
            let mut config = NodeConfig::default();
            assert!(apply(&mut config, &fields(&[bad])).is_err(), "{bad:?}");
        }
        let mut config = NodeConfig::default();
        apply(&mut config, &fields(&[("item_expire", "5"), ("max_items", "9")])).expect("foreign fields are ignored");
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
        ];
        apply(&mut config, &fields(&changes)).expect("good values");
        let mut read = NodeConfig::default();
        apply(&mut read, &super::super::wire::fields(&form(&config))).expect("our own form");
        assert_eq!(read, config);
    }
}
