//! XEP-0133 sections 4.9 to 4.22: who there is, and how many.

use super::{ADMIN, Administration, Row, account, nothing, whose};
use crate::admin::AdminError;
use crate::router::Session;
use crate::service::form::{Field, FieldKind, Form, Values};
use crate::service::report::Report;
use crate::store::Account;
use jid::BareJid;
use std::collections::BTreeSet;
use std::sync::Arc;

pub(super) const TASKS: &[Row] = &[
    (
        "http://jabber.org/protocol/admin#get-user-lastlogin",
        "Get User Last Login Time",
        "when an account was last here",
        || whose("Getting User's Last Login Time", "Name the account."),
        |to, _, values| last_login(to, &account(values)?),
    ),
    (
        "http://jabber.org/protocol/admin#user-stats",
        "Get User Statistics",
        "an account's contacts and resources",
        || whose("Getting User Statistics", "Name the account."),
        |to, _, values| statistics(to, &account(values)?),
    ),
    (
        "http://jabber.org/protocol/admin#get-registered-users-num",
        "Get Number of Registered Users",
        "how many accounts there are",
        nothing,
        |to, _, _| number("registeredusersnum", "Registered users", registered(to).len()),
    ),
    (
        "http://jabber.org/protocol/admin#get-disabled-users-num",
        "Get Number of Disabled Users",
        "how many accounts are disabled",
        nothing,
        |to, _, _| number("disabledusersnum", "Disabled users", disabled(to).len()),
    ),
    (
        "http://jabber.org/protocol/admin#get-online-users-num",
        "Get Number of Online Users",
        "how many accounts have sessions",
        nothing,
        |to, _, _| number("onlineusersnum", "Online users", online(to).len()),
    ),
    (
        "http://jabber.org/protocol/admin#get-registered-users-list",
        "Get List of Registered Users",
        "the accounts",
        || how_many("Requesting List of Registered Users"),
        |to, _, values| list("registereduserjids", "Registered users", registered(to), values),
    ),
    (
        "http://jabber.org/protocol/admin#get-disabled-users-list",
        "Get List of Disabled Users",
        "the accounts that are disabled",
        || how_many("Requesting List of Disabled Users"),
        |to, _, values| list("disableduserjids", "Disabled users", disabled(to), values),
    ),
    (
        "http://jabber.org/protocol/admin#get-online-users-list",
        "Get List of Online Users",
        "the accounts that have sessions",
        || how_many("Requesting List of Online Users"),
        |to, _, values| list("onlineuserjids", "Online users", online(to), values),
    ),
];

fn how_many(title: &str) -> Form {
    let sizes = ["25", "50", "75", "100", "150", "200"];
    let most = Field::new(FieldKind::ListSingle, "max_items", "How many to show").value("none");
    let most = sizes.iter().fold(most, |most, size| most.choice(*size, *size));
    Form::new(title, "Say how many are to be shown.").field(most.choice("none", "All"))
}

fn names(to: &Administration, is_meant: impl Fn(&Account) -> bool) -> BTreeSet<String> {
    let accounts = to.store.accounts().list().into_iter();
    let jid = |account: Account| [account.name.as_str(), "@", to.store.domain()].concat();
    accounts.filter(is_meant).map(jid).collect()
}

fn registered(to: &Administration) -> BTreeSet<String> {
    names(to, |_| true)
}

fn disabled(to: &Administration) -> BTreeSet<String> {
    names(to, |account| account.disabled)
}

/// Those with a session that is available.
fn online(to: &Administration) -> BTreeSet<String> {
    let sessions = to.router.sessions().into_iter();
    let online = sessions.filter(|session| session.is_available());
    online.map(|session| session.account().to_string()).collect()
}

fn number(var: &str, label: &str, number: usize) -> Result<Report, AdminError> {
    Ok(Report::titled(label)
        .typed(ADMIN)
        .with_entry(var, label, number.to_string()))
}

fn list(var: &str, label: &str, all: BTreeSet<String>, values: &Values) -> Result<Report, AdminError> {
    let most = values.get("max_items").and_then(|most| most.parse().ok());
    let shown: Vec<String> = all.into_iter().take(most.unwrap_or(usize::MAX)).collect();
    Ok(Report::titled(label)
        .typed(ADMIN)
        .with_entry(var, label, shown.join("\n")))
}

fn known<'a>(to: &Administration, jid: &'a BareJid) -> Result<&'a str, AdminError> {
    let name = jid.node().filter(|_| jid.domain().as_str() == to.store.domain());
    name.map(|name| name.as_str())
        .filter(|name| to.store.accounts().exists(name))
        .ok_or_else(|| AdminError(format!("there is no account {jid}")))
}

fn sessions(to: &Administration, jid: &BareJid) -> Vec<Arc<Session>> {
    let mut all = to.router.sessions();
    all.retain(|session| session.account() == jid);
    all
}

/// When its newest session began, or when its last one ended.
fn last_login(to: &Administration, jid: &BareJid) -> Result<Report, AdminError> {
    let name = known(to, jid)?;
    let newest = sessions(to, jid).iter().map(|session| session.since()).max();
    let last = newest
        .map(chrono::DateTime::<chrono::Utc>::from)
        .or_else(|| Some(to.store.last_activity().get(name)?.stamp));
    let text = last.map_or("never".to_owned(), |last| {
        last.to_rfc3339_opts(chrono::SecondsFormat::Secs, true)
    });
    let report = Report::titled("Last login")
        .typed(ADMIN)
        .with_entry("accountjid", "Account", jid.to_string());
    Ok(report.with_entry("lastlogin", "Last login", text))
}

fn statistics(to: &Administration, jid: &BareJid) -> Result<Report, AdminError> {
    let name = known(to, jid)?;
    let contacts = to.store.rosters().load(name).listed().count();
    let resources: Vec<String> = sessions(to, jid)
        .iter()
        .map(|session| session.resource().to_owned())
        .collect();
    let account = to.store.accounts().get(name);
    let role = account.map_or("", |account| account.role.as_str());
    Ok(Report::titled("User statistics")
        .typed(ADMIN)
        .with_entry("accountjid", "Account", jid.to_string())
        .with_entry("role", "Role", role.to_owned())
        .with_entry("rostersize", "Contacts", contacts.to_string())
        .with_entry("onlineresources", "Resources", resources.join("\n")))
}
