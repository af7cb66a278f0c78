//! The envelope of every value: a version byte, a checksum over key and payload, the payload.

use super::key::Key;
use bytes::Bytes;
use serde::Serialize;
use serde::de::DeserializeOwned;

const VERSION: u8 = 1;
const HEAD: usize = 5;

/// Why a value cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Fault {
    #[error("it is too short")]
    Short,
    #[error("its version is unknown")]
    Version,
    #[error("its checksum is wrong")]
    Checksum,
    #[error("its content is not what it should be")]
    Content,
}

/// Wraps a payload. The checksum covers the key, so that a value under a foreign key is noticed too.
pub(super) fn seal(key: &Key, payload: &[u8]) -> Bytes {
    let mut value = Vec::with_capacity(HEAD + payload.len());
    value.push(VERSION);
    value.extend(checksum(key.as_bytes(), payload).to_le_bytes());
    value.extend(payload);
    Bytes::from(value)
}

/// Wraps a structure as JSON.
pub(super) fn seal_json(key: &Key, record: &impl Serialize) -> Bytes {
    // Our records hold no map with keys that are not strings, the only thing that serde_json refuses.
    seal(key, &serde_json::to_vec(record).unwrap_or_default())
}

/// Unwraps a payload.
pub(super) fn open(key: &[u8], value: &Bytes) -> Result<Bytes, Fault> {
    let (head, payload) = value.split_first_chunk::<HEAD>().ok_or(Fault::Short)?;
    let [version, sum @ ..] = *head;
    if version != VERSION {
        return Err(Fault::Version);
    }
    if u32::from_le_bytes(sum) != checksum(key, payload) {
        return Err(Fault::Checksum);
    }
    Ok(value.slice(HEAD..))
}

/// Unwraps a structure.
pub(super) fn open_json<T: DeserializeOwned>(key: &[u8], value: &Bytes) -> Result<T, Fault> {
    serde_json::from_slice(&open(key, value)?).map_err(|_| Fault::Content)
}

fn checksum(key: &[u8], payload: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(key);
    hasher.update(payload);
    hasher.finalize()
}

#[cfg(test)]
mod tests {
    use super::super::key::Table;
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn f12_garbage_is_a_fault_and_no_panic(bytes: Vec<u8>) {
            let key = Key::new(Table::Vcard).text("a");
            prop_assert!(open(key.as_bytes(), &Bytes::from(bytes.clone())).is_err());
            let sealed = seal(&key, &bytes);
            prop_assert_eq!(open(key.as_bytes(), &sealed).unwrap(), bytes);
        }

        #[test]
        fn f12_a_flipped_bit_is_noticed(payload in prop::collection::vec(any::<u8>(), 0..100), bit: prop::sample::Index) {
            let key = Key::new(Table::Vcard).text("a");
            let mut sealed = seal(&key, &payload).to_vec();
            let bit = bit.index(sealed.len() * 8);
            sealed[bit / 8] ^= 1 << (bit % 8);
            prop_assert!(open(key.as_bytes(), &Bytes::from(sealed)).is_err());
        }
    }

    #[test]
    fn a_value_under_a_foreign_key_is_noticed() {
        let [a, b] = ["a", "b"].map(|name| Key::new(Table::Vcard).text(name));
        assert_eq!(open(b.as_bytes(), &seal(&a, b"x")), Err(Fault::Checksum));
    }
}
