//! Mutes and maintenance windows: times in which alerts are recorded, and nobody is told.

use super::alert::Alert;
use super::memory::Memory;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use std::time::SystemTime;

/// The key of the list in [`Memory`].
const KEY: &str = "mutes";
/// Bytes of a note or a scope.
const TEXT_BYTES_MAX: usize = 256;

/// What is muted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Scope {
    /// Everything.
    All,
    /// The alerts that a word names (see [`Alert::is_named`]).
    Named(String),
    /// One alert, by its number.
    Alert(u64),
}

impl Scope {
    /// Whether an alert is within it.
    pub fn covers(&self, alert: &Alert) -> bool {
        match self {
            Scope::All => true,
            Scope::Named(word) => alert.is_named(word),
            Scope::Alert(id) => alert.id == *id,
        }
    }

    /// For people: `all`, `disk`, `alert 17`.
    pub fn text(&self) -> String {
        match self {
            Scope::All => "all".to_owned(),
            Scope::Named(word) => word.clone(),
            Scope::Alert(id) => format!("alert {id}"),
        }
    }
}

/// A time in which nobody is told of some alerts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mute {
    /// Its number.
    pub id: u64,
    /// What is muted.
    pub scope: Scope,
    /// When it begins.
    pub from: SystemTime,
    /// When it ends.
    pub until: SystemTime,
    /// Who asked for it.
    pub by: String,
    /// Why; empty when nobody said.
    pub note: String,
    /// Whether it is work on the host, which its presence then shows.
    pub maintenance: bool,
}

impl Mute {
    /// Whether it is in force.
    pub fn is_on(&self, wall: SystemTime) -> bool {
        self.from <= wall && wall < self.until
    }
}

/// The mutes there are, in force or to come. Bounded, kept in [`Memory`].
pub struct Mutes {
    memory: Arc<dyn Memory>,
    list: Vec<Mute>,
    mutes_max: usize,
}

impl Mutes {
    /// The mutes of an earlier process.
    pub fn new(memory: Arc<dyn Memory>, mutes_max: usize) -> Mutes {
        let list = memory
            .load(KEY)
            .and_then(|text| serde_json::from_str(&text).ok())
            .unwrap_or_default();
        Mutes {
            memory,
            list,
            mutes_max,
        }
    }

    /// All of them, in the order in which they were made.
    pub fn list(&self) -> &[Mute] {
        &self.list
    }

    /// One more; its number is given here. One of the same kind for the same scope is replaced.
    ///
    /// # Errors
    /// A sentence for whoever asked: there are too many.
    pub fn add(&mut self, mut mute: Mute) -> Result<Mute, String> {
        let same = |known: &Mute| known.scope == mute.scope && !known.maintenance && !mute.maintenance;
        self.list.retain(|known| !same(known));
        if self.list.len() >= self.mutes_max {
            tracing::warn!(limit = self.mutes_max, "no room for more mutes: limits.mutes");
            return Err(format!("There are {} mutes already; end one first.", self.mutes_max));
        }
        mute.id = self.list.iter().map(|known| known.id).max().unwrap_or(0) + 1;
        mute.note = cut(mute.note);
        if let Scope::Named(word) = mute.scope {
            mute.scope = Scope::Named(cut(word));
        }
        self.list.push(mute.clone());
        self.save();
        Ok(mute)
    }

    /// Ends those that fit.
    pub fn remove(&mut self, fits: impl Fn(&Mute) -> bool) -> Vec<Mute> {
        let (gone, kept): (Vec<Mute>, Vec<Mute>) = self.list.drain(..).partition(fits);
        self.list = kept;
        if !gone.is_empty() {
            self.save();
        }
        gone
    }

    /// Drops those that are over, and returns them.
    pub fn expire(&mut self, wall: SystemTime) -> Vec<Mute> {
        self.remove(|mute| mute.until <= wall)
    }

    /// The mute that covers an alert now.
    pub fn covering(&self, alert: &Alert, wall: SystemTime) -> Option<&Mute> {
        self.list
            .iter()
            .find(|mute| mute.is_on(wall) && mute.scope.covers(alert))
    }

    /// The maintenance that is under way.
    pub fn maintenance(&self, wall: SystemTime) -> Option<&Mute> {
        let on = self.list.iter().filter(|mute| mute.maintenance && mute.is_on(wall));
        on.max_by_key(|mute| mute.until)
    }

    fn save(&self) {
        if let Ok(text) = serde_json::to_string(&self.list) {
            self.memory.save(KEY, &text);
        }
    }
}

fn cut(mut text: String) -> String {
    while text.len() > TEXT_BYTES_MAX {
        text.pop();
    }
    text
}
