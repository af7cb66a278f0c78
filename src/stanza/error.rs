//! Stanza errors (RFC 6120 section 8.3).

use super::ns;
use crate::xml::{Build, CLIENT, Element, element};

/// RFC 6120 section 8.3.2: what the sender may do about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorType {
    /// Retry after providing credentials.
    Auth,
    /// Do not retry.
    Cancel,
    /// Proceed: the condition was only a warning.
    Continue,
    /// Retry after changing the data sent.
    Modify,
    /// Retry after waiting.
    Wait,
}

macro_rules! conditions {
    ($($variant:ident $name:literal $kind:ident $section:literal;)*) => {
        /// RFC 6120 section 8.3.3: the defined conditions.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Condition { $(#[doc = concat!("`", $name, "`, RFC 6120 section ", $section)] $variant,)* }

        impl Condition {
            /// The element's name.
            pub fn name(self) -> &'static str {
                match self { $(Condition::$variant => $name,)* }
            }

            /// The type that the RFC associates with the condition.
            pub fn default_type(self) -> ErrorType {
                match self { $(Condition::$variant => ErrorType::$kind,)* }
            }

            /// The condition with that element name.
            pub fn from_name(name: &str) -> Option<Condition> {
                match name { $($name => Some(Condition::$variant),)* _ => None }
            }
        }
    };
}

conditions! {
    BadRequest "bad-request" Modify "8.3.3.1";
    Conflict "conflict" Cancel "8.3.3.2";
    FeatureNotImplemented "feature-not-implemented" Cancel "8.3.3.3";
    Forbidden "forbidden" Auth "8.3.3.4";
    Gone "gone" Cancel "8.3.3.5";
    InternalServerError "internal-server-error" Cancel "8.3.3.6";
    ItemNotFound "item-not-found" Cancel "8.3.3.7";
    JidMalformed "jid-malformed" Modify "8.3.3.8";
    NotAcceptable "not-acceptable" Modify "8.3.3.9";
    NotAllowed "not-allowed" Cancel "8.3.3.10";
    NotAuthorized "not-authorized" Auth "8.3.3.11";
    PolicyViolation "policy-violation" Modify "8.3.3.12";
    RecipientUnavailable "recipient-unavailable" Wait "8.3.3.13";
    Redirect "redirect" Modify "8.3.3.14";
    RegistrationRequired "registration-required" Auth "8.3.3.15";
    RemoteServerNotFound "remote-server-not-found" Cancel "8.3.3.16";
    RemoteServerTimeout "remote-server-timeout" Wait "8.3.3.17";
    ResourceConstraint "resource-constraint" Wait "8.3.3.18";
    ServiceUnavailable "service-unavailable" Cancel "8.3.3.19";
    SubscriptionRequired "subscription-required" Auth "8.3.3.20";
    UndefinedCondition "undefined-condition" Cancel "8.3.3.21";
    UnexpectedRequest "unexpected-request" Wait "8.3.3.22";
}

/// A stanza error: answers the sender; the stream stays open.
#[derive(Clone, Debug)]
pub struct StanzaError {
    /// `type` of the error.
    pub kind: ErrorType,
    /// The defined condition.
    pub condition: Condition,
    /// Text for a person, in English.
    pub text: Option<String>,
    /// An application-specific condition; boxed, so that results with this error stay small.
    pub application: Option<Box<Element>>,
    /// What of the request is given back beside the error (XEP-0060 section 8.8.2.4).
    pub echo: Option<Box<Element>>,
}

impl StanzaError {
    /// The condition with the RFC's type and a text; an empty text is none.
    pub fn new(condition: Condition, text: impl Into<String>) -> StanzaError {
        let text = text.into();
        StanzaError {
            kind: condition.default_type(),
            condition,
            text: (!text.is_empty()).then_some(text),
            application: None,
            echo: None,
        }
    }

    /// Another type than the RFC's default.
    pub fn with_type(mut self, kind: ErrorType) -> StanzaError {
        self.kind = kind;
        self
    }

    /// Adds an application-specific condition, such as `<bad-payload xmlns='http://jabber.org/protocol/commands'/>`.
    pub fn with_application(mut self, name: &str, ns: &str) -> StanzaError {
        self.application = Some(Box::new(element(name, ns).build()));
        self
    }

    /// Gives a part of the request back.
    pub fn with_echo(mut self, echo: Element) -> StanzaError {
        self.echo = Some(Box::new(echo));
        self
    }

    /// The `<error/>` element.
    pub fn to_element(&self) -> Element {
        let kind = match self.kind {
            ErrorType::Auth => "auth",
            ErrorType::Cancel => "cancel",
            ErrorType::Continue => "continue",
            ErrorType::Modify => "modify",
            ErrorType::Wait => "wait",
        };
        let mut error = element("error", CLIENT)
            .with("type", kind)
            .append(element(self.condition.name(), ns::STANZAS).build());
        if let Some(text) = &self.text {
            error = error.append(element("text", ns::STANZAS).append(text.as_str()).build());
        }
        if let Some(application) = &self.application {
            error = error.append(Element::clone(application));
        }
        error.build()
    }
}

impl From<Condition> for StanzaError {
    fn from(condition: Condition) -> StanzaError {
        StanzaError::new(condition, "")
    }
}
