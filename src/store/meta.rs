//! What a store knows of itself.

use super::key::{Key, Table};
use super::record;
use bytes::Bytes;
use serde::{Deserialize, Serialize};

/// The format that this program writes.
pub(super) const FORMAT: u32 = 1;

/// The store's own record.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Meta {
    /// The format of keys and records.
    pub(super) format: u32,
    /// The domain that it was made for.
    pub(super) domain: String,
    /// 32 random bytes: keeps the fake SCRAM salts of unknown users stable over restarts (security note A10).
    pub(super) secret: [u8; 32],
}

impl Meta {
    /// A new one, with a new secret.
    pub(super) fn new(domain: &str) -> Result<Meta, getrandom::Error> {
        let mut secret = [0; 32];
        getrandom::fill(&mut secret)?;
        Ok(Meta {
            format: FORMAT,
            domain: domain.to_owned(),
            secret,
        })
    }

    pub(super) fn key() -> Key {
        Key::new(Table::Meta)
    }

    pub(super) fn seal(&self) -> Bytes {
        record::seal_json(&Meta::key(), self)
    }

    pub(super) fn read(value: &Bytes) -> Option<Meta> {
        record::open_json(Meta::key().as_bytes(), value).ok()
    }
}
