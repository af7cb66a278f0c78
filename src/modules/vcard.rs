//! XEP-0054: vcard-temp, with XEP-0153: vCard-Based Avatars.
//!
//! Newer avatars (XEP-0084) and nicknames (XEP-0172) are items of personal eventing, of which the server knows no more than
//! of any other.

use crate::router::{Addressee, Context, Iq, IqRoute, Module, Session, Status, Xep, refused_by_store};
use crate::stanza::{Condition, StanzaError, ns};
use crate::store::Batch;
use crate::xml::{Element, Frame, Limits, element};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jid::BareJid;
use sha1::{Digest, Sha1};

/// Keeps an account's vCard as its owner wrote it, and shows it to those who see the account's presence; to anyone else
/// there is none, and no such account either (XEP-0054 section 3.3).
#[derive(Debug)]
pub struct Vcard;

impl Module for Vcard {
    fn xeps(&self) -> &'static [Xep] {
        &[
            Xep {
                number: "XEP-0054",
                title: "vcard-temp",
                version: "1.3.0",
                status: Status::Complete,
            },
            Xep {
                number: "XEP-0153",
                title: "vCard-Based Avatars",
                version: "1.1.1",
                status: Status::Complete,
            },
            Xep {
                number: "XEP-0084",
                title: "User Avatar",
                version: "1.1.4",
                status: Status::Complete,
            },
            Xep {
                number: "XEP-0172",
                title: "User Nickname",
                version: "1.1",
                status: Status::Complete,
            },
        ]
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

    /// XEP-0153 section 3.1, for clients that do not do it themselves: a client that speaks of photos at all knows better.
    fn presence_stamp(&self, cx: &Context<'_>, session: &Session, presence: &Frame) -> Option<Element> {
        if presence.children().any(|child| child.ns == ns::VCARD_UPDATE) {
            return None;
        }
        let photo = cx.store().vcards().photo(session.node())?;
        let photo = element("photo", ns::VCARD_UPDATE).append(photo).build();
        Some(element("x", ns::VCARD_UPDATE).append(photo).build())
    }
}

fn get(cx: &Context<'_>, account: &BareJid) -> Option<Element> {
    let xml = cx.store().vcards().get(account.node()?.as_str())?;
    let frame = Frame::parse(xml, &Limits::NONE).ok()?;
    Some(frame.to_element())
}

fn set(cx: &Context<'_>, account: &BareJid, vcard: &Element) -> Result<(), StanzaError> {
    let name = account.node().ok_or(Condition::ServiceUnavailable)?.as_str();
    let (before, photo) = (cx.store().vcards().photo(name), photo_hash(vcard));
    let mut batch = Batch::new();
    let xml = Frame::from_element(vcard);
    let put = cx.store().vcards().put(&mut batch, name, xml.bytes(), photo.as_deref());
    let written = put.and_then(|()| cx.store().submit(batch));
    let ticket = written.map_err(|error| {
        tracing::info!(account = name, %error, "a vCard is refused");
        refused_by_store(&error)
    })?;
    cx.after(ticket);
    if before != photo {
        cx.stamp_again(account);
    }
    Ok(())
}

/// The SHA-1 of the picture itself, in hexadecimal; `None` when there is none, or none that can be read.
fn photo_hash(vcard: &Element) -> Option<String> {
    let photo = vcard.get_child("PHOTO", ns::VCARD)?.get_child("BINVAL", ns::VCARD)?;
    let mut base64 = photo.text();
    base64.retain(|letter| !letter.is_whitespace());
    let picture = STANDARD.decode(base64).ok().filter(|picture| !picture.is_empty())?;
    let hash = Sha1::digest(&picture);
    Some(hash.iter().map(|byte| format!("{byte:02x}")).collect())
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

    /// "abc", and what XEP-0153 makes of it.
    const PHOTO: &str =
        "<vCard xmlns='vcard-temp'><PHOTO><TYPE>image/png</TYPE><BINVAL>YW\nJj</BINVAL></PHOTO></vCard>";
    const HASH: &str = "a9993e364706816aba3e25717850c26c9cd0d89d";

    fn photos(client: &crate::router::bench::Client) -> Vec<(String, Option<String>)> {
        let photo = |presence: &Element| {
            let x = presence.get_child("x", "vcard-temp:x:update");
            let photo = x.map(|x| {
                x.get_child("photo", "vcard-temp:x:update")
                    .map_or(String::new(), Element::text)
            });
            (presence.attr("from").unwrap_or_default().to_owned(), photo)
        };
        let received = client.elements();
        let presences = received.iter().filter(|stanza| stanza.name() == "presence");
        presences.map(photo).collect()
    }

    #[test]
    fn presence_names_the_photo_where_the_client_does_not() {
        let bench = Bench::new();
        bench.befriend("ada", "bob");
        let (plain, able, bob) = (
            bench.online("ada/plain"),
            bench.online("ada/able"),
            bench.online("bob/desk"),
        );
        able.send("<presence><x xmlns='vcard-temp:x:update'/></presence>");
        bob.received();
        assert_eq!(outcome(&plain, "set", None, PHOTO), "result");
        let (from_plain, from_able) = ("ada@mon.example/plain".to_owned(), "ada@mon.example/able".to_owned());
        let hash = Some(HASH.to_owned());
        assert_eq!(photos(&bob), [(from_plain.clone(), hash.clone())], "told again at once");
        plain.send("<presence><show>away</show></presence>");
        able.send("<presence><x xmlns='vcard-temp:x:update'><photo>own</photo></x></presence>");
        assert_eq!(
            photos(&bob),
            [
                (from_plain.clone(), hash.clone()),
                (from_able.clone(), Some("own".to_owned()))
            ]
        );
        // Who comes later is told too.
        let late = bench.connect("bob/late");
        late.send("<presence/>");
        assert!(photos(&late).contains(&(from_plain.clone(), hash)));
        bob.received();
        assert_eq!(outcome(&able, "set", None, VCARD), "result");
        assert_eq!(photos(&bob), [(from_plain, None)], "the photo is gone");
        let broken = PHOTO.replace("YW", "!");
        assert_eq!(outcome(&able, "set", None, &broken), "result");
        assert!(photos(&bob).is_empty());
    }
}
