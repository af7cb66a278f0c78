//! XEP-0313 section 4.1.6: the form that says which fields a query may have.

use crate::stanza::ns;
use crate::xml::{Build, Element, element};
use minidom::element::ElementBuilder;

/// Variable and type of each field.
const FIELDS: [(&str, &str); 6] = [
    ("with", "jid-single"),
    ("start", "text-single"),
    ("end", "text-single"),
    ("before-id", "text-single"),
    ("after-id", "text-single"),
    ("ids", "list-multi"),
];

/// The answer to the question which fields there are.
pub fn form() -> Element {
    let form_type = field("FORM_TYPE", "hidden").append(element("value", ns::DATA_FORMS).append(ns::MAM));
    let fields = FIELDS.map(|(var, kind)| match kind {
        // A list of all ids there are would be long: the client names its own.
        "list-multi" => field(var, kind).append(open()),
        _ => field(var, kind),
    });
    let form = element("x", ns::DATA_FORMS)
        .with("type", "form")
        .append(form_type)
        .append_all(fields.map(ElementBuilder::build));
    element("query", ns::MAM).append(form).build()
}

fn field(var: &str, kind: &str) -> ElementBuilder {
    element("field", ns::DATA_FORMS).with("type", kind).with("var", var)
}

/// XEP-0122 section 3.2.1: values that are no options are taken.
fn open() -> Element {
    element("validate", ns::VALIDATE)
        .with("datatype", "xs:string")
        .append(element("open", ns::VALIDATE))
        .build()
}
