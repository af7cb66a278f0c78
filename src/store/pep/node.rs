//! Nodes: their configuration, who may what, who is subscribed (XEP-0060 sections 4 and 16.4.4).

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
                nodes: 1000,
                bytes: 2 << 20,
            },
        }
    }
}

/// Who may read a node (`pubsub#access_model`, XEP-0060 section 4.5).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AccessModel {
    /// Anybody.
    Open,
    /// Subscribers to the owner's presence.
    #[default]
    Presence,
    /// Contacts in one of [`NodeConfig::roster_groups`].
    Roster,
    /// Those whom the owner has approved one by one.
    Authorize,
    /// Members by affiliation.
    Whitelist,
}

impl AccessModel {
    /// Its name on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            AccessModel::Open => "open",
            AccessModel::Presence => "presence",
            AccessModel::Roster => "roster",
            AccessModel::Authorize => "authorize",
            AccessModel::Whitelist => "whitelist",
        }
    }
}

impl std::str::FromStr for AccessModel {
    type Err = ();

    fn from_str(text: &str) -> Result<AccessModel, ()> {
        use AccessModel::{Authorize, Open, Presence, Roster, Whitelist};
        let mut all = [Open, Presence, Roster, Authorize, Whitelist].into_iter();
        all.find(|model| model.as_str() == text).ok_or(())
    }
}

/// Who may publish (`pubsub#publish_model`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PublishModel {
    /// Owners and publishers.
    #[default]
    Publishers,
    /// Subscribers too.
    Subscribers,
    /// Anybody.
    Open,
}

impl PublishModel {
    /// Its name on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            PublishModel::Publishers => "publishers",
            PublishModel::Subscribers => "subscribers",
            PublishModel::Open => "open",
        }
    }
}

impl std::str::FromStr for PublishModel {
    type Err = ();

    fn from_str(text: &str) -> Result<PublishModel, ()> {
        let mut all = [PublishModel::Publishers, PublishModel::Subscribers, PublishModel::Open].into_iter();
        all.find(|model| model.as_str() == text).ok_or(())
    }
}

/// When the last item is sent without being asked for (`pubsub#send_last_published_item`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SendLast {
    /// Never.
    Never,
    /// To a new subscriber.
    OnSub,
    /// Also when a subscriber becomes available: PEP's default.
    #[default]
    OnSubAndPresence,
}

impl SendLast {
    /// Its name on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            SendLast::Never => "never",
            SendLast::OnSub => "on_sub",
            SendLast::OnSubAndPresence => "on_sub_and_presence",
        }
    }
}

impl std::str::FromStr for SendLast {
    type Err = ();

    fn from_str(text: &str) -> Result<SendLast, ()> {
        let mut all = [SendLast::Never, SendLast::OnSub, SendLast::OnSubAndPresence].into_iter();
        all.find(|when| when.as_str() == text).ok_or(())
    }
}

/// A node's configuration (XEP-0060 section 16.4.4). The default is PEP's (XEP-0163 section 3: one item, kept, readable
/// by subscribers to presence).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct NodeConfig {
    /// `pubsub#title`
    pub title: Option<String>,
    /// `pubsub#type`: the payloads' namespace.
    pub payload_type: Option<String>,
    /// `pubsub#access_model`
    pub access_model: AccessModel,
    /// `pubsub#roster_groups_allowed`
    pub roster_groups: Vec<String>,
    /// `pubsub#publish_model`
    pub publish_model: PublishModel,
    /// `pubsub#max_items`: 1 to [`super::super::Limits::items_max`], whatever is written here; `u32::MAX` is the XEP's `max`.
    pub max_items: u32,
    /// `pubsub#persist_items`: without, items are notified of and not kept.
    pub persist_items: bool,
    /// `pubsub#send_last_published_item`
    pub send_last_published_item: SendLast,
    /// `pubsub#deliver_notifications`
    pub deliver_notifications: bool,
    /// `pubsub#deliver_payloads`
    pub deliver_payloads: bool,
    /// `pubsub#notify_retract`
    pub notify_retract: bool,
    /// `pubsub#notify_delete`
    pub notify_delete: bool,
    /// `pubsub#notify_config`
    pub notify_config: bool,
    /// `pubsub#collection`: the collections that it belongs to (XEP-0248).
    pub collections: Vec<String>,
    /// `pubsub#node_type`: a collection holds nodes and no items (XEP-0248).
    pub is_collection: bool,
}

impl Default for NodeConfig {
    fn default() -> NodeConfig {
        NodeConfig {
            title: None,
            payload_type: None,
            access_model: AccessModel::default(),
            roster_groups: Vec::new(),
            publish_model: PublishModel::default(),
            max_items: 1,
            persist_items: true,
            send_last_published_item: SendLast::default(),
            deliver_notifications: true,
            deliver_payloads: true,
            notify_retract: true,
            notify_delete: true,
            notify_config: false,
            collections: Vec::new(),
            is_collection: false,
        }
    }
}

/// What an entity may do at a node (XEP-0060 section 4.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Affiliation {
    /// Everything. An account always is the owner of its own nodes, unsaid.
    Owner,
    /// Publish, retract own items, read.
    Publisher,
    /// Publish, without reading.
    PublishOnly,
    /// Read a whitelist node.
    Member,
    /// Nothing.
    Outcast,
}

/// An explicit subscription (XEP-0060 section 4.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Subscribed {
    /// The owner has not answered yet.
    Pending,
    /// Subscribed.
    Subscribed,
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
    /// Explicit subscriptions, by the subscribed JID.
    #[serde(default)]
    pub subscriptions: BTreeMap<String, Subscribed>,
}

impl Node {
    /// A node with nobody affiliated or subscribed.
    pub fn new(config: NodeConfig, now: DateTime<Utc>) -> Node {
        Node {
            config,
            created: now,
            affiliations: BTreeMap::new(),
            subscriptions: BTreeMap::new(),
        }
    }
    /// Rewrites every JID.
    pub(super) fn rename(&mut self, renamed: impl Fn(&str) -> String) {
        let affiliations = std::mem::take(&mut self.affiliations).into_iter();
        self.affiliations = affiliations.map(|(jid, value)| (renamed(&jid), value)).collect();
        let subscriptions = std::mem::take(&mut self.subscriptions).into_iter();
        self.subscriptions = subscriptions.map(|(jid, value)| (renamed(&jid), value)).collect();
    }
}
