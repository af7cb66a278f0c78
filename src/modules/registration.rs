//! XEP-0077: In-Band Registration, by invitation (XEP-0401, XEP-0445).

use crate::router::{Addressee, Context, Iq, IqRoute, Module, Status, Xep};
use crate::stanza::registration::registered;
use crate::stanza::{Condition, StanzaError, ns};
use crate::xml::Element;

/// Tells a session that its account is registered. Changing the password and removing the account take a while, so the
/// session's connection does both; the stream makes accounts for the invited.
#[derive(Debug)]
pub struct Registration;

impl Module for Registration {
    fn xeps(&self) -> &'static [Xep] {
        &[
            Xep {
                number: "XEP-0077",
                title: "In-Band Registration",
                version: "2.4",
                status: Status::Complete,
            },
            Xep {
                number: "XEP-0401",
                title: "Ad-hoc Account Invitation Generation",
                version: "0.6.0",
                status: Status::Partial,
            },
            Xep {
                number: "XEP-0445",
                title: "Pre-Authenticated In-Band Registration",
                version: "0.2.0",
                status: Status::Complete,
            },
        ]
    }

    fn server_features(&self) -> &'static [&'static str] {
        &[ns::REGISTER]
    }

    fn iq_routes(&self) -> &'static [IqRoute] {
        const {
            &[IqRoute {
                get: true,
                set: false,
                addressee: Addressee::Server,
                ns: ns::REGISTER,
                name: "query",
            }]
        }
    }

    fn handle_iq(&self, cx: &Context<'_>, _iq: &Iq<'_>) -> Result<Option<Element>, StanzaError> {
        let session = cx.origin().ok_or(Condition::RegistrationRequired)?;
        Ok(Some(registered(session.node())))
    }
}

#[cfg(test)]
mod tests {
    use crate::modules::dialogue::get;
    use crate::router::bench::Bench;
    use crate::stanza::ns;

    #[test]
    fn a_session_is_told_that_it_is_registered_and_under_which_name() {
        let bench = Bench::new();
        let told = get(
            &bench.online("ada/desk"),
            Some("mon.example"),
            "<query xmlns='jabber:iq:register'/>",
        );
        assert!(told.has_child("registered", ns::REGISTER));
        let text = |name| told.get_child(name, ns::REGISTER).map(|child| child.text());
        assert_eq!(text("username").as_deref(), Some("ada"));
        assert_eq!(text("password").as_deref(), Some(""));
    }
}
