//! A raw client: blocking, one thread, every wait under a deadline, and the whole traffic shown when something fails.

mod login;

pub use login::Login;

use super::node::{Node, Received, StreamReader};
use super::{TestServer, ns};
use rustix::net::{AddressFamily, SocketType};
use std::collections::VecDeque;
use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio_rustls::rustls::pki_types::ServerName;
use tokio_rustls::rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned, crypto};

/// How long any one thing may take. Long, because the machine may be busy; nothing waits it out when all is well.
pub const DEADLINE: Duration = Duration::from_secs(20);

enum Transport {
    Plain(TcpStream),
    Tls(Box<StreamOwned<ClientConnection, TcpStream>>),
    Gone,
}

/// A client connection.
pub struct Client {
    transport: Transport,
    reader: StreamReader,
    arrived: VecDeque<Received>,
    /// Stanzas that arrived while another was waited for, in order.
    kept: VecDeque<Node>,
    log: Vec<String>,
    ids: u32,
    domain: String,
    tls: Arc<ClientConfig>,
    /// The full JID, once bound.
    pub jid: String,
}

/// A TLS configuration that trusts the server's own CA and nothing else.
pub fn tls_config(ca_pem: &[u8]) -> Arc<ClientConfig> {
    let mut roots = RootCertStore::empty();
    for certificate in rustls_pemfile::certs(&mut &*ca_pem) {
        roots
            .add(certificate.expect("a PEM certificate"))
            .expect("a CA certificate");
    }
    assert!(!roots.is_empty(), "the CA file holds no certificate");
    let config = ClientConfig::builder_with_provider(Arc::new(crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("ring has the default versions")
        .with_root_certificates(roots)
        .with_no_client_auth();
    Arc::new(config)
}

impl Client {
    /// A TCP connection to one of the ports, with nothing said yet.
    pub fn connect(server: &TestServer, address: SocketAddr) -> Client {
        let stream = TcpStream::connect_timeout(&address, DEADLINE).expect("the port accepts");
        Client::over(server, stream)
    }

    /// The same to the STARTTLS port from another address of this machine, such as 127.0.0.2.
    pub fn connect_from(server: &TestServer, from: Ipv4Addr) -> Client {
        let socket = rustix::net::socket(AddressFamily::INET, SocketType::STREAM, None).expect("a socket");
        rustix::net::bind(&socket, &SocketAddr::from((from, 0))).expect("an address of this machine");
        rustix::net::connect(&socket, &server.starttls()).expect("the port accepts");
        Client::over(server, TcpStream::from(socket))
    }

    /// A client on a connection that is made already.
    pub fn over(server: &TestServer, stream: TcpStream) -> Client {
        stream.set_nodelay(true).expect("nodelay");
        Client {
            transport: Transport::Plain(stream),
            reader: StreamReader::new(),
            arrived: VecDeque::new(),
            kept: VecDeque::new(),
            log: Vec::new(),
            ids: 0,
            domain: server.domain().to_owned(),
            tls: tls_config(&server.ca_pem()),
            jid: String::new(),
        }
    }

    /// A connection inside TLS, its stream open and its features not read.
    pub fn secured(server: &TestServer, direct: bool) -> Client {
        if direct {
            let mut client = Client::connect(server, server.direct_tls());
            client.handshake();
            client.open();
            return client;
        }
        Client::connect(server, server.starttls()).secure()
    }

    /// STARTTLS (RFC 6120 section 5), and the stream opened anew.
    pub fn secure(mut self) -> Client {
        self.open();
        let features = self.features();
        assert!(
            features.child_ns("starttls", ns::TLS).is_some(),
            "no STARTTLS in {features}"
        );
        self.send("<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>");
        let proceed = self.receive();
        assert!(proceed.is("proceed", ns::TLS), "not proceed: {proceed}");
        self.handshake();
        self.open();
        self
    }

    /// Sending fails when the server takes nothing for so long.
    pub fn set_patience(&self, patience: Duration) {
        let stream = match &self.transport {
            Transport::Plain(stream) => stream,
            Transport::Tls(tls) => &tls.sock,
            Transport::Gone => return,
        };
        stream.set_write_timeout(Some(patience)).expect("timeout");
    }

    /// The TLS handshake over what is still plain TCP.
    pub fn handshake(&mut self) {
        let Transport::Plain(stream) = std::mem::replace(&mut self.transport, Transport::Gone) else {
            panic!("a second handshake");
        };
        let name = ServerName::try_from(self.domain.clone()).expect("a DNS name");
        let connection = ClientConnection::new(self.tls.clone(), name).expect("a TLS client");
        stream.set_read_timeout(Some(DEADLINE)).expect("timeout");
        let mut tls = StreamOwned::new(connection, stream);
        while tls.conn.is_handshaking() {
            if let Err(error) = tls.conn.complete_io(&mut tls.sock) {
                self.fail(&format!("TLS handshake: {error}"));
            }
        }
        self.log.push("** TLS".into());
        self.transport = Transport::Tls(Box::new(tls));
    }

    /// Opens a stream, the first or the next one, and reads the server's header.
    pub fn open(&mut self) -> Node {
        self.reader = StreamReader::new();
        let header = self.header();
        self.send(&header);
        match self.read(DEADLINE) {
            Some(Received::Header(header)) => header,
            other => self.fail(&format!("not a stream header: {other:?}")),
        }
    }

    /// Opens a stream; `None` when the server has closed the connection or does so now.
    pub fn try_open(&mut self) -> Option<Node> {
        let header = self.header();
        self.try_send(&header).ok()?;
        match self.read(DEADLINE)? {
            Received::Header(header) => Some(header),
            other => self.fail(&format!("not a stream header: {other:?}")),
        }
    }

    fn header(&self) -> String {
        format!(
            "<?xml version='1.0'?><stream:stream to='{}' version='1.0' xml:lang='en' xmlns='jabber:client' \
             xmlns:stream='http://etherx.jabber.org/streams'>",
            self.domain
        )
    }

    /// The stream features.
    pub fn features(&mut self) -> Node {
        let features = self.receive();
        match features.is("features", ns::STREAM) {
            true => features,
            false => self.fail(&format!("not features: {features}")),
        }
    }

    /// The account's bare JID.
    pub fn bare(&self) -> &str {
        self.jid.split('/').next().unwrap_or_default()
    }

    /// Sends these bytes.
    pub fn send(&mut self, xml: &str) {
        if let Err(error) = self.try_send(xml) {
            self.fail(&format!("cannot send {xml}: {error}"));
        }
    }

    /// Sends these bytes; the connection may be gone.
    pub fn try_send(&mut self, xml: &str) -> std::io::Result<()> {
        self.try_send_bytes(xml.as_bytes())
    }

    /// Sends these bytes, whatever they are; the connection may be gone.
    pub fn try_send_bytes(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        let shown = String::from_utf8_lossy(bytes);
        self.log
            .push(format!(">> {}", shown.chars().take(2000).collect::<String>()));
        match &mut self.transport {
            Transport::Plain(stream) => stream.write_all(bytes),
            Transport::Tls(stream) => stream.write_all(bytes).and_then(|()| stream.flush()),
            Transport::Gone => Err(ErrorKind::NotConnected.into()),
        }
    }

    /// The next thing on the stream; `None` when the connection ends or the time is over.
    pub fn read(&mut self, wait: Duration) -> Option<Received> {
        let until = Instant::now() + wait;
        let mut bytes = [0; 16 * 1024];
        loop {
            if let Some(received) = self.arrived.pop_front() {
                match &received {
                    Received::Header(node) | Received::Node(node) => self.log.push(format!("<< {node}")),
                    Received::Footer => self.log.push("<< </stream:stream>".into()),
                }
                return Some(received);
            }
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                self.log.push(format!("** nothing for {wait:?}"));
                return None;
            }
            let read = match &mut self.transport {
                Transport::Plain(stream) => stream
                    .set_read_timeout(Some(left))
                    .and_then(|()| stream.read(&mut bytes)),
                Transport::Tls(stream) => stream
                    .sock
                    .set_read_timeout(Some(left))
                    .and_then(|()| stream.read(&mut bytes)),
                Transport::Gone => return None,
            };
            match read {
                Ok(0) => {
                    self.log.push("** closed by the server".into());
                    self.transport = Transport::Gone;
                    return None;
                }
                Ok(count) => {
                    if let Err(error) = self.reader.feed(&bytes[..count], &mut self.arrived) {
                        let raw = String::from_utf8_lossy(&bytes[..count]).into_owned();
                        self.fail(&format!("{error}\nin {raw}"));
                    }
                }
                Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {}
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => {
                    self.log.push(format!("** {error}"));
                    self.transport = Transport::Gone;
                    return None;
                }
            }
        }
    }

    /// The next top-level element: one that was kept, else one from the stream.
    pub fn receive(&mut self) -> Node {
        match self.kept.pop_front() {
            Some(node) => node,
            None => self.next_arrival(),
        }
    }

    fn next_arrival(&mut self) -> Node {
        match self.read(DEADLINE) {
            Some(Received::Node(node)) => node,
            Some(other) => self.fail(&format!("not a stanza: {other:?}")),
            None => self.fail("waited for a stanza"),
        }
    }

    /// The first stanza, kept or yet to come, that fits; others are kept for later.
    pub fn expect(&mut self, what: &str, fits: impl Fn(&Node) -> bool) -> Node {
        if let Some(at) = self.kept.iter().position(&fits) {
            return self.kept.remove(at).expect("just found");
        }
        let until = Instant::now() + DEADLINE;
        while Instant::now() < until {
            match self.read(until.saturating_duration_since(Instant::now())) {
                Some(Received::Node(node)) if fits(&node) => return node,
                Some(Received::Node(node)) => self.kept.push_back(node),
                Some(other) => self.fail(&format!("waited for {what}, got {other:?}")),
                None => break,
            }
        }
        self.fail(&format!("waited for {what}"))
    }

    /// The next presence of this type from this JID (`None`: available).
    pub fn expect_presence(&mut self, from: &str, kind: Option<&str>) -> Node {
        self.expect(&format!("presence {kind:?} from {from}"), |node| {
            node.is("presence", ns::CLIENT) && node.attr("from") == Some(from) && node.attr("type") == kind
        })
    }

    /// The next message with this body.
    pub fn expect_body(&mut self, body: &str) -> Node {
        self.expect(&format!("a message {body:?}"), |node| {
            node.name == "message" && node.child_text("body").as_deref() == Some(body)
        })
    }

    /// Sends an iq, with an `id` if it has none yet, and waits for its answer.
    pub fn iq(&mut self, xml: &str) -> Node {
        self.ids += 1;
        let id = format!("q{}", self.ids);
        let xml = xml.replacen("<iq", &format!("<iq id='{id}'"), 1);
        self.send(&xml);
        self.expect(&format!("the answer to {id}"), |node| {
            node.name == "iq" && node.attr("id") == Some(&id) && matches!(node.attr("type"), Some("result" | "error"))
        })
    }

    /// Sends an iq; `None` when the connection ends before its answer.
    pub fn try_iq(&mut self, xml: &str) -> Option<Node> {
        self.ids += 1;
        let id = format!("q{}", self.ids);
        self.try_send(&xml.replacen("<iq", &format!("<iq id='{id}'"), 1)).ok()?;
        loop {
            match self.read(DEADLINE)? {
                Received::Node(node)
                    if node.attr("id") == Some(&id) && matches!(node.attr("type"), Some("result" | "error")) =>
                {
                    return Some(node);
                }
                Received::Node(node) => self.kept.push_back(node),
                Received::Header(_) | Received::Footer => return None,
            }
        }
    }

    /// The next element, kept or arriving; `None` when the connection ends.
    pub fn try_receive(&mut self) -> Option<Node> {
        if let Some(node) = self.kept.pop_front() {
            return Some(node);
        }
        match self.read(DEADLINE)? {
            Received::Node(node) => Some(node),
            Received::Header(_) | Received::Footer => None,
        }
    }

    /// Sends an iq that must succeed, and gives its result.
    pub fn result(&mut self, xml: &str) -> Node {
        let reply = self.iq(xml);
        match reply.attr("type") {
            Some("result") => reply,
            _ => self.fail(&format!("refused: {xml}")),
        }
    }

    /// Sends an iq that must fail with this condition.
    pub fn refused(&mut self, xml: &str, condition: &str) -> Node {
        let reply = self.iq(xml);
        match reply.condition() {
            Some(found) if found == condition => reply,
            _ => self.fail(&format!("not {condition}: {xml}")),
        }
    }

    /// Everything sent to this client before the answer to a ping that it sends now: what has arrived "by now".
    pub fn drain(&mut self) -> Vec<Node> {
        let domain = self.domain.clone();
        self.iq(&format!(
            "<iq type='get' to='{domain}'><ping xmlns='urn:xmpp:ping'/></iq>"
        ));
        self.kept.drain(..).collect()
    }

    /// Nothing has arrived by now.
    pub fn expect_nothing(&mut self) {
        let arrived = self.drain();
        if !arrived.is_empty() {
            let list: Vec<String> = arrived.iter().map(Node::to_string).collect();
            self.fail(&format!("nothing should have arrived: {}", list.join("\n")));
        }
    }

    /// The stream error that ends the stream: its condition. The closing tag and the end of the connection follow.
    pub fn expect_stream_error(&mut self) -> String {
        let until = Instant::now() + DEADLINE;
        let mut condition = None;
        while Instant::now() < until {
            match self.read(until.saturating_duration_since(Instant::now())) {
                Some(Received::Node(node)) if node.is("error", ns::STREAM) => {
                    condition = node
                        .nodes()
                        .find(|n| n.ns == ns::STREAM_ERRORS && n.name != "text")
                        .cloned();
                }
                Some(Received::Footer) => break,
                Some(_) => {}
                None => self.fail("the stream ended without its closing tag"),
            }
        }
        match condition {
            Some(condition) => condition.name,
            None => self.fail("the stream closed without an error"),
        }
    }

    /// Closes the stream and waits for the server's closing tag.
    pub fn close(mut self) {
        self.send("</stream:stream>");
        loop {
            match self.read(DEADLINE) {
                Some(Received::Footer) => return,
                Some(_) => {}
                None => self.fail("the closing tag was not answered"),
            }
        }
    }

    /// Whether the connection has ended.
    pub fn is_gone(&mut self) -> bool {
        while let Some(received) = self.read(DEADLINE) {
            if let Received::Node(node) = received {
                self.kept.push_back(node);
            }
        }
        matches!(self.transport, Transport::Gone)
    }

    /// What has come since the last stanza that was sent, and what comes within a second: for a message.
    pub fn rest(&mut self) -> String {
        while self.read(Duration::from_secs(1)).is_some() {}
        let sent = self.log.iter().rposition(|line| line.starts_with(">>")).unwrap_or(0);
        self.log[sent..].join("\n")
    }

    /// Panics, with the whole traffic.
    pub fn fail(&self, why: &str) -> ! {
        panic!(
            "{} {why}\n--- traffic of {}\n{}\n---",
            self.jid,
            self.jid,
            self.log.join("\n")
        );
    }
}
