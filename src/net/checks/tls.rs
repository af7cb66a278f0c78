//! TLS as a client: whom to trust, and the certificate that was presented, trusted or not.

use super::{certificate, connect};
use crate::monitor::checks::{Address, Certificate, State, Verdict};
use crate::net::certificates::authorities;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::client::WebPkiServerVerifier;
use tokio_rustls::rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use tokio_rustls::rustls::crypto::{CryptoProvider, ring};
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use tokio_rustls::rustls::{ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme};

/// Where distributions keep the authorities that they trust.
const BUNDLES: [&str; 4] = [
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
];

/// The authorities that were read, by their file; read once.
#[derive(Debug, Default)]
pub(super) struct Authorities(Mutex<BTreeMap<Option<PathBuf>, Arc<WebPkiServerVerifier>>>);

/// A connection whose certificate is known, and perhaps not trusted.
pub(super) struct Secured {
    /// The connection. Over one that is not trusted nothing may be said.
    pub stream: TlsStream<TcpStream>,
    /// The certificate presented.
    pub certificate: Option<Certificate>,
    /// Why it is not to be trusted.
    pub distrust: Option<String>,
}

impl Secured {
    /// The verdict on the certificate alone.
    pub(super) fn verdict(&self, now: SystemTime) -> Verdict {
        let days = self.certificate.as_ref().map(|certificate| certificate.days_left(now));
        let verdict = match (&self.distrust, days) {
            (Some(why), _) => Verdict::down(why),
            (None, Some(days)) => Verdict::new(State::Well, &format!("valid for {:.0} days", days.floor())),
            (None, None) => Verdict::down("the certificate cannot be read"),
        };
        Verdict {
            certificate: self.certificate.clone(),
            ..verdict
        }
    }
}

impl Authorities {
    /// Connects and shakes hands; `alpn` is what is to be spoken.
    pub(super) async fn handshake(
        &self,
        address: &Address,
        authorities: Option<&Path>,
        alpn: &[&[u8]],
    ) -> Result<Secured, String> {
        let trusted = self.verifier(authorities).await?;
        let name = ServerName::try_from(address.host.clone()).map_err(|error| format!("{}: {error}", address.host))?;
        let provider = Arc::new(ring::default_provider());
        let witness = Arc::new(Witness {
            trusted,
            provider: provider.clone(),
            seen: Mutex::default(),
        });
        let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
        let mut config = config
            .map_err(|error| error.to_string())?
            .dangerous()
            .with_custom_certificate_verifier(witness.clone())
            .with_no_client_auth();
        config.alpn_protocols = alpn.iter().map(|name| name.to_vec()).collect();
        let socket = connect(address).await?;
        let stream = TlsConnector::from(Arc::new(config)).connect(name, socket).await;
        let stream = stream.map_err(|error| format!("no TLS: {error}"))?;
        let (certificate, distrust) = witness.seen.lock().unwrap_or_else(PoisonError::into_inner).clone();
        Ok(Secured {
            stream,
            certificate,
            distrust,
        })
    }

    async fn verifier(&self, file: Option<&Path>) -> Result<Arc<WebPkiServerVerifier>, String> {
        let key = file.map(Path::to_path_buf);
        let lock = || self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = lock().get(&key) {
            return Ok(known.clone());
        }
        let place = key.clone();
        let read = tokio::task::spawn_blocking(move || verifier(place.as_deref())).await;
        let verifier = read.map_err(|_| "the authorities could not be read".to_owned())??;
        lock().insert(key, verifier.clone());
        Ok(verifier)
    }
}

fn verifier(file: Option<&Path>) -> Result<Arc<WebPkiServerVerifier>, String> {
    let system = || BUNDLES.iter().map(Path::new).find(|path| path.exists());
    let file = file
        .or_else(system)
        .ok_or("no certificate authorities are installed: give a file of them with 'ca'")?;
    let found = authorities(file).map_err(|error| error.to_string())?;
    let mut roots = RootCertStore::empty();
    // A bundle may hold a few that are not understood.
    let (added, _) = roots.add_parsable_certificates(found);
    if added == 0 {
        return Err(format!("{} holds no authority", file.display()));
    }
    WebPkiServerVerifier::builder_with_provider(Arc::new(roots), Arc::new(ring::default_provider()))
        .build()
        .map_err(|error| error.to_string())
}

/// Looks at the certificate and lets the handshake go on whatever it thinks of it: an expired one is to be seen, too. What
/// it thinks is asked for before anything is said over the connection.
#[derive(Debug)]
struct Witness {
    trusted: Arc<WebPkiServerVerifier>,
    provider: Arc<CryptoProvider>,
    seen: Mutex<(Option<Certificate>, Option<String>)>,
}

impl ServerCertVerifier for Witness {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let checked = self
            .trusted
            .verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now);
        let distrust = checked.err().map(|error| error.to_string());
        *self.seen.lock().unwrap_or_else(PoisonError::into_inner) = (certificate(end_entity), distrust);
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.trusted.verify_tls12_signature(message, certificate, signed)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.trusted.verify_tls13_signature(message, certificate, signed)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}
