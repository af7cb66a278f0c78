//! What collectors remember over restarts: a few named records (the boot id, the last reset, the mutes), and series of
//! numbered ones (alerts, the event log, history), which their collector bounds.

use super::key::{Key, Parts, Table};
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
        put(batch, key(host, name), record)
    }

    /// A record of a series.
    pub fn numbered(&self, host: &str, series: &str, number: u64) -> Option<Bytes> {
        self.store.get(&key(host, series).number(number))
    }

    /// The numbers of a series, ascending.
    pub fn numbers(&self, host: &str, series: &str) -> Vec<u64> {
        let keys = self.store.keys(&key(host, series));
        keys.iter().filter_map(|key| number(key)).collect()
    }

    /// Replaces a record of a series, or removes it.
    ///
    /// # Errors
    /// [`StoreError::Limit`] beyond 64 KiB.
    pub fn put_numbered(
        &self,
        batch: &mut Batch,
        host: &str,
        series: &str,
        number: u64,
        record: Option<&[u8]>,
    ) -> Result<(), StoreError> {
        let key = key(host, series).number(number);
        match record {
            Some(record) => put(batch, key, record),
            None => {
                batch.delete(key);
                Ok(())
            }
        }
    }
}

fn put(batch: &mut Batch, key: Key, record: &[u8]) -> Result<(), StoreError> {
    if record.len() > MONITOR_BYTES_MAX {
        return Err(StoreError::Limit("a collector's record may have 64 KiB"));
    }
    batch.put_bytes(key, record);
    Ok(())
}

fn key(host: &str, name: &str) -> Key {
    Key::new(Table::Monitor).text(host).text(name)
}

/// The number at the end of a key; a named record has none.
fn number(key: &[u8]) -> Option<u64> {
    let mut parts = Parts::new(key);
    parts.text()?;
    parts.text()?;
    parts.number()
}
