//! The message archives of accounts (XEP-0313).
//!
//! An account's messages are numbered without gaps, so that counts and positions are subtractions, a time is found by
//! bisection, and a loss shows. Each says how many bytes came before it, so that sizes are subtractions too. Beside each
//! lies a key under its contact, for the history of one conversation. The manifest does not count archives: reading them
//! takes longer than anybody may be kept waiting, so [`Archive::check`] does it by and by.

mod id;
mod page;
mod prefs;
#[cfg(test)]
mod tests;

pub use page::{ArchivePage, ArchiveSpan, Extent};
pub use prefs::{ArchiveDefault, ArchivePrefs};

use super::key::{Key, Parts, Table};
use super::renaming::Renaming;
use super::{Batch, Store, StoreError, Ticket};
use bytes::Bytes;
use chrono::{DateTime, TimeDelta, Utc};
use jid::BareJid;

/// A clock that is put back by less does not put later messages before earlier ones; by more, it is believed.
const STEP_BACK_MAX: TimeDelta = TimeDelta::minutes(1);

/// A message in an archive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Archived {
    /// Its place, counted from 1 without gaps.
    pub number: u64,
    /// Its id (XEP-0359): unique, and nobody can guess it.
    pub id: String,
    /// When it was archived, to the millisecond.
    pub stamp: DateTime<Utc>,
    /// The stanza, self-contained.
    pub stanza: Bytes,
}

/// What a check of a part of an archive found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ArchiveCheck {
    /// Messages that are missing or cannot be read.
    pub lost: usize,
    /// Where to go on; `None` at the end.
    pub next: Option<u64>,
}

/// The archives. Accounts are named by their prepared localparts.
#[derive(Clone, Copy, Debug)]
pub struct Archive<'a> {
    store: &'a Store,
}

/// A record of the table [`Table::Archive`].
struct Entry {
    /// Milliseconds since 1970.
    stamp: i64,
    /// The part of the id that nobody can guess.
    nonce: u64,
    /// Bytes of all stanzas archived before it.
    offset: u64,
    /// The contact's bare JID.
    with: String,
    stanza: Bytes,
}

impl Entry {
    /// Stamp, nonce, offset, the contact's length and the contact, the stanza.
    fn write(&self) -> Vec<u8> {
        let with = self.with.as_bytes();
        // A bare JID has two parts of at most 1023 bytes.
        let with_len = u16::try_from(with.len()).unwrap_or(u16::MAX);
        [
            &self.stamp.to_be_bytes()[..],
            &self.nonce.to_be_bytes(),
            &self.offset.to_be_bytes(),
            &with_len.to_be_bytes(),
            with,
            &self.stanza,
        ]
        .concat()
    }

    /// Total: garbage yields `None`.
    fn read(payload: &Bytes) -> Option<Entry> {
        let (stamp, rest) = payload.split_first_chunk::<8>()?;
        let (nonce, rest) = rest.split_first_chunk::<8>()?;
        let (offset, rest) = rest.split_first_chunk::<8>()?;
        let (with_len, rest) = rest.split_first_chunk::<2>()?;
        let (with, stanza) = rest.split_at_checked(usize::from(u16::from_be_bytes(*with_len)))?;
        Some(Entry {
            stamp: i64::from_be_bytes(*stamp),
            nonce: u64::from_be_bytes(*nonce),
            offset: u64::from_be_bytes(*offset),
            with: String::from_utf8(with.to_vec()).ok()?,
            stanza: payload.slice_ref(stanza),
        })
    }

    /// Bytes of all stanzas archived up to and with it.
    fn end(&self) -> u64 {
        self.offset.saturating_add(self.stanza.len() as u64)
    }

    fn time(&self) -> DateTime<Utc> {
        DateTime::from_timestamp_millis(self.stamp).unwrap_or_default()
    }
}

impl<'a> Archive<'a> {
    pub(super) fn new(store: &'a Store) -> Archive<'a> {
        Archive { store }
    }

    /// Archives a message exchanged with a contact; returns its id too.
    ///
    /// # Errors
    /// As [`Store::submit`].
    pub fn append(
        &self,
        account: &str,
        with: &BareJid,
        stanza: &Bytes,
        now: DateTime<Utc>,
    ) -> Result<(Ticket, String), StoreError> {
        let nonce = id::nonce()?;
        let (ticket, number) = self.store.transact(|batch| {
            let last = self.last(account);
            let entry = Entry {
                stamp: last
                    .as_ref()
                    .map_or(now, |(_, last)| steady(now, last.time()))
                    .timestamp_millis(),
                nonce,
                offset: last.as_ref().map_or(0, |(_, last)| last.end()),
                with: with.to_string(),
                stanza: stanza.clone(),
            };
            let number = last.map_or(1, |(number, _)| number.saturating_add(1));
            put(batch, account, number, &entry);
            Ok(number)
        })?;
        Ok((ticket, self.id(number, nonce)))
    }

    /// The numbers of the first and the last message.
    pub fn bounds(&self, account: &str) -> Option<(u64, u64)> {
        let archive = entries(account);
        let first = self.store.key_after(&archive, &archive)?;
        let last = self.store.key_before(&archive, &archive.clone().number(u64::MAX))?;
        Some((number(&first)?, number(&last)?))
    }

    /// A message, by its number.
    pub fn get(&self, account: &str, number: u64) -> Option<Archived> {
        let entry = self.entry(account, number)?;
        Some(self.archived(number, entry))
    }

    /// Deletes the oldest messages while there are too many, or too many bytes of them, or they are too old; at most so many
    /// at a time. Returns how many went.
    ///
    /// # Errors
    /// As [`Store::submit`].
    pub fn trim(&self, account: &str, now: DateTime<Utc>, slice: u64) -> Result<u64, StoreError> {
        let (_, gone) = self.store.transact(|batch| {
            let (Some((first, _)), Some((last, newest))) = (self.bounds(account), self.last(account)) else {
                return Ok(0);
            };
            let retention = Retention::new(self.store, last, &newest, now);
            let mut gone = 0;
            for number in first..=last.min(first.saturating_add(slice.saturating_sub(1))) {
                let entry = self.entry(account, number);
                if entry.as_ref().is_some_and(|entry| retention.keeps(number, entry)) {
                    break;
                }
                // What cannot be read is of no use to anyone.
                batch.delete(entries(account).number(number));
                if let Some(entry) = entry {
                    batch.delete(conversation(account, &entry.with).number(number));
                }
                gone += 1;
            }
            Ok(gone)
        })?;
        Ok(gone)
    }

    /// Reads a slice of an archive, from a number on: what is missing or unreadable is counted and, by the store, logged.
    pub fn check(&self, account: &str, from: u64, slice: u64) -> ArchiveCheck {
        let Some((first, last)) = self.bounds(account) else {
            return ArchiveCheck { lost: 0, next: None };
        };
        let begin = from.max(first);
        let end = begin.saturating_add(slice).min(last.saturating_add(1));
        let is_lost = |number: &u64| self.entry(account, *number).is_none();
        ArchiveCheck {
            lost: (begin..end).filter(is_lost).count(),
            next: (end <= last).then_some(end),
        }
    }

    /// Rewrites the addresses of all messages, and the contacts that they lie under.
    pub(super) fn rename(&self, batch: &mut Batch, renaming: &Renaming<'_>) {
        for (key, payload) in self.store.scan(&Key::new(Table::Archive)) {
            let mut parts = Parts::new(&key);
            let (Some(account), Some(number), Some(mut entry)) = (parts.text(), parts.number(), Entry::read(&payload))
            else {
                continue;
            };
            batch.delete(conversation(&account, &entry.with).number(number));
            entry.with = renaming.jid(&entry.with).into_owned();
            entry.stanza = renaming.stanza(&entry.stanza);
            put(batch, &account, number, &entry);
        }
        self.rename_prefs(batch, renaming);
    }

    pub(super) fn remove_account(&self, batch: &mut Batch, account: &str) {
        let with = Key::new(Table::ArchiveWith).text(account);
        for key in [entries(account), with]
            .iter()
            .flat_map(|prefix| self.store.keys(prefix))
        {
            batch.delete_raw(key);
        }
        self.remove_prefs(batch, account);
    }

    fn entry(&self, account: &str, number: u64) -> Option<Entry> {
        Entry::read(&self.store.get(&entries(account).number(number))?)
    }

    /// The last message that can be read.
    fn last(&self, account: &str) -> Option<(u64, Entry)> {
        let archive = entries(account);
        let mut before = archive.clone().number(u64::MAX);
        loop {
            let number = number(&self.store.key_before(&archive, &before)?)?;
            if let Some(entry) = self.entry(account, number) {
                return Some((number, entry));
            }
            before = archive.clone().number(number);
        }
    }

    fn archived(&self, number: u64, entry: Entry) -> Archived {
        Archived {
            number,
            id: self.id(number, entry.nonce),
            stamp: entry.time(),
            stanza: entry.stanza,
        }
    }
}

/// What may stay in an archive.
struct Retention {
    number_min: u64,
    offset_min: u64,
    time_min: DateTime<Utc>,
}

impl Retention {
    fn new(store: &Store, last: u64, newest: &Entry, now: DateTime<Utc>) -> Retention {
        let limits = store.limits();
        let time_min = TimeDelta::from_std(limits.archive_time_max).ok();
        Retention {
            number_min: (last + 1).saturating_sub(limits.archive_messages_max as u64),
            offset_min: newest.end().saturating_sub(limits.archive_bytes_max as u64),
            time_min: time_min
                .and_then(|time| now.checked_sub_signed(time))
                .unwrap_or(DateTime::<Utc>::MIN_UTC),
        }
    }

    fn keeps(&self, number: u64, entry: &Entry) -> bool {
        number >= self.number_min && entry.offset >= self.offset_min && entry.time() >= self.time_min
    }
}

/// The time of a message after one of that time.
fn steady(now: DateTime<Utc>, last: DateTime<Utc>) -> DateTime<Utc> {
    if last - now < STEP_BACK_MAX { now.max(last) } else { now }
}

fn put(batch: &mut Batch, account: &str, number: u64, entry: &Entry) {
    batch.put_bytes(conversation(account, &entry.with).number(number), b"");
    batch.put_bytes(entries(account).number(number), &entry.write());
}

fn entries(account: &str) -> Key {
    Key::new(Table::Archive).text(account)
}

fn conversation(account: &str, with: &str) -> Key {
    Key::new(Table::ArchiveWith).text(account).text(with)
}

/// The number that ends a key of either table.
fn number(key: &[u8]) -> Option<u64> {
    key.last_chunk::<8>().map(|number| u64::from_be_bytes(*number))
}

/// What a fuzzer gives as a record.
#[cfg(any(test, fuzzing))]
pub(super) fn decode(payload: &Bytes) -> bool {
    Entry::read(payload).is_some()
}
