//! XEP-0060: errors, each a defined condition with the pubsub condition that the XEP pairs with it.

use crate::stanza::{Condition, ErrorType, StanzaError, ns};
use crate::store::StoreError;
use crate::xml::{Build, element};

/// A defined condition with the pubsub condition that says more.
pub fn error(condition: Condition, pubsub: &str) -> StanzaError {
    StanzaError::from(condition).with_application(pubsub, ns::PUBSUB_ERRORS)
}

/// A malformed request: `bad-request`, of type modify.
pub fn bad_request(pubsub: &str) -> StanzaError {
    error(Condition::BadRequest, pubsub)
}

/// The service lacks a feature (XEP-0060 section 10).
pub fn unsupported(feature: &str) -> StanzaError {
    let unsupported = element("unsupported", ns::PUBSUB_ERRORS)
        .with("feature", feature)
        .build();
    StanzaError {
        application: Some(Box::new(unsupported)),
        ..Condition::FeatureNotImplemented.into()
    }
}

/// A publishing option that the node does not meet (XEP-0060 section 7.1.5).
pub fn precondition_not_met(field: &str) -> StanzaError {
    StanzaError {
        text: Some(field.to_owned()),
        ..error(Condition::Conflict, "precondition-not-met")
    }
}

/// The account has as many nodes, or bytes in items, as it may have.
fn full() -> StanzaError {
    error(Condition::ResourceConstraint, "max-items-exceeded")
}

/// A payload over the limit (XEP-0060 section 7.1.3.4).
pub fn payload_too_big() -> StanzaError {
    error(Condition::NotAcceptable, "payload-too-big").with_type(ErrorType::Modify)
}

/// What the store refused.
pub fn refused(error: StoreError) -> StanzaError {
    match error {
        StoreError::Absent => Condition::ItemNotFound.into(),
        StoreError::Exists => Condition::Conflict.into(),
        error if error.is_constraint() => full(),
        error => {
            tracing::error!(%error, "a pubsub request could not be stored");
            Condition::InternalServerError.into()
        }
    }
}
