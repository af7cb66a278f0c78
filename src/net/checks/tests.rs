//! Looks at services that the tests themselves are.

use super::*;
use crate::monitor::Notebook;
use crate::monitor::checks::{HttpCheck, Kept};
use crate::net::certificates;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::sign::SingleCertAndKey;

const TIME: Duration = Duration::from_secs(20);

fn eyes() -> Eyes {
    Eyes {
        authorities: Authorities::default(),
        systemctl: "/bin/false".to_owned(),
    }
}

fn check(what: What, timeout: Duration) -> Check {
    Check {
        name: "it".to_owned(),
        what,
        interval: Duration::from_secs(60),
        timeout,
        failures: 1,
    }
}

fn http(url: String, keyword: &str, authorities: Option<PathBuf>) -> What {
    What::Http(HttpCheck {
        url,
        status: Vec::new(),
        keyword: Some(keyword.to_owned()),
        slow: None,
        authorities,
    })
}

/// Answers every connection with these bytes once a request has come; returns the port.
async fn answering(answer: &'static str) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let port = listener.local_addr().expect("bound").port();
    tokio::spawn(async move {
        while let Ok((mut socket, _)) = listener.accept().await {
            let mut request = [0; 1024];
            if socket.read(&mut request).await.is_ok() {
                let _ = socket.write_all(answer.as_bytes()).await;
            }
        }
    });
    port
}

#[tokio::test]
async fn http_is_asked_and_its_page_searched() {
    let port = answering("HTTP/1.1 200 OK\r\nContent-Length: 11\r\n\r\nall is well").await;
    let url = format!("http://127.0.0.1:{port}/health?x=1");
    let found = eyes().look(&check(http(url.clone(), "well", None), TIME)).await;
    assert_eq!(
        (found.state, found.status),
        (State::Well, Some(200)),
        "{}",
        found.detail
    );
    let missed = eyes().look(&check(http(url, "ill", None), TIME)).await;
    assert_eq!(missed.detail, "HTTP status 200, but the page lacks 'ill'");
    let port = answering("this is no HTTP\r\n\r\n").await;
    let url = format!("http://127.0.0.1:{port}/");
    let odd = eyes().look(&check(http(url, "x", None), TIME)).await;
    assert!(
        odd.state == State::Critical && odd.detail.starts_with("no HTTP"),
        "{}",
        odd.detail
    );
}

#[tokio::test]
async fn who_does_not_answer_in_time_is_down() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let port = listener.local_addr().expect("bound").port();
    let silent = http(format!("http://127.0.0.1:{port}/"), "x", None);
    let found = eyes().look(&check(silent, Duration::from_millis(100))).await;
    assert_eq!(found.detail, "no answer within 0.1 s");
    let address = Address {
        host: "127.0.0.1".to_owned(),
        port,
    };
    let open = eyes().look(&check(What::Tcp(address.clone()), TIME)).await;
    assert_eq!(open.state, State::Well);
    drop(listener);
    let closed = eyes().look(&check(What::Tcp(address), TIME)).await;
    assert!(
        closed.state == State::Critical && closed.detail.contains("refused"),
        "{}",
        closed.detail
    );
}

/// A port that presents a certificate of an authority of its own; the folder holds the authority.
async fn presenting(domain: &str) -> (u16, tempfile::TempDir) {
    let dir = tempfile::tempdir().expect("a folder");
    let options = certificates::Options {
        dir: dir.path().to_owned(),
        domain: domain.to_owned(),
        host: "box".to_owned(),
        addresses: Vec::new(),
        own: None,
    };
    let own = certificates::load(&options, SystemTime::now()).expect("a certificate");
    let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_no_client_auth()
        .with_cert_resolver(Arc::new(SingleCertAndKey::from((*own.key).clone())));
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let port = listener.local_addr().expect("bound").port();
    tokio::spawn(async move {
        while let Ok((socket, _)) = listener.accept().await {
            let Ok(mut stream) = acceptor.accept(socket).await else {
                continue;
            };
            let mut request = [0; 1024];
            if stream.read(&mut request).await.is_ok_and(|count| count > 0) {
                let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nwell";
                let _ = stream.write_all(answer).await;
            }
        }
    });
    (port, dir)
}

#[tokio::test]
async fn a_certificate_is_seen_whether_it_is_trusted_or_not() {
    let (port, dir) = presenting("localhost").await;
    let address = |host: &str| Address {
        host: host.to_owned(),
        port,
    };
    let authority = Some(dir.path().join("ca.pem"));
    let trusted = eyes()
        .look(&check(What::Certificate(address("localhost"), authority.clone()), TIME))
        .await;
    assert_eq!(trusted.state, State::Well, "{}", trusted.detail);
    let seen = trusted.certificate.expect("a certificate");
    assert!(seen.days_left(SystemTime::now()) > 1.0 && seen.fingerprint.len() == 64);
    // A name that it is not for.
    let other = eyes()
        .look(&check(What::Certificate(address("127.0.0.1"), authority.clone()), TIME))
        .await;
    assert_eq!(
        (other.state, other.certificate.as_ref()),
        (State::Critical, Some(&seen))
    );
    // An authority that has not signed it.
    let (_, stranger) = presenting("localhost").await;
    let stranger = Some(stranger.path().join("ca.pem"));
    let what = http(format!("https://localhost:{port}/"), "well", stranger);
    let distrusted = eyes().look(&check(what, TIME)).await;
    assert_eq!(
        (distrusted.state, distrusted.status),
        (State::Critical, None),
        "nothing was asked"
    );
    assert!(distrusted.certificate.is_some());
    let what = http(format!("https://localhost:{port}/"), "well", authority);
    let page = eyes().look(&check(what, TIME)).await;
    assert_eq!((page.state, page.status), (State::Well, Some(200)), "{}", page.detail);
}

/// A program in a folder that only its owner can change.
fn script(dir: &tempfile::TempDir, text: &str) -> String {
    let path = dir.path().join("program");
    std::fs::write(&path, text).expect("written");
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).expect("executable");
    path.to_string_lossy().into_owned()
}

#[tokio::test]
async fn a_program_s_exit_code_is_its_verdict_and_it_is_ended_in_time() {
    let dir = tempfile::tempdir().expect("a folder");
    let program = script(&dir, "#!/bin/sh\necho \"DISK $1 | x=1\"\nexit $2\n");
    let look = |code: &str| {
        let argv = vec![program.clone(), "low".to_owned(), code.to_owned()];
        check(What::Program(argv), TIME)
    };
    let warned = eyes().look(&look("1")).await;
    assert_eq!((warned.state, warned.detail.as_str()), (State::Warning, "DISK low"));
    assert_eq!(eyes().look(&look("2")).await.state, State::Critical);
    let argv = vec!["/bin/sleep".to_owned(), "600".to_owned()];
    let slept = eyes()
        .look(&check(What::Program(argv), Duration::from_millis(100)))
        .await;
    assert_eq!(slept.detail, "did not end within 0.1 s");
}

#[tokio::test]
async fn a_unit_is_what_systemctl_says() {
    let dir = tempfile::tempdir().expect("a folder");
    let says = "#!/bin/sh\n[ \"$5\" = nginx.service ] && echo LoadState=loaded && echo ActiveState=failed && echo Result=signal\n";
    let eyes = Eyes {
        systemctl: script(&dir, says),
        ..eyes()
    };
    let failed = eyes.look(&check(What::Unit("nginx.service".to_owned()), TIME)).await;
    assert_eq!(
        (failed.state, failed.detail.as_str()),
        (State::Critical, "failed (signal)")
    );
    let other = eyes.look(&check(What::Unit("x.service".to_owned()), TIME)).await;
    assert_eq!(other.detail, "systemctl failed (1):");
    assert_eq!(
        units(&["a.service".to_owned(), "b.mount".to_owned()]).detail.as_deref(),
        Some("a.service, b.mount")
    );
}

#[tokio::test]
async fn a_check_that_panics_is_down_and_looked_at_again() {
    let now = (Duration::ZERO, SystemTime::now());
    let checks = vec![check(What::Unit("x.service".to_owned()), TIME)];
    let readings = Readings::default();
    let book = Book::new(checks, Kept::default(), readings, Arc::new(Notebook::default()), now);
    let mut looking = Looking {
        book: book.clone(),
        epoch: Instant::now(),
        places: Arc::new(Semaphore::new(1)),
        eyes: Arc::new(eyes()),
        looks: JoinSet::new(),
        names: HashMap::new(),
    };
    assert_eq!(book.due(TIME).len(), 1);
    assert_eq!(book.next_due(), None, "it runs");
    looking.begin("it".to_owned(), async { panic!("on purpose") });
    let looked = looking.looks.join_next_with_id().await.expect("one");
    looking.end(looked);
    let verdict = book.list(SystemTime::now()).remove(0).verdict.expect("looked at");
    assert_eq!(
        (verdict.state, verdict.detail.as_str()),
        (State::Critical, "the check itself has failed")
    );
    assert!(book.next_due().is_some() && looking.names.is_empty());
}
