//! What a stream tells its caller, and asks of it.

use super::{Enable, Failure, Mechanism, Resume, ScramHash, StreamError};
use crate::xml::Frame;
use jid::{BareJid, NodePart};
use std::fmt;

/// What happened, or what the stream must know before it goes on.
#[derive(Debug)]
pub enum Event {
    /// Write the output, then run the TLS handshake as the server; answer: `encrypted`.
    StartTls,
    /// Look up the SCRAM keys of a user. Someone unknown has keys too: stable, and fitting no password. Answer:
    /// `credentials`.
    Credentials {
        /// The prepared localpart.
        user: NodePart,
        /// Which keys.
        hash: ScramHash,
    },
    /// Check a password, in constant time whether or not the user exists. Answer: `password_checked`.
    CheckPassword {
        /// The prepared localpart.
        user: NodePart,
        /// The prepared password.
        password: Password,
    },
    /// Look at an invitation (XEP-0445). Answer: `invitation_checked`.
    CheckInvitation {
        /// What the peer says is its token.
        token: Secret,
    },
    /// Make an account with an invitation that was found good. Answer: `registered`.
    Register {
        /// The invitation's token.
        token: Secret,
        /// The prepared localpart.
        user: NodePart,
        /// The password, as typed.
        password: Password,
    },
    /// The peer proved who it is.
    Authenticated {
        /// Its account.
        account: BareJid,
        /// How it proved that.
        mechanism: Mechanism,
    },
    /// An authentication failed, and the peer was told so. With [`Failure::NotAuthorized`] somebody may be guessing.
    AuthenticationFailed {
        /// Who it claimed to be, where that was a name at all.
        user: Option<NodePart>,
        /// What it was told.
        failure: Failure,
    },
    /// Bind a resource: the one asked for, unprepared, or one of the server's own making. Answer: `bound` or
    /// `bind_refused`.
    Bind {
        /// What the client asked for.
        resource: Option<String>,
        /// The id of its installation (XEP-0388 section 2.2), a UUID in lower case: an earlier session of the same one is
        /// to end (XEP-0386). Nobody else may learn it.
        client: Option<String>,
        /// Whether it is to get copies of what the account's other resources send and receive (XEP-0280).
        carbons: bool,
    },
    /// Go on with the session of a stream that was lost (XEP-0198 section 5). Answer: `resumed` or `resume_refused`.
    Resume(Resume),
    /// A top-level element of a bound stream.
    Frame(Frame),
    /// Count stanzas, so that none is lost with the stream (XEP-0198 section 3). Answer: `enabled` or `enable_refused`.
    Enable(Enable),
    /// The peer asks how many of its stanzas were handled (XEP-0198 section 4): `acknowledge`, once all that must be is
    /// durable.
    AckRequested,
    /// The peer has handled so many of our stanzas, modulo 2^32.
    Acknowledged {
        /// The count since stream management was enabled.
        h: u32,
    },
    /// Whether anybody looks at the client (XEP-0352).
    ClientState {
        /// Somebody does.
        active: bool,
    },
    /// The stream is over, by the peer (`None`) or by this error: write the output, then close the connection. Last.
    Closed(Option<StreamError>),
}

/// What nobody but who checks it may see. Not printed by `Debug`.
#[derive(Clone)]
pub struct Secret(String);

/// A password on its way to the check, prepared by SASLprep (RFC 4013); or a new one, as typed.
pub type Password = Secret;

impl Secret {
    pub(super) fn new(secret: String) -> Secret {
        Secret(secret)
    }

    /// The secret.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}
