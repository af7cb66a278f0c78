//! XEP-0401: invitations by ad-hoc command, for operators and admins.

use super::{Act, Administration, audit};
use crate::admin::{AdminError, Invite};
use crate::service::command::{Caller, Command, Request, Stage, Step};
use crate::service::form::{Field, FieldKind, Form, Values};
use crate::service::report::Report;
use crate::stanza::{Role, StanzaError, ns};
use chrono::{SecondsFormat, Utc};
use jid::BareJid;
use std::sync::Arc;

/// One of the two commands.
struct Invitation {
    node: &'static str,
    name: &'static str,
    help: &'static str,
    /// What is asked for; nothing without fields.
    form: fn(Role) -> Form,
    act: Act,
    to: Administration,
}

/// Both of them. The nodes are the XEP's, which a client looks for.
pub(super) fn commands(administration: &Administration) -> [Arc<dyn Command>; 2] {
    [
        Arc::new(Invitation {
            node: "urn:xmpp:invite#invite",
            name: "Invite user",
            help: "invite somebody to make an account, and to be your contact",
            form: |_| Form::default(),
            act: invite,
            to: administration.clone(),
        }),
        Arc::new(Invitation {
            node: "urn:xmpp:invite#create-account",
            name: "Create account",
            help: "invite somebody to make an account of a name and a role",
            form: account_form,
            act: create_account,
            to: administration.clone(),
        }),
    ]
}

impl Command for Invitation {
    fn node(&self) -> &str {
        self.node
    }

    fn name(&self) -> &str {
        self.name
    }

    fn help(&self) -> &str {
        self.help
    }

    fn role(&self) -> Role {
        Role::Operator
    }

    fn is_audited(&self) -> bool {
        true
    }

    fn step(&self, request: &Request<'_>) -> Result<Step, StanzaError> {
        let form = (self.form)(request.caller.role);
        match request.answers.last() {
            None if form.is_open() || !form.fields.is_empty() => Ok(Step::Ask(Box::new(Stage {
                form,
                last: true,
                time_max: None,
                alone: false,
            }))),
            answer => Ok(Step::Run(Box::pin(audit::audited(
                self.to.clone(),
                request.caller.clone(),
                self.node,
                audit::arguments(&form, answer),
                answer.cloned().unwrap_or_default(),
                self.act,
            )))),
        }
    }
}

/// The roles that are offered are those that the caller may give.
fn account_form(caller: Role) -> Form {
    let roles = [Role::Viewer, Role::Operator, Role::Admin, Role::Collector];
    let role = Field::new(FieldKind::ListSingle, "role", "What it may do").value(Role::Viewer.as_str());
    let role = roles
        .iter()
        .filter(|role| caller.may_invite(**role))
        .fold(role, |field, role| field.choice(role.as_str(), role.as_str()));
    let name = Field::new(
        FieldKind::TextSingle,
        "username",
        "Its name; empty: whoever is invited chooses",
    );
    let contact = Field::new(
        FieldKind::Boolean,
        "roster-subscription",
        "You and the account see each other",
    );
    Form::new(
        "Create account",
        "Say what the account is to be. The link makes it, once.",
    )
    .field(name)
    .field(contact.value("false"))
    .field(role)
}

fn invite(to: &Administration, caller: &Caller, _: &Values) -> Result<Report, AdminError> {
    make(to, caller, None, Role::Viewer, true)
}

fn create_account(to: &Administration, caller: &Caller, values: &Values) -> Result<Report, AdminError> {
    let name = values.get("username").filter(|name| !name.is_empty());
    let role = values.get("role").unwrap_or_default().parse().map_err(AdminError)?;
    make(to, caller, name, role, values.is_true("roster-subscription"))
}

fn make(
    to: &Administration,
    caller: &Caller,
    name: Option<&str>,
    role: Role,
    befriends: bool,
) -> Result<Report, AdminError> {
    if !caller.role.may_invite(role) {
        return Err(AdminError(format!("You may not make anybody {role}.")));
    }
    let address = |name: &str| {
        let jid = BareJid::new(&[name, "@", to.store.domain()].concat());
        jid.map_err(|error| AdminError(format!("'{name}' cannot be a name: {error}")))
    };
    let invite = Invite {
        role,
        jid: name.map(address).transpose()?,
        time: None,
        inviter: Some(caller.jid.to_bare()),
        befriends,
    };
    let made = to.accounts.invite(&invite, Utc::now())?;
    let expire = made.expires.to_rfc3339_opts(SecondsFormat::Secs, true);
    Ok(Report::titled("Invitation")
        .typed(&[ns::INVITE, "#invitation"].concat())
        .with_entry("uri", "The link: for whoever is invited, and nobody else", made.uri)
        .with_entry("expire", "Until", expire))
}
