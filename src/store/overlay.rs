//! What is written but not yet durable, as readers see it.

use super::batch::{Ticket, Writes};
use bytes::Bytes;
use std::collections::{BTreeMap, btree_map};
use std::iter::Peekable;
use std::ops::Bound;

/// Pending writes over the tree. A key's newest write hides older ones and the tree.
#[derive(Debug, Default)]
pub(super) struct Overlay {
    pending: BTreeMap<Vec<u8>, (Ticket, Option<Bytes>)>,
}

impl Overlay {
    /// Enters a batch, as a whole.
    pub(super) fn enter(&mut self, ticket: Ticket, writes: Writes) {
        for (key, value) in writes {
            self.pending.insert(key, (ticket, value));
        }
    }

    /// Forgets what the tree holds by now: these keys, unless a later batch has written them again.
    pub(super) fn leave<'a>(&mut self, done: Ticket, keys: impl Iterator<Item = &'a Vec<u8>>) {
        for key in keys {
            if self.pending.get(key).is_some_and(|(ticket, _)| *ticket <= done) {
                self.pending.remove(key);
            }
        }
    }

    /// A key's pending write: `None` when there is none, `Some(None)` when it is a deletion.
    pub(super) fn get(&self, key: &[u8]) -> Option<Option<Bytes>> {
        self.pending.get(key).map(|(_, value)| value.clone())
    }

    /// The next pending write after a key; `false` when it is a deletion.
    pub(super) fn after(&self, key: &[u8]) -> Option<(Vec<u8>, bool)> {
        let range = (Bound::Excluded(key), Bound::Unbounded);
        let (key, (_, value)) = self.pending.range::<[u8], _>(range).next()?;
        Some((key.clone(), value.is_some()))
    }

    /// The last pending write before a key; `false` when it is a deletion.
    pub(super) fn before(&self, key: &[u8]) -> Option<(Vec<u8>, bool)> {
        let range = (Bound::Unbounded, Bound::Excluded(key));
        let (key, (_, value)) = self.pending.range::<[u8], _>(range).next_back()?;
        Some((key.clone(), value.is_some()))
    }

    /// Pending writes of keys that begin with a prefix.
    pub(super) fn scan(&self, prefix: &[u8]) -> Writes {
        self.pending
            .range::<[u8], _>((Bound::Included(prefix), Bound::Unbounded))
            .take_while(|(key, _)| key.starts_with(prefix))
            .map(|(key, (_, value))| (key.clone(), value.clone()))
            .collect()
    }
}

/// A tree with pending writes over it, in the keys' order, one record at a time.
pub(super) struct Merged<T> {
    stored: T,
    /// Read, and not yet given: a pending key comes before it.
    next: Option<(Vec<u8>, Bytes)>,
    pending: Peekable<btree_map::IntoIter<Vec<u8>, Option<Bytes>>>,
}

impl<T, E> Merged<T>
where
    T: Iterator<Item = Result<(Vec<u8>, Bytes), E>>,
{
    /// What is stored comes in its keys' order.
    pub(super) fn new(stored: T, pending: Writes) -> Merged<T> {
        Merged {
            stored,
            next: None,
            pending: pending.into_iter().peekable(),
        }
    }

    /// The next record; `None` at the end.
    ///
    /// # Errors
    /// What is stored cannot be read.
    pub(super) fn read(&mut self) -> Result<Option<(Vec<u8>, Bytes)>, E> {
        loop {
            if self.next.is_none() {
                self.next = self.stored.next().transpose()?;
            }
            let stored = self.next.as_ref().map(|(key, _)| key);
            let is_due = |(key, _): &(Vec<u8>, Option<Bytes>)| stored.is_none_or(|stored| key <= stored);
            let Some((key, value)) = self.pending.next_if(is_due) else {
                return Ok(self.next.take());
            };
            self.next.take_if(|(stored, _)| *stored == key);
            if let Some(value) = value {
                return Ok(Some((key, value)));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn writes(entries: &[(&str, Option<&'static str>)]) -> Writes {
        let entry = |(key, value): &(&str, Option<&'static str>)| (key.as_bytes().to_vec(), value.map(Bytes::from));
        entries.iter().map(entry).collect()
    }

    #[test]
    fn a_later_write_stays_when_an_earlier_one_becomes_durable() {
        let mut overlay = Overlay::default();
        let first = writes(&[("a", Some("1")), ("b", Some("1"))]);
        overlay.enter(Ticket(1), first.clone());
        overlay.enter(Ticket(2), writes(&[("a", None)]));
        overlay.leave(Ticket(1), first.keys());
        assert_eq!(overlay.get(b"a"), Some(None));
        assert_eq!(overlay.get(b"b"), None);
        overlay.leave(Ticket(2), first.keys());
        assert!(overlay.pending.is_empty());
    }

    #[test]
    fn pending_writes_replace_delete_and_add_wherever_they_are() {
        let stored = ["b", "c", "d", "f"].map(|key| Ok::<_, String>((key.as_bytes().to_vec(), Bytes::from("old"))));
        let new = Some("new");
        let pending = writes(&[
            ("a", new),
            ("b", None),
            ("bb", None),
            ("d", new),
            ("e", new),
            ("g", None),
            ("h", new),
        ]);
        let mut merged = Merged::new(stored.into_iter(), pending);
        let mut seen = Vec::new();
        while let Some((key, value)) = merged.read().expect("readable") {
            seen.push([&key[..], b" ", &value[..]].concat());
        }
        assert_eq!(
            seen,
            ["a new", "c old", "d new", "e new", "f old", "h new"].map(str::as_bytes)
        );
        let broken = [Ok((b"a".to_vec(), Bytes::new())), Err("torn")];
        let mut merged = Merged::new(broken.into_iter(), writes(&[("z", new)]));
        assert!(merged.read().is_ok_and(|record| record.is_some()));
        assert_eq!(merged.read(), Err("torn"), "rather than an end");
    }

    #[test]
    fn a_scan_stays_within_its_prefix() {
        let mut overlay = Overlay::default();
        overlay.enter(
            Ticket(1),
            writes(&[("a", None), ("ba", None), ("bb", Some("1")), ("c", None)]),
        );
        assert_eq!(overlay.scan(b"b"), writes(&[("ba", None), ("bb", Some("1"))]));
    }
}
