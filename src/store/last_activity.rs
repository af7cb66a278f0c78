//! When accounts were last here (XEP-0012), and what they said as they left.

use super::key::{Key, Table};
use super::{Batch, Store, StoreError, Ticket};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

/// Bytes of a status; of a longer one nothing is kept.
const STATUS_BYTES_MAX: usize = 1024;

/// How an account was last here.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Departure {
    /// When its last resource became unavailable.
    pub stamp: DateTime<Utc>,
    /// The status of its unavailable presence.
    pub status: Option<String>,
}

/// The departures. Accounts are named by their prepared localparts.
#[derive(Clone, Copy, Debug)]
pub struct LastActivity<'a> {
    store: &'a Store,
}

impl<'a> LastActivity<'a> {
    pub(super) fn new(store: &'a Store) -> LastActivity<'a> {
        LastActivity { store }
    }

    /// An account's last departure.
    pub fn get(&self, account: &str) -> Option<Departure> {
        self.store.get_json(&key(account))
    }

    /// Notes a departure.
    ///
    /// # Errors
    /// As [`Store::submit`].
    pub fn put(&self, account: &str, mut departure: Departure) -> Result<Ticket, StoreError> {
        departure.status = departure.status.filter(|status| status.len() <= STATUS_BYTES_MAX);
        let mut batch = Batch::new();
        batch.put_json(key(account), &departure);
        self.store.submit(batch)
    }

    pub(super) fn remove_account(&self, batch: &mut Batch, account: &str) {
        batch.delete(key(account));
    }
}

fn key(account: &str) -> Key {
    Key::new(Table::LastActivity).text(account)
}
