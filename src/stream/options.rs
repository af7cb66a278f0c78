//! What the receiving entity is told about itself.

use super::Mechanism;
use crate::xml::Limits;
use bytes::Bytes;
use jid::BareJid;
use std::time::Duration;

/// Settings of all streams of a server; shared, never changed while a stream lives.
#[derive(Clone, Debug)]
pub struct Options {
    /// The domain served, prepared.
    pub domain: BareJid,
    /// The SASL mechanisms, strongest first. What a connection cannot do (channel binding) is not offered on it.
    pub mechanisms: Vec<Mechanism>,
    /// What a peer may send before it is authenticated.
    pub limits_before_authentication: Limits,
    /// What it may send afterwards.
    pub limits_authenticated: Limits,
    /// Wrong credentials on one stream before it ends (RFC 6120 section 6.4.5: between 2 and 5).
    pub wrong_credentials_max: u32,
    /// SASL exchanges of whatever outcome on one stream before it ends. Larger, because a client may walk down the list
    /// of mechanisms on the same stream.
    pub exchanges_max: u32,
    /// Silence after which the caller asks whether the peer is still there (XEP-0478).
    pub idle_time: Option<Duration>,
    /// Serialised elements that are offered beside resource binding: roster versioning (RFC 6121 section 2.6.1),
    /// pre-approval (section 3.4), the server's capabilities (XEP-0115 section 6.3), ….
    pub features: Vec<Bytes>,
}

impl Options {
    /// The defaults for a domain.
    pub fn new(domain: BareJid) -> Options {
        Options {
            domain,
            mechanisms: Mechanism::all().collect(),
            limits_before_authentication: Limits::BEFORE_AUTHENTICATION,
            limits_authenticated: Limits::AUTHENTICATED,
            wrong_credentials_max: 3,
            exchanges_max: 10,
            idle_time: None,
            features: Vec::new(),
        }
    }
}
