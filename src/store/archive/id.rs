//! Ids of archived messages: the number, masked, and 64 random bits that the message repeats. So an id leads to its
//! message by one read, tells nobody how much an account talks, and cannot be guessed (XEP-0359 section 6).

use super::Archive;
use crate::store::StoreError;
use crate::store::scram::mac;
use sha2::Sha256;

impl Archive<'_> {
    /// The number of the message with an id.
    pub fn find(&self, account: &str, id: &str) -> Option<u64> {
        let (masked, nonce) = id.split_at_checked(16).filter(|_| id.len() == 32)?;
        let nonce = read(nonce)?;
        let number = read(masked)? ^ self.mask(nonce);
        let entry = self.entry(account, number)?;
        (entry.nonce == nonce).then_some(number)
    }

    pub(super) fn id(&self, number: u64, nonce: u64) -> String {
        format!("{:016x}{nonce:016x}", number ^ self.mask(nonce))
    }

    fn mask(&self, nonce: u64) -> u64 {
        let text = [b"archive ".as_slice(), &nonce.to_be_bytes()].concat();
        let mac = mac::<Sha256>(&self.store.shared.secret, &text);
        mac.first_chunk::<8>().map_or(0, |mask| u64::from_be_bytes(*mask))
    }
}

/// 64 random bits.
///
/// # Errors
/// [`StoreError::Failed`] when the system has none.
pub(super) fn nonce() -> Result<u64, StoreError> {
    let mut nonce = [0; 8];
    getrandom::fill(&mut nonce)
        .map_err(|error| StoreError::Failed(format!("the system has no random numbers: {error}")))?;
    Ok(u64::from_be_bytes(nonce))
}

/// Sixteen digits as we write them: one id has one form.
fn read(digits: &str) -> Option<u64> {
    let is_ours = |digit: u8| matches!(digit, b'0'..=b'9' | b'a'..=b'f');
    u64::from_str_radix(digits, 16)
        .ok()
        .filter(|_| digits.bytes().all(is_ours))
}
