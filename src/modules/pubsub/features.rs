//! XEP-0060 section 10 and XEP-0248 section 8: what is announced; each feature has a test, and README names them all.

use crate::stanza::ns;

macro_rules! features {
    ($($name:literal)*) => { &[ns::PUBSUB, $(concat!("http://jabber.org/protocol/pubsub#", $name)),*] };
}

/// What an account announces (XEP-0163).
pub const OF_ACCOUNT: &[&str] = features! {
    "access-presence" "auto-create" "auto-subscribe" "config-node" "config-node-max" "create-and-configure"
    "create-nodes" "delete-items" "delete-nodes" "filtered-notifications" "instant-nodes" "item-ids"
    "last-published" "leased-subscription" "manage-subscriptions" "member-affiliation" "meta-data"
    "modify-affiliations" "multi-items" "multi-subscribe" "outcast-affiliation" "persistent-items"
    "presence-notifications" "presence-subscribe" "publish" "publish-only-affiliation" "publish-options"
    "publisher-affiliation" "pubsub-on-a-jid" "purge-nodes" "retract-items" "retrieve-affiliations"
    "retrieve-default" "retrieve-default-sub" "retrieve-items" "retrieve-subscriptions" "rsm" "subscribe"
    "subscription-notifications" "subscription-options"
};

/// What the service of the domain announces beside discovery and commands.
pub const OF_SERVICE: &[&str] = features! {
    "access-open" "auto-create" "collections" "config-node" "config-node-max" "create-and-configure" "create-nodes"
    "delete-items" "delete-nodes" "get-pending" "instant-nodes" "item-ids" "leased-subscription"
    "manage-subscriptions" "member-affiliation" "meta-data" "modify-affiliations" "multi-collections" "multi-items"
    "multi-subscribe" "outcast-affiliation" "persistent-items" "presence-notifications" "publish"
    "publish-only-affiliation" "publish-options" "publisher-affiliation" "purge-nodes" "retract-items"
    "retrieve-affiliations" "retrieve-default" "retrieve-default-sub" "retrieve-items" "retrieve-subscriptions"
    "rsm" "subscribe" "subscription-notifications" "subscription-options"
};
