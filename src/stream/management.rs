//! The elements of stream management (XEP-0198): read from wherever they stand, on a stream of their own or inside
//! SASL2 (XEP-0388) and Bind 2 (XEP-0386), and written.

use crate::stanza::{self, ns};
use crate::xml::{Element, Writer};
use std::time::Duration;

/// A request to count stanzas (section 3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Enable {
    /// Whether the stream is to be resumable.
    pub resume: bool,
    /// For how long the client would like it to be.
    pub max: Option<Duration>,
}

/// A request to go on where another stream was lost (section 5).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resume {
    /// The id that the lost stream was given.
    pub previd: String,
    /// Stanzas that the client had handled on it, modulo 2^32.
    pub h: u32,
}

/// How a stream may be resumed: what `<enabled/>` says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resumption {
    /// Its id: a secret of the two parties.
    pub id: String,
    /// How long after its loss.
    pub max: Duration,
}

impl Enable {
    /// Reads `<enable/>`; `None` when this is something else, or has an attribute of the wrong kind.
    pub fn parse(element: &Element) -> Option<Enable> {
        element.is("enable", ns::SM).then_some(())?;
        let max = element
            .attr("max")
            .map(|max| max.parse().ok())
            .map_or(Some(None), |max| max.map(Some))?;
        Some(Enable {
            resume: boolean(element.attr("resume"))?,
            max: max.map(|secs: u32| Duration::from_secs(secs.into())),
        })
    }
}

impl Resume {
    /// Reads `<resume/>`; `None` when this is something else, or lacks what it must have.
    pub fn parse(element: &Element) -> Option<Resume> {
        element.is("resume", ns::SM).then_some(())?;
        Some(Resume {
            previd: element.attr("previd")?.to_owned(),
            h: handled(element)?,
        })
    }
}

/// The `h` of an element: an unsignedInt (XML Schema part 2, section 3.3.22).
pub(super) fn handled(element: &Element) -> Option<u32> {
    element.attr("h")?.parse().ok()
}

fn boolean(value: Option<&str>) -> Option<bool> {
    match value {
        None | Some("false" | "0") => Some(false),
        Some("true" | "1") => Some(true),
        Some(_) => None,
    }
}

/// Writes `<enabled/>`.
pub(super) fn write_enabled(writer: &mut Writer, resumption: Option<&Resumption>) {
    writer.open("enabled").attr("xmlns", ns::SM);
    if let Some(resumption) = resumption {
        writer.attr("id", &resumption.id).attr("resume", "true");
        writer.attr("max", &resumption.max.as_secs().to_string());
    }
    writer.close();
}

/// Writes `<resumed/>`; `h` counts the client's stanzas that were handled.
pub(super) fn write_resumed(writer: &mut Writer, previd: &str, h: u32) {
    writer.open("resumed").attr("xmlns", ns::SM);
    writer.attr("previd", previd).attr("h", &h.to_string()).close();
}

/// Writes `<failed/>`; `h` tells of a stream that is remembered, and can be resumed no more.
pub(super) fn write_failed(writer: &mut Writer, condition: stanza::Condition, h: Option<u32>) {
    writer.open("failed").attr("xmlns", ns::SM);
    if let Some(h) = h {
        writer.attr("h", &h.to_string());
    }
    writer.open(condition.name()).attr("xmlns", ns::STANZAS).close();
    writer.close();
}

/// Writes `<r/>`.
pub(super) fn write_request(writer: &mut Writer) {
    writer.open("r").attr("xmlns", ns::SM).close();
}

/// Writes `<a/>`.
pub(super) fn write_answer(writer: &mut Writer, h: u32) {
    writer.open("a").attr("xmlns", ns::SM).attr("h", &h.to_string()).close();
}

#[cfg(test)]
mod tests {
    use super::*;

    fn element(xml: &str) -> Element {
        xml.parse().expect("an element")
    }

    #[test]
    fn what_asks_for_management_is_read_or_refused_as_a_whole() {
        let enable =
            |attributes: &str| Enable::parse(&element(&format!("<enable xmlns='urn:xmpp:sm:3'{attributes}/>")));
        let asked = |resume, max: Option<u64>| {
            Some(Enable {
                resume,
                max: max.map(Duration::from_secs),
            })
        };
        assert_eq!(enable(""), asked(false, None));
        assert_eq!(enable(" resume='1' max='0'"), asked(true, Some(0)));
        assert_eq!(enable(" resume='true' max='600'"), asked(true, Some(600)));
        assert_eq!(enable(" resume='false'"), asked(false, None));
        for wrong in [" resume='yes'", " max='-1'", " max='4294967296'", " max=''"] {
            assert_eq!(enable(wrong), None, "{wrong}");
        }
        let resume =
            |attributes: &str| Resume::parse(&element(&format!("<resume xmlns='urn:xmpp:sm:3'{attributes}/>")));
        let right = resume(" previd='x' h='4294967295'").expect("a request");
        assert_eq!((right.previd.as_str(), right.h), ("x", u32::MAX));
        for wrong in [
            "",
            " previd='x'",
            " h='1'",
            " previd='x' h='4294967296'",
            " previd='x' h='-1'",
        ] {
            assert_eq!(resume(wrong), None, "{wrong}");
        }
    }
}
