//! Explicit subscriptions (XEP-0060 sections 4.2 and 16.4.2).

use super::config::words;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

words! {
    /// The state of a subscription.
    Subscribed {
        /// No owner has answered yet.
        Pending = "pending",
        /// Subscribed.
        #[default]
        Subscribed = "subscribed",
    }
}

words! {
    /// What a subscription to a collection brings (`pubsub#subscription_type`, XEP-0248).
    SubscriptionType {
        /// What happens to items.
        Items = "items",
        /// What happens to nodes.
        Nodes = "nodes",
        /// Both.
        #[default]
        All = "all",
    }
}

words! {
    /// How available a resource is (`pubsub#show-values`): `online` stands for no `<show/>`.
    Show {
        /// `away`
        Away = "away",
        /// `chat`
        Chat = "chat",
        /// `dnd`
        Dnd = "dnd",
        /// None.
        #[default]
        Online = "online",
        /// `xa`
        Xa = "xa",
    }
}

/// What a subscriber has chosen (`pubsub#subscribe_options`). The default is to hear of everything.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct SubscriptionOptions {
    /// `pubsub#deliver`
    pub deliver: bool,
    /// `pubsub#expire`: when the subscription ends.
    pub expire: Option<DateTime<Utc>>,
    /// `pubsub#show-values`: which resources are notified; empty: all.
    pub show_values: BTreeSet<Show>,
    /// `pubsub#subscription_type`
    pub kind: SubscriptionType,
    /// `pubsub#subscription_depth`: how far below a collection; `u32::MAX` is the XEP's `all`.
    pub depth: u32,
}

impl Default for SubscriptionOptions {
    fn default() -> SubscriptionOptions {
        SubscriptionOptions {
            deliver: true,
            expire: None,
            show_values: BTreeSet::new(),
            kind: SubscriptionType::default(),
            depth: u32::MAX,
        }
    }
}

/// An explicit subscription.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Subscription {
    /// The subscribed JID, bare or full.
    pub jid: String,
    /// Its identifier, unique in the node.
    pub id: String,
    /// Its state.
    pub state: Subscribed,
    /// The subscriber's options.
    #[serde(default)]
    pub options: SubscriptionOptions,
}

impl Subscription {
    /// Whether it has not ended by itself (XEP-0060 section 12.18).
    pub fn is_live(&self, now: DateTime<Utc>) -> bool {
        self.options.expire.is_none_or(|expire| expire > now)
    }

    /// Whether it is of an account, under its bare JID or one of its full ones.
    pub fn is_of(&self, account: &str) -> bool {
        let rest = self.jid.strip_prefix(account);
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    }
}
