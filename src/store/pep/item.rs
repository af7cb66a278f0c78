//! Items: published, kept in order, trimmed, retracted.

use super::{NAME_BYTES_MAX, Node, Owner, Pep, heads, last_part, payloads};
use crate::store::key::{Key, Table};
use crate::store::renaming::Renaming;
use crate::store::{Batch, StoreError, Ticket};
use bytes::Bytes;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

/// An item.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PepItem {
    /// Its id, unique in the node.
    pub id: String,
    /// Who published it: a JID.
    pub publisher: String,
    /// When.
    pub stamp: DateTime<Utc>,
    /// The payload element, self-contained; empty when there is none.
    pub payload: Bytes,
}

/// All of an item but its payload, which lies apart so that counting stays cheap.
#[derive(Serialize, Deserialize)]
pub(in crate::store) struct Head {
    order: u64,
    publisher: String,
    stamp: DateTime<Utc>,
    bytes: usize,
}

/// What a publish did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Published {
    /// When this is durable, so is the item.
    pub ticket: Ticket,
    /// Whether the node was made by it.
    pub created: bool,
    /// Ids of the items that had to go because of `max_items`, oldest first.
    pub trimmed: Vec<String>,
}

impl Pep<'_> {
    /// Publishes an item: puts it in place of one with its id, or beside the others, of which the oldest go beyond
    /// `max_items`. A node that is not there is made as `absent` says. A node that does not persist items keeps none.
    ///
    /// # Errors
    /// [`StoreError::Absent`] when there is no node and none is to be made, [`StoreError::Limit`], or as
    /// [`Store::submit`](crate::store::Store::submit).
    pub fn publish(
        &self,
        owner: Owner<'_>,
        node: &str,
        item: &PepItem,
        absent: Option<&Node>,
    ) -> Result<Published, StoreError> {
        if item.payload.len() > self.store.limits().item_bytes_max || item.id.len() > NAME_BYTES_MAX {
            return Err(StoreError::Limit("the item, or its id, is larger than it may be"));
        }
        let (ticket, (created, trimmed)) = self.store.transact(|batch| {
            let (config, created) = match (self.node(owner, node), absent) {
                (Some(node), _) => (node.config, false),
                (None, None) => return Err(StoreError::Absent),
                (None, Some(record)) => {
                    self.add(batch, owner, node, record)?;
                    (record.config.clone(), true)
                }
            };
            match config.persist_items {
                true => Ok((created, self.keep(batch, owner, node, item, config.max_items)?)),
                false => Ok((created, Vec::new())),
            }
        })?;
        Ok(Published {
            ticket,
            created,
            trimmed,
        })
    }

    /// The newest items, oldest first, at most `max`.
    pub fn items(&self, owner: Owner<'_>, node: &str, max: usize) -> Vec<PepItem> {
        let heads = self.heads(owner, node);
        let skip = heads.len().saturating_sub(max);
        let newest = heads.into_iter().skip(skip);
        newest
            .filter_map(|(id, head)| self.join(owner, node, id, head))
            .collect()
    }

    /// One item.
    pub fn item(&self, owner: Owner<'_>, node: &str, id: &str) -> Option<PepItem> {
        let head = self.store.get_json(&heads(owner).text(node).text(id))?;
        self.join(owner, node, id.to_owned(), head)
    }

    /// Ids of all items, oldest first.
    pub fn item_ids(&self, owner: Owner<'_>, node: &str) -> Vec<String> {
        self.heads(owner, node).into_iter().map(|(id, _)| id).collect()
    }

    /// Retracts an item.
    ///
    /// # Errors
    /// [`StoreError::Absent`] (`item-not-found`), or as [`Store::submit`](crate::store::Store::submit).
    pub fn retract(&self, owner: Owner<'_>, node: &str, id: &str) -> Result<Ticket, StoreError> {
        let (ticket, ()) = self.store.transact(|batch| {
            if !self.store.has(&heads(owner).text(node).text(id)) {
                return Err(StoreError::Absent);
            }
            self.drop_item(batch, owner, node, id);
            Ok(())
        })?;
        Ok(ticket)
    }

    /// Deletes all items of a node (XEP-0060 section 8.5).
    pub fn purge(&self, batch: &mut Batch, owner: Owner<'_>, node: &str) {
        self.delete_all(batch, &[heads(owner).text(node), payloads(owner).text(node)]);
    }

    pub(super) fn rename_items(&self, batch: &mut Batch, renaming: &Renaming<'_>) {
        for (key, mut head) in self.store.scan_json::<Head>(&Key::new(Table::ItemHead)) {
            head.publisher = renaming.jid(&head.publisher).into_owned();
            batch.put_json(Key::from_bytes(key), &head);
        }
    }

    /// Puts an item and returns the ids of those that it displaces.
    fn keep(
        &self,
        batch: &mut Batch,
        owner: Owner<'_>,
        node: &str,
        item: &PepItem,
        max_items: u32,
    ) -> Result<Vec<String>, StoreError> {
        let mut others = self.heads(owner, node);
        let here: usize = others.iter().map(|(_, head)| head.bytes).sum();
        others.retain(|(id, _)| *id != item.id);
        let max = usize::try_from(max_items)
            .unwrap_or(usize::MAX)
            .min(self.store.limits().items_max)
            .max(1);
        let excess = (others.len() + 1).saturating_sub(max);
        let left: usize = others[excess..].iter().map(|(_, head)| head.bytes).sum();
        let elsewhere = match owner {
            Owner::Account(_) => self.bytes(owner).saturating_sub(here),
            Owner::Service(_) => 0,
        };
        if elsewhere + left + item.payload.len() > owner.limits(self.store.limits()).bytes {
            return Err(StoreError::Limit("the owner's items are at their limit of bytes"));
        }
        let trimmed: Vec<String> = others.into_iter().take(excess).map(|(id, _)| id).collect();
        for id in &trimmed {
            self.drop_item(batch, owner, node, id);
        }
        self.put_item(batch, owner, node, item);
        Ok(trimmed)
    }

    fn put_item(&self, batch: &mut Batch, owner: Owner<'_>, node: &str, item: &PepItem) {
        let head = Head {
            order: self.store.next_number(),
            publisher: item.publisher.clone(),
            stamp: item.stamp,
            bytes: item.payload.len(),
        };
        batch.put_json(heads(owner).text(node).text(&item.id), &head);
        batch.put_bytes(payloads(owner).text(node).text(&item.id), &item.payload);
    }

    fn drop_item(&self, batch: &mut Batch, owner: Owner<'_>, node: &str, id: &str) {
        batch.delete(heads(owner).text(node).text(id));
        batch.delete(payloads(owner).text(node).text(id));
    }

    /// The heads of a node's items, oldest first.
    fn heads(&self, owner: Owner<'_>, node: &str) -> Vec<(String, Head)> {
        let found = self.store.scan_json::<Head>(&heads(owner).text(node)).into_iter();
        let mut heads: Vec<_> = found
            .filter_map(|(key, head)| Some((last_part(&key, 4)?, head)))
            .collect();
        heads.sort_by_key(|(_, head)| head.order);
        heads
    }

    /// Bytes of all payloads of an owner.
    fn bytes(&self, owner: Owner<'_>) -> usize {
        let heads = self.store.scan_json::<Head>(&heads(owner)).into_iter();
        heads.map(|(_, head)| head.bytes).fold(0, usize::saturating_add)
    }

    fn join(&self, owner: Owner<'_>, node: &str, id: String, head: Head) -> Option<PepItem> {
        let payload = self.store.get(&payloads(owner).text(node).text(&id))?;
        Some(PepItem {
            id,
            publisher: head.publisher,
            stamp: head.stamp,
            payload,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::NodeConfig;
    use super::*;
    use crate::store::tests::{Scratch, days};
    use crate::store::{Affiliation, Limits};

    const ADA: Owner<'static> = Owner::Account("ada");

    fn item(id: &str, payload: &[u8]) -> PepItem {
        PepItem {
            id: id.to_owned(),
            publisher: "ada@mon.example/desk".to_owned(),
            stamp: days(1),
            payload: Bytes::copy_from_slice(payload),
        }
    }

    fn node(max_items: u32) -> Node {
        let config = NodeConfig {
            max_items,
            ..NodeConfig::default()
        };
        Node::new(config, days(1))
    }

    #[test]
    fn publishing_makes_the_node_and_keeps_the_newest_items() {
        let scratch = Scratch::new();
        let store = scratch.store();
        let pep = store.pep();
        assert_eq!(pep.publish(ADA, "n", &item("a", b"1"), None), Err(StoreError::Absent));
        assert!(pep.publish(ADA, "n", &item("a", b"1"), Some(&node(2))).unwrap().created);
        for (id, trimmed) in [("b", vec![]), ("a", vec![]), ("c", vec!["b".to_owned()])] {
            let published = pep.publish(ADA, "n", &item(id, b"2"), Some(&node(9))).unwrap();
            assert_eq!((published.created, published.trimmed), (false, trimmed));
        }
        assert_eq!(pep.item_ids(ADA, "n"), ["a", "c"]);
        assert_eq!(pep.items(ADA, "n", 1), [item("c", b"2")]);
        assert_eq!(pep.item(ADA, "n", "a"), Some(item("a", b"2")));
        // The same names elsewhere are other nodes.
        assert_eq!(pep.item(Owner::Service("ada"), "n", "a"), None);
        assert_eq!(pep.item(Owner::Account("adan"), "", "a"), None);
        pep.retract(ADA, "n", "a").unwrap();
        assert_eq!(pep.retract(ADA, "n", "a"), Err(StoreError::Absent));
        pep.delete(ADA, "n").unwrap();
        assert_eq!(pep.items(ADA, "n", 9), []);
        assert_eq!(
            store.values(b"p").len() + store.values(b"h").len() + store.values(b"n").len(),
            0
        );
    }

    #[test]
    fn p07_storage_is_bounded() {
        let scratch = Scratch::new();
        let store = scratch.store();
        let pep = store.pep();
        let large = vec![b'x'; Limits::DEFAULT.item_bytes_max];
        for number in 0..32 {
            pep.publish(ADA, "n", &item(&number.to_string(), &large), Some(&node(u32::MAX)))
                .unwrap();
        }
        let refused = |result: Result<Published, StoreError>| assert!(matches!(result, Err(StoreError::Limit(_))));
        refused(pep.publish(ADA, "n", &item("more", b"x"), None));
        refused(pep.publish(ADA, "m", &item("more", b"x"), Some(&node(1))));
        assert_eq!(pep.node(ADA, "m"), None);
        // Replacing is no growth.
        pep.publish(ADA, "n", &item("7", &large), None).unwrap();
        refused(pep.publish(ADA, "n", &item("7", &[large.as_slice(), b"x"].concat()), None));
        let bob = Owner::Account("bob");
        for number in 0..300 {
            pep.publish(bob, "n", &item(&number.to_string(), b""), Some(&node(u32::MAX)))
                .unwrap();
        }
        assert_eq!(pep.item_ids(bob, "n").len(), 256);
        for number in 1..50 {
            pep.create(bob, &number.to_string(), &node(1)).unwrap();
        }
        assert!(matches!(pep.create(bob, "50", &node(1)), Err(StoreError::Limit(_))));
        assert_eq!(pep.create(bob, "n", &node(1)), Err(StoreError::Exists));
    }

    #[test]
    fn a_node_that_does_not_persist_keeps_nothing() {
        let scratch = Scratch::new();
        let store = scratch.store();
        let mut passing = node(1);
        passing.config.persist_items = false;
        store.pep().publish(ADA, "n", &item("a", b"1"), Some(&passing)).unwrap();
        assert_eq!(store.pep().item_ids(ADA, "n"), [] as [&str; 0]);
        let change = |node: &mut Node| {
            node.config.persist_items = true;
            node.affiliations
                .insert("bob@mon.example".to_owned(), Affiliation::Member);
            Ok(())
        };
        let (_, changed) = store.pep().change(ADA, "n", change).unwrap();
        assert_eq!(store.pep().node(ADA, "n"), Some(changed));
        store.pep().publish(ADA, "n", &item("a", b"1"), None).unwrap();
        assert_eq!(store.pep().item_ids(ADA, "n"), ["a"]);
    }
}
