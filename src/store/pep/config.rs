//! A node's configuration (XEP-0060 section 16.4.4, XEP-0248), and the words that it is written with.

use serde::{Deserialize, Serialize};

/// Words of the wire as an enumeration: each variant with its name there.
macro_rules! words {
    ($(#[doc = $about:literal])* $name:ident { $($(#[$meta:meta])* $variant:ident = $word:literal,)* }) => {
        $(#[doc = $about])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub enum $name {
            $($(#[$meta])* #[serde(rename = $word)] $variant,)*
        }

        impl $name {
            /// Every word.
            pub const WORDS: &[&str] = &[$($word),*];

            /// Its name on the wire.
            pub fn as_str(self) -> &'static str {
                match self { $($name::$variant => $word,)* }
            }
        }

        impl std::str::FromStr for $name {
            type Err = ();

            fn from_str(text: &str) -> Result<$name, ()> {
                match text { $($word => Ok($name::$variant),)* _ => Err(()) }
            }
        }
    };
}
pub(super) use words;

words! {
    /// Who may read a node (`pubsub#access_model`, XEP-0060 section 4.5).
    AccessModel {
        /// Anybody.
        Open = "open",
        /// Subscribers to an owner's presence.
        #[default]
        Presence = "presence",
        /// Contacts in one of [`NodeConfig::roster_groups`].
        Roster = "roster",
        /// Those whom an owner has approved one by one.
        Authorize = "authorize",
        /// Members by affiliation.
        Whitelist = "whitelist",
    }
}

words! {
    /// Who may publish (`pubsub#publish_model`).
    PublishModel {
        /// Owners and publishers.
        #[default]
        Publishers = "publishers",
        /// Subscribers too.
        Subscribers = "subscribers",
        /// Anybody.
        Open = "open",
    }
}

words! {
    /// When the last item is sent without being asked for (`pubsub#send_last_published_item`).
    SendLast {
        /// Never.
        Never = "never",
        /// To a new subscriber.
        OnSub = "on_sub",
        /// Also when a subscriber becomes available: PEP's default.
        #[default]
        OnSubAndPresence = "on_sub_and_presence",
    }
}

words! {
    /// The type of the messages that notify (`pubsub#notification_type`).
    NotificationType {
        /// Lost on those who are away.
        #[default]
        Headline = "headline",
        /// Kept for those who are away.
        Normal = "normal",
    }
}

words! {
    /// Who may associate a node with a collection (`pubsub#children_association_policy`, XEP-0248).
    ChildrenPolicy {
        /// Anybody who owns the node.
        All = "all",
        /// Owners of the collection.
        #[default]
        Owners = "owners",
        /// Those on [`NodeConfig::children_whitelist`] too.
        Whitelist = "whitelist",
    }
}

/// A node's configuration. The default is PEP's (XEP-0163 section 3: one item, kept, readable by subscribers to presence).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct NodeConfig {
    /// `pubsub#title`
    pub title: Option<String>,
    /// `pubsub#description`
    pub description: Option<String>,
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
    /// `pubsub#item_expire`: seconds after which an item goes; `None` is the XEP's `max`: never.
    pub item_expire: Option<u32>,
    /// `pubsub#max_payload_size`: bytes; no more than [`super::super::Limits::item_bytes_max`], whatever is written here.
    pub max_payload_size: Option<u32>,
    /// `pubsub#persist_items`: without, items are notified of and not kept.
    pub persist_items: bool,
    /// `pubsub#send_last_published_item`
    pub send_last_published_item: SendLast,
    /// `pubsub#deliver_notifications`
    pub deliver_notifications: bool,
    /// `pubsub#deliver_payloads`
    pub deliver_payloads: bool,
    /// `pubsub#notification_type`
    pub notification_type: NotificationType,
    /// `pubsub#presence_based_delivery`: to those who are available only.
    pub presence_based_delivery: bool,
    /// `pubsub#notify_retract`
    pub notify_retract: bool,
    /// `pubsub#notify_delete`
    pub notify_delete: bool,
    /// `pubsub#notify_config`
    pub notify_config: bool,
    /// `pubsub#notify_sub`: owners are told of subscribers who come and go.
    pub notify_sub: bool,
    /// `pubsub#subscribe`: whether anybody may subscribe.
    pub subscribe: bool,
    /// `pubsub#collection`: the collections that it belongs to (XEP-0248).
    pub collections: Vec<String>,
    /// `pubsub#node_type`: a collection holds nodes and no items (XEP-0248).
    pub is_collection: bool,
    /// `pubsub#children_association_policy`
    pub children_policy: ChildrenPolicy,
    /// `pubsub#children_association_whitelist`: bare JIDs.
    pub children_whitelist: Vec<String>,
    /// `pubsub#children_max`
    pub children_max: Option<u32>,
}

impl Default for NodeConfig {
    fn default() -> NodeConfig {
        NodeConfig {
            title: None,
            description: None,
            payload_type: None,
            access_model: AccessModel::default(),
            roster_groups: Vec::new(),
            publish_model: PublishModel::default(),
            max_items: 1,
            item_expire: None,
            max_payload_size: None,
            persist_items: true,
            send_last_published_item: SendLast::default(),
            deliver_notifications: true,
            deliver_payloads: true,
            notification_type: NotificationType::default(),
            presence_based_delivery: false,
            notify_retract: true,
            notify_delete: true,
            notify_config: false,
            notify_sub: false,
            subscribe: true,
            collections: Vec::new(),
            is_collection: false,
            children_policy: ChildrenPolicy::default(),
            children_whitelist: Vec::new(),
            children_max: None,
        }
    }
}

impl NodeConfig {
    /// The default of a service of its own: open, with its latest twenty items.
    pub fn of_service() -> NodeConfig {
        NodeConfig {
            access_model: AccessModel::Open,
            max_items: 20,
            send_last_published_item: SendLast::OnSub,
            ..NodeConfig::default()
        }
    }

    /// Bytes of all its texts.
    pub(super) fn text_bytes(&self) -> usize {
        let lists = [&self.roster_groups, &self.collections, &self.children_whitelist];
        let texts = [&self.title, &self.description, &self.payload_type];
        let listed: usize = lists.into_iter().flatten().map(String::len).sum();
        listed + texts.into_iter().flatten().map(String::len).sum::<usize>()
    }
}
