//! How much of what is dear (a program, a look at a password) may go on at once, and how often somebody may begin it.

use crate::stanza::{Condition, StanzaError};
use jid::BareJid;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// Starts are counted over this time.
const WINDOW: Duration = Duration::from_secs(60);

/// The bounds and what has been used of them. An account is forgotten a minute after its last start.
#[derive(Debug)]
pub(super) struct Pace {
    parallel_max: usize,
    starts_max: usize,
    running: Arc<AtomicUsize>,
    starts: Mutex<BTreeMap<BareJid, Vec<Duration>>>,
}

/// The right to go on with one, until it is dropped.
#[derive(Debug)]
pub(super) struct Permit(Arc<AtomicUsize>);

impl Drop for Permit {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Pace {
    /// So many at once, so many starts of one account in a minute.
    pub(super) fn new(parallel_max: usize, starts_max: usize) -> Pace {
        Pace {
            parallel_max,
            starts_max,
            running: Arc::default(),
            starts: Mutex::default(),
        }
    }

    /// Lets an account start one.
    ///
    /// # Errors
    /// `resource-constraint` when too many go on, or the account has started too many.
    pub(super) fn admit(&self, account: &BareJid, now: Duration) -> Result<Permit, StanzaError> {
        let mut starts = self.starts.lock().unwrap_or_else(PoisonError::into_inner);
        starts.retain(|_, times| {
            times.retain(|time| now.saturating_sub(*time) < WINDOW);
            !times.is_empty()
        });
        if starts.get(account).map_or(0, Vec::len) >= self.starts_max {
            return Err(constraint(
                "You have asked for this too many times within a minute. Wait a little.",
            ));
        }
        let taken = self
            .running
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |running| {
                (running < self.parallel_max).then_some(running + 1)
            });
        if taken.is_err() {
            return Err(constraint(
                "Enough of this is going on already. Wait until some of it has ended.",
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
        let pace = Pace::new(2, 10);
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
