//! XEP-0199: XMPP Ping.

use crate::router::{Addressee, Context, Iq, IqRoute, Module, Status, Xep};
use crate::stanza::{StanzaError, ns};
use crate::xml::Element;

/// Answers pings to the server and to an account's bare JID (on its behalf); a full JID answers for itself.
#[derive(Debug)]
pub struct Ping;

const fn route(addressee: Addressee) -> IqRoute {
    IqRoute {
        get: true,
        set: false,
        addressee,
        ns: ns::PING,
        name: "ping",
    }
}

impl Module for Ping {
    fn xeps(&self) -> &'static [Xep] {
        &[Xep {
            number: "XEP-0199",
            title: "XMPP Ping",
            version: "2.0.1",
            status: Status::Complete,
        }]
    }

    fn server_features(&self) -> &'static [&'static str] {
        &[ns::PING]
    }

    fn account_features(&self) -> &'static [&'static str] {
        &[ns::PING]
    }

    fn iq_routes(&self) -> &'static [IqRoute] {
        const { &[route(Addressee::Server), route(Addressee::Account)] }
    }

    fn handle_iq(&self, cx: &Context<'_>, iq: &Iq<'_>) -> Result<Option<Element>, StanzaError> {
        iq.account.map_or(Ok(()), |account| cx.require_sight(account))?;
        Ok(None)
    }
}

#[cfg(test)]
mod tests {
    use crate::modules::dialogue::outcome;
    use crate::router::bench::Bench;

    #[test]
    fn server_and_account_answer_and_strangers_learn_nothing() {
        let bench = Bench::new();
        bench.befriend("ada", "bob");
        let ada = bench.online("ada/desk");
        let ping = |to| outcome(&ada, "get", to, "<ping xmlns='urn:xmpp:ping'/>");
        for to in [None, Some("mon.example"), Some("ada@@"), Some("bob@@")] {
            assert_eq!(ping(to), "result", "{to:?}");
        }
        for to in ["eve@@", "nobody@@"] {
            assert_eq!(ping(Some(to)), "service-unavailable", "{to}");
        }
    }
}
