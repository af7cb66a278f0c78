//! All bound resources, by account.

use super::Session;
use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

/// An account's sessions at one moment, shared: whoever routes takes it and lets go of the map.
pub(super) type Resources = Arc<[Arc<Session>]>;

/// The bound resources of every account, by localpart. The lock is held for one look-up or one change, never while
/// anything is sent.
#[derive(Debug, Default)]
pub(super) struct Sessions {
    accounts: RwLock<HashMap<String, Resources>>,
}

/// What binding led to.
pub(super) enum Bound {
    /// The resource was free.
    Fresh,
    /// Another session held it: it is out of the map already, and must be ended.
    Instead(Arc<Session>),
    /// The account has as many resources as it may.
    Full,
}

impl Sessions {
    /// An account's sessions; empty when it has none.
    pub fn of(&self, node: &str) -> Resources {
        self.read().get(node).cloned().unwrap_or_default()
    }

    /// The session that holds a resource.
    pub fn find(&self, node: &str, resource: &str) -> Option<Arc<Session>> {
        let accounts = self.read();
        let session = accounts
            .get(node)?
            .iter()
            .find(|session| session.resource() == resource);
        session.cloned()
    }

    /// Every session.
    pub fn all(&self) -> Vec<Arc<Session>> {
        self.read()
            .values()
            .flat_map(|sessions| sessions.iter().cloned())
            .collect()
    }

    /// Adds a session.
    pub fn insert(&self, session: &Arc<Session>, resources_max: usize) -> Bound {
        let mut accounts = self.write();
        let resources = accounts.entry(session.node().to_owned()).or_default();
        let holder = resources
            .iter()
            .find(|other| other.resource() == session.resource())
            .cloned();
        if holder.is_none() && resources.len() >= resources_max {
            return Bound::Full;
        }
        let others = resources.iter().filter(|other| other.resource() != session.resource());
        *resources = others.chain([session]).cloned().collect();
        holder.map_or(Bound::Fresh, Bound::Instead)
    }

    /// Removes a session, if it still is the one that holds its resource.
    pub fn remove(&self, session: &Arc<Session>) {
        let mut accounts = self.write();
        let Some(resources) = accounts.get_mut(session.node()) else {
            return;
        };
        *resources = resources
            .iter()
            .filter(|other| !Arc::ptr_eq(other, session))
            .cloned()
            .collect();
        if resources.is_empty() {
            accounts.remove(session.node());
        }
    }

    fn read(&self) -> RwLockReadGuard<'_, HashMap<String, Resources>> {
        self.accounts.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, HashMap<String, Resources>> {
        self.accounts.write().unwrap_or_else(PoisonError::into_inner)
    }
}
