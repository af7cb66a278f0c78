//! SASL negotiation (RFC 6120 section 6, XEP-0388).

use super::managing::refuse;
use super::opening::{Encrypted, ExpectHeader, Progress};
use super::registration::{self, Invited};
use super::sasl2::{self, Inline};
use super::wire::Wire;
use super::{Next, State, Verdict, is, is_sasl};
use crate::stanza::{self, ns};
use crate::stream::sasl::{self, Authenticated, plain, scram};
use crate::stream::{Condition, Event, Failure, Mechanism, ScramKeys, StreamError, features, random};
use crate::xml::Frame;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jid::{BareJid, NodePart};

/// Inside TLS, nobody yet. Failed exchanges come back here, of whichever profile: the stream stays open for another (RFC
/// 6120 section 6.4.5).
#[derive(Debug)]
pub(super) struct ExpectAuth {
    encrypted: Encrypted,
    offer: Vec<Mechanism>,
    /// Whom the peer's header named.
    from: Option<BareJid>,
    /// An invitation was shown: an account may be made.
    pub(super) invited: Option<Invited>,
    exchanges: u32,
    wrong_credentials: u32,
}

/// How an exchange is written, and what follows it.
#[derive(Debug)]
pub(super) enum Profile {
    /// RFC 6120 section 6: a new stream.
    Sasl,
    /// XEP-0388: what was asked for with it, on the same stream.
    Sasl2(Box<sasl2::Request>),
}

/// A challenge was sent.
#[derive(Debug)]
pub(super) struct ExpectResponse {
    auth: ExpectAuth,
    profile: Profile,
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
    profile: Profile,
    mechanism: Mechanism,
    first: scram::ClientFirst,
}

/// The caller checks a password.
#[derive(Debug)]
pub(super) struct AwaitVerdict {
    auth: ExpectAuth,
    profile: Profile,
    request: plain::Request,
}

impl Profile {
    fn ns(&self) -> &'static str {
        match self {
            Profile::Sasl => ns::SASL,
            Profile::Sasl2(_) => ns::SASL2,
        }
    }

    fn response(&self, frame: &Frame) -> Result<Vec<u8>, Failure> {
        match self {
            Profile::Sasl => sasl::message(frame).map(Option::unwrap_or_default),
            Profile::Sasl2(_) => sasl2::message(&frame.to_element()),
        }
    }
}

impl ExpectAuth {
    /// Offers the mechanisms that this connection can do. `from` is whom the peer's header named.
    pub(super) fn open(encrypted: Encrypted, from: Option<BareJid>, wire: &mut Wire) -> ExpectAuth {
        let mut offer = wire.options().mechanisms.clone();
        if encrypted.bindings().is_empty() {
            offer.retain(|mechanism| !mechanism.binds_channel());
        }
        let invites = wire.invites();
        wire.write(|writer, options| {
            features::authentication(writer, options, &offer, encrypted.bindings(), invites);
        });
        ExpectAuth {
            encrypted,
            offer,
            from,
            invited: None,
            exchanges: 0,
            wrong_credentials: 0,
        }
    }

    pub(super) fn frame(mut self, frame: &Frame, wire: &mut Wire) -> Next {
        let request = registration::request(frame, wire.options().domain.as_str());
        if is_sasl(frame) || request.is_some() {
            self.exchanges += 1;
            if self.exchanges > wire.options().exchanges_max {
                return Err(too_many());
            }
        }
        if let Some((stanza, payload)) = request {
            return self.register(&stanza, &payload, wire);
        }
        if is_sasl(frame) {
            return match (frame.ns(), frame.name()) {
                (ns::SASL, "auth") => {
                    let mechanism = frame.attr("mechanism").map(|name| name.into_owned());
                    self.begin(mechanism, sasl::message(frame), Profile::Sasl, wire)
                }
                (ns::SASL2, "authenticate") => {
                    let (mechanism, message, profile) = sasl2::read(frame);
                    self.begin(mechanism, message, profile, wire)
                }
                (ns, _) => self.fail(ns, None, Failure::MalformedRequest, wire),
            };
        }
        if frame.ns() == ns::SM {
            // XEP-0198 section 3: not before authentication. It counts as an attempt, so that there is an end to it.
            self.exchanges += 1;
            refuse(wire, stanza::Condition::UnexpectedRequest, None);
            return match self.exchanges < wire.options().exchanges_max {
                true => Ok(State::Auth(self)),
                false => Err(too_many()),
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

    fn begin(
        self,
        mechanism: Option<String>,
        message: Result<Option<Vec<u8>>, Failure>,
        profile: Profile,
        wire: &mut Wire,
    ) -> Next {
        let named = |offered: &&Mechanism| Some(offered.as_str()) == mechanism.as_deref();
        let Some(&mechanism) = self.offer.iter().find(named) else {
            return self.fail(profile.ns(), None, Failure::InvalidMechanism, wire);
        };
        match message {
            Ok(Some(message)) => self.first_message(mechanism, &message, profile, wire),
            Ok(None) => {
                wire.write(|writer, _| {
                    writer.open("challenge").attr("xmlns", profile.ns()).close();
                });
                Ok(self.expect(profile, Exchange::Begun(mechanism)))
            }
            Err(failure) => self.fail(profile.ns(), None, failure, wire),
        }
    }

    fn first_message(self, mechanism: Mechanism, message: &[u8], profile: Profile, wire: &mut Wire) -> Next {
        match mechanism {
            Mechanism::Plain => self.plain(message, profile, wire),
            Mechanism::Scram { .. } => self.scram(mechanism, message, profile, wire),
        }
    }

    fn plain(self, message: &[u8], profile: Profile, wire: &mut Wire) -> Next {
        let parsed = plain::Request::parse(message, &wire.options().domain);
        let parsed = parsed.and_then(|(request, password)| {
            self.check_header(request.authorization(), &profile)?;
            Ok((request, password))
        });
        match parsed {
            Ok((request, password)) => {
                let user = request.user().clone();
                wire.emit(Event::CheckPassword { user, password });
                let auth = self;
                Ok(State::Verdict(Box::new(AwaitVerdict { auth, profile, request })))
            }
            Err(failure) => self.fail(profile.ns(), None, failure, wire),
        }
    }

    fn scram(self, mechanism: Mechanism, message: &[u8], profile: Profile, wire: &mut Wire) -> Next {
        let Mechanism::Scram { hash, channel_binding } = mechanism else {
            return self.fail(profile.ns(), None, Failure::InvalidMechanism, wire);
        };
        let offer = scram::Offer {
            domain: &wire.options().domain,
            hash,
            channel_binding,
            binding_offered: self.offer.iter().any(|mechanism| mechanism.binds_channel()),
            bindings: self.encrypted.bindings(),
        };
        let parsed = scram::ClientFirst::parse(message, &offer).and_then(|first| {
            self.check_header(first.authorization(), &profile)?;
            // Both profiles offer the same mechanisms, so both are protected by the same hash.
            Ok(first.protect(&scram::advertised(&self.offer, self.encrypted.bindings())))
        });
        match parsed {
            Ok(first) => {
                let user = first.user().clone();
                wire.emit(Event::Credentials { user, hash });
                Ok(State::Keys(Box::new(AwaitKeys {
                    auth: self,
                    profile,
                    mechanism,
                    first,
                })))
            }
            Err(failure) => self.fail(profile.ns(), None, failure, wire),
        }
    }

    /// XEP-0388 section 2.2: an authorization identity that is not whom the stream header named fails.
    fn check_header(&self, authorization: Option<&BareJid>, profile: &Profile) -> Result<(), Failure> {
        match (profile, authorization, &self.from) {
            (Profile::Sasl2(_), Some(account), Some(from)) if account != from => Err(Failure::InvalidAuthzid),
            _ => Ok(()),
        }
    }

    fn expect(self, profile: Profile, exchange: Exchange) -> State {
        State::Response(Box::new(ExpectResponse {
            auth: self,
            profile,
            exchange,
        }))
    }

    /// Tells the peer, in its profile's namespace, and lets it try again within the limits.
    fn fail(self, ns: &str, user: Option<NodePart>, failure: Failure, wire: &mut Wire) -> Next {
        wire.write(|writer, _| failure.write(writer, ns));
        wire.emit(Event::AuthenticationFailed { user, failure });
        match failure {
            Failure::NotAuthorized => self.guessed_wrong(wire),
            _ => Ok(State::Auth(self)),
        }
    }

    /// A wrong password, or a wrong invitation.
    pub(super) fn guessed_wrong(mut self, wire: &Wire) -> Next {
        self.wrong_credentials += 1;
        match self.wrong_credentials < wire.options().wrong_credentials_max {
            true => Ok(State::Auth(self)),
            false => Err(too_many()),
        }
    }
}

impl ExpectResponse {
    pub(super) fn frame(self, frame: &Frame, wire: &mut Wire) -> Next {
        let user = self.exchange.user().cloned();
        let ns = self.profile.ns();
        if is(frame, "response", ns) {
            return match self.profile.response(frame) {
                Ok(message) => self.response(&message, wire),
                Err(failure) => self.auth.fail(ns, user, failure, wire),
            };
        }
        if is(frame, "abort", ns) {
            return self.auth.fail(ns, user, Failure::Aborted, wire);
        }
        match self.profile {
            // A second <auth/> discards this exchange and begins another (RFC 6120 section 6.4.2); all else is as wrong
            // as without an exchange.
            Profile::Sasl => self.auth.frame(frame, wire),
            // XEP-0388 section 2.4: the client is disconnected.
            Profile::Sasl2(_) => Err(Condition::NotAuthorized.into()),
        }
    }

    fn response(self, message: &[u8], wire: &mut Wire) -> Next {
        let (mechanism, server) = match self.exchange {
            Exchange::Begun(mechanism) => return self.auth.first_message(mechanism, message, self.profile, wire),
            Exchange::Scram(mechanism, server) => (mechanism, server),
        };
        let user = server.user().clone();
        match server.finish(message) {
            Ok((authenticated, message)) => succeed(authenticated, mechanism, Some(message), self.profile, wire),
            Err(failure) => self.auth.fail(self.profile.ns(), Some(user), failure, wire),
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
            let ns = self.profile.ns();
            return self.auth.fail(ns, Some(user), Failure::TemporaryAuthFailure, wire);
        };
        let (server, message) = self.first.challenge(keys, &random::token()?);
        wire.write(|writer, _| {
            writer.open("challenge").attr("xmlns", self.profile.ns());
            writer.text(&STANDARD.encode(message)).close();
        });
        let exchange = Exchange::Scram(self.mechanism, Box::new(server));
        Ok(self.auth.expect(self.profile, exchange))
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
            Ok(authenticated) => succeed(authenticated, Mechanism::Plain, None, self.profile, wire),
            Err(failure) => self.auth.fail(self.profile.ns(), Some(user), failure, wire),
        }
    }
}

/// RFC 6120 section 6.4.5.
fn too_many() -> StreamError {
    StreamError::new(Condition::PolicyViolation, "too many attempts")
}

/// The one way past authentication. Nothing that came before the success belongs to what follows it (RFC 6120 section
/// 6.4.6, XEP-0388 section 2.3).
fn succeed(
    authenticated: Authenticated,
    mechanism: Mechanism,
    message: Option<String>,
    profile: Profile,
    wire: &mut Wire,
) -> Next {
    if !wire.is_quiet() {
        return Err(StreamError::new(Condition::PolicyViolation, "data before success"));
    }
    let account = authenticated.account().clone();
    wire.emit(Event::Authenticated { account, mechanism });
    match profile {
        Profile::Sasl => {
            restart(message, wire);
            Ok(State::Header(ExpectHeader::new(Progress::Authenticated(authenticated))))
        }
        Profile::Sasl2(request) => {
            wire.go_on(|options| options.limits_authenticated);
            Ok(State::Inline(Box::new(Inline::new(authenticated, message, request))))
        }
    }
}

/// The success, and the stream begins anew.
fn restart(message: Option<String>, wire: &mut Wire) {
    wire.write(|writer, _| {
        writer.open("success").attr("xmlns", ns::SASL);
        if let Some(message) = message {
            writer.text(&STANDARD.encode(message));
        }
        writer.close();
    });
    wire.restart(|options| options.limits_authenticated);
}
