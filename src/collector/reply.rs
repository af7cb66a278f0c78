//! Whom an answer goes to, and how.

use super::telling::Found;
use crate::service::conversation::excuse;
use crate::service::report::Report;
use crate::service::session::Pending;
use crate::stanza::{Stanza, StanzaError, error_reply, iq_result};
use crate::xml::{Build, CLIENT, Element, element};
use jid::Jid;

/// Whom an answer goes to.
#[derive(Clone, Debug)]
pub(super) enum Reply {
    /// The sender of a `<command/>`.
    Command(Box<Stanza>, Jid, Pending),
    /// Somebody who spoke, in a thread.
    Chat(Jid, Option<String>),
    /// The messages that wait for the names of processes.
    Culprits(Found),
    /// Nobody.
    None,
}

impl Reply {
    /// The stanza that tells a result.
    pub(super) fn stanza(&self, result: Result<Report, StanzaError>) -> Option<Element> {
        match self {
            Reply::Command(stanza, to, pending) => Some(match result {
                Ok(report) => iq_result(stanza, to.as_str(), Some(pending.finish(&report))),
                Err(error) => error_reply(stanza, to.as_str(), &error),
            }),
            Reply::Chat(to, thread) => {
                let text = match result {
                    Ok(report) => report.to_text(),
                    Err(error) => excuse(&error),
                };
                Some(message(to, thread.as_deref(), &text))
            }
            Reply::Culprits(_) | Reply::None => None,
        }
    }
}

/// A chat message that will be referred to.
pub(super) fn message_with_id(to: &Jid, id: &str, text: &str) -> Element {
    element("message", CLIENT)
        .with("type", "chat")
        .with("id", id)
        .with("to", to.as_str())
        .append(element("body", CLIENT).append(text).build())
        .build()
}

/// A chat message.
pub(super) fn message(to: &Jid, thread: Option<&str>, text: &str) -> Element {
    let mut message = element("message", CLIENT)
        .with("type", "chat")
        .with("to", to.as_str())
        .append(element("body", CLIENT).append(text).build());
    if let Some(thread) = thread {
        message = message.append(element("thread", CLIENT).append(thread).build());
    }
    message.build()
}
