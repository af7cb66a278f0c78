//! The Extensible SASL Profile (XEP-0388), and what is asked for along with it: a resource (XEP-0386, Bind 2).

use super::authentication::Profile;
use super::binding::{AwaitResource, ExpectBind};
use super::wire::Wire;
use super::{Next, State};
use crate::stanza::ns;
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
    bind: Option<Bind>,
}

#[derive(Debug)]
struct Bind {
    /// What the client calls itself; the resource begins with it.
    tag: Option<String>,
}

/// The opening of an exchange: the mechanism named, the first message, and how the exchange goes on.
pub(super) fn read(frame: &Frame) -> (Option<String>, Result<Option<Vec<u8>>, Failure>, Profile) {
    let element = frame.to_element();
    let message = element.get_child("initial-response", ns::SASL2).map(message);
    let request = Request {
        client: element.get_child("user-agent", ns::SASL2).and_then(client),
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
        Bind {
            tag: tag.filter(|tag| !tag.is_empty()),
        }
    }
}

/// Authenticated; what was asked for along with it comes before the success (XEP-0386 section "Performing the bind").
#[derive(Debug)]
pub(super) struct Inline {
    pub(super) authenticated: Authenticated,
    /// The mechanism's last message.
    pub(super) message: Option<String>,
    pub(super) request: Box<Request>,
}

impl Inline {
    /// Asks for what is to be done next, or ends in the success.
    pub(super) fn next(mut self, wire: &mut Wire) -> Next {
        let Some(bind) = self.request.bind.take() else {
            return Ok(State::Bind(self.unbound(wire)));
        };
        let resource = match bind.tag {
            Some(tag) => Some([&tag, "/", &random::token()?].concat()),
            None => None,
        };
        let client = self.request.client.take();
        wire.emit(Event::Bind { resource, client });
        Ok(State::Resource(AwaitResource::inline(self)))
    }

    /// The success without a resource. Resource binding, as RFC 6120 has it, is next: no restart of the stream comes
    /// between.
    pub(super) fn unbound(self, wire: &mut Wire) -> ExpectBind {
        wire.write(|writer, _| self.success(writer, self.authenticated.account().as_str(), |_| ()));
        ExpectBind::open(self.authenticated, wire)
    }

    /// The success with a resource, and the features of a bound stream.
    pub(super) fn bound(self, jid: &str, wire: &mut Wire) {
        wire.write(|writer, options| {
            self.success(writer, jid, |writer| {
                writer.open("bound").attr("xmlns", ns::BIND2).close();
            });
            features::bound(writer, options);
        });
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
