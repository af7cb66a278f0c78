//! How often one session may make the server tell many, or tell many itself (XEP-0205; security rows S08, S16, S17).

use super::sender::Sender;
use super::{Session, Shared, locked};
use crate::stanza::{Condition, Role, StanzaError};
use jid::{BareJid, Jid};
use std::collections::HashSet;
use std::time::{Duration, Instant};

const MINUTE: Duration = Duration::from_secs(60);
/// XEP-0205 section 3.3: the application-specific conditions.
const ERRORS: &str = "urn:xmpp:errors";

/// Bounds for each session; `usize::MAX` is none. Sessions within the process are exempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rates {
    /// Presence broadcasts a minute. Of what is beyond them the last one is told, later.
    pub presence_per_minute: usize,
    /// Presence broadcasts at once.
    pub presence_burst: usize,
    /// Changes of nodes a minute, collectors' aside.
    pub publishes_per_minute: usize,
    /// Changes of nodes at once.
    pub publish_burst: usize,
    /// Distinct accounts that messages of a viewer or an operator go to within a minute.
    pub recipients_per_minute: usize,
    /// Subscription requests within a minute.
    pub requests_per_minute: usize,
}

impl Rates {
    /// No bound.
    pub const NONE: Rates = Rates {
        presence_per_minute: usize::MAX,
        presence_burst: usize::MAX,
        publishes_per_minute: usize::MAX,
        publish_burst: usize::MAX,
        recipients_per_minute: usize::MAX,
        requests_per_minute: usize::MAX,
    };
}

impl Default for Rates {
    /// 10 presence broadcasts a minute and 20 at once, 30 changes of nodes and 100 at once, 60 recipients, 10
    /// subscription requests.
    fn default() -> Rates {
        Rates {
            presence_per_minute: 10,
            presence_burst: 20,
            publishes_per_minute: 30,
            publish_burst: 100,
            recipients_per_minute: 60,
            requests_per_minute: 10,
        }
    }
}

/// What a session has used of its rates.
#[derive(Debug, Default)]
pub(super) struct Usage {
    presence: Bucket,
    publishes: Bucket,
    requests: (Option<Instant>, usize),
    recipients: (Option<Instant>, HashSet<BareJid>),
    /// What a limit has refused.
    refused: u32,
}

/// A token bucket, kept as the instant at which it is full again.
#[derive(Clone, Copy, Debug, Default)]
struct Bucket {
    full_at: Option<Instant>,
}

impl Bucket {
    /// Takes a token; `false` when there was none.
    fn take(&mut self, per_minute: usize, burst: usize, now: Instant) -> bool {
        if per_minute == usize::MAX || burst == usize::MAX {
            return true;
        }
        let (per_minute, burst) = (per_minute.max(1), burst.max(1));
        let each = MINUTE / u32::try_from(per_minute).unwrap_or(u32::MAX);
        let all = each.saturating_mul(u32::try_from(burst).unwrap_or(u32::MAX));
        let full_at = self.full_at.map_or(now, |full_at| full_at.max(now)) + each;
        let is_there = full_at - now <= all;
        if is_there {
            self.full_at = Some(full_at);
        }
        is_there
    }
}

impl Usage {
    fn request(&mut self, max: usize, now: Instant) -> bool {
        let (since, count) = &mut self.requests;
        if since.is_none_or(|since| now.saturating_duration_since(since) >= MINUTE) {
            (*since, *count) = (Some(now), 0);
        }
        *count += 1;
        *count <= max
    }

    fn recipient(&mut self, to: &Jid, max: usize, now: Instant) -> bool {
        let (since, known) = &mut self.recipients;
        if since.is_none_or(|since| now.saturating_duration_since(since) >= MINUTE) {
            *since = Some(now);
            known.clear();
        }
        let to = to.to_bare();
        known.contains(&to) || known.len() < max && known.insert(to)
    }
}

/// Whether a session's presence may be told now.
pub(super) fn may_broadcast(shared: &Shared, session: &Session) -> bool {
    let rates = &shared.options.rates;
    let mut usage = locked(&session.usage);
    session.answers_for_account()
        || usage
            .presence
            .take(rates.presence_per_minute, rates.presence_burst, shared.now())
}

/// Counts a change of a node.
///
/// # Errors
/// `resource-constraint` when there were too many.
pub(super) fn publish(shared: &Shared, session: &Session) -> Result<(), StanzaError> {
    let rates = &shared.options.rates;
    let mut usage = locked(&session.usage);
    let is_exempt = session.role() == Role::Collector;
    let (per_minute, burst) = (rates.publishes_per_minute, rates.publish_burst);
    match is_exempt || usage.publishes.take(per_minute, burst, shared.now()) {
        true => Ok(()),
        false => {
            tracing::info!(jid = %session.jid(), per_minute, "changes nodes too often");
            Err(StanzaError::new(
                Condition::ResourceConstraint,
                "Too many changes: wait a little.",
            ))
        }
    }
}

/// Counts a subscription request.
///
/// # Errors
/// `resource-constraint` when there were too many.
pub(super) fn subscribe(shared: &Shared, session: &Session) -> Result<(), StanzaError> {
    let per_minute = shared.options.rates.requests_per_minute;
    match locked(&session.usage).request(per_minute, shared.now()) {
        true => Ok(()),
        false => {
            tracing::info!(jid = %session.jid(), per_minute, "asks too many for their presence");
            Err(Condition::ResourceConstraint.into())
        }
    }
}

/// Counts whom a message goes to. Admins write to everyone, and a collector's alerts reach whoever watches it.
///
/// # Errors
/// `unexpected-request` with `<too-many-stanzas/>` (XEP-0205 section 3.3) for one too many within a minute.
pub(super) fn recipient(shared: &Shared, sender: &Sender<'_>, to: &Jid) -> Result<(), StanzaError> {
    let per_minute = shared.options.rates.recipients_per_minute;
    let is_counted = |session: &&Session| matches!(session.role(), Role::Viewer | Role::Operator);
    let Some(session) = sender.session.map(|session| &**session).filter(is_counted) else {
        return Ok(());
    };
    let is_own = to.to_bare() == *session.account();
    if per_minute == usize::MAX || is_own || locked(&session.usage).recipient(to, per_minute, shared.now()) {
        return Ok(());
    }
    tracing::info!(jid = %session.jid(), per_minute, "writes to too many");
    let text = "You write to too many people at once: wait a minute.";
    Err(StanzaError::new(Condition::UnexpectedRequest, text).with_application("too-many-stanzas", ERRORS))
}

/// Says in the log that a limit refuses what a session sent: the first time, the second, the fourth and so on, so that
/// nobody fills the log.
pub(super) fn refused(session: &Session, error: &StanzaError) {
    // What is too long is not acceptable (RFC 6121 section 2.3.3); whom the sender has blocked is no matter of size.
    let is_limit = match error.condition {
        Condition::ResourceConstraint | Condition::PolicyViolation => true,
        Condition::NotAcceptable => error
            .application
            .as_ref()
            .is_none_or(|element| element.name() != "blocked"),
        _ => false,
    };
    if !is_limit {
        return;
    }
    let mut usage = locked(&session.usage);
    usage.refused = usage.refused.saturating_add(1);
    if usage.refused.is_power_of_two() {
        let (times, condition) = (usage.refused, error.condition.name());
        tracing::info!(jid = %session.jid(), times, condition, text = error.text, "a limit refuses a stanza");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::modules::dialogue::outcome;
    use crate::router::bench::Bench;

    fn bench() -> (Bench, Instant) {
        let bench = Bench::with_rates(Rates::default());
        let start = Instant::now();
        bench.router.tick(start);
        (bench, start)
    }

    #[test]
    fn s16_of_a_flood_of_presence_the_last_is_told_when_there_is_room() {
        let (bench, start) = bench();
        bench.befriend("ada", "bob");
        let (ada, bob) = (bench.online("ada/desk"), bench.online("bob/desk"));
        ada.received();
        for number in 0..100 {
            bob.send(&format!("<presence><status>{number}</status></presence>"));
        }
        let told = ada.received();
        assert_eq!(told.len(), 19, "the initial presence was the first of 20");
        assert_eq!(bob.session.priority(), Some(0));
        // Who comes now sees what is.
        let late = bench.connect("ada/late");
        late.send("<presence/>");
        assert_eq!(late.received()[2], "presence <bob/desk status=99");
        ada.received();
        bench.router.tick(start + Duration::from_secs(5));
        assert!(ada.received().is_empty());
        bench.router.tick(start + Duration::from_secs(6));
        assert_eq!(ada.received(), ["presence <bob/desk status=99"]);
        bench.router.tick(start + Duration::from_secs(60));
        assert!(ada.received().is_empty());
        bob.end();
        assert_eq!(ada.received(), ["presence unavailable <bob/desk"]);
    }

    #[test]
    fn s16_coming_and_going_without_end_is_told_as_often_as_any_other_change() {
        let (bench, _) = bench();
        bench.befriend("ada", "bob");
        let (ada, bob) = (bench.online("ada/desk"), bench.online("bob/desk"));
        ada.received();
        for _ in 0..100 {
            bob.send("<presence type='unavailable'/>");
            bob.send("<presence/>");
        }
        let told = ada.received();
        assert!((19..=40).contains(&told.len()), "{}", told.len());
        assert_eq!(told.last().unwrap(), "presence unavailable <bob/desk");
        bob.end();
        assert!(ada.received().is_empty(), "it was not seen to come back");
    }

    #[test]
    fn s16_nodes_are_changed_so_often_and_no_oftener() {
        let (bench, start) = bench();
        let ada = bench.online("ada/desk");
        let publish = "<pubsub xmlns='http://jabber.org/protocol/pubsub'><publish node='n'><item id='1'><x xmlns='x'/></item></publish></pubsub>";
        for _ in 0..100 {
            assert_eq!(outcome(&ada, "set", None, publish), "result");
        }
        assert_eq!(outcome(&ada, "set", None, publish), "resource-constraint");
        bench.router.tick(start + Duration::from_secs(2));
        assert_eq!(outcome(&ada, "set", None, publish), "result");
        assert_eq!(outcome(&ada, "set", None, publish), "resource-constraint");
    }

    #[test]
    fn s17_one_writes_to_so_many_and_no_more_within_a_minute() {
        let (bench, start) = bench();
        let ada = bench.online("ada/desk");
        let write = |to: &str| {
            ada.send(&format!("<message type='chat' to='{to}'><body>hi</body></message>"));
            ada.received()
        };
        for number in 0..60 {
            assert!(write(&format!("u{number}@@")).is_empty());
        }
        assert!(write("u1@@/x").is_empty(), "somebody written to before");
        let refused = write("bob@@");
        assert!(refused[0].contains("unexpected-request"), "{refused:?}");
        ada.send("<message type='error' to='bob@@'/>");
        assert!(ada.received().is_empty());
        bench.router.tick(start + MINUTE);
        assert!(write("bob@@").is_empty());
        let web = bench.collector("web");
        for number in 0..70 {
            web.send(&format!("<message to='u{number}@@'><body>alert</body></message>"));
        }
        assert!(web.received().is_empty());
    }
}
