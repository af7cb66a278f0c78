//! Session establishment (RFC 3921 section 3), which RFC 6121 made a no-op that old clients still ask for.

use crate::router::{Addressee, Context, Iq, IqRoute, Module, Status, Xep};
use crate::stanza::{StanzaError, ns};
use crate::xml::Element;

/// Answers the request for a session, which binding has made already.
pub struct SessionEstablishment;

const fn route(addressee: Addressee) -> IqRoute {
    IqRoute {
        get: false,
        set: true,
        addressee,
        ns: ns::SESSION,
        name: "session",
    }
}

impl Module for SessionEstablishment {
    fn xeps(&self) -> &'static [Xep] {
        &[Xep {
            number: "RFC 3921",
            title: "Session Establishment",
            version: "2004-10",
            status: Status::Complete,
        }]
    }

    fn iq_routes(&self) -> &'static [IqRoute] {
        const { &[route(Addressee::Server), route(Addressee::OwnAccount)] }
    }

    fn handle_iq(&self, _cx: &Context<'_>, _iq: &Iq<'_>) -> Result<Option<Element>, StanzaError> {
        Ok(None)
    }
}
