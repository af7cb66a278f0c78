//! From the accepted connection to a bound resource: answers what the stream asks.

use super::admission::Permit;
use super::bucket::Bucket;
use super::connection::{BoundSession, Connection};
use super::management::{self, NotResumed};
use super::registration::busy;
use super::{Security, Shared, transfer};
use crate::router::Sink;
use crate::stanza::{self, StanzaError};
use crate::store;
use crate::stream::{
    ChannelBindings, Condition, Event, Failure, Password, Receiving, Resume, ScramHash, ScramKeys, Secret, StreamError,
    Transport,
};
use chrono::Utc;
use jid::{BareJid, NodePart};
use std::borrow::Cow;
use std::net::IpAddr;
use std::sync::Arc;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep, sleep_until, timeout_at};
use tokio_rustls::server::TlsStream;
use tracing::{debug, info, warn};

/// A connection that is nobody yet.
pub(super) struct Negotiation {
    shared: Arc<Shared>,
    peer: IpAddr,
    permit: Permit,
    accepted_at: Instant,
    received: Bucket,
    account: Option<BareJid>,
    /// What the proof of identity rests on.
    standing: Option<[u8; 32]>,
    invited: bool,
}

/// How far a stream came.
enum Step {
    /// `<proceed/>` is written.
    StartTls,
    /// A good invitation was shown for the first time: a person fills in a form.
    Invited,
    Bound(BoundSession),
    /// The stream is over; what it said last is to be written.
    Over,
    /// The peer is gone.
    Gone,
}

impl Negotiation {
    pub(super) fn new(shared: Arc<Shared>, peer: IpAddr, permit: Permit, now: Instant) -> Negotiation {
        Negotiation {
            shared,
            peer,
            permit,
            accepted_at: now,
            received: Bucket::full(now),
            account: None,
            standing: None,
            invited: false,
        }
    }

    /// Negotiates; `None` when it came to nothing, and the connection is closed.
    pub(super) async fn run(mut self, mut socket: TcpStream, security: Security) -> Option<Box<Connection>> {
        let mut stream = self.stream(Transport::Plain);
        if security == Security::StartTls {
            let deadline = self.accepted_at + self.shared.options.times.handshake;
            match self.drive(&mut stream, &mut socket, deadline).await {
                Step::StartTls => {}
                Step::Gone => return None,
                Step::Over | Step::Bound(_) | Step::Invited => return self.finish(socket, stream).await,
            }
        }
        let (mut socket, bindings) = self.handshake(socket, security).await?;
        match security {
            Security::StartTls => stream.encrypted(bindings),
            Security::Direct => stream = self.stream(Transport::Encrypted(bindings)),
        }
        if self.shared.store.invitations().is_any_open(Utc::now()) {
            stream.offer_registration();
        }
        let mut step = self.drive(&mut stream, &mut socket, self.login_deadline()).await;
        if matches!(step, Step::Invited) {
            let deadline = self.accepted_at + self.shared.options.times.registration;
            step = self.drive(&mut stream, &mut socket, deadline).await;
        }
        match step {
            Step::Bound(session) => {
                let connection = Connection::new(self.shared, socket, stream, session, self.permit);
                Some(Box::new(connection))
            }
            Step::Gone => None,
            Step::Over | Step::StartTls | Step::Invited => self.finish(socket, stream).await,
        }
    }

    fn stream(&self, transport: Transport) -> Receiving {
        Receiving::new(Arc::clone(&self.shared.stream), transport)
    }

    async fn handshake(
        &self,
        socket: TcpStream,
        security: Security,
    ) -> Option<(TlsStream<TcpStream>, ChannelBindings)> {
        let mut stopping = self.shared.stopping.clone();
        let deadline = self.accepted_at + self.shared.options.times.handshake;
        let outcome = tokio::select! {
            outcome = timeout_at(deadline, self.shared.tls.accept(socket, security)) => outcome,
            _ = stopping.wait_for(|stopping| *stopping) => return None,
        };
        match outcome {
            Ok(Ok(encrypted)) => Some(encrypted),
            Ok(Err(error)) => {
                debug!(peer = %self.peer, %error, "TLS handshake failed");
                None
            }
            Err(_) => {
                debug!(peer = %self.peer, "TLS handshake took too long");
                None
            }
        }
    }

    /// Drives the stream to its next step, or to its end at the deadline or at shutdown.
    async fn drive<S>(&mut self, stream: &mut Receiving, socket: &mut S, deadline: Instant) -> Step
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let mut stopping = self.shared.stopping.clone();
        let error = tokio::select! {
            step = self.exchange(stream, socket) => return step,
            () = sleep_until(deadline) => StreamError::new(Condition::ConnectionTimeout, "log in faster"),
            _ = stopping.wait_for(|stopping| *stopping) => Condition::SystemShutdown.into(),
        };
        debug!(peer = %self.peer, %error, "stream ended");
        stream.close(error);
        Step::Over
    }

    async fn exchange<S>(&mut self, stream: &mut Receiving, socket: &mut S) -> Step
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        loop {
            while let Some(event) = stream.next_event() {
                match self.answer(event, stream).await {
                    // What is still to be written goes first on the wire of the connection to be.
                    Some(Step::Bound(session)) => return Step::Bound(session),
                    Some(Step::Over) => return Step::Over,
                    Some(step) => return self.flush(stream, socket).await.unwrap_or(step),
                    None => {}
                }
            }
            if let Some(gone) = self.flush(stream, socket).await {
                return gone;
            }
            sleep(
                self.received
                    .delay(&self.shared.options.rate_before_login, Instant::now()),
            )
            .await;
            match transfer::read(socket, stream).await {
                Ok(0) | Err(_) => return Step::Gone,
                Ok(bytes) => self
                    .received
                    .take(bytes, &self.shared.options.rate_before_login, Instant::now()),
            }
        }
    }

    /// Writes the stream's output; `Some` when that failed.
    async fn flush<S>(&self, stream: &mut Receiving, socket: &mut S) -> Option<Step>
    where
        S: AsyncWrite + Unpin,
    {
        let written = transfer::write(socket, &stream.take_output(), self.shared.options.times.write).await;
        written.err().map(|_| Step::Gone)
    }

    async fn answer(&mut self, event: Event, stream: &mut Receiving) -> Option<Step> {
        match event {
            Event::StartTls => return Some(Step::StartTls),
            Event::Credentials { user, hash } => {
                // Before the keys are read: a change in between must not go unseen.
                self.standing = self.shared.store.accounts().standing(user.as_str());
                stream.credentials(Some(self.keys(&user, hash)));
            }
            Event::CheckPassword { user, password } => {
                self.standing = self.shared.store.accounts().standing(user.as_str());
                let passwords = &self.shared.passwords;
                stream.password_checked(passwords.check(&self.shared.store, user, password).await);
            }
            Event::Authenticated { account, mechanism } => {
                debug!(peer = %self.peer, %account, %mechanism, "authenticated");
                self.permit.authenticated();
                self.account = Some(account);
            }
            Event::CheckInvitation { token } => return self.check_invitation(&token, stream),
            Event::Register { token, user, password } => {
                stream.registered(self.register(token, user, password).await);
            }
            Event::AuthenticationFailed { user, failure } => self.failed(user.as_ref(), failure),
            Event::Bind {
                resource,
                client,
                carbons,
            } => return self.bind(resource.as_deref(), client, carbons, stream),
            Event::Resume(resume) => return self.resume(&resume, stream).await,
            Event::Closed(error) => {
                let error = error.as_ref().map(tracing::field::display);
                debug!(peer = %self.peer, error, "stream ended");
                return Some(Step::Over);
            }
            // The stream yields none before it is bound.
            Event::Frame(_)
            | Event::Enable(_)
            | Event::AckRequested
            | Event::Acknowledged { .. }
            | Event::ClientState { .. } => {}
        }
        None
    }

    /// A user's SCRAM keys; someone unknown has fakes, which fit no password.
    fn keys(&self, user: &NodePart, hash: ScramHash) -> ScramKeys {
        let hash = match hash {
            ScramHash::Sha1 => store::ScramHash::Sha1,
            ScramHash::Sha256 => store::ScramHash::Sha256,
            ScramHash::Sha512 => store::ScramHash::Sha512,
        };
        let keys = self.shared.store.accounts().credentials(user.as_str(), hash);
        ScramKeys {
            salt: keys.salt,
            iterations: keys.iterations,
            stored_key: keys.stored_key,
            server_key: keys.server_key,
        }
    }

    /// Whoever is invited has more time; once, so that a second invitation is none the longer.
    fn check_invitation(&mut self, token: &Secret, stream: &mut Receiving) -> Option<Step> {
        let invitation = self.shared.store.invitations().get(token.as_str(), Utc::now());
        let Some(invitation) = invitation else {
            debug!(peer = %self.peer, "an invitation that is none");
            self.guessed(None);
            stream.invitation_checked(None);
            return None;
        };
        let name = invitation
            .name
            .and_then(|name| NodePart::new(&name).ok().map(Cow::into_owned));
        stream.invitation_checked(Some(name));
        (!std::mem::replace(&mut self.invited, true)).then_some(Step::Invited)
    }

    /// Makes an account. Names that are taken count as guesses: an invitation is no licence to find out all of them.
    async fn register(&self, token: Secret, user: NodePart, password: Password) -> Result<(), StanzaError> {
        let registrar = Arc::clone(&self.shared.registrar);
        let name = user.clone();
        let registration = move || registrar.register(token.as_str(), name.as_str(), password.as_str());
        let outcome = self
            .shared
            .passwords
            .run(registration)
            .await
            .unwrap_or_else(|| Err(busy()));
        match &outcome {
            Ok(()) => info!(peer = %self.peer, user = user.as_str(), "account made by invitation"),
            Err(error) => debug!(peer = %self.peer, condition = error.condition.name(), "registration refused"),
        }
        if outcome
            .as_ref()
            .is_err_and(|error| error.condition == stanza::Condition::Conflict)
        {
            self.guessed(Some(user.as_str()));
        }
        outcome
    }

    fn failed(&self, user: Option<&NodePart>, failure: Failure) {
        let user = user.map(|user| user.as_str());
        debug!(peer = %self.peer, ?user, failure = failure.name(), "authentication failed");
        if failure == Failure::NotAuthorized {
            self.guessed(user);
        }
    }

    fn guessed(&self, user: Option<&str>) {
        self.shared.router.counts().login_refused();
        if self.permit.failed(Instant::now()) {
            warn!(peer = %self.peer, ?user, "too many failed logins: address refused for a while");
        }
    }

    fn login_deadline(&self) -> Instant {
        self.accepted_at + self.shared.options.times.login
    }

    /// Whether the identity that was proved is still one: password and account may have changed meanwhile, and those who
    /// change them end only the sessions that they find.
    fn still_stands(&self, account: &BareJid) -> bool {
        let user = account.node().map(|user| user.as_str()).unwrap_or_default();
        self.standing.is_some() && self.shared.store.accounts().standing(user) == self.standing
    }

    async fn resume(&self, resume: &Resume, stream: &mut Receiving) -> Option<Step> {
        // Who changes the account later finds the session, wherever it is.
        if !self.still_stands(self.account.as_ref()?) {
            stream.close(Condition::NotAuthorized.into());
            return None;
        }
        match management::resume(&self.shared, self.account.as_ref()?, resume).await {
            Ok((bound, handled)) => {
                info!(peer = %self.peer, jid = %bound.jid(), "session resumed");
                bound.set_peer(self.peer);
                stream.resumed(bound.jid(), handled);
                Some(Step::Bound(bound))
            }
            Err(NotResumed::Failed { condition, handled }) => {
                debug!(peer = %self.peer, condition = condition.name(), "session not resumed");
                stream.resume_refused(condition, handled);
                None
            }
            Err(NotResumed::Error(error)) => {
                stream.close(error);
                None
            }
        }
    }

    fn bind(
        &self,
        resource: Option<&str>,
        client: Option<String>,
        carbons: bool,
        stream: &mut Receiving,
    ) -> Option<Step> {
        let account = self.account.as_ref()?;
        let user = account.node().map(|user| user.as_str()).unwrap_or_default();
        let Some(role) = self.shared.store.accounts().role(user) else {
            // Removed a moment ago.
            stream.close(Condition::NotAuthorized.into());
            return None;
        };
        let options = &self.shared.options;
        let sink = Arc::new(Sink::new(options.queue_stanzas_max, options.queue_bytes_max));
        match self.shared.router.bind(account, resource, role, sink) {
            // Only now would whoever changes the account find this session.
            Ok(session) if !self.still_stands(account) => {
                self.shared.router.unbind(&session);
                stream.close(Condition::NotAuthorized.into());
                None
            }
            Ok(session) => {
                info!(peer = %self.peer, jid = %session.jid(), %role, "session bound");
                if let Some(lang) = stream.lang() {
                    session.set_lang(lang);
                }
                session.set_peer(self.peer);
                session.set_copies(carbons);
                if let Some(client) = client {
                    self.shared.router.replace_client(&session, client);
                }
                stream.bound(session.jid());
                Some(Step::Bound(BoundSession::new(self.shared.router.clone(), session)))
            }
            Err(error) => {
                stream.bind_refused(&error);
                None
            }
        }
    }

    /// Writes what the stream said last, and closes.
    async fn finish<S>(self, socket: S, mut stream: Receiving) -> Option<Box<Connection>>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        transfer::finish(socket, &stream.take_output(), self.shared.options.times.close).await;
        None
    }
}
