//! XEP-0402 section 5: bookmarks are items of the node `urn:xmpp:bookmarks:1`, and older clients, which keep them in private
//! XML (XEP-0048), see and change the same ones. What the node has no form for, bookmarked web pages, stays private XML.

use crate::router::Context;
use crate::stanza::{Condition, StanzaError, ns, parse_jid};
use crate::xml::{Build, Element, element};
use std::collections::BTreeMap;

/// XEP-0060 section 7.1.5.
const PUBLISH_OPTIONS: &str = "http://jabber.org/protocol/pubsub#publish-options";

/// The bookmarks as an older client reads them; `stored` is what private XML has beside the conferences.
pub(super) fn get(cx: &Context<'_>, stored: Element) -> Result<Element, StanzaError> {
    let (_, items) = published(cx)?;
    let mut storage = stored;
    for (jid, conference) in &items {
        storage.append_child(to_private(jid, conference));
    }
    Ok(storage)
}

/// Publishes and retracts what an older client has changed; returns what stays in private XML.
pub(super) fn set(cx: &Context<'_>, storage: &Element) -> Result<Element, StanzaError> {
    let (is_there, before) = published(cx)?;
    let mut after = BTreeMap::new();
    let (conferences, others): (Vec<&Element>, Vec<&Element>) = storage
        .children()
        .partition(|child| child.is("conference", ns::BOOKMARKS));
    for conference in conferences {
        let jid = conference
            .attr("jid")
            .and_then(parse_jid)
            .ok_or(Condition::BadRequest)?;
        let item = to_item(conference, before.get(jid.as_str()));
        after.insert(jid.to_string(), item);
    }
    let mut is_there = is_there;
    for (jid, item) in after.iter().filter(|(jid, item)| before.get(*jid) != Some(item)) {
        cx.perform(true, &publish(jid, item, !is_there))?;
        is_there = true;
    }
    for jid in before.keys().filter(|jid| !after.contains_key(*jid)) {
        cx.perform(true, &retract(jid))?;
    }
    let others = others.into_iter().cloned();
    Ok(element("storage", ns::BOOKMARKS).append_all(others).build())
}

/// Whether the node is there, and its items: conferences by their JID.
fn published(cx: &Context<'_>) -> Result<(bool, BTreeMap<String, Element>), StanzaError> {
    let items = element("items", ns::PUBSUB).with("node", ns::BOOKMARKS2).build();
    let answer = match cx.perform(false, &pubsub(items)) {
        Ok(answer) => answer,
        Err(error) if error.condition == Condition::ItemNotFound => return Ok((false, BTreeMap::new())),
        Err(error) => return Err(error),
    };
    let items = answer.as_ref().and_then(|pubsub| pubsub.get_child("items", ns::PUBSUB));
    let item = |item: &Element| {
        let conference = item.get_child("conference", ns::BOOKMARKS2)?;
        Some((item.attr("id")?.to_owned(), conference.clone()))
    };
    let items = items.into_iter().flat_map(Element::children);
    Ok((true, items.filter_map(item).collect()))
}

/// As XEP-0048 has it.
fn to_private(jid: &str, conference: &Element) -> Element {
    element("conference", ns::BOOKMARKS)
        .with("jid", jid)
        .with_some("name", conference.attr("name"))
        .with_some("autojoin", conference.attr("autojoin"))
        .append_all(texts(conference, ns::BOOKMARKS2, ns::BOOKMARKS))
        .build()
}

/// As XEP-0402 has it, with the extensions that newer clients have put into it (section 3.3).
fn to_item(conference: &Element, before: Option<&Element>) -> Element {
    let extensions = before.and_then(|before| before.get_child("extensions", ns::BOOKMARKS2));
    element("conference", ns::BOOKMARKS2)
        .with_some("name", conference.attr("name"))
        .with_some("autojoin", conference.attr("autojoin"))
        .append_all(texts(conference, ns::BOOKMARKS, ns::BOOKMARKS2))
        .append_all(extensions.cloned())
        .build()
}

/// Nickname and password, from one namespace in the other.
fn texts<'a>(conference: &'a Element, from: &'a str, to: &'a str) -> impl Iterator<Item = Element> + 'a {
    ["nick", "password"].into_iter().filter_map(move |name| {
        let text = conference.get_child(name, from)?.text();
        Some(element(name, to).append(text).build())
    })
}

fn publish(jid: &str, conference: &Element, is_new: bool) -> Element {
    let item = element("item", ns::PUBSUB).with("id", jid).append(conference.clone());
    let publish = element("publish", ns::PUBSUB)
        .with("node", ns::BOOKMARKS2)
        .append(item.build());
    element("pubsub", ns::PUBSUB)
        .append(publish.build())
        .append_all(is_new.then(options))
        .build()
}

/// How the node is made (section 4).
fn options() -> Element {
    let field = |var: &str, value: &str| {
        let value = element("value", ns::DATA_FORMS).append(value).build();
        element("field", ns::DATA_FORMS).with("var", var).append(value).build()
    };
    let fields = [
        ("FORM_TYPE", PUBLISH_OPTIONS),
        ("pubsub#persist_items", "true"),
        ("pubsub#max_items", "max"),
        ("pubsub#send_last_published_item", "never"),
        ("pubsub#access_model", "whitelist"),
    ];
    let x = element("x", ns::DATA_FORMS)
        .with("type", "submit")
        .append_all(fields.map(|(var, value)| field(var, value)));
    element("publish-options", ns::PUBSUB).append(x.build()).build()
}

fn retract(jid: &str) -> Element {
    let item = element("item", ns::PUBSUB).with("id", jid).build();
    let retract = element("retract", ns::PUBSUB)
        .with("node", ns::BOOKMARKS2)
        .with("notify", "true")
        .append(item);
    pubsub(retract.build())
}

fn pubsub(child: Element) -> Element {
    element("pubsub", ns::PUBSUB).append(child).build()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::modules::dialogue::{events, get, outcome, present};
    use crate::router::bench::{Bench, Client};

    const LEGACY: &str = "<query xmlns='jabber:iq:private'><storage xmlns='storage:bookmarks'/></query>";

    fn legacy(client: &Client) -> Vec<String> {
        let query = get(client, None, LEGACY);
        let storage = query.get_child("storage", ns::BOOKMARKS).expect("the storage");
        storage.children().map(String::from).collect()
    }

    fn store(client: &Client, content: &str) -> String {
        let query = [
            "<query xmlns='jabber:iq:private'><storage xmlns='storage:bookmarks'>",
            content,
            "</storage></query>",
        ];
        outcome(client, "set", None, &query.concat())
    }

    #[test]
    fn older_and_newer_clients_have_the_same_bookmarks() {
        let bench = Bench::new();
        let (old, new) = (bench.online("ada/old"), bench.online("ada/new"));
        present(&new, &["urn:xmpp:bookmarks:1+notify"]);
        assert!(legacy(&old).is_empty());
        let ops = "<conference jid='ops@rooms.example' name='Ops' autojoin='true'><nick>ada</nick></conference>";
        let url = "<url name='Docs' url='https://example.org'/>";
        new.received();
        assert_eq!(store(&old, &[ops, url].concat()), "result");
        assert_eq!(events(&new), ["ada urn:xmpp:bookmarks:1 item ops@rooms.example"]);
        assert_eq!(store(&old, &[ops, url].concat()), "result");
        assert!(events(&new).is_empty(), "nothing has changed");
        // A newer client adds one, and an extension to the other.
        for (jid, conference) in [
            (
                "dev@rooms.example",
                "<conference xmlns='urn:xmpp:bookmarks:1' name='Dev'/>",
            ),
            (
                "ops@rooms.example",
                "<conference xmlns='urn:xmpp:bookmarks:1' name='Ops' autojoin='true'><nick>ada</nick>\
                 <extensions><pin xmlns='x'/></extensions></conference>",
            ),
        ] {
            let conference: Element = conference.parse().expect("XML");
            let publish = String::from(&publish(jid, &conference, true));
            assert_eq!(outcome(&new, "set", None, &publish), "result", "{jid}");
        }
        let seen = legacy(&old);
        assert_eq!(seen.len(), 3, "{seen:?}");
        assert!(seen[0].contains("url") && seen[1].contains("dev@rooms.example") && seen[2].contains("<nick>ada"));
        // The older one takes the new one out again and renames the other.
        events(&new);
        assert_eq!(store(&old, &ops.replace("'Ops'", "'Operations'")), "result");
        assert_eq!(
            events(&new),
            [
                "ada urn:xmpp:bookmarks:1 item ops@rooms.example",
                "ada urn:xmpp:bookmarks:1 retract dev@rooms.example",
            ]
        );
        let items = "<pubsub xmlns='http://jabber.org/protocol/pubsub'><items node='urn:xmpp:bookmarks:1'/></pubsub>";
        let items = String::from(&get(&new, None, items));
        assert!(
            items.contains("Operations") && items.contains("<pin xmlns='x'/>"),
            "{items}"
        );
        assert_eq!(legacy(&old).len(), 1);
        assert_eq!(store(&old, "<conference jid='@'/>"), "bad-request");
    }

    #[test]
    fn bookmarks_are_for_their_owner_alone() {
        let bench = Bench::new();
        bench.befriend("ada", "bob");
        let (ada, bob) = (bench.online("ada/old"), bench.online("bob/desk"));
        assert_eq!(store(&ada, "<conference jid='ops@rooms.example'/>"), "result");
        let items = "<pubsub xmlns='http://jabber.org/protocol/pubsub'><items node='urn:xmpp:bookmarks:1'/></pubsub>";
        assert_eq!(outcome(&bob, "get", Some("ada@@"), items), "not-allowed closed-node");
    }
}
