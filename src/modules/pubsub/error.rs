//! XEP-0060: errors, each a defined condition with the pubsub condition that the XEP pairs with it.

use crate::stanza::{Condition, ErrorType, StanzaError, ns};
use crate::store::{ITEMS_FULL, NODES_FULL, StoreError};
use crate::xml::{Build, element};

/// A defined condition with the pubsub condition that says more.
pub fn error(condition: Condition, pubsub: &str) -> StanzaError {
    StanzaError::from(condition).with_application(pubsub, ns::PUBSUB_ERRORS)
}

/// A malformed request: `bad-request`, of type modify.
pub fn bad_request(pubsub: &str) -> StanzaError {
    error(Condition::BadRequest, pubsub)
}

/// A graph or a type of node that cannot be (XEP-0248 section 6.2.3).
pub fn invalid_options() -> StanzaError {
    error(Condition::NotAllowed, "invalid-options")
}

/// The service, or the node, lacks a feature (XEP-0060 section 11).
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

/// A payload over the limit (XEP-0060 section 7.1.3.5).
pub fn payload_too_big() -> StanzaError {
    error(Condition::NotAcceptable, "payload-too-big")
}

/// More subscriptions than there may be (XEP-0060 section 6.1.3.9).
pub fn too_many_subscriptions() -> StanzaError {
    error(Condition::PolicyViolation, "too-many-subscriptions").with_type(ErrorType::Wait)
}

/// Nobody is subscribed under that address (XEP-0060 section 6.2.3.2).
pub fn not_subscribed(kind: ErrorType) -> StanzaError {
    error(Condition::UnexpectedRequest, "not-subscribed").with_type(kind)
}

/// What the store refused.
pub fn refused(error: StoreError) -> StanzaError {
    match error {
        StoreError::Absent => Condition::ItemNotFound.into(),
        StoreError::Exists => Condition::Conflict.into(),
        StoreError::Limit(why) => {
            tracing::warn!(why, "a pubsub request was refused");
            match why {
                NODES_FULL => self::error(Condition::ResourceConstraint, "max-nodes-exceeded"),
                ITEMS_FULL => self::error(Condition::ResourceConstraint, "max-items-exceeded"),
                _ => Condition::ResourceConstraint.into(),
            }
        }
        error if error.is_constraint() => Condition::ResourceConstraint.into(),
        error => {
            tracing::error!(%error, "a pubsub request could not be stored");
            Condition::InternalServerError.into()
        }
    }
}
