//! XEP-0054: vcard-temp.

use crate::router::{Addressee, Context, Iq, IqRoute, Module, Status, Xep, refused_by_store};
use crate::stanza::{Condition, StanzaError, ns};
use crate::store::Batch;
use crate::xml::{Element, Frame, Limits};
use jid::BareJid;

/// Keeps an account's vCard as its owner wrote it, and shows it to those who see the account's presence; to anyone else
/// there is none, and no such account either (XEP-0054 section 3.3).
#[derive(Debug)]
pub struct Vcard;

impl Module for Vcard {
    fn xeps(&self) -> &'static [Xep] {
        &[Xep {
            number: "XEP-0054",
            title: "vcard-temp",
            version: "1.3.0",
            status: Status::Complete,
        }]
    }

    fn server_features(&self) -> &'static [&'static str] {
        &[ns::VCARD]
    }

    fn account_features(&self) -> &'static [&'static str] {
        &[ns::VCARD]
    }

    fn iq_routes(&self) -> &'static [IqRoute] {
        const {
            &[IqRoute {
                get: true,
                set: true,
                addressee: Addressee::Account,
                ns: ns::VCARD,
                name: "vCard",
            }]
        }
    }

    fn handle_iq(&self, cx: &Context<'_>, iq: &Iq<'_>) -> Result<Option<Element>, StanzaError> {
        let account = iq.account.ok_or(Condition::ServiceUnavailable)?;
        cx.require_sight(account)?;
        let is_own = cx.asker() == Some(account);
        match (iq.set, is_own) {
            (true, true) => set(cx, account, iq.payload).map(|()| None),
            (true, false) => Err(Condition::Forbidden.into()),
            (false, _) => match get(cx, account) {
                Some(vcard) => Ok(Some(vcard)),
                None if is_own => Err(Condition::ItemNotFound.into()),
                None => Err(Condition::ServiceUnavailable.into()),
            },
        }
    }
}

fn get(cx: &Context<'_>, account: &BareJid) -> Option<Element> {
    let xml = cx.store().vcards().get(account.node()?.as_str())?;
    let frame = Frame::parse(xml, &Limits::NONE).ok()?;
    Some(frame.to_element())
}

fn set(cx: &Context<'_>, account: &BareJid, vcard: &Element) -> Result<(), StanzaError> {
    let name = account.node().ok_or(Condition::ServiceUnavailable)?;
    let mut batch = Batch::new();
    let put = cx
        .store()
        .vcards()
        .put(&mut batch, name.as_str(), Frame::from_element(vcard).bytes());
    let written = put.and_then(|()| cx.store().submit(batch));
    cx.after(written.map_err(|error| refused_by_store(&error))?);
    Ok(())
}

#[cfg(test)]
mod tests {
    use crate::modules::dialogue::{get, outcome};
    use crate::router::bench::Bench;
    use crate::xml::Element;

    const EMPTY: &str = "<vCard xmlns='vcard-temp'/>";
    const VCARD: &str = "<vCard xmlns='vcard-temp'><FN>Ada &amp; Co</FN><N><FAMILY/></N></vCard>";

    #[test]
    fn a_vcard_is_kept_whole_for_the_owner_and_the_contacts() {
        let bench = Bench::new();
        bench.befriend("ada", "bob");
        let (ada, bob, eve) = (
            bench.online("ada/desk"),
            bench.online("bob/desk"),
            bench.online("eve/desk"),
        );
        assert_eq!(outcome(&ada, "get", None, EMPTY), "item-not-found");
        assert_eq!(outcome(&bob, "get", Some("ada@@"), EMPTY), "service-unavailable");
        assert_eq!(outcome(&ada, "set", None, VCARD), "result");
        let expected: Element = VCARD.parse().expect("XML");
        assert_eq!(get(&ada, None, EMPTY), expected);
        assert_eq!(get(&bob, Some("ada@@"), EMPTY), expected);
        assert_eq!(outcome(&eve, "get", Some("ada@@"), EMPTY), "service-unavailable");
        assert_eq!(outcome(&bob, "set", Some("ada@@"), EMPTY), "forbidden");
        assert_eq!(outcome(&eve, "set", Some("ada@@"), EMPTY), "service-unavailable");
        assert_eq!(get(&ada, None, EMPTY), expected);
    }

    #[test]
    fn p12_a_vcard_out_of_all_proportion_is_refused() {
        let bench = Bench::new();
        let ada = bench.online("ada/desk");
        let large = [
            "<vCard xmlns='vcard-temp'><FN>",
            &"x".repeat(129 * 1024),
            "</FN></vCard>",
        ]
        .concat();
        assert_eq!(outcome(&ada, "set", None, &large), "resource-constraint");
    }
}
