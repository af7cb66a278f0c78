//! What the stream offers beside resource binding.

use crate::modules::server_capabilities;
use crate::router::{Contacts, Module};
use crate::stanza::ns;
use crate::xml::{CLIENT, element, to_bytes};
use bytes::Bytes;

/// The server's capabilities (XEP-0115 section 6.3), roster versioning (RFC 6121 section 2.6.1) and pre-approval
/// (section 3.4), serialised.
pub fn stream_features(modules: &[Box<dyn Module>], contacts: &Contacts) -> Vec<Bytes> {
    let features = [
        server_capabilities(modules, contacts),
        element("ver", ns::FEATURE_ROSTER_VERSIONING).build(),
        element("sub", ns::FEATURE_PRE_APPROVAL).build(),
    ];
    features.iter().map(|feature| to_bytes(feature, CLIENT)).collect()
}
