//! XEP-0133: Service Administration: what admins do to the appliance from a client.
//!
//! Each task is a row: its node, its form as the XEP has it, and what it does. All of them are for admins alone, save
//! invitations, and all are audited, before they are done and after.

mod accounts;
mod audit;
mod invitations;
mod lists;
mod words;

use super::{Accounts, AdminError};
use crate::collector::Audit;
use crate::router::Router;
use crate::service::command::{Caller, Command, Request, Stage, Step};
use crate::service::form::{Field, FieldKind, Form, Values};
use crate::service::report::Report;
use crate::stanza::{Condition, Role, StanzaError, parse_jid};
use crate::store::Store;
use jid::{BareJid, Jid};
use std::sync::Arc;
use tokio::sync::Notify;

pub use audit::Runner;

/// The `FORM_TYPE` of all forms, and what all nodes begin with.
const ADMIN: &str = "http://jabber.org/protocol/admin";

/// What the tasks act on. Cheap to clone.
#[derive(Clone)]
pub struct Administration {
    /// The accounts.
    pub accounts: Accounts,
    /// The sessions.
    pub router: Router,
    /// The store.
    pub store: Store,
    /// Where all is noted.
    pub audit: Audit,
    /// Told when the appliance is to stop.
    pub stop: Arc<Notify>,
}

/// What a task does; blocks. The error is a sentence for the admin.
type Act = fn(&Administration, &Caller, &Values) -> Result<Report, AdminError>;

/// One task.
struct Task {
    node: &'static str,
    name: &'static str,
    help: &'static str,
    form: fn() -> Form,
    act: Act,
    to: Administration,
}

/// A row of the tables: node, name, what it does, form, act.
type Row = (&'static str, &'static str, &'static str, fn() -> Form, Act);

/// The commands.
pub fn commands(administration: &Administration) -> Vec<Arc<dyn Command>> {
    let rows = [accounts::TASKS, lists::TASKS, words::TASKS];
    let rows = rows.into_iter().flatten();
    let task = |row: &Row| -> Arc<dyn Command> {
        let (node, name, help, form, act) = *row;
        Arc::new(Task {
            node,
            name,
            help,
            form,
            act,
            to: administration.clone(),
        })
    };
    rows.map(task).chain(invitations::commands(administration)).collect()
}

impl Command for Task {
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
        Role::Admin
    }

    fn is_audited(&self) -> bool {
        true
    }

    fn step(&self, request: &Request<'_>) -> Result<Step, StanzaError> {
        let form = (self.form)();
        match request.answers.last() {
            None if !form.fields.is_empty() => Ok(Step::Ask(Box::new(Stage {
                form: form.typed(ADMIN),
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

/// A form without fields.
fn nothing() -> Form {
    Form::default()
}

/// A form that asks for accounts.
fn which(title: &'static str, instructions: &'static str) -> Form {
    let accounts = Field::new(FieldKind::JidMulti, "accountjids", "The addresses of the accounts");
    Form::new(title, instructions).field(accounts.required())
}

/// A form that asks for one account.
fn whose(title: &'static str, instructions: &'static str) -> Form {
    let account = Field::new(FieldKind::JidSingle, "accountjid", "The address of the account");
    Form::new(title, instructions).field(account.required())
}

/// The address in a field.
fn address(text: &str) -> Result<Jid, AdminError> {
    parse_jid(text).ok_or_else(|| AdminError(["'", text, "' is no address"].concat()))
}

/// The account that a form asked for.
fn account(values: &Values) -> Result<BareJid, AdminError> {
    Ok(address(values.get("accountjid").unwrap_or_default())?.to_bare())
}

/// The error that answers an admin.
fn failed(error: &AdminError) -> StanzaError {
    StanzaError::new(Condition::NotAcceptable, error.to_string())
}

#[cfg(test)]
mod tests;
