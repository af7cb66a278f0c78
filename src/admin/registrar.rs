//! In-band registration, and the invitations that it takes.

use super::protocol::InvitationLine;
use super::{Accounts, AdminError, invitation};
use crate::net::Registrar;
use crate::router::Closing;
use crate::stanza::{Condition, Role, StanzaError};
use crate::store::{Credentials, Invitation, StoreError};
use chrono::{DateTime, TimeDelta, Utc};
use jid::{BareJid, FullJid};

/// Whom to invite to what.
#[derive(Clone, Debug)]
pub struct Invite {
    /// The role of the account to be made.
    pub role: Role,
    /// The account's JID; without one, whoever is invited chooses the name.
    pub jid: Option<BareJid>,
    /// How long the invitation may be taken up; `None` for what is configured.
    pub time: Option<TimeDelta>,
    /// Who invites; `None` for the operator at the command line.
    pub inviter: Option<BareJid>,
    /// Whether who invites and who is invited are to see each other.
    pub befriends: bool,
}

impl Accounts {
    /// Makes an invitation. It is durable before it is told.
    ///
    /// # Errors
    /// The name is taken, promised or reserved; there are too many open; who invites may not; the store takes no more.
    pub fn invite(&self, invite: &Invite, now: DateTime<Utc>) -> Result<InvitationLine, AdminError> {
        let name = invite.jid.as_ref().map(|jid| self.name(jid)).transpose()?;
        let inviter = invite.inviter.as_ref().and_then(|inviter| inviter.node());
        let time = invite.time.unwrap_or(self.options.invitation_time);
        let expires = now
            .checked_add_signed(time)
            .ok_or_else(|| AdminError("that is too long for an invitation".to_owned()))?;
        let record = Invitation {
            role: invite.role,
            name: name.map(str::to_owned),
            inviter: inviter.map(|inviter| inviter.as_str().to_owned()),
            befriends: invite.befriends,
            created: now,
            expires,
        };
        let (token, ticket) = self.store.invitations().add(&record).map_err(|error| match error {
            StoreError::Exists => AdminError(format!(
                "{} is an account, or promised to somebody already: choose another name",
                name.unwrap_or_default()
            )),
            error => AdminError(format!("nobody was invited: {error}")),
        })?;
        self.durable(ticket)?;
        tracing::info!(role = %invite.role, name, by = ?record.inviter, %expires, "invited");
        let domain = self.store.domain();
        let uri = match (&record.inviter, invite.befriends && name.is_none()) {
            (Some(inviter), true) => invitation::roster_uri(inviter, domain, &token),
            _ => invitation::register_uri(name, domain, &token),
        };
        Ok(InvitationLine {
            uri,
            role: invite.role,
            expires,
        })
    }

    /// Ends all open invitations.
    ///
    /// # Errors
    /// The store takes no more.
    pub fn revoke_invitations(&self) -> Result<String, AdminError> {
        let (ticket, open) = self.store.invitations().revoke_all(Utc::now())?;
        self.durable(ticket)?;
        Ok(format!("{open} invitations ended\n"))
    }

    fn take_up(&self, token: &str, user: &str, password: &str) -> Result<(), StanzaError> {
        let credentials = Credentials::derive(password, &self.options.policy).map_err(|error| refused(&error))?;
        let invitations = self.store.invitations();
        let (ticket, invitation) = invitations
            .take_up(token, user, credentials, Utc::now())
            .map_err(|error| refused(&error))?;
        let jid = BareJid::new(&[user, "@", self.store.domain()].concat()).map_err(|_| Condition::JidMalformed)?;
        self.welcome(&jid, &invitation);
        self.store
            .wait(ticket.max(self.store.latest()))
            .map_err(|error| refused(&error))
    }

    /// The account is there, whether or not it finds everybody in its roster.
    fn welcome(&self, jid: &BareJid, invitation: &Invitation) {
        if let Err(error) = self.introduce(jid) {
            tracing::warn!(%error, "a new account is not in the rosters that it belongs in");
        }
        let inviter = invitation.inviter.as_ref().filter(|_| invitation.befriends);
        let inviter = inviter.and_then(|name| BareJid::new(&[name, "@", self.store.domain()].concat()).ok());
        if let Some(inviter) = inviter
            && let Err(error) = self.router.provision(jid, &inviter, None, Vec::new())
        {
            tracing::warn!(
                condition = error.condition.name(),
                "a new account does not find who invited it"
            );
        }
    }
}

impl Registrar for Accounts {
    fn register(&self, token: &str, user: &str, password: &str) -> Result<(), StanzaError> {
        self.take_up(token, user, password)
    }

    fn change_password(&self, session: &FullJid, password: &str) -> Result<(), StanzaError> {
        let account = session.to_bare();
        let name = account.node().ok_or(Condition::Forbidden)?;
        let accounts = self.store.accounts();
        let ticket = accounts
            .set_password(name.as_str(), password, &self.options.policy)
            .map_err(|error| refused(&error))?;
        self.store.wait(ticket).map_err(|error| refused(&error))?;
        let others = self.router.sessions().into_iter();
        for other in others.filter(|other| *other.account() == account && other.jid() != session) {
            self.router.end_session(&other, Closing::NotAuthorized);
        }
        Ok(())
    }

    fn remove(&self, account: &BareJid) -> Result<(), StanzaError> {
        let removed = Accounts::remove(self, account);
        removed.map(drop).map_err(|error| {
            tracing::warn!(%error, %account, "an account was not removed");
            Condition::InternalServerError.into()
        })
    }
}

/// What a client is told of a refusal.
fn refused(error: &StoreError) -> StanzaError {
    match error {
        StoreError::Exists => StanzaError::new(Condition::Conflict, "This name is taken"),
        StoreError::Absent => StanzaError::new(Condition::ItemNotFound, "The invitation is used"),
        StoreError::Invalid(why) => StanzaError::new(Condition::NotAcceptable, *why),
        error if error.is_constraint() => Condition::ResourceConstraint.into(),
        error => {
            tracing::error!(%error, "in-band registration failed");
            Condition::InternalServerError.into()
        }
    }
}
