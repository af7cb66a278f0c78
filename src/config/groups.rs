//! `[[group]]`: where collectors are found in whose rosters.

use super::rows::{Row, Rows};
use super::setting::{list, quoted};
use super::settings::Settings;
use crate::router::{Grouping, Introductions};
use crate::stanza::Role;
use serde::Deserialize;

/// Bytes of a group's name.
const NAME_BYTES_MAX: usize = 256;

/// One group.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GroupRow {
    name: String,
    #[serde(default)]
    collectors: Vec<String>,
    #[serde(default)]
    roles: Vec<Role>,
}

impl Row for GroupRow {
    const KEY: &'static str = "group";
    const EXAMPLE: &'static str = "name = \"Databases\"
collectors = [\"db1\", \"db2\"]
roles = [\"admin\", \"operator\"]
";

    fn body(&self) -> String {
        let roles = self.roles.iter().map(|role| role.as_str());
        format!(
            "name = {}\ncollectors = {}\nroles = {}\n",
            quoted(&self.name),
            list(&self.collectors),
            list(roles)
        )
    }

    fn check(&self) -> Result<(), String> {
        group(&self.name)?;
        let is_localpart = |name: &&String| !name.is_empty() && !name.contains(['@', '/']);
        match self.collectors.iter().find(|name| !is_localpart(name)) {
            Some(wrong) => Err(format!("collectors '{wrong}': write what stands before the @")),
            None => Ok(()),
        }
    }

    fn name(&self) -> &str {
        &self.name
    }
}

/// Whether a group can have that name.
///
/// # Errors
/// What is wrong with it.
pub fn group(name: &str) -> Result<(), String> {
    match (1..=NAME_BYTES_MAX).contains(&name.len()) {
        true => Ok(()),
        false => Err(format!(
            "the group's name '{name}' must have 1 to {NAME_BYTES_MAX} bytes"
        )),
    }
}

impl Settings {
    /// Who finds whom in the roster; `collector` is the built-in collector's name as an account, `host` the host's.
    pub fn introductions(&self, collector: &str, host: String) -> Introductions {
        let collector = || collector.to_owned();
        Introductions {
            names: [(collector(), host)].into(),
            watchers: self
                .watchers()
                .map(|watchers| (collector(), watchers))
                .into_iter()
                .collect(),
            groups: self.roster.groups.clone(),
            groupings: groupings(&self.group),
        }
    }
}

fn groupings(rows: &Rows<GroupRow>) -> Vec<Grouping> {
    let rows = rows.iter().map(|row| row.get_ref());
    rows.map(|row| Grouping {
        name: row.name.clone(),
        collectors: row.collectors.iter().map(|name| name.to_lowercase()).collect(),
        roles: row.roles.clone(),
    })
    .collect()
}
