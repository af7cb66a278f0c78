//! The Extensible SASL Profile (XEP-0388), and what is asked for along with it: a resource (XEP-0386, Bind 2) with stream
//! management (XEP-0198) and client state (XEP-0352), or the session of a stream that was lost.

use super::authentication::Profile;
use super::binding::{AwaitResource, ExpectBind};
use super::managing::{AwaitManagement, AwaitResumption, Bound};
use super::wire::Wire;
use super::{Next, State};
use crate::stanza::{Condition, ns};
use crate::stream::management::{self, Enable, Resume, Resumption};
use crate::stream::sasl::{self, Authenticated};
use crate::stream::{Event, Failure, features, random};
use crate::xml::{Element, Frame, Writer};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

/// Bytes of a user agent's id: it must be a UUID.
const CLIENT_BYTES: usize = 36;

/// What an `<authenticate/>` asks for besides authentication.
#[derive(Debug)]
pub(super) struct Request {
    /// The id of the client's installation (XEP-0388 section 2.2).
    client: Option<String>,
    /// `Some(None)`: what was sent cannot be understood.
    resume: Option<Option<Resume>>,
    bind: Option<Bind>,
}

#[derive(Debug)]
struct Bind {
    /// What the client calls itself; the resource begins with it.
    tag: Option<String>,
    features: Features,
}

/// What a resource is to have from its first moment.
#[derive(Debug, Default)]
struct Features {
    /// `Some(None)`: what was sent cannot be understood.
    enable: Option<Option<Enable>>,
    /// Whether anybody looks at the client.
    active: Option<bool>,
    /// Whether it gets copies of what the account's other resources send and receive (XEP-0280).
    carbons: bool,
}

/// The opening of an exchange: the mechanism named, the first message, and how the exchange goes on.
pub(super) fn read(frame: &Frame) -> (Option<String>, Result<Option<Vec<u8>>, Failure>, Profile) {
    let element = frame.to_element();
    let message = element.get_child("initial-response", ns::SASL2).map(message);
    let request = Request {
        client: element.get_child("user-agent", ns::SASL2).and_then(client),
        resume: element.get_child("resume", ns::SM).map(Resume::parse),
        bind: element.get_child("bind", ns::BIND2).map(Bind::read),
    };
    let mechanism = element.attr("mechanism").map(str::to_owned);
    (mechanism, message.transpose(), Profile::Sasl2(Box::new(request)))
}

/// The message in an `<initial-response/>` or `<response/>`: without text it is an empty one.
pub(super) fn message(element: &Element) -> Result<Vec<u8>, Failure> {
    match element.children().next() {
        Some(_) => Err(Failure::MalformedRequest),
        None => sasl::decode(&element.text()),
    }
}

/// Other clients' ids are worth nothing, so a wrong one is as good as none.
fn client(user_agent: &Element) -> Option<String> {
    let id = user_agent.attr("id")?;
    let is_uuid = id.len() == CLIENT_BYTES && id.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b'-');
    is_uuid.then(|| id.to_ascii_lowercase())
}

impl Bind {
    fn read(bind: &Element) -> Bind {
        let tag = bind.get_child("tag", ns::BIND2).map(Element::text);
        let state = |name: &str, active: bool| bind.has_child(name, ns::CSI).then_some(active);
        Bind {
            tag: tag.filter(|tag| !tag.is_empty()),
            features: Features {
                enable: bind.get_child("enable", ns::SM).map(Enable::parse),
                active: state("inactive", false).or_else(|| state("active", true)),
                carbons: bind.has_child("enable", ns::CARBONS),
            },
        }
    }
}

/// Authenticated; what was asked for along with it comes before the success (XEP-0386 section "Performing the bind").
#[derive(Debug)]
pub(super) struct Inline {
    authenticated: Authenticated,
    /// The mechanism's last message.
    message: Option<String>,
    request: Box<Request>,
    /// What the resource is to have.
    features: Features,
    /// Why there was nothing to resume.
    failed: Option<(Condition, Option<u32>)>,
}

impl Inline {
    pub(super) fn new(authenticated: Authenticated, message: Option<String>, request: Box<Request>) -> Inline {
        Inline {
            authenticated,
            message,
            request,
            features: Features::default(),
            failed: None,
        }
    }

    /// Asks for what is to be done next, or ends in the success. A session that was resumed has its resource: what was
    /// asked for a new one is then ignored.
    pub(super) fn next(mut self, wire: &mut Wire) -> Next {
        match self.request.resume.take() {
            Some(Some(resume)) => {
                let previd = resume.previd.clone();
                wire.emit(Event::Resume(resume));
                return Ok(State::Resumption(AwaitResumption::inline(self, previd)));
            }
            Some(None) => self.failed = Some((Condition::BadRequest, None)),
            None => {}
        }
        let Some(bind) = self.request.bind.take() else {
            return Ok(State::Bind(self.unbound(wire)));
        };
        let resource = match bind.tag {
            Some(tag) => Some([&tag, "/", &random::token()?].concat()),
            None => None,
        };
        self.features = bind.features;
        wire.emit(Event::Bind {
            resource,
            client: self.request.client.take(),
            carbons: self.features.carbons,
        });
        Ok(State::Resource(AwaitResource::inline(self)))
    }

    /// The lost stream goes on: the success, with the full JID, since a resource is bound (XEP-0388 section "Success"), and the
    /// features of a bound stream.
    pub(super) fn resumed(self, jid: &str, previd: &str, handled: u32, wire: &mut Wire) {
        wire.write(|writer, options| {
            self.success(writer, jid, |writer| {
                management::write_resumed(writer, previd, handled);
            });
            features::bound(writer, options, true);
        });
    }

    /// Nothing to resume: a resource is next, if one was asked for.
    pub(super) fn not_resumed(mut self, condition: Condition, handled: Option<u32>) -> Inline {
        self.failed = Some((condition, handled));
        self
    }

    /// The success without a resource. Resource binding, as RFC 6120 has it, is next: no restart of the stream comes
    /// between.
    pub(super) fn unbound(self, wire: &mut Wire) -> ExpectBind {
        wire.write(|writer, _| {
            self.success(writer, self.authenticated.account().as_str(), |writer| {
                self.write_failed(writer);
            });
        });
        ExpectBind::open(self.authenticated, wire)
    }

    /// A resource is bound: stream management first, if it was asked for, since the success tells of it.
    pub(super) fn bound(mut self, jid: &str, wire: &mut Wire) -> State {
        match self.features.enable.take() {
            Some(Some(enable)) => {
                wire.emit(Event::Enable(enable));
                State::Management(AwaitManagement::inline(self, jid))
            }
            Some(None) => self.established(jid, Some(Err(Condition::BadRequest)), wire),
            None => self.established(jid, None, wire),
        }
    }

    /// The success with a resource, and the features of a bound stream.
    pub(super) fn established(
        self,
        jid: &str,
        management: Option<Result<Option<&Resumption>, Condition>>,
        wire: &mut Wire,
    ) -> State {
        let handled = matches!(management, Some(Ok(_))).then_some(0);
        wire.write(|writer, options| {
            self.success(writer, jid, |writer| {
                self.write_failed(writer);
                writer.open("bound").attr("xmlns", ns::BIND2);
                match management {
                    Some(Ok(resumption)) => management::write_enabled(writer, resumption),
                    Some(Err(condition)) => management::write_failed(writer, condition, None),
                    None => {}
                }
                writer.close();
            });
            features::bound(writer, options, handled.is_some());
        });
        if let Some(active) = self.features.active {
            wire.emit(Event::ClientState { active });
        }
        State::Established(Bound::new(handled))
    }

    fn write_failed(&self, writer: &mut Writer) {
        if let Some((condition, handled)) = self.failed {
            management::write_failed(writer, condition, handled);
        }
    }

    fn success(&self, writer: &mut Writer, authorization: &str, results: impl FnOnce(&mut Writer)) {
        writer.open("success").attr("xmlns", ns::SASL2);
        if let Some(message) = &self.message {
            writer.open("additional-data").text(&STANDARD.encode(message)).close();
        }
        writer.open("authorization-identifier").text(authorization).close();
        results(writer);
        writer.close();
    }
}
