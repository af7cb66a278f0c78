//! XEP-0060: requests as they are written. The elements are read here and not by xmpp-parsers' types, whose errors
//! cannot say which of the XEP's conditions was met.

use super::error::{bad_request, unsupported};
use crate::stanza::{Condition, StanzaError, ns, parse_jid};
use crate::store::Affiliation;
use crate::xml::Element;
use jid::{BareJid, Jid};

/// The fields of a submitted data form: variable, values.
pub type Fields = Vec<(String, Vec<String>)>;

/// A request to a pubsub service.
#[derive(Clone, Debug)]
pub enum Request {
    /// Section 7.1.
    Publish(Publish),
    /// Section 7.2.
    Retract {
        node: String,
        ids: Vec<String>,
        notify: bool,
    },
    /// Section 6.5.
    Items {
        node: String,
        ids: Vec<String>,
        max: Option<usize>,
    },
    /// Section 8.1.
    Create { node: Option<String>, fields: Fields },
    /// Section 6.1.
    Subscribe { node: String, jid: Jid },
    /// Section 6.2.
    Unsubscribe { node: String, jid: Jid },
    /// Section 5.6: the asker's own.
    Subscriptions { node: Option<String> },
    /// Section 8.3.
    Default,
    /// Section 8.2.1.
    Configuration { node: String },
    /// Section 8.2.4; `None` is the cancelled form.
    Configure { node: String, fields: Option<Fields> },
    /// Section 8.4.
    Delete { node: String },
    /// Section 8.5.
    Purge { node: String },
    /// Section 8.9.1: the node's.
    Affiliations { node: String },
    /// Section 8.9.2.
    Affiliate {
        node: String,
        affiliations: Vec<(BareJid, Option<Affiliation>)>,
    },
}

/// Section 7.1: one item, to a node, on conditions.
#[derive(Clone, Debug)]
pub struct Publish {
    /// The node.
    pub node: String,
    /// The item's id, if the publisher chose one.
    pub id: Option<String>,
    /// Its one payload.
    pub payload: Element,
    /// What the node's configuration must be (section 7.1.5).
    pub options: Fields,
}

impl Request {
    /// Reads `<pubsub/>` of either namespace, of an iq get or set.
    ///
    /// # Errors
    /// What XEP-0060 says for what is malformed, missing or not supported.
    pub fn read(pubsub: &Element, set: bool) -> Result<Request, StanzaError> {
        let owner = pubsub.has_ns(ns::PUBSUB_OWNER);
        let mut verbs = pubsub.children().filter(|child| !is_companion(child));
        let (Some(verb), None) = (verbs.next(), verbs.next()) else {
            return Err(Condition::BadRequest.into());
        };
        match (owner, set, verb.name()) {
            (false, true, "publish") => publish(pubsub, verb).map(Request::Publish),
            (false, true, "retract") => retract(verb),
            (false, true, "create") => create(pubsub, verb),
            (false, true, "subscribe") => Ok(Request::Subscribe {
                node: node(verb)?,
                jid: jid(verb)?,
            }),
            (false, true, "unsubscribe") => Ok(Request::Unsubscribe {
                node: node(verb)?,
                jid: jid(verb)?,
            }),
            (false, false, "items") => items(verb),
            (false, false, "subscriptions") => Ok(Request::Subscriptions { node: node(verb).ok() }),
            (_, false, "default") => Ok(Request::Default),
            (true, false, "configure") => Ok(Request::Configuration { node: node(verb)? }),
            (true, true, "configure") => configure(verb),
            (true, true, "delete") => Ok(Request::Delete { node: node(verb)? }),
            (true, true, "purge") => Ok(Request::Purge { node: node(verb)? }),
            (true, false, "affiliations") => Ok(Request::Affiliations { node: node(verb)? }),
            (true, true, "affiliations") => affiliate(verb),
            (false, _, "affiliations") => Err(unsupported("retrieve-affiliations")),
            (false, _, "options") => Err(unsupported("subscription-options")),
            (true, _, "subscriptions") => Err(unsupported("manage-subscriptions")),
            _ => Err(Condition::BadRequest.into()),
        }
    }
}

/// An element that only goes with another.
fn is_companion(child: &Element) -> bool {
    match child.name() {
        "publish-options" => true,
        "configure" => child.has_ns(ns::PUBSUB),
        "set" => child.has_ns(ns::RSM),
        _ => false,
    }
}

fn node(verb: &Element) -> Result<String, StanzaError> {
    match verb.attr("node") {
        None | Some("") => Err(bad_request("nodeid-required")),
        Some(node) => Ok(node.to_owned()),
    }
}

fn jid(verb: &Element) -> Result<Jid, StanzaError> {
    let jid = verb.attr("jid").ok_or_else(|| bad_request("jid-required"))?;
    parse_jid(jid).ok_or_else(|| Condition::JidMalformed.into())
}

fn publish(pubsub: &Element, verb: &Element) -> Result<Publish, StanzaError> {
    let node = node(verb)?;
    let mut items = verb.children().filter(|child| child.is("item", ns::PUBSUB));
    let item = items.next().ok_or_else(|| bad_request("item-required"))?;
    if items.next().is_some() {
        return Err(Condition::BadRequest.into());
    }
    let mut payloads = item.children();
    let payload = payloads.next().ok_or_else(|| bad_request("payload-required"))?;
    if payloads.next().is_some() {
        return Err(bad_request("invalid-payload"));
    }
    Ok(Publish {
        node,
        id: id(item),
        payload: payload.clone(),
        options: companion(pubsub, "publish-options")?,
    })
}

fn retract(verb: &Element) -> Result<Request, StanzaError> {
    let node = node(verb)?;
    let ids = ids(verb);
    if ids.is_empty() {
        return Err(bad_request("item-required"));
    }
    let notify = verb.attr("notify").is_some_and(|notify| matches!(notify, "true" | "1"));
    Ok(Request::Retract { node, ids, notify })
}

fn items(verb: &Element) -> Result<Request, StanzaError> {
    let max = match verb.attr("max_items") {
        None => None,
        Some(max) => Some(max.parse().map_err(|_| StanzaError::from(Condition::BadRequest))?),
    };
    Ok(Request::Items {
        node: node(verb)?,
        ids: ids(verb),
        max,
    })
}

fn create(pubsub: &Element, verb: &Element) -> Result<Request, StanzaError> {
    Ok(Request::Create {
        node: node(verb).ok(),
        fields: companion(pubsub, "configure")?,
    })
}

fn configure(verb: &Element) -> Result<Request, StanzaError> {
    let form = verb.get_child("x", ns::DATA_FORMS).ok_or(Condition::BadRequest)?;
    let fields = (form.attr("type") != Some("cancel")).then(|| fields(form));
    Ok(Request::Configure {
        node: node(verb)?,
        fields,
    })
}

fn affiliate(verb: &Element) -> Result<Request, StanzaError> {
    let affiliations = verb.children().map(affiliation).collect::<Result<_, _>>()?;
    Ok(Request::Affiliate {
        node: node(verb)?,
        affiliations,
    })
}

fn affiliation(child: &Element) -> Result<(BareJid, Option<Affiliation>), StanzaError> {
    let affiliation = match child.attr("affiliation") {
        Some("member") => Some(Affiliation::Member),
        Some("outcast") => Some(Affiliation::Outcast),
        Some("none") => None,
        // An account has one owner and one publisher: itself (XEP-0163 section 2.2).
        Some("owner" | "publisher" | "publish-only") => return Err(Condition::NotAllowed.into()),
        _ => return Err(Condition::BadRequest.into()),
    };
    Ok((jid(child)?.to_bare(), affiliation))
}

fn id(item: &Element) -> Option<String> {
    item.attr("id").filter(|id| !id.is_empty()).map(str::to_owned)
}

fn ids(verb: &Element) -> Vec<String> {
    verb.children()
        .filter(|child| child.is("item", ns::PUBSUB))
        .filter_map(id)
        .collect()
}

/// The form in a companion element; empty when there is none.
fn companion(pubsub: &Element, name: &str) -> Result<Fields, StanzaError> {
    let Some(companion) = pubsub.get_child(name, ns::PUBSUB) else {
        return Ok(Fields::new());
    };
    match companion.get_child("x", ns::DATA_FORMS) {
        Some(form) => Ok(fields(form)),
        // Section 8.1.3: an empty <configure/> asks for the default.
        None if name == "configure" => Ok(Fields::new()),
        None => Err(Condition::BadRequest.into()),
    }
}

/// The fields of a form but its type.
pub fn fields(form: &Element) -> Fields {
    form.children()
        .filter(|child| child.is("field", ns::DATA_FORMS))
        .filter_map(|field| Some((field.attr("var")?.to_owned(), values(field))))
        .filter(|(var, _)| var != "FORM_TYPE")
        .collect()
}

fn values(field: &Element) -> Vec<String> {
    field
        .children()
        .filter(|child| child.is("value", ns::DATA_FORMS))
        .map(Element::text)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn condition(xml: &str, set: bool) -> (Condition, Option<String>) {
        let error = Request::read(&xml.parse().expect("XML"), set).expect_err("a bad request");
        (
            error.condition,
            error.application.map(|element| element.name().to_owned()),
        )
    }

    #[test]
    fn p08_what_is_missing_is_named() {
        let cases = [
            ("<publish><item><a xmlns='a'/></item></publish>", "nodeid-required"),
            (
                "<publish node=''><item><a xmlns='a'/></item></publish>",
                "nodeid-required",
            ),
            ("<publish node='n'/>", "item-required"),
            ("<publish node='n'><item/></publish>", "payload-required"),
            (
                "<publish node='n'><item><a xmlns='a'/><b xmlns='b'/></item></publish>",
                "invalid-payload",
            ),
            ("<retract><item id='i'/></retract>", "nodeid-required"),
            ("<retract node='n'/>", "item-required"),
            ("<retract node='n'><item/></retract>", "item-required"),
            ("<subscribe node='n'/>", "jid-required"),
            ("<subscribe jid='a@x'/>", "nodeid-required"),
        ];
        for (verb, expected) in cases {
            let xml = ["<pubsub xmlns='http://jabber.org/protocol/pubsub'>", verb, "</pubsub>"].concat();
            let expected = (Condition::BadRequest, Some(expected.to_owned()));
            assert_eq!(condition(&xml, true), expected, "{verb}");
        }
    }

    #[test]
    fn p08_nonsense_is_a_bad_request() {
        let cases = [
            ("", true),
            ("<frobnicate node='n'/>", true),
            ("<create node='a'/><create node='b'/>", true),
            ("<publish-options/>", true),
            (
                "<publish node='n'><item><a xmlns='a'/></item><item><a xmlns='a'/></item></publish>",
                true,
            ),
            (
                "<publish node='n'><item><a xmlns='a'/></item></publish><publish-options/>",
                true,
            ),
            ("<items node='n' max_items='-1'/>", false),
            ("<items node='n' max_items='99999999999999999999999'/>", false),
            ("<publish node='n'><item><a xmlns='a'/></item></publish>", false),
        ];
        for (verb, set) in cases {
            let xml = ["<pubsub xmlns='http://jabber.org/protocol/pubsub'>", verb, "</pubsub>"].concat();
            assert_eq!(condition(&xml, set), (Condition::BadRequest, None), "{verb}");
        }
    }

    #[test]
    fn options_come_with_the_publish_and_without_their_form_type() {
        let xml = "<pubsub xmlns='http://jabber.org/protocol/pubsub'><publish node='n'><item id='i'><a xmlns='a'/></item>\
                   </publish><publish-options><x xmlns='jabber:x:data' type='submit'><field var='FORM_TYPE' type='hidden'>\
                   <value>http://jabber.org/protocol/pubsub#publish-options</value></field>\
                   <field var='pubsub#access_model'><value>whitelist</value></field></x></publish-options></pubsub>";
        let Ok(Request::Publish(publish)) = Request::read(&xml.parse().expect("XML"), true) else {
            panic!("a publish");
        };
        assert_eq!((publish.node.as_str(), publish.id.as_deref()), ("n", Some("i")));
        assert_eq!(
            publish.options,
            [("pubsub#access_model".to_owned(), vec!["whitelist".to_owned()])]
        );
    }
}
