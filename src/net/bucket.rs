//! Token buckets.

use super::Rate;
use std::time::Duration;
use tokio::time::Instant;

/// A token bucket, kept as the instant at which it will be full again: it needs no refilling, and holds no rate.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bucket {
    full_at: Instant,
}

impl Bucket {
    pub(super) fn full(now: Instant) -> Bucket {
        Bucket { full_at: now }
    }

    /// Takes tokens; more than there are may be taken, and are owed.
    pub(super) fn take(&mut self, tokens: usize, rate: &Rate, now: Instant) {
        self.full_at = self.full_at.max(now) + time_of(tokens, rate);
    }

    /// How long until nothing is owed. Zero when something may be taken now.
    pub(super) fn delay(&self, rate: &Rate, now: Instant) -> Duration {
        let burst = time_of(rate.burst, rate);
        self.full_at.saturating_duration_since(now).saturating_sub(burst)
    }

    /// Whether nothing was taken lately.
    pub(super) fn is_full(&self, now: Instant) -> bool {
        self.full_at <= now
    }
}

/// The time in which so many tokens come in.
fn time_of(tokens: usize, rate: &Rate) -> Duration {
    if rate.amount == usize::MAX {
        return Duration::ZERO;
    }
    /// Decades away, and still safe to add to a clock.
    const LONGEST: u128 = 1_000_000_000_000_000_000;
    let nanos = rate.time.as_nanos().saturating_mul(tokens as u128) / rate.amount.max(1) as u128;
    Duration::from_nanos(u64::try_from(nanos.min(LONGEST)).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_passes_and_then_the_rate_applies() {
        let rate = Rate::per_second(10, 20);
        let start = Instant::now();
        let mut bucket = Bucket::full(start);
        bucket.take(20, &rate, start);
        assert_eq!(bucket.delay(&rate, start), Duration::ZERO);
        bucket.take(5, &rate, start);
        assert_eq!(bucket.delay(&rate, start), Duration::from_millis(500));
        let later = start + Duration::from_millis(500);
        assert_eq!(bucket.delay(&rate, later), Duration::ZERO);
        assert!(!bucket.is_full(later));
        assert!(bucket.is_full(start + Duration::from_millis(2500)));
        bucket.take(30, &rate, start + Duration::from_secs(3600));
        assert_eq!(
            bucket.delay(&rate, start + Duration::from_secs(3600)),
            Duration::from_secs(1),
            "a bucket does not overflow"
        );
    }

    #[test]
    fn no_limit_never_delays() {
        let now = Instant::now();
        let rate = Rate::per_second(usize::MAX, usize::MAX);
        let mut bucket = Bucket::full(now);
        bucket.take(usize::MAX, &rate, now);
        assert_eq!(bucket.delay(&rate, now), Duration::ZERO);
        let rate = Rate::per_second(1, usize::MAX);
        bucket.take(usize::MAX, &rate, now);
        assert_eq!(bucket.delay(&rate, now), Duration::ZERO);
    }
}
