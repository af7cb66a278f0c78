//! Nodes and their items, for PEP (XEP-0163) and for pubsub services (XEP-0060).

mod config;
mod item;
mod node;
mod subscription;

pub use config::{AccessModel, ChildrenPolicy, NodeConfig, NotificationType, PublishModel, SendLast};
#[cfg(any(test, fuzzing))]
pub(super) use item::Head;
pub use item::{ItemHead, PepItem, Published};
pub use node::{Affiliation, Node, Owner};
pub use subscription::{Show, Subscribed, Subscription, SubscriptionOptions, SubscriptionType};

use super::key::{Key, Parts, Table};
use super::renaming::Renaming;
use super::{Batch, Store, StoreError, Ticket};

/// Bytes of all texts of a node's configuration.
const CONFIG_BYTES_MAX: usize = 64 << 10;
/// Bytes of a node's or an item's name (a JID part's limit).
const NAME_BYTES_MAX: usize = 1023;

/// Why a node is refused: the owner has as many as it may.
pub const NODES_FULL: &str = "the owner has as many nodes as it may";
/// Why an item is refused: an account, or a node of the service, holds as many bytes as it may.
pub const ITEMS_FULL: &str = "the owner's items are at their limit of bytes";

/// The nodes.
#[derive(Clone, Copy, Debug)]
pub struct Pep<'a> {
    store: &'a Store,
}

impl<'a> Pep<'a> {
    pub(super) fn new(store: &'a Store) -> Pep<'a> {
        Pep { store }
    }

    /// A node.
    pub fn node(&self, owner: Owner<'_>, node: &str) -> Option<Node> {
        self.store.get_json(&nodes(owner).text(node))
    }

    /// All nodes of an owner, by name.
    pub fn nodes(&self, owner: Owner<'_>) -> Vec<(String, Node)> {
        let found = self.store.scan_json(&nodes(owner)).into_iter();
        found
            .filter_map(|(key, node)| Some((last_part(&key, 3)?, node)))
            .collect()
    }

    /// Makes a node.
    ///
    /// # Errors
    /// [`StoreError::Exists`] (`conflict`), [`StoreError::Limit`], or as [`Store::submit`].
    pub fn create(&self, owner: Owner<'_>, node: &str, record: &Node) -> Result<Ticket, StoreError> {
        let (ticket, ()) = self.store.transact(|batch| self.add(batch, owner, node, record))?;
        Ok(ticket)
    }

    /// Changes a node by what it is now, and returns it as it has become. A smaller `max_items` takes effect at the next
    /// publish.
    ///
    /// # Errors
    /// [`StoreError::Absent`], [`StoreError::Limit`], whatever `change` refuses with, or as [`Store::submit`].
    pub fn change(
        &self,
        owner: Owner<'_>,
        node: &str,
        change: impl FnOnce(&mut Node) -> Result<(), StoreError>,
    ) -> Result<(Ticket, Node), StoreError> {
        self.store.transact(|batch| {
            let mut record = self.node(owner, node).ok_or(StoreError::Absent)?;
            change(&mut record)?;
            self.check(&record)?;
            batch.put_json(nodes(owner).text(node), &record);
            Ok(record)
        })
    }

    /// Deletes a node with its items. Nodes of a collection stay, and no longer belong to it.
    ///
    /// # Errors
    /// [`StoreError::Absent`], or as [`Store::submit`].
    pub fn delete(&self, owner: Owner<'_>, node: &str) -> Result<Ticket, StoreError> {
        let (ticket, ()) = self.store.transact(|batch| {
            if !self.store.has(&nodes(owner).text(node)) {
                return Err(StoreError::Absent);
            }
            batch.delete(nodes(owner).text(node));
            self.purge(batch, owner, node);
            self.orphan(batch, owner, node);
            Ok(())
        })?;
        Ok(ticket)
    }

    /// Takes an account out of the affiliations and subscriptions of all nodes, so that the next one of that name has none.
    pub fn forget(&self, batch: &mut Batch, account: &str) {
        for (key, mut node) in self.store.scan_json::<Node>(&Key::new(Table::Node)) {
            if node.forget(account) {
                batch.put_json(Key::from_bytes(key), &node);
            }
        }
    }

    /// Rewrites publishers, and who is affiliated or subscribed.
    pub(super) fn rename(&self, batch: &mut Batch, renaming: &Renaming<'_>) {
        for (key, mut node) in self.store.scan_json::<Node>(&Key::new(Table::Node)) {
            node.rename(|jid| renaming.jid(jid).into_owned());
            batch.put_json(Key::from_bytes(key), &node);
        }
        self.rename_items(batch, renaming);
    }

    pub(super) fn remove_account(&self, batch: &mut Batch, account: &str) {
        let owner = Owner::Account(account);
        self.delete_all(batch, &[nodes(owner), heads(owner), payloads(owner)]);
    }

    /// Takes the nodes of a collection that goes out of it.
    fn orphan(&self, batch: &mut Batch, owner: Owner<'_>, collection: &str) {
        for (name, mut node) in self.nodes(owner) {
            if node.config.collections.iter().any(|parent| parent == collection) {
                node.config.collections.retain(|parent| parent != collection);
                batch.put_json(nodes(owner).text(&name), &node);
            }
        }
    }

    fn check(&self, node: &Node) -> Result<(), StoreError> {
        let limits = self.store.limits();
        if node.config.text_bytes() > CONFIG_BYTES_MAX {
            return Err(StoreError::Limit("a node's configuration may have 64 KiB"));
        }
        if node.affiliations.len() > limits.node_affiliations_max {
            return Err(StoreError::Limit("the node has as many affiliations as it may"));
        }
        if node.subscribers.len() > limits.node_subscriptions_max {
            return Err(StoreError::Limit("the node has as many subscriptions as it may"));
        }
        Ok(())
    }

    fn delete_all(&self, batch: &mut Batch, prefixes: &[Key]) {
        for key in prefixes.iter().flat_map(|prefix| self.store.keys(prefix)) {
            batch.delete_raw(key);
        }
    }

    fn add(&self, batch: &mut Batch, owner: Owner<'_>, node: &str, record: &Node) -> Result<(), StoreError> {
        let key = nodes(owner).text(node);
        if self.store.has(&key) {
            return Err(StoreError::Exists);
        }
        if node.len() > NAME_BYTES_MAX {
            return Err(StoreError::Limit("a node's name may have 1023 bytes"));
        }
        if self.store.keys(&nodes(owner)).len() >= owner.limits(self.store.limits()).nodes {
            return Err(StoreError::Limit(NODES_FULL));
        }
        self.check(record)?;
        batch.put_json(key, record);
        Ok(())
    }
}

fn keyed(table: Table, owner: Owner<'_>) -> Key {
    match owner {
        Owner::Account(name) => Key::new(table).text("account").text(name),
        Owner::Service(name) => Key::new(table).text("service").text(name),
    }
}

fn nodes(owner: Owner<'_>) -> Key {
    keyed(Table::Node, owner)
}

fn heads(owner: Owner<'_>) -> Key {
    keyed(Table::ItemHead, owner)
}

fn payloads(owner: Owner<'_>) -> Key {
    keyed(Table::Payload, owner)
}

/// The last of a key's parts, of which there are so many.
pub(super) fn last_part(key: &[u8], count: usize) -> Option<String> {
    let mut parts = Parts::new(key);
    for _ in 1..count {
        parts.text()?;
    }
    parts.text()
}
