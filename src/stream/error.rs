//! Stream errors (RFC 6120 section 4.9): each ends the stream.

use crate::stanza::ns;
use crate::xml::{Writer, XmlError};
use std::borrow::Cow;

macro_rules! conditions {
    ($($variant:ident $name:literal $section:literal;)*) => {
        /// RFC 6120 section 4.9.3: the defined conditions.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Condition { $(#[doc = concat!("`", $name, "`, RFC 6120 section ", $section)] $variant,)* }

        impl Condition {
            /// The element's name.
            pub fn name(self) -> &'static str {
                match self { $(Condition::$variant => $name,)* }
            }
        }
    };
}

conditions! {
    BadFormat "bad-format" "4.9.3.1";
    BadNamespacePrefix "bad-namespace-prefix" "4.9.3.2";
    Conflict "conflict" "4.9.3.3";
    ConnectionTimeout "connection-timeout" "4.9.3.4";
    HostGone "host-gone" "4.9.3.5";
    HostUnknown "host-unknown" "4.9.3.6";
    ImproperAddressing "improper-addressing" "4.9.3.7";
    InternalServerError "internal-server-error" "4.9.3.8";
    InvalidFrom "invalid-from" "4.9.3.9";
    InvalidNamespace "invalid-namespace" "4.9.3.10";
    InvalidXml "invalid-xml" "4.9.3.11";
    NotAuthorized "not-authorized" "4.9.3.12";
    NotWellFormed "not-well-formed" "4.9.3.13";
    PolicyViolation "policy-violation" "4.9.3.14";
    RemoteConnectionFailed "remote-connection-failed" "4.9.3.15";
    Reset "reset" "4.9.3.16";
    ResourceConstraint "resource-constraint" "4.9.3.17";
    RestrictedXml "restricted-xml" "4.9.3.18";
    SeeOtherHost "see-other-host" "4.9.3.19";
    SystemShutdown "system-shutdown" "4.9.3.20";
    UndefinedCondition "undefined-condition" "4.9.3.21";
    UnsupportedEncoding "unsupported-encoding" "4.9.3.22";
    UnsupportedFeature "unsupported-feature" "4.9.3.23";
    UnsupportedStanzaType "unsupported-stanza-type" "4.9.3.24";
    UnsupportedVersion "unsupported-version" "4.9.3.25";
}

/// Why a stream ends: a condition and, for a person, a text in English.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}{}{}", .condition.name(), if .text.is_empty() { "" } else { ": " }, .text)]
pub struct StreamError {
    /// The defined condition.
    pub condition: Condition,
    /// What happened; empty when the condition says it all. Never a secret, never a peer's own words.
    pub text: Cow<'static, str>,
    /// What it is in particular (RFC 6120 section 4.9.4).
    pub application: Option<Application>,
}

/// Application-specific conditions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Application {
    /// The peer says that it has handled more stanzas than it was sent (XEP-0198 section 6).
    HandledCountTooHigh {
        /// What it said.
        h: u32,
        /// What it was sent.
        send_count: u32,
    },
}

impl StreamError {
    /// A condition with a text.
    pub fn new(condition: Condition, text: impl Into<Cow<'static, str>>) -> StreamError {
        let text = text.into();
        StreamError {
            condition,
            text,
            application: None,
        }
    }

    /// The peer says that it has handled `h` stanzas, and was sent only so many.
    pub fn handled_count_too_high(h: u32, send_count: u32) -> StreamError {
        StreamError {
            application: Some(Application::HandledCountTooHigh { h, send_count }),
            ..StreamError::new(Condition::UndefinedCondition, "more was acknowledged than was sent")
        }
    }

    /// Writes the `<stream:error/>` element; the prefix is the one that our stream header binds.
    pub fn write(&self, writer: &mut Writer) {
        writer.open("stream:error");
        writer
            .open(self.condition.name())
            .attr("xmlns", ns::XMPP_STREAMS)
            .close();
        if !self.text.is_empty() {
            writer.open("text").attr("xmlns", ns::XMPP_STREAMS);
            writer.attr("xml:lang", "en").text(&self.text).close();
        }
        if let Some(Application::HandledCountTooHigh { h, send_count }) = self.application {
            writer.open("handled-count-too-high").attr("xmlns", ns::SM);
            writer
                .attr("h", &h.to_string())
                .attr("send-count", &send_count.to_string())
                .close();
        }
        writer.close();
    }
}

impl From<Condition> for StreamError {
    fn from(condition: Condition) -> StreamError {
        StreamError::new(condition, "")
    }
}

impl From<XmlError> for StreamError {
    fn from(error: XmlError) -> StreamError {
        match error {
            XmlError::NotWellFormed => Condition::NotWellFormed.into(),
            XmlError::BadNamespacePrefix => Condition::BadNamespacePrefix.into(),
            XmlError::BadFormat => Condition::BadFormat.into(),
            XmlError::RestrictedXml => Condition::RestrictedXml.into(),
            XmlError::UnsupportedEncoding => Condition::UnsupportedEncoding.into(),
            XmlError::InvalidNamespace => Condition::InvalidNamespace.into(),
            XmlError::Limit(_) => StreamError::new(Condition::PolicyViolation, error.to_string()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_error_carries_its_condition_and_an_escaped_text() {
        let mut writer = Writer::new();
        StreamError::new(Condition::PolicyViolation, "a < b").write(&mut writer);
        assert_eq!(
            String::from_utf8_lossy(&writer.finish()),
            "<stream:error><policy-violation xmlns='urn:ietf:params:xml:ns:xmpp-streams'/>\
             <text xmlns='urn:ietf:params:xml:ns:xmpp-streams' xml:lang='en'>a &lt; b</text></stream:error>"
        );
    }

    #[test]
    fn an_exceeded_limit_is_a_policy_violation_that_names_the_limit() {
        let error = StreamError::from(XmlError::Limit("depth"));
        assert_eq!(error.to_string(), "policy-violation: limit exceeded: depth");
    }
}
