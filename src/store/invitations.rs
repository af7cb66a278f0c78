//! Invitations to make an account (XEP-0401, XEP-0445). A token is kept as its hash: whoever reads the store cannot use
//! it.

use super::key::{Key, Table};
use super::{Credentials, Store, StoreError, Ticket};
use crate::stanza::Role;
use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// An invitation is kept so much longer than it may be taken up: who has begun to register in time may end (XEP-0445
/// section "Pre-Authenticated In-Band Registration").
const GRACE: TimeDelta = TimeDelta::days(1);

/// What an invitation grants, once.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Invitation {
    /// The role of the account to be made.
    pub role: Role,
    /// Its prepared localpart; whoever is invited chooses where there is none.
    pub name: Option<String>,
    /// The account that invited; `None` for the operator at the command line. The invitation ends with its power.
    pub inviter: Option<String>,
    /// Whether the new account and the one that invited see each other.
    pub befriends: bool,
    /// When it was made.
    pub created: DateTime<Utc>,
    /// Until when it may be taken up.
    pub expires: DateTime<Utc>,
}

/// The secret of an invitation: 128 random bits, in letters and digits. Not printed by `Debug`.
#[derive(Clone, PartialEq, Eq)]
pub struct Token(String);

impl Token {
    fn new() -> Result<Token, StoreError> {
        let mut octets = [0; 16];
        getrandom::fill(&mut octets).map_err(|_| StoreError::Invalid("the system has no random numbers"))?;
        Ok(Token(hex(&octets)))
    }

    /// The secret itself, for the link.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Debug for Token {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Token(…)")
    }
}

/// The open invitations.
#[derive(Clone, Copy, Debug)]
pub struct Invitations<'a> {
    store: &'a Store,
}

impl<'a> Invitations<'a> {
    pub(super) fn new(store: &'a Store) -> Invitations<'a> {
        Invitations { store }
    }

    /// Makes an invitation. Its token is not to be told before the ticket is durable.
    ///
    /// # Errors
    /// [`StoreError::Limit`] when there are as many as may be, [`StoreError::Exists`] when its name is an account's or
    /// another invitation's, or as [`Store::submit`].
    pub fn add(&self, invitation: &Invitation) -> Result<(Token, Ticket), StoreError> {
        let token = Token::new()?;
        let (ticket, ()) = self.store.transact(|batch| {
            let (over, open) = self.split(invitation.created);
            if open.len() >= self.store.limits().invitations_max {
                return Err(StoreError::Limit("there are as many open invitations as may be"));
            }
            let name = invitation.name.as_deref();
            if name.is_some_and(|name| self.store.accounts().exists(name) || promised(&open, name)) {
                return Err(StoreError::Exists);
            }
            for key in over {
                batch.delete_raw(key);
            }
            batch.put_json(key(token.as_str()), invitation);
            Ok(())
        })?;
        Ok((token, ticket))
    }

    /// The invitation behind a token, if it may be taken up.
    pub fn get(&self, token: &str, now: DateTime<Utc>) -> Option<Invitation> {
        let invitation: Invitation = self.store.get_json(&key(token))?;
        (now < invitation.expires && self.is_backed(&invitation)).then_some(invitation)
    }

    /// Makes the account that an invitation promises, and ends the invitation, both or neither. `get` has said that it
    /// may be taken up; that it has expired since is no reason to refuse.
    ///
    /// # Errors
    /// [`StoreError::Absent`] when it was taken up, or ended, meanwhile; [`StoreError::Exists`] when the name is an
    /// account's or another invitation's; [`StoreError::Invalid`] for a name that is none, or not the one promised; or as
    /// [`Store::submit`].
    pub fn take_up(
        &self,
        token: &str,
        user: &str,
        credentials: Credentials,
        now: DateTime<Utc>,
    ) -> Result<(Ticket, Invitation), StoreError> {
        let key = key(token);
        self.store.transact(|batch| {
            let found = self.store.get_json::<Invitation>(&key);
            let invitation = found.filter(|found| self.is_backed(found)).ok_or(StoreError::Absent)?;
            let name = super::accounts::prepared(user)?;
            match &invitation.name {
                Some(promised) if *promised != name => {
                    return Err(StoreError::Invalid("the invitation is for another name"));
                }
                None if promised(&self.split(now).1, &name) => return Err(StoreError::Exists),
                _ => {}
            }
            let accounts = self.store.accounts();
            accounts.insert(batch, &name, invitation.role, Some(credentials))?;
            batch.delete(key);
            Ok(invitation)
        })
    }

    /// Ends all invitations. Returns how many were open.
    ///
    /// # Errors
    /// As [`Store::submit`].
    pub fn revoke_all(&self, now: DateTime<Utc>) -> Result<(Ticket, usize), StoreError> {
        self.store.transact(|batch| {
            let open = self.split(now).1.len();
            for key in self.store.keys(&Key::new(Table::Invitation)) {
                batch.delete_raw(key);
            }
            Ok(open)
        })
    }

    /// Whether somebody is invited.
    pub fn is_any_open(&self, now: DateTime<Utc>) -> bool {
        !self.split(now).1.is_empty()
    }

    /// Whether a name is promised to somebody (XEP-0445 section "Business Rules").
    pub fn promises(&self, name: &str, now: DateTime<Utc>) -> bool {
        super::accounts::prepared(name).is_ok_and(|name| promised(&self.split(now).1, &name))
    }

    /// Whether who invited may still do so: the same account, not one that took its name later.
    fn is_backed(&self, invitation: &Invitation) -> bool {
        let Some(inviter) = &invitation.inviter else {
            return true;
        };
        let account = self.store.accounts().get(inviter);
        account.is_some_and(|account| {
            let is_same = account.created <= invitation.created;
            is_same && !account.disabled && account.role.may_invite(invitation.role)
        })
    }

    /// The keys of those that are over, and the others.
    fn split(&self, now: DateTime<Utc>) -> (Vec<Vec<u8>>, Vec<Invitation>) {
        let (mut over, mut open) = (Vec::new(), Vec::new());
        for (key, invitation) in self.store.scan_json::<Invitation>(&Key::new(Table::Invitation)) {
            match now < invitation.expires {
                true => open.push(invitation),
                false if now >= invitation.expires + GRACE => over.push(key),
                false => {}
            }
        }
        (over, open)
    }
}

fn promised(open: &[Invitation], name: &str) -> bool {
    open.iter().any(|invitation| invitation.name.as_deref() == Some(name))
}

/// Looking it up compares hashes, whose timing tells nothing of the token.
fn key(token: &str) -> Key {
    Key::new(Table::Invitation).text(&hex(&Sha256::digest(token)))
}

fn hex(octets: &[u8]) -> String {
    let digit = |nibble: u8| char::from(b"0123456789abcdef"[usize::from(nibble)]);
    octets
        .iter()
        .flat_map(|octet| [digit(octet >> 4), digit(octet & 15)])
        .collect()
}

#[cfg(test)]
mod tests {
    use super::super::tests::{Scratch, days};
    use super::super::{Limits, Options, Policy};
    use super::*;
    use std::collections::BTreeSet;

    fn invitation(name: Option<&str>) -> Invitation {
        Invitation {
            role: Role::Viewer,
            name: name.map(str::to_owned),
            inviter: None,
            befriends: false,
            created: days(0),
            expires: days(7),
        }
    }

    fn credentials() -> Credentials {
        Credentials::derive("secret", &Policy { scram: false }).unwrap()
    }

    fn take_up(store: &Store, token: &Token, name: &str) -> Result<(), StoreError> {
        let taken = store
            .invitations()
            .take_up(token.as_str(), name, credentials(), days(1));
        taken.map(|(ticket, _)| store.wait(ticket).unwrap())
    }

    #[test]
    fn an_invitation_makes_one_account_with_its_role() {
        let scratch = Scratch::new();
        let store = scratch.store();
        let operator = Invitation {
            role: Role::Operator,
            ..invitation(None)
        };
        let (token, ticket) = store.invitations().add(&operator).unwrap();
        store.wait(ticket).unwrap();
        assert_eq!(store.invitations().get(token.as_str(), days(1)), Some(operator));
        take_up(&store, &token, "Juliet").unwrap();
        assert_eq!(store.accounts().role("juliet"), Some(Role::Operator));
        assert!(store.accounts().verify_password("juliet", "secret"));
        assert_eq!(store.invitations().get(token.as_str(), days(1)), None);
        assert_eq!(take_up(&store, &token, "romeo"), Err(StoreError::Absent));
        assert!(!store.accounts().exists("romeo") && !store.invitations().is_any_open(days(1)));
    }

    #[test]
    fn a_name_that_is_taken_leaves_the_invitation_open() {
        let scratch = Scratch::new();
        let store = scratch.store();
        store
            .accounts()
            .add_without_credentials("monitor", Role::Collector)
            .unwrap();
        let (token, _) = store.invitations().add(&invitation(None)).unwrap();
        let (promised, _) = store.invitations().add(&invitation(Some("juliet"))).unwrap();
        assert_eq!(take_up(&store, &token, "monitor"), Err(StoreError::Exists));
        assert_eq!(take_up(&store, &token, "juliet"), Err(StoreError::Exists));
        assert!(store.invitations().promises("Juliet", days(1)));
        assert!(matches!(take_up(&store, &token, "a@b"), Err(StoreError::Invalid(_))));
        assert!(matches!(
            take_up(&store, &promised, "romeo"),
            Err(StoreError::Invalid(_))
        ));
        take_up(&store, &promised, "juliet").unwrap();
        take_up(&store, &token, "romeo").unwrap();
        for name in ["monitor", "juliet"] {
            assert_eq!(
                store.invitations().add(&invitation(Some(name))).err(),
                Some(StoreError::Exists)
            );
        }
    }

    #[test]
    fn an_expired_one_is_not_taken_up_anew_but_what_was_begun_may_end() {
        let scratch = Scratch::new();
        let store = scratch.store();
        let (token, _) = store.invitations().add(&invitation(Some("juliet"))).unwrap();
        assert!(store.invitations().get(token.as_str(), days(6)).is_some());
        assert_eq!(store.invitations().get(token.as_str(), days(7)), None);
        assert!(!store.invitations().is_any_open(days(7)) && !store.invitations().promises("juliet", days(7)));
        let later = Invitation {
            created: days(9),
            expires: days(10),
            ..invitation(None)
        };
        let (second, _) = store.invitations().add(&later).unwrap();
        assert_eq!(
            take_up(&store, &token, "juliet"),
            Err(StoreError::Absent),
            "it is forgotten"
        );
        let late = store
            .invitations()
            .take_up(second.as_str(), "romeo", credentials(), days(10));
        assert!(late.is_ok(), "a moment too late is in time");
    }

    #[test]
    fn a18_an_invitation_ends_with_the_power_of_who_made_it() {
        let scratch = Scratch::new();
        let store = scratch.store();
        let now = Utc::now() + TimeDelta::seconds(1);
        let by_romeo = Invitation {
            inviter: Some("romeo".to_owned()),
            created: now,
            expires: now + TimeDelta::days(1),
            ..invitation(None)
        };
        store
            .accounts()
            .add_without_credentials("romeo", Role::Operator)
            .unwrap();
        let (token, _) = store.invitations().add(&by_romeo).unwrap();
        let is_good = || store.invitations().get(token.as_str(), now).is_some();
        assert!(is_good());
        store.accounts().set_disabled("romeo", true).unwrap();
        assert!(!is_good());
        store.accounts().set_disabled("romeo", false).unwrap();
        store.accounts().set_role("romeo", Role::Viewer).unwrap();
        assert!(!is_good());
        assert_eq!(take_up(&store, &token, "juliet"), Err(StoreError::Absent));
        store.accounts().set_role("romeo", Role::Admin).unwrap();
        assert!(is_good());
        store.accounts().remove("romeo").unwrap();
        assert!(!is_good());
    }

    #[test]
    fn a16_tokens_cannot_be_guessed_and_are_in_no_file() {
        let scratch = Scratch::new();
        let tokens: BTreeSet<String> = (0..1_000).map(|_| Token::new().unwrap().0).collect();
        assert_eq!(tokens.len(), 1_000);
        assert!(tokens.iter().all(|token| token.len() == 32));
        let store = scratch.store();
        let (token, ticket) = store.invitations().add(&invitation(None)).unwrap();
        store.wait(ticket).unwrap();
        drop(store);
        for entry in std::fs::read_dir(scratch.path()).unwrap() {
            let bytes = std::fs::read(entry.unwrap().path()).unwrap_or_default();
            let holds = bytes.windows(32).any(|window| window == token.as_str().as_bytes());
            assert!(!holds, "a14: the token lies in the open");
        }
        assert_eq!(format!("{token:?}"), "Token(…)");
        assert!(scratch.store().invitations().get(token.as_str(), days(1)).is_some());
    }

    #[test]
    fn there_are_no_more_than_may_be_until_some_are_ended() {
        let scratch = Scratch::new();
        let options = Options {
            limits: Limits {
                invitations_max: 2,
                ..Limits::DEFAULT
            },
            ..scratch.options()
        };
        let store = Store::open_with(&scratch.path(), "mon.example", &options).unwrap();
        let add = || store.invitations().add(&invitation(None));
        let (token, _) = add().unwrap();
        add().unwrap();
        assert!(matches!(add(), Err(StoreError::Limit(_))));
        let (ticket, ended) = store.invitations().revoke_all(days(1)).unwrap();
        store.wait(ticket).unwrap();
        assert_eq!((ended, store.invitations().get(token.as_str(), days(1))), (2, None));
        add().unwrap();
    }
}
