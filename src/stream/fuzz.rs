//! Any operations on a receiving stream, in any order, between any bytes: no frame before a resource is bound, nothing
//! after the end, no answer taken twice, and whatever is written is one well-formed stream after the other.
//!
//! Parts, by their first byte: `f` feeds the rest, `F` byte by byte; `H` a header, `P`, `S` and `R` a PLAIN, SCRAM or
//! response message with the rest, `Q` and `q` a PLAIN message by XEP-0388 with and without a resource, `A` the honest final message of SCRAM, `L` a whole login; the other letters of
//! [`Run::operate`] answer. `T` in front begins inside TLS.

pub use super::sasl::fuzz::sasl;

use super::sasl::fuzz::{honest_final, keys};
use super::{ChannelBindings, Condition, Event, Mechanism, Options, Receiving, Transport, Verdict};
use crate::stanza::{self, ns};
use crate::xml::{Event as Parsed, Frame, Limits, StreamParser, Writer};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jid::{BareJid, FullJid};
use std::sync::{Arc, LazyLock};

static OPTIONS: LazyLock<Arc<Options>> =
    LazyLock::new(|| Arc::new(Options::new(BareJid::new("mon.example").expect("a domain"))));

const HEADER: &[u8] = b"<?xml version='1.0'?><stream:stream xmlns='jabber:client' \
    xmlns:stream='http://etherx.jabber.org/streams' to='mon.example' version='1.0'>";
const STARTTLS: &[u8] = b"<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>";
const BIND: &[u8] = b"<iq type='set' id='b'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></iq>";

/// The fuzz target.
pub fn session(input: &[u8]) {
    let (transport, input) = match input.split_first() {
        Some((b'T', rest)) => (Transport::Encrypted(ChannelBindings::default()), rest),
        _ => (Transport::Plain, input),
    };
    let mut run = Run::new(transport);
    for part in crate::fuzzing::parts(input) {
        if let Some((&operation, rest)) = part.split_first() {
            run.operate(operation, rest);
        }
    }
    run.end();
}

/// What the stream waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Question {
    StartTls,
    Credentials,
    Password,
    Invitation,
    Account,
    Bind,
    Resume,
    Enable,
}

/// A stream, and what must have happened before what.
struct Run {
    stream: Receiving,
    question: Option<Question>,
    encrypted: bool,
    /// Somebody gave a right password or proof, which was not used yet.
    proved: bool,
    /// Somebody showed a good invitation.
    invited: bool,
    authenticated: bool,
    bound: bool,
    closed: bool,
    /// The user last asked for.
    user: String,
    /// The client's first message, and the challenge to it.
    scram: (String, String),
    output: StreamParser,
    output_closed: bool,
    /// Elements written that may be written once.
    once: Vec<String>,
    /// A success was written after which the stream begins anew.
    restarts: bool,
    bind_answers: usize,
}

impl Run {
    fn new(transport: Transport) -> Run {
        Run {
            encrypted: matches!(transport, Transport::Encrypted(_)),
            stream: Receiving::new(OPTIONS.clone(), transport),
            question: None,
            proved: false,
            invited: false,
            authenticated: false,
            bound: false,
            closed: false,
            user: String::new(),
            scram: Default::default(),
            output: StreamParser::new(Limits::NONE),
            output_closed: false,
            once: Vec::new(),
            restarts: false,
            bind_answers: 0,
        }
    }

    fn operate(&mut self, operation: u8, rest: &[u8]) {
        match operation {
            b'f' => self.feed(rest),
            b'F' => rest.chunks(1).for_each(|byte| self.feed(byte)),
            b'H' => self.feed(HEADER),
            b'P' => self.feed(&message("auth", Some("PLAIN"), rest)),
            b'S' => {
                self.scram.0 = String::from_utf8_lossy(rest).into_owned();
                self.feed(&message("auth", Some("SCRAM-SHA-256"), rest));
            }
            b'Q' => self.feed(&authenticate(rest, true)),
            b'q' => self.feed(&authenticate(rest, false)),
            b'R' => self.feed(&message("response", None, rest)),
            b'A' => {
                if let Some(answer) = honest_final(&self.scram.0, &self.scram.1, &[]) {
                    // The proof is right if the keys are those that were given.
                    self.proved |= self.asked_keys();
                    self.feed(&message("response", None, answer.as_bytes()));
                }
            }
            b'L' => self.login(),
            b'e' => self.answer(Question::StartTls, |stream| {
                stream.encrypted(ChannelBindings::default())
            }),
            b'c' => self.answer(Question::Credentials, |stream| stream.credentials(Some(keys()))),
            b'C' => self.answer(Question::Credentials, |stream| stream.credentials(None)),
            b'p' => self.password(Verdict::Right),
            b'w' => self.password(Verdict::Wrong),
            b'u' => self.password(Verdict::Unavailable),
            b'i' | b'I' => {
                self.invited |= operation == b'i' && self.question == Some(Question::Invitation);
                let found = (operation == b'i').then_some(None);
                self.answer(Question::Invitation, |stream| stream.invitation_checked(found));
            }
            b'm' => self.answer(Question::Account, |stream| stream.registered(Ok(()))),
            b'b' => self.bind(),
            b'r' => self.answer(Question::Bind, |stream| {
                stream.bind_refused(&stanza::Condition::ResourceConstraint.into());
            }),
            b'y' => self.answer(Question::Enable, |stream| stream.enabled(None)),
            b'Y' => self.answer(Question::Enable, |stream| {
                stream.enable_refused(stanza::Condition::InternalServerError);
            }),
            b'g' => {
                self.bound |= self.question == Some(Question::Resume);
                self.answer(Question::Resume, |stream| stream.resumed(&desk(), u32::MAX));
            }
            b'G' => self.answer(Question::Resume, |stream| {
                stream.resume_refused(stanza::Condition::ItemNotFound, Some(0));
            }),
            b'a' => self.acknowledge(),
            b'x' => self.act(|stream| stream.close(Condition::Reset.into())),
            _ => {}
        }
    }

    fn login(&mut self) {
        if !self.encrypted {
            self.feed(HEADER);
            self.feed(STARTTLS);
            self.operate(b'e', b"");
        }
        self.feed(HEADER);
        self.feed(&message("auth", Some("PLAIN"), b"\0juliet\0secret"));
        self.password(Verdict::Right);
        self.feed(HEADER);
        self.feed(BIND);
        self.bind();
    }

    /// A counted stream says what it has counted, and asks; any other says nothing.
    fn acknowledge(&mut self) {
        let handled = self.stream.handled();
        self.stream.acknowledge(handled.unwrap_or_default());
        self.stream.request_acknowledgement();
        let output = self.stream.take_output();
        assert_eq!(handled.is_some(), !output.is_empty());
        assert!(handled.is_none() || self.bound, "counted before a resource is bound");
        self.read(&output);
    }

    fn asked_keys(&self) -> bool {
        !self.scram.1.is_empty()
    }

    fn feed(&mut self, bytes: &[u8]) {
        self.act(|stream| stream.receive(bytes));
    }

    fn password(&mut self, verdict: Verdict) {
        self.proved |= self.question == Some(Question::Password) && verdict == Verdict::Right;
        self.answer(Question::Password, |stream| stream.password_checked(verdict));
    }

    fn bind(&mut self) {
        self.bound |= self.question == Some(Question::Bind);
        self.answer(Question::Bind, |stream| stream.bound(&desk()));
    }

    /// Answers; what nobody asked for must change nothing.
    fn answer(&mut self, question: Question, answer: impl FnOnce(&mut Receiving)) {
        if self.question != Some(question) {
            answer(&mut self.stream);
            assert!(
                self.stream.next_event().is_none(),
                "an event from an answer to no question"
            );
            assert!(
                self.stream.take_output().is_empty(),
                "output from an answer to no question"
            );
            return;
        }
        self.question = None;
        self.encrypted |= question == Question::StartTls;
        self.bind_answers += usize::from(question == Question::Bind);
        self.act(answer);
        if question == Question::StartTls {
            self.restart();
        }
    }

    fn act(&mut self, act: impl FnOnce(&mut Receiving)) {
        act(&mut self.stream);
        while let Some(event) = self.stream.next_event() {
            self.see(event);
        }
        let output = self.stream.take_output();
        self.read(&output);
        if std::mem::take(&mut self.restarts) {
            self.restart();
        }
    }

    fn see(&mut self, event: Event) {
        assert!(!self.closed, "after the end: {event:?}");
        let waits = self.question.is_some() && !matches!(event, Event::Closed(_));
        assert!(!waits, "{event:?} while {:?} is open", self.question);
        match event {
            Event::StartTls => {
                assert!(!self.encrypted && !self.authenticated);
                self.question = Some(Question::StartTls);
            }
            Event::Credentials { user, .. } => self.ask(Question::Credentials, user.as_str()),
            Event::CheckPassword { user, .. } => self.ask(Question::Password, user.as_str()),
            Event::CheckInvitation { .. } => {
                assert!(self.encrypted && !self.authenticated);
                self.question = Some(Question::Invitation);
            }
            Event::Register { .. } => {
                assert!(self.invited && !self.authenticated, "an account for the uninvited");
                self.question = Some(Question::Account);
            }
            Event::Authenticated { account, mechanism } => {
                assert!(
                    self.encrypted && self.proved && !self.authenticated,
                    "in by {mechanism}"
                );
                assert!(!matches!(
                    mechanism,
                    Mechanism::Scram {
                        channel_binding: true,
                        ..
                    }
                ));
                let (user, domain) = (account.node().map(|node| node.as_str()), account.domain().as_str());
                assert_eq!((user, domain), (Some(self.user.as_str()), "mon.example"));
                self.authenticated = true;
            }
            Event::AuthenticationFailed { .. } => {
                assert!(self.encrypted && !self.authenticated);
                self.proved = false;
            }
            Event::Bind { .. } => {
                assert!(self.authenticated && !self.bound);
                self.question = Some(Question::Bind);
            }
            Event::Resume(_) => {
                assert!(self.authenticated && !self.bound);
                self.question = Some(Question::Resume);
            }
            Event::Enable(_) => {
                assert!(self.bound && self.stream.handled().is_none());
                self.question = Some(Question::Enable);
            }
            Event::AckRequested | Event::Acknowledged { .. } => assert!(self.stream.handled().is_some()),
            Event::ClientState { .. } => assert!(self.bound),
            Event::Frame(_) => assert!(self.bound, "a frame before a resource is bound"),
            Event::Closed(_) => {
                self.closed = true;
                self.question = None;
            }
        }
    }

    fn ask(&mut self, question: Question, user: &str) {
        assert!(self.encrypted && !self.authenticated);
        self.user = user.to_owned();
        self.question = Some(question);
        self.scram.1.clear();
    }

    /// Reads what the stream wrote.
    fn read(&mut self, output: &[u8]) {
        assert!(output.is_empty() || !self.output_closed, "output after the closing tag");
        self.output.feed(output);
        loop {
            match self.output.next() {
                Ok(Some(Parsed::Frame(frame))) => self.read_frame(&frame),
                Ok(Some(Parsed::Close)) => self.output_closed = true,
                Ok(Some(Parsed::Header(_))) => {}
                Ok(None) => break,
                Err(error) => panic!("{error} in {:?}", String::from_utf8_lossy(output)),
            }
        }
        assert_eq!(self.output.pending(), 0, "half an element was written");
        assert!(
            !self.output_closed || self.closed,
            "closed, and the caller was not told"
        );
    }

    fn read_frame(&mut self, frame: &Frame) {
        match frame.name() {
            "challenge" => {
                let text = STANDARD.decode(frame.to_element().text()).expect("base64");
                self.scram.1 = String::from_utf8(text).expect("text");
            }
            "proceed" | "success" => {
                assert!(
                    !self.once.iter().any(|name| name == frame.name()),
                    "{} twice",
                    frame.name()
                );
                self.once.push(frame.name().to_owned());
                self.restarts = frame.name() == "success" && frame.ns() == ns::SASL;
                // Bound along with it.
                if frame.children().any(|child| child.name == "bound") {
                    assert!(self.bind_answers > 0 && self.bound, "an answer that nobody gave");
                    self.bind_answers -= 1;
                }
            }
            "iq" if self.authenticated && frame.attr("type").as_deref() == Some("result") => {
                assert!(self.bind_answers > 0 && self.bound, "an answer that nobody gave");
                self.bind_answers -= 1;
            }
            _ => {}
        }
    }

    /// What follows belongs to a new stream.
    fn restart(&mut self) {
        if !self.closed {
            self.output = StreamParser::new(Limits::NONE);
        }
    }

    fn end(mut self) {
        self.operate(b'x', b"");
        assert!(self.closed, "no end");
        self.operate(b'H', b"");
        self.operate(b'x', b"");
    }
}

/// XEP-0388's request, with a PLAIN message.
fn authenticate(message: &[u8], bind: bool) -> Vec<u8> {
    let mut writer = Writer::new();
    writer.open("authenticate").attr("xmlns", ns::SASL2);
    writer.attr("mechanism", "PLAIN").open("initial-response");
    writer.text(&STANDARD.encode(message)).close();
    if bind {
        writer.open("bind").attr("xmlns", ns::BIND2);
        writer.open("tag").text("fuzz").close().close();
    }
    writer.close();
    writer.finish().to_vec()
}

/// A SASL element.
fn message(name: &str, mechanism: Option<&str>, message: &[u8]) -> Vec<u8> {
    let mut writer = Writer::new();
    writer.open(name).attr("xmlns", ns::SASL);
    if let Some(mechanism) = mechanism {
        writer.attr("mechanism", mechanism);
    }
    writer.text(&STANDARD.encode(message)).close();
    writer.finish().to_vec()
}

/// Whoever is bound or resumed.
fn desk() -> FullJid {
    FullJid::new("juliet@mon.example/desk").expect("a JID")
}
