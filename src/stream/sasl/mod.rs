//! SASL mechanisms as pure machines (RFC 4422): messages, keys and binding data in; messages or a verdict out.
//!
//! Nothing here looks anything up, takes time into account, or keeps state between exchanges. The evidence
//! [`Authenticated`] is made here and nowhere else.

mod authenticated;
mod channel_binding;
mod failure;
#[cfg(any(test, fuzzing))]
pub(super) mod fuzz;
mod mechanism;
pub mod plain;
pub mod scram;

pub use authenticated::Authenticated;
pub use channel_binding::ChannelBindings;
pub use failure::Failure;
pub use mechanism::{Mechanism, UnknownMechanism};
pub use scram::{ScramHash, ScramKeys};

use crate::xml::Frame;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jid::{BareJid, NodePart};

/// The message in an `<auth/>` or `<response/>` (RFC 6120 section 6.4.2): `None` when there is none, an empty one for
/// `=`.
///
/// # Errors
/// `incorrect-encoding` when it is not exactly RFC 4648's base64, `malformed-request` when it is not text.
pub(super) fn message(frame: &Frame) -> Result<Option<Vec<u8>>, Failure> {
    if frame.children().next().is_some() {
        return Err(Failure::MalformedRequest);
    }
    match frame.to_element().text().as_str() {
        "" => Ok(None),
        "=" => Ok(Some(Vec::new())),
        text => decode(text).map(Some),
    }
}

/// Exactly RFC 4648's base64; nothing stands for an empty message (XEP-0388 section 2.2).
///
/// # Errors
/// `incorrect-encoding`.
pub(super) fn decode(text: &str) -> Result<Vec<u8>, Failure> {
    STANDARD.decode(text).map_err(|_| Failure::IncorrectEncoding)
}

/// Prepares a user name as the localpart it is (RFC 6120 section 6.3.7 leaves that to the server): what the rest of the
/// server calls that user, and nothing else, can log in.
fn user(name: &str) -> Result<NodePart, Failure> {
    match jid::NodePart::new(name) {
        Ok(user) => Ok(user.into_owned()),
        Err(_) => Err(Failure::NotAuthorized),
    }
}

/// Whom a user may act as: itself, named by its bare JID or not at all.
fn authorize(authzid: &str, account: &BareJid) -> Result<(), Failure> {
    match authzid.is_empty() || BareJid::new(authzid).is_ok_and(|authzid| authzid == *account) {
        true => Ok(()),
        false => Err(Failure::InvalidAuthzid),
    }
}
