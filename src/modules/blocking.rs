//! XEP-0191: Blocking Command.

use crate::router::{Addressee, Context, Iq, IqRoute, Module, Status, Xep, block_payload};
use crate::stanza::{Condition, Role, StanzaError, ns, parse_jid};
use crate::xml::Element;
use jid::Jid;

/// Answers the account's own clients. What a block keeps from whom is the router's.
#[derive(Debug)]
pub struct Blocking;

const fn route(get: bool, name: &'static str) -> IqRoute {
    IqRoute {
        get,
        set: !get,
        addressee: Addressee::OwnAccount,
        ns: ns::BLOCKING,
        name,
    }
}

impl Module for Blocking {
    fn xeps(&self) -> &'static [Xep] {
        &[Xep {
            number: "XEP-0191",
            title: "Blocking Command",
            version: "1.3",
            status: Status::Complete,
        }]
    }

    fn server_features(&self) -> &'static [&'static str] {
        &[ns::BLOCKING]
    }

    fn account_features(&self) -> &'static [&'static str] {
        &[ns::BLOCKING]
    }

    fn iq_routes(&self) -> &'static [IqRoute] {
        const { &[route(true, "blocklist"), route(false, "block"), route(false, "unblock")] }
    }

    fn handle_iq(&self, cx: &Context<'_>, iq: &Iq<'_>) -> Result<Option<Element>, StanzaError> {
        if iq.set {
            return set(cx, iq).map(|()| None);
        }
        let list = cx.watch_block_list()?;
        Ok(Some(block_payload("blocklist", list.iter())))
    }
}

fn set(cx: &Context<'_>, iq: &Iq<'_>) -> Result<(), StanzaError> {
    let account = iq.account.ok_or(Condition::InternalServerError)?;
    let jids = items(iq.payload)?;
    let ticket = match (iq.payload.name(), jids.as_slice()) {
        ("unblock", []) => cx.unblock(account, None),
        ("unblock", jids) => cx.unblock(account, Some(jids)),
        // A collector hides from nobody.
        _ if cx.role(account) == Some(Role::Collector) => Err(Condition::Forbidden.into()),
        (_, []) => Err(Condition::BadRequest.into()),
        // Section 5: an account's resources are never blocked from each other.
        (_, jids) if jids.iter().any(|jid| jid.to_bare() == *account) => Err(Condition::NotAllowed.into()),
        (_, jids) => cx.block(account, jids),
    }?;
    cx.after(ticket);
    Ok(())
}

fn items(payload: &Element) -> Result<Vec<Jid>, StanzaError> {
    let items = payload.children().filter(|child| child.is("item", ns::BLOCKING));
    let jid = |item: &Element| {
        let jid = item.attr("jid").ok_or(Condition::BadRequest)?;
        Ok(parse_jid(jid).ok_or(Condition::JidMalformed)?)
    };
    items.map(jid).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::modules::dialogue::{get, outcome};
    use crate::router::bench::{Bench, Client};

    const LIST: &str = "<blocklist xmlns='urn:xmpp:blocking'/>";

    fn order(name: &str, jids: &[&str]) -> String {
        let items: String = jids.iter().map(|jid| ["<item jid='", jid, "'/>"].concat()).collect();
        ["<", name, " xmlns='urn:xmpp:blocking'>", &items, "</", name, ">"].concat()
    }

    fn list(client: &Client) -> Vec<String> {
        let list = get(client, None, LIST);
        assert!(list.is("blocklist", ns::BLOCKING));
        let jids = list.children().filter_map(|item| item.attr("jid"));
        jids.map(str::to_owned).collect()
    }

    #[test]
    fn a_list_is_kept_and_pushed_to_those_who_asked_for_it() {
        let bench = Bench::new();
        let (desk, phone) = (bench.connect("ada/desk"), bench.connect("ada/phone"));
        assert!(list(&desk).is_empty());
        desk.send("<iq type='set' id='1'><block xmlns='urn:xmpp:blocking'><item jid='Eve@@'/><item jid='x.example'/></block></iq>");
        assert_eq!(desk.received(), ["iq set block", "iq result"]);
        assert!(phone.received().is_empty(), "it has not asked");
        assert_eq!(list(&phone), ["eve@mon.example", "x.example"]);
        desk.send("<iq type='set' id='2'><unblock xmlns='urn:xmpp:blocking'><item jid='x.example'/></unblock></iq>");
        let push = &phone.elements()[0];
        let pushed = push.get_child("unblock", ns::BLOCKING).expect("a push");
        assert_eq!(
            pushed.children().next().and_then(|item| item.attr("jid")),
            Some("x.example")
        );
        let bench = bench.restart();
        let desk = bench.connect("ada/desk");
        assert_eq!(list(&desk), ["eve@mon.example"]);
        assert_eq!(outcome(&desk, "set", None, &order("unblock", &[])), "result");
        assert!(list(&desk).is_empty());
        assert!(bench.store.blocked().all().is_empty());
    }

    #[test]
    fn what_cannot_be_blocked_is_refused_and_the_list_is_bounded() {
        let bench = Bench::new();
        let ada = bench.connect("ada/desk");
        for (jids, condition) in [
            (&[][..], "bad-request"),
            (&["@"], "jid-malformed"),
            (&["ada@mon.example"], "not-allowed"),
            (&["eve@mon.example", "ada@mon.example/phone"], "not-allowed"),
            (&["a@x", "b@x", "c@x", "d@x", "e@x", "f@x"], "resource-constraint"),
        ] {
            assert_eq!(outcome(&ada, "set", None, &order("block", jids)), condition);
        }
        let bare = "<block xmlns='urn:xmpp:blocking'><item/></block>";
        assert_eq!(outcome(&ada, "set", None, bare), "bad-request");
        assert_eq!(
            outcome(&ada, "set", None, &order("block", &["a@x", "b@x", "c@x", "d@x", "e@x"])),
            "result"
        );
        assert_eq!(
            outcome(&ada, "set", None, &order("block", &["f@x"])),
            "resource-constraint"
        );
        assert_eq!(outcome(&ada, "set", None, &order("block", &["a@x"])), "result");
        for to in ["bob@@", "mon.example"] {
            assert_eq!(outcome(&ada, "get", Some(to), LIST), "service-unavailable");
        }
        let web = bench.collector("web");
        assert_eq!(
            outcome(&web, "set", None, &order("block", &["ada@mon.example"])),
            "forbidden"
        );
    }
}
