//! What the operator does to accounts.

use super::protocol::{AccountLine, Answer, Request};
use super::{AdminError, Invite};
use crate::router::{Closing, Router, Session};
use crate::stanza::Role;
use crate::store::{Policy, Store, StoreError, Ticket};
use chrono::{TimeDelta, Utc};
use jid::BareJid;
use std::sync::Arc;

/// The built-in collector's name: an account without credentials, which nobody can log in as.
pub const COLLECTOR: &str = "monitor";

/// The accounts of one domain: of the running appliance, or of a store whose appliance does not run (a router without
/// sessions).
#[derive(Clone)]
pub struct Accounts {
    pub(super) store: Store,
    pub(super) router: Router,
    pub(super) options: Options,
}

/// How accounts are made.
#[derive(Clone, Debug)]
pub struct Options {
    /// Which credentials are kept.
    pub policy: Policy,
    /// How long an invitation may be taken up, unless whoever makes it says otherwise.
    pub invitation_time: TimeDelta,
    /// Whether the router has sessions: the appliance runs.
    pub running: bool,
}

impl Accounts {
    /// Over a store and its router.
    pub fn new(store: Store, router: Router, options: Options) -> Accounts {
        Accounts { store, router, options }
    }

    /// Does what a request about accounts asks. Blocks: a password is hashed, and the disk must have it all.
    pub fn answer(&self, request: Request) -> Answer {
        let done = match request {
            Request::AddAccount { jid, role, password } => self.add(&jid, role, &password),
            Request::SetPassword { jid, password } => self.set_password(&jid, &password),
            Request::RemoveAccount { jid } => self.remove(&jid),
            Request::ListAccounts => return Answer::Accounts(self.list()),
            Request::Invite { role, jid, secs } => {
                let invite = Invite {
                    role,
                    jid,
                    time: secs.map(|secs| TimeDelta::seconds(secs.into())),
                    inviter: None,
                    befriends: false,
                };
                return match self.invite(&invite, Utc::now()) {
                    Ok(invitation) => Answer::Invitation(invitation),
                    Err(error) => Answer::Failed(error.to_string()),
                };
            }
            Request::RevokeInvitations => self.revoke_invitations(),
            Request::Status | Request::Reload | Request::BackUp => {
                Err(AdminError("the appliance does not run".to_owned()))
            }
        };
        done.map_or_else(|error| Answer::Failed(error.to_string()), Answer::Done)
    }

    /// Makes an account. One that watches finds all collectors in its roster, a collector all who watch.
    ///
    /// # Errors
    /// The name is taken, reserved or of another domain; the password cannot be used; the store takes no more.
    pub fn add(&self, jid: &BareJid, role: Role, password: &str) -> Result<String, AdminError> {
        let name = self.name(jid)?;
        if self.store.invitations().promises(name, Utc::now()) {
            return Err(AdminError(format!(
                "{jid} is promised to somebody who is invited: 'watchpost invite --revoke' ends all invitations"
            )));
        }
        let ticket = self
            .store
            .accounts()
            .add(name, role, password, &self.options.policy)
            .map_err(|error| match error {
                StoreError::Exists => AdminError(format!(
                    "{jid} is there already: 'watchpost account passwd' changes its password"
                )),
                error => AdminError(format!("{jid} was not added: {error}")),
            })?;
        let ticket = ticket.max(self.introduce(jid)?);
        self.durable(ticket)?;
        Ok(format!("{jid} added as {role}\n"))
    }

    /// Puts a new account, and the built-in collector, into the rosters that they belong in.
    pub(super) fn introduce(&self, jid: &BareJid) -> Result<Ticket, AdminError> {
        self.make_collector()?;
        self.router.introduce(jid).map_err(|error| {
            let condition = error.condition.name();
            AdminError(format!(
                "{jid} and those it belongs with were not introduced: {condition}"
            ))
        })
    }

    /// The built-in collector's account, made when it is not there.
    ///
    /// # Errors
    /// Somebody's account has its name; the store takes no more.
    pub fn make_collector(&self) -> Result<BareJid, AdminError> {
        let jid = BareJid::new(&format!("{COLLECTOR}@{}", self.store.domain()));
        let jid = jid.map_err(|error| AdminError(format!("'{}' cannot be a domain: {error}", self.store.domain())))?;
        match self.store.accounts().get(COLLECTOR) {
            Some(account) if account.has_credentials => Err(AdminError(format!(
                "{jid} is somebody's account, and must be the collector's: remove it"
            ))),
            Some(_) => Ok(jid),
            None => {
                self.durable(
                    self.store
                        .accounts()
                        .add_without_credentials(COLLECTOR, Role::Collector)?,
                )?;
                Ok(jid)
            }
        }
    }

    /// Sets a password. The account's sessions end: whoever opened them knew the old one (threat A17).
    ///
    /// # Errors
    /// There is no such account; the password cannot be used; the store takes no more.
    pub fn set_password(&self, jid: &BareJid, password: &str) -> Result<String, AdminError> {
        let name = self.name(jid)?;
        let ticket = self.store.accounts().set_password(name, password, &self.options.policy);
        self.durable(ticket.map_err(|error| absent(jid, error))?)?;
        self.router.end_sessions(Some(jid), Closing::NotAuthorized);
        Ok(format!("the password of {jid} is changed\n"))
    }

    /// Removes an account and all that is kept for it. It is disabled first, so that nobody logs in meanwhile.
    ///
    /// # Errors
    /// There is no such account; the store takes no more.
    pub fn remove(&self, jid: &BareJid) -> Result<String, AdminError> {
        let name = self.name(jid)?;
        self.store
            .accounts()
            .set_disabled(name, true)
            .map_err(|error| absent(jid, error))?;
        self.router.account_removed(jid);
        let ticket = self.store.accounts().remove(name).map_err(|error| absent(jid, error))?;
        self.durable(ticket)?;
        self.router.end_sessions(Some(jid), Closing::NotAuthorized);
        Ok(format!("{jid} is removed\n"))
    }

    /// Refuses log-in to an account, and ends its sessions; or allows it again.
    ///
    /// # Errors
    /// There is no such account; the store takes no more.
    pub fn set_disabled(&self, jid: &BareJid, disabled: bool) -> Result<String, AdminError> {
        let name = self.name(jid)?;
        let ticket = self.store.accounts().set_disabled(name, disabled);
        self.durable(ticket.map_err(|error| absent(jid, error))?)?;
        if disabled {
            self.router.end_sessions(Some(jid), Closing::NotAuthorized);
        }
        let state = if disabled { "disabled" } else { "enabled" };
        Ok(format!("{jid} is {state}\n"))
    }

    /// All accounts, by name.
    pub fn list(&self) -> Vec<AccountLine> {
        let sessions = self.router.sessions();
        let held = |name: &str| {
            let is_its = |session: &&Arc<Session>| session.jid().node().is_some_and(|node| node.as_str() == name);
            sessions.iter().filter(is_its).count()
        };
        let line = |account: crate::store::Account| AccountLine {
            jid: format!("{}@{}", account.name, self.store.domain()),
            role: account.role,
            sessions: self.options.running.then(|| held(&account.name)),
        };
        self.store.accounts().list().into_iter().map(line).collect()
    }

    /// The localpart of an account that the operator may change.
    pub(super) fn name<'a>(&self, jid: &'a BareJid) -> Result<&'a str, AdminError> {
        let domain = self.store.domain();
        if jid.domain().as_str() != domain {
            return Err(AdminError(format!(
                "{jid} is not of this domain: accounts here end in @{domain}"
            )));
        }
        match jid.node() {
            None => Err(AdminError(format!("'{jid}' names no account: write NAME@{domain}"))),
            Some(name) if name.as_str() == COLLECTOR => Err(AdminError(format!(
                "{jid} is the built-in collector: it has no password and stays; choose another name"
            ))),
            Some(name) => Ok(name.as_str()),
        }
    }

    pub(super) fn durable(&self, ticket: Ticket) -> Result<(), AdminError> {
        Ok(self.store.wait(ticket)?)
    }
}

fn absent(jid: &BareJid, error: StoreError) -> AdminError {
    match error {
        StoreError::Absent => AdminError(format!("there is no account {jid}: 'watchpost account list' shows all")),
        error => AdminError(format!("{jid} was not changed: {error}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::roster::Subscription;
    use crate::router;

    /// Accounts of `mon.example`, whose appliance does not run.
    fn accounts(dir: &std::path::Path, watchers: Option<Vec<BareJid>>) -> Accounts {
        let store = Store::open(dir, "mon.example").unwrap();
        let mut introductions = router::Introductions::default();
        introductions.names.insert(COLLECTOR.to_owned(), "box".to_owned());
        introductions
            .watchers
            .extend(watchers.map(|watchers| (COLLECTOR.to_owned(), watchers)));
        let router = Router::new(
            router::Options::new("mon.example"),
            store.clone(),
            crate::modules::all(),
        );
        router.set_introductions(introductions);
        let policy = Policy { scram: false };
        let options = Options {
            policy,
            invitation_time: TimeDelta::days(7),
            running: false,
        };
        Accounts::new(store, router, options)
    }

    fn jid(text: &str) -> BareJid {
        BareJid::new(text).unwrap()
    }

    #[test]
    fn a_new_account_finds_the_collector_in_its_roster_both_ways() {
        let dir = tempfile::tempdir().unwrap();
        let accounts = accounts(dir.path(), None);
        accounts
            .add(&jid("juliet@mon.example"), Role::Viewer, "secret")
            .unwrap();
        let rosters = accounts.store.rosters();
        let roster = rosters.load("juliet");
        let item = roster.get(&jid("monitor@mon.example")).unwrap();
        assert_eq!(
            (item.name.as_deref(), item.state.subscription),
            (Some("box"), Subscription::Both)
        );
        assert!(item.groups.iter().eq(["Servers"]));
        let back = rosters.load(COLLECTOR);
        assert_eq!(
            back.get(&jid("juliet@mon.example")).unwrap().state.subscription,
            Subscription::Both
        );
    }

    #[test]
    fn who_may_not_watch_is_not_introduced_and_a_collector_is_to_all_others() {
        let dir = tempfile::tempdir().unwrap();
        let accounts = accounts(dir.path(), Some(vec![jid("juliet@mon.example")]));
        accounts.add(&jid("romeo@mon.example"), Role::Viewer, "secret").unwrap();
        let contacts = |name: &str| accounts.store.rosters().load(name).listed().count();
        assert_eq!(contacts("romeo"), 0);
        accounts
            .add(&jid("web1@mon.example"), Role::Collector, "secret")
            .unwrap();
        assert_eq!((contacts("romeo"), contacts("web1"), contacts(COLLECTOR)), (1, 1, 0));
    }

    #[test]
    fn a_removed_account_leaves_nothing_behind() {
        let dir = tempfile::tempdir().unwrap();
        let accounts = accounts(dir.path(), None);
        let juliet = jid("juliet@mon.example");
        accounts.add(&juliet, Role::Admin, "secret").unwrap();
        accounts.remove(&juliet).unwrap();
        assert!(!accounts.store.accounts().exists("juliet"));
        assert_eq!(accounts.store.rosters().load("juliet").listed().count(), 0);
        let left = accounts.store.rosters().load(COLLECTOR).state(&juliet);
        assert_eq!(
            left.subscription,
            Subscription::None,
            "the collector tells it nothing more"
        );
        assert!(
            accounts
                .remove(&juliet)
                .unwrap_err()
                .to_string()
                .contains("there is no account")
        );
        accounts.add(&juliet, Role::Viewer, "other").unwrap();
        assert_eq!(
            accounts.store.accounts().role("juliet"),
            Some(Role::Viewer),
            "a18: the role does not come back"
        );
    }

    #[test]
    fn a_password_is_changed_for_accounts_that_exist() {
        let dir = tempfile::tempdir().unwrap();
        let accounts = accounts(dir.path(), None);
        let juliet = jid("juliet@mon.example");
        assert!(
            accounts
                .set_password(&juliet, "x")
                .unwrap_err()
                .to_string()
                .contains("there is no account")
        );
        accounts.add(&juliet, Role::Viewer, "old").unwrap();
        assert!(
            accounts
                .add(&juliet, Role::Admin, "new")
                .unwrap_err()
                .to_string()
                .contains("is there already")
        );
        accounts.set_password(&juliet, "new").unwrap();
        let found = accounts.store.accounts();
        assert!(found.verify_password("juliet", "new") && !found.verify_password("juliet", "old"));
    }

    #[test]
    fn the_collector_and_strangers_are_refused_with_a_sentence() {
        let dir = tempfile::tempdir().unwrap();
        let accounts = accounts(dir.path(), None);
        for (name, sentence) in [
            ("monitor@mon.example", "is the built-in collector"),
            ("Monitor@mon.example", "is the built-in collector"),
            ("juliet@other.example", "accounts here end in @mon.example"),
            ("mon.example", "names no account"),
        ] {
            let jid = jid(name);
            for refused in [
                accounts.add(&jid, Role::Admin, "x"),
                accounts.set_password(&jid, "x"),
                accounts.remove(&jid),
            ] {
                assert!(refused.unwrap_err().to_string().contains(sentence), "{name}");
            }
        }
    }
}
