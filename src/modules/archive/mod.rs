//! XEP-0313: Message Archive Management, in the accounts' archives, with the preferences of XEP-0441.
//!
//! Archived is what two people say to each other: messages of type chat and normal with a body, or with the hint `store`,
//! and without `no-store` and `no-permanent-store` (XEP-0334); at the sender and at the recipient, one to oneself once.
//! Collectors keep no archive: nobody reads it. The owner alone has access.

mod form;
mod prefs;
mod query;
#[cfg(test)]
mod tests;

use crate::router::{Addressee, Context, Iq, IqRoute, Module, Passage, Status, Xep, refused_by_store};
use crate::stanza::{Condition, Role, StanzaError, ns};
use crate::store::StoreError;
use crate::xml::{Build, Element, Writer, element};
use bytes::Bytes;
use chrono::{DateTime, SecondsFormat, Utc};
use jid::{BareJid, Jid};
use query::Query;
use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

/// Messages that one tick trims or checks.
const SLICE: u64 = 256;

/// Archives messages, answers queries, and forgets in time what is too much or too old.
#[derive(Default)]
pub struct MessageArchive {
    /// Accounts whose archives have grown since they were looked at.
    grown: Mutex<BTreeSet<String>>,
    round: Mutex<Round>,
    /// The store takes nothing: said once, until it does again.
    failing: AtomicBool,
}

/// A walk over all archives, a slice at a time: each is checked once after a start, and what is too old goes.
#[derive(Debug, Default)]
struct Round {
    accounts: Vec<String>,
    /// Where the check of the last of them goes on.
    from: u64,
    checked: bool,
}

const fn route(get: bool, set: bool, name: &'static str) -> IqRoute {
    IqRoute {
        get,
        set,
        addressee: Addressee::OwnAccount,
        ns: ns::MAM,
        name,
    }
}

impl Module for MessageArchive {
    fn xeps(&self) -> &'static [Xep] {
        const fn complete(number: &'static str, title: &'static str, version: &'static str) -> Xep {
            Xep {
                number,
                title,
                version,
                status: Status::Complete,
            }
        }
        const {
            &[
                complete("XEP-0313", "Message Archive Management", "1.1.3"),
                complete("XEP-0441", "Message Archive Management Preferences", "0.2.0"),
                complete("XEP-0059", "Result Set Management", "1.0"),
                complete("XEP-0297", "Stanza Forwarding", "1.0"),
                complete("XEP-0359", "Unique and Stable Stanza IDs", "0.7.0"),
            ]
        }
    }

    /// The archives are the accounts', but some clients look for them at the server only.
    fn server_features(&self) -> &'static [&'static str] {
        &[ns::MAM, ns::MAM_EXTENDED, ns::SID]
    }

    fn account_features(&self) -> &'static [&'static str] {
        &[ns::MAM, ns::MAM_EXTENDED, ns::SID]
    }

    fn iq_routes(&self) -> &'static [IqRoute] {
        const {
            &[
                route(true, true, "query"),
                route(true, false, "metadata"),
                route(true, true, "prefs"),
            ]
        }
    }

    fn handle_iq(&self, cx: &Context<'_>, iq: &Iq<'_>) -> Result<Option<Element>, StanzaError> {
        let session = cx.origin().ok_or(Condition::Forbidden)?;
        let answer = match (iq.payload.name(), iq.set) {
            ("prefs", set) => prefs::answer(cx, session, iq.payload, set)?,
            ("metadata", _) => metadata(cx, session.node()),
            (_, false) => form::form(),
            (_, true) => query::answer(cx, session, &Query::read(iq.payload)?)?,
        };
        Ok(Some(answer))
    }

    fn message_outbound(&self, cx: &Context<'_>, passage: &mut Passage<'_>) -> Result<(), StanzaError> {
        // What goes to the own account is archived as it comes in.
        if !passage.is_to_oneself() {
            self.archive(cx, passage, passage.to);
        }
        Ok(())
    }

    fn message_inbound(&self, cx: &Context<'_>, passage: &mut Passage<'_>) -> Result<(), StanzaError> {
        self.archive(cx, passage, passage.from);
        Ok(())
    }

    fn tick(&self, cx: &Context<'_>) {
        // Not in the loop's head, where the lock would be held until its end.
        let grown = std::mem::take(&mut *locked(&self.grown));
        for account in grown {
            if trim(cx, &account) >= SLICE {
                locked(&self.grown).insert(account);
            }
        }
        locked(&self.round).step(cx);
    }

    fn account_removed(&self, _cx: &Context<'_>, account: &BareJid) {
        let node = account.node().map_or("", |node| node.as_str());
        locked(&self.grown).remove(node);
    }
}

impl MessageArchive {
    /// Archives a message exchanged with somebody, if it is to be, and tells the account's resources under which id.
    fn archive(&self, cx: &Context<'_>, passage: &mut Passage<'_>, with: &Jid) {
        if !passage.is_conversation() || !passage.hints.is_permanent() || !is_wanted(cx, passage, with) {
            return;
        }
        let stanza = passage.standalone().to_bytes();
        let archive = cx.store().archive();
        match archive.append(passage.node(), &with.to_bare(), &stanza, Utc::now()) {
            Ok((ticket, id)) => {
                self.failing.store(false, Ordering::Relaxed);
                cx.after(ticket);
                passage.append(stanza_id(passage.account, &id));
                locked(&self.grown).insert(passage.node().to_owned());
            }
            Err(error) => self.miss(passage, &error),
        }
    }

    /// A message that is not archived is delivered all the same; what nobody takes the offline store will refuse too.
    fn miss(&self, passage: &Passage<'_>, error: &StoreError) {
        if !self.failing.swap(true, Ordering::Relaxed) {
            tracing::warn!(account = %passage.account, %error, "messages are not archived");
        }
    }
}

fn is_wanted(cx: &Context<'_>, passage: &Passage<'_>, with: &Jid) -> bool {
    let role = match passage.sessions().first() {
        Some(session) => Some(session.role()),
        None => cx.role(passage.account),
    };
    let is_in_roster = || {
        let roster = cx.roster(passage.account);
        roster.get(&with.to_bare()).is_some_and(|item| item.listed)
    };
    role != Some(Role::Collector) && cx.store().archive().prefs(passage.node()).wants(with, is_in_roster)
}

/// XEP-0359 section 3.
fn stanza_id(by: &BareJid, id: &str) -> Bytes {
    let mut writer = Writer::with_capacity(128);
    writer
        .open("stanza-id")
        .attr("xmlns", ns::SID)
        .attr("by", by.as_str())
        .attr("id", id)
        .close();
    writer.finish()
}

/// XEP-0313 section 5: both ends of the archive.
fn metadata(cx: &Context<'_>, account: &str) -> Element {
    let archive = cx.store().archive();
    let end = |name, number| {
        let message = archive.get(account, number)?;
        let end = element(name, ns::MAM).with("id", message.id);
        Some(end.with("timestamp", stamp(message.stamp)).build())
    };
    let (first, last) = archive.bounds(account).unzip();
    element("metadata", ns::MAM)
        .append_all(first.and_then(|first| end("start", first)))
        .append_all(last.and_then(|last| end("end", last)))
        .build()
}

/// XEP-0082: DateTime.
fn stamp(time: DateTime<Utc>) -> String {
    time.to_rfc3339_opts(SecondsFormat::Millis, true)
}

/// Lets the oldest messages of an account go, if they must; returns how many went.
fn trim(cx: &Context<'_>, account: &str) -> u64 {
    match cx.store().archive().trim(account, Utc::now(), SLICE) {
        Ok(0) => 0,
        Ok(gone) => {
            tracing::info!(
                account,
                gone,
                "the oldest messages of an archive are gone: it is at its limit"
            );
            gone
        }
        Err(error) => {
            refused_by_store(&error);
            0
        }
    }
}

impl Round {
    /// Does a slice of the walk.
    fn step(&mut self, cx: &Context<'_>) {
        let Some(account) = self.accounts.last() else {
            let accounts = cx.store().accounts().list().into_iter();
            self.accounts = accounts.map(|account| account.name).collect();
            return;
        };
        let trimmed = trim(cx, account);
        let next = match self.checked {
            true => None,
            false => check(cx, account, self.from),
        };
        self.from = next.unwrap_or_default();
        if next.is_none() && trimmed < SLICE {
            self.accounts.pop();
            self.checked |= self.accounts.is_empty();
        }
    }
}

fn check(cx: &Context<'_>, account: &str, from: u64) -> Option<u64> {
    let found = cx.store().archive().check(account, from, SLICE);
    if found.lost > 0 {
        tracing::error!(
            account,
            lost = found.lost,
            "messages of an archive are lost; the others are served"
        );
    }
    found.next
}

/// Locks a mutex whose every critical section leaves its value whole.
fn locked<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
