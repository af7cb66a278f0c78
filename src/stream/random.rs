//! Names that nobody can guess.

use super::{Condition, StreamError};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

/// A token of 144 random bits from the operating system: stream ids (RFC 6120 section 4.7.3) and nonces (RFC 5802
/// section 5.1).
///
/// # Errors
/// `internal-server-error` when the operating system has no randomness.
pub(super) fn token() -> Result<String, StreamError> {
    let mut bytes = [0; 18];
    getrandom::fill(&mut bytes).map_err(|_| Condition::InternalServerError)?;
    Ok(URL_SAFE_NO_PAD.encode(bytes))
}
