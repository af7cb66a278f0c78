//! How many programs may run, and how often somebody may start one.

use crate::stanza::{Condition, StanzaError};
use jid::BareJid;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// Programs at once.
const PARALLEL_MAX: usize = 2;
/// Starts of one account in a [`WINDOW`].
const STARTS_MAX: usize = 10;
const WINDOW: Duration = Duration::from_secs(60);

/// The bounds and what has been used of them. An account is forgotten a minute after its last start.
#[derive(Debug, Default)]
pub(super) struct Pace {
    running: Arc<AtomicUsize>,
    starts: Mutex<BTreeMap<BareJid, Vec<Duration>>>,
}

/// The right to run one program, until it is dropped.
#[derive(Debug)]
pub(super) struct Permit(Arc<AtomicUsize>);

impl Drop for Permit {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Pace {
    /// Lets an account start one program.
    ///
    /// # Errors
    /// `resource-constraint` when too many run, or it has started too many.
    pub(super) fn admit(&self, account: &BareJid, now: Duration) -> Result<Permit, StanzaError> {
        let mut starts = self.starts.lock().unwrap_or_else(PoisonError::into_inner);
        starts.retain(|_, times| {
            times.retain(|time| now.saturating_sub(*time) < WINDOW);
            !times.is_empty()
        });
        if starts.get(account).map_or(0, Vec::len) >= STARTS_MAX {
            return Err(constraint(
                "You have started ten programs within a minute. Wait a little.",
            ));
        }
        let taken = self
            .running
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |running| {
                (running < PARALLEL_MAX).then_some(running + 1)
            });
        if taken.is_err() {
            return Err(constraint(
                "Two programs are running already. Wait until one has ended.",
            ));
        }
        starts.entry(account.clone()).or_default().push(now);
        Ok(Permit(self.running.clone()))
    }
}

fn constraint(text: &str) -> StanzaError {
    StanzaError::new(Condition::ResourceConstraint, text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn m11_two_at_once_and_ten_a_minute() {
        let pace = Pace::default();
        let (op, boss): (BareJid, BareJid) = (
            "op@m.example".parse().expect("JID"),
            "boss@m.example".parse().expect("JID"),
        );
        let at = Duration::from_secs;
        let two = (
            pace.admit(&op, at(0)).expect("one"),
            pace.admit(&op, at(0)).expect("two"),
        );
        assert_eq!(
            pace.admit(&boss, at(0)).expect_err("full").condition,
            Condition::ResourceConstraint
        );
        drop(two);
        for second in 1..=8 {
            drop(pace.admit(&op, at(second)).expect("free"));
        }
        assert!(pace.admit(&op, at(59)).is_err(), "the eleventh");
        drop(pace.admit(&boss, at(59)).expect("another account"));
        drop(pace.admit(&op, at(60)).expect("a minute later"));
        pace.admit(&boss, at(300)).expect("much later");
        assert_eq!(
            pace.starts.lock().expect("no panic").len(),
            1,
            "who is quiet is forgotten"
        );
    }
}
