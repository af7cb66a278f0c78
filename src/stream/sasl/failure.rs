//! SASL failures (RFC 6120 section 6.5).

use crate::stanza::ns;
use crate::xml::Writer;

macro_rules! failures {
    ($($variant:ident $name:literal $section:literal;)*) => {
        /// Why an exchange failed, as the peer is told. A wrong password and an unknown user are the same failure.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Failure { $(#[doc = concat!("`", $name, "`, RFC 6120 section ", $section)] $variant,)* }

        impl Failure {
            /// The element's name.
            pub fn name(self) -> &'static str {
                match self { $(Failure::$variant => $name,)* }
            }
        }
    };
}

failures! {
    Aborted "aborted" "6.5.1";
    AccountDisabled "account-disabled" "6.5.2";
    CredentialsExpired "credentials-expired" "6.5.3";
    EncryptionRequired "encryption-required" "6.5.4";
    IncorrectEncoding "incorrect-encoding" "6.5.5";
    InvalidAuthzid "invalid-authzid" "6.5.6";
    InvalidMechanism "invalid-mechanism" "6.5.7";
    MalformedRequest "malformed-request" "6.5.8";
    MechanismTooWeak "mechanism-too-weak" "6.5.9";
    NotAuthorized "not-authorized" "6.5.10";
    TemporaryAuthFailure "temporary-auth-failure" "6.5.11";
}

impl Failure {
    /// Writes the `<failure/>` element in a profile's namespace: RFC 6120's, or XEP-0388's, where the condition keeps
    /// its own.
    pub fn write(self, writer: &mut Writer, profile: &str) {
        writer.open("failure").attr("xmlns", profile);
        writer.open(self.name());
        if profile != ns::SASL {
            writer.attr("xmlns", ns::SASL);
        }
        writer.close().close();
    }
}
