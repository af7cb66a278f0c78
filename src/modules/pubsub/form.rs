//! XEP-0004: Data Forms that are tables: what a field is, reads and writes. The form for people, what is submitted, and
//! what is only shown are all made from the one table.

use super::request::Fields;
use crate::stanza::ns;
use crate::xml::{Build, Element, element};

/// Values of a field with many.
const VALUES_MAX: usize = 256;
/// Bytes of one text.
const TEXT_BYTES_MAX: usize = 1_024;

/// A field: how it looks to people, and what it does to a record. `write` yields `None` for a bad value.
pub struct Field<T> {
    /// `var`: its name.
    pub var: &'static str,
    /// Its type.
    pub kind: &'static str,
    /// For people.
    pub label: &'static str,
    /// The values of a list.
    pub options: &'static [&'static str],
    /// Its values in a record.
    pub read: fn(&T) -> Vec<String>,
    /// Writes them.
    pub write: fn(&mut T, &[String]) -> Option<()>,
}

macro_rules! boolean_field {
    ($var:literal, $field:ident, $label:literal) => {
        Field {
            var: $var,
            kind: "boolean",
            label: $label,
            options: &[],
            read: |record| vec![if record.$field { "1" } else { "0" }.to_owned()],
            write: |record, values| {
                record.$field = $crate::modules::pubsub::form::boolean(values)?;
                Some(())
            },
        }
    };
}

macro_rules! choice_field {
    ($var:literal, $field:ident, $label:literal, $type:ty) => {
        Field {
            var: $var,
            kind: "list-single",
            label: $label,
            options: <$type>::WORDS,
            read: |record| vec![record.$field.as_str().to_owned()],
            write: |record, values| {
                record.$field = $crate::modules::pubsub::form::single(values)?.parse().ok()?;
                Some(())
            },
        }
    };
}

macro_rules! text_field {
    ($var:literal, $field:ident, $label:literal) => {
        Field {
            var: $var,
            kind: "text-single",
            label: $label,
            options: &[],
            read: |record| record.$field.iter().cloned().collect(),
            write: |record, values| {
                record.$field = $crate::modules::pubsub::form::text(values)?;
                Some(())
            },
        }
    };
}

macro_rules! texts_field {
    ($var:literal, $field:ident, $kind:literal, $label:literal) => {
        Field {
            var: $var,
            kind: $kind,
            label: $label,
            options: &[],
            read: |record| record.$field.clone(),
            write: |record, values| {
                record.$field = $crate::modules::pubsub::form::texts(values)?;
                Some(())
            },
        }
    };
}

/// A bound in numbers; `max`, or nothing, is none.
macro_rules! bound_field {
    ($var:literal, $field:ident, $label:literal) => {
        Field {
            var: $var,
            kind: "text-single",
            label: $label,
            options: &[],
            read: |record| vec![record.$field.map_or("max".to_owned(), |bound| bound.to_string())],
            write: |record, values| {
                record.$field = $crate::modules::pubsub::form::bound(values)?;
                Some(())
            },
        }
    };
}

pub(super) use {boolean_field, bound_field, choice_field, text_field, texts_field};

impl<T> Field<T> {
    /// The field as it is filled in.
    pub fn to_element(&self, record: &T) -> Element {
        let option = |option: &&str| element("option", ns::DATA_FORMS).append(value(option)).build();
        element("field", ns::DATA_FORMS)
            .with("var", self.var)
            .with("type", self.kind)
            .with("label", self.label)
            .append_all((self.read)(record).iter().map(|text| value(text)))
            .append_all(self.options.iter().map(option))
            .build()
    }
}

/// A form with fields: `kind` is `form` or `result`.
pub fn form(kind: &'static str, form_type: &str, fields: impl IntoIterator<Item = Element>) -> Element {
    let head = element("field", ns::DATA_FORMS)
        .with("var", "FORM_TYPE")
        .with("type", "hidden")
        .append(value(form_type));
    element("x", ns::DATA_FORMS)
        .with("type", kind)
        .append(head.build())
        .append_all(fields)
        .build()
}

/// Writes what was submitted into a record. Fields that are not in the table are left alone.
///
/// # Errors
/// The first field with a value that it cannot have.
pub fn fill<'a, T: 'a>(
    table: impl Iterator<Item = &'a Field<T>> + Clone,
    record: &mut T,
    submitted: &Fields,
) -> Result<(), &'a Field<T>> {
    for (var, values) in submitted {
        if let Some(field) = table.clone().find(|field| field.var == var) {
            (field.write)(record, values).ok_or(field)?;
        }
    }
    Ok(())
}

/// `<value/>` with a text.
pub fn value(text: &str) -> Element {
    element("value", ns::DATA_FORMS).append(text).build()
}

/// The value of a field with one.
pub fn single(values: &[String]) -> Option<&str> {
    match values {
        [value] => Some(value),
        _ => None,
    }
}

/// Yes or no.
pub fn boolean(values: &[String]) -> Option<bool> {
    match single(values)? {
        "1" | "true" => Some(true),
        "0" | "false" => Some(false),
        _ => None,
    }
}

/// At most one; an empty one is none.
pub fn text(values: &[String]) -> Option<Option<String>> {
    match values {
        [] => Some(None),
        [text] if text.len() <= TEXT_BYTES_MAX => Some((!text.is_empty()).then(|| text.clone())),
        _ => None,
    }
}

/// Some, each once; empty ones are none.
pub fn texts(values: &[String]) -> Option<Vec<String>> {
    let bounded = values.len() <= VALUES_MAX && values.iter().all(|text| text.len() <= TEXT_BYTES_MAX);
    let mut texts: Vec<String> = Vec::new();
    for text in values.iter().filter(|text| !text.is_empty()) {
        if !texts.contains(text) {
            texts.push(text.clone());
        }
    }
    bounded.then_some(texts)
}

/// A number; `max`, or nothing, is none.
pub fn bound(values: &[String]) -> Option<Option<u32>> {
    match values {
        [] => Some(None),
        [text] if text.is_empty() || text == "max" => Some(None),
        [number] => Some(Some(number.parse().ok()?)),
        _ => None,
    }
}
