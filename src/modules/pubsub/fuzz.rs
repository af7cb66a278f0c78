//! Any element as a pubsub request: what is read names its node, its items and its options, and a configuration form
//! that goes back and forth changes nothing.

use super::request::{Fields, Request};
use super::service::Face;
use super::wire::fields;
use super::{config, options};
use crate::store::{NodeConfig, SubscriptionOptions};
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
    assert_ne!(request.node(), Some(""));
    submitted(request).into_iter().for_each(check_options);
    match request {
        Request::Publish(publish) => assert!(publish.items.iter().all(|item| item.id.as_deref() != Some(""))),
        Request::Retract { ids, .. } => assert!(!ids.is_empty() && ids.iter().all(|id| !id.is_empty())),
        Request::Affiliate { affiliations, .. } => {
            let jids: BTreeSet<_> = affiliations.iter().map(|(jid, _)| jid).collect();
            assert_eq!(jids.len(), affiliations.len());
        }
        _ => {}
    }
}

/// The form that came with a request.
fn submitted(request: &Request) -> Option<&Fields> {
    match request {
        Request::Publish(publish) => Some(&publish.options),
        Request::Create { fields, .. } => Some(fields),
        Request::Configure { fields, .. } | Request::SetOptions(_, fields) => fields.as_ref(),
        Request::Subscribe { options, .. } => options.as_ref(),
        _ => None,
    }
}

fn check_options(options: &Fields) {
    let vars: BTreeSet<&str> = options.iter().map(|(var, _)| var.as_str()).collect();
    for face in [Face::Account, Face::Domain] {
        if let Ok(presumed) = config::presumed(face, NodeConfig::default(), options) {
            check_form(face, &presumed);
            // Of a field that is there twice the last one counts, and the first is not met.
            assert!(vars.len() < options.len() || config::check(face, &presumed, options).is_ok());
        }
        let mut applied = NodeConfig::default();
        if config::apply(face, &mut applied, options).is_ok() {
            check_form(face, &applied);
        }
    }
    for is_collection in [false, true] {
        let mut chosen = SubscriptionOptions::default();
        if options::apply(is_collection, &mut chosen, options).is_ok() {
            let mut again = chosen.clone();
            let form = options::form("form", is_collection, &chosen);
            assert!(
                options::apply(is_collection, &mut again, &fields(&form)).is_ok(),
                "{form:?}"
            );
        }
    }
}

/// The owner's form, given back as it is, changes nothing.
fn check_form(face: Face, configured: &NodeConfig) {
    let mut again = configured.clone();
    let form = config::form(face, configured, &[]);
    assert!(config::apply(face, &mut again, &fields(&form)).is_ok(), "{form:?}");
    assert_eq!(&again, configured);
}
