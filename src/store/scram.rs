//! Salted keys for SCRAM (RFC 5802 section 3, RFC 7677; SHA-512 alike).

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::digest::{Digest, KeyInit, Update};
use hmac::{EagerHash, Hmac, Mac};
use pbkdf2::pbkdf2_hmac;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use sha1::Sha1;
use sha2::{Sha256, Sha512};

/// Iterations of all keys, also of the fake ones. RFC 5802 asks for 4096 or more, XEP-0438 for 10 000.
pub const SCRAM_ITERATIONS: u32 = 10_000;
const SALT_BYTES: usize = 16;

/// The hash function of a SCRAM mechanism.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ScramHash {
    /// SCRAM-SHA-1
    Sha1,
    /// SCRAM-SHA-256
    Sha256,
    /// SCRAM-SHA-512
    Sha512,
}

impl ScramHash {
    /// All three.
    pub const ALL: [ScramHash; 3] = [ScramHash::Sha1, ScramHash::Sha256, ScramHash::Sha512];

    fn name(self) -> &'static str {
        match self {
            ScramHash::Sha1 => "SHA-1",
            ScramHash::Sha256 => "SHA-256",
            ScramHash::Sha512 => "SHA-512",
        }
    }

    fn bytes(self) -> usize {
        match self {
            ScramHash::Sha1 => 20,
            ScramHash::Sha256 => 32,
            ScramHash::Sha512 => 64,
        }
    }
}

/// What a server keeps of a password for one SCRAM hash (RFC 5802 section 3).
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScramKeys {
    /// 16 random bytes.
    #[serde(serialize_with = "to_base64", deserialize_with = "from_base64")]
    pub salt: Vec<u8>,
    /// The iteration count.
    pub iterations: u32,
    /// `StoredKey`
    #[serde(serialize_with = "to_base64", deserialize_with = "from_base64")]
    pub stored_key: Vec<u8>,
    /// `ServerKey`
    #[serde(serialize_with = "to_base64", deserialize_with = "from_base64")]
    pub server_key: Vec<u8>,
}

/// Keys are secrets: they do not appear in logs.
impl std::fmt::Debug for ScramKeys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ScramKeys")
            .field("iterations", &self.iterations)
            .finish_non_exhaustive()
    }
}

impl ScramKeys {
    /// Derives keys from a prepared password, with a new salt. Blocks for a few milliseconds.
    ///
    /// # Errors
    /// When the system has no random numbers.
    pub(super) fn derive(hash: ScramHash, password: &[u8]) -> Result<ScramKeys, getrandom::Error> {
        let mut salt = vec![0; SALT_BYTES];
        getrandom::fill(&mut salt)?;
        Ok(ScramKeys::with_salt(hash, password, salt, SCRAM_ITERATIONS))
    }

    fn with_salt(hash: ScramHash, password: &[u8], salt: Vec<u8>, iterations: u32) -> ScramKeys {
        let (stored_key, server_key) = match hash {
            ScramHash::Sha1 => keys::<Sha1>(hash, password, &salt, iterations),
            ScramHash::Sha256 => keys::<Sha256>(hash, password, &salt, iterations),
            ScramHash::Sha512 => keys::<Sha512>(hash, password, &salt, iterations),
        };
        ScramKeys {
            salt,
            iterations,
            stored_key,
            server_key,
        }
    }

    /// Keys for a name without credentials: always the same for one name and server, like no password's (security note
    /// A10).
    pub(super) fn fake(secret: &[u8; 32], hash: ScramHash, name: &str) -> ScramKeys {
        let draw = |what: &str, bytes: usize| {
            let parts = [what, hash.name(), name];
            let mut drawn = mac::<Sha512>(secret, parts.join("\0").as_bytes());
            drawn.truncate(bytes);
            drawn
        };
        ScramKeys {
            salt: draw("salt", SALT_BYTES),
            iterations: SCRAM_ITERATIONS,
            stored_key: draw("stored key", hash.bytes()),
            server_key: draw("server key", hash.bytes()),
        }
    }
}

/// RFC 5802 section 3: `StoredKey` and `ServerKey`.
fn keys<D: EagerHash + Digest>(hash: ScramHash, password: &[u8], salt: &[u8], iterations: u32) -> (Vec<u8>, Vec<u8>) {
    let mut salted = vec![0; hash.bytes()];
    pbkdf2_hmac::<D>(password, salt, iterations, &mut salted);
    let client_key = mac::<D>(&salted, b"Client Key");
    (D::digest(client_key).to_vec(), mac::<D>(&salted, b"Server Key"))
}

/// HMAC (RFC 2104).
pub(super) fn mac<D: EagerHash>(key: &[u8], text: &[u8]) -> Vec<u8> {
    // HMAC takes keys of any length, so the error cannot occur; an empty key would be no secret, but no panic either.
    let Ok(mut mac) = <Hmac<D> as KeyInit>::new_from_slice(key) else {
        return Vec::new();
    };
    Update::update(&mut mac, text);
    mac.finalize().into_bytes().to_vec()
}

fn to_base64<S: Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&STANDARD.encode(bytes))
}

fn from_base64<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<u8>, D::Error> {
    let text = String::deserialize(deserializer)?;
    STANDARD.decode(text).map_err(serde::de::Error::custom)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The salts of the examples in RFC 5802 section 5 and RFC 7677 section 3 (user, pencil, 4096 iterations): the
    /// server signature over their auth messages proves `ServerKey`, the client proof `StoredKey`.
    #[test]
    fn keys_verify_the_exchanges_of_rfc_5802_and_rfc_7677() {
        let one = "n=user,r=fyko+d2lbbFgONRv9qkxdawL,r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,\
                   s=QSXCR+Q6sek8bf92,i=4096,c=biws,r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j";
        check::<Sha1>(
            ScramHash::Sha1,
            one,
            "QSXCR+Q6sek8bf92",
            "v0X8v3Bz2T0CJGbJQyF0X+HI4Ts=",
            "rmF9pqV8S7suAoZWja4dJRkFsKQ=",
        );
        let two = "n=user,r=rOprNGfwEbeRWgbNEkqO,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,\
                   s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096,c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0";
        check::<Sha256>(
            ScramHash::Sha256,
            two,
            "W22ZaJ0SNY7soEsUEjb6gQ==",
            "dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=",
            "6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=",
        );
    }

    fn check<D: EagerHash + Digest>(hash: ScramHash, message: &str, salt: &str, proof: &str, signature: &str) {
        let keys = ScramKeys::with_salt(hash, b"pencil", STANDARD.decode(salt).unwrap(), 4096);
        assert_eq!(
            STANDARD.encode(mac::<D>(&keys.server_key, message.as_bytes())),
            signature
        );
        let client_signature = mac::<D>(&keys.stored_key, message.as_bytes());
        let proof = STANDARD.decode(proof).unwrap();
        let client_key: Vec<u8> = proof.iter().zip(client_signature).map(|(a, b)| a ^ b).collect();
        assert_eq!(D::digest(client_key).to_vec(), keys.stored_key);
    }

    #[test]
    fn a10_fake_keys_look_like_true_ones_and_stay() {
        for hash in ScramHash::ALL {
            let fake = ScramKeys::fake(&[7; 32], hash, "nobody");
            assert_eq!(fake, ScramKeys::fake(&[7; 32], hash, "nobody"));
            let real = ScramKeys::derive(hash, b"pencil").unwrap();
            assert_eq!(fake.iterations, real.iterations);
            assert_eq!(fake.salt.len(), real.salt.len());
            assert_eq!(fake.stored_key.len(), real.stored_key.len());
            assert_eq!(fake.server_key.len(), real.server_key.len());
            assert_ne!(fake.salt, ScramKeys::fake(&[7; 32], hash, "nobodi").salt);
            assert_ne!(fake.salt, ScramKeys::fake(&[8; 32], hash, "nobody").salt);
        }
    }
}
