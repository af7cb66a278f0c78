//! XEP-0202: Entity Time.

use crate::router::{Addressee, Context, Iq, IqRoute, Module, Status, Xep};
use crate::stanza::{StanzaError, ns};
use crate::xml::{Element, element};
use chrono::{DateTime, Local, TimeZone, Utc};
use std::fmt::Display;

/// Says the server's time, and the offset of the system's time zone.
#[derive(Debug)]
pub struct Time;

impl Module for Time {
    fn xeps(&self) -> &'static [Xep] {
        &[Xep {
            number: "XEP-0202",
            title: "Entity Time",
            version: "2.0",
            status: Status::Complete,
        }]
    }

    fn server_features(&self) -> &'static [&'static str] {
        &[ns::TIME]
    }

    fn iq_routes(&self) -> &'static [IqRoute] {
        const {
            &[IqRoute {
                get: true,
                set: false,
                addressee: Addressee::Server,
                ns: ns::TIME,
                name: "time",
            }]
        }
    }

    fn handle_iq(&self, _: &Context<'_>, _: &Iq<'_>) -> Result<Option<Element>, StanzaError> {
        Ok(Some(time(&Local::now())))
    }
}

fn time<Tz: TimeZone>(now: &DateTime<Tz>) -> Element
where
    Tz::Offset: Display,
{
    let utc = now.with_timezone(&Utc).format("%Y-%m-%dT%H:%M:%SZ").to_string();
    element("time", ns::TIME)
        .append(element("tzo", ns::TIME).append(now.format("%:z").to_string()).build())
        .append(element("utc", ns::TIME).append(utc).build())
        .build()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn xep_0202_section_3_the_example() {
        let now = DateTime::parse_from_rfc3339("2006-12-19T11:58:35-06:00").expect("a date");
        let expected = "<time xmlns='urn:xmpp:time'><tzo>-06:00</tzo><utc>2006-12-19T17:58:35Z</utc></time>";
        assert_eq!(time(&now), expected.parse().expect("XML"));
    }
}
