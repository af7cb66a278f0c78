//! Rosters, and the subscription requests that wait for an answer.

use super::key::{Key, Parts, Table};
use super::renaming::Renaming;
use super::{Batch, Store};
use crate::roster::{Item, Roster};
use bytes::Bytes;
use jid::BareJid;

/// The rosters. Accounts are named by their prepared localparts.
#[derive(Clone, Copy, Debug)]
pub struct Rosters<'a> {
    store: &'a Store,
}

impl<'a> Rosters<'a> {
    pub(super) fn new(store: &'a Store) -> Rosters<'a> {
        Rosters { store }
    }

    /// An account's roster; an empty one when nothing is stored. Who changes it keeps others from doing so between this
    /// and [`Rosters::save`].
    pub fn load(&self, account: &str) -> Roster {
        let items = self.store.scan_json::<Item>(&items(account)).into_iter();
        let items = items.filter_map(|(key, item)| Some((contact(&key)?, item)));
        Roster::new(items, self.version(account))
    }

    /// The stored version. A new account's begins at the second of its making: should the name have been used before,
    /// no client takes its old cache for current.
    fn version(&self, account: &str) -> u64 {
        let made = || {
            let account = self.store.accounts().get(account)?;
            u64::try_from(account.created.timestamp()).ok()
        };
        self.store.get_json(&version(account)).or_else(made).unwrap_or_default()
    }

    /// Writes what the roster now says of a contact (nothing: the item and its stored request are deleted), and its
    /// version.
    pub fn save(&self, batch: &mut Batch, account: &str, roster: &Roster, contact: &BareJid) {
        match roster.get(contact) {
            Some(item) => batch.put_json(items(account).jid(contact), item),
            None => batch.delete(items(account).jid(contact)),
        }
        if !roster.state(contact).pending_in {
            batch.delete(requests(account).jid(contact));
        }
        batch.put_json(version(account), &roster.version());
    }

    /// Keeps a subscription request as it was received (RFC 6121 section 3.1.3), to be delivered at each log-in until
    /// [`Rosters::save`] finds it answered. [`Roster::apply`] bounds how many there are.
    pub fn put_request(&self, batch: &mut Batch, account: &str, contact: &BareJid, stanza: &[u8]) {
        batch.put_bytes(requests(account).jid(contact), stanza);
    }

    /// The requests that wait, each with who asks.
    pub fn requests(&self, account: &str) -> Vec<(BareJid, Bytes)> {
        let found = self.store.scan(&requests(account)).into_iter();
        found
            .filter_map(|(key, stanza)| Some((contact(&key)?, stanza)))
            .collect()
    }

    /// The accounts whose rosters a contact is in.
    pub fn holders(&self, contact: &BareJid) -> Vec<String> {
        let holder = |key: Vec<u8>| {
            let mut parts = Parts::new(&key);
            let account = parts.text()?;
            (parts.text()? == contact.as_str()).then_some(account)
        };
        let keys = self.store.keys(&Key::new(Table::Roster));
        keys.into_iter().filter_map(holder).collect()
    }

    /// Rewrites contacts, and who asks and is asked in requests.
    pub(super) fn rename(&self, batch: &mut Batch, renaming: &Renaming<'_>) {
        for (key, item) in self.store.scan_json::<Item>(&Key::new(Table::Roster)) {
            if let Some((account, contact)) = renamed(&key, renaming) {
                batch.delete_raw(key);
                batch.put_json(items(&account).text(&contact), &item);
            }
        }
        for (key, stanza) in self.store.scan(&Key::new(Table::Request)) {
            if let Some((account, contact)) = renamed(&key, renaming) {
                batch.delete_raw(key);
                batch.put_bytes(requests(&account).text(&contact), &renaming.stanza(&stanza));
            }
        }
    }

    pub(super) fn remove_account(&self, batch: &mut Batch, account: &str) {
        for prefix in [items(account), requests(account), version(account)] {
            for key in self.store.keys(&prefix) {
                batch.delete_raw(key);
            }
        }
    }
}

pub(super) fn contact(key: &[u8]) -> Option<BareJid> {
    let mut parts = Parts::new(key);
    parts.text()?;
    BareJid::new(&parts.text()?).ok()
}

/// The account of a key, and its contact as it will be.
fn renamed(key: &[u8], renaming: &Renaming<'_>) -> Option<(String, String)> {
    let mut parts = Parts::new(key);
    let account = parts.text()?;
    Some((account, renaming.jid(&parts.text()?).into_owned()))
}

fn items(account: &str) -> Key {
    Key::new(Table::Roster).text(account)
}

fn requests(account: &str) -> Key {
    Key::new(Table::Request).text(account)
}

fn version(account: &str) -> Key {
    Key::new(Table::RosterVersion).text(account)
}

#[cfg(test)]
mod tests {
    use super::super::tests::Scratch;
    use super::*;
    use crate::roster::{Direction, Limits, Request};
    use crate::stanza::Role;

    #[test]
    fn rosters_of_both_sides_change_in_one_batch_and_requests_go_with_their_answer() {
        let scratch = Scratch::new();
        let store = scratch.store();
        let [ada, bob] = ["ada@mon.example", "bob@mon.example"].map(|jid| BareJid::new(jid).unwrap());
        for user in ["ada", "bob"] {
            store.accounts().add_without_credentials(user, Role::Viewer).unwrap();
        }
        let rosters = store.rosters();
        let (mut of_ada, mut of_bob) = (rosters.load("ada"), rosters.load("bob"));
        assert!(of_ada.version() > 1_600_000_000);
        let mut batch = Batch::new();
        of_ada
            .apply(&bob, Direction::Outbound, Request::Subscribe, &Limits::DEFAULT)
            .unwrap();
        of_bob
            .apply(&ada, Direction::Inbound, Request::Subscribe, &Limits::DEFAULT)
            .unwrap();
        rosters.save(&mut batch, "ada", &of_ada, &bob);
        rosters.save(&mut batch, "bob", &of_bob, &ada);
        rosters.put_request(&mut batch, "bob", &ada, b"<presence/>");
        store.submit(batch).unwrap();
        drop(store);
        let store = scratch.store();
        let rosters = store.rosters();
        assert_eq!(rosters.load("ada"), of_ada);
        assert_eq!(rosters.load("bob"), of_bob);
        assert_eq!(rosters.requests("bob"), [(ada.clone(), Bytes::from("<presence/>"))]);
        let mut batch = Batch::new();
        of_bob
            .apply(&ada, Direction::Outbound, Request::Unsubscribed, &Limits::DEFAULT)
            .unwrap();
        rosters.save(&mut batch, "bob", &of_bob, &ada);
        store.submit(batch).unwrap();
        assert_eq!(rosters.requests("bob"), []);
        assert!(rosters.load("bob").get(&ada).is_none());
    }
}
