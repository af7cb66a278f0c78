//! XEP-0050: Ad-Hoc Commands, at the server's own address. What they are the appliance says (XEP-0133: Service
//! Administration): each asker is shown, and may run, what its role allows.

use crate::router::{Addressee, Context, Iq, IqRoute, Module, ServerCommands, Status, Xep};
use crate::service::command::Caller;
use crate::service::disco::{Info, Item};
use crate::service::session::Reply;
use crate::stanza::{Condition, Role, StanzaError, ns};
use crate::xml::Element;

/// Lists the commands, and runs them.
#[derive(Debug)]
pub struct CommandsOfServer;

impl Module for CommandsOfServer {
    fn xeps(&self) -> &'static [Xep] {
        &[
            Xep {
                number: "XEP-0050",
                title: "Ad-Hoc Commands",
                version: "1.3.0",
                status: Status::Complete,
            },
            Xep {
                number: "XEP-0133",
                title: "Service Administration",
                version: "1.3.1",
                status: Status::Partial,
            },
        ]
    }

    fn server_features(&self) -> &'static [&'static str] {
        &[ns::COMMANDS]
    }

    fn server_items(&self, cx: &Context<'_>, node: Option<&str>) -> Vec<Item> {
        let (Some(server), Some(role)) = (cx.commands(), role(cx)) else {
            return Vec::new();
        };
        if node != Some(ns::COMMANDS) {
            return Vec::new();
        }
        let commands = server.commands();
        let item = |node: &str, name: &str| Item {
            jid: cx.domain().to_owned(),
            node: Some(node.to_owned()),
            name: Some(name.to_owned()),
        };
        let allowed = commands.allowed(role);
        allowed.map(|command| item(command.node(), command.name())).collect()
    }

    fn server_node(&self, cx: &Context<'_>, node: &str) -> Result<Option<Info>, StanzaError> {
        if node == ns::COMMANDS {
            let info = Info::new(Some(node)).identity("automation", "command-list", "Commands");
            return Ok(Some(info));
        }
        let (Some(server), Some(role)) = (cx.commands(), role(cx)) else {
            return Ok(None);
        };
        let commands = server.commands();
        if commands.get(node).is_none() {
            return Ok(None);
        }
        let command = commands.authorized(node, role)?;
        let info = Info::new(Some(node)).identity("automation", "command-node", command.name());
        Ok(Some(info.features([ns::COMMANDS, ns::DATA_FORMS])))
    }

    fn iq_routes(&self) -> &'static [IqRoute] {
        &[IqRoute {
            get: false,
            set: true,
            addressee: Addressee::Server,
            ns: ns::COMMANDS,
            name: "command",
        }]
    }

    fn handle_iq(&self, cx: &Context<'_>, iq: &Iq<'_>) -> Result<Option<Element>, StanzaError> {
        let server = cx.commands().ok_or(Condition::ItemNotFound)?;
        let session = cx.origin().ok_or(Condition::InternalServerError)?;
        let caller = Caller {
            jid: session.jid().clone(),
            role: role(cx).ok_or(Condition::Forbidden)?,
        };
        let replied = server.commands().handle(&caller, iq.payload, server.now());
        match replied {
            Ok(Reply::Now(payload)) => Ok(Some(payload)),
            Ok(Reply::Later(job, pending)) => {
                let later = cx.answer_later(iq)?;
                let work = async move {
                    let ended = job.await;
                    later.answer(ended.map(|report| Some(pending.finish(&report))));
                };
                // Work that is refused is dropped, and so answered.
                let _ = server.executor().run(Box::pin(work));
                Ok(None)
            }
            Err(error) => {
                note(server, &caller, iq.payload, &error);
                Err(error)
            }
        }
    }
}

/// The asker's role as it is now: whoever has lost it is refused from the next stage on (threat M03).
fn role(cx: &Context<'_>) -> Option<Role> {
    cx.role(cx.asker()?)
}

fn note(server: &ServerCommands, caller: &Caller, payload: &Element, error: &StanzaError) {
    let node = payload.attr("node").unwrap_or_default();
    let is_audited = server.commands().get(node).is_some_and(|command| command.is_audited());
    if is_audited {
        server.executor().refused(caller, node, error);
    }
}
