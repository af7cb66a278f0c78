//! Private XML of accounts (XEP-0049).

use super::key::{Key, Table};
use super::{Batch, Store, StoreError, Ticket};
use bytes::Bytes;
use std::collections::BTreeMap;

/// The private elements. Accounts are named by their prepared localparts.
#[derive(Clone, Copy, Debug)]
pub struct Private<'a> {
    store: &'a Store,
}

impl<'a> Private<'a> {
    pub(super) fn new(store: &'a Store) -> Private<'a> {
        Private { store }
    }

    /// An account's element with that namespace and name, as XML.
    pub fn get(&self, account: &str, ns: &str, name: &str) -> Option<Bytes> {
        self.store.get(&key(account, ns, name))
    }

    /// Replaces elements, each with its namespace and name: all of them or none.
    ///
    /// # Errors
    /// [`StoreError::Limit`] when the account would have more of them, or bytes of them, than it may; or as
    /// [`Store::submit`].
    pub fn put(&self, account: &str, elements: &[(&str, &str, Bytes)]) -> Result<Ticket, StoreError> {
        let (ticket, ()) = self.store.transact(|batch| {
            let stored = self.store.scan(&Key::new(Table::Private).text(account)).into_iter();
            let mut sizes: BTreeMap<Vec<u8>, usize> = stored.map(|(key, xml)| (key, xml.len())).collect();
            for (ns, name, xml) in elements {
                let key = key(account, ns, name);
                sizes.insert(key.as_bytes().to_vec(), xml.len());
                batch.put_bytes(key, xml);
            }
            let limits = self.store.limits();
            if sizes.len() > limits.private_elements_max || sizes.values().sum::<usize>() > limits.private_bytes_max {
                return Err(StoreError::Limit("the account's private XML is at its limit"));
            }
            Ok(())
        })?;
        Ok(ticket)
    }

    pub(super) fn remove_account(&self, batch: &mut Batch, account: &str) {
        for key in self.store.keys(&Key::new(Table::Private).text(account)) {
            batch.delete_raw(key);
        }
    }
}

fn key(account: &str, ns: &str, name: &str) -> Key {
    Key::new(Table::Private).text(account).text(ns).text(name)
}
