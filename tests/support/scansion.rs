//! Dialogues as data, in scansion's format, and the comparison of what a dialogue expects with what arrived.
//!
//! A script names its clients, then says in order who connects, sends, receives and disconnects. What is received is
//! the *next* stanza, so a script is exact about order. Comparison is structural: namespaces, not prefixes; attributes
//! and children in any order; white space around text does not count. An attribute or text `{scansion:any}` stands for
//! any value, `{scansion:capture:NAME}` takes it, and `${NAME}` gives it back; `${Romeo's full JID}` and
//! `${Romeo's JID}` are a client's own. Attributes and children that the script does not name are errors, except where
//! it says `scansion:strict='false'`, and except `to`, `from`, `id` and `xml:lang` of the stanza itself. An account's role
//! (`role: operator`) is an addition of ours.

use super::node::{Child, Node};
use std::collections::BTreeMap;

/// The namespace of `scansion:strict`.
pub const NS: &str = "https://matthewwild.co.uk/projects/scansion";

/// One client of a script.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Actor {
    pub name: String,
    pub jid: String,
    pub password: String,
    /// The account's role; nothing is what an account has unless told otherwise.
    pub role: Option<String>,
}

/// One step of a script, with its line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    pub line: usize,
    pub actor: String,
    pub action: Action,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    Connects,
    Disconnects,
    Sends(String),
    Receives(String),
}

/// A script.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Script {
    pub actors: Vec<Actor>,
    pub steps: Vec<Step>,
}

impl Script {
    /// Reads a script; an error says the line.
    pub fn parse(text: &str) -> Result<Script, String> {
        let lines: Vec<&str> = text.lines().collect();
        let rule = lines
            .iter()
            .position(|line| line.len() >= 3 && line.chars().all(|c| c == '-'))
            .ok_or("no line of dashes between the clients and the steps")?;
        let mut script = Script {
            actors: parse_actors(&lines[..rule])?,
            steps: Vec::new(),
        };
        let mut at = rule + 1;
        while at < lines.len() {
            let (line, number) = (lines[at].trim_end(), at + 1);
            at += 1;
            if line.trim().is_empty() || line.starts_with('#') {
                continue;
            }
            if line.starts_with([' ', '\t']) {
                return Err(format!("line {number}: XML without a step: {line}"));
            }
            let block_end = lines[at..]
                .iter()
                .position(|line| !line.trim().is_empty() && !line.starts_with([' ', '\t']))
                .map_or(lines.len(), |offset| at + offset);
            let block = lines[at..block_end].join("\n").trim().to_owned();
            let (actor, action) = match line.rsplit_once(' ') {
                Some((actor, "connects")) => (actor, Action::Connects),
                Some((actor, "disconnects")) => (actor, Action::Disconnects),
                Some((actor, "sends:")) => (actor, Action::Sends(block.clone())),
                Some((actor, "receives:")) => (actor, Action::Receives(block.clone())),
                _ => return Err(format!("line {number}: no step: {line}")),
            };
            let takes_block = matches!(action, Action::Sends(_) | Action::Receives(_));
            if takes_block == block.is_empty() {
                return Err(format!("line {number}: XML missing, or where none belongs"));
            }
            if script.actor(actor).is_none() {
                return Err(format!("line {number}: no client {actor}"));
            }
            script.steps.push(Step {
                line: number,
                actor: actor.to_owned(),
                action,
            });
            at = block_end;
        }
        Ok(script)
    }

    pub fn actor(&self, name: &str) -> Option<&Actor> {
        self.actors.iter().find(|actor| actor.name == name)
    }
}

fn parse_actors(lines: &[&str]) -> Result<Vec<Actor>, String> {
    let mut actors: Vec<Actor> = Vec::new();
    for (number, line) in lines.iter().enumerate() {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        if let Some(name) = line.strip_prefix("[Client] ") {
            actors.push(Actor {
                name: name.to_owned(),
                jid: String::new(),
                password: String::new(),
                role: None,
            });
            continue;
        }
        match (line.split_once(": "), actors.last_mut()) {
            (Some(("jid", value)), Some(actor)) => actor.jid = value.to_owned(),
            (Some(("password", value)), Some(actor)) => actor.password = value.to_owned(),
            (Some(("role", value)), Some(actor)) => actor.role = Some(value.to_owned()),
            _ => return Err(format!("line {}: {line}", number + 1)),
        }
    }
    Ok(actors)
}

/// The values that a running script knows.
#[derive(Clone, Debug, Default)]
pub struct Values(BTreeMap<String, String>);

impl Values {
    pub fn set(&mut self, name: &str, value: &str) {
        self.0.insert(name.to_owned(), value.to_owned());
    }

    /// Replaces each `${NAME}`.
    pub fn fill(&self, text: &str) -> Result<String, String> {
        let mut out = String::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once("${") {
            let (name, after) = after.split_once('}').ok_or("${ without }")?;
            out.push_str(before);
            out.push_str(self.0.get(name).ok_or_else(|| format!("no value {name}"))?);
            rest = after;
        }
        out.push_str(rest);
        Ok(out)
    }
}

/// Compares a stanza with what was expected; captures go to `values`.
pub fn compare(expected: &Node, found: &Node, values: &mut Values) -> Result<(), String> {
    compare_node(expected, found, true, values)
}

const STRICT: &str = "{https://matthewwild.co.uk/projects/scansion}strict";

fn compare_node(expected: &Node, found: &Node, is_stanza: bool, values: &mut Values) -> Result<(), String> {
    if (&expected.name, &expected.ns) != (&found.name, &found.ns) {
        return Err(format!(
            "{{{}}}{} is not {{{}}}{}",
            found.ns, found.name, expected.ns, expected.name
        ));
    }
    let strict = expected.attr(STRICT) != Some("false");
    for (name, value) in expected.attrs.iter().filter(|(name, _)| *name != STRICT) {
        let is = found
            .attr(name)
            .ok_or_else(|| format!("{} has no {name}", found.name))?;
        compare_text(value, is, values).map_err(|why| format!("{name} of {}: {why}", found.name))?;
    }
    let may_be_left_out = |name: &str| is_stanza && matches!(name, "to" | "from" | "id" | "xml:lang");
    if strict
        && let Some(extra) = found
            .attrs
            .keys()
            .find(|k| !expected.attrs.contains_key(*k) && !may_be_left_out(k))
    {
        return Err(format!("{} has {extra}, which was not expected", found.name));
    }
    let (text, is) = (expected.text(), found.text());
    if strict || !text.trim().is_empty() {
        compare_text(text.trim(), is.trim(), values).map_err(|why| format!("text of {}: {why}", found.name))?;
    }
    let wanted: Vec<&Node> = nodes(expected);
    let mut left: Vec<&Node> = nodes(found);
    match_children(&wanted, &mut left, values).map_err(|why| format!("in {}: {why}", found.name))?;
    match left.first() {
        Some(extra) if strict => Err(format!("{} holds {extra}, which was not expected", found.name)),
        _ => Ok(()),
    }
}

fn nodes(node: &Node) -> Vec<&Node> {
    node.children
        .iter()
        .filter_map(|child| match child {
            Child::Node(node) => Some(node),
            Child::Text(_) => None,
        })
        .collect()
}

/// Finds a distinct child for each one wanted, in any order: the first assignment that holds for all.
fn match_children<'a>(wanted: &[&Node], left: &mut Vec<&'a Node>, values: &mut Values) -> Result<(), String> {
    let Some((first, rest)) = wanted.split_first() else {
        return Ok(());
    };
    let mut reason = format!("no {}", first.name);
    for at in 0..left.len() {
        let candidate: &'a Node = left[at];
        let mut tried = values.clone();
        match compare_node(first, candidate, false, &mut tried) {
            Ok(()) => {}
            Err(why) => {
                if candidate.name == first.name {
                    reason = why;
                }
                continue;
            }
        }
        left.remove(at);
        match match_children(rest, left, &mut tried) {
            Ok(()) => {
                *values = tried;
                return Ok(());
            }
            Err(why) => reason = why,
        }
        left.insert(at, candidate);
    }
    Err(reason)
}

fn compare_text(expected: &str, found: &str, values: &mut Values) -> Result<(), String> {
    if expected == "{scansion:any}" {
        return Ok(());
    }
    if let Some(name) = expected
        .strip_prefix("{scansion:capture:")
        .and_then(|rest| rest.strip_suffix('}'))
    {
        values.set(name, found);
        return Ok(());
    }
    match expected == found {
        true => Ok(()),
        false => Err(format!("{found:?} is not {expected:?}")),
    }
}
