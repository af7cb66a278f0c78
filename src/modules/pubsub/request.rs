//! XEP-0060: what may be asked of a service.

use crate::stanza::rsm::SetQuery;
use crate::store::Affiliation;
use crate::xml::Element;
use jid::{BareJid, Jid};

/// The fields of a submitted data form: variable, values.
pub type Fields = Vec<(String, Vec<String>)>;

/// Section 7.1: items, to a node, on conditions.
#[derive(Clone, Debug)]
pub struct Publish {
    /// The node.
    pub node: String,
    /// The items; none where the event alone counts.
    pub items: Vec<NewItem>,
    /// What the node's configuration must be (section 7.1.5).
    pub options: Fields,
}

/// An item to be published.
#[derive(Clone, Debug)]
pub struct NewItem {
    /// Its id, if the publisher chose one.
    pub id: Option<String>,
    /// Its payload, if it has one.
    pub payload: Option<Element>,
}

/// Section 6.5: which items.
#[derive(Clone, Debug, Default)]
pub struct Items {
    /// The node.
    pub node: String,
    /// Those with these ids; all when there is none.
    pub ids: Vec<String>,
    /// The newest so many.
    pub max: Option<usize>,
    /// A page of them (XEP-0059).
    pub page: Option<SetQuery>,
    /// The asker's subscription, if it names one.
    pub subid: Option<String>,
}

/// A subscription, as a request names it.
#[derive(Clone, Debug)]
pub struct Named {
    /// The node.
    pub node: String,
    /// The subscribed JID.
    pub jid: Jid,
    /// Which of several.
    pub subid: Option<String>,
}

/// Section 8.8.2: what an owner makes of a subscription.
#[derive(Clone, Debug)]
pub struct Resubscribed {
    /// The subscribed JID.
    pub jid: Jid,
    /// Which of several.
    pub subid: Option<String>,
    /// The state as it was written.
    pub state: String,
}

/// A request to a pubsub service.
#[derive(Clone, Debug)]
pub enum Request {
    /// Section 7.1.
    Publish(Publish),
    /// Section 7.2.
    Retract {
        node: String,
        ids: Vec<String>,
        notify: bool,
    },
    /// Section 6.5.
    Items(Items),
    /// Section 8.1.
    Create { node: Option<String>, fields: Fields },
    /// Section 6.1; with options, section 6.3.7.
    Subscribe {
        node: String,
        jid: Jid,
        options: Option<Fields>,
    },
    /// Section 6.2.
    Unsubscribe(Named),
    /// Section 6.3.2.
    Options(Named),
    /// Section 6.3.5; `None` is the cancelled form.
    SetOptions(Named, Option<Fields>),
    /// Section 5.6: the asker's own.
    Subscriptions { node: Option<String> },
    /// Section 5.7: the asker's own.
    Affiliations { node: Option<String> },
    /// Section 6.4.
    DefaultOptions { node: Option<String> },
    /// Section 8.3; of a collection, or of a leaf.
    Default { is_collection: bool },
    /// Section 8.2.1.
    Configuration { node: String },
    /// Section 8.2.4; `None` is the cancelled form.
    Configure { node: String, fields: Option<Fields> },
    /// Section 8.4, with the address that takes its place.
    Delete { node: String, redirect: Option<String> },
    /// Section 8.5.
    Purge { node: String },
    /// Section 8.9.1: the node's.
    NodeAffiliations { node: String },
    /// Section 8.9.2.
    Affiliate {
        node: String,
        affiliations: Vec<(BareJid, Option<Affiliation>)>,
    },
    /// Section 8.8.1: the node's.
    NodeSubscriptions { node: String },
    /// Section 8.8.2.
    Resubscribe { node: String, changes: Vec<Resubscribed> },
    /// XEP-0248 sections 6.5 and 6.6.
    Associate {
        collection: String,
        node: String,
        associate: bool,
    },
}

impl Request {
    /// The node that it is about, where it is about one.
    pub fn node(&self) -> Option<&str> {
        match self {
            Request::Publish(publish) => Some(&publish.node),
            Request::Items(items) => Some(&items.node),
            Request::Unsubscribe(named) | Request::Options(named) | Request::SetOptions(named, _) => Some(&named.node),
            Request::Create { node, .. }
            | Request::Subscriptions { node }
            | Request::Affiliations { node }
            | Request::DefaultOptions { node } => node.as_deref(),
            Request::Retract { node, .. }
            | Request::Subscribe { node, .. }
            | Request::Configuration { node }
            | Request::Configure { node, .. }
            | Request::Delete { node, .. }
            | Request::Purge { node }
            | Request::NodeAffiliations { node }
            | Request::Affiliate { node, .. }
            | Request::NodeSubscriptions { node }
            | Request::Resubscribe { node, .. }
            | Request::Associate { node, .. } => Some(node),
            Request::Default { .. } => None,
        }
    }
}
