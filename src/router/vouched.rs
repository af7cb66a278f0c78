//! Children that only the server may write: what others trust because the server put it there.

use crate::stanza::{Stanza, ns, parse_jid};
use crate::xml::{Address, Child, Frame, Limits};
use jid::{BareJid, Jid};

/// The stanza without what its sender forged in the server's name: a delay stamp from this domain (XEP-0203), a
/// stanza-id by this domain or one of its accounts (XEP-0359 section 4), and forwarded carbons (XEP-0280 section 6),
/// in every copy. Nearly always that is the stanza itself.
pub(super) fn without_forgeries(domain: &str, stanza: Stanza) -> Stanza {
    let forged: Vec<usize> = stanza
        .frame
        .children()
        .enumerate()
        .filter(|(index, child)| is_forged(domain, &stanza.frame, *index, child))
        .map(|(index, _)| index)
        .collect();
    if forged.is_empty() {
        return stanza;
    }
    let clean = stanza.frame.deliver(&Address::default(), &forged, &[]).to_bytes();
    match Frame::parse(clean, &Limits::NONE) {
        Ok(frame) => Stanza { frame, ..stanza },
        // What was a frame is one without some of its children, too.
        Err(_) => stanza,
    }
}

fn is_forged(domain: &str, frame: &Frame, index: usize, child: &Child<'_>) -> bool {
    match (child.ns, child.name) {
        (ns::CARBONS, "received" | "sent") => true,
        (ns::DELAY, "delay") => names(frame, index, "from", |jid| jid.as_str() == domain),
        (ns::SID, "stanza-id") => names(frame, index, "by", |jid| jid.domain().as_str() == domain),
        _ => false,
    }
}

/// Whether a message that has passed an account says by which id the account's archive has it (XEP-0359).
pub fn is_archived(account: &BareJid, frame: &Frame) -> bool {
    let mut children = frame.children().enumerate();
    children.any(|(index, child)| {
        child.ns == ns::SID && child.name == "stanza-id" && names(frame, index, "by", |jid| jid == account)
    })
}

/// Whether an attribute of a child is an address of that kind.
fn names(frame: &Frame, index: usize, attribute: &str, is_ours: impl Fn(&Jid) -> bool) -> bool {
    let child = frame.child_element(index);
    let jid = child
        .as_ref()
        .and_then(|child| child.attr(attribute))
        .and_then(parse_jid);
    jid.is_some_and(|jid| is_ours(&jid))
}

#[cfg(test)]
mod tests {
    use crate::router::bench::Bench;

    #[test]
    fn s05_s03_what_only_the_server_may_say_is_cut_in_every_copy() {
        let bench = Bench::new();
        let (ada, bob) = (bench.online("ada/desk"), bench.online("bob/desk"));
        ada.send(
            "<message to='bob@@'><delay xmlns='urn:xmpp:delay' from='mon.example' stamp='x'/>\
             <stanza-id xmlns='urn:xmpp:sid:0' by='bob@@' id='1'/><body>hi</body>\
             <received xmlns='urn:xmpp:carbons:2'/><delay xmlns='urn:xmpp:delay' from='mon.example' stamp='x'/>\
             <delay xmlns='urn:xmpp:delay' from='room.other' stamp='x'/><own xmlns='x'/>\
             <stanza-id xmlns='urn:xmpp:sid:0' by='room.other' id='1'/></message>",
        );
        assert_eq!(bob.received(), ["message <ada/desk body=hi delay own stanza-id"]);
    }
}
