//! Registration before authentication: by invitation alone (XEP-0445 on XEP-0077).
//!
//! Whoever shows no good invitation learns nothing: neither which names are taken, nor what else may be wrong.

use super::authentication::ExpectAuth;
use super::wire::Wire;
use super::{Next, State, is};
use crate::stanza::registration::{Registration, form};
use crate::stanza::{Condition, IqType, Stanza, StanzaError, ns};
use crate::stream::{Event, Password, Secret};
use crate::xml::{CLIENT, Element, Frame};
use jid::NodePart;

/// The evidence that a good invitation was shown.
#[derive(Clone, Debug)]
pub(super) struct Invited {
    token: Secret,
    /// The name that is promised.
    name: Option<NodePart>,
}

/// The caller looks at an invitation, or makes an account.
#[derive(Debug)]
pub(super) struct AwaitRegistrar {
    auth: ExpectAuth,
    id: String,
    question: Question,
}

#[derive(Debug)]
enum Question {
    Invitation(Secret),
    Account,
}

/// The request in a frame, if it is one for this server: its iq and its payload.
pub(super) fn request(frame: &Frame, domain: &str) -> Option<(Stanza, Element)> {
    let mut children = frame.children();
    let (child, None) = (children.next()?, children.next()) else {
        return None;
    };
    let is_ours = matches!((child.name, child.ns), ("query", ns::REGISTER) | ("preauth", ns::PARS));
    if !is(frame, "iq", CLIENT) || !is_ours {
        return None;
    }
    let stanza = Stanza::new(frame.clone()).ok()?;
    stanza
        .to
        .as_ref()
        .is_none_or(|to| to.as_str() == domain)
        .then_some(())?;
    let is_request = matches!(stanza.iq_type(), Some(IqType::Get | IqType::Set));
    (is_request && stanza.id().is_some()).then_some(())?;
    Some((stanza, frame.child_element(0)?))
}

impl ExpectAuth {
    pub(super) fn register(self, stanza: &Stanza, payload: &Element, wire: &mut Wire) -> Next {
        let id = stanza.id().unwrap_or_default();
        match (stanza.iq_type(), payload.name()) {
            (Some(IqType::Set), "preauth") => {
                let token = Secret::new(payload.attr("token").unwrap_or_default().to_owned());
                wire.emit(Event::CheckInvitation { token: token.clone() });
                Ok(self.ask(id, Question::Invitation(token)))
            }
            (Some(IqType::Get), "query") => {
                let answer = self.invited().map(|invited| Some(invited.form()));
                reply(&id, answer, wire);
                Ok(State::Auth(self))
            }
            (Some(IqType::Set), "query") => match self.invited().and_then(|invited| invited.account(payload)) {
                Ok(event) => {
                    wire.emit(event);
                    Ok(self.ask(id, Question::Account))
                }
                Err(error) => {
                    reply(&id, Err(error), wire);
                    Ok(State::Auth(self))
                }
            },
            _ => {
                reply(&id, Err(Condition::BadRequest.into()), wire);
                Ok(State::Auth(self))
            }
        }
    }

    fn ask(self, id: String, question: Question) -> State {
        State::Registrar(Box::new(AwaitRegistrar {
            auth: self,
            id,
            question,
        }))
    }

    fn invited(&self) -> Result<&Invited, StanzaError> {
        let uninvited = || StanzaError::new(Condition::NotAllowed, "Accounts are made by invitation");
        self.invited.as_ref().ok_or_else(uninvited)
    }
}

impl Invited {
    fn form(&self) -> Element {
        form(self.name.as_ref().map(|name| name.as_str()))
    }

    /// The question whether the account that is asked for can be made.
    fn account(&self, query: &Element) -> Result<Event, StanzaError> {
        let Registration::Account { username, password } = Registration::read(query)? else {
            // Nobody is anybody yet, whose account could be removed.
            return Err(Condition::NotAllowed.into());
        };
        let unusable = |text: &'static str| StanzaError::new(Condition::NotAcceptable, text);
        let user = NodePart::new(&username).map_err(|_| unusable("This name cannot be used"))?;
        if self.name.as_ref().is_some_and(|name| name.as_str() != user.as_str()) {
            return Err(unusable("The invitation is for another name"));
        }
        Ok(Event::Register {
            token: self.token.clone(),
            user: user.into_owned(),
            password: Password::new(password),
        })
    }
}

impl AwaitRegistrar {
    /// The invitation is good, for this name or any; or not.
    pub(super) fn invitation(mut self, found: Option<Option<NodePart>>, wire: &mut Wire) -> Next {
        let Question::Invitation(token) = self.question else {
            return Ok(State::Registrar(Box::new(self)));
        };
        match found {
            Some(name) => {
                self.auth.invited = Some(Invited { token, name });
                reply(&self.id, Ok(None), wire);
                Ok(State::Auth(self.auth))
            }
            None => {
                let text = "The invitation is unknown, used, or expired";
                reply(&self.id, Err(StanzaError::new(Condition::ItemNotFound, text)), wire);
                // Who guesses tokens is treated like who guesses passwords.
                self.auth.guessed_wrong(wire)
            }
        }
    }

    /// The account is made, or not; the invitation goes with it.
    pub(super) fn registered(mut self, outcome: Result<(), StanzaError>, wire: &mut Wire) -> Next {
        if let Question::Invitation(_) = self.question {
            return Ok(State::Registrar(Box::new(self)));
        }
        if outcome.is_ok() {
            self.auth.invited = None;
        }
        reply(&self.id, outcome.map(|()| None), wire);
        Ok(State::Auth(self.auth))
    }
}

fn reply(id: &str, answer: Result<Option<Element>, StanzaError>, wire: &mut Wire) {
    let (kind, payload) = match answer {
        Ok(payload) => ("result", payload),
        Err(error) => ("error", Some(error.to_element())),
    };
    wire.write(|writer, options| {
        writer.open("iq").attr("type", kind).attr("id", id);
        writer.attr("from", options.domain.as_str());
        if let Some(payload) = &payload {
            writer.element(payload, CLIENT);
        }
        writer.close();
    });
}
