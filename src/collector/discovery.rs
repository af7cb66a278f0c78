//! XEP-0030: Service Discovery: the catalogue of statistics, and XEP-0050's list of commands.

use super::presence::CAPS_NODE;
use super::{Asked, Collector, no_such_node};
use crate::monitor::{Node, Snapshot, Statistic, group};
use crate::service::caps::{Algorithm, ver};
use crate::service::disco::{Info, Items};
use crate::stanza::{Role, StanzaError, ns};
use crate::xml::{Build, Element, element};

/// What the collector can do.
const FEATURES: &[&str] = &[
    ns::CODEBITS,
    "codebits+notify",
    ns::DISCO_INFO,
    ns::DISCO_ITEMS,
    ns::CAPS,
    ns::COMMANDS,
    ns::DATA_FORMS,
    ns::STATS,
    ns::LAST,
    ns::PING,
    ns::TIME,
    ns::VERSION,
    ns::VCARD,
];

impl Collector {
    /// What the collector is; the bare JID is also an account with PEP.
    pub(super) fn own_info(&self, bare: bool) -> Info {
        let info = Info::new(None)
            .identity("monitor", "server", "XMPP Monitor")
            .identity("client", "bot", &self.options.host)
            .features(FEATURES.iter().copied());
        match bare {
            true => info
                .identity("account", "registered", "")
                .identity("pubsub", "pep", "")
                .features(self.account_features.iter().cloned()),
            false => info,
        }
    }

    pub(super) fn disco_info(&self, asked: &Asked<'_>) -> Result<Element, StanzaError> {
        let node = asked.payload.attr("node").filter(|node| !node.is_empty());
        let info = match node {
            None => self.own_info(asked.bare),
            Some(node) if self.is_caps_node(node) => Info {
                node: Some(node.to_owned()),
                ..self.own_info(false)
            },
            Some(ns::COMMANDS) => Info::new(node)
                .identity("automation", "command-list", "Commands")
                .features([ns::DISCO_INFO, ns::DISCO_ITEMS, ns::COMMANDS]),
            Some(name) => match self.command_info(name, asked.role)? {
                Some(info) => info,
                None => self.statistics_info(name).ok_or_else(no_such_node)?,
            },
        };
        Ok(info.to_element())
    }

    /// The node under which our capabilities are asked for.
    fn is_caps_node(&self, node: &str) -> bool {
        let own = ver(&self.own_info(false), Algorithm::Sha1);
        node.strip_prefix(CAPS_NODE)
            .and_then(|rest| rest.strip_prefix('#'))
            .is_some_and(|asked| own.is_ok_and(|own| own == asked))
    }

    fn command_info(&self, node: &str, role: Role) -> Result<Option<Info>, StanzaError> {
        if self.commands.get(node).is_none() {
            return Ok(None);
        }
        let command = self.commands.authorized(node, role)?;
        let info = Info::new(Some(node))
            .identity("automation", "command-node", command.name())
            .features([ns::COMMANDS, ns::DATA_FORMS]);
        Ok(Some(info))
    }

    fn statistics_info(&self, id: &str) -> Option<Info> {
        let snapshot = self.board.snapshot()?;
        let node = snapshot.node(id)?;
        let kind = if has_members(&snapshot, node) { "branch" } else { "leaf" };
        let info = Info::new(Some(id))
            .identity("monitor", "server", &node.title)
            .identity("hierarchy", kind, &node.title)
            .features([ns::CODEBITS, ns::DISCO_INFO, ns::DISCO_ITEMS, ns::STATS])
            .form(form(node));
        Some(node.statistics.iter().map(statistic).fold(info, Info::extra))
    }

    pub(super) fn disco_items(&self, asked: &Asked<'_>) -> Result<Element, StanzaError> {
        let node = asked.payload.attr("node").filter(|node| !node.is_empty());
        let items = Items::new(node);
        let items = match node {
            None => self
                .board
                .snapshot()
                .iter()
                .flat_map(|snapshot| snapshot.groups())
                .fold(items, |items, group| {
                    items.item(&asked.to, Some(&group.id), Some(&group.title))
                }),
            Some(ns::COMMANDS) => self.commands.allowed(asked.role).fold(items, |items, command| {
                items.item(&asked.to, Some(command.node()), Some(command.name()))
            }),
            Some(name) if self.command_info(name, asked.role)?.is_some() => items,
            Some(name) => {
                let snapshot = self.board.snapshot().ok_or_else(no_such_node)?;
                snapshot.node(name).ok_or_else(no_such_node)?;
                snapshot.members(name).fold(items, |items, member| {
                    items.item(&asked.to, Some(&member.id), Some(&member.title))
                })
            }
        };
        Ok(items.to_element())
    }
}

fn has_members(snapshot: &Snapshot, node: &Node) -> bool {
    group(&node.id).is_some() && snapshot.members(&node.id).next().is_some()
}

/// The talk's own element: `<statistic xmlns='codebits' name='5-min' value='0.4'/>`.
pub(super) fn statistic(statistic: &Statistic) -> Element {
    element("statistic", ns::CODEBITS)
        .with("name", statistic.definition.name)
        .with_some("units", statistic.definition.units.name())
        .with("value", statistic.number())
        .build()
}

/// The same values as a form (XEP-0128), which stock clients show.
fn form(node: &Node) -> Element {
    let value = |text: String| element("value", ns::DATA_FORMS).append(text).build();
    let head = element("field", ns::DATA_FORMS)
        .with("var", "FORM_TYPE")
        .with("type", "hidden")
        .append(value(ns::CODEBITS.to_owned()));
    let field = |statistic: &Statistic| {
        let definition = statistic.definition;
        let label = match definition.units.name() {
            Some(units) => format!("{} ({units})", definition.title),
            None => definition.title.to_owned(),
        };
        element("field", ns::DATA_FORMS)
            .with("var", definition.name)
            .with("type", "text-single")
            .with("label", label)
            .append(value(statistic.number()))
            .build()
    };
    element("x", ns::DATA_FORMS)
        .with("type", "result")
        .append(head.build())
        .append_all(node.statistics.iter().map(field))
        .build()
}
