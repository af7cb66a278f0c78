//! Messages that refer to others: corrections (XEP-0308), replies (XEP-0461), reactions (XEP-0444), with the fallback
//! text of old clients (XEP-0428); and messages that nobody but their recipient's client can read (XEP-0380).

use super::ns;
use crate::xml::{Build, CLIENT, Element, element};

/// What a message refers to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reference {
    /// XEP-0461: the id of the message replied to, and the text without the quotation of it.
    Reply(String, String),
    /// XEP-0444: the id of the message reacted to, and all reactions that now hold.
    Reaction(String, Vec<String>),
}

impl Reference {
    /// What a message refers to, if it does.
    pub fn of(message: &Element) -> Option<Reference> {
        if let Some(reactions) = message.get_child("reactions", ns::REACTIONS) {
            let each = reactions.children().filter(|child| child.is("reaction", ns::REACTIONS));
            let each = each.map(|reaction| reaction.text().trim().to_owned());
            return Some(Reference::Reaction(reactions.attr("id")?.to_owned(), each.collect()));
        }
        let reply = message.get_child("reply", ns::REPLY)?;
        let body = message.get_child("body", CLIENT).map(Element::text).unwrap_or_default();
        Some(Reference::Reply(reply.attr("id")?.to_owned(), unquoted(message, &body)))
    }
}

/// XEP-0308: the element that makes a message replace an earlier one.
pub fn replace(id: &str) -> Element {
    element("replace", ns::MESSAGE_CORRECT).with("id", id).build()
}

/// The name of the encryption of a message, if it is encrypted end to end.
pub fn encryption(message: &Element) -> Option<String> {
    let told = message.get_child("encryption", ns::EME);
    let named = told.map(|told| told.attr("name").unwrap_or("end-to-end encryption").to_owned());
    let known = |child: &Element| match child.ns().as_str() {
        ns::LEGACY_OMEMO | ns::OMEMO => Some("OMEMO".to_owned()),
        ns::OPENPGP | ns::LEGACY_OPENPGP => Some("OpenPGP".to_owned()),
        _ => None,
    };
    named.or_else(|| message.children().find_map(known))
}

/// The text without what XEP-0428 marks as fallback for a reply: characters are counted, not bytes.
fn unquoted(message: &Element, body: &str) -> String {
    let fallback = |child: &&Element| child.is("fallback", ns::FALLBACK) && child.attr("for") == Some(ns::REPLY);
    let Some(fallback) = message.children().find(fallback) else {
        return body.trim().to_owned();
    };
    let Some(range) = fallback.get_child("body", ns::FALLBACK) else {
        return String::new();
    };
    let position = |name: &str| range.attr(name).and_then(|number| number.parse::<usize>().ok());
    let (start, end) = (position("start").unwrap_or(0), position("end").unwrap_or(usize::MAX));
    let kept = body
        .chars()
        .enumerate()
        .filter(|(index, _)| !(start..end).contains(index));
    kept.map(|(_, c)| c).collect::<String>().trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(inner: &str) -> Element {
        ["<message xmlns='jabber:client'>", inner, "</message>"]
            .concat()
            .parse()
            .expect("XML")
    }

    #[test]
    fn a_reply_is_read_without_its_quotation() {
        let quoted = message(
            "<body>&gt; WARNING on wéb1\n&gt; disk\nack, mine</body><reply xmlns='urn:xmpp:reply:0' id='n1' to='a@b/c'/>\
             <fallback xmlns='urn:xmpp:fallback:0' for='urn:xmpp:reply:0'><body start='0' end='25'/></fallback>",
        );
        let reply = |text: &str| Some(Reference::Reply("n1".to_owned(), text.to_owned()));
        assert_eq!(Reference::of(&quoted), reply("ack, mine"));
        let plain = message("<body>on it </body><reply xmlns='urn:xmpp:reply:0' id='n1'/>");
        assert_eq!(Reference::of(&plain), reply("on it"));
        let odd = message(
            "<body>x</body><reply xmlns='urn:xmpp:reply:0' id='n1'/>\
             <fallback xmlns='urn:xmpp:fallback:0' for='urn:xmpp:reply:0'><body start='9' end='-3'/></fallback>",
        );
        assert_eq!(Reference::of(&odd), reply("x"));
        assert_eq!(Reference::of(&message("<body>ack</body>")), None);
    }

    #[test]
    fn reactions_are_read_as_a_set() {
        let two = message(
            "<reactions xmlns='urn:xmpp:reactions:0' id='n1'><reaction>👍</reaction><reaction>👀</reaction></reactions>",
        );
        let expected = ["👍", "👀"].map(str::to_owned).to_vec();
        assert_eq!(
            Reference::of(&two),
            Some(Reference::Reaction("n1".to_owned(), expected))
        );
        let without = message("<reactions xmlns='urn:xmpp:reactions:0'/>");
        assert_eq!(Reference::of(&without), None);
    }

    #[test]
    fn an_encrypted_message_is_known_by_its_name() {
        for (inner, name) in [
            (
                "<encryption xmlns='urn:xmpp:eme:0' namespace='x' name='Secret'/>",
                Some("Secret"),
            ),
            ("<encrypted xmlns='eu.siacs.conversations.axolotl'/>", Some("OMEMO")),
            ("<encrypted xmlns='urn:xmpp:omemo:2'/>", Some("OMEMO")),
            ("<x xmlns='jabber:x:encrypted'>…</x>", Some("OpenPGP")),
            ("<body>hello</body>", None),
        ] {
            assert_eq!(encryption(&message(inner)).as_deref(), name, "{inner}");
        }
    }
}
