//! The whole talk, played by `tokio-xmpp`, a client that others wrote: every row of the wire contract, in its order.
//!
//! Each test runs on one thread. On several, tokio-xmpp 6.0.0 stops now and then, with the server's answer read from the
//! socket: its `StanzaReceiver::poll_next` returns `Pending` and leaves no waker when `try_lock` fails because another thread
//! is inside `StanzaSender::send`. What has arrived stays in its queue for ever.

#[path = "../support/mod.rs"]
mod support;

mod basics;
mod commands;
mod connector;
mod discovery;
mod notifications;
mod presence;
mod user;

use std::collections::BTreeSet;
use std::time::Duration;
use support::{Login, TestServer, ns};
use tokio_xmpp::jid::{BareJid, Jid};
use tokio_xmpp::minidom::Element;
use tokio_xmpp::parsers::message::{Lang, Message, MessageType};
use tokio_xmpp::parsers::presence::{Presence, Show, Type};
use tokio_xmpp::parsers::stanza_error::StanzaError;
use tokio_xmpp::{IqRequest, Stanza};
use user::User;

/// How long any one thing may take.
const DEADLINE: Duration = Duration::from_secs(30);
/// What the wire contract calls the collector.
const COLLECTOR: &str = "monitor@mon.example";
const COLLECTOR_FULL: &str = "monitor@mon.example/watchpost";
/// The host's name in these tests.
const HOST: &str = "box1";

fn server(settings: &str) -> TestServer {
    let server = TestServer::for_domain(
        "mon.example",
        &format!("{settings}\n[collector]\nname = '{HOST}'\nsample_interval = '1s'\n"),
    );
    server.add_account("client", "secret");
    server
}

async fn client(server: &TestServer) -> User {
    User::login(server, "client@mon.example/desk", "secret").await
}

fn statuses(presence: &Presence) -> String {
    presence.statuses.values().cloned().collect::<Vec<_>>().join("|")
}

fn condition<T: std::fmt::Debug>(answer: Result<T, StanzaError>) -> String {
    match answer {
        Ok(answer) => panic!("not refused: {answer:?}"),
        Err(error) => format!("{:?}", error.defined_condition),
    }
}

fn children<'a>(element: &'a Element, name: &'a str) -> impl Iterator<Item = &'a Element> {
    element.children().filter(move |child| child.name() == name)
}

fn attr(element: &Element, name: &str) -> String {
    element.attr(name).unwrap_or_default().to_owned()
}

fn has_caps(presence: &Presence) -> bool {
    presence.payloads.iter().any(|payload| payload.is("c", ns::CAPS))
}
