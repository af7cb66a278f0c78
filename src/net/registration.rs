//! In-band registration (XEP-0077): an account for the invited before they log in (XEP-0445); another password, or the
//! account's end, for whoever is bound. Hashing a password takes its time, so nothing of it is a module's answer.

use super::Shared;
use crate::router::Session;
use crate::stanza::registration::Registration;
use crate::stanza::{Condition, IqType, Stanza, StanzaError, error_reply, iq_result, ns};
use crate::xml::{CLIENT, Element, Frame, to_bytes};
use bytes::Bytes;
use jid::{BareJid, FullJid};
use std::sync::Arc;

/// Whoever keeps the accounts. Its calls block: they hash a password, and wait for the disk.
pub trait Registrar: Send + Sync + 'static {
    /// Makes the account that an invitation grants, and ends the invitation.
    ///
    /// # Errors
    /// `conflict` for a name that is taken, `not-acceptable` for one, or a password, that cannot be used,
    /// `item-not-found` for an invitation that is used.
    fn register(&self, token: &str, user: &str, password: &str) -> Result<(), StanzaError>;

    /// Changes an account's password. Its sessions but this one end: whoever opened them knew the old one.
    ///
    /// # Errors
    /// `not-acceptable` for a password that cannot be used.
    fn change_password(&self, session: &FullJid, password: &str) -> Result<(), StanzaError>;

    /// Removes an account, and ends its sessions.
    ///
    /// # Errors
    /// When the store takes no more.
    fn remove(&self, account: &BareJid) -> Result<(), StanzaError>;
}

/// What a session has asked for.
pub(super) struct Request {
    stanza: Stanza,
    wanted: Result<Registration, StanzaError>,
}

/// What is to be told to the session.
pub(super) enum Answered {
    /// It goes on.
    Reply(Element),
    /// This is the last it hears.
    Removed(Bytes),
}

impl Request {
    /// The request in a frame, if it is one to this server and about the session's own account. Whatever else there is
    /// the router judges, an odd `from` too.
    pub(super) fn read(session: &Session, domain: &str, frame: &Frame) -> Option<Request> {
        let mut children = frame.children();
        let (child, None) = (children.next()?, children.next()) else {
            return None;
        };
        (child.name == "query" && child.ns == ns::REGISTER && frame.name() == "iq").then_some(())?;
        let own = [session.jid().as_str(), session.account().as_str()];
        let from = frame.attr("from");
        from.as_deref().is_none_or(|from| own.contains(&from)).then_some(())?;
        let stanza = Stanza::new(frame.clone()).ok()?;
        let to = stanza.to.as_ref().map(|to| to.as_str());
        to.is_none_or(|to| to == domain || to == own[1]).then_some(())?;
        (stanza.iq_type() == Some(IqType::Set) && stanza.id().is_some()).then_some(())?;
        let wanted = Registration::read(&frame.child_element(0)?);
        Some(Request { stanza, wanted })
    }

    /// Does what is asked.
    pub(super) async fn answer(self, shared: &Shared, session: &Session) -> Answered {
        let to = session.jid().as_str();
        match carry_out(self.wanted, shared, session).await {
            Ok(Done::Changed) => Answered::Reply(iq_result(&self.stanza, to, None)),
            Ok(Done::Removed) => Answered::Removed(to_bytes(&iq_result(&self.stanza, to, None), CLIENT)),
            Err(error) => Answered::Reply(error_reply(&self.stanza, to, &error)),
        }
    }
}

enum Done {
    Changed,
    Removed,
}

async fn carry_out(
    wanted: Result<Registration, StanzaError>,
    shared: &Shared,
    session: &Session,
) -> Result<Done, StanzaError> {
    let registrar = Arc::clone(&shared.registrar);
    match wanted? {
        Registration::Account { username, password } => {
            let is_own = jid::NodePart::new(&username).is_ok_and(|name| name.as_str() == session.node());
            if !is_own {
                return Err(Condition::Forbidden.into());
            }
            let jid = session.jid().clone();
            let change = move || registrar.change_password(&jid, &password);
            shared.passwords.run(change).await.ok_or_else(busy)??;
            tracing::info!(jid = %session.jid(), "password changed in-band");
            Ok(Done::Changed)
        }
        Registration::Remove => {
            let account = session.account().clone();
            let removal = move || registrar.remove(&account);
            shared.passwords.run(removal).await.ok_or_else(busy)??;
            tracing::info!(jid = %session.jid(), "account removed in-band");
            Ok(Done::Removed)
        }
    }
}

/// Too many passwords wait to be hashed.
pub(super) fn busy() -> StanzaError {
    StanzaError::new(
        Condition::ResourceConstraint,
        "Too much is going on: try again in a moment",
    )
}
