//! Any bytes as a key and its value: damage is a fault and never a panic, and what is read is written as it was.
//!
//! Parts: the key (its first byte is the table), the payload.

use super::key::{Key, Parts, Table};
use super::manifest::Manifest;
use super::meta::Meta;
use super::{
    ArchivePrefs, Departure, Invitation, Node, ScramKeys, accounts, archive, caps, offline, pep, record, rosters,
};
use crate::roster::Item;
use bytes::Bytes;
use serde::Serialize;
use serde::de::DeserializeOwned;

/// The fuzz target.
pub fn store_decode(input: &[u8]) {
    let mut parts = input.splitn(2, |&byte| byte == 0xFF);
    let key = parts.next().unwrap_or_default();
    let payload = parts.next().unwrap_or_default();
    let value = Bytes::copy_from_slice(payload);
    let _ = record::open(key, &value);
    let _ = (Manifest::read(&value), Meta::read(&value));

    let contact = rosters::contact(key);
    assert!(contact.is_none_or(|jid| jid::BareJid::new(jid.as_str()).is_ok()));
    let _ = offline::message(key, &value).map(|message| assert!(payload.ends_with(&message.stanza)));
    let _ = archive::decode(&value);
    (1..4).for_each(|count| drop(pep::last_part(key, count)));
    let mut parts = Parts::new(key);
    while let Some(part) = parts.text() {
        assert!(key.len() > part.len());
    }

    structure::<ArchivePrefs>(payload);
    structure::<accounts::Record>(payload);
    structure::<caps::Record>(payload);
    structure::<pep::Head>(payload);
    structure::<Departure>(payload);
    structure::<Invitation>(payload);
    structure::<Item>(payload);
    structure::<Manifest>(payload);
    structure::<Meta>(payload);
    structure::<Node>(payload);
    structure::<ScramKeys>(payload);
}

/// A payload whose checksum is right, whatever it says.
fn structure<T: DeserializeOwned + Serialize>(payload: &[u8]) {
    let key = Key::new(Table::Meta);
    let sealed = record::seal(&key, payload);
    let Ok(read) = record::open_json::<T>(key.as_bytes(), &sealed) else {
        return;
    };
    let written = record::seal_json(&key, &read);
    let Ok(again) = record::open_json::<T>(key.as_bytes(), &written) else {
        panic!("{written:?} is not read again");
    };
    assert_eq!(record::seal_json(&key, &again), written);
}
