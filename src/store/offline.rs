//! Messages for accounts that are away (XEP-0160).

use super::key::{Key, Parts, Table};
use super::renaming::Renaming;
use super::{Batch, Store, StoreError, Ticket};
use bytes::Bytes;
use chrono::{DateTime, TimeDelta, Utc};
use std::collections::{BTreeSet, VecDeque};

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

    /// Keeps a message. What was [seen](Self::mark_seen) makes room for it, oldest first.
    ///
    /// # Errors
    /// [`StoreError::Limit`] when the account has as many messages, or bytes of them, as it may (`service-unavailable`),
    /// or as [`Store::submit`].
    pub fn push(&self, account: &str, stanza: &[u8], now: DateTime<Utc>) -> Result<Ticket, StoreError> {
        let (ticket, ()) = self.store.transact(|batch| {
            let (mut leaving, kept) = self.split(account, now);
            let seen: BTreeSet<u64> = self.store.get_json(&seen(account)).unwrap_or_default();
            let mut kept: VecDeque<OfflineMessage> = kept.into();
            while !self.has_room(&kept, stanza) {
                let at = kept.iter().position(|message| seen.contains(&message.id));
                let full = StoreError::Limit("the account's offline messages are at their limit");
                leaving.extend(kept.remove(at.ok_or(full)?));
            }
            self.delete(batch, account, &leaving.iter().collect::<Vec<_>>());
            batch.put_bytes(queue(account).number(self.store.next_number()), &stamped(now, stanza));
            Ok(())
        })?;
        Ok(ticket)
    }

    fn has_room(&self, kept: &VecDeque<OfflineMessage>, stanza: &[u8]) -> bool {
        let bytes: usize = kept.iter().map(|message| message.stanza.len()).sum();
        let limits = self.store.limits();
        kept.len() < limits.offline_messages_max && bytes + stanza.len() <= limits.offline_bytes_max
    }

    /// All messages not expired, oldest first. They stay until [`Offline::delete`].
    pub fn list(&self, account: &str, now: DateTime<Utc>) -> Vec<OfflineMessage> {
        self.split(account, now).1
    }

    /// Deletes messages of an account.
    pub fn delete(&self, batch: &mut Batch, account: &str, messages: &[&OfflineMessage]) {
        for message in messages {
            batch.delete(queue(account).number(message.id));
        }
    }

    /// Says of all messages that the account has seen elsewhere: they may go when others need the room.
    pub fn mark_seen(&self, batch: &mut Batch, account: &str, messages: &[&OfflineMessage]) {
        let ids: BTreeSet<u64> = messages.iter().map(|message| message.id).collect();
        let known: BTreeSet<u64> = self.store.get_json(&seen(account)).unwrap_or_default();
        match ids.is_empty() {
            _ if ids == known => {}
            true => batch.delete(seen(account)),
            false => batch.put_json(seen(account), &ids),
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
        batch.delete(seen(account));
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

fn seen(account: &str) -> Key {
    Key::new(Table::OfflineSeen).text(account)
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
        offline.delete(&mut batch, "ada", &[&messages[0], &messages[1]]);
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

    #[test]
    fn s14_what_was_seen_makes_room_oldest_first_and_nothing_else_does() {
        let scratch = Scratch::new();
        let store = scratch.store();
        let offline = store.offline();
        for number in 0..Limits::DEFAULT.offline_messages_max {
            offline.push("ada", number.to_string().as_bytes(), days(1)).unwrap();
        }
        let messages = offline.list("ada", days(1));
        let mut batch = Batch::new();
        offline.mark_seen(&mut batch, "ada", &[&messages[3], &messages[5]]);
        store.submit(batch).unwrap();
        offline.push("ada", b"new", days(1)).unwrap();
        offline.push("ada", b"newer", days(1)).unwrap();
        let full = offline.push("ada", b"one too many", days(1));
        assert!(matches!(full, Err(StoreError::Limit(_))));
        let left = offline.list("ada", days(1));
        assert_eq!(left.len(), Limits::DEFAULT.offline_messages_max);
        assert!(!left.contains(&messages[3]) && !left.contains(&messages[5]) && left.contains(&messages[4]));
    }
}
