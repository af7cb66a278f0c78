//! Keys: one byte for the table, then the parts, each closed so that none is another's prefix.

use jid::BareJid;

/// The tables. The byte is part of the stored format.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub(super) enum Table {
    /// name -> account record
    Account = b'a',
    /// account, address that it blocks -> nothing
    Blocked = b'b',
    /// algorithm, ver -> disco#info features
    Caps = b'c',
    /// account, contact -> subscription request as received
    Request = b'd',
    /// account -> what it wants archived
    ArchivePrefs = b'f',
    /// owner kind, owner, node, item -> head of a published item
    ItemHead = b'h',
    /// hash of a token -> invitation
    Invitation = b'i',
    /// account, namespace, name -> private XML
    Private = b'k',
    /// account -> when it was last here
    LastActivity = b'l',
    /// format, domain, secret
    Meta = b'm',
    /// owner kind, owner, node -> node record
    Node = b'n',
    /// account, number -> offline message
    Offline = b'o',
    /// account -> numbers of the offline messages that it has seen in its archive
    OfflineSeen = b'q',
    /// owner kind, owner, node, item -> payload of a published item
    Payload = b'p',
    /// account, contact -> roster item
    Roster = b'r',
    /// host, name -> the collector's memory
    Monitor = b's',
    /// account -> roster version
    RosterVersion = b'v',
    /// account -> vCard
    Vcard = b'x',
    /// counts over all records, kept by the storage thread
    Manifest = b'z',
    /// account, number -> archived message
    Archive = b'{',
    /// account, contact, number -> nothing: the archived messages of one conversation
    ArchiveWith = b'|',
}

/// Tables from this byte on are archives: too long to be read before anybody is listened to, so the manifest does not count
/// them; they are checked by and by.
pub(super) const ARCHIVES: u8 = b'{';

/// A key, or the beginning of several.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Key(Vec<u8>);

impl Key {
    pub(super) fn new(table: Table) -> Key {
        Key(vec![table as u8])
    }

    /// A key as it was read.
    pub(super) fn from_bytes(key: Vec<u8>) -> Key {
        Key(key)
    }

    /// Appends a part. A zero byte ends it; one inside is escaped.
    pub(super) fn text(mut self, part: &str) -> Key {
        for byte in part.bytes() {
            self.0.push(byte);
            if byte == 0 {
                self.0.push(0xff);
            }
        }
        self.0.extend([0, 1]);
        self
    }

    /// Appends a contact's JID.
    pub(super) fn jid(self, jid: &BareJid) -> Key {
        self.text(jid.as_str())
    }

    /// Appends a number; keys sort by it.
    pub(super) fn number(mut self, number: u64) -> Key {
        self.0.extend(number.to_be_bytes());
        self
    }

    pub(super) fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    pub(super) fn into_bytes(self) -> Vec<u8> {
        self.0
    }
}

/// Reads the parts of a key after its table byte. Total: garbage yields `None`.
pub(super) struct Parts<'a>(&'a [u8]);

impl<'a> Parts<'a> {
    pub(super) fn new(key: &'a [u8]) -> Parts<'a> {
        Parts(key.get(1..).unwrap_or_default())
    }

    pub(super) fn text(&mut self) -> Option<String> {
        let mut part = Vec::new();
        loop {
            let (&byte, rest) = self.0.split_first()?;
            self.0 = rest;
            if byte != 0 {
                part.push(byte);
                continue;
            }
            let (&mark, rest) = self.0.split_first()?;
            self.0 = rest;
            match mark {
                1 => return String::from_utf8(part).ok(),
                0xff => part.push(0),
                _ => return None,
            }
        }
    }

    pub(super) fn number(&mut self) -> Option<u64> {
        let (number, rest) = self.0.split_first_chunk::<8>()?;
        self.0 = rest;
        Some(u64::from_be_bytes(*number))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn parts_come_back_and_no_part_is_anothers_prefix(a in ".*\u{0}?", b in ".*", number: u64) {
            let key = Key::new(Table::Offline).text(&a).text(&b).number(number);
            let mut parts = Parts::new(key.as_bytes());
            prop_assert_eq!(parts.text().unwrap(), a.clone());
            prop_assert_eq!(parts.text().unwrap(), b.clone());
            prop_assert_eq!(parts.number(), Some(number));
            let one = Key::new(Table::Offline).text(&a);
            let other = Key::new(Table::Offline).text(&b);
            prop_assert_eq!(other.as_bytes().starts_with(one.as_bytes()), a == b);
        }

        #[test]
        fn garbage_is_no_key_and_no_panic(bytes: Vec<u8>) {
            let mut parts = Parts::new(&bytes);
            while parts.text().is_some() {}
            let _ = parts.number();
        }
    }
}
