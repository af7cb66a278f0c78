//! Who may do what: access model × affiliation × subscription × operation, each asked of the service and compared with
//! what XEP-0060 sections 4.1 and 4.5 say.

use super::*;
use crate::stanza::Role;
use crate::store::{Affiliation, Node, NodeConfig, PublishModel, Subscribed, Subscription};

const SERVICE: &str = "pubsub.mon.example";
const MODELS: [AccessModel; 5] = [
    AccessModel::Open,
    AccessModel::Presence,
    AccessModel::Roster,
    AccessModel::Authorize,
    AccessModel::Whitelist,
];
const AFFILIATIONS: [Option<Affiliation>; 6] = [
    None,
    Some(Affiliation::Member),
    Some(Affiliation::Publisher),
    Some(Affiliation::PublishOnly),
    Some(Affiliation::Owner),
    Some(Affiliation::Outcast),
];
const STATES: [Option<Subscribed>; 3] = [None, Some(Subscribed::Pending), Some(Subscribed::Subscribed)];
const PUBLISH_MODELS: [PublishModel; 3] = [PublishModel::Publishers, PublishModel::Subscribers, PublishModel::Open];

/// What somebody is to a node.
#[derive(Clone, Copy, Debug)]
struct Standing {
    model: AccessModel,
    publish: PublishModel,
    affiliation: Option<Affiliation>,
    state: Option<Subscribed>,
    /// Whether it sees the owner's presence, and is in the group allowed.
    is_contact: bool,
}

impl Standing {
    /// The refusal of the access model; `None` for who may read.
    fn refusal(self) -> Option<&'static str> {
        match self.affiliation {
            Some(Affiliation::Owner | Affiliation::Publisher | Affiliation::Member) => return None,
            Some(Affiliation::PublishOnly | Affiliation::Outcast) => return Some("forbidden"),
            None => {}
        }
        match self.model {
            AccessModel::Open => None,
            AccessModel::Presence if self.is_contact => None,
            AccessModel::Presence => Some("not-authorized presence-subscription-required"),
            AccessModel::Roster if self.is_contact => None,
            AccessModel::Roster => Some("not-authorized not-in-roster-group"),
            AccessModel::Authorize if self.state == Some(Subscribed::Subscribed) => None,
            AccessModel::Authorize => Some("not-authorized not-subscribed"),
            AccessModel::Whitelist => Some("not-allowed closed-node"),
        }
    }

    fn may_publish(self) -> bool {
        match (self.affiliation, self.publish) {
            (Some(Affiliation::Owner | Affiliation::Publisher | Affiliation::PublishOnly), _) => true,
            (Some(Affiliation::Outcast), _) => false,
            (_, PublishModel::Open) => true,
            (_, PublishModel::Subscribers) => self.state == Some(Subscribed::Subscribed),
            (_, PublishModel::Publishers) => false,
        }
    }

    fn expected(self, operation: &str) -> &'static str {
        let is_owner = self.affiliation == Some(Affiliation::Owner);
        let or_forbidden = |allowed: bool| if allowed { "result" } else { "forbidden" };
        match operation {
            "items" => self.refusal().unwrap_or("result"),
            "subscribe" => match (self.refusal(), self.model, self.state) {
                (Some("forbidden"), ..) => "forbidden",
                (None, _, Some(Subscribed::Pending)) => "not-authorized pending-subscription",
                (None, ..) => "result",
                (Some(_), AccessModel::Authorize, Some(Subscribed::Pending)) => "not-authorized pending-subscription",
                (Some(_), AccessModel::Authorize, _) => "result",
                (Some(refusal), ..) => refusal,
            },
            "unsubscribe" | "options" => match self.state {
                Some(_) => "result",
                None => "unexpected-request not-subscribed",
            },
            "publish" => or_forbidden(self.may_publish()),
            // The item there is somebody else's.
            "retract" => or_forbidden(is_owner),
            _ => or_forbidden(is_owner),
        }
    }
}

/// The operations, and whether they ask or do; those that change the node come last.
fn operations() -> Vec<(&'static str, &'static str, String)> {
    let item = element("item", ns::PUBSUB).with("id", "one").build();
    let retract = element("retract", ns::PUBSUB).with("node", "n").append(item).build();
    let affiliations = element("affiliations", ns::PUBSUB_OWNER).with("node", "n").build();
    vec![
        ("items", "get", items("n")),
        ("options", "get", subscription("options", "n", "bob@mon.example")),
        ("configuration", "get", of_owner("configure", "n")),
        ("affiliations", "get", of_owner("affiliations", "n")),
        ("subscriptions", "get", of_owner("subscriptions", "n")),
        ("affiliate", "set", verb(ns::PUBSUB_OWNER, affiliations)),
        ("configure", "set", configure("n", &[("title", "T")])),
        ("publish", "set", publish("n", "two")),
        ("retract", "set", verb(ns::PUBSUB, retract)),
        ("purge", "set", of_owner("purge", "n")),
        ("subscribe", "set", subscription("subscribe", "n", "bob@mon.example")),
        (
            "unsubscribe",
            "set",
            subscription("unsubscribe", "n", "bob@mon.example"),
        ),
        ("delete", "set", of_owner("delete", "n")),
    ]
}

/// The node as it stands before each operation.
fn put(bench: &Bench, standing: Standing) {
    let config = NodeConfig {
        access_model: standing.model,
        publish_model: standing.publish,
        roster_groups: vec!["G".to_owned()],
        max_items: 9,
        ..NodeConfig::of_service()
    };
    let mut node = Node::new(config, chrono::Utc::now());
    node.affiliations
        .insert("ada@mon.example".to_owned(), Affiliation::Owner);
    if let Some(affiliation) = standing.affiliation {
        node.affiliations.insert("bob@mon.example".to_owned(), affiliation);
    }
    node.subscribers.extend(standing.state.map(|state| Subscription {
        jid: "bob@mon.example".to_owned(),
        id: "id".to_owned(),
        state,
        options: Default::default(),
    }));
    let item = crate::store::PepItem {
        id: "one".to_owned(),
        publisher: "ada@mon.example/desk".to_owned(),
        stamp: chrono::Utc::now(),
        payload: bytes::Bytes::from("<a xmlns='a'/>"),
    };
    let (pep, owner) = (bench.store.pep(), Owner::Service("pubsub"));
    // Of the one before there may be nothing left.
    let _ = pep.delete(owner, "n");
    pep.publish(owner, "n", &[item], Some(&node)).expect("the node");
}

#[test]
fn p05_the_access_matrix_is_that_of_the_specification() {
    let bench = Bench::new();
    bench.store.accounts().set_role("ada", Role::Operator).expect("ada");
    let (ada, bob) = (bench.online("ada/desk"), bench.online("bob/desk"));
    let mut asked = 0;
    for is_contact in [false, true] {
        if is_contact {
            bench.befriend("ada", "bob");
            let group = "<query xmlns='jabber:iq:roster'><item jid='bob@mon.example'><group>G</group></item></query>";
            must(&ada, group);
        }
        for (model, affiliation, state) in cases() {
            for publish in PUBLISH_MODELS {
                let standing = Standing {
                    model,
                    publish,
                    affiliation,
                    state,
                    is_contact,
                };
                for (operation, kind, payload) in operations() {
                    // The publish model is for publishing alone.
                    if operation != "publish" && publish != PublishModel::Publishers {
                        continue;
                    }
                    put(&bench, standing);
                    let found = outcome(&bob, kind, Some(SERVICE), &payload);
                    assert_eq!(found, standing.expected(operation), "{operation} {standing:?}");
                    asked += 1;
                    ada.elements();
                }
            }
        }
    }
    assert_eq!(asked, 2 * 5 * 6 * 3 * (13 + 2));
}

fn cases() -> impl Iterator<Item = (AccessModel, Option<Affiliation>, Option<Subscribed>)> {
    let pairs = MODELS
        .into_iter()
        .flat_map(|model| AFFILIATIONS.map(|affiliation| (model, affiliation)));
    pairs.flat_map(|(model, affiliation)| STATES.map(|state| (model, affiliation, state)))
}
