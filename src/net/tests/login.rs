//! Logging in over real TLS: channel binding, direct TLS, failures.

use super::*;
use crate::store::Policy;
use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};

fn hmac(key: &[u8], data: &[u8]) -> Vec<u8> {
    let mac = <Hmac<Sha256> as KeyInit>::new_from_slice(key).expect("any length");
    mac.chain_update(data).finalize().into_bytes().to_vec()
}

/// The attribute of a SCRAM message.
fn attribute<'a>(message: &'a str, name: &str) -> &'a str {
    let mut attributes = message.split(',');
    let found = attributes.find_map(|attribute| attribute.strip_prefix(name)?.strip_prefix('='));
    found.unwrap_or_else(|| panic!("no {name} in {message}"))
}

/// Logs in with SCRAM-SHA-256-PLUS; returns the verdict's element.
async fn scram_plus(client: &mut Client<TlsStream<TcpStream>>, kind: &str, data: &[u8], password: &str) -> String {
    let (gs2, bare) = (format!("p={kind},,"), "n=juliet,r=abc");
    let first = STANDARD.encode(format!("{gs2}{bare}"));
    let auth = "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='SCRAM-SHA-256-PLUS'>";
    client.send(&format!("{auth}{first}</auth>")).await;
    let challenge = client.expect("</challenge>").await;
    let challenge = challenge
        .split('>')
        .nth(1)
        .and_then(|text| text.split('<').next())
        .expect("text");
    let challenge = String::from_utf8(STANDARD.decode(challenge).expect("base64")).expect("UTF-8");

    let salt = STANDARD.decode(attribute(&challenge, "s")).expect("base64");
    let iterations = attribute(&challenge, "i").parse().expect("a number");
    let mut salted = [0; 32];
    pbkdf2::pbkdf2_hmac::<Sha256>(password.as_bytes(), &salt, iterations, &mut salted);
    let channel = STANDARD.encode([gs2.as_bytes(), data].concat());
    let without_proof = format!("c={channel},r={}", attribute(&challenge, "r"));
    let key = hmac(&salted, b"Client Key");
    let signature = hmac(
        &Sha256::digest(&key),
        format!("{bare},{challenge},{without_proof}").as_bytes(),
    );
    let proof: Vec<u8> = key.iter().zip(signature).map(|(a, b)| a ^ b).collect();
    let last = STANDARD.encode(format!("{without_proof},p={}", STANDARD.encode(proof)));
    client
        .send(&format!(
            "<response xmlns='urn:ietf:params:xml:ns:xmpp-sasl'>{last}</response>"
        ))
        .await;
    client.expect("urn:ietf:params:xml:ns:xmpp-sasl'>").await
}

#[tokio::test]
async fn a04_scram_plus_binds_to_the_very_connection_and_certificate() {
    let bench = Bench::start(|_| {});
    let leaf = Sha256::digest(&certificate(bench.dir.path()).key.cert[0]).to_vec();
    for (kind, right) in [
        ("tls-exporter", true),
        ("tls-server-end-point", true),
        ("tls-exporter", false),
    ] {
        let mut client = bench.encrypted().await;
        let features = client.expect("</stream:features>").await;
        assert!(features.contains(&format!("<channel-binding type='{kind}'/>")));
        let (_, connection) = client.socket.get_ref();
        let exported = connection.export_keying_material([0; 32], b"EXPORTER-Channel-Binding", None);
        let data = match (kind, right) {
            ("tls-exporter", true) => exported.expect("TLS 1.3").to_vec(),
            (_, true) => leaf.clone(),
            (_, false) => vec![0; 32],
        };
        let verdict = scram_plus(&mut client, kind, &data, "secret").await;
        assert_eq!(verdict.contains("<success"), right, "{kind}: {verdict}");
    }
    let mut client = bench.encrypted().await;
    client.expect("</stream:features>").await;
    let verdict = scram_plus(&mut client, "tls-server-end-point", &leaf, "wrong").await;
    assert!(verdict.contains("<failure"), "{verdict}");
}

#[tokio::test]
async fn t11_direct_tls_takes_its_protocol_or_none_and_no_other() {
    let bench = Bench::start(|_| {});
    for alpn in [&["xmpp-client"][..], &[], &["h2", "xmpp-client"]] {
        let socket = bench.tcp(Security::Direct).await.socket;
        let mut client = bench.handshake(socket, alpn).await.expect("a handshake");
        client.send(HEADER).await;
        let features = client.expect("</stream:features>").await;
        assert!(features.contains("<mechanisms") && !features.contains("starttls"));
    }
    let socket = bench.tcp(Security::Direct).await.socket;
    assert!(bench.handshake(socket, &["h2"]).await.is_err());
}

#[tokio::test]
async fn x31_the_wrong_protocol_on_a_port_is_a_clean_close() {
    let bench = Bench::start(|_| {});
    for (security, bytes, answer) in [
        (Security::Direct, HEADER, ""),
        (Security::StartTls, "\u{16}\u{3}\u{1}\u{2}", "</stream:stream>"),
        (Security::StartTls, "GET / HTTP/1.1\r\n\r\n", "</stream:stream>"),
    ] {
        let mut client = bench.tcp(security).await;
        client.send(bytes).await;
        assert!(client.rest().await.ends_with(answer));
    }
    bench.session("juliet", "desk").await;
}

#[tokio::test]
async fn t13_a_new_certificate_is_for_new_connections() {
    let bench = Bench::start(|_| {});
    let mut old = bench.session("juliet", "desk").await;
    let presented = |client: &Client<TlsStream<TcpStream>>| {
        let (_, connection) = client.socket.get_ref();
        connection.peer_certificates().expect("certificates")[0].to_vec()
    };
    std::fs::remove_file(bench.dir.path().join("certs/server.pem")).expect("a file");
    let renewed = certificate(bench.dir.path());
    bench.tls.replace(&renewed.key).expect("a good certificate");
    let new = bench.session("romeo", "desk").await;
    assert_ne!(presented(&old), presented(&new));
    assert_eq!(presented(&new), renewed.key.cert[0].to_vec());
    old.send("<presence/><message to='juliet@mon.example/desk'><body>still here</body></message>")
        .await;
    old.expect("still here").await;
}

#[tokio::test]
async fn an_account_removed_in_the_middle_of_a_login_binds_nothing() {
    let bench = Bench::start(|_| {});
    let mut client = bench.encrypted().await;
    client.send(&plain("juliet", "secret")).await;
    client
        .expect("<success xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>")
        .await;
    bench.store.accounts().remove("juliet").expect("an account");
    client.send(HEADER).await;
    client
        .send("<iq type='set' id='b'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></iq>")
        .await;
    assert!(client.rest().await.contains("<not-authorized "));
    bench.sessions(0).await;
}

#[tokio::test]
async fn a17_a_password_that_is_changed_in_the_middle_of_a_login_binds_nothing() {
    for disabled in [false, true] {
        let bench = Bench::start(|_| {});
        let mut client = bench.encrypted().await;
        client.send(&plain("juliet", "secret")).await;
        client
            .expect("<success xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>")
            .await;
        let accounts = bench.store.accounts();
        match disabled {
            false => accounts.set_password("juliet", "another", &Policy::default()),
            true => accounts.set_disabled("juliet", true),
        }
        .expect("an account");
        client.send(HEADER).await;
        client
            .send("<iq type='set' id='b'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></iq>")
            .await;
        assert!(client.rest().await.contains("<not-authorized "));
        bench.sessions(0).await;
    }
}
