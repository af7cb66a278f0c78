//! Any text as a JID: what is accepted is prepared, bounded, and comes back from the wire as itself.

use super::parse_jid;
use crate::xml::{Build, CLIENT, Frame, element};
use jid::Jid;

/// RFC 7622 section 3.1.
const PART_BYTES_MAX: usize = 1023;

/// The fuzz target.
pub fn jid(input: &[u8]) {
    let Some(jid) = std::str::from_utf8(input).ok().and_then(parse_jid) else {
        return;
    };
    assert_eq!(parse_jid(jid.as_str()).as_ref(), Some(&jid), "prepared again");
    let node = jid.node().map(|node| node.as_str()).unwrap_or_default();
    let resource = jid.resource().map(|resource| resource.as_str()).unwrap_or_default();
    let domain = jid.domain().as_str();
    for part in [node, domain, resource] {
        assert!(part.len() <= PART_BYTES_MAX, "{} bytes", part.len());
        assert!(!part.chars().any(char::is_control), "{part:?}");
    }
    // RFC 7622 section 3.3.1.
    assert!(
        !node.contains(['"', '&', '\'', '/', ':', '<', '>', '@', ' ']),
        "{node:?}"
    );
    assert!(!domain.is_empty() && !domain.contains(['/', '@', ' ']), "{domain:?}");
    on_the_wire(&jid);
}

/// An address that the server stamps names the same entity for everybody.
fn on_the_wire(jid: &Jid) {
    let frame = Frame::from_element(&element("a", CLIENT).with("from", jid.as_str()).build());
    assert_eq!(frame.attr("from").as_deref(), Some(jid.as_str()));
    assert_eq!(frame.to_element().attr("from"), Some(jid.as_str()));
}
