//! What a message holds that decides about its storage and its copies: a body, and processing hints (XEP-0334).

use super::ns::HINTS;
use crate::xml::{CLIENT, Frame};

/// The hints of one message, and whether it has a body.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Hints {
    /// It says something to a person (RFC 6121 section 5.2.3).
    pub body: bool,
    /// Section 4.1: not to be kept in an archive; it may wait for somebody who is away.
    pub no_permanent_store: bool,
    /// Section 4.2: not to be kept at all.
    pub no_store: bool,
    /// Section 4.3: for the resource addressed alone.
    pub no_copy: bool,
    /// Section 4.4: to be kept though it has no body.
    pub store: bool,
}

impl Hints {
    /// Reads the heads of a message's children.
    pub fn of(frame: &Frame) -> Hints {
        let mut hints = Hints::default();
        for child in frame.children() {
            match (child.ns, child.name) {
                (CLIENT, "body") => hints.body = true,
                (HINTS, "no-permanent-store") => hints.no_permanent_store = true,
                (HINTS, "no-store") => hints.no_store = true,
                (HINTS, "no-copy") => hints.no_copy = true,
                (HINTS, "store") => hints.store = true,
                _ => {}
            }
        }
        hints
    }

    /// Whether it is worth reading later, by whoever was away.
    pub fn is_lasting(&self) -> bool {
        (self.body || self.store) && !self.no_store
    }

    /// Whether it belongs into an archive.
    pub fn is_permanent(&self) -> bool {
        self.is_lasting() && !self.no_permanent_store
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::xml::Limits;
    use bytes::Bytes;

    #[test]
    fn hints_decide_who_keeps_a_message() {
        let kept = |children: &str| {
            let xml = format!("<message>{children}</message>").replace(" #", " xmlns='urn:xmpp:hints'");
            let hints = Hints::of(&Frame::parse(Bytes::from(xml), &Limits::NONE).unwrap());
            (hints.is_lasting(), hints.is_permanent())
        };
        for (children, expected) in [
            ("", (false, false)),
            ("<body>x</body>", (true, true)),
            ("<body xmlns='x'/>", (false, false)),
            ("<x xmlns='y'/><store #/>", (true, true)),
            ("<store/>", (false, false)),
            ("<body>x</body><no-permanent-store #/>", (true, false)),
            ("<body>x</body><no-store #/>", (false, false)),
            ("<body>x</body><store #/><no-store #/>", (false, false)),
            ("<body>x</body><no-copy #/>", (true, true)),
        ] {
            assert_eq!(kept(children), expected, "{children}");
        }
    }
}
