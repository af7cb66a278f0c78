//! The engine beside a simple model of it, under random operations: what each is answered, what is kept afterwards, and
//! who was told.

use super::*;
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};

const SERVICE: &str = "pubsub.mon.example";
const NODES: [&str; 3] = ["a", "b", "c"];
const ITEMS_MAX: usize = 3;

#[derive(Clone, Debug)]
enum Operation {
    Create(usize),
    Delete(usize),
    Publish(usize, u8),
    Retract(usize, u8),
    Purge(usize),
    Subscribe(usize),
    Unsubscribe(usize),
    Whitelist(usize, bool),
    Member(usize, bool),
}

fn operation() -> impl Strategy<Value = Operation> {
    let node = 0..NODES.len();
    prop_oneof![
        2 => node.clone().prop_map(Operation::Create),
        1 => node.clone().prop_map(Operation::Delete),
        6 => (node.clone(), 0..5_u8).prop_map(|(node, id)| Operation::Publish(node, id)),
        3 => (node.clone(), 0..5_u8).prop_map(|(node, id)| Operation::Retract(node, id)),
        1 => node.clone().prop_map(Operation::Purge),
        3 => node.clone().prop_map(Operation::Subscribe),
        2 => node.clone().prop_map(Operation::Unsubscribe),
        2 => (node.clone(), any::<bool>()).prop_map(|(node, on)| Operation::Whitelist(node, on)),
        2 => (node, any::<bool>()).prop_map(|(node, on)| Operation::Member(node, on)),
    ]
}

/// A node of the model.
#[derive(Default)]
struct Simple {
    items: Vec<u8>,
    is_subscribed: bool,
    is_whitelist: bool,
    is_member: bool,
}

impl Simple {
    fn is_open(&self) -> bool {
        !self.is_whitelist || self.is_member
    }

    /// What bob, who is subscribed or not, hears of an event.
    fn heard(&self, event: String) -> Vec<String> {
        (self.is_subscribed && self.is_open())
            .then_some(event)
            .into_iter()
            .collect()
    }
}

#[derive(Default)]
struct Model(BTreeMap<&'static str, Simple>);

impl Model {
    /// The outcome of an operation, and what bob hears.
    fn apply(&mut self, operation: &Operation) -> (&'static str, Vec<String>) {
        let (Operation::Create(index)
        | Operation::Delete(index)
        | Operation::Publish(index, _)
        | Operation::Retract(index, _)
        | Operation::Purge(index)
        | Operation::Subscribe(index)
        | Operation::Unsubscribe(index)
        | Operation::Whitelist(index, _)
        | Operation::Member(index, _)) = operation;
        let name = NODES[*index];
        if let Operation::Create(_) = operation {
            return match self.0.contains_key(name) {
                true => ("conflict", Vec::new()),
                false => {
                    self.0.insert(name, Simple::default());
                    ("result", Vec::new())
                }
            };
        }
        let Some(node) = self.0.get_mut(name) else {
            return ("item-not-found", Vec::new());
        };
        let from = SERVICE;
        match operation {
            Operation::Create(_) => unreachable!("done above"),
            Operation::Delete(_) => {
                let heard = node.heard(format!("{from} {name} delete"));
                self.0.remove(name);
                ("result", heard)
            }
            Operation::Publish(_, id) => {
                node.items.retain(|known| known != id);
                node.items.push(*id);
                let excess = node.items.len().saturating_sub(ITEMS_MAX);
                node.items.drain(..excess);
                ("result", node.heard(format!("{from} {name} item {id}")))
            }
            Operation::Retract(_, id) if node.items.contains(id) => {
                node.items.retain(|known| known != id);
                ("result", node.heard(format!("{from} {name} retract {id}")))
            }
            Operation::Retract(..) => ("item-not-found", Vec::new()),
            Operation::Purge(_) => {
                node.items.clear();
                ("result", node.heard(format!("{from} {name} purge")))
            }
            Operation::Subscribe(_) if !node.is_open() => ("not-allowed closed-node", Vec::new()),
            Operation::Subscribe(_) => {
                node.is_subscribed = true;
                ("result", Vec::new())
            }
            Operation::Unsubscribe(_) if !node.is_subscribed => ("unexpected-request not-subscribed", Vec::new()),
            Operation::Unsubscribe(_) => {
                node.is_subscribed = false;
                ("result", Vec::new())
            }
            Operation::Whitelist(_, on) => {
                node.is_whitelist = *on;
                ("result", Vec::new())
            }
            Operation::Member(_, on) => {
                node.is_member = *on;
                ("result", Vec::new())
            }
        }
    }
}

/// The same operation as a request; whether bob makes it, or ada, who owns the nodes.
fn request(operation: &Operation) -> (bool, String) {
    let item = |id: &u8| element("item", ns::PUBSUB).with("id", id.to_string()).build();
    match operation {
        Operation::Create(node) => {
            let create = element("create", ns::PUBSUB).with("node", NODES[*node]).build();
            let max_items = ITEMS_MAX.to_string();
            let form = submit(&[("max_items", &max_items), ("send_last_published_item", "never")]);
            let configure = element("configure", ns::PUBSUB).append(form).build();
            let pubsub = element("pubsub", ns::PUBSUB).append(create).append(configure);
            (false, text(&pubsub.build()))
        }
        Operation::Delete(node) => (false, of_owner("delete", NODES[*node])),
        Operation::Publish(node, id) => (false, publish(NODES[*node], &id.to_string())),
        Operation::Retract(node, id) => {
            let retract = element("retract", ns::PUBSUB).with("node", NODES[*node]);
            (false, verb(ns::PUBSUB, retract.append(item(id)).build()))
        }
        Operation::Purge(node) => (false, of_owner("purge", NODES[*node])),
        Operation::Subscribe(node) => (true, subscription("subscribe", NODES[*node], "bob@mon.example")),
        Operation::Unsubscribe(node) => (true, subscription("unsubscribe", NODES[*node], "bob@mon.example")),
        Operation::Whitelist(node, on) => {
            let model = if *on { "whitelist" } else { "open" };
            (false, configure(NODES[*node], &[("access_model", model)]))
        }
        Operation::Member(node, on) => {
            let change = element("affiliation", ns::PUBSUB_OWNER)
                .with("jid", "bob@mon.example")
                .with("affiliation", if *on { "member" } else { "none" });
            let list = element("affiliations", ns::PUBSUB_OWNER).with("node", NODES[*node]);
            (false, verb(ns::PUBSUB_OWNER, list.append(change.build()).build()))
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_engine_does_as_its_model(operations in proptest::collection::vec(operation(), 1..60)) {
        let bench = Bench::new();
        bench.store.accounts().set_role("ada", crate::stanza::Role::Operator).expect("ada");
        let (ada, bob) = (bench.online("ada/desk"), bench.online("bob/desk"));
        let mut model = Model::default();
        for operation in &operations {
            let (expected, hears) = model.apply(operation);
            let (is_bobs, payload) = request(operation);
            bob.elements();
            // An owner publishes into being what is not there.
            if let (Operation::Publish(..), "item-not-found") = (operation, expected) {
                continue;
            }
            let found = match is_bobs {
                true => outcome(&bob, "set", Some(SERVICE), &payload),
                false => outcome(&ada, "set", Some(SERVICE), &payload),
            };
            prop_assert_eq!(&found, expected, "{:?}", operation);
            if !is_bobs {
                prop_assert_eq!(events(&bob), hears, "{:?}", operation);
            }
        }
        let pep = bench.store.pep();
        let kept: BTreeSet<String> = pep.nodes(Owner::Service("pubsub")).into_iter().map(|(name, _)| name).collect();
        prop_assert_eq!(kept, model.0.keys().map(|name| (*name).to_owned()).collect::<BTreeSet<_>>());
        for (name, node) in &model.0 {
            let heads = pep.item_heads(Owner::Service("pubsub"), name);
            let ids: Vec<String> = heads.into_iter().map(|head| head.id).collect();
            let expected: Vec<String> = node.items.iter().map(u8::to_string).collect();
            prop_assert_eq!(ids, expected);
        }
    }
}
