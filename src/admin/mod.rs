//! The operator's commands and the control socket.
//!
//! A command works on the store: through the control socket while the appliance runs, directly while it does not. Both
//! ways end in the same functions of [`Accounts`].

mod accounts;
mod authority;
mod client;
mod invitation;
mod password;
mod protocol;
mod registrar;
mod service;
mod socket;
mod status;
mod terminal;

pub use accounts::{Accounts, COLLECTOR, Options};
pub use authority::{authority, authority_pem};
pub use client::{ask, ask_or_open};
pub use invitation::invitation;
pub use password::{generated, new_password};
pub use protocol::{AccountLine, Answer, BackedUp, InvitationLine, Listening, Request, StatusReport};
pub use registrar::Invite;
pub use service::{Administration, Runner, commands as service_commands};
pub use socket::{Control, SOCKET, Service};
pub use status::status;
pub use terminal::{complain, is_seen, say};

/// Why a command failed: one sentence for the operator that says what, where, and how to mend it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct AdminError(pub String);

impl From<std::io::Error> for AdminError {
    fn from(error: std::io::Error) -> AdminError {
        AdminError(error.to_string())
    }
}

impl From<crate::store::StoreError> for AdminError {
    fn from(error: crate::store::StoreError) -> AdminError {
        AdminError(error.to_string())
    }
}
