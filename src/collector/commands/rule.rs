//! `rule`: shows a rule, changes it, makes one, switches it off, takes the change back. The hand-written file stays as it
//! is; a change goes before it.

use super::super::times::length;
use super::rules::{origin, said};
use super::{Desk, FORM_TYPE, given, refused};
use crate::monitor::rule::{Direction, Rule as Watched};
use crate::monitor::{Origin, REPEAT};
use crate::service::command::{Command, Given, Request, Stage, Step, Words};
use crate::service::form::{Field, FieldKind, Form, Values};
use crate::service::report::{NoteKind, Report};
use crate::stanza::{Role, StanzaError};
use std::collections::BTreeMap;
use std::time::Duration;

/// The choice that makes a rule.
const NEW: &str = "new";
/// What can be said of a rule, in the order of the form.
const KEYS: [&str; 9] = [
    "statistic",
    "direction",
    "warning",
    "critical",
    "clear",
    "for",
    "repeat",
    "labels",
    "message",
];

/// The command.
pub(super) struct Rule {
    desk: Desk,
}

impl Rule {
    pub(super) fn new(desk: Desk) -> Rule {
        Rule { desk }
    }

    fn known(&self, name: &str) -> Option<(Watched, Origin)> {
        self.desk.board.lock().desk.rules().all().remove(name)
    }

    fn choose(&self) -> Form {
        let field = Field::new(FieldKind::ListSingle, "rule", "Rule").required();
        let rules = self.desk.board.lock().desk.rules().all();
        let field = rules.iter().fold(field, |field, (name, (rule, from))| {
            field.choice(name, format!("{name} ({}): {}", origin(*from), said(rule)))
        });
        Form::new("Rules", "Choose a rule, or make one.")
            .typed(FORM_TYPE)
            .field(field.choice(NEW, "a new one"))
    }

    fn change(&self, name: &str) -> Form {
        let known = self.known(name);
        let blank = known.is_none();
        let rule = known.map_or_else(blank_rule, |(rule, _)| rule);
        let action = Field::new(FieldKind::ListSingle, "action", "Do")
            .value("set")
            .choice("set", "set it so")
            .choice("show", "only show it")
            .choice("off", "switch it off")
            .choice("reset", "take the change back");
        let form = Form::new("Rule", "Levels are in the statistic's units. An empty level is none.").typed(FORM_TYPE);
        let form = if blank {
            form.field(Field::new(FieldKind::TextSingle, "name", "Name").required())
        } else {
            form
        };
        let values = KEYS.into_iter().zip(written(&rule));
        values.fold(form.field(action), |form, (key, value)| {
            let field = Field::new(FieldKind::TextSingle, key, label(key));
            let field = match (key, blank) {
                ("direction", _) => Field::new(FieldKind::ListSingle, key, label(key))
                    .choice("above", "above the level")
                    .choice("below", "below the level"),
                ("statistic" | "clear" | "message", true) => field.required(),
                _ => field,
            };
            form.field(if value.is_empty() { field } else { field.value(value) })
        })
    }

    fn done(&self, request: &Request<'_>, name: &str, values: &Values) -> Result<Report, StanzaError> {
        let who = request.caller.jid.to_bare();
        let mut state = self.desk.board.lock();
        let wall = state.wall(request.now);
        let known = state.desk.rules().all().remove(name);
        match values.get("action") {
            Some("show") => {
                let (rule, from) = known.ok_or_else(|| refused("There is no such rule."))?;
                let text = format!("{name} ({}): {}\n{}", origin(from), said(&rule), rule.message);
                return Ok(Report::titled("Rule")
                    .with_entry("rule", "Rule", text.as_str())
                    .with_text(text));
            }
            Some("off") => state
                .desk
                .change_rule(name, None, who.as_str(), wall)
                .map_err(refused)?,
            Some("reset") => {
                if !state.desk.take_back_rule(name, who.as_str(), wall) {
                    return Err(refused(format!("Nothing of rule '{name}' was changed.")));
                }
            }
            _ => {
                let before = known.map_or_else(blank_rule, |(rule, _)| rule);
                let rule = understood(name, &before, values).map_err(refused)?;
                state
                    .desk
                    .change_rule(name, Some(rule), who.as_str(), wall)
                    .map_err(refused)?;
            }
        }
        let text = match state.desk.rules().all().remove(name) {
            Some((rule, from)) => format!("{name} ({}): {}", origin(from), said(&rule)),
            None => format!("{name} is gone."),
        };
        Ok(Report::note(NoteKind::Info, text))
    }
}

fn blank_rule() -> Watched {
    Watched {
        name: String::new(),
        statistic: String::new(),
        direction: Direction::Above,
        warning: None,
        critical: None,
        clear: f64::NAN,
        hold: Duration::ZERO,
        repeat: REPEAT,
        labels: BTreeMap::new(),
        message: "{name} {value}".to_owned(),
    }
}

fn label(key: &str) -> &'static str {
    match key {
        "statistic" => "Statistic (cpu#usage, disk/*#percent)",
        "direction" => "Bad is",
        "warning" => "Warning at",
        "critical" => "Critical at",
        "clear" => "Clear at",
        "for" => "Held for (5 min; 0 for at once)",
        "repeat" => "Reminder every (1h; 0 for never)",
        "labels" => "Labels (team=storage site=paris)",
        _ => "Message ({value}, {name}, {cpu#cores})",
    }
}

/// A rule as the form shows it.
fn written(rule: &Watched) -> [String; 9] {
    let level = |level: Option<f64>| level.filter(|level| level.is_finite()).map(|level| level.to_string());
    let time = |time: Duration| format!("{}s", time.as_secs());
    let labels = rule.labels.iter().map(|(key, value)| format!("{key}={value}"));
    [
        rule.statistic.clone(),
        if rule.direction == Direction::Above {
            "above"
        } else {
            "below"
        }
        .to_owned(),
        level(rule.warning).unwrap_or_default(),
        level(rule.critical).unwrap_or_default(),
        level(Some(rule.clear)).unwrap_or_default(),
        time(rule.hold),
        time(rule.repeat),
        labels.collect::<Vec<_>>().join(" "),
        rule.message.clone(),
    ]
}

/// The rule that a form means.
fn understood(name: &str, before: &Watched, values: &Values) -> Result<Watched, String> {
    let is_name = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    if !name.chars().all(is_name) || name == NEW {
        return Err(format!("'{name}' is no name: letters, digits, '-' and '_'."));
    }
    let text = |key: &str| values.get(key).unwrap_or_default().trim().to_owned();
    let level = |key: &str| match text(key).as_str() {
        "" | "none" => Ok(None),
        number => match number.trim_end_matches('%').parse::<f64>() {
            Ok(number) if number.is_finite() => Ok(Some(number)),
            _ => Err(format!("{key}: '{number}' is no number.")),
        },
    };
    let time = |key: &str| match text(key).as_str() {
        "" | "0" | "0s" | "none" | "never" => Ok(Duration::ZERO),
        said => {
            let mut words: Words = said.split_whitespace().map(str::to_owned).collect();
            let time = length(&mut words).filter(|_| words.is_empty());
            time.ok_or_else(|| format!("{key}: '{said}' is no time."))
        }
    };
    let pair = |word: &str| {
        let pair = word
            .split_once('=')
            .map(|(key, value)| (key.to_owned(), value.to_owned()));
        pair.ok_or_else(|| format!("labels: '{word}' is not KEY=VALUE."))
    };
    let rule = Watched {
        name: name.to_owned(),
        statistic: text("statistic"),
        direction: if text("direction") == "below" {
            Direction::Below
        } else {
            Direction::Above
        },
        warning: level("warning")?,
        critical: level("critical")?,
        clear: level("clear")?.unwrap_or(before.clear),
        hold: time("for")?,
        repeat: time("repeat")?,
        labels: text("labels").split_whitespace().map(pair).collect::<Result<_, _>>()?,
        message: text("message"),
    };
    if rule.clear.is_nan() {
        return Err("clear: give the level at which it is over.".to_owned());
    }
    Ok(rule)
}

/// `warning 80 critical 90 for 5 min message disk full`; a word that is not a key belongs to the value before it.
fn pairs(words: &mut Words) -> Result<Given, String> {
    let mut all = Given::new();
    while let Some(key) = words.pop_front() {
        let key = key.to_lowercase();
        if !KEYS.contains(&key.as_str()) {
            return Err(format!("I know no '{key}' of a rule, only {}.", KEYS.join(", ")));
        }
        let mut value = Vec::new();
        let is_key = |word: &String| key != "message" && KEYS.contains(&word.to_lowercase().as_str());
        while let Some(word) = words.front().filter(|word| !is_key(word)).cloned() {
            words.pop_front();
            value.push(word);
        }
        let value = value.join(" ").trim_matches('"').to_owned();
        all.insert(key, vec![if value.is_empty() { "none".to_owned() } else { value }]);
    }
    Ok(all)
}

impl Command for Rule {
    fn node(&self) -> &str {
        "rule"
    }

    fn name(&self) -> &str {
        "Change a rule"
    }

    fn usage(&self) -> &str {
        "NAME [off|reset|WHAT VALUE…]"
    }

    fn help(&self) -> &str {
        "see, change, make or switch off a rule"
    }

    fn topic(&self) -> &str {
        "'rule disk-space', 'rule disk-space warning 80 critical 90 clear 75', 'rule swap off', 'rule swap reset', \
         'rule hot statistic temperature#highest warning 80 clear 70 for 5 min message \"{value} hot\"'. What can be set: \
         statistic, direction, warning, critical, clear, for, repeat, labels, message. The configuration file stays as it is."
    }

    fn role(&self) -> Role {
        Role::Admin
    }

    fn read(&self, words: &mut Words, answers: &[Values]) -> Option<Result<Given, String>> {
        let Some(first) = answers.first() else {
            let name = words.front()?.to_lowercase();
            let known = self.known(&name).is_some();
            if known {
                words.pop_front();
            } else if words.len() == 1 {
                return Some(Err(format!("There is no rule '{name}'. Say 'rules'.")));
            }
            return Some(Ok(given([("rule", if known { name } else { NEW.to_owned() })])));
        };
        let name = if first.get("rule") == Some(NEW) {
            words.pop_front()
        } else {
            None
        };
        let action = match words.front().map(|word| word.to_lowercase()).as_deref() {
            None => Some("show"),
            Some("off") => Some("off"),
            Some("reset" | "default") => Some("reset"),
            Some("set") => {
                words.pop_front();
                None
            }
            Some(_) => None,
        };
        let mut all = match action {
            Some(action) => {
                words.pop_front();
                Ok(given([("action", action.to_owned())]))
            }
            None => pairs(words),
        };
        if let (Some(name), Ok(all)) = (name, &mut all) {
            all.insert("name".to_owned(), vec![name.to_lowercase()]);
        }
        Some(all)
    }

    fn step(&self, request: &Request<'_>) -> Result<Step, StanzaError> {
        let stage = |form: Form, last| {
            Ok(Step::Ask(Box::new(Stage {
                form,
                last,
                time_max: None,
                alone: false,
            })))
        };
        match request.answers {
            [] => stage(self.choose(), false),
            [first] => stage(self.change(first.get("rule").unwrap_or(NEW)), true),
            [first, values, ..] => {
                let name = values.get("name").or(first.get("rule")).unwrap_or(NEW);
                self.done(request, name, values).map(Step::Done)
            }
        }
    }
}
