//! XEP-0092: Software Version.

use crate::router::{Addressee, Context, Iq, IqRoute, Module, Status, Xep};
use crate::stanza::{Role, StanzaError, ns};
use crate::xml::{Element, element};

/// Says what the server is. Admins also learn the operating system; nobody else does (XEP-0092 section 5).
#[derive(Debug)]
pub struct Version;

impl Module for Version {
    fn xeps(&self) -> &'static [Xep] {
        &[Xep {
            number: "XEP-0092",
            title: "Software Version",
            version: "1.1",
            status: Status::Complete,
        }]
    }

    fn server_features(&self) -> &'static [&'static str] {
        &[ns::VERSION]
    }

    fn iq_routes(&self) -> &'static [IqRoute] {
        const {
            &[IqRoute {
                get: true,
                set: false,
                addressee: Addressee::Server,
                ns: ns::VERSION,
                name: "query",
            }]
        }
    }

    fn handle_iq(&self, cx: &Context<'_>, _: &Iq<'_>) -> Result<Option<Element>, StanzaError> {
        let field = |name: &str, text: &str| element(name, ns::VERSION).append(text).build();
        let mut query = element("query", ns::VERSION)
            .append(field("name", env!("CARGO_PKG_NAME")))
            .append(field("version", env!("CARGO_PKG_VERSION")));
        if cx.asker().is_some_and(|asker| cx.role(asker) == Some(Role::Admin)) {
            query = query.append(field("os", std::env::consts::OS));
        }
        Ok(Some(query.build()))
    }
}

#[cfg(test)]
mod tests {
    use crate::modules::dialogue::get;
    use crate::router::bench::Bench;
    use crate::stanza::{Role, ns};

    #[test]
    fn p10_only_an_admin_learns_the_operating_system() {
        let bench = Bench::new();
        let ada = bench.online("ada/desk");
        let query = "<query xmlns='jabber:iq:version'/>";
        for (role, shown) in [(Role::Viewer, false), (Role::Operator, false), (Role::Admin, true)] {
            bench.store.accounts().set_role("ada", role).expect("an account");
            let version = get(&ada, Some("mon.example"), query);
            assert!(version.has_child("name", ns::VERSION) && version.has_child("version", ns::VERSION));
            assert_eq!(version.has_child("os", ns::VERSION), shown, "{role}");
        }
    }
}
