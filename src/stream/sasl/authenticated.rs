//! The evidence that a peer proved who it is.

use jid::BareJid;

/// Only a verified proof makes one.
#[derive(Debug)]
pub struct Authenticated {
    account: BareJid,
}

impl Authenticated {
    pub(super) fn new(account: BareJid) -> Authenticated {
        Authenticated { account }
    }

    /// Whose proof it was.
    pub fn account(&self) -> &BareJid {
        &self.account
    }
}
