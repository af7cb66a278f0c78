//! The hash functions of SCRAM.

use hmac::digest::{Digest, block_api::EagerHash};
use hmac::{Hmac, KeyInit, Mac};
use sha1::Sha1;
use sha2::{Sha256, Sha512};
use subtle::{Choice, ConstantTimeEq};

/// A hash function of the SCRAM family.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ScramHash {
    /// RFC 5802.
    Sha1,
    /// RFC 7677.
    Sha256,
    /// Registered; in use everywhere.
    Sha512,
}

impl ScramHash {
    /// HMAC with this hash.
    pub(super) fn hmac(self, key: &[u8], data: &[u8]) -> Vec<u8> {
        match self {
            ScramHash::Sha1 => hmac::<Sha1>(key, data),
            ScramHash::Sha256 => hmac::<Sha256>(key, data),
            ScramHash::Sha512 => hmac::<Sha512>(key, data),
        }
    }

    /// The hash itself.
    pub(super) fn digest(self, data: &[u8]) -> Vec<u8> {
        match self {
            ScramHash::Sha1 => Sha1::digest(data).to_vec(),
            ScramHash::Sha256 => Sha256::digest(data).to_vec(),
            ScramHash::Sha512 => Sha512::digest(data).to_vec(),
        }
    }

    /// Whether `H(proof XOR HMAC(StoredKey, messages))` is the stored key (RFC 5802 section 3), in constant time.
    pub(super) fn proves(self, stored_key: &[u8], messages: &[u8], proof: &[u8]) -> Choice {
        let signature = self.hmac(stored_key, messages);
        let key: Vec<u8> = signature.iter().zip(proof).map(|(a, b)| a ^ b).collect();
        self.digest(&key).ct_eq(stored_key) & signature.len().ct_eq(&proof.len())
    }
}

fn hmac<D: EagerHash>(key: &[u8], data: &[u8]) -> Vec<u8>
where
    Hmac<D>: KeyInit + Mac,
{
    // HMAC takes keys of every length (RFC 2104 section 2).
    match <Hmac<D> as KeyInit>::new_from_slice(key) {
        Ok(mac) => mac.chain_update(data).finalize().into_bytes().to_vec(),
        Err(_) => unreachable!("HMAC takes keys of every length"),
    }
}
