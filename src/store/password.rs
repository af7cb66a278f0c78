//! Passwords: prepared, hashed, verified. Everything here takes tens of milliseconds of CPU: never on the runtime's own
//! threads.

use super::error::StoreError;
use super::scram::{ScramHash, ScramKeys};
use argon2::password_hash::phc::{Output, ParamsString, PasswordHash, Salt};
use argon2::{ARGON2ID_IDENT, Algorithm, Argon2, Block, Params, Version};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::OnceLock;
use subtle::ConstantTimeEq;

/// argon2id with m = 19 MiB, t = 2, p = 1.
const MEMORY_KIB: u32 = 19 * 1024;
const PASSES: u32 = 2;
const HASH_BYTES: usize = 32;
/// Upper bound of what a stored hash may ask for; our own ask for less.
const MEMORY_KIB_MAX: u32 = 64 * 1024;
/// More than glibc's largest `mmap` threshold (32 MiB), in blocks of 1 KiB.
const CAPACITY_BLOCKS: usize = 33 * 1024 + 1;
/// Longest password, in bytes, before and after preparation.
const PASSWORD_BYTES_MAX: usize = 1023;

/// Which credentials are derived from a password.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Policy {
    /// Keys for SCRAM beside the argon2id hash. Without them, PLAIN is the only mechanism that can work.
    pub scram: bool,
}

impl Default for Policy {
    fn default() -> Policy {
        Policy { scram: true }
    }
}

/// What is kept of a password.
#[derive(Clone, Serialize, Deserialize)]
pub struct Credentials {
    /// argon2id as a PHC string.
    argon2: String,
    scram: BTreeMap<ScramHash, ScramKeys>,
}

/// Credentials are secrets: they do not appear in logs.
impl std::fmt::Debug for Credentials {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Credentials").finish_non_exhaustive()
    }
}

impl Credentials {
    /// Derives credentials from a password as the user typed it. Blocks for some 50 ms.
    ///
    /// # Errors
    /// [`StoreError::Invalid`] for a password that [`prepare_password`] refuses, or without random numbers.
    pub fn derive(password: &str, policy: &Policy) -> Result<Credentials, StoreError> {
        let password = prepare_password(password)?;
        let no_entropy = |_| StoreError::Invalid("the system has no random numbers");
        let mut salt = [0; 16];
        getrandom::fill(&mut salt).map_err(no_entropy)?;
        let mut scram = BTreeMap::new();
        for hash in ScramHash::ALL.into_iter().filter(|_| policy.scram) {
            scram.insert(hash, ScramKeys::derive(hash, password.as_bytes()).map_err(no_entropy)?);
        }
        Ok(Credentials {
            argon2: hash(password.as_bytes(), &salt)?,
            scram,
        })
    }

    /// The keys for one hash, when they were derived.
    pub(super) fn scram(&self, hash: ScramHash) -> Option<&ScramKeys> {
        self.scram.get(&hash)
    }

    /// Whether this is the password, as the user typed it.
    pub(super) fn verify(&self, password: &str) -> bool {
        prepare_password(password).is_ok_and(|password| verify(password.as_bytes(), &self.argon2))
    }

    /// Takes as long as [`Credentials::verify`] and is never true: for names without credentials.
    pub(super) fn verify_in_vain(password: &str) -> bool {
        static DUMMY: OnceLock<String> = OnceLock::new();
        let dummy = DUMMY.get_or_init(|| hash(b"nobody's", b"a salt of nobody").unwrap_or_default());
        let _ = prepare_password(password).is_ok_and(|password| verify(password.as_bytes(), dummy));
        false
    }
}

/// Prepares a password as SASL PLAIN and SCRAM do (SASLprep, RFC 4013; RFC 5802 section 2.2).
///
/// # Errors
/// [`StoreError::Invalid`] for an empty or over-long one, or one with characters that no client could type alike twice.
pub fn prepare_password(password: &str) -> Result<String, StoreError> {
    if password.len() > PASSWORD_BYTES_MAX {
        return Err(StoreError::Invalid("the password is longer than 1023 bytes"));
    }
    let prepared = stringprep::saslprep(password);
    let prepared = prepared.map_err(|_| StoreError::Invalid("the password has characters that SASLprep prohibits"))?;
    match prepared.len() {
        0 => Err(StoreError::Invalid("the password is empty")),
        bytes if bytes > PASSWORD_BYTES_MAX => Err(StoreError::Invalid("the password is longer than 1023 bytes")),
        _ => Ok(prepared.into_owned()),
    }
}

/// Hashes to a PHC string.
fn hash(password: &[u8], salt: &[u8; 16]) -> Result<String, StoreError> {
    let impossible = || StoreError::Invalid("the password cannot be hashed");
    let params = Params::new(MEMORY_KIB, PASSES, 1, Some(HASH_BYTES)).map_err(|_| impossible())?;
    let output = argon2id(params.clone(), password, salt).ok_or_else(impossible)?;
    let phc = PasswordHash {
        algorithm: ARGON2ID_IDENT,
        version: Some(Version::V0x13.into()),
        params: ParamsString::try_from(&params).map_err(|_| impossible())?,
        salt: Some(Salt::new(salt).map_err(|_| impossible())?),
        hash: Some(Output::new(&output).map_err(|_| impossible())?),
    };
    Ok(phc.to_string())
}

/// Compares with a PHC string, in constant time once it is parsed. A string that is not ours is never equal.
fn verify(password: &[u8], phc: &str) -> bool {
    let equal = || {
        let phc = PasswordHash::new(phc).ok()?;
        let params = Params::try_from(&phc).ok()?;
        let known = phc.algorithm == ARGON2ID_IDENT && params.m_cost() <= MEMORY_KIB_MAX;
        let output = known.then(|| argon2id(params, password, &phc.salt?))??;
        Some(output.ct_eq(phc.hash?.as_bytes()))
    };
    equal().is_some_and(bool::from)
}

fn argon2id(params: Params, password: &[u8], salt: &[u8]) -> Option<Vec<u8>> {
    // The memory must go back to the system after each hash. glibc gives back at once what it got with mmap, but
    // freeing such a block raises its threshold to that block's size, up to 32 MiB: from the second hash on, 19 MiB
    // would come from an arena and stay there, once for each thread. A block above 32 MiB is always mapped; its
    // untouched end costs nothing.
    let mut memory = Vec::with_capacity(params.block_count().max(CAPACITY_BLOCKS));
    memory.resize(params.block_count(), Block::new());
    let mut output = vec![0; params.output_len().unwrap_or(HASH_BYTES)];
    let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
    let hashed = argon2.hash_password_into_with_memory(password, salt, &mut output, &mut memory[..]);
    hashed.ok().map(|()| output)
}

#[cfg(test)]
mod tests {
    use super::*;
    use argon2::PasswordVerifier;

    #[test]
    fn a_hash_is_a_phc_string_that_others_verify() {
        let credentials = Credentials::derive("correct horse", &Policy { scram: false }).unwrap();
        assert!(
            credentials.argon2.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"),
            "{}",
            credentials.argon2
        );
        let others = Argon2::default();
        assert!(
            others
                .verify_password(b"correct horse", credentials.argon2.as_str())
                .is_ok()
        );
        assert!(credentials.verify("correct horse"));
        assert!(!credentials.verify("correct hors"));
        assert!(!credentials.verify(""));
        assert!(credentials.scram(ScramHash::Sha1).is_none());
        assert!(!Credentials::verify_in_vain("nobody's"));
    }

    #[test]
    fn a15_passwords_are_prepared_alike_everywhere() {
        // RFC 4013 section 3.
        assert_eq!(prepare_password("I\u{ad}X").unwrap(), "IX");
        assert_eq!(prepare_password("\u{2168}").unwrap(), "IX");
        let credentials = Credentials::derive("\u{2168}", &Policy { scram: false }).unwrap();
        assert!(credentials.verify("IX"));
        for refused in ["", "\u{ad}", "a\u{7}b", &"x".repeat(1024)] {
            assert!(prepare_password(refused).is_err(), "{refused:?}");
        }
    }

    #[test]
    fn a_stored_hash_of_another_make_is_never_equal() {
        let costly = "$argon2id$v=19$m=4194304,t=2,p=1$c29tZXNhbHRzb21lc2FsdA$aGFzaGhhc2hoYXNoaGFzaA";
        for phc in ["", "$argon2id$", "$scrypt$ln=1$c2FsdHNhbHQ$aGFzaGhhc2g", costly] {
            assert!(!verify(b"x", phc));
        }
    }

    #[test]
    fn secrets_do_not_appear_in_debug_output() {
        let credentials = Credentials::derive("x", &Policy::default()).unwrap();
        assert_eq!(format!("{credentials:?}"), "Credentials { .. }");
    }
}
