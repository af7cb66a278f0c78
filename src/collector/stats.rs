//! XEP-0039: Statistics Gathering. Names are `NODE/NAME`; of a node that is asked for, `NAME`.

use super::{Collector, no_such_node};
use crate::monitor::{Snapshot, Statistic};
use crate::stanza::{StanzaError, ns};
use crate::xml::{Build, Element, element};

impl Collector {
    /// The names of all statistics, or the values of those that are asked for.
    pub(super) fn stats(&self, query: &Element) -> Result<Element, StanzaError> {
        let node = query.attr("node").filter(|node| !node.is_empty());
        let snapshot = self.board.snapshot();
        let known = snapshot
            .as_deref()
            .map(|snapshot| named(snapshot, node))
            .unwrap_or_default();
        if known.is_empty() && node.is_some() {
            return Err(no_such_node());
        }
        let wanted: Vec<&str> = query
            .children()
            .filter(|child| child.is("stat", ns::STATS))
            .map(|stat| stat.attr("name").unwrap_or_default())
            .collect();
        let answer = element("query", ns::STATS).with_some("node", node);
        let answer = match wanted.is_empty() {
            true => answer.append_all(known.iter().map(|(name, _)| stat(name).build())),
            false => answer.append_all(wanted.into_iter().map(|name| {
                let found = known.iter().find(|(known, _)| known == name);
                found.map_or_else(|| missing(name), |(name, statistic)| present(name, statistic))
            })),
        };
        Ok(answer.build())
    }
}

fn named<'a>(snapshot: &'a Snapshot, wanted: Option<&str>) -> Vec<(String, &'a Statistic)> {
    let nodes = snapshot
        .nodes
        .iter()
        .filter(|node| wanted.is_none_or(|wanted| node.id == wanted));
    let names = nodes.flat_map(|node| node.statistics.iter().map(move |statistic| (node, statistic)));
    names
        .map(|(node, statistic)| match wanted {
            Some(_) => (statistic.definition.name.to_owned(), statistic),
            None => ([&node.id, "/", statistic.definition.name].concat(), statistic),
        })
        .collect()
}

fn stat(name: &str) -> minidom::element::ElementBuilder {
    element("stat", ns::STATS).with("name", name)
}

fn present(name: &str, statistic: &Statistic) -> Element {
    stat(name)
        .with("units", statistic.definition.units.name().unwrap_or_default())
        .with("value", statistic.number())
        .build()
}

fn missing(name: &str) -> Element {
    let error = element("error", ns::STATS).with("code", "404").append("Not Found");
    stat(name).append(error.build()).build()
}
