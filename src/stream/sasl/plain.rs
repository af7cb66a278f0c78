//! PLAIN (RFC 4616).

use super::{Authenticated, Failure, authorize, user};
use crate::stream::Password;
use jid::{BareJid, NodePart};

/// Bytes of each of the three fields (RFC 4616 section 2).
const FIELD_BYTES_MAX: usize = 255;

/// A user name and a password that wait for their check.
#[derive(Debug)]
pub struct Request {
    user: NodePart,
    account: BareJid,
    /// The authorization identity is given, and is the account.
    authorizes: bool,
}

impl Request {
    /// Reads the one message: `[authzid] NUL authcid NUL passwd`. The password is returned apart, prepared by SASLprep.
    ///
    /// # Errors
    /// `malformed-request`, `invalid-authzid`, or `not-authorized` for a name or password that nobody can have.
    pub fn parse(message: &[u8], domain: &BareJid) -> Result<(Request, Password), Failure> {
        let message = std::str::from_utf8(message).map_err(|_| Failure::MalformedRequest)?;
        let mut fields = message.split('\0');
        let (Some(authzid), Some(name), Some(password), None) =
            (fields.next(), fields.next(), fields.next(), fields.next())
        else {
            return Err(Failure::MalformedRequest);
        };
        let in_bounds = |field: &str| (1..=FIELD_BYTES_MAX).contains(&field.len());
        if !in_bounds(name) || !in_bounds(password) {
            return Err(Failure::MalformedRequest);
        }
        let user = user(name)?;
        let account = domain.domain().with_node(&user);
        authorize(authzid, &account)?;
        let password = stringprep::saslprep(password).map_err(|_| Failure::NotAuthorized)?;
        let request = Request {
            user,
            account,
            authorizes: !authzid.is_empty(),
        };
        Ok((request, Password::new(password.into_owned())))
    }

    /// The account, where the client named it as its authorization identity.
    pub fn authorization(&self) -> Option<&BareJid> {
        self.authorizes.then_some(&self.account)
    }

    /// Whose password is to be checked.
    pub fn user(&self) -> &NodePart {
        &self.user
    }

    /// The end of it, once the password was found right or wrong.
    ///
    /// # Errors
    /// `not-authorized`.
    pub fn checked(self, right: bool) -> Result<Authenticated, Failure> {
        match right {
            true => Ok(Authenticated::new(self.account)),
            false => Err(Failure::NotAuthorized),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(message: &str) -> Result<(String, String), Failure> {
        let domain = BareJid::new("mon.example").expect("a domain");
        Request::parse(message.as_bytes(), &domain)
            .map(|(request, password)| (request.user().as_str().to_owned(), password.as_str().to_owned()))
    }

    #[test]
    fn names_and_passwords_are_prepared_each_by_its_own_profile() {
        assert_eq!(
            parse("\0Juliet\0r0m\u{ad}eo\u{2168}"),
            Ok(("juliet".into(), "r0meoIX".into()))
        );
        assert_eq!(
            parse("\0juliet\0 pass word "),
            Ok(("juliet".into(), " pass word ".into()))
        );
    }

    #[test]
    fn a01_only_the_own_bare_jid_may_be_acted_as() {
        for own in ["", "me@mon.example", "ME@MON.example"] {
            assert!(parse(&format!("{own}\0me\0pw")).is_ok(), "{own}");
        }
        for other in [
            "victim@mon.example",
            "victim",
            "me",
            "me@mon.example/desk",
            "me@other.example",
            "@",
            "mon.example",
        ] {
            assert_eq!(
                parse(&format!("{other}\0me\0pw")),
                Err(Failure::InvalidAuthzid),
                "{other}"
            );
        }
    }

    #[test]
    fn malformed_messages_are_refused() {
        let long = "x".repeat(256);
        for message in [
            "",
            "\0",
            "\0me",
            "me\0pw",
            "\0me\0",
            "\0\0pw",
            "\0me\0pw\0",
            &format!("\0me\0{long}"),
        ] {
            assert_eq!(parse(message), Err(Failure::MalformedRequest), "{message:?}");
        }
        let domain = BareJid::new("mon.example").expect("a domain");
        assert!(matches!(
            Request::parse(b"\0me\0\xff", &domain),
            Err(Failure::MalformedRequest)
        ));
    }

    #[test]
    fn names_that_are_no_localpart_and_passwords_with_controls_are_nobodys() {
        for message in ["\0a@b\0pw", "\0a b\0pw", "\0a/b\0pw", "\0me\0p\u{1}w"] {
            assert_eq!(parse(message), Err(Failure::NotAuthorized), "{message:?}");
        }
    }
}
