//! What one account, node or cache may hold.

use std::time::Duration;

/// Bounds on what is kept; `usize::MAX` is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Offline messages of one account.
    pub offline_messages_max: usize,
    /// Bytes of them.
    pub offline_bytes_max: usize,
    /// How long one is kept.
    pub offline_time_max: Duration,
    /// Archived messages of one account; past that the oldest go.
    pub archive_messages_max: usize,
    /// Bytes of them.
    pub archive_bytes_max: usize,
    /// How long one is kept.
    pub archive_time_max: Duration,
    /// Nodes of one account.
    pub account_nodes_max: usize,
    /// Bytes of all items of one account.
    pub account_bytes_max: usize,
    /// Nodes of the publish-subscribe service.
    pub service_nodes_max: usize,
    /// Bytes of all items of one node of it.
    pub node_bytes_max: usize,
    /// Affiliations of one node.
    pub node_affiliations_max: usize,
    /// Explicit subscriptions of one node.
    pub node_subscriptions_max: usize,
    /// Items of one node.
    pub items_max: usize,
    /// Bytes of an item's payload.
    pub item_bytes_max: usize,
    /// Bytes of a vCard, its picture included.
    pub vcard_bytes_max: usize,
    /// Elements of one account's private XML.
    pub private_elements_max: usize,
    /// Bytes of them.
    pub private_bytes_max: usize,
    /// Entity capabilities remembered.
    pub caps_max: usize,
    /// Invitations open at once.
    pub invitations_max: usize,
}

impl Limits {
    /// 100 offline messages and 1 MiB of them for 30 days; 20000 archived ones and 32 MiB of them for a year; 50 nodes and
    /// 2 MiB for an account, 256 items of 64 KiB for a node; 1000 nodes of the service, 2 MiB, 1000 affiliations and as many
    /// subscriptions for each; vCards of 128 KiB; 64 private elements and 256 KiB of them; 1000 entity capabilities; 100
    /// invitations.
    pub const DEFAULT: Limits = Limits {
        offline_messages_max: 100,
        offline_bytes_max: 1 << 20,
        offline_time_max: Duration::from_secs(30 * 24 * 60 * 60),
        archive_messages_max: 20_000,
        archive_bytes_max: 32 << 20,
        archive_time_max: Duration::from_secs(365 * 24 * 60 * 60),
        account_nodes_max: 50,
        account_bytes_max: 2 << 20,
        service_nodes_max: 1_000,
        node_bytes_max: 2 << 20,
        node_affiliations_max: 1_000,
        node_subscriptions_max: 1_000,
        items_max: 256,
        item_bytes_max: 64 << 10,
        vcard_bytes_max: 128 << 10,
        private_elements_max: 64,
        private_bytes_max: 256 << 10,
        caps_max: 1_000,
        invitations_max: 100,
    };
}

impl Default for Limits {
    fn default() -> Limits {
        Limits::DEFAULT
    }
}
