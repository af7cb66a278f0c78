//! XEP-0004: Data Forms: a form as declared, and what is submitted to it, validated.

use crate::stanza::{ns, parse_jid};
use crate::xml::{Build, Element, element};
use std::collections::BTreeMap;
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
            FieldKind::JidSingle => "jid-single",
            FieldKind::ListMulti => "list-multi",
            FieldKind::ListSingle => "list-single",
            FieldKind::TextMulti => "text-multi",
            FieldKind::TextPrivate => "text-private",
            FieldKind::TextSingle => "text-single",
        }
    }

    fn is_multi(self) -> bool {
        matches!(self, FieldKind::ListMulti | FieldKind::TextMulti)
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
    /// What it means, for people.
    pub description: String,
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
            description: String::new(),
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

    /// What it means.
    pub fn describe(mut self, description: impl Into<String>) -> Field {
        self.description = description.into();
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

    fn to_element(&self) -> Element {
        let mut field = element("field", ns::DATA_FORMS).with("type", self.kind.name());
        if !self.var.is_empty() {
            field = field.with("var", &self.var);
        }
        if !self.label.is_empty() {
            field = field.with("label", &self.label);
        }
        if !self.description.is_empty() {
            field = field.append(
                element("desc", ns::DATA_FORMS)
                    .append(self.description.as_str())
                    .build(),
            );
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
    fn validate(&self, given: Option<Vec<String>>) -> Result<Vec<String>, String> {
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
            FieldKind::JidSingle => match parse_jid(&value) {
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
pub(super) fn value(text: &str) -> Element {
    element("value", ns::DATA_FORMS).append(text).build()
}

/// A submission that does not fit its form.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("Field '{field}' {why}.")]
pub struct Invalid {
    /// The field's `var`.
    pub field: String,
    /// What is wrong, as the end of a sentence.
    pub why: String,
}

/// What was submitted, validated: every declared field is there, with its default when it was left out.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Values(BTreeMap<String, Vec<String>>);

impl Values {
    /// The first value of a field.
    pub fn get(&self, var: &str) -> Option<&str> {
        self.all(var).first().map(String::as_str)
    }

    /// All values of a field.
    pub fn all(&self, var: &str) -> &[String] {
        self.0.get(var).map_or(&[], Vec::as_slice)
    }

    /// Whether a boolean field is true.
    pub fn is_true(&self, var: &str) -> bool {
        self.get(var) == Some("true")
    }
}

/// A form to be filled in.
#[derive(Clone, Default)]
pub struct Form {
    /// `FORM_TYPE` (XEP-0068), if it has one.
    pub form_type: Option<String>,
    /// For people.
    pub title: String,
    /// What to do, for people.
    pub instructions: String,
    /// In order.
    pub fields: Vec<Field>,
}

impl Form {
    /// A form without fields.
    pub fn new(title: impl Into<String>, instructions: impl Into<String>) -> Form {
        Form {
            form_type: None,
            title: title.into(),
            instructions: instructions.into(),
            fields: Vec::new(),
        }
    }

    /// Its `FORM_TYPE`.
    pub fn typed(mut self, form_type: &str) -> Form {
        self.form_type = Some(form_type.to_owned());
        self
    }

    /// One more field.
    pub fn field(mut self, field: Field) -> Form {
        self.fields.push(field);
        self
    }

    /// Whether a person must give something.
    pub fn is_open(&self) -> bool {
        self.fields.iter().any(Field::is_open)
    }

    /// The `<x type='form'/>` element.
    pub fn to_element(&self) -> Element {
        let text = |name: &str, text: &str| element(name, ns::DATA_FORMS).append(text).build();
        let mut form = element("x", ns::DATA_FORMS).with("type", "form");
        if !self.title.is_empty() {
            form = form.append(text("title", &self.title));
        }
        if !self.instructions.is_empty() {
            form = form.append(text("instructions", &self.instructions));
        }
        if let Some(form_type) = &self.form_type {
            form = form.append(
                Field::new(FieldKind::Hidden, "FORM_TYPE", "")
                    .value(form_type)
                    .to_element(),
            );
        }
        form.append_all(self.fields.iter().map(Field::to_element)).build()
    }

    /// Reads a submitted `<x/>`. Unknown fields are ignored; `None` is a submission without fields.
    ///
    /// # Errors
    /// Names the field that does not fit.
    pub fn read(&self, submitted: Option<&Element>) -> Result<Values, Invalid> {
        let mut given = BTreeMap::new();
        if let Some(x) = submitted {
            // XEP-0050 section 3.4: a responder takes `cancel` for `submit`.
            if !matches!(x.attr("type"), Some("submit" | "cancel")) {
                return Err(invalid("type", "of the form is not 'submit'"));
            }
            for field in x.children().filter(|child| child.is("field", ns::DATA_FORMS)) {
                let var = field.attr("var").unwrap_or_default();
                let values = field.children().filter(|child| child.is("value", ns::DATA_FORMS));
                if given
                    .insert(var.to_owned(), values.map(Element::text).collect())
                    .is_some()
                {
                    return Err(invalid(var, "is there twice"));
                }
            }
        }
        self.validate(given)
    }

    /// Validates values by field name, wherever they come from.
    ///
    /// # Errors
    /// Names the field that does not fit.
    pub fn validate(&self, mut given: BTreeMap<String, Vec<String>>) -> Result<Values, Invalid> {
        if let (Some(expected), Some(found)) = (&self.form_type, given.get("FORM_TYPE"))
            && found != &[expected.clone()]
        {
            return Err(invalid("FORM_TYPE", "is another form's"));
        }
        let mut values = BTreeMap::new();
        for field in self.fields.iter().filter(|field| field.kind != FieldKind::Fixed) {
            let valid = field
                .validate(given.remove(&field.var))
                .map_err(|why| invalid(&field.var, &why))?;
            values.insert(field.var.clone(), valid);
        }
        Ok(Values(values))
    }
}

fn invalid(field: &str, why: &str) -> Invalid {
    Invalid {
        field: field.to_owned(),
        why: why.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn form() -> Form {
        Form::new("Test", "Fill it in.")
            .typed("codebits")
            .field(Field::new(FieldKind::Hidden, "token", "").value("kept"))
            .field(Field::new(FieldKind::Fixed, "", "").value("Read this."))
            .field(
                Field::new(FieldKind::ListSingle, "one", "One")
                    .required()
                    .choice("a", "A")
                    .choice("b", "B"),
            )
            .field(Field::new(FieldKind::Boolean, "sure", "Sure").value("false"))
            .field(
                Field::new(FieldKind::TextSingle, "text", "Text").check(|value| match value {
                    "bad" => Err("is bad".to_owned()),
                    _ => Ok(()),
                }),
            )
            .field(Field::new(FieldKind::JidSingle, "jid", "JID"))
            .field(
                Field::new(FieldKind::ListMulti, "some", "Some")
                    .choice("x", "X")
                    .choice("y", "Y"),
            )
    }

    fn submit(fields: &[(&str, &[&str])]) -> Element {
        element("x", ns::DATA_FORMS)
            .with("type", "submit")
            .append_all(fields.iter().map(|(var, values)| {
                element("field", ns::DATA_FORMS)
                    .with("var", *var)
                    .append_all(values.iter().map(|text| value(text)))
                    .build()
            }))
            .build()
    }

    #[test]
    fn what_fits_is_normalised_and_completed_by_defaults() {
        let values = form()
            .read(Some(&submit(&[
                ("FORM_TYPE", &["codebits"]),
                ("one", &["b"]),
                ("sure", &["1"]),
                ("some", &["x", "y"]),
                ("jid", &["A@Mon.Example/r"]),
                ("token", &["forged"]),
                ("unknown", &["ignored"]),
            ])))
            .expect("valid");
        assert_eq!((values.get("one"), values.is_true("sure")), (Some("b"), true));
        assert_eq!(values.all("some"), ["x", "y"]);
        assert_eq!(values.get("jid"), Some("a@mon.example/r"));
        assert_eq!((values.get("token"), values.get("text")), (Some("kept"), None));
        assert_eq!(values.get("unknown"), None);
    }

    #[test]
    fn p11_what_does_not_fit_is_refused_by_name() {
        let long = "x".repeat(2_000);
        let cases: &[(&[(&str, &[&str])], &str)] = &[
            (&[], "one"),
            (&[("one", &[])], "one"),
            (&[("one", &[""])], "one"),
            (&[("one", &["c"])], "one"),
            (&[("one", &["a", "b"])], "one"),
            (&[("one", &["a"]), ("one", &["b"])], "one"),
            (&[("one", &["a"]), ("sure", &["maybe"])], "sure"),
            (&[("one", &["a"]), ("text", &["bad"])], "text"),
            (&[("one", &["a"]), ("text", &["two\nlines"])], "text"),
            (&[("one", &["a"]), ("text", &[&long])], "text"),
            (&[("one", &["a"]), ("jid", &["@nobody"])], "jid"),
            (&[("one", &["a"]), ("some", &["x", "z"])], "some"),
            (&[("FORM_TYPE", &["other"]), ("one", &["a"])], "FORM_TYPE"),
        ];
        for (fields, field) in cases {
            let refused = form().read(Some(&submit(fields))).expect_err(field);
            assert_eq!(&refused.field, field);
            assert!(refused.to_string().contains(field));
        }
        assert!(
            form()
                .read(Some(&element("x", ns::DATA_FORMS).with("type", "result").build()))
                .is_err()
        );
        assert_eq!(form().read(None).expect_err("required").field, "one");
    }

    #[test]
    fn the_form_shows_types_labels_and_choices() {
        let x = form().to_element();
        assert_eq!(x.attr("type"), Some("form"));
        let kinds: Vec<_> = x
            .children()
            .filter(|child| child.name() == "field")
            .map(|field| (field.attr("var").unwrap_or("-"), field.attr("type").unwrap_or("-")))
            .collect();
        assert_eq!(
            kinds[..4],
            [
                ("FORM_TYPE", "hidden"),
                ("token", "hidden"),
                ("-", "fixed"),
                ("one", "list-single")
            ]
        );
        let one = x
            .children()
            .filter(|child| child.name() == "field")
            .nth(3)
            .expect("one");
        assert_eq!(one.children().filter(|child| child.name() == "option").count(), 2);
        assert!(one.get_child("required", ns::DATA_FORMS).is_some());
    }
}
