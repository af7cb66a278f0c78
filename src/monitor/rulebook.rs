//! The rules in force: those of the configuration, and what people have changed of them while it runs.
//!
//! Changes are kept apart from the hand-written file, and go before it, until somebody takes them back.

use super::memory::Memory;
use super::rule::Rule;
use std::collections::BTreeMap;
use std::sync::Arc;

/// The key of the changes in [`Memory`].
const KEY: &str = "rules";

/// Where a rule comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// The configuration, or what is built in.
    File,
    /// Somebody's change.
    Changed,
    /// Switched off by somebody.
    Off,
}

/// The rules by their names.
pub struct Rulebook {
    memory: Arc<dyn Memory>,
    file: Vec<Rule>,
    /// By name; `None` is switched off.
    changes: BTreeMap<String, Option<Rule>>,
    changes_max: usize,
}

impl Rulebook {
    /// The rules of the configuration, with the changes of earlier processes. A change that makes no sense any more is
    /// left out, and logged.
    pub fn new(memory: Arc<dyn Memory>, file: Vec<Rule>, changes_max: usize) -> Rulebook {
        let mut changes: BTreeMap<String, Option<Rule>> = memory
            .load(KEY)
            .and_then(|text| serde_json::from_str(&text).ok())
            .unwrap_or_default();
        changes.retain(|_, change| match change.as_ref().map_or(Ok(()), Rule::check) {
            Ok(()) => true,
            Err(error) => {
                tracing::warn!(%error, "a rule that was changed is left out");
                false
            }
        });
        Rulebook {
            memory,
            file,
            changes,
            changes_max,
        }
    }

    /// The rules in force.
    pub fn rules(&self) -> Vec<Rule> {
        let file = self.file.iter().filter(|rule| !self.changes.contains_key(&rule.name));
        file.chain(self.changes.values().flatten()).cloned().collect()
    }

    /// Every rule with where it comes from, one that is off as the configuration has it; by name.
    pub fn all(&self) -> BTreeMap<String, (Rule, Origin)> {
        let mut all: BTreeMap<String, (Rule, Origin)> = BTreeMap::new();
        for rule in &self.file {
            all.insert(rule.name.clone(), (rule.clone(), Origin::File));
        }
        for (name, change) in &self.changes {
            match (change, all.get_mut(name)) {
                (Some(rule), _) => drop(all.insert(name.clone(), (rule.clone(), Origin::Changed))),
                (None, Some((_, origin))) => *origin = Origin::Off,
                (None, None) => {}
            }
        }
        all
    }

    /// Sets a rule, or switches it off.
    ///
    /// # Errors
    /// A sentence for whoever asked: it makes no sense, is not there, or there are too many.
    pub fn change(&mut self, name: &str, rule: Option<Rule>) -> Result<(), String> {
        match &rule {
            Some(rule) => rule.check()?,
            None if !self.all().contains_key(name) => return Err(format!("There is no rule '{name}'.")),
            None => {}
        }
        if !self.changes.contains_key(name) && self.changes.len() >= self.changes_max {
            tracing::warn!(limit = self.changes_max, "no room for more changed rules: limits.rules");
            return Err(format!(
                "{} rules are changed already; take one back first.",
                self.changes_max
            ));
        }
        let own = self.file.iter().all(|rule| rule.name != name);
        match rule {
            // What only a change has made is gone when it is switched off.
            None if own => drop(self.changes.remove(name)),
            rule => drop(self.changes.insert(name.to_owned(), rule)),
        }
        self.save();
        Ok(())
    }

    /// Takes a change back; `false` when there is none.
    pub fn take_back(&mut self, name: &str) -> bool {
        let gone = self.changes.remove(name).is_some();
        if gone {
            self.save();
        }
        gone
    }

    fn save(&self) {
        if let Ok(text) = serde_json::to_string(&self.changes) {
            self.memory.save(KEY, &text);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::default_rules;
    use super::super::memory::tests::Notebook;
    use super::*;

    #[test]
    fn a_change_goes_before_the_file_survives_a_restart_and_can_be_taken_back() {
        let notebook = Arc::new(Notebook::default());
        let open = || Rulebook::new(notebook.clone(), default_rules(), 2);
        let warning = |book: &Rulebook, name: &str| {
            let rule = book.rules().into_iter().find(|rule| rule.name == name);
            rule.map(|rule| rule.warning)
        };
        let mut book = open();
        let swap = default_rules()
            .into_iter()
            .find(|rule| rule.name == "swap")
            .expect("built in");
        let changed = Rule {
            warning: Some(60.0),
            ..swap
        };
        book.change("swap", Some(changed.clone())).expect("it makes sense");
        book.change("memory", None).expect("it is there");
        let mut book = open();
        assert_eq!(
            (warning(&book, "swap"), warning(&book, "memory")),
            (Some(Some(60.0)), None)
        );
        assert_eq!(book.all()["memory"].1, Origin::Off);
        assert!(book.change("cpu-load", None).is_err(), "limits.rules");
        assert!(book.change("nothing", None).is_err());
        let wrong = Rule { clear: 70.0, ..changed };
        assert!(book.change("swap", Some(wrong)).is_err());
        assert!(book.take_back("swap") && !book.take_back("swap"));
        assert_eq!(warning(&open(), "swap"), Some(Some(50.0)));
    }
}
