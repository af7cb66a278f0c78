//! The small questions that every client asks: ping, version, uptime, time, vCard.

use super::{Answer, Asked, Collector};
use crate::stanza::{Condition, Role, ns};
use crate::xml::{Build, Element, element};
use chrono::{Local, SecondsFormat, Utc};

impl Collector {
    pub(super) fn query(&self, asked: &Asked<'_>) -> Answer {
        match (asked.payload.ns().as_str(), asked.payload.name()) {
            (ns::PING, "ping") => Ok(None),
            (ns::VERSION, "query") => Ok(Some(version(asked.role))),
            (ns::LAST, "query") => self.uptime().map(Some),
            (ns::TIME, "time") => Ok(Some(time())),
            (ns::VCARD, "vCard") => Ok(Some(self.vcard())),
            _ => Err(Condition::ServiceUnavailable.into()),
        }
    }

    /// XEP-0012 section 4: for how long the host has been up.
    fn uptime(&self) -> Result<Element, crate::stanza::StanzaError> {
        let uptime = self
            .board
            .snapshot()
            .and_then(|snapshot| snapshot.value("uptime", "uptime"));
        let seconds = uptime.ok_or(Condition::ServiceUnavailable)?;
        Ok(element("query", ns::LAST)
            .with("seconds", format!("{seconds:.0}"))
            .build())
    }

    /// XEP-0054: the host's name, where clients look for one.
    fn vcard(&self) -> Element {
        let text = |name: &str, text: &str| element(name, ns::VCARD).append(text).build();
        element("vCard", ns::VCARD)
            .append(text("FN", &self.options.host))
            .append(text("NICKNAME", &self.options.host))
            .append(text("DESC", "A server that tells how it is. Say 'help'."))
            .build()
    }
}

/// XEP-0092. The operating system is an admin's business (its version tells an attacker what to try).
fn version(role: Role) -> Element {
    let text = |name: &str, text: &str| element(name, ns::VERSION).append(text).build();
    let mut query = element("query", ns::VERSION)
        .append(text("name", env!("CARGO_PKG_NAME")))
        .append(text("version", env!("CARGO_PKG_VERSION")));
    if role >= Role::Admin
        && let Some(os) = crate::monitor::operating_system()
    {
        query = query.append(text("os", &os));
    }
    query.build()
}

/// XEP-0202.
fn time() -> Element {
    let text = |name: &str, text: String| element(name, ns::TIME).append(text).build();
    element("time", ns::TIME)
        .append(text("tzo", Local::now().format("%:z").to_string()))
        .append(text("utc", Utc::now().to_rfc3339_opts(SecondsFormat::Secs, true)))
        .build()
}
