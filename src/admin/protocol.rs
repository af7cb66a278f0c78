//! What goes over the control socket: one JSON request on a line, one JSON answer on a line.

use crate::stanza::Role;
use chrono::{DateTime, Utc};
use jid::BareJid;
use serde::{Deserialize, Serialize};
use std::net::SocketAddr;
use std::path::PathBuf;

/// Bytes of one line.
pub(super) const LINE_BYTES_MAX: u64 = 1 << 20;

/// What is asked.
#[derive(Clone, Deserialize, Serialize)]
#[serde(tag = "request", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Request {
    /// Makes an account.
    AddAccount {
        /// Its JID.
        jid: BareJid,
        /// Its role.
        role: Role,
        /// Its password.
        password: String,
    },
    /// Sets an account's password, and ends its sessions.
    SetPassword {
        /// Its JID.
        jid: BareJid,
        /// The new password.
        password: String,
    },
    /// Removes an account with all that is kept for it.
    RemoveAccount {
        /// Its JID.
        jid: BareJid,
    },
    /// Lists the accounts.
    ListAccounts,
    /// Invites somebody to make an account.
    Invite {
        /// The role of that account.
        role: Role,
        /// Its JID, unless whoever is invited chooses.
        jid: Option<BareJid>,
        /// Seconds in which it may be taken up, unless what is configured is right.
        secs: Option<u32>,
    },
    /// Ends all open invitations.
    RevokeInvitations,
    /// Tells how the appliance does.
    Status,
    /// Reads configuration and certificates again.
    Reload,
    /// Writes a backup beside the data, for the caller to fetch.
    BackUp,
}

/// What is answered.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(tag = "answer", content = "content", rename_all = "kebab-case")]
pub enum Answer {
    /// It is done; perhaps there is something to add.
    Done(String),
    /// The accounts.
    Accounts(Vec<AccountLine>),
    /// The invitation.
    Invitation(InvitationLine),
    /// How the appliance does.
    Status(Box<StatusReport>),
    /// A backup lies there, for the caller to take away.
    BackedUp(BackedUp),
    /// It failed: a sentence.
    Failed(String),
}

/// An invitation that was made. It is a secret: it is told once, to the operator.
#[derive(Clone, PartialEq, Eq, Deserialize, Serialize)]
pub struct InvitationLine {
    /// The link.
    pub uri: String,
    /// The role that it grants.
    pub role: Role,
    /// Until when.
    pub expires: DateTime<Utc>,
}

impl std::fmt::Debug for InvitationLine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("InvitationLine")
            .field("role", &self.role)
            .finish_non_exhaustive()
    }
}

/// A finished backup.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub struct BackedUp {
    /// The file, absolute.
    pub file: PathBuf,
    /// Records in it.
    pub records: usize,
}

/// One account of the list.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub struct AccountLine {
    /// Its JID.
    pub jid: String,
    /// Its role.
    pub role: Role,
    /// Its sessions at this moment; `None` when the appliance does not run.
    pub sessions: Option<usize>,
}

/// One listener.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub struct Listening {
    /// What is spoken there: `STARTTLS`, `direct TLS`.
    pub transport: String,
    /// Where.
    pub address: SocketAddr,
}

/// How the appliance does.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub struct StatusReport {
    /// Its version.
    pub version: String,
    /// The domain served.
    pub domain: String,
    /// The host's name.
    pub host: String,
    /// The process.
    pub pid: u32,
    /// Seconds since it started.
    pub uptime_secs: u64,
    /// Where it listens.
    pub listening: Vec<Listening>,
    /// Bound resources, the collector's own included.
    pub sessions: usize,
    /// Accounts.
    pub accounts: usize,
    /// Whole days until the certificate ends.
    pub certificate_days: i64,
    /// The store's directory.
    pub store: PathBuf,
    /// Bytes of the store; `None` when that cannot be told.
    pub store_bytes: Option<u64>,
    /// What is wrong with the store, if anything.
    pub store_trouble: Option<String>,
}

impl std::fmt::Debug for Request {
    /// The request's name alone: passwords never reach a log.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Request::AddAccount { .. } => "AddAccount",
            Request::SetPassword { .. } => "SetPassword",
            Request::RemoveAccount { .. } => "RemoveAccount",
            Request::ListAccounts => "ListAccounts",
            Request::Invite { .. } => "Invite",
            Request::RevokeInvitations => "RevokeInvitations",
            Request::Status => "Status",
            Request::Reload => "Reload",
            Request::BackUp => "BackUp",
        })
    }
}
