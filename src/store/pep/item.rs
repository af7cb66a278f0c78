//! Items: published, kept in order, trimmed, retracted.

use super::{NAME_BYTES_MAX, Node, NodeConfig, Owner, Pep, heads, last_part, payloads};
use crate::store::key::{Key, Table};
use crate::store::renaming::Renaming;
use crate::store::{Batch, StoreError, Ticket};
use bytes::Bytes;
use chrono::{DateTime, TimeDelta, Utc};
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

/// All of an item that is no payload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ItemHead {
    /// Its id.
    pub id: String,
    /// Who published it: a JID.
    pub publisher: String,
    /// When.
    pub stamp: DateTime<Utc>,
}

impl PepItem {
    /// What was published before that has expired when this is published (`pubsub#item_expire`).
    fn expired_before(&self, config: &NodeConfig) -> Option<DateTime<Utc>> {
        let age = TimeDelta::seconds(i64::from(config.item_expire?));
        self.stamp.checked_sub_signed(age)
    }
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
    /// Publishes items, in order: each in place of one with its id, or beside the others, of which the oldest go beyond
    /// `max_items`, and those that have expired. A node that is not there is made as `absent` says. A node that does not
    /// persist items keeps none.
    ///
    /// # Errors
    /// [`StoreError::Absent`] when there is no node and none is to be made, [`StoreError::Limit`], or as
    /// [`Store::submit`](crate::store::Store::submit).
    pub fn publish(
        &self,
        owner: Owner<'_>,
        node: &str,
        items: &[PepItem],
        absent: Option<&Node>,
    ) -> Result<Published, StoreError> {
        let bytes_max = self.store.limits().item_bytes_max;
        let fits = |item: &PepItem| item.payload.len() <= bytes_max && item.id.len() <= NAME_BYTES_MAX;
        if !items.iter().all(fits) {
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
                true => Ok((created, self.keep(batch, owner, node, items, &config)?)),
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

    /// All items without their payloads, oldest first.
    pub fn item_heads(&self, owner: Owner<'_>, node: &str) -> Vec<ItemHead> {
        let heads = self.heads(owner, node).into_iter();
        heads
            .map(|(id, head)| ItemHead {
                id,
                publisher: head.publisher,
                stamp: head.stamp,
            })
            .collect()
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

    /// Puts items and returns the ids of those that they displace.
    fn keep(
        &self,
        batch: &mut Batch,
        owner: Owner<'_>,
        node: &str,
        items: &[PepItem],
        config: &NodeConfig,
    ) -> Result<Vec<String>, StoreError> {
        let heads = self.heads(owner, node);
        let here: usize = heads.iter().map(|(_, head)| head.bytes).sum();
        let oldest = items.first().and_then(|item| item.expired_before(config));
        let mut kept: Vec<(&str, usize, Option<&PepItem>)> = heads
            .iter()
            .filter(|(_, head)| oldest.is_none_or(|oldest| head.stamp > oldest))
            .map(|(id, head)| (id.as_str(), head.bytes, None))
            .collect();
        for item in items {
            kept.retain(|(id, ..)| *id != item.id);
            kept.push((&item.id, item.payload.len(), Some(item)));
        }
        kept.drain(..kept.len().saturating_sub(self.items_max(config)));
        let elsewhere = match owner {
            Owner::Account(_) => self.bytes(owner).saturating_sub(here),
            Owner::Service(_) => 0,
        };
        let bytes: usize = kept.iter().map(|(_, bytes, _)| bytes).sum();
        if elsewhere + bytes > owner.limits(self.store.limits()).bytes {
            return Err(StoreError::Limit(super::ITEMS_FULL));
        }
        let is_displaced = |id: &&String| !kept.iter().any(|(kept, ..)| *kept == id.as_str());
        let trimmed: Vec<String> = heads.iter().map(|(id, _)| id).filter(is_displaced).cloned().collect();
        for id in &trimmed {
            self.drop_item(batch, owner, node, id);
        }
        for item in kept.iter().filter_map(|(.., item)| *item) {
            self.put_item(batch, owner, node, item);
        }
        Ok(trimmed)
    }

    fn items_max(&self, config: &NodeConfig) -> usize {
        let wanted = usize::try_from(config.max_items).unwrap_or(usize::MAX);
        wanted.min(self.store.limits().items_max).max(1)
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

    fn ids(pep: &Pep<'_>, owner: Owner<'_>, node: &str) -> Vec<String> {
        pep.item_heads(owner, node).into_iter().map(|head| head.id).collect()
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
        assert_eq!(pep.publish(ADA, "n", &[item("a", b"1")], None), Err(StoreError::Absent));
        assert!(
            pep.publish(ADA, "n", &[item("a", b"1")], Some(&node(2)))
                .unwrap()
                .created
        );
        for (id, trimmed) in [("b", vec![]), ("a", vec![]), ("c", vec!["b".to_owned()])] {
            let published = pep.publish(ADA, "n", &[item(id, b"2")], Some(&node(9))).unwrap();
            assert_eq!((published.created, published.trimmed), (false, trimmed));
        }
        assert_eq!(ids(&pep, ADA, "n"), ["a", "c"]);
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
            pep.publish(ADA, "n", &[item(&number.to_string(), &large)], Some(&node(u32::MAX)))
                .unwrap();
        }
        let refused = |result: Result<Published, StoreError>| assert!(matches!(result, Err(StoreError::Limit(_))));
        refused(pep.publish(ADA, "n", &[item("more", b"x")], None));
        refused(pep.publish(ADA, "m", &[item("more", b"x")], Some(&node(1))));
        assert_eq!(pep.node(ADA, "m"), None);
        // Replacing is no growth.
        pep.publish(ADA, "n", &[item("7", &large)], None).unwrap();
        refused(pep.publish(ADA, "n", &[item("7", &[large.as_slice(), b"x"].concat())], None));
        let bob = Owner::Account("bob");
        for number in 0..300 {
            pep.publish(bob, "n", &[item(&number.to_string(), b"")], Some(&node(u32::MAX)))
                .unwrap();
        }
        assert_eq!(ids(&pep, bob, "n").len(), 256);
        for number in 1..50 {
            pep.create(bob, &number.to_string(), &node(1)).unwrap();
        }
        assert!(matches!(pep.create(bob, "50", &node(1)), Err(StoreError::Limit(_))));
        assert_eq!(pep.create(bob, "n", &node(1)), Err(StoreError::Exists));
    }

    #[test]
    fn several_items_are_kept_in_order_and_only_the_newest_of_too_many() {
        let scratch = Scratch::new();
        let store = scratch.store();
        let pep = store.pep();
        let all = ["a", "b", "a", "c"].map(|id| item(id, b"1"));
        pep.publish(ADA, "n", &all, Some(&node(2))).unwrap();
        assert_eq!(ids(&pep, ADA, "n"), ["a", "c"]);
        let published = pep.publish(ADA, "n", &["d", "e", "f"].map(|id| item(id, b"1")), None);
        assert_eq!(published.unwrap().trimmed, ["a", "c"]);
        assert_eq!(ids(&pep, ADA, "n"), ["e", "f"]);
        assert_eq!(store.values(b"p").len(), 2);
    }

    #[test]
    fn what_has_expired_goes_with_the_next_publish() {
        let scratch = Scratch::new();
        let store = scratch.store();
        let pep = store.pep();
        let mut passing = node(9);
        passing.config.item_expire = Some(24 * 60 * 60);
        for (id, day) in [("a", 1), ("b", 2), ("c", 3)] {
            let item = PepItem {
                stamp: days(day) + chrono::TimeDelta::seconds(i64::from(day == 3)),
                ..item(id, b"1")
            };
            pep.publish(ADA, "n", &[item], Some(&passing)).unwrap();
        }
        assert_eq!(ids(&pep, ADA, "n"), ["c"]);
    }

    #[test]
    fn a_collection_that_goes_leaves_its_nodes() {
        let scratch = Scratch::new();
        let store = scratch.store();
        let (pep, service) = (store.pep(), Owner::Service("s"));
        let mut leaf = node(1);
        leaf.config.collections = vec!["c".to_owned(), "d".to_owned()];
        leaf.affiliations
            .insert("bob@mon.example".to_owned(), Affiliation::Owner);
        pep.create(service, "c", &node(1)).unwrap();
        pep.create(service, "l", &leaf).unwrap();
        pep.delete(service, "c").unwrap();
        assert_eq!(pep.node(service, "l").unwrap().config.collections, ["d"]);
        let mut batch = Batch::new();
        pep.forget(&mut batch, "bob@mon.example");
        store.submit(batch).unwrap();
        assert!(pep.node(service, "l").unwrap().affiliations.is_empty());
    }

    #[test]
    fn a_node_that_does_not_persist_keeps_nothing() {
        let scratch = Scratch::new();
        let store = scratch.store();
        let mut passing = node(1);
        passing.config.persist_items = false;
        store
            .pep()
            .publish(ADA, "n", &[item("a", b"1")], Some(&passing))
            .unwrap();
        assert_eq!(ids(&store.pep(), ADA, "n"), [] as [&str; 0]);
        let change = |node: &mut Node| {
            node.config.persist_items = true;
            node.affiliations
                .insert("bob@mon.example".to_owned(), Affiliation::Member);
            Ok(())
        };
        let (_, changed) = store.pep().change(ADA, "n", change).unwrap();
        assert_eq!(store.pep().node(ADA, "n"), Some(changed));
        store.pep().publish(ADA, "n", &[item("a", b"1")], None).unwrap();
        assert_eq!(ids(&store.pep(), ADA, "n"), ["a"]);
    }
}
