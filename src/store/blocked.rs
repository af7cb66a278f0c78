//! Whom accounts block (XEP-0191).

use super::key::{Key, Parts, Table};
use super::renaming::Renaming;
use super::{Batch, Store};
use jid::Jid;
use std::collections::{BTreeSet, HashMap};

/// The block lists. Accounts are named by their prepared localparts.
#[derive(Clone, Copy, Debug)]
pub struct Blocked<'a> {
    store: &'a Store,
}

impl<'a> Blocked<'a> {
    pub(super) fn new(store: &'a Store) -> Blocked<'a> {
        Blocked { store }
    }

    /// Every list that is not empty, by account.
    pub fn all(&self) -> HashMap<String, BTreeSet<Jid>> {
        let mut lists: HashMap<String, BTreeSet<Jid>> = HashMap::new();
        for key in self.store.keys(&Key::new(Table::Blocked)) {
            if let Some((account, jid)) = parts(&key)
                && let Ok(jid) = Jid::new(&jid)
            {
                lists.entry(account).or_default().insert(jid);
            }
        }
        lists
    }

    /// Adds an address to an account's list.
    pub fn put(&self, batch: &mut Batch, account: &str, jid: &Jid) {
        batch.put_bytes(list(account).text(jid.as_str()), &[]);
    }

    /// Takes an address off an account's list.
    pub fn delete(&self, batch: &mut Batch, account: &str, jid: &Jid) {
        batch.delete(list(account).text(jid.as_str()));
    }

    /// Rewrites the addresses.
    pub(super) fn rename(&self, batch: &mut Batch, renaming: &Renaming<'_>) {
        for key in self.store.keys(&Key::new(Table::Blocked)) {
            if let Some((account, jid)) = parts(&key) {
                batch.delete_raw(key);
                batch.put_bytes(list(&account).text(&renaming.jid(&jid)), &[]);
            }
        }
    }

    pub(super) fn remove_account(&self, batch: &mut Batch, account: &str) {
        for key in self.store.keys(&list(account)) {
            batch.delete_raw(key);
        }
    }
}

/// The account and the address of a key.
fn parts(key: &[u8]) -> Option<(String, String)> {
    let mut parts = Parts::new(key);
    Some((parts.text()?, parts.text()?))
}

fn list(account: &str) -> Key {
    Key::new(Table::Blocked).text(account)
}

#[cfg(test)]
mod tests {
    use super::super::tests::Scratch;
    use super::*;

    #[test]
    fn lists_are_read_as_they_were_written() {
        let scratch = Scratch::new();
        let store = scratch.store();
        let blocked = store.blocked();
        let jids = ["other.example", "eve@mon.example", "eve@mon.example/desk"].map(|jid| Jid::new(jid).unwrap());
        let mut batch = Batch::new();
        jids.iter().for_each(|jid| blocked.put(&mut batch, "ada", jid));
        blocked.put(&mut batch, "bob", &jids[0]);
        store.submit(batch).unwrap();
        let mut batch = Batch::new();
        blocked.delete(&mut batch, "ada", &jids[1]);
        blocked.delete(&mut batch, "bob", &jids[0]);
        store.submit(batch).unwrap();
        let expected = BTreeSet::from([jids[0].clone(), jids[2].clone()]);
        assert_eq!(blocked.all(), HashMap::from([("ada".to_owned(), expected)]));
    }
}
