//! The task of a bound session: bytes in, frames to the router; the sink's elements, bytes out.
//!
//! A wake reads one burst, routes all its frames, drains the sink once and writes once. While it waits it owns its keys
//! and its identity: no buffer, and one timer, which is moved only when it fires.

mod bound;
mod managing;

pub(super) use bound::BoundSession;

use super::admission::Permit;
use super::bucket::Bucket;
use super::management::Answers;
use super::registration::{self, Answered};
use super::{Shared, transfer};
use crate::router::{Closing, Violation};
use crate::stanza::{Role, ns};
use crate::store::Ticket;
use crate::stream::{Condition, Event, Receiving, StreamError};
use crate::xml::{CLIENT, Frame, Rope, Writer, to_bytes};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};
use tokio_rustls::server::TlsStream;
use tracing::info;

/// About how much is written at once.
const WRITE_BYTES_MAX: usize = 64 << 10;

/// A connection with a bound resource.
pub(super) struct Connection {
    shared: Arc<Shared>,
    socket: TlsStream<TcpStream>,
    stream: Receiving,
    bound: BoundSession,
    /// Held: the connection counts while it lives.
    _permit: Permit,
    committed: watch::Receiver<Ticket>,
    bytes: Bucket,
    stanzas: Bucket,
    heard_at: Instant,
    silence: Silence,
    /// Acknowledgements that the client waits for; absent for one that does not count.
    answers: Option<Box<Answers>>,
    /// When the client is to be asked what it has handled.
    ask_at: Option<Instant>,
    /// Since when a stanza has been arriving.
    partial_since: Option<Instant>,
}

/// What has been done about a peer from whom nothing comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Silence {
    /// Nothing yet.
    Fresh,
    /// It was asked whether it is there, then.
    Asked(Instant),
    /// Its watchers were told that it is silent: a collector's last word is no longer the state of its host.
    Told,
}

/// Why a connection ends.
enum End {
    /// Ours to say.
    Error(StreamError),
    /// The stream has said it.
    Over,
    /// There is nobody to tell.
    Gone,
    /// Nothing has been heard of the peer for too long.
    Silent,
    /// Another connection resumes the session.
    Resumed,
}

impl From<Condition> for End {
    fn from(condition: Condition) -> End {
        End::Error(condition.into())
    }
}

impl Connection {
    pub(super) fn new(
        shared: Arc<Shared>,
        socket: TlsStream<TcpStream>,
        stream: Receiving,
        bound: BoundSession,
        permit: Permit,
    ) -> Connection {
        let now = Instant::now();
        let committed = shared.store.committed();
        Connection {
            shared,
            socket,
            stream,
            bound,
            _permit: permit,
            committed,
            bytes: Bucket::full(now),
            stanzas: Bucket::full(now),
            heard_at: now,
            silence: Silence::Fresh,
            answers: None,
            ask_at: None,
            partial_since: None,
        }
    }

    /// Serves until the end of the session, which is unbound before the goodbye.
    /// Boxed, so that its task holds it once.
    pub(super) async fn run(mut self: Box<Self>) {
        // A session that was bound while the others were being ended.
        if *self.shared.stopping.borrow() {
            self.bound.session.sink().close(Closing::SystemShutdown);
        }
        let Err(end) = self.serve().await;
        let jid = self.bound.session.jid();
        match &end {
            End::Error(error) => info!(%jid, %error, "session ended"),
            End::Over => info!(%jid, "session closed"),
            End::Gone => info!(%jid, "session lost"),
            End::Silent => info!(%jid, error = "connection-timeout", "session silent for too long"),
            End::Resumed => info!(%jid, "session goes on elsewhere"),
        }
        self.leave(&end);
        drop(self.bound);
        if !matches!(end, End::Gone) {
            let last = self.stream.take_output();
            Box::pin(transfer::finish(self.socket, &last, self.shared.options.times.close)).await;
        }
    }

    async fn serve(&mut self) -> Result<std::convert::Infallible, End> {
        // Frames that came in one burst with the bind request.
        self.route().await?;
        let mut timer = std::pin::pin!(sleep_until(self.idle_deadline()));
        loop {
            let waits_for = self.write().await?;
            let now = Instant::now();
            let delay = self.delay(now);
            let wake = match delay.is_zero() {
                true => self.deadline(),
                false => self.deadline().min(now + delay),
            };
            if wake < timer.deadline() {
                timer.as_mut().reset(wake);
            }
            let sink = self.bound.session.sink();
            let may_read = delay.is_zero() && !sink.is_congested();
            tokio::select! {
                biased;
                read = transfer::read(&mut self.socket, &mut self.stream), if may_read => self.received(read).await?,
                () = sink.ready() => {}
                moved = wait_for(&mut self.committed, waits_for), if waits_for.is_some() => moved?,
                () = timer.as_mut() => {
                    self.tick(Instant::now())?;
                    timer.as_mut().reset(self.deadline());
                }
            }
        }
    }

    /// Writes the stream's own output, then what the sink gives now. Returns the ticket that the rest waits for.
    async fn write(&mut self) -> Result<Option<Ticket>, End> {
        let is_managed = self.stream.handled().is_some();
        loop {
            let committed = *self.committed.borrow_and_update();
            let mut waits_for = self.answer(committed);
            let mut out = self.stream.take_output();
            let mut ropes = Vec::new();
            let sink = self.bound.session.sink();
            if is_managed && sink.is_claimed() {
                return Err(End::Resumed);
            }
            let closing = sink.closing();
            if closing == Some(Closing::ResourceConstraint) {
                // What is queued is kept for the account: this client does not read.
                return Err(End::Error(ended(Closing::ResourceConstraint)));
            }
            waits_for = earlier(waits_for, sink.drain(committed, WRITE_BYTES_MAX, &mut ropes));
            for part in ropes.iter().flat_map(Rope::parts) {
                out.extend_from_slice(part);
            }
            drop(ropes);
            if is_managed {
                self.ask(Instant::now());
                out.extend_from_slice(&self.stream.take_output());
            }
            if !out.is_empty() {
                self.write_out(&out, is_managed).await?;
            }
            match closing {
                None => return Ok(waits_for),
                Some(why) if out.is_empty() => return Err(End::Error(ended(why))),
                Some(_) => {}
            }
        }
    }

    /// Whoever resumes the session does not wait for a peer that takes nothing.
    async fn write_out(&mut self, out: &[u8], is_managed: bool) -> Result<(), End> {
        let stall = self.shared.options.times.write;
        let sink = self.bound.session.sink();
        tokio::select! {
            biased;
            written = transfer::write(&mut self.socket, out, stall) => written.map_err(|_| End::Gone),
            // In the middle of something: nothing more can be said.
            () = sink.claimed(), if is_managed => Err(End::Gone),
        }
    }

    /// Bytes were read into the stream, or not.
    async fn received(&mut self, read: std::io::Result<usize>) -> Result<(), End> {
        let bytes = match read {
            Ok(0) | Err(_) => return Err(End::Gone),
            Ok(bytes) => bytes,
        };
        let now = Instant::now();
        self.heard_at = now;
        if std::mem::replace(&mut self.silence, Silence::Fresh) == Silence::Told {
            self.shared.router.heard_again(&self.bound.session);
        }
        self.bytes.take(bytes, &self.shared.options.rate, now);
        let stanzas = self.route().await?;
        self.stanzas.take(stanzas, &self.shared.options.stanza_rate, now);
        self.partial_since = match (self.stream.pending(), self.partial_since) {
            (0, _) => None,
            (_, Some(since)) if stanzas == 0 => Some(since),
            _ => Some(now),
        };
        Ok(())
    }

    /// Routes all frames that are there. Returns how many.
    async fn route(&mut self) -> Result<usize, End> {
        let mut stanzas = 0;
        while let Some(event) = self.stream.next_event() {
            match event {
                Event::Frame(frame) => {
                    stanzas += 1;
                    let session = &self.bound.session;
                    match registration::Request::read(session, self.shared.stream.domain.as_str(), &frame) {
                        Some(request) => self.register(request).await?,
                        None => self.route_one(frame)?,
                    }
                }
                Event::Closed(error) => {
                    if let Some(error) = error {
                        info!(jid = %self.bound.session.jid(), %error, "stream ended");
                    }
                    return Err(End::Over);
                }
                event => self.manage(event)?,
            }
        }
        Ok(stanzas)
    }

    /// The account changes, or ends, before anything else that this session sent is looked at.
    async fn register(&mut self, request: registration::Request) -> Result<(), End> {
        let session = Arc::clone(&self.bound.session);
        // Boxed: it is seldom there.
        match Box::pin(request.answer(&self.shared, &session)).await {
            Answered::Reply(reply) => {
                session.sink().push(to_bytes(&reply, CLIENT).into(), None);
                Ok(())
            }
            Answered::Removed(reply) => {
                let stall = self.shared.options.times.write;
                let written = transfer::write(&mut self.socket, &reply, stall).await;
                written.map_err(|_| End::Gone)?;
                Err(End::Error(ended(Closing::NotAuthorized)))
            }
        }
    }

    /// A panic on the way is this session's end and nobody else's: what it may have left half done is per account, and
    /// its locks recover.
    fn route_one(&self, frame: Frame) -> Result<(), End> {
        let route = AssertUnwindSafe(|| self.shared.router.route(&self.bound.session, frame));
        match catch_unwind(route) {
            Ok(routed) => routed.map_err(|violation| End::Error(violated(violation))),
            Err(_) => Err(Condition::InternalServerError.into()),
        }
    }

    /// How long nothing is to be read, for having read too much.
    fn delay(&self, now: Instant) -> Duration {
        let options = &self.shared.options;
        let bytes = self.bytes.delay(&options.rate, now);
        bytes.max(self.stanzas.delay(&options.stanza_rate, now))
    }

    fn idle_deadline(&self) -> Instant {
        let times = &self.shared.options.times;
        let after = match (self.is_collector(), self.silence) {
            (false, Silence::Asked(at)) => return at + times.ping,
            (false, _) => times.idle,
            (true, Silence::Fresh) => times.dead_after / 3,
            (true, Silence::Asked(_)) => times.dead_after / 2,
            (true, Silence::Told) => times.dead_after,
        };
        self.heard_at + after
    }

    fn is_collector(&self) -> bool {
        self.bound.session.role() == Role::Collector
    }

    /// The next instant at which something must be done unless something happens.
    fn deadline(&self) -> Instant {
        let idle = self.idle_deadline();
        let stanza = self.partial_since.map(|since| since + self.shared.options.times.stanza);
        [stanza, self.ask_at].into_iter().flatten().fold(idle, Instant::min)
    }

    /// The timer fired; what it was set for may have been overtaken.
    fn tick(&mut self, now: Instant) -> Result<(), End> {
        let stanza = self.shared.options.times.stanza;
        if self.partial_since.is_some_and(|since| now >= since + stanza) {
            let error = StreamError::new(Condition::PolicyViolation, "a stanza took too long");
            return Err(End::Error(error));
        }
        if now < self.idle_deadline() {
            return Ok(());
        }
        let session = &self.bound.session;
        self.silence = match (self.silence, self.is_collector()) {
            (Silence::Fresh, _) if self.stream.handled().is_some() => {
                self.stream.request_acknowledgement();
                Silence::Asked(now)
            }
            (Silence::Fresh, _) => {
                let ping = ping(self.shared.stream.domain.as_str(), session.jid().as_str());
                session.sink().push(ping, None);
                Silence::Asked(now)
            }
            // One that can be resumed is shown as silent by losing its connection.
            (Silence::Asked(_), true) if session.sink().resumption_time().is_none() => {
                self.shared.router.fell_silent(session, now - self.heard_at);
                Silence::Told
            }
            _ => return Err(End::Silent),
        };
        Ok(())
    }
}

/// The ticket that is durable first.
fn earlier(one: Option<Ticket>, other: Option<Ticket>) -> Option<Ticket> {
    [one, other].into_iter().flatten().min()
}

/// Waits until the storage thread has come that far.
async fn wait_for(committed: &mut watch::Receiver<Ticket>, ticket: Option<Ticket>) -> Result<(), End> {
    match committed.wait_for(|committed| Some(*committed) >= ticket).await {
        Ok(_) => Ok(()),
        // The store is gone, and nothing will be acknowledged any more.
        Err(_) => Err(Condition::InternalServerError.into()),
    }
}

/// XEP-0199: any answer will do, an error too; the router drops a result that nobody waits for.
fn ping(domain: &str, jid: &str) -> Rope {
    let mut writer = Writer::new();
    writer.open("iq").attr("type", "get").attr("id", "idle-ping");
    writer.attr("from", domain).attr("to", jid);
    writer.open("ping").attr("xmlns", ns::PING).close();
    writer.close();
    Rope::from(writer.finish())
}

/// The stream error for a session that the server ends.
fn ended(why: Closing) -> StreamError {
    match why {
        Closing::Conflict => StreamError::new(Condition::Conflict, "replaced by a new connection"),
        Closing::ResourceConstraint => {
            StreamError::new(Condition::ResourceConstraint, "too much is waiting to be read")
        }
        Closing::SystemShutdown => Condition::SystemShutdown.into(),
        Closing::NotAuthorized => StreamError::new(Condition::NotAuthorized, "the account changed"),
        Closing::Reset => Condition::Reset.into(),
    }
}

/// The stream error for what a client must not send.
fn violated(violation: Violation) -> StreamError {
    match violation {
        Violation::InvalidFrom => Condition::InvalidFrom.into(),
        Violation::UnsupportedStanzaType => Condition::UnsupportedStanzaType.into(),
        Violation::InvalidNamespace => Condition::InvalidNamespace.into(),
    }
}
