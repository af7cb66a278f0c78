//! The account commands of the command line: through the running appliance, or on its store.

use super::{ServerError, host, private_files};
use crate::admin::{self, AccountLine, Accounts, Answer, Request};
use crate::config::{Config, Domain, Settings};
use crate::modules;
use crate::router::{Introductions, Router};
use crate::stanza::Role;
use crate::store::{self, Store};
use chrono::TimeDelta;
use jid::BareJid;
use std::time::Duration;

/// One account command.
#[derive(Clone, Debug)]
pub enum Order {
    /// Makes an account.
    Add {
        /// Its JID.
        jid: BareJid,
        /// Its role.
        role: Role,
        /// Whether the password comes from standard input.
        password_stdin: bool,
    },
    /// Sets an account's password.
    Passwd {
        /// Its JID.
        jid: BareJid,
        /// Whether the password comes from standard input.
        password_stdin: bool,
    },
    /// Removes an account.
    Remove {
        /// Its JID.
        jid: BareJid,
    },
    /// Lists the accounts.
    List,
}

/// Invites somebody to make an account. Returns the link, and what to do with it.
///
/// # Errors
/// What was refused, and why.
pub fn invite(
    config: &Config,
    jid: Option<BareJid>,
    role: Role,
    time: Option<Duration>,
) -> Result<String, ServerError> {
    let secs = time.map(|time| u32::try_from(time.as_secs()).unwrap_or(u32::MAX));
    let request = Request::Invite { role, jid, secs };
    match admin::ask_or_open(&config.settings.data, request, || open(config))? {
        Answer::Invitation(made) => Ok(admin::invitation(&made, &config.settings.domain.0, admin::is_seen())),
        answer => told(answer),
    }
}

/// Ends all open invitations.
///
/// # Errors
/// The store takes no more.
pub fn revoke_invitations(config: &Config) -> Result<String, ServerError> {
    let request = Request::RevokeInvitations;
    told(admin::ask_or_open(&config.settings.data, request, || open(config))?)
}

fn told(answer: Answer) -> Result<String, ServerError> {
    match answer {
        Answer::Done(done) => Ok(done),
        Answer::Failed(why) => Err(ServerError(why)),
        _ => Err(ServerError("the appliance that runs is of another version".to_owned())),
    }
}

/// Carries out an account command. Returns what to tell the operator.
///
/// # Errors
/// What was refused, and why.
pub fn order(config: &Config, order: Order) -> Result<String, ServerError> {
    let (request, password) = match order {
        Order::Add {
            jid,
            role,
            password_stdin,
        } => {
            let (password, shown) = admin::new_password(password_stdin)?;
            (
                Request::AddAccount {
                    jid,
                    role,
                    password: password.clone(),
                },
                shown.then_some(password),
            )
        }
        Order::Passwd { jid, password_stdin } => {
            let (password, shown) = admin::new_password(password_stdin)?;
            (
                Request::SetPassword {
                    jid,
                    password: password.clone(),
                },
                shown.then_some(password),
            )
        }
        Order::Remove { jid } => (Request::RemoveAccount { jid }, None),
        Order::List => (Request::ListAccounts, None),
    };
    match admin::ask_or_open(&config.settings.data, request, || open(config))? {
        Answer::Done(done) => Ok(done + &password.map_or(String::new(), |password| format!("password: {password}\n"))),
        Answer::Accounts(accounts) => Ok(accounts.iter().map(line).collect()),
        answer => told(answer),
    }
}

fn line(account: &AccountLine) -> String {
    let sessions = account
        .sessions
        .map_or(String::new(), |sessions| format!("  {sessions} sessions"));
    format!("{:<40}  {:<9}{sessions}", account.jid, account.role.as_str())
        .trim_end()
        .to_owned()
        + "\n"
}

/// Lets the running appliance read configuration and certificates again.
///
/// # Errors
/// It does not run; or what it read is wrong, and changed nothing.
pub fn reload(config: &Config) -> Result<String, ServerError> {
    match admin::ask(&config.settings.data, &Request::Reload)? {
        Some(answer) => told(answer),
        None => Err(ServerError(format!(
            "no appliance runs on the data in {}",
            config.settings.data.display()
        ))),
    }
}

/// Gives the store another domain.
///
/// # Errors
/// It is in use, was made for neither domain, or cannot be written.
pub fn rename_domain(config: &Config, old: &Domain, new: &Domain) -> Result<String, ServerError> {
    let settings = &config.settings;
    store::rename_domain(&settings.data, &old.0, &new.0, &settings.store_options())?;
    Ok(format!(
        "{} now serves {new} instead of {old}. Set domain = \"{new}\" in the configuration, or start with --domain {new};\n\
         where no domain is named anywhere, there is nothing to do.\n",
        settings.data.display(),
        old = old.0,
        new = new.0
    ))
}

/// Takes over the domain that the store was made for, where nobody has named one: the running appliance's, or that of the
/// store in the data directory. What cannot be read stays as it is; the command that follows says why.
pub fn settle_domain(config: &mut Config) {
    if config.domain_given || !config.settings.data.join("db").exists() {
        return;
    }
    match admin::ask(&config.settings.data, &Request::Status) {
        Ok(Some(Answer::Status(report))) => config.settings.domain = Domain(report.domain),
        Ok(None) => drop(open_store(config)),
        _ => {}
    }
}

/// Opens the store, whatever domain it was made for, if nobody has named one.
pub(super) fn open_store(config: &mut Config) -> Result<Store, store::StoreError> {
    private_files();
    let open = |config: &Config| {
        let settings = &config.settings;
        Store::open_with(&settings.data, &settings.domain.0, &settings.store_options())
    };
    match open(config) {
        Err(store::StoreError::OtherDomain { made_for, .. }) if !config.domain_given => {
            config.settings.domain = Domain(made_for);
            open(config)
        }
        opened => opened,
    }
}

/// The store without its appliance.
fn open(config: &Config) -> Result<Accounts, admin::AdminError> {
    let settings = &config.settings;
    private_files();
    let store = Store::open_with(&settings.data, &settings.domain.0, &settings.store_options())?;
    let router = Router::new(settings.router_options(), store.clone(), modules::all());
    router.set_introductions(introductions(settings));
    Ok(Accounts::new(store, router, account_options(config, false)))
}

/// Who finds whom in the roster.
pub(super) fn introductions(settings: &Settings) -> Introductions {
    settings.introductions(admin::COLLECTOR, settings.host(host::name))
}

/// How accounts are made.
pub(super) fn account_options(config: &Config, running: bool) -> admin::Options {
    admin::Options {
        policy: store::Policy {
            scram: config.settings.sasl.has_scram(),
        },
        invitation_time: TimeDelta::from_std(config.settings.invitations.time.0).unwrap_or(TimeDelta::MAX),
        running,
    }
}
