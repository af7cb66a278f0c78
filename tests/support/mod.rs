//! What the tests from outside stand on: the real binary in a folder of its own, and a client that speaks raw XML to it.
#![allow(
    dead_code,
    reason = "each test binary compiles this module and uses its own part of it"
)]

pub mod client;
pub mod node;
pub mod scansion;
pub mod server;

pub use client::{Client, Login};
pub use server::TestServer;

/// Namespaces that the tests name often.
pub mod ns {
    pub const CLIENT: &str = "jabber:client";
    pub const STREAM: &str = "http://etherx.jabber.org/streams";
    pub const STREAM_ERRORS: &str = "urn:ietf:params:xml:ns:xmpp-streams";
    pub const STANZA_ERRORS: &str = "urn:ietf:params:xml:ns:xmpp-stanzas";
    pub const SASL: &str = "urn:ietf:params:xml:ns:xmpp-sasl";
    pub const TLS: &str = "urn:ietf:params:xml:ns:xmpp-tls";
    pub const BIND: &str = "urn:ietf:params:xml:ns:xmpp-bind";
    pub const ROSTER: &str = "jabber:iq:roster";
    pub const DISCO_INFO: &str = "http://jabber.org/protocol/disco#info";
    pub const DISCO_ITEMS: &str = "http://jabber.org/protocol/disco#items";
    pub const COMMANDS: &str = "http://jabber.org/protocol/commands";
    pub const STATS: &str = "http://jabber.org/protocol/stats";
    pub const CAPS: &str = "http://jabber.org/protocol/caps";
    pub const PUBSUB: &str = "http://jabber.org/protocol/pubsub";
    pub const PUBSUB_EVENT: &str = "http://jabber.org/protocol/pubsub#event";
    pub const PUBSUB_ERRORS: &str = "http://jabber.org/protocol/pubsub#errors";
    pub const DATA: &str = "jabber:x:data";
    pub const CODEBITS: &str = "codebits";
}
