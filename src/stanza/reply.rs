//! Replies: addresses swapped, `id` kept.

use super::{Stanza, StanzaError};
use crate::xml::{Build, CLIENT, Element, element};

/// The result of an iq (RFC 6120 section 8.2.3): from its addressee back to `to`.
pub fn iq_result(request: &Stanza, to: &str, payload: Option<Element>) -> Element {
    let mut reply = element("iq", CLIENT)
        .with("type", "result")
        .with("to", to)
        .with_some("from", request.to.as_ref().map(|jid| jid.as_str().to_owned()))
        .with_some("id", request.id());
    if let Some(payload) = payload {
        reply = reply.append(payload);
    }
    reply.build()
}

/// The error for a stanza (RFC 6120 section 8.3.1): from its addressee back to `to`. The caller has made sure that
/// the stanza is no error and no iq result itself. Of the original payload it carries what the error gives
/// back, mostly nothing (the RFC makes that optional).
pub fn error_reply(stanza: &Stanza, to: &str, error: &StanzaError) -> Element {
    element(stanza.frame.name(), CLIENT)
        .with("type", "error")
        .with("to", to)
        .with_some(
            "from",
            stanza
                .frame
                .attr("to")
                .filter(|to| !to.is_empty())
                .map(|to| to.into_owned()),
        )
        .with_some("id", stanza.id())
        .append_all(error.echo.as_deref().cloned())
        .append(error.to_element())
        .build()
}
