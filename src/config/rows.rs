//! Settings that come in any number: shell commands and rules.

use super::document::Document;
use super::setting::{Setting, list, quoted};
use super::units::Time;
use crate::collector::{Parameter, ShellCommand};
use crate::monitor::REPEAT;
use crate::monitor::rule::{Direction, Rule};
use crate::stanza::Role;
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::Duration;
use toml::Spanned;

/// One of several tables under the same key.
pub trait Row: Sized {
    /// The key that the tables are under.
    const KEY: &'static str;

    /// What is shown when there is none.
    const EXAMPLE: &'static str;

    /// Its settings as TOML, without the header.
    fn body(&self) -> String;

    /// What is wrong with it, if anything.
    fn check(&self) -> Result<(), String>;

    /// Its name; no two rows have the same.
    fn name(&self) -> &str;
}

/// Tables under one key, each with its place in the file.
pub type Rows<T> = Vec<Spanned<T>>;

/// Checks every row.
///
/// # Errors
/// Where in the file, and what is wrong with which row.
pub fn check<T: Row>(rows: &Rows<T>) -> Result<(), (usize, String)> {
    let mut names = BTreeSet::new();
    for (index, row) in rows.iter().enumerate() {
        let name = row.get_ref().name();
        let unique = if names.insert(name) {
            Ok(())
        } else {
            Err(format!("the name '{name}' is taken"))
        };
        unique
            .and_then(|()| row.get_ref().check())
            .map_err(|error| (row.span().start, format!("{}: {error}", label::<T>(index, name))))?;
    }
    Ok(())
}

/// A row, as its operator knows it: by its name, or by its number when it has none.
fn label<T: Row>(index: usize, name: &str) -> String {
    match name.is_empty() {
        true => numbered(T::KEY, index + 1),
        false => format!("[[{}]] '{name}'", T::KEY),
    }
}

/// A row by its number, counted from 1.
pub fn numbered(key: &str, number: usize) -> String {
    format!("[[{key}]] number {number}")
}

impl<T: Row> Setting for Rows<T> {
    fn write(&self, _default: &Self, key: &str, meaning: &str, out: &mut Document) {
        let rows: Vec<String> = self.iter().map(|row| row.get_ref().body()).collect();
        out.tables(key, meaning, &rows, T::EXAMPLE);
    }
}

/// `[[command]]`: one program that may be run.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CommandRow {
    name: String,
    #[serde(default)]
    description: String,
    argv: Vec<String>,
    #[serde(default = "admin")]
    role: Role,
    #[serde(default)]
    parameters: Vec<ParameterRow>,
}

fn admin() -> Role {
    Role::Admin
}

/// One parameter of a `[[command]]`.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ParameterRow {
    name: String,
    #[serde(default)]
    label: String,
    #[serde(default)]
    choices: Vec<String>,
    #[serde(default)]
    secret: bool,
}

impl Row for CommandRow {
    const KEY: &'static str = "command";
    const EXAMPLE: &'static str = "name = \"restart\"
description = \"Restart a service\"
argv = [\"/usr/bin/systemctl\", \"restart\", \"{service}\"]
role = \"operator\"
parameters = [{ name = \"service\", label = \"Service\", choices = [\"nginx\", \"postgresql\"] }]
";

    fn body(&self) -> String {
        let parameters: Vec<String> = self.parameters.iter().map(ParameterRow::inline).collect();
        format!(
            "name = {}\ndescription = {}\nargv = {}\nrole = {}\nparameters = [{}]\n",
            quoted(&self.name),
            quoted(&self.description),
            list(&self.argv),
            quoted(self.role.as_str()),
            parameters.join(", ")
        )
    }

    fn check(&self) -> Result<(), String> {
        word("name", &self.name)?;
        program(&self.argv)?;
        let mut names = BTreeSet::new();
        for parameter in &self.parameters {
            word("parameters.name", &parameter.name)?;
            if !names.insert(&parameter.name) {
                return Err(format!("the parameter '{}' is there twice", parameter.name));
            }
            if !self.argv.contains(&format!("{{{}}}", parameter.name)) {
                return Err(format!(
                    "no argument is '{{{}}}', so that parameter is never used",
                    parameter.name
                ));
            }
        }
        self.unknown_placeholder(&names)
    }

    fn name(&self) -> &str {
        &self.name
    }
}

impl CommandRow {
    fn unknown_placeholder(&self, names: &BTreeSet<&String>) -> Result<(), String> {
        let placeholder = |argument: &String| argument.strip_prefix('{')?.strip_suffix('}').map(str::to_owned);
        match self
            .argv
            .iter()
            .filter_map(placeholder)
            .find(|name| !names.contains(name))
        {
            Some(name) => Err(format!("the argument '{{{name}}}' names no parameter")),
            None => Ok(()),
        }
    }

    /// As the collector wants it.
    pub fn to_shell_command(&self) -> ShellCommand {
        let parameter = |row: &ParameterRow| Parameter {
            name: row.name.clone(),
            label: if row.label.is_empty() {
                row.name.clone()
            } else {
                row.label.clone()
            },
            choices: row.choices.clone(),
            secret: row.secret,
        };
        ShellCommand {
            name: self.name.clone(),
            description: self.description.clone(),
            argv: self.argv.clone(),
            parameters: self.parameters.iter().map(parameter).collect(),
            role: self.role,
        }
    }
}

impl ParameterRow {
    fn inline(&self) -> String {
        let (name, label) = (quoted(&self.name), quoted(&self.label));
        let (choices, secret) = (list(&self.choices), self.secret);
        format!("{{ name = {name}, label = {label}, choices = {choices}, secret = {secret} }}")
    }
}

/// `[[rule]]`: when a statistic is a worry.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RuleRow {
    name: String,
    statistic: String,
    #[serde(default)]
    direction: Side,
    warning: Option<f64>,
    critical: Option<f64>,
    clear: f64,
    #[serde(default = "at_once", rename = "for")]
    hold: Time<0>,
    #[serde(default = "reminder")]
    repeat: Time<0>,
    #[serde(default)]
    labels: BTreeMap<String, String>,
    message: String,
}

fn reminder() -> Time<0> {
    Time(REPEAT)
}

fn at_once() -> Time<0> {
    Time(Duration::ZERO)
}

/// Which side of the threshold is bad.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Side {
    #[default]
    Above,
    Below,
}

impl Side {
    fn as_str(self) -> &'static str {
        match self {
            Side::Above => "above",
            Side::Below => "below",
        }
    }
}

impl Row for RuleRow {
    const KEY: &'static str = "rule";
    const EXAMPLE: &'static str = "name = \"disk-space\"
statistic = \"disk/*#percent\"
direction = \"above\"
warning = 80.0
critical = 90.0
clear = 75.0
for = \"1 min\"
repeat = \"4 h\"
labels = { team = \"storage\" }
message = \"disk {name} {value} full\"
";

    fn body(&self) -> String {
        let level = |key: &str, level: Option<f64>| level.map_or(String::new(), |level| format!("{key} = {level:?}\n"));
        let label = |(key, value): (&String, &String)| format!(" {} = {} ", quoted(key), quoted(value));
        let labels: Vec<String> = self.labels.iter().map(label).collect();
        format!(
            "name = {}\nstatistic = {}\ndirection = {}\n{}{}clear = {:?}\nfor = {}\nrepeat = {}\nlabels = {{{}}}\nmessage = {}\n",
            quoted(&self.name),
            quoted(&self.statistic),
            quoted(self.direction.as_str()),
            level("warning", self.warning),
            level("critical", self.critical),
            self.clear,
            self.hold,
            self.repeat,
            labels.join(", "),
            quoted(&self.message)
        )
    }

    fn check(&self) -> Result<(), String> {
        word("name", &self.name)?;
        let levels = [self.warning, self.critical, Some(self.clear)];
        if !levels.into_iter().flatten().all(f64::is_finite) {
            return Err("levels must be finite numbers".to_owned());
        }
        // The monitor names the rule itself; here every row is named alike.
        let named = format!("rule '{}': ", self.name);
        let checked = self.to_rule().check();
        checked.map_err(|error| error.strip_prefix(&named).unwrap_or(&error).to_owned())
    }

    fn name(&self) -> &str {
        &self.name
    }
}

impl RuleRow {
    /// As the monitor wants it.
    pub fn to_rule(&self) -> Rule {
        Rule {
            name: self.name.clone(),
            statistic: self.statistic.clone(),
            direction: if self.direction == Side::Above {
                Direction::Above
            } else {
                Direction::Below
            },
            warning: self.warning,
            critical: self.critical,
            clear: self.clear,
            hold: self.hold.0,
            repeat: self.repeat.0,
            labels: self.labels.clone(),
            message: self.message.clone(),
        }
    }
}

/// Checks that a text can be a name.
///
/// # Errors
/// It cannot.
pub fn word(key: &str, text: &str) -> Result<(), String> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    match !text.is_empty() && text.len() <= 64 && text.chars().all(allowed) {
        true => Ok(()),
        false => Err(format!("{key} '{text}' must be 1 to 64 letters, digits, '-' or '_'")),
    }
}

/// Checks that a program is one that only its owner can change (threat M07).
///
/// # Errors
/// What is wrong with it.
pub fn program(argv: &[String]) -> Result<(), String> {
    let Some(program) = argv.first() else {
        return Err("argv is empty: it starts with the program's absolute path".to_owned());
    };
    if !Path::new(program).is_absolute() {
        return Err(format!("'{program}' is not an absolute path"));
    }
    if argv.iter().any(|argument| argument.contains('\0')) {
        return Err("argv contains a NUL".to_owned());
    }
    let metadata = std::fs::metadata(program).map_err(|error| format!("'{program}' cannot be used: {error}"))?;
    match metadata.mode() {
        _ if !metadata.is_file() => Err(format!("'{program}' is not a file")),
        mode if mode & 0o111 == 0 => Err(format!("'{program}' is not executable")),
        mode if mode & 0o022 != 0 => Err(format!("others can change '{program}': run 'chmod go-w {program}'")),
        _ => Ok(()),
    }
}
