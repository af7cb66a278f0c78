//! XEP-0004: Data Forms: a form as declared, and what is submitted to it, validated.

pub use super::field::{Check, Field, FieldKind, value};

use crate::stanza::ns;
use crate::xml::{Build, Element, element};
use std::collections::BTreeMap;

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
            && !matches!(found.as_slice(), [found] if found == expected)
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

    /// Fields with their values.
    type Fields<'a> = &'a [(&'a str, &'a [&'a str])];

    fn submit(fields: Fields<'_>) -> Element {
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
        let cases: &[(Fields<'_>, &str)] = &[
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
