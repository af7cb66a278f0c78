//! Messages for accounts that are away (XEP-0160).

use super::key::{Key, Parts, Table};
use super::renaming::Renaming;
use super::{Batch, Store, StoreError, Ticket};
use bytes::Bytes;
use chrono::{DateTime, TimeDelta, Utc};

/// A message kept for an account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OfflineMessage {
    /// Its place: later messages have larger ones.
    pub id: u64,
    /// When it was received, to the millisecond.
    pub stamp: DateTime<Utc>,
    /// The stanza, self-contained.
    pub stanza: Bytes,
}

/// The offline messages. Accounts are named by their prepared localparts.
#[derive(Clone, Copy, Debug)]
pub struct Offline<'a> {
    store: &'a Store,
}

impl<'a> Offline<'a> {
    pub(super) fn new(store: &'a Store) -> Offline<'a> {
        Offline { store }
    }

    /// Keeps a message.
    ///
    /// # Errors
    /// [`StoreError::Limit`] when the account has as many messages, or bytes of them, as it may (`service-unavailable`),
    /// or as [`Store::submit`].
    pub fn push(&self, account: &str, stanza: &[u8], now: DateTime<Utc>) -> Result<Ticket, StoreError> {
        let (ticket, ()) = self.store.transact(|batch| {
            let (expired, kept) = self.split(account, now);
            let bytes: usize = kept.iter().map(|message| message.stanza.len()).sum();
            let limits = self.store.limits();
            if kept.len() >= limits.offline_messages_max || bytes + stanza.len() > limits.offline_bytes_max {
                return Err(StoreError::Limit("the account's offline messages are at their limit"));
            }
            for message in expired {
                batch.delete(queue(account).number(message.id));
            }
            batch.put_bytes(queue(account).number(self.store.next_number()), &stamped(now, stanza));
            Ok(())
        })?;
        Ok(ticket)
    }

    /// All messages not expired, oldest first. They stay until [`Offline::delete_through`].
    pub fn list(&self, account: &str, now: DateTime<Utc>) -> Vec<OfflineMessage> {
        self.split(account, now).1
    }

    /// Deletes the messages up to and with an id, expired ones too.
    pub fn delete_through(&self, batch: &mut Batch, account: &str, id: u64) {
        for message in self.all(account).into_iter().filter(|message| message.id <= id) {
            batch.delete(queue(account).number(message.id));
        }
    }

    /// Rewrites the addresses of all messages.
    pub(super) fn rename(&self, batch: &mut Batch, renaming: &Renaming<'_>) {
        for (key, payload) in self.store.scan(&Key::new(Table::Offline)) {
            let Some(message) = message(&key, &payload) else {
                continue;
            };
            let Some(account) = Parts::new(&key).text() else {
                continue;
            };
            let stanza = stamped(message.stamp, &renaming.stanza(&message.stanza));
            batch.put_bytes(queue(&account).number(message.id), &stanza);
        }
    }

    pub(super) fn remove_account(&self, batch: &mut Batch, account: &str) {
        for key in self.store.keys(&queue(account)) {
            batch.delete_raw(key);
        }
    }

    /// Those expired, and the others.
    fn split(&self, account: &str, now: DateTime<Utc>) -> (Vec<OfflineMessage>, Vec<OfflineMessage>) {
        let limit = TimeDelta::from_std(self.store.limits().offline_time_max)
            .ok()
            .and_then(|time| now.checked_sub_signed(time))
            .unwrap_or(DateTime::<Utc>::MIN_UTC);
        self.all(account).into_iter().partition(|message| message.stamp < limit)
    }

    fn all(&self, account: &str) -> Vec<OfflineMessage> {
        let found = self.store.scan(&queue(account)).into_iter();
        found.filter_map(|(key, payload)| message(&key, &payload)).collect()
    }
}

fn stamped(stamp: DateTime<Utc>, stanza: &[u8]) -> Vec<u8> {
    [&stamp.timestamp_millis().to_be_bytes(), stanza].concat()
}

pub(super) fn message(key: &[u8], payload: &Bytes) -> Option<OfflineMessage> {
    let mut parts = Parts::new(key);
    parts.text()?;
    let (stamp, stanza) = payload.split_first_chunk::<8>()?;
    Some(OfflineMessage {
        id: parts.number()?,
        stamp: DateTime::from_timestamp_millis(i64::from_be_bytes(*stamp))?,
        stanza: payload.slice_ref(stanza),
    })
}

fn queue(account: &str) -> Key {
    Key::new(Table::Offline).text(account)
}

#[cfg(test)]
mod tests {
    use super::super::Limits;
    use super::super::tests::{Scratch, days};
    use super::*;

    #[test]
    fn messages_come_in_order_and_go_when_deleted() {
        let scratch = Scratch::new();
        let store = scratch.store();
        let offline = store.offline();
        for text in ["one", "two", "three"] {
            offline.push("ada", text.as_bytes(), days(1)).unwrap();
        }
        offline.push("bob", b"other", days(1)).unwrap();
        let messages = offline.list("ada", days(2));
        let texts = |messages: &[OfflineMessage]| messages.iter().map(|m| m.stanza.clone()).collect::<Vec<_>>();
        assert_eq!(texts(&messages), ["one", "two", "three"]);
        assert_eq!(messages[0].stamp, days(1));
        let mut batch = Batch::new();
        offline.delete_through(&mut batch, "ada", messages[1].id);
        store.submit(batch).unwrap();
        assert_eq!(texts(&offline.list("ada", days(2))), ["three"]);
        assert_eq!(offline.list("bob", days(2)).len(), 1);
        // The order goes on after a restart.
        drop(store);
        let store = scratch.store();
        store.offline().push("ada", b"four", days(2)).unwrap();
        assert_eq!(texts(&store.offline().list("ada", days(2))), ["three", "four"]);
    }

    #[test]
    fn s14_a_full_queue_refuses_until_messages_expire() {
        let scratch = Scratch::new();
        let store = scratch.store();
        for _ in 0..Limits::DEFAULT.offline_messages_max {
            store.offline().push("ada", b"x", days(1)).unwrap();
        }
        assert!(matches!(
            store.offline().push("ada", b"x", days(2)),
            Err(StoreError::Limit(_))
        ));
        store.offline().push("ada", b"late", days(40)).unwrap();
        assert_eq!(store.offline().list("ada", days(40)).len(), 1);
        let large = vec![b'x'; Limits::DEFAULT.offline_bytes_max - 3];
        assert!(matches!(
            store.offline().push("ada", &large, days(40)),
            Err(StoreError::Limit(_))
        ));
        store.offline().push("ada", &large[1..], days(40)).unwrap();
    }
}
