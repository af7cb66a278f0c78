//! XEP-0133 sections 4.1 to 4.6: accounts and their sessions.

use super::{Administration, Row, account, address, which, whose};
use crate::admin::AdminError;
use crate::router::Closing;
use crate::service::command::Caller;
use crate::service::form::{Field, FieldKind, Form, Values};
use crate::service::report::{NoteKind, Report};
use crate::stanza::Role;
use jid::{BareJid, Jid};

pub(super) const TASKS: &[Row] = &[
    (
        "http://jabber.org/protocol/admin#add-user",
        "Add User",
        "make an account",
        add_form,
        add,
    ),
    (
        "http://jabber.org/protocol/admin#delete-user",
        "Delete User",
        "remove accounts with all that is kept for them",
        || {
            which(
                "Deleting a User",
                "Name the accounts that go, with all that is kept for them.",
            )
        },
        |to, caller, values| each(to, caller, values, |to, jid| to.accounts.remove(jid)),
    ),
    (
        "http://jabber.org/protocol/admin#disable-user",
        "Disable User",
        "refuse log-in to accounts",
        || which("Disabling a User", "Name the accounts that nobody is to log in to."),
        |to, caller, values| each(to, caller, values, |to, jid| to.accounts.set_disabled(jid, true)),
    ),
    (
        "http://jabber.org/protocol/admin#reenable-user",
        "Re-Enable User",
        "allow log-in to accounts again",
        || which("Re-Enable a User", "Name the accounts that are to be usable again."),
        |to, caller, values| each(to, caller, values, |to, jid| to.accounts.set_disabled(jid, false)),
    ),
    (
        "http://jabber.org/protocol/admin#end-user-session",
        "End User Session",
        "end sessions",
        || which("Ending a User Session", "Name accounts, or single resources of them."),
        end,
    ),
    (
        "http://jabber.org/protocol/admin#change-user-password",
        "Change User Password",
        "change an account's password",
        || {
            let password = Field::new(FieldKind::TextPrivate, "password", "The new password");
            whose("Changing a User Password", "The account's sessions end.").field(password.required())
        },
        |to, _, values| {
            let password = values.get("password").unwrap_or_default();
            note(&to.accounts.set_password(&account(values)?, password)?)
        },
    ),
];

fn add_form() -> Form {
    let field = |kind, var: &str, label: &str| Field::new(kind, var, label);
    let roles = [Role::Viewer, Role::Operator, Role::Admin, Role::Collector];
    let role = field(FieldKind::ListSingle, "role", "What it may do").value(Role::Viewer.as_str());
    let role = roles
        .iter()
        .fold(role, |role, each| role.choice(each.as_str(), each.as_str()));
    whose("Adding a User", "Say what the new account is to be.")
        .field(field(FieldKind::TextPrivate, "password", "The password").required())
        .field(field(FieldKind::TextPrivate, "password-verify", "The password again").required())
        .field(role)
}

fn add(to: &Administration, _: &Caller, values: &Values) -> Result<Report, AdminError> {
    let password = values.get("password").unwrap_or_default();
    if values.get("password-verify") != Some(password) {
        return Err(AdminError("the two passwords differ".to_owned()));
    }
    let role = values.get("role").unwrap_or_default().parse().map_err(AdminError)?;
    note(&to.accounts.add(&account(values)?, role, password)?)
}

/// Does something to each account named, the caller's own aside; what fails does not keep the others from it.
fn each(
    to: &Administration,
    caller: &Caller,
    values: &Values,
    act: fn(&Administration, &BareJid) -> Result<String, AdminError>,
) -> Result<Report, AdminError> {
    let own = caller.jid.to_bare();
    sentences(values.all("accountjids"), |text| {
        let jid = address(text)?.to_bare();
        match jid == own {
            true => Err(AdminError("nobody shuts themselves out: ask another admin".to_owned())),
            false => act(to, &jid),
        }
    })
}

/// XEP-0133 section 4.5: a bare JID stands for all its sessions.
fn end(to: &Administration, _: &Caller, values: &Values) -> Result<Report, AdminError> {
    sentences(values.all("accountjids"), |text| {
        let jid = address(text)?;
        let all = to.router.sessions();
        let is_meant =
            |session: &Jid| *session == jid || jid.resource().is_none() && session.to_bare() == jid.to_bare();
        let meant: Vec<_> = all
            .iter()
            .filter(|session| is_meant(session.jid()) && !session.answers_for_account())
            .collect();
        if meant.is_empty() {
            return Err(AdminError([text, " has no session"].concat()));
        }
        meant
            .iter()
            .for_each(|session| session.sink().close(Closing::NotAuthorized));
        Ok(format!("{text}: {} ended\n", meant.len()))
    })
}

/// A sentence for each; an error when there is nothing but errors.
fn sentences(names: &[String], act: impl Fn(&str) -> Result<String, AdminError>) -> Result<Report, AdminError> {
    let ended: Vec<_> = names.iter().map(|name| act(name)).collect();
    if ended.iter().all(Result::is_err)
        && let Some(Err(error)) = ended.first()
    {
        return Err(error.clone());
    }
    let line = |ended: &Result<String, AdminError>| match ended {
        Ok(done) => done.trim_end().to_owned(),
        Err(error) => error.to_string(),
    };
    note(&ended.iter().map(line).collect::<Vec<_>>().join("\n"))
}

fn note(text: &str) -> Result<Report, AdminError> {
    Ok(Report::note(NoteKind::Info, text.trim_end()))
}
