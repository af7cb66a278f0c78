//! Resource binding (RFC 6120 section 7), and the same as part of authentication (XEP-0386).

use super::managing::{AwaitResumption, Bound, refuse};
use super::sasl2::Inline;
use super::wire::Wire;
use super::{Next, State, is};
use crate::stanza::{self, IqType, Stanza, StanzaError, ns};
use crate::stream::sasl::Authenticated;
use crate::stream::{Condition, Event, features};
use crate::xml::{CLIENT, Frame, Writer};
use jid::FullJid;

/// Authenticated; a resource must be bound before anything else.
#[derive(Debug)]
pub(super) struct ExpectBind {
    authenticated: Authenticated,
}

/// The caller binds a resource.
#[derive(Debug)]
pub(super) enum AwaitResource {
    /// An iq waits for its result.
    Asked {
        authenticated: Authenticated,
        id: Option<String>,
    },
    /// The success of the authentication waits.
    Inline(Box<Inline>),
}

impl ExpectBind {
    pub(super) fn open(authenticated: Authenticated, wire: &mut Wire) -> ExpectBind {
        wire.write(features::authenticated);
        ExpectBind { authenticated }
    }

    /// Nothing was bound: the client may try again.
    pub(super) fn again(authenticated: Authenticated) -> ExpectBind {
        ExpectBind { authenticated }
    }

    pub(super) fn into_authenticated(self) -> Authenticated {
        self.authenticated
    }

    pub(super) fn frame(self, frame: &Frame, wire: &mut Wire) -> Next {
        if is(frame, "resume", ns::SM) {
            return Ok(AwaitResumption::open(self, frame, wire));
        }
        if is(frame, "enable", ns::SM) {
            // XEP-0198 section 3: not before a resource is bound.
            refuse(wire, stanza::Condition::UnexpectedRequest, None);
            return Ok(State::Bind(self));
        }
        if !is(frame, "iq", CLIENT) {
            return Err(Condition::NotAuthorized.into());
        }
        let Ok(stanza) = Stanza::new(frame.clone()) else {
            return Err(Condition::NotAuthorized.into());
        };
        match (stanza.iq_type(), requested(frame)) {
            (Some(IqType::Set), Some(resource)) => Ok(self.ask(stanza.id(), resource, wire)),
            (Some(IqType::Get | IqType::Set), _) => {
                self.refuse(&stanza, wire);
                Ok(State::Bind(self))
            }
            _ => Err(Condition::NotAuthorized.into()),
        }
    }

    fn ask(self, id: Option<String>, resource: Option<String>, wire: &mut Wire) -> State {
        wire.emit(Event::Bind {
            resource,
            client: None,
            carbons: false,
        });
        let authenticated = self.authenticated;
        State::Resource(AwaitResource::Asked { authenticated, id })
    }

    /// An iq that is not a bind request (RFC 6120 section 7.1).
    fn refuse(&self, stanza: &Stanza, wire: &mut Wire) {
        let error = stanza::Condition::NotAuthorized.into();
        let reply = stanza::error_reply(stanza, self.authenticated.account().as_str(), &error);
        wire.write(|writer, _| {
            writer.element(&reply, CLIENT);
        });
    }
}

/// The resource that a bind request names; `Some(None)` for a request that leaves it to the server.
fn requested(frame: &Frame) -> Option<Option<String>> {
    let mut children = frame.children();
    let (child, None) = (children.next()?, children.next()) else {
        return None;
    };
    (child.name == "bind" && child.ns == ns::BIND).then_some(())?;
    let bind = frame.child_element(0)?;
    let resource = bind.get_child("resource", ns::BIND).map(|resource| resource.text());
    Some(resource.filter(|resource| !resource.is_empty()))
}

impl AwaitResource {
    pub(super) fn inline(inline: Inline) -> AwaitResource {
        AwaitResource::Inline(Box::new(inline))
    }

    pub(super) fn bound(self, jid: &FullJid, wire: &mut Wire) -> State {
        match self {
            AwaitResource::Asked { id, .. } => {
                reply("result", id.as_deref(), wire, |writer| {
                    writer.open("bind").attr("xmlns", ns::BIND);
                    writer.open("jid").text(jid.as_str()).close();
                    writer.close();
                });
                State::Established(Bound::new(None))
            }
            AwaitResource::Inline(inline) => inline.bound(jid.as_str(), wire),
        }
    }

    /// The client may ask again, by an iq: who is authenticated stays so.
    pub(super) fn refused(self, error: &StanzaError, wire: &mut Wire) -> ExpectBind {
        match self {
            AwaitResource::Asked { authenticated, id } => {
                reply("error", id.as_deref(), wire, |writer| {
                    writer.element(&error.to_element(), CLIENT);
                });
                ExpectBind { authenticated }
            }
            AwaitResource::Inline(inline) => inline.unbound(wire),
        }
    }
}

fn reply(kind: &str, id: Option<&str>, wire: &mut Wire, payload: impl FnOnce(&mut Writer)) {
    wire.write(|writer, _| {
        writer.open("iq").attr("type", kind);
        if let Some(id) = id {
            writer.attr("id", id);
        }
        payload(writer);
        writer.close();
    });
}
