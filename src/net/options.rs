//! What the listeners and connections are told. `usize::MAX` and a far-away time mean no limit.

use crate::stream;
use std::net::SocketAddr;
use std::time::Duration;

/// Settings of the listeners and of all connections.
#[derive(Clone, Debug)]
pub struct Options {
    /// Where to listen.
    pub listen: Vec<Listen>,
    /// Settings of every stream.
    pub stream: stream::Options,
    /// Who may connect.
    pub admission: AdmissionLimits,
    /// How long things may take.
    pub times: Times,
    /// Bytes before authentication.
    pub rate_before_login: Rate,
    /// Bytes of a session.
    pub rate: Rate,
    /// Stanzas of a session.
    pub stanza_rate: Rate,
    /// Stanzas that wait to be sent to one session.
    pub queue_stanzas_max: usize,
    /// Bytes of them.
    pub queue_bytes_max: usize,
    /// Passwords hashed at once.
    pub password_hashes_max: usize,
    /// Passwords that wait for it; past that a login fails for the moment.
    pub password_queue_max: usize,
}

impl Options {
    /// The defaults, listening nowhere.
    pub fn new(stream: stream::Options) -> Options {
        Options {
            listen: Vec::new(),
            stream,
            admission: AdmissionLimits::default(),
            times: Times::default(),
            rate_before_login: Rate::per_second(4 << 10, 16 << 10),
            rate: Rate::per_second(10 << 10, 256 << 10),
            stanza_rate: Rate::per_second(50, 200),
            queue_stanzas_max: 1_000,
            queue_bytes_max: 512 << 10,
            password_hashes_max: 2,
            password_queue_max: 64,
        }
    }
}

/// Which handshake a listener's connections begin with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Security {
    /// A stream header in the clear, then STARTTLS (RFC 6120 section 5).
    StartTls,
    /// TLS from the first byte (XEP-0368).
    Direct,
}

/// One listener.
#[derive(Clone, Copy, Debug)]
pub struct Listen {
    /// The address; port 0 lets the system choose. `[::]` takes IPv4 connections too.
    pub address: SocketAddr,
    /// What connections to it begin with.
    pub security: Security,
    /// Whether `0.0.0.0` will do where `[::]` cannot be had: nobody asked for that very address.
    pub fallback: bool,
}

/// How long things may take.
#[derive(Clone, Copy, Debug)]
pub struct Times {
    /// From the accepted connection to the end of the TLS handshake.
    pub handshake: Duration,
    /// From the accepted connection to a bound resource; no traffic extends it.
    pub login: Duration,
    /// From the accepted connection to a new account, for whoever has shown an invitation (XEP-0445).
    pub registration: Duration,
    /// For one stanza to arrive completely.
    pub stanza: Duration,
    /// Silence of a client after which it is asked whether it is still there (XEP-0199).
    pub idle: Duration,
    /// For the answer.
    pub ping: Duration,
    /// Silence of a collector after which its host is dead to its watchers. It is asked after a third of it, and shown
    /// as silent after a half.
    pub dead_after: Duration,
    /// After the loss of its connection, for a client that counts (XEP-0198) to resume its session.
    pub resumption: Duration,
    /// Without progress in writing.
    pub write: Duration,
    /// For the peer to close after we did.
    pub close: Duration,
}

impl Default for Times {
    fn default() -> Times {
        Times {
            handshake: Duration::from_secs(10),
            login: Duration::from_secs(30),
            registration: Duration::from_secs(600),
            stanza: Duration::from_secs(60),
            idle: Duration::from_secs(300),
            ping: Duration::from_secs(60),
            dead_after: Duration::from_secs(60),
            resumption: Duration::from_secs(300),
            write: Duration::from_secs(30),
            close: Duration::from_secs(5),
        }
    }
}

/// So many in so much time, and a burst.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    /// How many; `usize::MAX` for no limit.
    pub amount: usize,
    /// In how much time.
    pub time: Duration,
    /// How many at once before the rate applies.
    pub burst: usize,
}

impl Rate {
    /// A rate in seconds.
    pub const fn per_second(amount: usize, burst: usize) -> Rate {
        Rate {
            amount,
            time: Duration::from_secs(1),
            burst,
        }
    }
}

/// Who may connect.
#[derive(Clone, Copy, Debug)]
pub struct AdmissionLimits {
    /// Connections in all; the file-descriptor limit bounds them too.
    pub connections_max: usize,
    /// Connections that have not authenticated.
    pub unauthenticated_max: usize,
    /// Of these, from one address (IPv6: one /64).
    pub unauthenticated_per_address_max: usize,
    /// New connections a minute from one address.
    pub arrivals_per_minute_max: usize,
    /// Failed logins from one address within `failures_time`.
    pub failures_max: usize,
    /// Over which time they are counted, from the first.
    pub failures_time: Duration,
    /// How long an address with too many of them is refused.
    pub refused_time: Duration,
    /// Whether this machine's own connections are only bounded by `connections_max`.
    pub loopback_exempt: bool,
}

impl Default for AdmissionLimits {
    fn default() -> AdmissionLimits {
        AdmissionLimits {
            connections_max: 10_000,
            unauthenticated_max: 200,
            unauthenticated_per_address_max: 20,
            arrivals_per_minute_max: 300,
            failures_max: 20,
            failures_time: Duration::from_secs(10 * 60),
            refused_time: Duration::from_secs(15 * 60),
            loopback_exempt: true,
        }
    }
}
