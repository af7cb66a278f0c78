//! What a bound stream counts and is told beside stanzas: stream management (XEP-0198), client state (XEP-0352).

use super::binding::ExpectBind;
use super::sasl2::Inline;
use super::wire::Wire;
use super::{Next, State};
use crate::stanza::{self, ns};
use crate::stream::management::{self, Enable, Resume, Resumption};
use crate::stream::sasl::Authenticated;
use crate::stream::{Condition, Event, StreamError};
use crate::xml::Frame;
use jid::FullJid;

/// The evidence that a resource is bound, and the count of what came since stream management was enabled.
#[derive(Debug)]
pub(super) struct Bound {
    /// Stanzas handled, modulo 2^32; `None` while nobody counts.
    handled: Option<u32>,
}

/// The caller enables stream management, or does not.
#[derive(Debug)]
pub(super) enum AwaitManagement {
    /// The client asked on a bound stream.
    Asked(Bound),
    /// It asked along with authentication (XEP-0386): the success waits, and names this JID.
    Inline(Box<Inline>, String),
}

/// The caller looks for the session of a stream that was lost.
#[derive(Debug)]
pub(super) enum AwaitResumption {
    /// The client asked on an authenticated stream.
    Asked {
        authenticated: Authenticated,
        previd: String,
    },
    /// It asked along with authentication (XEP-0388): the success waits.
    Inline(Box<Inline>, String),
}

/// Whether an element manages the stream, and is no stanza.
pub(super) fn is_management(frame: &Frame) -> bool {
    matches!(frame.ns(), ns::SM | ns::CSI)
}

impl Bound {
    /// A resource, on a stream that counts from there on, or does not yet.
    pub(super) fn new(handled: Option<u32>) -> Bound {
        Bound { handled }
    }

    pub(super) fn handled(&self) -> Option<u32> {
        self.handled
    }

    /// A stanza came: after 2^32 - 1 comes 0 (section 4).
    pub(super) fn count(&mut self) {
        self.handled = self.handled.map(|handled| handled.wrapping_add(1));
    }

    /// An element that manages the stream.
    pub(super) fn frame(self, frame: &Frame, wire: &mut Wire) -> Next {
        match (frame.ns(), frame.name()) {
            (ns::SM, "enable") => return self.enable(frame, wire),
            (ns::SM, "resume") => refuse(wire, stanza::Condition::UnexpectedRequest, None),
            (ns::SM, "r" | "a") if self.handled.is_none() => {
                return Err(StreamError::new(
                    Condition::PolicyViolation,
                    "stream management is not enabled",
                ));
            }
            (ns::SM, "r") => wire.emit(Event::AckRequested),
            (ns::SM, "a") => {
                let h = management::handled(&frame.to_element()).ok_or(Condition::BadFormat)?;
                wire.emit(Event::Acknowledged { h });
            }
            (ns::CSI, "active") => wire.emit(Event::ClientState { active: true }),
            (ns::CSI, "inactive") => wire.emit(Event::ClientState { active: false }),
            _ => return Err(Condition::UnsupportedStanzaType.into()),
        }
        Ok(State::Established(self))
    }

    /// Section 3: at most once.
    fn enable(self, frame: &Frame, wire: &mut Wire) -> Next {
        if self.handled.is_some() {
            refuse(wire, stanza::Condition::UnexpectedRequest, None);
            return Err(StreamError::new(Condition::PolicyViolation, "already enabled"));
        }
        match Enable::parse(&frame.to_element()) {
            Some(enable) => {
                wire.emit(Event::Enable(enable));
                Ok(State::Management(AwaitManagement::Asked(self)))
            }
            None => {
                refuse(wire, stanza::Condition::BadRequest, None);
                Ok(State::Established(self))
            }
        }
    }
}

impl AwaitManagement {
    pub(super) fn inline(inline: Inline, jid: &str) -> AwaitManagement {
        AwaitManagement::Inline(Box::new(inline), jid.to_owned())
    }

    pub(super) fn handled(&self) -> Option<u32> {
        match self {
            AwaitManagement::Asked(bound) => bound.handled,
            AwaitManagement::Inline(..) => None,
        }
    }

    pub(super) fn enabled(self, resumption: Option<&Resumption>, wire: &mut Wire) -> State {
        match self {
            AwaitManagement::Asked(_) => {
                wire.write(|writer, _| management::write_enabled(writer, resumption));
                State::Established(Bound::new(Some(0)))
            }
            AwaitManagement::Inline(inline, jid) => inline.established(&jid, Some(Ok(resumption)), wire),
        }
    }

    pub(super) fn refused(self, condition: stanza::Condition, wire: &mut Wire) -> State {
        match self {
            AwaitManagement::Asked(bound) => {
                refuse(wire, condition, None);
                State::Established(bound)
            }
            AwaitManagement::Inline(inline, jid) => inline.established(&jid, Some(Err(condition)), wire),
        }
    }
}

impl AwaitResumption {
    /// Asks the caller; a malformed request is refused here.
    pub(super) fn open(bind: ExpectBind, frame: &Frame, wire: &mut Wire) -> State {
        let Some(resume) = Resume::parse(&frame.to_element()) else {
            refuse(wire, stanza::Condition::BadRequest, None);
            return State::Bind(bind);
        };
        let previd = resume.previd.clone();
        wire.emit(Event::Resume(resume));
        let authenticated = bind.into_authenticated();
        State::Resumption(AwaitResumption::Asked { authenticated, previd })
    }

    pub(super) fn inline(inline: Inline, previd: String) -> AwaitResumption {
        AwaitResumption::Inline(Box::new(inline), previd)
    }

    pub(super) fn resumed(self, jid: &FullJid, handled: u32, wire: &mut Wire) -> Bound {
        match self {
            AwaitResumption::Asked { previd, .. } => {
                wire.write(|writer, _| management::write_resumed(writer, &previd, handled));
            }
            AwaitResumption::Inline(inline, previd) => inline.resumed(jid.as_str(), &previd, handled, wire),
        }
        Bound::new(Some(handled))
    }

    /// The client may bind a resource instead (section 5).
    pub(super) fn refused(self, condition: stanza::Condition, handled: Option<u32>, wire: &mut Wire) -> State {
        match self {
            AwaitResumption::Asked { authenticated, .. } => {
                refuse(wire, condition, handled);
                State::Bind(ExpectBind::again(authenticated))
            }
            AwaitResumption::Inline(inline, _) => State::Inline(Box::new(inline.not_resumed(condition, handled))),
        }
    }
}

/// Writes `<failed/>`.
pub(super) fn refuse(wire: &mut Wire, condition: stanza::Condition, handled: Option<u32>) {
    wire.write(|writer, _| management::write_failed(writer, condition, handled));
}
