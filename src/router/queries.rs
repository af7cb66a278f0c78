//! Questions that the server has asked sessions.

use super::shared::random_id;
use super::{Session, Shared, locked};
use crate::stanza::{Condition, IqType, Stanza, StanzaError};
use crate::xml::{Build, CLIENT, Element, element};
use jid::FullJid;
use std::collections::HashMap;
use std::sync::Mutex;
use std::time::{Duration, Instant};

/// How long a session may take to answer.
const PATIENCE: Duration = Duration::from_secs(30);

/// The open questions, one a session at most. An answer counts only when it comes from the very session that was
/// asked and carries the id, 128 random bits (CVE-2024-46957: answers accepted by their id alone).
#[derive(Debug, Default)]
pub(super) struct Queries {
    open: Mutex<HashMap<FullJid, Query>>,
}

#[derive(Clone, Debug)]
struct Query {
    id: String,
    module: usize,
    deadline: Instant,
}

/// Sends an iq get from the server; the module with that index gets the answer.
///
/// # Errors
/// `resource-constraint` when a question to that session is open.
pub(super) fn ask(shared: &Shared, module: usize, session: &Session, payload: Element) -> Result<String, StanzaError> {
    let id = random_id()?;
    let query = Query {
        id: id.clone(),
        module,
        deadline: shared.now() + PATIENCE,
    };
    {
        let mut open = locked(&shared.queries.open);
        if open.contains_key(session.jid()) {
            return Err(Condition::ResourceConstraint.into());
        }
        open.insert(session.jid().clone(), query);
    }
    let question = element("iq", CLIENT)
        .with("type", "get")
        .with("from", shared.domain())
        .with("to", session.jid().as_str())
        .with("id", id.as_str())
        .append(payload);
    Shared::send(session, &question.build());
    Ok(id)
}

/// Takes a result or an error that a session addressed to the server; whatever answers no question is ignored.
pub(super) fn answer(shared: &Shared, session: &Session, stanza: &Stanza) {
    let id = stanza.id();
    let query = {
        let mut open = locked(&shared.queries.open);
        match open.get(session.jid()) {
            Some(query) if Some(&query.id) == id.as_ref() => open.remove(session.jid()),
            _ => None,
        }
    };
    if let Some(query) = query {
        let payload = match stanza.iq_type() {
            Some(IqType::Result) => stanza.frame.child_element(0),
            _ => None,
        };
        conclude(shared, session.jid(), &query, payload.as_ref());
    }
}

/// Gives up on the questions whose time is over.
pub(super) fn expire(shared: &Shared, now: Instant) {
    let late: Vec<_> = {
        let mut open = locked(&shared.queries.open);
        open.extract_if(|_, query| query.deadline <= now).collect()
    };
    for (jid, query) in late {
        conclude(shared, &jid, &query, None);
    }
}

/// Gives up on the question to a session that has ended.
pub(super) fn abandon(shared: &Shared, session: &Session) {
    let query = locked(&shared.queries.open).remove(session.jid());
    if let Some(query) = query {
        conclude(shared, session.jid(), &query, None);
    }
}

fn conclude(shared: &Shared, from: &FullJid, query: &Query, payload: Option<&Element>) {
    let cx = shared.context(None);
    shared.modules[query.module].handle_response(&cx, from, &query.id, payload);
}
