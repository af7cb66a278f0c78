//! Bytes to be written, in shared pieces.

use bytes::Bytes;

/// One outgoing element as a sequence of shared slices: for a fan-out the body is one allocation for all recipients.
#[derive(Clone, Debug, Default)]
pub struct Rope {
    parts: Vec<Bytes>,
}

impl Rope {
    /// Appends a slice.
    pub fn push(&mut self, bytes: Bytes) {
        if !bytes.is_empty() {
            self.parts.push(bytes);
        }
    }

    /// Length in bytes.
    pub fn len(&self) -> usize {
        self.parts.iter().map(Bytes::len).sum()
    }

    /// Whether there is nothing to write.
    pub fn is_empty(&self) -> bool {
        self.parts.is_empty()
    }

    /// The slices in order.
    pub fn parts(&self) -> &[Bytes] {
        &self.parts
    }

    /// One contiguous copy.
    pub fn to_bytes(&self) -> Bytes {
        match self.parts.as_slice() {
            [one] => one.clone(),
            parts => Bytes::from(parts.concat()),
        }
    }
}

impl From<Bytes> for Rope {
    fn from(bytes: Bytes) -> Rope {
        let mut rope = Rope::default();
        rope.push(bytes);
        rope
    }
}
