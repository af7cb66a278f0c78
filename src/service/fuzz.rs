//! What a peer may send to services: forms that it submits, capabilities that it claims.

use super::caps::{Algorithm, ver};
use super::disco::Info;
use super::form::{Field, FieldKind, Form, Values, value};
use crate::stanza::ns;
use crate::xml::{Build, Element, Frame, Limits, element};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

fn tree(input: &[u8]) -> Option<Element> {
    let frame = Frame::parse(input.to_vec().into(), &Limits::AUTHENTICATED).ok()?;
    Some(frame.to_element())
}

/// The fuzz target of forms: what is accepted has every field, fits them, and is accepted again as the same.
pub fn data_form(input: &[u8]) {
    let Some(x) = tree(input) else { return };
    let form = every_kind();
    let Ok(values) = form.read(Some(&x)) else { return };
    for field in form.fields.iter().filter(|field| field.kind != FieldKind::Fixed) {
        let given = values.all(&field.var);
        assert!(!field.required || !given.is_empty(), "{} is required", field.var);
        let single = !matches!(field.kind, FieldKind::ListMulti | FieldKind::TextMulti);
        assert!(!single || given.len() <= 1, "{given:?}");
        let chosen = |value: &String| field.choices.iter().any(|(choice, _)| choice == value);
        assert!(field.choices.is_empty() || given.iter().all(chosen), "{given:?}");
    }
    assert_eq!(values.get("hidden"), Some("kept"), "a peer changed it");
    assert_eq!(form.read(Some(&submission(&form, &values))).as_ref(), Ok(&values));
}

/// One field of every kind.
fn every_kind() -> Form {
    let list = |kind, var| Field::new(kind, var, "").choice("a", "A").choice("b", "B");
    Form::new("Every kind", "")
        .typed("urn:example:form")
        .field(Field::new(FieldKind::Boolean, "boolean", "").value("false"))
        .field(Field::new(FieldKind::Fixed, "", "").value("Read this."))
        .field(Field::new(FieldKind::Hidden, "hidden", "").value("kept"))
        .field(Field::new(FieldKind::JidSingle, "jid", ""))
        .field(list(FieldKind::ListMulti, "many"))
        .field(list(FieldKind::ListSingle, "one").required())
        .field(Field::new(FieldKind::TextMulti, "lines", ""))
        .field(Field::new(FieldKind::TextPrivate, "secret", ""))
        .field(Field::new(FieldKind::TextSingle, "line", "").value("x"))
}

fn submission(form: &Form, values: &Values) -> Element {
    let fields = form.fields.iter().filter(|field| field.kind != FieldKind::Fixed);
    element("x", ns::DATA_FORMS)
        .with("type", "submit")
        .append_all(fields.map(|field| {
            let given = values.all(&field.var).iter().map(|text| value(text));
            element("field", ns::DATA_FORMS)
                .with("var", &field.var)
                .append_all(given)
                .build()
        }))
        .build()
}

/// The fuzz target of capabilities: a hash depends on what is said, not on the order, and survives writing.
pub fn caps(input: &[u8]) {
    let Some(info) = tree(input).as_ref().and_then(Info::from_element) else {
        return;
    };
    let written = Info::from_element(&info.to_element()).expect("what was read");
    let mut reversed = info.clone();
    reversed.identities.reverse();
    reversed.features.reverse();
    reversed.forms.reverse();
    for (algorithm, bytes) in [(Algorithm::Sha1, 20), (Algorithm::Sha256, 32)] {
        let hash = ver(&info, algorithm);
        assert_eq!(ver(&written, algorithm), hash);
        assert_eq!(ver(&reversed, algorithm).is_ok(), hash.is_ok());
        if let Ok(hash) = hash {
            assert_eq!(ver(&reversed, algorithm).as_ref(), Ok(&hash));
            assert_eq!(STANDARD.decode(&hash).map(|hash| hash.len()), Ok(bytes));
            let mut more = info.clone();
            more.features.push("urn:example:one-more".to_owned());
            assert_ne!(ver(&more, algorithm), Ok(hash), "one more feature, the same hash");
        }
    }
}
