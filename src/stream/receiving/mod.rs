//! The receiving entity (RFC 6120 section 4.2) of a client-to-server stream.
//!
//! ```text
//!                    ┌────────── Header ◀───────────┐  encrypted(), then again: authenticated
//!                    ▼             │                │
//!  plain:         StartTls ──▶  Upgrade ────────────┤
//!  encrypted:     Auth ◀──▶ Keys, Response, Verdict ┘
//!                      ◀──▶ Registrar
//!  authenticated: Bind ◀──▶ Resource, Resumption ──▶ Established ◀──▶ Management
//!                  ▲           ▲
//!                  └─ Inline ──┘  XEP-0388: after Auth at once, on the same stream
//!  any ──▶ Ending ──▶ Closed
//! ```

mod authentication;
mod binding;
mod managing;
mod opening;
mod registration;
mod sasl2;
mod wire;

use super::sasl::{ChannelBindings, ScramKeys};
use super::{Event, Options, Resumption, StreamError, management};
use crate::stanza::{self, StanzaError, ns};
use crate::xml::{Event as Parsed, Frame, STREAM};
use authentication::{AwaitKeys, AwaitVerdict, ExpectAuth, ExpectResponse};
use binding::{AwaitResource, ExpectBind};
use jid::{FullJid, NodePart};
use managing::{AwaitManagement, AwaitResumption, Bound, is_management};
use opening::{Encrypted, ExpectHeader, ExpectStartTls, Progress};
use registration::AwaitRegistrar;
use sasl2::Inline;
use std::sync::Arc;
use wire::Wire;

/// What carries a new stream.
#[derive(Debug)]
pub enum Transport {
    /// Bare TCP: STARTTLS is required (RFC 6120 section 5).
    Plain,
    /// TLS from the first byte (XEP-0368), its handshake done.
    Encrypted(ChannelBindings),
}

/// The outcome of a password check.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It is that user's password.
    Right,
    /// It is not, or there is no such user.
    Wrong,
    /// It could not be checked now: the client may try again later.
    Unavailable,
}

/// A stream of which we are the receiving entity. Feed it with [`receive`](Self::receive), take all
/// [events](Self::next_event), answer those that ask, and write what [`take_output`](Self::take_output) returns.
///
/// An answer that nobody asked for is ignored.
#[derive(Debug)]
pub struct Receiving {
    wire: Wire,
    state: State,
}

/// Where the stream is; each state holds what is known there.
#[derive(Debug)]
enum State {
    Header(ExpectHeader),
    StartTls(ExpectStartTls),
    /// `<proceed/>` was written: TLS takes over.
    Upgrade,
    Auth(ExpectAuth),
    Response(Box<ExpectResponse>),
    Keys(Box<AwaitKeys>),
    Verdict(Box<AwaitVerdict>),
    /// XEP-0445.
    Registrar(Box<AwaitRegistrar>),
    /// XEP-0388: what was asked for along with authentication is done.
    Inline(Box<Inline>),
    Bind(ExpectBind),
    Resource(AwaitResource),
    Resumption(AwaitResumption),
    Established(Bound),
    Management(AwaitManagement),
    /// The closing tag was written; the caller has not been told.
    Ending(Option<StreamError>),
    Closed,
}

/// The next state, or why the stream ends.
type Next = Result<State, StreamError>;

impl Receiving {
    /// A stream that expects the peer's header.
    pub fn new(options: Arc<Options>, transport: Transport) -> Receiving {
        let progress = match transport {
            Transport::Plain => Progress::Plain,
            Transport::Encrypted(bindings) => Progress::Encrypted(Encrypted::new(bindings)),
        };
        Receiving {
            wire: Wire::new(options),
            state: State::Header(ExpectHeader::new(progress)),
        }
    }

    /// Takes bytes from the peer. Take all events, and answer them, before the next call.
    pub fn receive(&mut self, bytes: &[u8]) {
        match self.state {
            // Whatever follows `<starttls/>` and is not TLS was injected (CVE-2011-0411).
            State::Upgrade | State::Ending(_) | State::Closed => {}
            _ => self.wire.feed(bytes),
        }
    }

    /// What happened next; `None` when the stream needs bytes, or an answer.
    pub fn next_event(&mut self) -> Option<Event> {
        loop {
            if let Some(event) = self.wire.take_event() {
                return Some(event);
            }
            match &self.state {
                State::Ending(_) => return self.end(),
                State::Inline(_) => {
                    self.step(|state, wire| state.inline(wire));
                    continue;
                }
                _ => {}
            }
            if !self.is_reading() {
                return None;
            }
            match (self.wire.parse(), &mut self.state) {
                (Ok(None), _) => return None,
                (Ok(Some(Parsed::Frame(frame))), State::Established(bound))
                    if !is_error(&frame) && !is_management(&frame) =>
                {
                    bound.count();
                    return Some(Event::Frame(frame));
                }
                (Ok(Some(parsed)), _) => self.step(|state, wire| state.parsed(parsed, wire)),
                (Err(error), _) => self.close(error.into()),
            }
        }
    }

    /// What is to be written, in order. Empty after the closing tag was taken.
    pub fn take_output(&mut self) -> Vec<u8> {
        self.wire.take_output()
    }

    /// Ends the stream with an error. Nothing is written in the middle of STARTTLS, nor when the stream has ended.
    pub fn close(&mut self, error: StreamError) {
        match std::mem::replace(&mut self.state, State::Closed) {
            State::Closed => {}
            State::Ending(first) => self.state = State::Ending(first),
            State::Upgrade => self.state = State::Ending(Some(error)),
            _ => {
                self.wire.write_end(Some(&error));
                self.state = State::Ending(Some(error));
            }
        }
    }

    /// Answers [`Event::StartTls`]: the handshake is done.
    pub fn encrypted(&mut self, bindings: ChannelBindings) {
        self.step(|state, wire| match state {
            State::Upgrade => Ok(opening::encrypted(bindings, wire)),
            state => Ok(state),
        });
    }

    /// Answers [`Event::Credentials`]; `None` when they cannot be had now.
    pub fn credentials(&mut self, keys: Option<ScramKeys>) {
        self.step(|state, wire| match state {
            State::Keys(state) => state.answered(keys, wire),
            state => Ok(state),
        });
    }

    /// Answers [`Event::CheckPassword`].
    pub fn password_checked(&mut self, verdict: Verdict) {
        self.step(|state, wire| match state {
            State::Verdict(state) => state.answered(verdict, wire),
            state => Ok(state),
        });
    }

    /// Lets the stream offer registration to the invited (XEP-0445). To be called before the header inside TLS comes.
    pub fn offer_registration(&mut self) {
        self.wire.set_invites();
    }

    /// Answers [`Event::CheckInvitation`]: `None` when it is not good, else the name that it promises, if any.
    pub fn invitation_checked(&mut self, found: Option<Option<NodePart>>) {
        self.step(|state, wire| match state {
            State::Registrar(state) => state.invitation(found, wire),
            state => Ok(state),
        });
    }

    /// Answers [`Event::Register`].
    pub fn registered(&mut self, outcome: Result<(), StanzaError>) {
        self.step(|state, wire| match state {
            State::Registrar(state) => state.registered(outcome, wire),
            state => Ok(state),
        });
    }

    /// Answers [`Event::Bind`] with the JID that was bound. Frames follow.
    pub fn bound(&mut self, jid: &FullJid) {
        self.step(|state, wire| match state {
            State::Resource(state) => Ok(state.bound(jid, wire)),
            state => Ok(state),
        });
    }

    /// Answers [`Event::Bind`]: no resource was bound; the client may ask again.
    pub fn bind_refused(&mut self, error: &StanzaError) {
        self.step(|state, wire| match state {
            State::Resource(state) => Ok(State::Bind(state.refused(error, wire))),
            state => Ok(state),
        });
    }

    /// Answers [`Event::Resume`]: the lost stream goes on here. `handled` counts the peer's stanzas that were handled on
    /// it, and `jid` is the resource that it has. Frames follow.
    pub fn resumed(&mut self, jid: &FullJid, handled: u32) {
        self.step(|state, wire| match state {
            State::Resumption(state) => Ok(State::Established(state.resumed(jid, handled, wire))),
            state => Ok(state),
        });
    }

    /// Answers [`Event::Resume`]: it cannot be resumed; the client may bind a resource instead. `handled` is the count of
    /// a stream that is remembered, but gone.
    pub fn resume_refused(&mut self, condition: stanza::Condition, handled: Option<u32>) {
        self.step(|state, wire| match state {
            State::Resumption(state) => Ok(state.refused(condition, handled, wire)),
            state => Ok(state),
        });
    }

    /// Answers [`Event::Enable`]: from here on both sides count. What is written after the output of this call is
    /// counted by the peer.
    pub fn enabled(&mut self, resumption: Option<&Resumption>) {
        self.step(|state, wire| match state {
            State::Management(state) => Ok(state.enabled(resumption, wire)),
            state => Ok(state),
        });
    }

    /// Answers [`Event::Enable`]: not now.
    pub fn enable_refused(&mut self, condition: stanza::Condition) {
        self.step(|state, wire| match state {
            State::Management(state) => Ok(state.refused(condition, wire)),
            state => Ok(state),
        });
    }

    /// Answers [`Event::AckRequested`], with the count at the time of the request or a later one.
    pub fn acknowledge(&mut self, handled: u32) {
        if self.handled().is_some() {
            self.wire.write(|writer, _| management::write_answer(writer, handled));
        }
    }

    /// Asks how many stanzas the peer has handled; [`Event::Acknowledged`] answers.
    pub fn request_acknowledgement(&mut self) {
        if self.handled().is_some() {
            self.wire.write(|writer, _| management::write_request(writer));
        }
    }

    /// Stanzas of the peer that became events since stream management was enabled, modulo 2^32; `None` while it is not.
    pub fn handled(&self) -> Option<u32> {
        match &self.state {
            State::Established(bound) => bound.handled(),
            State::Management(state) => state.handled(),
            _ => None,
        }
    }

    /// The `xml:lang` of the peer's current stream header: the default of its stanzas.
    pub fn lang(&self) -> Option<&str> {
        self.wire.lang()
    }

    /// Bytes received that are not yet part of an event. Zero between elements.
    pub fn pending(&self) -> usize {
        self.wire.pending()
    }

    /// Whether the parser's next find may be handled now.
    fn is_reading(&self) -> bool {
        !matches!(
            self.state,
            State::Upgrade
                | State::Keys(_)
                | State::Verdict(_)
                | State::Registrar(_)
                | State::Resource(_)
                | State::Resumption(_)
                | State::Management(_)
                | State::Closed
        )
    }

    fn step(&mut self, advance: impl FnOnce(State, &mut Wire) -> Next) {
        let state = std::mem::replace(&mut self.state, State::Closed);
        match advance(state, &mut self.wire) {
            Ok(next) => self.state = next,
            Err(error) => {
                self.wire.write_end(Some(&error));
                self.state = State::Ending(Some(error));
            }
        }
    }

    fn end(&mut self) -> Option<Event> {
        match std::mem::replace(&mut self.state, State::Closed) {
            State::Ending(error) => Some(Event::Closed(error)),
            _ => None,
        }
    }
}

impl State {
    /// What the parser found.
    fn parsed(self, parsed: Parsed, wire: &mut Wire) -> Next {
        match parsed {
            Parsed::Close => Ok(ended_by_peer(wire)),
            Parsed::Frame(frame) if is_error(&frame) => Ok(ended_by_peer(wire)),
            Parsed::Header(header) => match self {
                State::Header(state) => state.header(&header, wire),
                state => Ok(state),
            },
            Parsed::Frame(frame) => self.frame(&frame, wire),
        }
    }

    fn inline(self, wire: &mut Wire) -> Next {
        match self {
            State::Inline(state) => state.next(wire),
            state => Ok(state),
        }
    }

    fn frame(self, frame: &Frame, wire: &mut Wire) -> Next {
        match self {
            State::StartTls(state) => state.frame(frame, wire),
            State::Auth(state) => state.frame(frame, wire),
            State::Response(state) => state.frame(frame, wire),
            State::Bind(state) => state.frame(frame, wire),
            State::Established(state) => state.frame(frame, wire),
            state => Ok(state),
        }
    }
}

/// A stream error of the peer's (RFC 6120 section 4.9.1.1): it closes, and so do we.
fn is_error(frame: &Frame) -> bool {
    frame.ns() == STREAM && frame.name() == "error"
}

fn ended_by_peer(wire: &mut Wire) -> State {
    wire.write_end(None);
    State::Ending(None)
}

/// Whether a frame is this element.
fn is(frame: &Frame, name: &str, ns: &str) -> bool {
    frame.name() == name && frame.ns() == ns
}

/// Whether a frame is part of SASL negotiation, in either profile.
fn is_sasl(frame: &Frame) -> bool {
    [ns::SASL, ns::SASL2].contains(&frame.ns())
}

#[cfg(test)]
mod tests;
