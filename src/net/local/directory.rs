//! What the collector must know of accounts, and what it remembers, over the store.

use crate::collector::Directory;
use crate::monitor::{Memory, Write};
use crate::router::Router;
use crate::stanza::Role;
use crate::store::{Batch, Store, StoreError};
use jid::{BareJid, DomainPart};
use std::net::IpAddr;

/// The accounts of the own domain.
pub(super) struct Accounts {
    store: Store,
    router: Router,
    domain: DomainPart,
}

impl Accounts {
    /// The accounts beside that one.
    pub(super) fn new(store: Store, router: Router, account: &BareJid) -> Accounts {
        Accounts {
            store,
            router,
            domain: account.domain().to_owned(),
        }
    }
}

impl Directory for Accounts {
    fn role(&self, account: &BareJid) -> Option<Role> {
        let node = account.node().filter(|_| *account.domain() == *self.domain)?;
        self.store.accounts().role(node.as_str())
    }

    fn has_password(&self, account: &BareJid, password: &str) -> bool {
        let node = account.node().filter(|_| *account.domain() == *self.domain);
        node.is_some_and(|node| self.store.accounts().verify_password(node.as_str(), password))
    }

    fn address(&self, jid: &str) -> Option<IpAddr> {
        self.router.address(jid)
    }

    fn accounts(&self, roles: &[Role]) -> Vec<BareJid> {
        let accounts = self.store.accounts().list();
        accounts
            .into_iter()
            .filter(|account| !account.disabled && roles.contains(&account.role))
            .filter_map(|account| BareJid::new(&[&account.name, "@", self.domain.as_str()].concat()).ok())
            .collect()
    }
}

/// The collector's records.
pub(super) struct Records {
    store: Store,
    host: String,
}

impl Records {
    /// The records of that collector.
    pub(super) fn new(store: Store, account: &BareJid) -> Records {
        Records {
            store,
            host: account.to_string(),
        }
    }

    fn put(&self, key: &str, value: &str) -> Result<(), StoreError> {
        let mut batch = Batch::new();
        self.store
            .monitor()
            .put(&mut batch, &self.host, key, value.as_bytes())?;
        self.store.submit(batch).map(|_| ())
    }

    fn put_all(&self, writes: &[Write]) -> Result<(), StoreError> {
        let mut batch = Batch::new();
        for write in writes {
            let record = write.record.as_deref();
            let monitor = self.store.monitor();
            monitor.put_numbered(&mut batch, &self.host, write.series, write.number, record)?;
        }
        self.store.submit(batch).map(|_| ())
    }
}

impl Memory for Records {
    fn load(&self, key: &str) -> Option<String> {
        let record = self.store.monitor().get(&self.host, key)?;
        String::from_utf8(record.to_vec()).ok()
    }

    fn save(&self, key: &str, value: &str) {
        if let Err(error) = self.put(key, value) {
            tracing::error!(%error, key, "the collector could not keep a record");
        }
    }
    fn read(&self, series: &str, number: u64) -> Option<Vec<u8>> {
        let record = self.store.monitor().numbered(&self.host, series, number)?;
        Some(record.to_vec())
    }

    fn numbers(&self, series: &str) -> Vec<u64> {
        self.store.monitor().numbers(&self.host, series)
    }

    fn write(&self, writes: Vec<Write>) {
        if let Err(error) = self.put_all(&writes) {
            let series = writes.first().map(|write| write.series);
            tracing::error!(%error, series, "the collector could not keep records");
        }
    }
}
