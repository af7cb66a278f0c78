//! vCards (XEP-0054), as their owners wrote them.

use super::key::{Key, Table};
use super::{Batch, Store, StoreError};
use bytes::Bytes;

/// Bytes of a vCard, its picture included.
const VCARD_BYTES_MAX: usize = 128 << 10;

/// The vCards. Accounts are named by their prepared localparts.
#[derive(Clone, Copy, Debug)]
pub struct Vcards<'a> {
    store: &'a Store,
}

impl<'a> Vcards<'a> {
    pub(super) fn new(store: &'a Store) -> Vcards<'a> {
        Vcards { store }
    }

    /// An account's vCard, as XML.
    pub fn get(&self, account: &str) -> Option<Bytes> {
        self.store.get(&key(account))
    }

    /// Replaces an account's vCard.
    ///
    /// # Errors
    /// [`StoreError::Limit`] beyond 128 KiB, its picture included.
    pub fn put(&self, batch: &mut Batch, account: &str, xml: &[u8]) -> Result<(), StoreError> {
        if xml.len() > VCARD_BYTES_MAX {
            return Err(StoreError::Limit("a vCard may have 128 KiB"));
        }
        batch.put_bytes(key(account), xml);
        Ok(())
    }

    /// Deletes an account's vCard.
    pub fn delete(&self, batch: &mut Batch, account: &str) {
        batch.delete(key(account));
    }
}

fn key(account: &str) -> Key {
    Key::new(Table::Vcard).text(account)
}
