//! Message, presence and iq: their heads, their errors, their replies, and the payloads that xmpp-parsers lacks.
//!
//! Envelopes are read from the frame's head, never with xmpp-parsers' types, which refuse what a server must relay.

mod error;
#[cfg(any(test, fuzzing))]
pub(crate) mod fuzz;
mod hints;
pub mod ns;
pub mod referring;
pub mod registration;
mod reply;
mod role;
pub mod rsm;

pub use error::{Condition, ErrorType, StanzaError};
pub use hints::Hints;
pub use reply::{error_reply, iq_result};
pub use role::Role;

use crate::xml::{CLIENT, Frame};
use jid::Jid;

/// RFC 6120 section 8.2.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// `<message/>`
    Message,
    /// `<presence/>`
    Presence,
    /// `<iq/>`
    Iq,
}

/// RFC 6120 section 8.2.3.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum IqType {
    /// `get`
    Get,
    /// `set`
    Set,
    /// `result`
    Result,
    /// `error`
    Error,
}

/// A frame whose head has been read once, at the edge: what kind it is and, prepared, where it goes.
#[derive(Clone, Debug)]
pub struct Stanza {
    /// The frame, as the sender wrote it.
    pub frame: Frame,
    /// Which of the three.
    pub kind: Kind,
    /// The prepared `to`; `None` when absent.
    pub to: Option<Jid>,
}

/// Why a frame is no stanza.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotAStanza {
    /// Not `message`, `presence` or `iq` in `jabber:client` (RFC 6120 section 4.9.3.24, `unsupported-stanza-type`).
    UnsupportedType,
    /// `to` is no JID: answered with the stanza error `jid-malformed` (RFC 6120 section 8.3.3.8).
    JidMalformed(Kind),
}

impl Stanza {
    /// Reads the head of a frame.
    ///
    /// # Errors
    /// When the frame is no stanza, or its `to` is no JID.
    pub fn new(frame: Frame) -> Result<Stanza, NotAStanza> {
        if frame.ns() != CLIENT {
            return Err(NotAStanza::UnsupportedType);
        }
        let kind = match frame.name() {
            "message" => Kind::Message,
            "presence" => Kind::Presence,
            "iq" => Kind::Iq,
            _ => return Err(NotAStanza::UnsupportedType),
        };
        // An empty `to` is treated as absent, as the peers do.
        let to = match frame.attr("to").as_deref() {
            None | Some("") => None,
            Some(to) => Some(parse_jid(to).ok_or(NotAStanza::JidMalformed(kind))?),
        };
        Ok(Stanza { frame, kind, to })
    }

    /// The `type` attribute as written.
    pub fn type_attr(&self) -> Option<String> {
        self.frame.attr("type").map(|value| value.into_owned())
    }

    /// The `id` attribute.
    pub fn id(&self) -> Option<String> {
        self.frame.attr("id").map(|value| value.into_owned())
    }

    /// The type of an iq; `None` when it is absent or unknown.
    pub fn iq_type(&self) -> Option<IqType> {
        match self.frame.attr("type")?.as_ref() {
            "get" => Some(IqType::Get),
            "set" => Some(IqType::Set),
            "result" => Some(IqType::Result),
            "error" => Some(IqType::Error),
            _ => None,
        }
    }
}

/// Parses and prepares a JID (RFC 7622 by way of the `jid` crate's profile); a trailing dot of the domain is stripped. A
/// domain that still ends in one is refused, so that no entity has two names, and so is what would become another JID if
/// it were prepared once more: the profile folds case before it normalises, and of U+1D3F that makes a capital R.
pub fn parse_jid(text: &str) -> Option<Jid> {
    let (bare, resource) = match text.split_once('/') {
        Some((bare, resource)) => (bare, Some(resource)),
        None => (text, None),
    };
    let jid = match (bare.strip_suffix('.'), resource) {
        (None, _) => Jid::new(text).ok(),
        (Some(bare), None) => Jid::new(bare).ok(),
        (Some(bare), Some(resource)) => Jid::new(bare)
            .ok()?
            .to_bare()
            .with_resource_str(resource)
            .ok()
            .map(Jid::from),
    };
    let is_prepared = |jid: &Jid| text.is_ascii() || Jid::new(jid.as_str()).as_ref() == Ok(jid);
    jid.filter(|jid| !jid.domain().as_str().ends_with('.') && is_prepared(jid))
}
