//! What an account wants archived (XEP-0441).

use super::Archive;
use crate::store::key::{Key, Table};
use crate::store::renaming::Renaming;
use crate::store::{Batch, StoreError, Ticket};
use jid::Jid;
use serde::{Deserialize, Serialize};

/// JIDs in each list.
const JIDS_MAX: usize = 256;

/// What holds for those who are in neither list.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ArchiveDefault {
    /// Everything is archived.
    #[default]
    Always,
    /// Nothing is.
    Never,
    /// What is exchanged with contacts in the roster.
    Roster,
}

/// An account's preferences.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ArchivePrefs {
    /// For those in neither list.
    pub default: ArchiveDefault,
    /// Always archived.
    pub always: Vec<Jid>,
    /// Never archived; goes before the other list.
    pub never: Vec<Jid>,
}

impl ArchivePrefs {
    /// Whether messages exchanged with somebody are archived.
    pub fn wants(&self, with: &Jid, is_in_roster: impl FnOnce() -> bool) -> bool {
        let lists = |list: &[Jid]| list.iter().any(|jid| jid == with || *jid == with.to_bare());
        match self.default {
            _ if lists(&self.never) => false,
            _ if lists(&self.always) => true,
            ArchiveDefault::Always => true,
            ArchiveDefault::Never => false,
            ArchiveDefault::Roster => is_in_roster(),
        }
    }
}

impl Archive<'_> {
    /// What an account wants archived.
    pub fn prefs(&self, account: &str) -> ArchivePrefs {
        self.store.get_json(&key(account)).unwrap_or_default()
    }

    /// Says what an account wants archived.
    ///
    /// # Errors
    /// [`StoreError::Limit`] for more than 256 JIDs in a list, or as [`Store::submit`](crate::store::Store::submit).
    pub fn set_prefs(&self, account: &str, prefs: &ArchivePrefs) -> Result<Ticket, StoreError> {
        if prefs.always.len().max(prefs.never.len()) > JIDS_MAX {
            return Err(StoreError::Limit(
                "the archiving preferences list more addresses than they may",
            ));
        }
        let mut batch = Batch::new();
        batch.put_json(key(account), prefs);
        self.store.submit(batch)
    }

    pub(super) fn rename_prefs(&self, batch: &mut Batch, renaming: &Renaming<'_>) {
        for (key, mut prefs) in self.store.scan_json::<ArchivePrefs>(&Key::new(Table::ArchivePrefs)) {
            for jid in prefs.always.iter_mut().chain(&mut prefs.never) {
                if let Ok(renamed) = Jid::new(&renaming.jid(jid.as_str())) {
                    *jid = renamed;
                }
            }
            batch.put_json(Key::from_bytes(key), &prefs);
        }
    }

    pub(super) fn remove_prefs(&self, batch: &mut Batch, account: &str) {
        batch.delete(key(account));
    }
}

fn key(account: &str) -> Key {
    Key::new(Table::ArchivePrefs).text(account)
}
