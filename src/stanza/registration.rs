//! XEP-0077: the payload of in-band registration, and XEP-0445's, which goes before it.

use super::{Condition, StanzaError, ns};
use crate::xml::{Build, Element, element};

/// What a `set` of `jabber:iq:register` asks for.
#[derive(Clone, PartialEq, Eq)]
pub enum Registration {
    /// An account, or another password for it.
    Account {
        /// The name as written.
        username: String,
        /// The password as written.
        password: String,
    },
    /// The account's end.
    Remove,
}

/// Passwords do not appear in logs.
impl std::fmt::Debug for Registration {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Registration::Account { .. } => "Account(…)",
            Registration::Remove => "Remove",
        })
    }
}

impl Registration {
    /// Reads the `<query/>`: its fields, or those of a submitted form (XEP-0077 section 4), which are read first.
    ///
    /// # Errors
    /// `bad-request` when name or password is missing or empty, or when something comes along with `<remove/>`.
    pub fn read(query: &Element) -> Result<Registration, StanzaError> {
        if query.has_child("remove", ns::REGISTER) {
            return match query.children().count() {
                1 => Ok(Registration::Remove),
                _ => Err(Condition::BadRequest.into()),
            };
        }
        let form = query.get_child("x", ns::DATA_FORMS);
        let given = |name: &str| {
            let submitted = form.and_then(|form| submitted(form, name));
            let said = submitted.or_else(|| query.get_child(name, ns::REGISTER).map(Element::text));
            said.filter(|said| !said.is_empty())
        };
        match (given("username"), given("password")) {
            (Some(username), Some(password)) => Ok(Registration::Account { username, password }),
            _ => Err(StanzaError::new(
                Condition::BadRequest,
                "A username and a password are required",
            )),
        }
    }
}

fn submitted(form: &Element, var: &str) -> Option<String> {
    let mut fields = form.children().filter(|child| child.is("field", ns::DATA_FORMS));
    let field = fields.find(|field| field.attr("var") == Some(var))?;
    field.get_child("value", ns::DATA_FORMS).map(Element::text)
}

/// What is to be filled in: the fields for some clients, a form for others. `name` is the one that is promised.
pub fn form(name: Option<&str>) -> Element {
    const INSTRUCTIONS: &str = "Choose a name and a password.";
    let field = |kind: &str, var: &str, label: &str, value: Option<&str>| {
        let value = value.map(|value| element("value", ns::DATA_FORMS).append(value).build());
        element("field", ns::DATA_FORMS)
            .with("type", kind)
            .with("var", var)
            .with("label", label)
            .append(element("required", ns::DATA_FORMS).build())
            .append_all(value)
            .build()
    };
    let form_type = element("field", ns::DATA_FORMS)
        .with("type", "hidden")
        .with("var", "FORM_TYPE")
        .append(element("value", ns::DATA_FORMS).append(ns::REGISTER).build());
    let x = element("x", ns::DATA_FORMS)
        .with("type", "form")
        .append(element("instructions", ns::DATA_FORMS).append(INSTRUCTIONS).build())
        .append(form_type.build())
        .append(field("text-single", "username", "Name", name))
        .append(field("text-private", "password", "Password", None));
    element("query", ns::REGISTER)
        .append(element("instructions", ns::REGISTER).append(INSTRUCTIONS).build())
        .append(element("username", ns::REGISTER).append_all(name).build())
        .append(element("password", ns::REGISTER).build())
        .append(x.build())
        .build()
}

/// What is registered already (XEP-0077 section 3.1): the name, never the password.
pub fn registered(name: &str) -> Element {
    element("query", ns::REGISTER)
        .append(element("registered", ns::REGISTER).build())
        .append(element("username", ns::REGISTER).append(name).build())
        .append(element("password", ns::REGISTER).build())
        .build()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::xml::{Frame, Limits};

    fn read(content: &str) -> Result<Registration, Condition> {
        let xml = format!("<query xmlns='jabber:iq:register'>{content}</query>");
        let frame = Frame::parse(xml.into(), &Limits::NONE).expect("XML");
        Registration::read(&frame.to_element()).map_err(|error| error.condition)
    }

    fn account(username: &str, password: &str) -> Result<Registration, Condition> {
        Ok(Registration::Account {
            username: username.to_owned(),
            password: password.to_owned(),
        })
    }

    #[test]
    fn fields_and_forms_say_the_same() {
        let fields = "<username>bill</username><password>Calliope</password>";
        assert_eq!(read(fields), account("bill", "Calliope"));
        let form = "<x xmlns='jabber:x:data' type='submit'><field var='username'><value>bill</value></field>\
                    <field var='password'><value>Calliope</value></field></x>";
        assert_eq!(read(form), account("bill", "Calliope"));
        assert_eq!(read("<remove/>"), Ok(Registration::Remove));
    }

    #[test]
    fn what_is_incomplete_is_a_bad_request() {
        for content in [
            "",
            "<username>bill</username>",
            "<username>bill</username><password/>",
            "<password>x</password>",
            "<remove/><username>bill</username>",
            "<x xmlns='jabber:x:data' type='submit'/>",
        ] {
            assert_eq!(read(content), Err(Condition::BadRequest), "{content}");
        }
    }

    #[test]
    fn passwords_are_not_printed() {
        let printed = format!("{:?}", account("bill", "Calliope"));
        assert!(!printed.contains("Calliope"), "{printed}");
    }
}
