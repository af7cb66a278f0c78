//! SASL negotiation (RFC 6120 section 6).

use super::opening::{Encrypted, ExpectHeader, Progress};
use super::wire::Wire;
use super::{Next, State, Verdict, is, is_sasl};
use crate::stanza::ns;
use crate::stream::sasl::{self, Authenticated, plain, scram};
use crate::stream::{Condition, Event, Failure, Mechanism, ScramKeys, StreamError, features, random};
use crate::xml::Frame;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jid::NodePart;

/// Inside TLS, nobody yet. Failed exchanges come back here: the stream stays open for another (RFC 6120 section 6.4.5).
#[derive(Debug)]
pub(super) struct ExpectAuth {
    encrypted: Encrypted,
    offer: Vec<Mechanism>,
    exchanges: u32,
    wrong_credentials: u32,
}

/// A challenge was sent.
#[derive(Debug)]
pub(super) struct ExpectResponse {
    auth: ExpectAuth,
    exchange: Exchange,
}

#[derive(Debug)]
enum Exchange {
    /// The client began without its first message.
    Begun(Mechanism),
    Scram(Mechanism, Box<scram::ServerFirst>),
}

/// The caller looks up SCRAM keys.
#[derive(Debug)]
pub(super) struct AwaitKeys {
    auth: ExpectAuth,
    mechanism: Mechanism,
    first: scram::ClientFirst,
}

/// The caller checks a password.
#[derive(Debug)]
pub(super) struct AwaitVerdict {
    auth: ExpectAuth,
    request: plain::Request,
}

impl ExpectAuth {
    /// Offers the mechanisms that this connection can do.
    pub(super) fn open(encrypted: Encrypted, wire: &mut Wire) -> ExpectAuth {
        let mut offer = wire.options().mechanisms.clone();
        if encrypted.bindings().is_empty() {
            offer.retain(|mechanism| !mechanism.binds_channel());
        }
        wire.write(|writer, _| features::authentication(writer, &offer, encrypted.bindings()));
        ExpectAuth {
            encrypted,
            offer,
            exchanges: 0,
            wrong_credentials: 0,
        }
    }

    pub(super) fn frame(mut self, frame: &Frame, wire: &mut Wire) -> Next {
        if is_sasl(frame) {
            self.exchanges += 1;
            if self.exchanges > wire.options().exchanges_max {
                return Err(too_many());
            }
            return match frame.name() {
                "auth" => self.begin(frame, wire),
                _ => self.fail(None, Failure::MalformedRequest, wire),
            };
        }
        if is(frame, "starttls", ns::TLS) {
            // RFC 6120 section 5.4.2.2; TLS inside TLS was not offered.
            wire.write(|writer, _| {
                writer.open("failure").attr("xmlns", ns::TLS).close();
            });
            return Err(StreamError::new(Condition::PolicyViolation, "already encrypted"));
        }
        Err(Condition::NotAuthorized.into())
    }

    fn begin(self, frame: &Frame, wire: &mut Wire) -> Next {
        let name = frame.attr("mechanism");
        let mechanism = name.and_then(|name| self.offer.iter().find(|offered| offered.as_str() == name));
        let Some(&mechanism) = mechanism else {
            return self.fail(None, Failure::InvalidMechanism, wire);
        };
        match sasl::message(frame) {
            Ok(Some(message)) => self.first_message(mechanism, &message, wire),
            Ok(None) => {
                wire.write(|writer, _| {
                    writer.open("challenge").attr("xmlns", ns::SASL).close();
                });
                Ok(self.expect(Exchange::Begun(mechanism)))
            }
            Err(failure) => self.fail(None, failure, wire),
        }
    }

    fn first_message(self, mechanism: Mechanism, message: &[u8], wire: &mut Wire) -> Next {
        match mechanism {
            Mechanism::Plain => self.plain(message, wire),
            Mechanism::Scram { .. } => self.scram(mechanism, message, wire),
        }
    }

    fn plain(self, message: &[u8], wire: &mut Wire) -> Next {
        match plain::Request::parse(message, &wire.options().domain) {
            Ok((request, password)) => {
                let user = request.user().clone();
                wire.emit(Event::CheckPassword { user, password });
                Ok(State::Verdict(Box::new(AwaitVerdict { auth: self, request })))
            }
            Err(failure) => self.fail(None, failure, wire),
        }
    }

    fn scram(self, mechanism: Mechanism, message: &[u8], wire: &mut Wire) -> Next {
        let Mechanism::Scram { hash, channel_binding } = mechanism else {
            return self.fail(None, Failure::InvalidMechanism, wire);
        };
        let offer = scram::Offer {
            domain: &wire.options().domain,
            hash,
            channel_binding,
            binding_offered: self.offer.iter().any(|mechanism| mechanism.binds_channel()),
            bindings: self.encrypted.bindings(),
        };
        match scram::ClientFirst::parse(message, &offer) {
            Ok(first) => {
                let user = first.user().clone();
                wire.emit(Event::Credentials { user, hash });
                let auth = self;
                Ok(State::Keys(Box::new(AwaitKeys { auth, mechanism, first })))
            }
            Err(failure) => self.fail(None, failure, wire),
        }
    }

    fn expect(self, exchange: Exchange) -> State {
        State::Response(Box::new(ExpectResponse { auth: self, exchange }))
    }

    /// Tells the peer, and lets it try again within the limits.
    fn fail(mut self, user: Option<NodePart>, failure: Failure, wire: &mut Wire) -> Next {
        wire.write(|writer, _| failure.write(writer));
        wire.emit(Event::AuthenticationFailed { user, failure });
        self.wrong_credentials += u32::from(failure == Failure::NotAuthorized);
        match self.wrong_credentials < wire.options().wrong_credentials_max {
            true => Ok(State::Auth(self)),
            false => Err(too_many()),
        }
    }
}

impl ExpectResponse {
    pub(super) fn frame(self, frame: &Frame, wire: &mut Wire) -> Next {
        let user = self.exchange.user().cloned();
        if is(frame, "response", ns::SASL) {
            return match sasl::message(frame) {
                Ok(message) => self.response(&message.unwrap_or_default(), wire),
                Err(failure) => self.auth.fail(user, failure, wire),
            };
        }
        if is(frame, "abort", ns::SASL) {
            return self.auth.fail(user, Failure::Aborted, wire);
        }
        // A second <auth/> discards this exchange and begins another (RFC 6120 section 6.4.2); all else is as wrong as
        // without an exchange.
        self.auth.frame(frame, wire)
    }

    fn response(self, message: &[u8], wire: &mut Wire) -> Next {
        let (mechanism, server) = match self.exchange {
            Exchange::Begun(mechanism) => return self.auth.first_message(mechanism, message, wire),
            Exchange::Scram(mechanism, server) => (mechanism, server),
        };
        let user = server.user().clone();
        match server.finish(message) {
            Ok((authenticated, message)) => succeed(authenticated, mechanism, Some(message), wire),
            Err(failure) => self.auth.fail(Some(user), failure, wire),
        }
    }
}

impl Exchange {
    fn user(&self) -> Option<&NodePart> {
        match self {
            Exchange::Begun(_) => None,
            Exchange::Scram(_, server) => Some(server.user()),
        }
    }
}

impl AwaitKeys {
    pub(super) fn answered(self, keys: Option<ScramKeys>, wire: &mut Wire) -> Next {
        let Some(keys) = keys else {
            let user = self.first.user().clone();
            return self.auth.fail(Some(user), Failure::TemporaryAuthFailure, wire);
        };
        let (server, message) = self.first.challenge(keys, &random::token()?);
        wire.write(|writer, _| {
            writer.open("challenge").attr("xmlns", ns::SASL);
            writer.text(&STANDARD.encode(message)).close();
        });
        Ok(self.auth.expect(Exchange::Scram(self.mechanism, Box::new(server))))
    }
}

impl AwaitVerdict {
    pub(super) fn answered(self, verdict: Verdict, wire: &mut Wire) -> Next {
        let user = self.request.user().clone();
        let outcome = match verdict {
            Verdict::Right => self.request.checked(true),
            Verdict::Wrong => self.request.checked(false),
            Verdict::Unavailable => Err(Failure::TemporaryAuthFailure),
        };
        match outcome {
            Ok(authenticated) => succeed(authenticated, Mechanism::Plain, None, wire),
            Err(failure) => self.auth.fail(Some(user), failure, wire),
        }
    }
}

/// RFC 6120 section 6.4.5.
fn too_many() -> StreamError {
    StreamError::new(Condition::PolicyViolation, "too many attempts")
}

/// The stream restarts, and nothing that came before the success belongs to the new one (RFC 6120 section 6.4.6).
fn succeed(authenticated: Authenticated, mechanism: Mechanism, message: Option<String>, wire: &mut Wire) -> Next {
    if !wire.is_quiet() {
        return Err(StreamError::new(Condition::PolicyViolation, "data before success"));
    }
    wire.write(|writer, _| {
        writer.open("success").attr("xmlns", ns::SASL);
        if let Some(message) = message {
            writer.text(&STANDARD.encode(message));
        }
        writer.close();
    });
    wire.restart(|options| options.limits_authenticated);
    let account = authenticated.account().clone();
    wire.emit(Event::Authenticated { account, mechanism });
    Ok(State::Header(ExpectHeader::new(Progress::Authenticated(authenticated))))
}
