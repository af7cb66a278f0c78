//! What a bound stream counts and is told beside stanzas: stream management (XEP-0198), client state (XEP-0352).

use super::binding::ExpectBind;
use super::wire::Wire;
use super::{Next, State};
use crate::stanza::{self, ns};
use crate::stream::management::{self, Enable, Resume, Resumption};
use crate::stream::sasl::Authenticated;
use crate::stream::{Condition, Event, StreamError};
use crate::xml::Frame;

/// The evidence that a resource is bound, and the count of what came since stream management was enabled.
#[derive(Debug)]
pub(super) struct Bound {
    /// Stanzas handled, modulo 2^32; `None` while nobody counts.
    handled: Option<u32>,
}

/// The caller enables stream management, or does not.
#[derive(Debug)]
pub(super) struct AwaitManagement {
    bound: Bound,
}

/// The caller looks for the session of a stream that was lost.
#[derive(Debug)]
pub(super) struct AwaitResumption {
    authenticated: Authenticated,
    previd: String,
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
                Ok(State::Management(AwaitManagement { bound: self }))
            }
            None => {
                refuse(wire, stanza::Condition::BadRequest, None);
                Ok(State::Established(self))
            }
        }
    }
}

impl AwaitManagement {
    pub(super) fn handled(&self) -> Option<u32> {
        self.bound.handled
    }

    pub(super) fn enabled(self, resumption: Option<&Resumption>, wire: &mut Wire) -> Bound {
        wire.write(|writer, _| management::write_enabled(writer, resumption));
        Bound { handled: Some(0) }
    }

    pub(super) fn refused(self, condition: stanza::Condition, wire: &mut Wire) -> Bound {
        refuse(wire, condition, None);
        self.bound
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
        State::Resumption(AwaitResumption { authenticated, previd })
    }

    pub(super) fn resumed(self, handled: u32, wire: &mut Wire) -> Bound {
        wire.write(|writer, _| management::write_resumed(writer, &self.previd, handled));
        Bound::new(Some(handled))
    }

    /// The client may bind a resource instead (section 5).
    pub(super) fn refused(self, condition: stanza::Condition, handled: Option<u32>, wire: &mut Wire) -> ExpectBind {
        refuse(wire, condition, handled);
        ExpectBind::again(self.authenticated)
    }
}

/// Writes `<failed/>`.
pub(super) fn refuse(wire: &mut Wire, condition: stanza::Condition, handled: Option<u32>) {
    wire.write(|writer, _| management::write_failed(writer, condition, handled));
}
