//! Headers and STARTTLS (RFC 6120 sections 4.2 to 5).

use super::authentication::ExpectAuth;
use super::binding::ExpectBind;
use super::wire::Wire;
use super::{Next, State, is, is_sasl};
use crate::stanza::{ns, parse_jid};
use crate::stream::sasl::{Authenticated, ChannelBindings};
use crate::stream::{Condition, Event, Failure, StreamError, features, header};
use crate::xml::{Frame, Header};

/// The evidence that the stream runs inside TLS.
#[derive(Debug)]
pub(super) struct Encrypted {
    bindings: ChannelBindings,
}

impl Encrypted {
    pub(super) fn new(bindings: ChannelBindings) -> Encrypted {
        Encrypted { bindings }
    }

    pub(super) fn bindings(&self) -> &ChannelBindings {
        &self.bindings
    }
}

/// How far the peer has come: what the next header opens.
#[derive(Debug)]
pub(super) enum Progress {
    Plain,
    Encrypted(Encrypted),
    Authenticated(Authenticated),
}

/// The peer opens a stream.
#[derive(Debug)]
pub(super) struct ExpectHeader {
    progress: Progress,
}

impl ExpectHeader {
    pub(super) fn new(progress: Progress) -> ExpectHeader {
        ExpectHeader { progress }
    }

    pub(super) fn header(self, header: &Header, wire: &mut Wire) -> Next {
        let from = header.from.as_deref().and_then(parse_jid);
        wire.write_header(from.as_ref())?;
        header::check(header, wire.options())?;
        wire.set_lang(header::lang(header));
        match self.progress {
            Progress::Plain => {
                wire.write(|writer, _| features::starttls(writer));
                Ok(State::StartTls(ExpectStartTls::default()))
            }
            Progress::Encrypted(encrypted) => {
                let from = header::claimed(from, wire.options())?;
                Ok(State::Auth(ExpectAuth::open(encrypted, from, wire)))
            }
            Progress::Authenticated(authenticated) => Ok(State::Bind(ExpectBind::open(authenticated, wire))),
        }
    }
}

/// Before TLS.
#[derive(Debug, Default)]
pub(super) struct ExpectStartTls {
    refused: u32,
}

impl ExpectStartTls {
    pub(super) fn frame(mut self, frame: &Frame, wire: &mut Wire) -> Next {
        if is(frame, "starttls", ns::TLS) {
            return starttls(wire);
        }
        if is_sasl(frame) {
            self.refused += 1;
            wire.write(|writer, _| Failure::EncryptionRequired.write(writer, frame.ns()));
            return match self.refused < wire.options().exchanges_max {
                true => Ok(State::StartTls(self)),
                false => Err(StreamError::new(Condition::PolicyViolation, "use STARTTLS")),
            };
        }
        Err(StreamError::new(Condition::PolicyViolation, "use STARTTLS"))
    }
}

/// Bytes that came with `<starttls/>` are not carried over into TLS, and whoever sends them is up to something
/// (CVE-2011-0411).
fn starttls(wire: &mut Wire) -> Next {
    if !wire.is_quiet() {
        return Err(StreamError::new(Condition::PolicyViolation, "data after starttls"));
    }
    wire.write(|writer, _| {
        writer.open("proceed").attr("xmlns", ns::TLS).close();
    });
    wire.emit(Event::StartTls);
    Ok(State::Upgrade)
}

/// The handshake is done: everything begins anew.
pub(super) fn encrypted(bindings: ChannelBindings, wire: &mut Wire) -> State {
    wire.restart(|options| options.limits_before_authentication);
    State::Header(ExpectHeader::new(Progress::Encrypted(Encrypted::new(bindings))))
}
