//! Who may connect: how many at once, how often, and not after too many failed logins.

use super::bucket::Bucket;
use super::{AdmissionLimits, Rate};
use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::time::Instant;

/// Addresses remembered at once. Beyond that, strangers are counted in the totals only.
const ADDRESSES_MAX: usize = 16 << 10;
/// How often addresses of which nothing need be known are forgotten.
const PRUNE_TIME: Duration = Duration::from_secs(60);
/// How often each kind of refusal is worth a line in the log.
const LOG_TIME: Duration = Duration::from_secs(60);
/// File descriptors that are not for connections: store, log, listeners, commands.
const DESCRIPTORS_RESERVED: usize = 128;

/// Why a connection was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    Connections,
    Unauthenticated,
    UnauthenticatedFromAddress,
    ArrivalsFromAddress,
    FailedLogins,
}

/// The book of connections.
#[derive(Debug)]
pub(super) struct Admission {
    limits: AdmissionLimits,
    book: Mutex<Book>,
}

#[derive(Debug)]
struct Book {
    connections: usize,
    unauthenticated: usize,
    addresses: HashMap<Origin, Address>,
    pruned_at: Instant,
    /// The kinds of refusal in the log within the last minute.
    told: Vec<(Refusal, Instant)>,
}

/// What is counted as one address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Origin {
    V4(Ipv4Addr),
    /// A /64: what one household or host commonly has.
    V6([u16; 4]),
}

#[derive(Debug)]
struct Address {
    unauthenticated: usize,
    arrivals: Bucket,
    failures: usize,
    failures_since: Instant,
    refused_until: Option<Instant>,
}

/// A connection that was admitted; it leaves the book when this is dropped.
#[derive(Debug)]
pub(super) struct Permit {
    admission: Arc<Admission>,
    /// `None` for this machine, where that is exempt.
    origin: Option<Origin>,
    unauthenticated: bool,
}

impl Admission {
    pub(super) fn new(limits: AdmissionLimits, now: Instant) -> Arc<Admission> {
        let book = Book {
            connections: 0,
            unauthenticated: 0,
            addresses: HashMap::new(),
            pruned_at: now,
            told: Vec::new(),
        };
        Arc::new(Admission {
            limits: AdmissionLimits {
                connections_max: limits.connections_max.min(descriptors_max()),
                ..limits
            },
            book: Mutex::new(book),
        })
    }

    /// Admits a new connection, or not.
    pub(super) fn admit(self: &Arc<Self>, peer: IpAddr, now: Instant) -> Result<Permit, Refusal> {
        let origin = self.origin(peer);
        let mut book = self.lock();
        if book.connections >= self.limits.connections_max {
            return Err(Refusal::Connections);
        }
        if let Some(origin) = origin {
            book.admit(origin, &self.limits, now)?;
        }
        book.connections += 1;
        drop(book);
        Ok(Permit {
            admission: Arc::clone(self),
            origin,
            unauthenticated: origin.is_some(),
        })
    }

    /// Whether a refusal is worth a line in the log: the first of its kind within a minute is.
    pub(super) fn is_news(&self, refusal: Refusal, now: Instant) -> bool {
        let mut book = self.lock();
        book.told
            .retain(|(_, at)| now.saturating_duration_since(*at) < LOG_TIME);
        let is_news = book.told.iter().all(|(told, _)| *told != refusal);
        if is_news {
            book.told.push((refusal, now));
        }
        is_news
    }

    fn origin(&self, peer: IpAddr) -> Option<Origin> {
        let peer = peer.to_canonical();
        if self.limits.loopback_exempt && peer.is_loopback() {
            return None;
        }
        Some(match peer {
            IpAddr::V4(address) => Origin::V4(address),
            IpAddr::V6(address) => {
                let [a, b, c, d, ..] = address.segments();
                Origin::V6([a, b, c, d])
            }
        })
    }

    fn lock(&self) -> MutexGuard<'_, Book> {
        // Counters stay consistent: no critical section can stop half way.
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Book {
    fn admit(&mut self, origin: Origin, limits: &AdmissionLimits, now: Instant) -> Result<(), Refusal> {
        self.prune(limits, now);
        if self.unauthenticated >= limits.unauthenticated_max {
            return Err(Refusal::Unauthenticated);
        }
        if self.addresses.len() < ADDRESSES_MAX || self.addresses.contains_key(&origin) {
            let address = self.addresses.entry(origin).or_insert_with(|| Address::new(now));
            address.admit(limits, now)?;
        }
        self.unauthenticated += 1;
        Ok(())
    }

    fn prune(&mut self, limits: &AdmissionLimits, now: Instant) {
        if now.saturating_duration_since(self.pruned_at) >= PRUNE_TIME {
            self.pruned_at = now;
            self.addresses.retain(|_, address| !address.is_forgettable(limits, now));
        }
    }

    fn leave_unauthenticated(&mut self, origin: Origin) {
        self.unauthenticated -= 1;
        if let Some(address) = self.addresses.get_mut(&origin) {
            // One that was not remembered when it came may be by now.
            address.unauthenticated = address.unauthenticated.saturating_sub(1);
        }
    }
}

impl Address {
    fn new(now: Instant) -> Address {
        Address {
            unauthenticated: 0,
            arrivals: Bucket::full(now),
            failures: 0,
            failures_since: now,
            refused_until: None,
        }
    }

    fn admit(&mut self, limits: &AdmissionLimits, now: Instant) -> Result<(), Refusal> {
        if self.refused_until.is_some_and(|until| now < until) {
            return Err(Refusal::FailedLogins);
        }
        if self.unauthenticated >= limits.unauthenticated_per_address_max {
            return Err(Refusal::UnauthenticatedFromAddress);
        }
        let mut arrivals = self.arrivals;
        arrivals.take(1, &arrivals_rate(limits), now);
        if arrivals.delay(&arrivals_rate(limits), now) > Duration::ZERO {
            return Err(Refusal::ArrivalsFromAddress);
        }
        self.arrivals = arrivals;
        self.unauthenticated += 1;
        Ok(())
    }

    fn fail(&mut self, limits: &AdmissionLimits, now: Instant) {
        if now.saturating_duration_since(self.failures_since) >= limits.failures_time {
            self.failures = 0;
        }
        if self.failures == 0 {
            self.failures_since = now;
        }
        self.failures += 1;
        if self.failures >= limits.failures_max {
            self.failures = 0;
            self.refused_until = Some(now + limits.refused_time);
        }
    }

    fn is_forgettable(&self, limits: &AdmissionLimits, now: Instant) -> bool {
        let failures_count =
            self.failures > 0 && now.saturating_duration_since(self.failures_since) < limits.failures_time;
        let is_refused = self.refused_until.is_some_and(|until| now < until);
        self.unauthenticated == 0 && self.arrivals.is_full(now) && !failures_count && !is_refused
    }
}

impl Permit {
    /// The connection authenticated: from now on it counts in the total only.
    pub(super) fn authenticated(&mut self) {
        if let (true, Some(origin)) = (std::mem::take(&mut self.unauthenticated), self.origin) {
            self.admission.lock().leave_unauthenticated(origin);
        }
    }

    /// A login failed. The account is never locked: anyone could lock its owner out (XEP-0205 section 4.7). Returns
    /// whether the address is refused from now on.
    pub(super) fn failed(&self, now: Instant) -> bool {
        let Some(origin) = self.origin else {
            return false;
        };
        let mut book = self.admission.lock();
        let Some(address) = book.addresses.get_mut(&origin) else {
            return false;
        };
        address.fail(&self.admission.limits, now);
        address.refused_until.is_some_and(|until| now < until)
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.authenticated();
        self.admission.lock().connections -= 1;
    }
}

fn arrivals_rate(limits: &AdmissionLimits) -> Rate {
    Rate {
        amount: limits.arrivals_per_minute_max,
        time: Duration::from_secs(60),
        burst: limits.arrivals_per_minute_max,
    }
}

/// Connections that the file-descriptor limit leaves room for.
fn descriptors_max() -> usize {
    let limit = rustix::process::getrlimit(rustix::process::Resource::Nofile).current;
    let descriptors = limit.map_or(usize::MAX, |limit| usize::try_from(limit).unwrap_or(usize::MAX));
    // At least half of a small limit serves connections.
    descriptors - DESCRIPTORS_RESERVED.min(descriptors / 2)
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: AdmissionLimits = AdmissionLimits {
        connections_max: 8,
        unauthenticated_max: 6,
        unauthenticated_per_address_max: 4,
        arrivals_per_minute_max: 10,
        failures_max: 3,
        failures_time: Duration::from_secs(600),
        refused_time: Duration::from_secs(900),
        loopback_exempt: true,
    };

    fn admission(limits: AdmissionLimits) -> (Arc<Admission>, Instant) {
        let now = Instant::now();
        (Admission::new(limits, now), now)
    }

    fn ip(text: &str) -> IpAddr {
        text.parse().expect("an address")
    }

    #[test]
    fn d04_each_limit_refuses_and_a_leaving_connection_makes_room() {
        let (admission, now) = admission(LIMITS);
        let admit = |peer: &str| admission.admit(ip(peer), now);
        let mut four: Vec<Permit> = (0..4).map(|_| admit("192.0.2.1").expect("room")).collect();
        assert_eq!(admit("192.0.2.1").err(), Some(Refusal::UnauthenticatedFromAddress));
        let others = [admit("192.0.2.2").expect("room"), admit("192.0.2.3").expect("room")];
        assert_eq!(admit("192.0.2.4").err(), Some(Refusal::Unauthenticated));
        four[0].authenticated();
        four[0].authenticated();
        let more = [admit("192.0.2.1").expect("an authenticated connection counts in the total only")];
        four[1].authenticated();
        let last = admit("192.0.2.4").expect("room");
        assert_eq!(admit("127.0.0.1").err(), Some(Refusal::Connections));
        drop((four, others, more, last));
        let book = admission.lock();
        assert_eq!((book.connections, book.unauthenticated), (0, 0));
        assert!(book.addresses.values().all(|address| address.unauthenticated == 0));
    }

    #[test]
    fn d13_each_kind_of_refusal_is_news_once_a_minute() {
        let (admission, now) = admission(LIMITS);
        let is_news = |refusal, secs| admission.is_news(refusal, now + Duration::from_secs(secs));
        assert!(is_news(Refusal::Connections, 0));
        assert!(!is_news(Refusal::Connections, 59));
        assert!(is_news(Refusal::FailedLogins, 59));
        assert!(is_news(Refusal::Connections, 60));
        assert_eq!(admission.lock().told.len(), 2);
    }

    #[test]
    fn addresses_of_one_64_and_mapped_addresses_are_one() {
        let (admission, now) = admission(LIMITS);
        let _four: Vec<Permit> = (0..4)
            .map(|n| admission.admit(ip(&format!("2001:db8::{n}")), now).expect("room"))
            .collect();
        assert!(admission.admit(ip("2001:db8::ffff"), now).is_err());
        assert!(admission.admit(ip("2001:db8:0:1::1"), now).is_ok());
        assert_eq!(
            admission.origin(ip("::ffff:192.0.2.1")),
            admission.origin(ip("192.0.2.1"))
        );
    }

    #[test]
    fn arrivals_are_counted_by_the_minute() {
        let (admission, now) = admission(LIMITS);
        for _ in 0..10 {
            admission.admit(ip("192.0.2.1"), now).expect("one of ten");
        }
        assert_eq!(
            admission.admit(ip("192.0.2.1"), now).err(),
            Some(Refusal::ArrivalsFromAddress)
        );
        assert!(admission.admit(ip("192.0.2.1"), now + Duration::from_secs(6)).is_ok());
    }

    #[test]
    fn a12_an_address_with_too_many_failed_logins_is_refused_for_a_while() {
        let (admission, now) = admission(LIMITS);
        let guess = |at: Instant| admission.admit(ip("192.0.2.1"), at).map(|permit| permit.failed(at));
        assert_eq!(guess(now), Ok(false));
        assert_eq!(guess(now), Ok(false));
        let later = now + Duration::from_secs(601);
        assert_eq!(guess(later), Ok(false), "old failures do not count");
        assert_eq!(guess(later), Ok(false));
        assert_eq!(guess(later), Ok(true));
        assert_eq!(guess(later + Duration::from_secs(899)), Err(Refusal::FailedLogins));
        assert!(
            admission.admit(ip("192.0.2.2"), later).is_ok(),
            "the owner elsewhere is not locked out"
        );
        assert_eq!(guess(later + Duration::from_secs(900)), Ok(false));
    }

    #[test]
    fn addresses_are_forgotten_when_nothing_need_be_known_of_them() {
        let (admission, now) = admission(LIMITS);
        drop(admission.admit(ip("192.0.2.1"), now));
        let guesser = admission.admit(ip("192.0.2.2"), now).expect("room");
        guesser.failed(now);
        drop(guesser);
        let _late = admission.admit(ip("192.0.2.3"), now + Duration::from_secs(61));
        assert_eq!(admission.lock().addresses.len(), 2, "the guesser and the newcomer");
    }

    #[test]
    fn loopback_is_exempt_unless_configured_otherwise() {
        let (exempt, now) = admission(LIMITS);
        let _all: Vec<Permit> = (0..8)
            .map(|_| exempt.admit(ip("127.0.0.2"), now).expect("exempt"))
            .collect();
        let (counted, now) = admission(AdmissionLimits {
            loopback_exempt: false,
            ..LIMITS
        });
        let _four: Vec<Permit> = (0..4).map(|_| counted.admit(ip("::1"), now).expect("room")).collect();
        assert!(counted.admit(ip("::1"), now).is_err());
    }
}
