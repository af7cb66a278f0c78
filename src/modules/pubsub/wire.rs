//! XEP-0060: requests as they are written. The elements are read here and not by xmpp-parsers' types, whose errors
//! cannot say which of the XEP's conditions was met.

use super::error::{bad_request, unsupported};
use super::request::{Fields, Items, Named, NewItem, Publish, Request, Resubscribed};
use crate::stanza::rsm::SetQuery;
use crate::stanza::{Condition, StanzaError, ns, parse_jid};
use crate::store::Affiliation;
use crate::xml::Element;
use jid::{BareJid, Jid};

/// A request that was read, or why not.
type Read = Result<Request, StanzaError>;

impl Request {
    /// Reads `<pubsub/>` of either namespace, of an iq get or set.
    ///
    /// # Errors
    /// What XEP-0060 says for what is malformed, missing or not supported.
    pub fn read(pubsub: &Element, set: bool) -> Read {
        let mut verbs = pubsub.children().filter(|child| !is_companion(pubsub, child));
        let (Some(verb), None) = (verbs.next(), verbs.next()) else {
            return Err(Condition::BadRequest.into());
        };
        match (pubsub.has_ns(ns::PUBSUB_OWNER), set) {
            (false, true) => write(pubsub, verb),
            (false, false) => ask(pubsub, verb),
            (true, true) => manage(verb),
            (true, false) => inspect(verb),
        }
    }
}

/// What publishers, subscribers and creators do.
fn write(pubsub: &Element, verb: &Element) -> Read {
    match verb.name() {
        "publish" => publish(pubsub, verb).map(Request::Publish),
        "retract" => retract(verb),
        "create" => create(pubsub, verb),
        "subscribe" => subscribe(pubsub, verb),
        "unsubscribe" => named(verb).map(Request::Unsubscribe),
        "options" => {
            let form = verb.get_child("x", ns::DATA_FORMS).ok_or(Condition::BadRequest)?;
            Ok(Request::SetOptions(named(verb)?, submitted(form)))
        }
        "affiliations" => Err(unsupported("modify-affiliations")),
        _ => Err(Condition::BadRequest.into()),
    }
}

/// What anybody may ask for.
fn ask(pubsub: &Element, verb: &Element) -> Read {
    match verb.name() {
        "items" => items(pubsub, verb),
        "subscriptions" => Ok(Request::Subscriptions { node: node(verb).ok() }),
        "affiliations" => Ok(Request::Affiliations { node: node(verb).ok() }),
        "options" => named(verb).map(Request::Options),
        "default" => Ok(Request::DefaultOptions { node: node(verb).ok() }),
        _ => Err(Condition::BadRequest.into()),
    }
}

/// What owners do.
fn manage(verb: &Element) -> Read {
    match verb.name() {
        "configure" => configure(verb),
        "delete" => Ok(Request::Delete {
            node: node(verb)?,
            redirect: redirect(verb),
        }),
        "purge" => Ok(Request::Purge { node: node(verb)? }),
        "affiliations" => affiliate(verb),
        "subscriptions" => resubscribe(verb),
        "collection" => associate(verb),
        _ => Err(Condition::BadRequest.into()),
    }
}

/// What owners ask for.
fn inspect(verb: &Element) -> Read {
    match verb.name() {
        "default" => Ok(Request::Default {
            is_collection: verb.attr("type") == Some("collection"),
        }),
        "configure" => Ok(Request::Configuration { node: node(verb)? }),
        "affiliations" => Ok(Request::NodeAffiliations { node: node(verb)? }),
        "subscriptions" => Ok(Request::NodeSubscriptions { node: node(verb)? }),
        _ => Err(Condition::BadRequest.into()),
    }
}

/// An element that only goes with another.
fn is_companion(pubsub: &Element, child: &Element) -> bool {
    match child.name() {
        "publish-options" => true,
        "configure" => child.has_ns(ns::PUBSUB),
        "set" => child.has_ns(ns::RSM),
        "options" => pubsub.has_child("subscribe", ns::PUBSUB),
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

fn subid(verb: &Element) -> Option<String> {
    verb.attr("subid").filter(|id| !id.is_empty()).map(str::to_owned)
}

fn named(verb: &Element) -> Result<Named, StanzaError> {
    Ok(Named {
        node: node(verb)?,
        jid: jid(verb)?,
        subid: subid(verb),
    })
}

fn publish(pubsub: &Element, verb: &Element) -> Result<Publish, StanzaError> {
    let node = node(verb)?;
    let items = verb.children().filter(|child| child.is("item", ns::PUBSUB));
    Ok(Publish {
        node,
        items: items.map(new_item).collect::<Result<_, _>>()?,
        options: companion(pubsub, "publish-options")?.unwrap_or_default(),
    })
}

fn new_item(item: &Element) -> Result<NewItem, StanzaError> {
    let mut payloads = item.children();
    let payload = payloads.next().cloned();
    if payloads.next().is_some() {
        return Err(bad_request("invalid-payload"));
    }
    Ok(NewItem { id: id(item), payload })
}

fn retract(verb: &Element) -> Read {
    let node = node(verb)?;
    let ids = ids(verb);
    if ids.is_empty() {
        return Err(bad_request("item-required"));
    }
    let notify = verb.attr("notify").is_some_and(|notify| matches!(notify, "true" | "1"));
    Ok(Request::Retract { node, ids, notify })
}

fn items(pubsub: &Element, verb: &Element) -> Read {
    let max = match verb.attr("max_items") {
        None => None,
        Some(max) => Some(max.parse().map_err(|_| StanzaError::from(Condition::BadRequest))?),
    };
    let is_paged = pubsub.has_child("set", ns::RSM);
    let page = is_paged.then(|| SetQuery::within(pubsub)).transpose()?;
    Ok(Request::Items(Items {
        node: node(verb)?,
        ids: ids(verb),
        max,
        page,
        subid: subid(verb),
    }))
}

fn create(pubsub: &Element, verb: &Element) -> Read {
    // Section 8.1.3: it has the name already.
    let configure = pubsub.get_child("configure", ns::PUBSUB);
    if configure.is_some_and(|configure| configure.attr("node").is_some()) {
        return Err(Condition::BadRequest.into());
    }
    Ok(Request::Create {
        node: node(verb).ok(),
        fields: companion(pubsub, "configure")?.unwrap_or_default(),
    })
}

fn subscribe(pubsub: &Element, verb: &Element) -> Read {
    // Section 6.3.7: node and JID are those of the subscription.
    let options = pubsub.get_child("options", ns::PUBSUB);
    if options.is_some_and(|options| options.attr("node").is_some() || options.attr("jid").is_some()) {
        return Err(Condition::BadRequest.into());
    }
    Ok(Request::Subscribe {
        node: node(verb)?,
        jid: jid(verb)?,
        options: companion(pubsub, "options")?,
    })
}

fn configure(verb: &Element) -> Read {
    let form = verb.get_child("x", ns::DATA_FORMS).ok_or(Condition::BadRequest)?;
    Ok(Request::Configure {
        node: node(verb)?,
        fields: submitted(form),
    })
}

fn redirect(verb: &Element) -> Option<String> {
    let redirect = verb.get_child("redirect", ns::PUBSUB_OWNER)?;
    redirect.attr("uri").map(str::to_owned)
}

fn affiliate(verb: &Element) -> Read {
    let changes = verb.children().filter(|child| child.attr("affiliation").is_some());
    let affiliations: Vec<_> = changes.map(affiliation).collect::<Result<_, _>>()?;
    let twice = |index: usize| {
        affiliations[..index]
            .iter()
            .any(|(jid, _)| *jid == affiliations[index].0)
    };
    if (1..affiliations.len()).any(twice) {
        return Err(Condition::BadRequest.into());
    }
    Ok(Request::Affiliate {
        node: node(verb)?,
        affiliations,
    })
}

fn affiliation(child: &Element) -> Result<(BareJid, Option<Affiliation>), StanzaError> {
    let affiliation = match child.attr("affiliation") {
        Some("none") => None,
        Some(word) => Some(word.parse().map_err(|()| StanzaError::from(Condition::BadRequest))?),
        None => return Err(Condition::BadRequest.into()),
    };
    Ok((jid(child)?.to_bare(), affiliation))
}

fn resubscribe(verb: &Element) -> Read {
    let changes = verb
        .children()
        .filter_map(|child| Some((child, child.attr("subscription")?)));
    let changed = |(child, state): (&Element, &str)| {
        Ok(Resubscribed {
            jid: jid(child)?,
            subid: subid(child),
            state: state.to_owned(),
        })
    };
    Ok(Request::Resubscribe {
        node: node(verb)?,
        changes: changes.map(changed).collect::<Result<_, StanzaError>>()?,
    })
}

fn associate(verb: &Element) -> Read {
    let mut children = verb.children();
    let (Some(child), None) = (children.next(), children.next()) else {
        return Err(Condition::BadRequest.into());
    };
    let associate = match child.name() {
        "associate" => true,
        "dissociate" => false,
        _ => return Err(Condition::BadRequest.into()),
    };
    Ok(Request::Associate {
        collection: node(verb)?,
        node: node(child)?,
        associate,
    })
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

/// The form in a companion element, if there is one.
fn companion(pubsub: &Element, name: &str) -> Result<Option<Fields>, StanzaError> {
    let Some(companion) = pubsub.get_child(name, ns::PUBSUB) else {
        return Ok(None);
    };
    match companion.get_child("x", ns::DATA_FORMS) {
        Some(form) => Ok(Some(fields(form))),
        // Section 8.1.3: an empty <configure/> asks for the default.
        None if name == "configure" => Ok(None),
        None => Err(Condition::BadRequest.into()),
    }
}

/// The fields of a form; `None` when it is cancelled.
fn submitted(form: &Element) -> Option<Fields> {
    (form.attr("type") != Some("cancel")).then(|| fields(form))
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
            (
                "<publish node='n'><item><a xmlns='a'/><b xmlns='b'/></item></publish>",
                "invalid-payload",
            ),
            ("<retract><item id='i'/></retract>", "nodeid-required"),
            ("<retract node='n'/>", "item-required"),
            ("<retract node='n'><item/></retract>", "item-required"),
            ("<subscribe node='n'/>", "jid-required"),
            ("<subscribe jid='a@x'/>", "nodeid-required"),
            ("<unsubscribe node='n'/>", "jid-required"),
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
            ("<create node='n'/><configure node='n'/>", true),
            ("<subscribe node='n' jid='a@x'/><options node='n'/>", true),
            ("<options node='n' jid='a@x'/>", true),
            ("<unsubscribe node='n' jid='a@x'/><options/>", true),
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
        assert_eq!(
            (publish.node.as_str(), publish.items[0].id.as_deref()),
            ("n", Some("i"))
        );
        assert_eq!(
            publish.options,
            [("pubsub#access_model".to_owned(), vec!["whitelist".to_owned()])]
        );
    }
}
