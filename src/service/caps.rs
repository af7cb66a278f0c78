//! XEP-0115: Entity Capabilities: the verification string, and what makes an answer ill-formed.
//!
//! Ours, not xmpp-parsers': that one sorts each string with its terminating `<`, so that `x+notify` comes before `x`
//! and nobody else's hash matches, does not sort the fields of a form, and cannot see duplicates.

use super::disco::{Identity, Info};
use crate::stanza::ns;
use crate::xml::{Build, Element, element};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use sha1::Digest as _;

/// A hash function of XEP-0115 that we verify. Answers under any other are kept for the one session that gave them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Algorithm {
    /// `sha-1`, mandatory (XEP-0115 section 7.1).
    Sha1,
    /// `sha-256`.
    Sha256,
}

impl Algorithm {
    /// The function with that name in the registry of hash function textual names.
    pub fn from_name(name: &str) -> Option<Algorithm> {
        match name {
            "sha-1" => Some(Algorithm::Sha1),
            "sha-256" => Some(Algorithm::Sha256),
            _ => None,
        }
    }

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Algorithm::Sha1 => "sha-1",
            Algorithm::Sha256 => "sha-256",
        }
    }

    fn hash(self, bytes: &[u8]) -> String {
        match self {
            Algorithm::Sha1 => STANDARD.encode(sha1::Sha1::digest(bytes)),
            Algorithm::Sha256 => STANDARD.encode(sha2::Sha256::digest(bytes)),
        }
    }
}

/// Why an answer may not be hashed (XEP-0115 section 5.4).
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum IllFormed {
    /// Two identities with the same category, type, language and name.
    #[error("duplicate identity")]
    DuplicateIdentity,
    /// Two features with the same name.
    #[error("duplicate feature")]
    DuplicateFeature,
    /// Two forms of one type, or a form with two types.
    #[error("duplicate FORM_TYPE")]
    DuplicateFormType,
    /// A string that contains the separator `<` could stand for two.
    #[error("'<' in a string")]
    Separator,
}

/// The `ver` of an entity (XEP-0115 section 5.1).
///
/// # Errors
/// When the information is ill-formed.
pub fn ver(info: &Info, algorithm: Algorithm) -> Result<String, IllFormed> {
    let mut text = String::new();
    append_identities(&mut text, &info.identities)?;
    append_features(&mut text, &info.features)?;
    append_forms(&mut text, &info.forms)?;
    Ok(algorithm.hash(text.as_bytes()))
}

/// The `<c/>` element that advertises a `ver` by SHA-1.
pub fn advertisement(node: &str, ver: &str) -> Element {
    element("c", ns::CAPS)
        .with("hash", Algorithm::Sha1.name())
        .with("node", node)
        .with("ver", ver)
        .build()
}

fn append_identities(out: &mut String, identities: &[Identity]) -> Result<(), IllFormed> {
    let mut sorted: Vec<&Identity> = identities.iter().collect();
    sorted.sort();
    if sorted.windows(2).any(|pair| pair[0] == pair[1]) {
        return Err(IllFormed::DuplicateIdentity);
    }
    for identity in sorted {
        let lang = identity.lang.as_deref().unwrap_or_default();
        let name = identity.name.as_deref().unwrap_or_default();
        append(out, &[&identity.category, &identity.kind, lang, name].join("/"))?;
    }
    Ok(())
}

fn append_features(out: &mut String, features: &[String]) -> Result<(), IllFormed> {
    let mut sorted: Vec<&str> = features.iter().map(String::as_str).collect();
    sorted.sort_unstable();
    if sorted.windows(2).any(|pair| pair[0] == pair[1]) {
        return Err(IllFormed::DuplicateFeature);
    }
    sorted.into_iter().try_for_each(|feature| append(out, feature))
}

fn append_forms(out: &mut String, forms: &[Element]) -> Result<(), IllFormed> {
    let mut typed: Vec<(String, &Element)> = Vec::new();
    for form in forms {
        if let Some(form_type) = form_type(form)? {
            typed.push((form_type, form));
        }
    }
    typed.sort_by(|a, b| a.0.cmp(&b.0));
    if typed.windows(2).any(|pair| pair[0].0 == pair[1].0) {
        return Err(IllFormed::DuplicateFormType);
    }
    for (form_type, form) in typed {
        append(out, &form_type)?;
        append_fields(out, form)?;
    }
    Ok(())
}

/// The type of a form; `None` when it has none, or one that is not hidden: the form is then ignored.
fn form_type(form: &Element) -> Result<Option<String>, IllFormed> {
    let Some(field) = fields(form).find(|field| field.attr("var") == Some("FORM_TYPE")) else {
        return Ok(None);
    };
    if field.attr("type") != Some("hidden") {
        return Ok(None);
    }
    let mut values = values(field);
    values.dedup();
    match values.len() {
        0 => Ok(None),
        1 => Ok(values.pop()),
        _ => Err(IllFormed::DuplicateFormType),
    }
}

fn append_fields(out: &mut String, form: &Element) -> Result<(), IllFormed> {
    let mut sorted: Vec<(&str, &Element)> = fields(form)
        .map(|field| (field.attr("var").unwrap_or_default(), field))
        .filter(|(var, _)| *var != "FORM_TYPE")
        .collect();
    sorted.sort_by_key(|(var, _)| *var);
    for (var, field) in sorted {
        append(out, var)?;
        values(field).iter().try_for_each(|value| append(out, value))?;
    }
    Ok(())
}

fn fields(form: &Element) -> impl Iterator<Item = &Element> {
    form.children().filter(|child| child.is("field", ns::DATA_FORMS))
}

/// The values of a field, sorted.
fn values(field: &Element) -> Vec<String> {
    let mut values: Vec<String> = field
        .children()
        .filter(|child| child.is("value", ns::DATA_FORMS))
        .map(Element::text)
        .collect();
    values.sort();
    values
}

fn append(out: &mut String, text: &str) -> Result<(), IllFormed> {
    if text.contains('<') {
        return Err(IllFormed::Separator);
    }
    out.push_str(text);
    out.push('<');
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::service::disco::result_form;

    fn info(query: &str) -> Info {
        Info::from_element(&query.parse().expect("XML")).expect("a disco#info query")
    }

    #[test]
    fn xep_0115_section_5_2_the_simple_example() {
        let exodus = Info::new(None).identity("client", "pc", "Exodus 0.9.1").features([
            "http://jabber.org/protocol/muc",
            "http://jabber.org/protocol/disco#items",
            "http://jabber.org/protocol/disco#info",
            "http://jabber.org/protocol/caps",
        ]);
        assert_eq!(
            ver(&exodus, Algorithm::Sha1).as_deref(),
            Ok("QgayPKawpkPSDYmwT/WM94uAlu0=")
        );
    }

    #[test]
    fn xep_0115_section_5_3_the_complex_example() {
        let psi = info(
            "<query xmlns='http://jabber.org/protocol/disco#info'>\
             <identity xml:lang='en' category='client' name='Psi 0.11' type='pc'/>\
             <identity xml:lang='el' category='client' name='Ψ 0.11' type='pc'/>\
             <feature var='http://jabber.org/protocol/caps'/><feature var='http://jabber.org/protocol/disco#info'/>\
             <feature var='http://jabber.org/protocol/disco#items'/><feature var='http://jabber.org/protocol/muc'/>\
             <x xmlns='jabber:x:data' type='result'>\
             <field var='os_version'><value>10.5.1</value></field><field var='software'><value>Psi</value></field>\
             <field var='FORM_TYPE' type='hidden'><value>urn:xmpp:dataforms:softwareinfo</value></field>\
             <field var='software_version'><value>0.11</value></field>\
             <field var='ip_version'><value>ipv6</value><value>ipv4</value></field>\
             <field var='os'><value>Mac</value></field></x></query>",
        );
        assert_eq!(
            ver(&psi, Algorithm::Sha1).as_deref(),
            Ok("q07IKJEyjvHSyhy//CH0CxmKi8w=")
        );
    }

    #[test]
    fn a_name_sorts_before_its_extensions() {
        let mut out = String::new();
        append_features(&mut out, &["codebits+notify".to_owned(), "codebits".to_owned()]).expect("well-formed");
        assert_eq!(out, "codebits<codebits+notify<");
    }

    #[test]
    fn p02_ill_formed_answers_have_no_hash() {
        let plain = || Info::new(None).identity("client", "pc", "x");
        let form = || result_form("t", [("a", ["b"])]);
        let mut duplicate_feature = plain();
        duplicate_feature.features = vec!["f".to_owned(), "f".to_owned()];
        let two_types = "<x xmlns='jabber:x:data' type='result'><field var='FORM_TYPE' type='hidden'>\
                         <value>s</value><value>t</value></field></x>";
        let cases = [
            (plain().identity("client", "pc", "x"), IllFormed::DuplicateIdentity),
            (duplicate_feature, IllFormed::DuplicateFeature),
            (plain().form(form()).form(form()), IllFormed::DuplicateFormType),
            (
                plain().form(two_types.parse().expect("XML")),
                IllFormed::DuplicateFormType,
            ),
            (plain().identity("client", "web", "x<feature"), IllFormed::Separator),
            (plain().features(["a<b"]), IllFormed::Separator),
            (plain().form(result_form("t", [("a", ["b<c"])])), IllFormed::Separator),
        ];
        for (info, expected) in cases {
            assert_eq!(ver(&info, Algorithm::Sha1), Err(expected));
        }
    }

    #[test]
    fn a_form_without_hidden_type_does_not_count() {
        let plain = Info::new(None).identity("client", "pc", "x").features(["f"]);
        let visible = "<x xmlns='jabber:x:data' type='result'><field var='FORM_TYPE'><value>t</value></field>\
                       <field var='a'><value>b</value></field></x>";
        let with_form = plain.clone().form(visible.parse().expect("XML"));
        assert_eq!(ver(&plain, Algorithm::Sha256), ver(&with_form, Algorithm::Sha256));
    }
}
