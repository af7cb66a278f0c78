//! Password checks: slow and large by design, so few at once, and never on a thread that serves connections.

use crate::store::Store;
use crate::stream::{Password, Verdict};
use jid::NodePart;
use std::sync::Arc;
use tokio::sync::Semaphore;

/// The gate before argon2. Beyond its queue a check is refused rather than queued: logins are retried, memory is not.
#[derive(Debug)]
pub(super) struct Passwords {
    running: Arc<Semaphore>,
    queue: Semaphore,
}

impl Passwords {
    pub(super) fn new(running_max: usize, queue_max: usize) -> Passwords {
        let running_max = running_max.clamp(1, Semaphore::MAX_PERMITS);
        let queue_max = running_max.saturating_add(queue_max).min(Semaphore::MAX_PERMITS);
        Passwords {
            running: Arc::new(Semaphore::new(running_max)),
            queue: Semaphore::new(queue_max),
        }
    }

    /// Checks a user's password.
    pub(super) async fn check(&self, store: &Store, user: NodePart, password: Password) -> Verdict {
        let store = store.clone();
        let check = move || store.accounts().verify_password(user.as_str(), password.as_str());
        match self.run(check).await {
            Some(true) => Verdict::Right,
            Some(false) => Verdict::Wrong,
            None => Verdict::Unavailable,
        }
    }

    /// Runs what hashes a password; `None` when too many wait, or when it failed badly.
    pub(super) async fn run<T: Send + 'static>(&self, hash: impl FnOnce() -> T + Send + 'static) -> Option<T> {
        let _queued = self.queue.try_acquire().ok()?;
        let running = Arc::clone(&self.running).acquire_owned().await.ok()?;
        // The permit goes along: it goes on when its connection is gone.
        let hashed = tokio::task::spawn_blocking(move || {
            let outcome = hash();
            drop(running);
            outcome
        });
        hashed.await.ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc;

    #[tokio::test]
    async fn a13_checks_beyond_the_queue_are_refused_and_the_others_run_few_at_a_time() {
        let passwords = Arc::new(Passwords::new(1, 1));
        let (release, wait) = mpsc::channel::<bool>();
        let first = tokio::spawn({
            let passwords = Arc::clone(&passwords);
            async move { passwords.run(move || wait.recv().unwrap_or(false)).await }
        });
        let second = tokio::spawn({
            let passwords = Arc::clone(&passwords);
            async move { passwords.run(|| false).await }
        });
        while passwords.queue.available_permits() > 0 {
            tokio::task::yield_now().await;
        }
        assert_eq!(passwords.run(|| true).await, None);
        assert!(!second.is_finished());
        release.send(true).expect("the first check waits");
        assert_eq!(first.await.expect("no panic"), Some(true));
        assert_eq!(second.await.expect("no panic"), Some(false));
        let broken: Option<bool> = passwords.run(|| panic!("a broken record")).await;
        assert_eq!(broken, None);
        assert_eq!(passwords.run(|| true).await, Some(true));
    }
}
