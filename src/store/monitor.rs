//! What collectors remember over restarts: the boot id, the last reset, the alerts. Small records of their own making.

use super::key::{Key, Table};
use super::{Batch, Store, StoreError};
use bytes::Bytes;

/// Bytes of one record.
const MONITOR_BYTES_MAX: usize = 64 << 10;

/// The records, by host and name.
#[derive(Clone, Copy, Debug)]
pub struct Monitor<'a> {
    store: &'a Store,
}

impl<'a> Monitor<'a> {
    pub(super) fn new(store: &'a Store) -> Monitor<'a> {
        Monitor { store }
    }

    /// A record.
    pub fn get(&self, host: &str, name: &str) -> Option<Bytes> {
        self.store.get(&key(host, name))
    }

    /// Replaces a record.
    ///
    /// # Errors
    /// [`StoreError::Limit`] beyond 64 KiB.
    pub fn put(&self, batch: &mut Batch, host: &str, name: &str, record: &[u8]) -> Result<(), StoreError> {
        if record.len() > MONITOR_BYTES_MAX {
            return Err(StoreError::Limit("a collector's record may have 64 KiB"));
        }
        batch.put_bytes(key(host, name), record);
        Ok(())
    }
}

fn key(host: &str, name: &str) -> Key {
    Key::new(Table::Monitor).text(host).text(name)
}
