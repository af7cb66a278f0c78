//! What is announced is there: each feature has a test, and README names exactly these.

use crate::modules::pubsub::features::{OF_ACCOUNT, OF_SERVICE};
use std::collections::BTreeSet;

const PREFIX: &str = "http://jabber.org/protocol/pubsub#";
const SOURCES: [&str; 9] = [
    include_str!("access.rs"),
    include_str!("matrix.rs"),
    include_str!("mod.rs"),
    include_str!("property.rs"),
    include_str!("service/collection.rs"),
    include_str!("service/item.rs"),
    include_str!("service/mod.rs"),
    include_str!("service/owner.rs"),
    include_str!("service/subscription.rs"),
];
const README: &str = include_str!("../../../../README.md");

/// Each feature, and a test that fails without it.
const PROOFS: &[(&str, &str)] = &[
    ("access-open", "an_item_goes_from_a_publisher_to_the_subscribers"),
    ("access-presence", "p05_each_access_model_admits_whom_it_says"),
    ("auto-create", "collectors_have_their_hosts_collection_and_nothing_else"),
    (
        "auto-subscribe",
        "an_event_reaches_those_whose_capabilities_ask_for_it_and_nobody_else",
    ),
    ("collections", "a_collection_brings_what_happens_below_it_at_any_depth"),
    (
        "config-node",
        "owners_make_configure_empty_and_delete_nodes_and_readers_hear_of_it",
    ),
    ("config-node-max", "items_come_in_pages_and_expire"),
    ("create-and-configure", "the_service_is_found_and_says_what_it_is"),
    ("create-nodes", "the_engine_does_as_its_model"),
    ("delete-items", "an_item_goes_from_a_publisher_to_the_subscribers"),
    ("delete-nodes", "the_engine_does_as_its_model"),
    (
        "filtered-notifications",
        "an_event_reaches_those_whose_capabilities_ask_for_it_and_nobody_else",
    ),
    ("get-pending", "owners_approve_of_subscriptions"),
    ("instant-nodes", "an_instant_node_has_a_name_of_the_services_making"),
    ("item-ids", "x26_names_and_ids_come_back_as_they_went"),
    ("last-published", "last_items_come_with_a_new_subscription"),
    ("leased-subscription", "subscribers_choose_by_options_and_ids"),
    ("manage-subscriptions", "owners_manage_affiliations_and_subscriptions"),
    (
        "member-affiliation",
        "p05_the_access_matrix_is_that_of_the_specification",
    ),
    ("meta-data", "the_service_is_found_and_says_what_it_is"),
    ("modify-affiliations", "owners_manage_affiliations_and_subscriptions"),
    ("multi-collections", "a_node_belongs_to_several_collections"),
    ("multi-items", "items_come_in_pages_and_expire"),
    ("multi-subscribe", "subscribers_choose_by_options_and_ids"),
    (
        "outcast-affiliation",
        "p05_the_access_matrix_is_that_of_the_specification",
    ),
    ("persistent-items", "the_engine_does_as_its_model"),
    ("presence-notifications", "subscribers_choose_by_options_and_ids"),
    ("presence-subscribe", "last_items_come_with_a_new_subscription"),
    ("publish", "the_engine_does_as_its_model"),
    (
        "publish-only-affiliation",
        "p05_the_access_matrix_is_that_of_the_specification",
    ),
    (
        "publish-options",
        "p09_a_publish_whose_preconditions_fail_changes_nothing",
    ),
    (
        "publisher-affiliation",
        "p05_the_access_matrix_is_that_of_the_specification",
    ),
    (
        "pubsub-on-a-jid",
        "an_event_reaches_those_whose_capabilities_ask_for_it_and_nobody_else",
    ),
    ("purge-nodes", "the_engine_does_as_its_model"),
    ("retract-items", "the_engine_does_as_its_model"),
    ("retrieve-affiliations", "owners_manage_affiliations_and_subscriptions"),
    ("retrieve-default", "defaults_are_told"),
    ("retrieve-default-sub", "defaults_are_told"),
    ("retrieve-items", "items_come_in_pages_and_expire"),
    ("retrieve-subscriptions", "a_subscriber_needs_no_capabilities"),
    ("rsm", "items_come_in_pages_and_expire"),
    ("subscribe", "the_engine_does_as_its_model"),
    ("subscription-notifications", "owners_approve_of_subscriptions"),
    ("subscription-options", "subscribers_choose_by_options_and_ids"),
];

fn names(features: &[&'static str]) -> BTreeSet<&'static str> {
    features
        .iter()
        .filter_map(|feature| feature.strip_prefix(PREFIX))
        .collect()
}

#[test]
fn each_announced_feature_has_a_test_and_each_proof_a_feature() {
    let announced: BTreeSet<&str> = names(OF_ACCOUNT).union(&names(OF_SERVICE)).copied().collect();
    let proven: BTreeSet<&str> = PROOFS.iter().map(|(feature, _)| *feature).collect();
    assert_eq!(announced, proven);
    assert_eq!(proven.len(), PROOFS.len(), "each once");
    for (feature, test) in PROOFS {
        let definition = ["fn ", test, "("].concat();
        assert!(
            SOURCES.iter().any(|source| source.contains(&definition)),
            "{feature}: there is no {test}"
        );
    }
}

#[test]
fn readme_names_exactly_what_is_announced() {
    let words: Vec<&str> = README.split_whitespace().collect();
    let readme = words.join(" ");
    for (start, features) in [
        ("Accounts announce ", OF_ACCOUNT),
        ("`pubsub.DOMAIN` announces ", OF_SERVICE),
    ] {
        let (_, rest) = readme.split_once(start).expect("a sentence of README");
        let (sentence, _) = rest.split_once('.').expect("its end");
        let named: BTreeSet<&str> = sentence.split('`').skip(1).step_by(2).collect();
        assert_eq!(named, names(features), "{start}");
    }
}
