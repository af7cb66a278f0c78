//! Who sends a stanza, and where an address leads.

use super::{Session, Shared, rates};
use crate::stanza::{Condition, IqType, Kind, Stanza, StanzaError, error_reply};
use crate::xml::{Address, Element};
use jid::Jid;
use std::sync::Arc;

/// The origin of a stanza: a session, or the server in somebody's name.
#[derive(Clone, Copy)]
pub(super) struct Sender<'a> {
    /// What `from` says: the full JID of a session.
    pub jid: &'a Jid,
    /// The session, unless the server itself made the stanza.
    pub session: Option<&'a Arc<Session>>,
}

/// Where an address leads (RFC 6120 section 10).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Target<'a> {
    /// The server itself (section 10.5.1 and 10.5.2).
    Server,
    /// A service of the server's, at a subdomain, by its label.
    Service(&'static str),
    /// An account, by localpart (section 10.5.3).
    Account(&'a str),
    /// A resource (section 10.5.4).
    Resource(&'a str, &'a str),
    /// Another domain (section 10.4): there are no streams to other servers.
    Abroad,
}

impl<'a> Target<'a> {
    /// Classifies an address.
    pub fn of(shared: &Shared, to: &'a Jid) -> Target<'a> {
        if to.domain().as_str() != shared.domain() {
            return shared
                .service_at(to.domain().as_str())
                .map_or(Target::Abroad, Target::Service);
        }
        match (to.node(), to.resource()) {
            (None, _) => Target::Server,
            (Some(node), None) => Target::Account(node.as_str()),
            (Some(node), Some(resource)) => Target::Resource(node.as_str(), resource.as_str()),
        }
    }
}

impl<'a> Sender<'a> {
    pub fn session(session: &'a Arc<Session>) -> Sender<'a> {
        Sender {
            jid: session.jid(),
            session: Some(session),
        }
    }

    /// The new opening tag of what it sends: `from` stamped, `to` as it wrote it.
    pub fn address(&self) -> Address<'a> {
        Address {
            from: Some(self.jid.as_str()),
            to: None,
            lang: self.session.and_then(|session| session.lang()),
            standalone: false,
        }
    }

    /// Where its stanza goes: without `to`, to its own account (RFC 6120 section 10.3).
    pub fn recipient(&self, stanza: &'a Stanza) -> &'a Jid {
        match (&stanza.to, self.session) {
            (Some(to), _) => to,
            (None, Some(session)) => session.account(),
            (None, None) => self.jid,
        }
    }

    /// Answers a stanza with an error, unless it is itself an answer (RFC 6120 section 8.3.1), or the server's own. Returns
    /// the answer.
    pub fn refuse(&self, stanza: &Stanza, error: &StanzaError) -> Option<Element> {
        let session = self.session.filter(|_| !is_answer(stanza))?;
        rates::refused(session, error);
        let reply = error_reply(stanza, session.jid().as_str(), error);
        Shared::send(session, &reply);
        Some(reply)
    }

    /// Answers a stanza whose `to` is no JID. The reply has no `from`: what was written there is no JID either.
    pub fn refuse_malformed(&self, stanza: &Stanza) {
        if let Some(session) = self.session
            && !is_answer(stanza)
        {
            let error = Condition::JidMalformed.into();
            Shared::send(
                session,
                &without_from(error_reply(stanza, session.jid().as_str(), &error)),
            );
        }
    }
}

fn without_from(reply: Element) -> Element {
    let mut bare = crate::xml::element(reply.name(), crate::xml::CLIENT);
    for name in ["type", "to", "id"] {
        bare = crate::xml::Build::with_some(bare, name, reply.attr(name));
    }
    bare.append_all(reply.children().cloned()).build()
}

/// Whether a stanza answers another: an error of any kind, or the result of an iq. Nothing ever answers those.
fn is_answer(stanza: &Stanza) -> bool {
    match stanza.kind {
        Kind::Iq => matches!(stanza.iq_type(), Some(IqType::Result | IqType::Error)),
        Kind::Message | Kind::Presence => stanza.frame.attr("type").as_deref() == Some("error"),
    }
}
