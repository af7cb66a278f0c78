//! A bound resource.

use super::rates::Usage;
use super::{Sink, locked};
use crate::stanza::Role;
use crate::store::Ticket;
use crate::xml::Frame;
use jid::{BareJid, FullJid, Jid};
use std::collections::BTreeSet;
use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, AtomicI16, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::SystemTime;

/// Stands for "no presence session" where a priority is kept.
const UNAVAILABLE: i16 = i16::MIN;

/// A session: a bound resource (RFC 6120 section 7), *connected*; *available* once it has sent initial presence;
/// *interested* once it has asked for the roster (RFC 6121 section 2.2).
#[derive(Debug)]
pub struct Session {
    jid: FullJid,
    account: BareJid,
    role: Role,
    sink: Arc<Sink>,
    since: SystemTime,
    lang: OnceLock<String>,
    peer: Mutex<Option<IpAddr>>,
    client: OnceLock<String>,
    priority: AtomicI16,
    interested: AtomicBool,
    wants_block_list: AtomicBool,
    answers_for_account: AtomicBool,
    copies: AtomicBool,
    archive_read: AtomicU64,
    /// The newest ticket that its stanzas have led to; 0 for none.
    written: AtomicU64,
    ended: AtomicBool,
    /// Held while this session's presence changes or is told to somebody, so that everyone hears it in one order. Whoever
    /// holds it takes no other session's.
    pub(super) state: Mutex<State>,
    caps: Mutex<Option<Arc<BTreeSet<String>>>>,
    pub(super) usage: Mutex<Usage>,
}

/// What changes in a session's life.
#[derive(Debug, Default)]
pub(super) struct State {
    /// The last available presence broadcast; `None` while unavailable.
    pub presence: Option<Frame>,
    /// How many of its last children are the server's.
    pub stamps: usize,
    /// What its watchers see instead while nothing is heard of it.
    pub silent: Option<Frame>,
    /// Who else was sent available presence (RFC 6121 section 4.6), oldest first.
    pub directed: Vec<Jid>,
    /// Whoever should see [`State::shown`] has not been told yet; whether they saw nothing of the session before.
    pub late: Option<Newcomer>,
}

/// Whether those who are told late have been told of the session at all.
pub(super) type Newcomer = bool;

impl State {
    /// The presence that others see; `None` while unavailable.
    pub fn shown(&self) -> Option<&Frame> {
        self.silent.as_ref().or(self.presence.as_ref())
    }
}

impl Session {
    pub(super) fn new(jid: FullJid, role: Role, sink: Arc<Sink>) -> Session {
        Session {
            account: jid.to_bare(),
            jid,
            role,
            sink,
            since: SystemTime::now(),
            lang: OnceLock::new(),
            peer: Mutex::default(),
            client: OnceLock::new(),
            priority: AtomicI16::new(UNAVAILABLE),
            interested: AtomicBool::new(false),
            wants_block_list: AtomicBool::new(false),
            answers_for_account: AtomicBool::new(false),
            copies: AtomicBool::new(false),
            archive_read: AtomicU64::new(0),
            written: AtomicU64::new(0),
            ended: AtomicBool::new(false),
            state: Mutex::default(),
            caps: Mutex::default(),
            usage: Mutex::default(),
        }
    }

    /// The full JID that was bound.
    pub fn jid(&self) -> &FullJid {
        &self.jid
    }

    /// The account's bare JID.
    pub fn account(&self) -> &BareJid {
        &self.account
    }

    /// The account's localpart: its name.
    pub fn node(&self) -> &str {
        self.account.node().map_or("", |node| node.as_str())
    }

    /// The resource.
    pub fn resource(&self) -> &str {
        self.jid.resource()
    }

    /// The account's role when the session was bound.
    pub fn role(&self) -> Role {
        self.role
    }

    /// Its way out.
    pub fn sink(&self) -> &Arc<Sink> {
        &self.sink
    }

    /// When it was bound.
    pub fn since(&self) -> SystemTime {
        self.since
    }

    /// The `xml:lang` of its stream (RFC 6120 section 4.7.4), which its stanzas inherit.
    pub fn lang(&self) -> Option<&str> {
        self.lang.get().map(String::as_str)
    }

    /// Says which `xml:lang` the stream header had; `net/` does so once, right after binding.
    pub fn set_lang(&self, lang: &str) {
        // A second call would be the same header's: the first value stays.
        let _ = self.lang.set(lang.to_owned());
    }

    /// The id of the client's installation (XEP-0388 section 2.2), for nobody else's eyes.
    pub(super) fn client(&self) -> Option<&str> {
        self.client.get().map(String::as_str)
    }

    pub(super) fn set_client(&self, client: String) {
        // Each session is bound once, by one client.
        let _ = self.client.set(client);
    }

    /// Where its client is connected from, or was last; `None` within the process.
    pub fn peer(&self) -> Option<IpAddr> {
        *locked(&self.peer)
    }

    /// Says where its client is connected from; `net/` does so when a resource is bound, and when it is resumed.
    pub fn set_peer(&self, peer: IpAddr) {
        *locked(&self.peer) = Some(peer);
    }

    /// Whether it is a hosted service, which answers for its account's bare JID itself.
    pub fn answers_for_account(&self) -> bool {
        self.answers_for_account.load(Ordering::SeqCst)
    }

    /// Makes it a hosted service: what [`Module`](super::Module)s would answer at the account's bare JID about what the
    /// account is and can do goes to this session; its results may say they are `from` the bare JID. `net/` says so of
    /// sessions within the process, right after binding.
    pub fn answer_for_account(&self) {
        self.answers_for_account.store(true, Ordering::SeqCst);
    }

    /// The priority of its presence (RFC 6121 section 4.7.2.3); `None` while unavailable.
    pub fn priority(&self) -> Option<i8> {
        i8::try_from(self.priority.load(Ordering::SeqCst)).ok()
    }

    /// Whether it has sent initial presence.
    pub fn is_available(&self) -> bool {
        self.priority().is_some()
    }

    /// Whether messages to the bare JID may reach it: available with a non-negative priority (RFC 6121 section 8.5.2).
    pub fn takes_messages(&self) -> bool {
        self.priority().is_some_and(|priority| priority >= 0)
    }

    /// Whether it gets copies of messages that other resources of its account send and receive (XEP-0280): it has asked for
    /// them, and is available.
    pub fn takes_copies(&self) -> bool {
        self.copies.load(Ordering::SeqCst) && self.is_available()
    }

    /// Turns the copies on or off, on the client's request, as often as it likes: by an iq, or while it binds (XEP-0386).
    pub fn set_copies(&self, on: bool) {
        self.copies.store(on, Ordering::SeqCst);
    }

    /// Up to which of the store's numbers it has read the archive: what was kept under those it has seen there. 0 for none.
    pub fn archive_read(&self) -> u64 {
        self.archive_read.load(Ordering::SeqCst)
    }

    /// Says up to which of the store's numbers it has read the archive.
    pub fn set_archive_read(&self, number: u64) {
        self.archive_read.store(number, Ordering::SeqCst);
    }

    /// What must be durable before anything that it has sent until now is acknowledged (XEP-0198 section 4).
    pub fn written(&self) -> Ticket {
        Ticket(self.written.load(Ordering::SeqCst))
    }

    pub(super) fn has_written(&self, ticket: Ticket) {
        self.written.fetch_max(ticket.0, Ordering::SeqCst);
    }

    /// Whether it has asked for the roster, and so gets roster pushes.
    pub fn is_interested(&self) -> bool {
        self.interested.load(Ordering::SeqCst)
    }

    /// Whether it has asked for the block list, and so gets its pushes (XEP-0191 section 3.3).
    pub fn wants_block_list(&self) -> bool {
        self.wants_block_list.load(Ordering::SeqCst)
    }

    /// The last presence that it broadcast; `None` while unavailable.
    pub fn presence(&self) -> Option<Frame> {
        locked(&self.state).presence.clone()
    }

    /// Whether it has sent directed presence to somebody, by full or bare JID, and not taken it back.
    pub(super) fn has_directed(&self, to: &FullJid) -> bool {
        let state = locked(&self.state);
        let bare = to.to_bare();
        state.directed.iter().any(|known| *known == *to || *known == bare)
    }

    pub(super) fn set_priority(&self, priority: Option<i8>) {
        self.priority
            .store(priority.map_or(UNAVAILABLE, i16::from), Ordering::SeqCst);
    }

    pub(super) fn set_interested(&self) {
        self.interested.store(true, Ordering::SeqCst);
    }

    pub(super) fn set_wants_block_list(&self) {
        self.wants_block_list.store(true, Ordering::SeqCst);
    }

    /// Marks it ended; `false` when it was already.
    pub(super) fn end(&self) -> bool {
        !self.ended.swap(true, Ordering::SeqCst)
    }

    /// Whether it has ended.
    pub(super) fn has_ended(&self) -> bool {
        self.ended.load(Ordering::SeqCst)
    }

    pub(super) fn caps(&self) -> Option<Arc<BTreeSet<String>>> {
        locked(&self.caps).clone()
    }

    /// Keeps what its capabilities stand for; `true` when that is news.
    pub(super) fn set_caps(&self, features: Option<Arc<BTreeSet<String>>>) -> bool {
        let mut caps = locked(&self.caps);
        let news = *caps != features;
        *caps = features;
        news
    }
}
