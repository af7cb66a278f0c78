//! Nodes: whose they are, who may what, who is subscribed (XEP-0060 section 4).

use super::config::{NodeConfig, words};
use super::subscription::Subscription;
use crate::store::Limits;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Whose node it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Owner<'a> {
    /// A local account (PEP, XEP-0163), by its prepared localpart.
    Account(&'a str),
    /// A pubsub service, by a name that does not contain the domain.
    Service(&'a str),
}

/// How much an owner may keep.
pub(super) struct Allowance {
    /// Nodes of the owner.
    pub(super) nodes: usize,
    /// Bytes of payload: of all nodes of an account, of one node of a service.
    pub(super) bytes: usize,
}

impl Owner<'_> {
    pub(super) fn limits(self, limits: &Limits) -> Allowance {
        match self {
            Owner::Account(_) => Allowance {
                nodes: limits.account_nodes_max,
                bytes: limits.account_bytes_max,
            },
            Owner::Service(_) => Allowance {
                nodes: limits.service_nodes_max,
                bytes: limits.node_bytes_max,
            },
        }
    }
}

words! {
    /// What an entity may do at a node (XEP-0060 section 4.1).
    Affiliation {
        /// Everything. An account always is the owner of its own nodes, unsaid.
        Owner = "owner",
        /// Publish, retract own items, read.
        Publisher = "publisher",
        /// Publish, without reading.
        PublishOnly = "publish-only",
        /// Read.
        #[default]
        Member = "member",
        /// Nothing.
        Outcast = "outcast",
    }
}

/// A node.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Node {
    /// Its configuration.
    pub config: NodeConfig,
    /// When it was made.
    pub created: DateTime<Utc>,
    /// Affiliations that differ from `none`, by bare JID.
    #[serde(default)]
    pub affiliations: BTreeMap<String, Affiliation>,
    /// Explicit subscriptions, in the order in which they were made.
    #[serde(default)]
    pub subscribers: Vec<Subscription>,
}

impl Node {
    /// A node with nobody affiliated or subscribed.
    pub fn new(config: NodeConfig, now: DateTime<Utc>) -> Node {
        Node {
            config,
            created: now,
            affiliations: BTreeMap::new(),
            subscribers: Vec::new(),
        }
    }

    /// The subscriptions that have not ended by themselves.
    pub fn live(&self, now: DateTime<Utc>) -> impl Iterator<Item = &Subscription> {
        self.subscribers
            .iter()
            .filter(move |subscription| subscription.is_live(now))
    }

    /// Those of an account, under its bare JID or one of its full ones.
    pub fn live_of<'a>(&'a self, account: &'a str, now: DateTime<Utc>) -> impl Iterator<Item = &'a Subscription> {
        self.live(now).filter(move |subscription| subscription.is_of(account))
    }

    /// Takes an account out of its affiliations and subscriptions; whether it was in any.
    pub(super) fn forget(&mut self, account: &str) -> bool {
        let before = self.subscribers.len();
        self.subscribers.retain(|subscription| !subscription.is_of(account));
        self.affiliations.remove(account).is_some() | (before != self.subscribers.len())
    }

    /// Rewrites every JID.
    pub(super) fn rename(&mut self, renamed: impl Fn(&str) -> String) {
        let affiliations = std::mem::take(&mut self.affiliations).into_iter();
        self.affiliations = affiliations.map(|(jid, value)| (renamed(&jid), value)).collect();
        for subscription in &mut self.subscribers {
            subscription.jid = renamed(&subscription.jid);
        }
        for jid in &mut self.config.children_whitelist {
            *jid = renamed(jid);
        }
    }
}
