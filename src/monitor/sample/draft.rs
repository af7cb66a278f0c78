//! Values on their way to nodes. What the catalogue does not know is dropped.

use super::super::catalogue::{Definition, GROUPS, Group, group};
use super::super::{Node, Reading, Statistic};
use std::collections::BTreeMap;

/// What one node has so far.
#[derive(Debug, Default)]
struct Values {
    statistics: Vec<Statistic>,
    detail: Option<String>,
}

/// A sample in the making.
#[derive(Debug, Default)]
pub(super) struct Draft {
    groups: BTreeMap<&'static str, Values>,
    members: BTreeMap<&'static str, Vec<(String, Values)>>,
}

impl Draft {
    /// A value of a group; absent when it could not be read.
    pub(super) fn put(&mut self, node: &str, name: &str, value: Option<f64>) {
        if let Some(group) = group(node)
            && let Some(statistic) = statistic(group.statistic(name), value)
        {
            self.groups.entry(group.node).or_default().statistics.push(statistic);
        }
    }

    /// A value of a member of a group.
    pub(super) fn put_member(&mut self, node: &str, member: &str, name: &str, value: Option<f64>) {
        if let Some(group) = group(node)
            && let Some(statistic) = statistic(group.member(name), value)
        {
            self.member(group, member).statistics.push(statistic);
        }
    }

    fn member(&mut self, group: &'static Group, member: &str) -> &mut Values {
        let members = self.members.entry(group.node).or_default();
        let index = match members.iter().position(|(known, _)| known == member) {
            Some(index) => index,
            None => {
                members.push((member.to_owned(), Values::default()));
                members.len() - 1
            }
        };
        &mut members[index].1
    }

    /// What somebody else has measured.
    pub(super) fn take(&mut self, reading: &Reading) {
        let (head, member) = match reading.node.split_once('/') {
            Some((head, member)) => (head, Some(member)),
            None => (reading.node.as_str(), None),
        };
        for (name, value) in &reading.values {
            match member {
                Some(member) => self.put_member(head, member, name, Some(*value)),
                None => self.put(head, name, Some(*value)),
            }
        }
        let Some(group) = group(head).filter(|_| reading.detail.is_some()) else {
            return;
        };
        let values = match member {
            Some(member) => self.member(group, member),
            None => self.groups.entry(group.node).or_default(),
        };
        values.detail.clone_from(&reading.detail);
    }

    /// The nodes, in the catalogue's order.
    pub(super) fn finish(mut self) -> Vec<Node> {
        let mut nodes = Vec::new();
        for group in GROUPS {
            if let Some(values) = self.groups.remove(group.node) {
                nodes.push(node(
                    group.node.to_owned(),
                    group.title.to_owned(),
                    values,
                    group.statistics,
                ));
            }
            let members = self.members.remove(group.node).unwrap_or_default();
            nodes.extend(members.into_iter().map(|(name, values)| {
                let (id, title) = (
                    [group.node, "/", &name].concat(),
                    [group.member_title, " ", &name].concat(),
                );
                node(id, title, values, group.members)
            }));
        }
        nodes
    }
}

fn node(id: String, title: String, values: Values, order: &[Definition]) -> Node {
    let mut statistics = values.statistics;
    statistics.sort_by_key(|statistic| order.iter().position(|definition| definition == statistic.definition));
    Node {
        id,
        title,
        statistics,
        detail: values.detail,
    }
}

fn statistic(definition: Option<&'static Definition>, value: Option<f64>) -> Option<Statistic> {
    Statistic::new(definition?, value?)
}
