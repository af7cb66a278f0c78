//! Dialogues with the receiving entity, without a socket.

mod authentication;
mod management;
mod opening;
mod random;
mod registration;
mod sasl2;
mod session;

use super::*;
use crate::stream::Failure;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jid::BareJid;

pub(super) const HEADER: &str = "<?xml version='1.0'?><stream:stream xmlns='jabber:client' \
    xmlns:stream='http://etherx.jabber.org/streams' to='mon.example' version='1.0'>";
pub(super) const STARTTLS: &str = "<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>";
pub(super) const BIND: &str = "<iq type='set' id='b'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></iq>";
pub(super) const ENABLE: &str = "<enable xmlns='urn:xmpp:sm:3' resume='true'/>";
pub(super) const RESUME: &str = "<resume xmlns='urn:xmpp:sm:3' previd='old' h='7'/>";
pub(super) const CLOSE: &str = "</stream:stream>";

/// A stream under test, and what it told and asked.
pub(super) struct Bench {
    pub(super) stream: Receiving,
    /// Events so far, in short.
    pub(super) events: Vec<String>,
}

impl Bench {
    pub(super) fn new(transport: Transport) -> Bench {
        Bench::with(Options::new(BareJid::new("mon.example").expect("a domain")), transport)
    }

    pub(super) fn with(options: Options, transport: Transport) -> Bench {
        Bench {
            stream: Receiving::new(Arc::new(options), transport),
            events: Vec::new(),
        }
    }

    /// Inside TLS, the header exchanged.
    pub(super) fn encrypted() -> Bench {
        let mut bench = Bench::new(Transport::Encrypted(ChannelBindings::default()));
        bench.say(HEADER);
        bench
    }

    /// Logged in as juliet, the second header exchanged.
    pub(super) fn authenticated() -> Bench {
        let mut bench = Bench::encrypted();
        bench.say(&plain("\0juliet\0secret"));
        bench.answer(|stream| stream.password_checked(Verdict::Right));
        bench.say(HEADER);
        bench
    }

    /// With a resource.
    pub(super) fn bound() -> Bench {
        let mut bench = Bench::authenticated();
        bench.say(BIND);
        bench.answer(|stream| stream.bound(&FullJid::new("juliet@mon.example/desk").expect("a JID")));
        bench.events.clear();
        bench
    }

    /// Sends bytes; returns what the stream writes.
    pub(super) fn say(&mut self, text: &str) -> String {
        self.answer(|stream| stream.receive(text.as_bytes()))
    }

    /// Does something to the stream; returns what it writes.
    pub(super) fn answer(&mut self, act: impl FnOnce(&mut Receiving)) -> String {
        act(&mut self.stream);
        while let Some(event) = self.stream.next_event() {
            self.events.push(short(&event));
        }
        String::from_utf8(self.stream.take_output()).expect("UTF-8")
    }

    /// The events since the last call.
    pub(super) fn events(&mut self) -> Vec<String> {
        std::mem::take(&mut self.events)
    }

    pub(super) fn is_closed(&self) -> bool {
        matches!(self.stream.state, State::Closed)
    }
}

fn short(event: &Event) -> String {
    match event {
        Event::StartTls => "StartTls".to_owned(),
        Event::Credentials { user, hash } => format!("Credentials {} {hash:?}", user.as_str()),
        Event::CheckPassword { user, password } => format!("CheckPassword {} {}", user.as_str(), password.as_str()),
        Event::CheckInvitation { token } => format!("CheckInvitation {}", token.as_str()),
        Event::Register { token, user, password } => {
            format!("Register {} {} {}", token.as_str(), user.as_str(), password.as_str())
        }
        Event::Authenticated { account, mechanism } => format!("Authenticated {account} {mechanism}"),
        Event::AuthenticationFailed { user, failure } => {
            let user = user.as_ref().map_or("-", |user| user.as_str());
            format!("AuthenticationFailed {user} {}", failure.name())
        }
        Event::Bind {
            resource,
            client,
            carbons,
        } => {
            let client = client.as_ref().map_or(String::new(), |client| format!(" {client}"));
            let carbons = if *carbons { " carbons" } else { "" };
            format!("Bind {}{client}{carbons}", resource.as_deref().unwrap_or("-"))
        }
        Event::Frame(frame) => format!("Frame {}", frame.name()),
        Event::Resume(resume) => format!("Resume {} {}", resume.previd, resume.h),
        Event::Enable(enable) => format!("Enable {} {:?}", enable.resume, enable.max),
        Event::AckRequested => "AckRequested".to_owned(),
        Event::Acknowledged { h } => format!("Acknowledged {h}"),
        Event::ClientState { active } => format!("ClientState {active}"),
        Event::Closed(None) => "Closed".to_owned(),
        Event::Closed(Some(error)) => format!("Closed {}", error.condition.name()),
    }
}

pub(super) fn auth(mechanism: &str, message: &str) -> String {
    let message = STANDARD.encode(message);
    format!("<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='{mechanism}'>{message}</auth>")
}

pub(super) fn plain(message: &str) -> String {
    auth("PLAIN", message)
}

pub(super) fn response(message: &str) -> String {
    let message = STANDARD.encode(message);
    format!("<response xmlns='urn:ietf:params:xml:ns:xmpp-sasl'>{message}</response>")
}

pub(super) fn failure(failure: Failure) -> String {
    format!(
        "<failure xmlns='urn:ietf:params:xml:ns:xmpp-sasl'><{}/></failure>",
        failure.name()
    )
}

/// Whether this ends a stream with that error, and nothing follows.
pub(super) fn ends_with(output: &str, condition: &str) -> bool {
    let error = format!("<stream:error><{condition} xmlns='urn:ietf:params:xml:ns:xmpp-streams'/>");
    output.contains(&error) && output.ends_with("</stream:error></stream:stream>")
}
