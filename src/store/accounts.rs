//! Accounts: roles and credentials.

use super::archive::Archive;
use super::blocked::Blocked;
use super::key::{Key, Parts, Table};
use super::last_activity::LastActivity;
use super::offline::Offline;
use super::password::{Credentials, Policy};
use super::pep::Pep;
use super::private::Private;
use super::rosters::Rosters;
use super::scram::{ScramHash, ScramKeys};
use super::vcards::Vcards;
use super::{Batch, Store, StoreError, Ticket};
use crate::stanza::Role;
use chrono::{DateTime, Utc};
use jid::NodePart;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// What may be told about an account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    /// Its prepared localpart.
    pub name: String,
    /// What it may do.
    pub role: Role,
    /// When it was made.
    pub created: DateTime<Utc>,
    /// Refused at log-in.
    pub disabled: bool,
    /// Whether anybody can log in as it; nobody can as the built-in collector.
    pub has_credentials: bool,
}

#[derive(Serialize, Deserialize)]
pub(super) struct Record {
    role: Role,
    created: DateTime<Utc>,
    #[serde(default)]
    disabled: bool,
    credentials: Option<Credentials>,
}

impl Record {
    /// Credentials that may be used.
    fn usable(&self) -> Option<&Credentials> {
        self.credentials.as_ref().filter(|_| !self.disabled)
    }
}

/// The accounts. Names are localparts; any form that prepares to the same one means the same account.
#[derive(Clone, Copy, Debug)]
pub struct Accounts<'a> {
    store: &'a Store,
}

impl<'a> Accounts<'a> {
    pub(super) fn new(store: &'a Store) -> Accounts<'a> {
        Accounts { store }
    }

    /// Adds an account. Derives its credentials, so it blocks for some 50 ms.
    ///
    /// # Errors
    /// [`StoreError::Exists`], [`StoreError::Invalid`] for name or password, or as [`Store::submit`].
    pub fn add(&self, user: &str, role: Role, password: &str, policy: &Policy) -> Result<Ticket, StoreError> {
        self.create(user, role, Some(Credentials::derive(password, policy)?))
    }

    /// Adds an account that nobody can log in as.
    ///
    /// # Errors
    /// [`StoreError::Exists`], [`StoreError::Invalid`] for the name, or as [`Store::submit`].
    pub fn add_without_credentials(&self, user: &str, role: Role) -> Result<Ticket, StoreError> {
        self.create(user, role, None)
    }

    /// Adds an account with credentials that were derived elsewhere. Does not block.
    ///
    /// # Errors
    /// [`StoreError::Exists`], [`StoreError::Invalid`] for the name, or as [`Store::submit`].
    pub fn create(&self, user: &str, role: Role, credentials: Option<Credentials>) -> Result<Ticket, StoreError> {
        let name = prepared(user)?;
        let (ticket, ()) = self
            .store
            .transact(|batch| self.insert(batch, &name, role, credentials))?;
        Ok(ticket)
    }

    /// Puts a new account into a batch; `name` is prepared.
    pub(super) fn insert(
        &self,
        batch: &mut Batch,
        name: &str,
        role: Role,
        credentials: Option<Credentials>,
    ) -> Result<(), StoreError> {
        let key = key(name);
        // An unreadable record still is an account: its name must not fall to somebody else.
        if self.store.has(&key) {
            return Err(StoreError::Exists);
        }
        let record = Record {
            role,
            created: Utc::now(),
            disabled: false,
            credentials,
        };
        batch.put_json(key, &record);
        Ok(())
    }

    /// Changes a password. Derives credentials, so it blocks for some 50 ms. The account's sessions are the caller's to
    /// end.
    ///
    /// # Errors
    /// [`StoreError::Absent`], [`StoreError::Invalid`] for the password, or as [`Store::submit`].
    pub fn set_password(&self, user: &str, password: &str, policy: &Policy) -> Result<Ticket, StoreError> {
        self.set_credentials(user, Credentials::derive(password, policy)?)
    }

    /// Changes a password whose credentials were derived elsewhere. Does not block.
    ///
    /// # Errors
    /// [`StoreError::Absent`], or as [`Store::submit`].
    pub fn set_credentials(&self, user: &str, credentials: Credentials) -> Result<Ticket, StoreError> {
        self.change(user, |record| record.credentials = Some(credentials))
    }

    /// Changes a role.
    ///
    /// # Errors
    /// [`StoreError::Absent`], or as [`Store::submit`].
    pub fn set_role(&self, user: &str, role: Role) -> Result<Ticket, StoreError> {
        self.change(user, |record| record.role = role)
    }

    /// Refuses log-in to an account, or allows it again.
    ///
    /// # Errors
    /// [`StoreError::Absent`], or as [`Store::submit`].
    pub fn set_disabled(&self, user: &str, disabled: bool) -> Result<Ticket, StoreError> {
        self.change(user, |record| record.disabled = disabled)
    }

    fn change(&self, user: &str, change: impl FnOnce(&mut Record)) -> Result<Ticket, StoreError> {
        let key = key(&prepared(user)?);
        let (ticket, ()) = self.store.transact(|batch| {
            let mut record = self.store.get_json(&key).ok_or(StoreError::Absent)?;
            change(&mut record);
            batch.put_json(key, &record);
            Ok(())
        })?;
        Ok(ticket)
    }

    /// Removes an account and everything that is stored for it, as one batch. What others' rosters say of it is the
    /// caller's to mend.
    ///
    /// # Errors
    /// [`StoreError::Absent`], or as [`Store::submit`].
    pub fn remove(&self, user: &str) -> Result<Ticket, StoreError> {
        let name = prepared(user)?;
        let key = key(&name);
        let (ticket, ()) = self.store.transact(|batch| {
            if !self.store.has(&key) {
                return Err(StoreError::Absent);
            }
            batch.delete(key);
            Rosters::new(self.store).remove_account(batch, &name);
            Blocked::new(self.store).remove_account(batch, &name);
            Offline::new(self.store).remove_account(batch, &name);
            Archive::new(self.store).remove_account(batch, &name);
            Pep::new(self.store).remove_account(batch, &name);
            Private::new(self.store).remove_account(batch, &name);
            Vcards::new(self.store).delete(batch, &name);
            LastActivity::new(self.store).remove_account(batch, &name);
            Ok(())
        })?;
        Ok(ticket)
    }

    /// All accounts, by name.
    pub fn list(&self) -> Vec<Account> {
        let records = self.store.scan_json::<Record>(&Key::new(Table::Account)).into_iter();
        let account = |(key, record): (Vec<u8>, Record)| Some(account(Parts::new(&key).text()?, &record));
        records.filter_map(account).collect()
    }

    /// An account.
    pub fn get(&self, user: &str) -> Option<Account> {
        let (name, record) = self.record(user)?;
        Some(account(name, &record))
    }

    /// An account's role; `None` for a name that is none.
    pub fn role(&self, user: &str) -> Option<Role> {
        self.record(user).map(|(_, record)| record.role)
    }

    /// What a proof of identity rests on: another value once the password is another one, or the account; `None` when
    /// nobody may log in by this name.
    pub fn standing(&self, user: &str) -> Option<[u8; 32]> {
        let (_, record) = self.record(user)?;
        let basis = serde_json::to_vec(&(record.created, record.usable()?)).ok()?;
        Some(Sha256::digest(basis).into())
    }

    /// Whether there is such an account.
    pub fn exists(&self, user: &str) -> bool {
        prepared(user).is_ok_and(|name| self.store.has(&key(&name)))
    }

    /// Whether this is the password of an account that may log in. Blocks for some 30 ms, for unknown names too, and
    /// takes 19 MiB meanwhile: callers limit how many run at once.
    pub fn verify_password(&self, user: &str, password: &str) -> bool {
        match self.record(user).as_ref().and_then(|(_, record)| record.usable()) {
            Some(credentials) => credentials.verify(password),
            None => Credentials::verify_in_vain(password),
        }
    }

    /// The SCRAM keys of an account; for a name without, keys that look alike, stay the same, and fit no password.
    pub fn credentials(&self, user: &str, hash: ScramHash) -> ScramKeys {
        let record = self.record(user);
        let usable = record.as_ref().and_then(|(_, record)| record.usable());
        match usable.and_then(|credentials| credentials.scram(hash)) {
            Some(keys) => keys.clone(),
            None => {
                let name = prepared(user).unwrap_or_else(|_| user.to_owned());
                ScramKeys::fake(&self.store.shared.secret, hash, &name)
            }
        }
    }

    fn record(&self, user: &str) -> Option<(String, Record)> {
        let name = prepared(user).ok()?;
        let record = self.store.get_json(&key(&name))?;
        Some((name, record))
    }
}

fn account(name: String, record: &Record) -> Account {
    Account {
        name,
        role: record.role,
        created: record.created,
        disabled: record.disabled,
        has_credentials: record.credentials.is_some(),
    }
}

/// A name that preparation would change a second time is none: it could be reached under neither form.
pub(super) fn prepared(user: &str) -> Result<String, StoreError> {
    let part = NodePart::new(user).ok();
    let stable = part.filter(|part| NodePart::new(part.as_str()).is_ok_and(|again| again == *part));
    let part = stable.ok_or(StoreError::Invalid("the name cannot be a JID's localpart"))?;
    Ok(part.as_str().to_owned())
}

fn key(name: &str) -> Key {
    Key::new(Table::Account).text(name)
}

#[cfg(test)]
mod tests {
    use super::super::tests::{Scratch, days};
    use super::super::{Node, NodeConfig, Owner, PepItem};
    use super::*;
    use crate::roster::Item;
    use bytes::Bytes;
    use jid::BareJid;

    #[test]
    fn an_account_is_known_by_every_form_of_its_name() {
        let scratch = Scratch::new();
        let store = scratch.store();
        let accounts = store.accounts();
        accounts
            .add("Ada", Role::Operator, "secret", &Policy::default())
            .unwrap();
        assert_eq!(
            accounts.add_without_credentials("ada", Role::Admin),
            Err(StoreError::Exists)
        );
        for name in ["a@b", "", "a/b", "a b", "a\u{0}", "\u{1d3f}"] {
            assert!(matches!(
                accounts.add_without_credentials(name, Role::Admin),
                Err(StoreError::Invalid(_))
            ));
        }
        assert_eq!(accounts.role("ADA"), Some(Role::Operator));
        assert!(accounts.exists("\u{ff41}da"));
        assert!(accounts.verify_password("aDa", "secret"));
        assert!(!accounts.verify_password("ada", "Secret"));
        assert!(!accounts.verify_password("bob", "secret"));
        accounts.set_disabled("ada", true).unwrap();
        assert!(!accounts.verify_password("ada", "secret"));
        accounts.set_disabled("ada", false).unwrap();
        accounts.set_password("ada", "other", &Policy::default()).unwrap();
        accounts.set_role("ada", Role::Viewer).unwrap();
        assert!(accounts.verify_password("ada", "other"));
        assert_eq!(accounts.set_role("bob", Role::Admin), Err(StoreError::Absent));
        accounts.add_without_credentials("monitor", Role::Collector).unwrap();
        let told: Vec<_> = accounts
            .list()
            .into_iter()
            .map(|a| (a.name, a.role, a.has_credentials))
            .collect();
        let expected = [("ada", Role::Viewer, true), ("monitor", Role::Collector, false)];
        assert_eq!(told, expected.map(|(name, role, has)| (name.to_owned(), role, has)));
    }

    #[test]
    fn a10_keys_of_unknown_names_are_stable_over_restarts_and_equal_in_all_forms() {
        let scratch = Scratch::new();
        let store = scratch.store();
        store
            .accounts()
            .add("ada", Role::Viewer, "secret", &Policy { scram: false })
            .unwrap();
        let names = ["nobody", "NoBody", "ada", "no/body"];
        let keys = |store: &Store| {
            let all = |name| ScramHash::ALL.map(|hash| store.accounts().credentials(name, hash));
            names.map(all)
        };
        let before = keys(&store);
        assert_eq!(before[0], before[1]);
        assert_ne!(before[0], before[2]);
        drop(store);
        assert_eq!(keys(&scratch.store()), before);
        // Another server's are others.
        assert_ne!(keys(&Scratch::new().store()), before);
    }

    #[test]
    fn a18_removing_an_account_leaves_nothing_of_it() {
        let scratch = Scratch::new();
        let store = scratch.store();
        let before = store.values(b"").into_keys().collect::<Vec<_>>();
        let bob = BareJid::new("bob@mon.example").unwrap();
        store
            .accounts()
            .add("ada", Role::Admin, "secret", &Policy { scram: false })
            .unwrap();
        let mut batch = Batch::new();
        let mut roster = store.rosters().load("ada");
        roster.insert(bob.clone(), Item::default());
        store.rosters().save(&mut batch, "ada", &roster, &bob);
        store.rosters().put_request(&mut batch, "ada", &bob, b"<presence/>");
        store.vcards().put(&mut batch, "ada", b"<vCard/>", Some("00")).unwrap();
        store.submit(batch).unwrap();
        store.offline().push("ada", b"<message/>", days(1)).unwrap();
        let item = PepItem {
            id: "a".to_owned(),
            publisher: String::new(),
            stamp: days(1),
            payload: Bytes::new(),
        };
        let node = Node::new(NodeConfig::default(), days(1));
        store
            .pep()
            .publish(Owner::Account("ada"), "n", &[item], Some(&node))
            .unwrap();
        assert_eq!(store.vcards().get("ada").unwrap(), "<vCard/>");
        store.wait(store.accounts().remove("ada").unwrap()).unwrap();
        assert_eq!(store.values(b"").into_keys().collect::<Vec<_>>(), before);
        assert_eq!(store.accounts().remove("ada"), Err(StoreError::Absent));
        store.accounts().add_without_credentials("ada", Role::Viewer).unwrap();
        assert_eq!(store.accounts().role("ada"), Some(Role::Viewer));
    }
}
