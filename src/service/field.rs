//! XEP-0004: Data Forms: one field, and what may be said in it.

use crate::stanza::{ns, parse_jid};
use crate::xml::{Build, Element, element};
use std::sync::Arc;

/// Characters of a single-line value.
const LINE_CHARS_MAX: usize = 1_024;
/// Bytes of all lines of a multi-line value.
const TEXT_BYTES_MAX: usize = 16 * 1024;
/// Values of one field.
const VALUES_MAX: usize = 256;

/// The field types (XEP-0004 section 3.3) in use here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FieldKind {
    /// Either-or.
    Boolean,
    /// Text for people; never submitted.
    Fixed,
    /// Given back as it is.
    Hidden,
    /// JIDs.
    JidMulti,
    /// One JID.
    JidSingle,
    /// Some of the choices.
    ListMulti,
    /// One of the choices.
    ListSingle,
    /// Lines.
    TextMulti,
    /// One line, obscured.
    TextPrivate,
    /// One line.
    TextSingle,
}

impl FieldKind {
    /// The `type` attribute.
    pub fn name(self) -> &'static str {
        match self {
            FieldKind::Boolean => "boolean",
            FieldKind::Fixed => "fixed",
            FieldKind::Hidden => "hidden",
            FieldKind::JidMulti => "jid-multi",
            FieldKind::JidSingle => "jid-single",
            FieldKind::ListMulti => "list-multi",
            FieldKind::ListSingle => "list-single",
            FieldKind::TextMulti => "text-multi",
            FieldKind::TextPrivate => "text-private",
            FieldKind::TextSingle => "text-single",
        }
    }

    fn is_multi(self) -> bool {
        matches!(self, FieldKind::JidMulti | FieldKind::ListMulti | FieldKind::TextMulti)
    }

    fn is_input(self) -> bool {
        !matches!(self, FieldKind::Fixed | FieldKind::Hidden)
    }
}

/// A field's own check: what is wrong with a value, as the end of a sentence.
pub type Check = Arc<dyn Fn(&str) -> Result<(), String> + Send + Sync>;

/// One field as declared.
#[derive(Clone)]
pub struct Field {
    /// `var`: its name.
    pub var: String,
    /// Its type.
    pub kind: FieldKind,
    /// For people.
    pub label: String,
    /// Whether it must be given.
    pub required: bool,
    /// What holds when it is not given.
    pub values: Vec<String>,
    /// Values allowed in a list, with their labels.
    pub choices: Vec<(String, String)>,
    check: Option<Check>,
}

impl Field {
    /// A field that may be left out.
    pub fn new(kind: FieldKind, var: impl Into<String>, label: impl Into<String>) -> Field {
        Field {
            var: var.into(),
            kind,
            label: label.into(),
            required: false,
            values: Vec::new(),
            choices: Vec::new(),
            check: None,
        }
    }

    /// It must be given.
    pub fn required(mut self) -> Field {
        self.required = true;
        self
    }

    /// What holds when it is not given.
    pub fn value(mut self, value: impl Into<String>) -> Field {
        self.values.push(value.into());
        self
    }

    /// One more value allowed in a list.
    pub fn choice(mut self, value: impl Into<String>, label: impl Into<String>) -> Field {
        self.choices.push((value.into(), label.into()));
        self
    }

    /// A check of each value beyond its type.
    pub fn check(mut self, check: impl Fn(&str) -> Result<(), String> + Send + Sync + 'static) -> Field {
        self.check = Some(Arc::new(check));
        self
    }

    /// Whether a person fills it in.
    pub fn is_input(&self) -> bool {
        self.kind.is_input()
    }

    /// Whether it takes all the rest of what is said.
    pub(super) fn takes_all(&self) -> bool {
        self.kind.is_multi()
    }

    /// Whether something must be given, because nothing holds otherwise.
    pub fn is_open(&self) -> bool {
        self.is_input() && self.required && self.values.is_empty()
    }

    pub(super) fn to_element(&self) -> Element {
        let mut field = element("field", ns::DATA_FORMS).with("type", self.kind.name());
        if !self.var.is_empty() {
            field = field.with("var", &self.var);
        }
        if !self.label.is_empty() {
            field = field.with("label", &self.label);
        }
        if self.required {
            field = field.append(element("required", ns::DATA_FORMS).build());
        }
        field
            .append_all(self.values.iter().map(|text| value(text)))
            .append_all(self.choices.iter().map(|(text, label)| {
                element("option", ns::DATA_FORMS)
                    .with("label", label)
                    .append(value(text))
                    .build()
            }))
            .build()
    }

    /// The values given, normalised; or what is wrong with them.
    pub(super) fn validate(&self, given: Option<Vec<String>>) -> Result<Vec<String>, String> {
        let Some(mut given) = given.filter(|_| self.kind != FieldKind::Hidden) else {
            return match self.is_open() {
                true => Err("is required".to_owned()),
                false => Ok(self.values.clone()),
            };
        };
        // A field left empty is sent with an empty value by some clients, with none by others.
        if given.iter().all(String::is_empty) {
            given.clear();
        }
        if given.is_empty() && self.required {
            return Err("is required".to_owned());
        }
        if given.len() > if self.kind.is_multi() { VALUES_MAX } else { 1 } {
            return Err("has too many values".to_owned());
        }
        if given.iter().map(String::len).sum::<usize>() > TEXT_BYTES_MAX {
            return Err("is too long".to_owned());
        }
        given.into_iter().map(|value| self.validate_one(value)).collect()
    }

    fn validate_one(&self, value: String) -> Result<String, String> {
        let value = match self.kind {
            FieldKind::Boolean => match value.as_str() {
                "1" | "true" => "true".to_owned(),
                "0" | "false" => "false".to_owned(),
                _ => return Err("is neither true nor false".to_owned()),
            },
            FieldKind::ListSingle | FieldKind::ListMulti if !self.choices.iter().any(|(known, _)| *known == value) => {
                return Err("is none of the choices".to_owned());
            }
            FieldKind::JidMulti | FieldKind::JidSingle => match parse_jid(&value) {
                Some(jid) => jid.to_string(),
                None => return Err("is no JID".to_owned()),
            },
            FieldKind::TextSingle | FieldKind::TextPrivate => line(value)?,
            _ => value,
        };
        match &self.check {
            Some(check) => check(&value).map(|()| value),
            None => Ok(value),
        }
    }
}

fn line(value: String) -> Result<String, String> {
    if value.chars().count() > LINE_CHARS_MAX {
        return Err("is too long".to_owned());
    }
    if value.chars().any(|c| c.is_control()) {
        return Err("has a line break or a control character".to_owned());
    }
    Ok(value)
}

/// `<value/>` with a text.
pub fn value(text: &str) -> Element {
    element("value", ns::DATA_FORMS).append(text).build()
}
