//! XEP-0012: Last Activity.

use crate::router::{Addressee, Context, Iq, IqRoute, Module, Session, Status, Xep};
use crate::stanza::{Condition, StanzaError, ns};
use crate::store::Departure;
use crate::xml::{Build, CLIENT, Element, Frame, element};
use chrono::{DateTime, Utc};
use jid::BareJid;
use std::time::Instant;

/// Says how long the server has run, and, to those who see an account's presence, for how long the account has been
/// away and with which words it left. A resource that is here answers for itself.
#[derive(Debug)]
pub struct LastActivity {
    started: Instant,
}

impl LastActivity {
    /// Counts from now on.
    pub fn new() -> LastActivity {
        LastActivity {
            started: Instant::now(),
        }
    }
}

const fn route(addressee: Addressee) -> IqRoute {
    IqRoute {
        get: true,
        set: false,
        addressee,
        ns: ns::LAST,
        name: "query",
    }
}

impl Module for LastActivity {
    fn xeps(&self) -> &'static [Xep] {
        &[Xep {
            number: "XEP-0012",
            title: "Last Activity",
            version: "2.0",
            status: Status::Complete,
        }]
    }

    fn server_features(&self) -> &'static [&'static str] {
        &[ns::LAST]
    }

    fn account_features(&self) -> &'static [&'static str] {
        &[ns::LAST]
    }

    fn iq_routes(&self) -> &'static [IqRoute] {
        const { &[route(Addressee::Server), route(Addressee::Account)] }
    }

    fn handle_iq(&self, cx: &Context<'_>, iq: &Iq<'_>) -> Result<Option<Element>, StanzaError> {
        let Some(account) = iq.account else {
            return Ok(Some(last(self.started.elapsed().as_secs(), None)));
        };
        cx.require_sight(account)?;
        if !cx.available(account).is_empty() {
            return Ok(Some(last(0, None)));
        }
        let departure = departure(cx, account).ok_or(Condition::ItemNotFound)?;
        Ok(Some(last(seconds_since(departure.stamp, Utc::now()), departure.status)))
    }

    fn presence_unavailable(&self, cx: &Context<'_>, session: &Session, presence: &Frame) {
        let departure = Departure {
            stamp: Utc::now(),
            status: status(presence),
        };
        if let Err(error) = cx.store().last_activity().put(session.node(), departure) {
            tracing::debug!(%error, "a departure is not noted");
        }
    }
}

fn departure(cx: &Context<'_>, account: &BareJid) -> Option<Departure> {
    cx.store().last_activity().get(account.node()?.as_str())
}

/// Whole seconds; none when the clock was put back.
fn seconds_since(stamp: DateTime<Utc>, now: DateTime<Utc>) -> u64 {
    u64::try_from((now - stamp).num_seconds()).unwrap_or_default()
}

fn status(presence: &Frame) -> Option<String> {
    let index = presence
        .children()
        .position(|child| child.name == "status" && child.ns == CLIENT)?;
    presence.child_element(index).map(|status| status.text())
}

fn last(seconds: u64, status: Option<String>) -> Element {
    element("query", ns::LAST)
        .with("seconds", seconds.to_string())
        .append_all(status)
        .build()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::modules::dialogue::get;
    use crate::router::bench::Bench;

    const QUERY: &str = "<query xmlns='jabber:iq:last'/>";

    #[test]
    fn an_account_is_here_or_left_with_words() {
        let bench = Bench::new();
        bench.befriend("ada", "bob");
        let (ada, bob) = (bench.online("ada/desk"), bench.online("bob/desk"));
        let here = get(&bob, Some("ada@@"), QUERY);
        assert_eq!((here.attr("seconds"), here.text()), (Some("0"), String::new()));
        ada.send("<presence type='unavailable'><status>Heading Home</status></presence>");
        ada.end();
        let gone = get(&bob, Some("ada@@"), QUERY);
        assert!(
            gone.attr("seconds")
                .is_some_and(|seconds| seconds.parse::<u64>().is_ok())
        );
        assert_eq!(gone.text(), "Heading Home");
    }

    #[test]
    fn the_server_counts_from_its_start() {
        let bench = Bench::new();
        let uptime = get(&bench.online("ada/desk"), Some("mon.example"), QUERY);
        let seconds = uptime.attr("seconds").and_then(|seconds| seconds.parse::<u64>().ok());
        assert!(seconds.is_some_and(|seconds| seconds < 60));
    }

    #[test]
    fn a_clock_put_back_yields_no_negative_time() {
        let now = Utc::now();
        assert_eq!(seconds_since(now, now - chrono::TimeDelta::days(1)), 0);
        assert_eq!(seconds_since(now - chrono::TimeDelta::minutes(2), now), 120);
    }
}
