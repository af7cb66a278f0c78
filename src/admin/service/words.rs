//! XEP-0133 sections 4.23 and 4.31: words to everyone, and the end.

use super::{Administration, Row};
use crate::admin::AdminError;
use crate::service::command::Caller;
use crate::service::form::{Field, FieldKind, Form, Values};
use crate::service::report::{NoteKind, Report};
use jid::BareJid;
use std::collections::BTreeSet;
use std::time::Duration;
use tokio::runtime::Handle;
use tokio::time::sleep;

/// Delays that the XEP's form offers, seconds.
const DELAYS: [&str; 10] = ["0", "30", "60", "90", "120", "180", "240", "300", "600", "900"];

pub(super) const TASKS: &[Row] = &[
    (
        "http://jabber.org/protocol/admin#announce",
        "Send Announcement to Online Users",
        "tell everyone who is online",
        || words("Making an Announcement"),
        |to, _, values| announce(to, values, false),
    ),
    (
        "http://jabber.org/protocol/admin#announce-all",
        "Send Announcement to All Users",
        "tell everyone, those who are away when they come",
        || words("Making an Announcement to All"),
        |to, _, values| announce(to, values, true),
    ),
    (
        "http://jabber.org/protocol/admin#shutdown",
        "Shut Down Service",
        "stop the service",
        || {
            let delay = Field::new(FieldKind::ListSingle, "delay", "Seconds until then").value("30");
            let delay = DELAYS.iter().fold(delay, |delay, each| delay.choice(*each, *each));
            let words = Field::new(FieldKind::TextMulti, "announcement", "The announcement, if any");
            Form::new("Shutting Down the Service", "All sessions end.")
                .field(delay)
                .field(words)
        },
        shutdown,
    ),
];

/// A form with words to say.
fn words(title: &'static str) -> Form {
    let subject = Field::new(FieldKind::TextSingle, "subject", "The subject, if any");
    let words = Field::new(FieldKind::TextMulti, "announcement", "The announcement");
    Form::new(title, "Say what they are to be told.")
        .field(subject)
        .field(words.required())
}

fn announce(to: &Administration, values: &Values, all: bool) -> Result<Report, AdminError> {
    let recipients = match all {
        true => everyone(to)?,
        false => online(to),
    };
    let words = values.all("announcement").join("\n");
    for account in &recipients {
        to.router.announce(account, values.get("subject"), &words);
    }
    let text = format!("{} told", recipients.len());
    Ok(Report::note(NoteKind::Info, text))
}

/// Accounts with a person behind them who is available.
fn online(to: &Administration) -> BTreeSet<BareJid> {
    let sessions = to.router.sessions().into_iter();
    let online = sessions.filter(|session| session.is_available() && !session.answers_for_account());
    online.map(|session| session.account().clone()).collect()
}

fn everyone(to: &Administration) -> Result<BTreeSet<BareJid>, AdminError> {
    let accounts = to.store.accounts().list().into_iter();
    accounts
        .filter(|account| account.has_credentials && !account.disabled)
        .map(|account| {
            let jid = [account.name.as_str(), "@", to.store.domain()].concat();
            BareJid::new(&jid).map_err(|error| AdminError(error.to_string()))
        })
        .collect()
}

fn shutdown(to: &Administration, caller: &Caller, values: &Values) -> Result<Report, AdminError> {
    if !values.all("announcement").is_empty() {
        announce(to, values, false)?;
    }
    let seconds = values.get("delay").and_then(|delay| delay.parse().ok()).unwrap_or(30);
    tracing::warn!(jid = %caller.jid, seconds, "an admin has asked for the end");
    let stop = to.stop.clone();
    // At least the time in which the answer leaves.
    let delay = Duration::from_secs(seconds).max(Duration::from_secs(1));
    Handle::current().spawn(async move {
        sleep(delay).await;
        stop.notify_one();
    });
    let text = format!("The service stops in {seconds} s.");
    Ok(Report::note(NoteKind::Warn, text))
}
