//! A server on the loopback device, and a client of a few lines.

mod limits;
mod login;
mod registration;
mod resumption;
mod session;

use super::*;
use crate::admin::Accounts;
use crate::net::certificates::{self, Certificate};
use crate::router::{self, Module};
use crate::stanza::Role;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use std::path::Path;
use std::time::SystemTime;
use tempfile::TempDir;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName, pem::PemObject};
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

/// How long a client waits before a test fails.
const PATIENCE: Duration = Duration::from_secs(20);
const HEADER: &str = "<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' \
    to='mon.example' version='1.0' xml:lang='de'>";

struct Bench {
    server: Server,
    router: Router,
    store: Store,
    tls: Arc<Tls>,
    accounts: Arc<Accounts>,
    dir: TempDir,
}

fn accounts_options() -> crate::admin::Options {
    crate::admin::Options {
        policy: crate::store::Policy::default(),
        invitation_time: chrono::TimeDelta::days(7),
        running: true,
    }
}

impl Bench {
    /// A server with the accounts `juliet` and `romeo`, whose password is `secret`.
    fn start(adjust: impl FnOnce(&mut Options)) -> Bench {
        Bench::with_modules(Vec::new(), adjust)
    }

    fn with_modules(modules: Vec<Box<dyn Module>>, adjust: impl FnOnce(&mut Options)) -> Bench {
        let dir = tempfile::tempdir().expect("a directory");
        let tls = Arc::new(Tls::new(&certificate(dir.path()).key).expect("TLS"));
        let store = Store::open(&dir.path().join("data"), "mon.example").expect("a store");
        for user in ["juliet", "romeo"] {
            let policy = crate::store::Policy::default();
            store
                .accounts()
                .add(user, Role::Viewer, "secret", &policy)
                .expect("an account");
        }
        let settings = router::Options {
            roster: crate::roster::Limits {
                items_max: 10,
                ..crate::roster::Limits::DEFAULT
            },
            management: router::Management {
                window: router::Window {
                    bytes_max: 64 << 20,
                    ..router::Management::default().window
                },
                ..router::Management::default()
            },
            ..router::Options::new("mon.example")
        };
        let router = Router::new(settings, store.clone(), modules);
        let mut options = Options::new(stream::Options::new(
            jid::BareJid::new("mon.example").expect("a domain"),
        ));
        options.listen = [Security::StartTls, Security::Direct].map(listen).to_vec();
        adjust(&mut options);
        let accounts = Arc::new(Accounts::new(store.clone(), router.clone(), accounts_options()));
        let server = Server::start(
            options,
            router.clone(),
            store.clone(),
            Arc::clone(&tls),
            accounts.clone(),
        );
        let server = server.expect("free ports");
        Bench {
            server,
            router,
            store,
            tls,
            accounts,
            dir,
        }
    }

    async fn tcp(&self, security: Security) -> Client<TcpStream> {
        let mut listening = self.server.local_addrs().iter();
        let (_, address) = listening.find(|(kind, _)| *kind == security).expect("a listener");
        Client::new(TcpStream::connect(address).await.expect("a connection"))
    }

    /// Connects by STARTTLS, as far as the header inside TLS.
    async fn encrypted(&self) -> Client<TlsStream<TcpStream>> {
        let mut client = self.tcp(Security::StartTls).await;
        client.send(HEADER).await;
        client.expect("</stream:features>").await;
        client.send("<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>").await;
        client
            .expect("<proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>")
            .await;
        let mut client = self.handshake(client.socket, &[]).await.expect("a handshake");
        client.send(HEADER).await;
        client
    }

    async fn handshake(&self, socket: TcpStream, alpn: &[&str]) -> std::io::Result<Client<TlsStream<TcpStream>>> {
        let mut roots = RootCertStore::empty();
        let ca = self.dir.path().join("certs/ca.pem");
        roots
            .add(CertificateDer::from_pem_file(ca).expect("a certificate"))
            .expect("an authority");
        let mut config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .expect("versions")
            .with_root_certificates(roots)
            .with_no_client_auth();
        config.alpn_protocols = alpn.iter().map(|name| name.as_bytes().to_vec()).collect();
        let name = ServerName::try_from("mon.example").expect("a name");
        let connector = TlsConnector::from(Arc::new(config));
        Ok(Client::new(connector.connect(name, socket).await?))
    }

    /// A session of this user.
    async fn session(&self, user: &str, resource: &str) -> Client<TlsStream<TcpStream>> {
        let mut client = self.encrypted().await;
        client.send(&plain(user, "secret")).await;
        client
            .expect("<success xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>")
            .await;
        client.bind(resource).await;
        client
    }

    /// Waits until so many sessions are bound.
    async fn sessions(&self, count: usize) {
        let settled = async {
            while self.router.sessions().len() != count {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        timeout(PATIENCE, settled).await.expect("that many sessions");
    }
}

fn listen(security: Security) -> Listen {
    Listen {
        address: SocketAddr::from(([127, 0, 0, 1], 0)),
        security,
        fallback: false,
    }
}

fn certificate(dir: &Path) -> Certificate {
    let options = certificates::Options {
        dir: dir.join("certs"),
        domain: "mon.example".to_owned(),
        host: "box".to_owned(),
        addresses: Vec::new(),
        own: None,
    };
    certificates::load(&options, SystemTime::now()).expect("a certificate")
}

fn plain(user: &str, password: &str) -> String {
    let message = STANDARD.encode(format!("\0{user}\0{password}"));
    format!("<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>{message}</auth>")
}

/// The peer, byte by byte.
struct Client<S> {
    socket: S,
    unread: Vec<u8>,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Client<S> {
    fn new(socket: S) -> Client<S> {
        let unread = Vec::new();
        Client { socket, unread }
    }

    async fn send(&mut self, text: &str) {
        self.socket.write_all(text.as_bytes()).await.expect("a connection");
        self.socket.flush().await.expect("a connection");
    }

    /// Reads up to and with this text; returns all of it.
    async fn expect(&mut self, text: &str) -> String {
        let reading = async {
            loop {
                if let Some(at) = self
                    .unread
                    .windows(text.len())
                    .position(|window| window == text.as_bytes())
                {
                    let read = self.unread.drain(..at + text.len()).collect();
                    return String::from_utf8(read).expect("UTF-8");
                }
                let read = self.socket.read_buf(&mut self.unread).await.unwrap_or(0);
                assert!(
                    read > 0,
                    "the end before {text}: {}",
                    String::from_utf8_lossy(&self.unread)
                );
            }
        };
        timeout(PATIENCE, reading).await.unwrap_or_else(|_| panic!("no {text}"))
    }

    /// Reads to the end.
    async fn rest(mut self) -> String {
        let reading = async {
            // A reset after the end is an end too.
            while self.socket.read_buf(&mut self.unread).await.is_ok_and(|read| read > 0) {}
        };
        timeout(PATIENCE, reading).await.expect("the end");
        String::from_utf8_lossy(&self.unread).into_owned()
    }

    async fn bind(&mut self, resource: &str) {
        self.send(HEADER).await;
        self.expect("</stream:features>").await;
        self.send(&format!(
            "<iq type='set' id='b'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'><resource>{resource}</resource>\
             </bind></iq>"
        ))
        .await;
        self.expect("</jid></bind></iq>").await;
    }
}
