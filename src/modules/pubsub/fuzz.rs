//! Any element as a pubsub request: what is read names its node, its items and its options, and a configuration form
//! that goes back and forth changes nothing.

use super::config;
use super::wire::{Fields, Request, fields};
use crate::store::NodeConfig;
use crate::xml::{Frame, Limits};
use std::collections::BTreeSet;

/// The fuzz target.
pub fn pubsub_iq(input: &[u8]) {
    let Ok(frame) = Frame::parse(input.to_vec().into(), &Limits::AUTHENTICATED) else {
        return;
    };
    let tree = frame.to_element();
    for set in [false, true] {
        match Request::read(&tree, set) {
            Ok(request) => check(&request),
            Err(error) => drop(Frame::from_element(&error.to_element())),
        }
    }
}

fn check(request: &Request) {
    match request {
        Request::Publish(publish) => {
            assert!(!publish.node.is_empty() && publish.id.as_deref() != Some(""));
            check_options(&publish.options);
        }
        Request::Retract { node, ids, .. } => {
            assert!(!node.is_empty() && !ids.is_empty() && ids.iter().all(|id| !id.is_empty()));
        }
        Request::Create { node, fields } => {
            assert_ne!(node.as_deref(), Some(""));
            check_options(fields);
        }
        Request::Configure { node, fields } => {
            assert!(!node.is_empty());
            fields.iter().for_each(check_options);
        }
        Request::Items { node, .. }
        | Request::Subscribe { node, .. }
        | Request::Unsubscribe { node, .. }
        | Request::Configuration { node }
        | Request::Delete { node }
        | Request::Purge { node }
        | Request::Affiliations { node }
        | Request::Affiliate { node, .. } => assert!(!node.is_empty()),
        Request::Subscriptions { node } => assert_ne!(node.as_deref(), Some("")),
        Request::Default => {}
    }
}

fn check_options(options: &Fields) {
    let vars: BTreeSet<&str> = options.iter().map(|(var, _)| var.as_str()).collect();
    if let Ok(presumed) = config::presumed(options) {
        check_form(&presumed);
        // Of a field that is there twice the last one counts, and the first is not met.
        assert!(vars.len() < options.len() || config::check(&presumed, options).is_ok());
    }
    let mut applied = NodeConfig::default();
    if config::apply(&mut applied, options).is_ok() {
        check_form(&applied);
    }
}

/// The owner's form, given back as it is, changes nothing.
fn check_form(configured: &NodeConfig) {
    let mut again = configured.clone();
    let form = config::form(configured);
    assert!(config::apply(&mut again, &fields(&form)).is_ok(), "{form:?}");
    assert_eq!(&again, configured);
}
