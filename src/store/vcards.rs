//! vCards (XEP-0054), as their owners wrote them.

use super::key::{Key, Table};
use super::{Batch, Store, StoreError};
use bytes::Bytes;

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

    /// The SHA-1 of an account's photo in hexadecimal (XEP-0153 section 3.1); `None` when it has none.
    pub fn photo(&self, account: &str) -> Option<String> {
        self.store.get_json(&photo_key(account))
    }

    /// Replaces an account's vCard, and the hash of its photo.
    ///
    /// # Errors
    /// [`StoreError::Limit`] for one that is too large, its picture included.
    pub fn put(&self, batch: &mut Batch, account: &str, xml: &[u8], photo: Option<&str>) -> Result<(), StoreError> {
        if xml.len() > self.store.limits().vcard_bytes_max {
            return Err(StoreError::Limit("the vCard is too large"));
        }
        batch.put_bytes(key(account), xml);
        match photo {
            Some(photo) => batch.put_json(photo_key(account), &photo),
            None => batch.delete(photo_key(account)),
        }
        Ok(())
    }

    /// Deletes an account's vCard.
    pub fn delete(&self, batch: &mut Batch, account: &str) {
        batch.delete(key(account));
        batch.delete(photo_key(account));
    }
}

fn key(account: &str) -> Key {
    Key::new(Table::Vcard).text(account)
}

fn photo_key(account: &str) -> Key {
    Key::new(Table::Vcard).text(account).text("photo")
}
