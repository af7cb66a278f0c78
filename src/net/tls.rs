//! TLS: the certificate in force, both kinds of handshake, and what they bind an authentication to.

use super::Security;
use crate::stream::ChannelBindings;
use sha2::{Digest, Sha256, Sha384, Sha512};
use std::io;
use std::sync::{Arc, PoisonError, RwLock};
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::CertificateDer;
use tokio_rustls::rustls::sign::{CertifiedKey, SingleCertAndKey};
use tokio_rustls::rustls::version::{TLS12, TLS13};
use tokio_rustls::rustls::{self, ProtocolVersion, ServerConfig};
use tokio_rustls::server::TlsStream;
use x509_parser::prelude::{FromDer, X509Certificate};
use x509_parser::signature_algorithm::SignatureAlgorithm;
use x509_parser::{oid_registry as oid, x509::AlgorithmIdentifier};

/// XEP-0368 section 2.
const ALPN: &[u8] = b"xmpp-client";

/// The server's side of TLS. Its certificate can be replaced while connections live; they keep theirs.
#[derive(Debug)]
pub struct Tls {
    identity: RwLock<Arc<Identity>>,
}

/// One certificate and all that hangs on it. It is replaced as a whole, session cache included: so a resumed connection
/// has the certificate whose hash it is bound to.
#[derive(Debug)]
struct Identity {
    starttls: Arc<ServerConfig>,
    direct: Arc<ServerConfig>,
    end_point: Option<Vec<u8>>,
}

impl Tls {
    /// TLS 1.2 and 1.3 with this certificate.
    ///
    /// # Errors
    /// When the provider cannot do these versions.
    pub fn new(key: &CertifiedKey) -> Result<Tls, rustls::Error> {
        let identity = RwLock::new(Arc::new(Identity::new(key)?));
        Ok(Tls { identity })
    }

    /// Another certificate, for connections from now on.
    ///
    /// # Errors
    /// As [`Tls::new`]; the old one stays.
    pub fn replace(&self, key: &CertifiedKey) -> Result<(), rustls::Error> {
        let identity = Arc::new(Identity::new(key)?);
        *self.identity.write().unwrap_or_else(PoisonError::into_inner) = identity;
        Ok(())
    }

    /// Runs the handshake.
    ///
    /// # Errors
    /// The peer speaks no TLS, or none that we do; or it left.
    pub(super) async fn accept(
        &self,
        socket: TcpStream,
        security: Security,
    ) -> io::Result<(TlsStream<TcpStream>, ChannelBindings)> {
        let identity = Arc::clone(&self.identity.read().unwrap_or_else(PoisonError::into_inner));
        let config = match security {
            Security::StartTls => &identity.starttls,
            Security::Direct => &identity.direct,
        };
        let stream = TlsAcceptor::from(Arc::clone(config)).accept(socket).await?;
        let bindings = ChannelBindings {
            exporter: exporter(&stream),
            end_point: identity.end_point.clone(),
        };
        Ok((stream, bindings))
    }
}

impl Identity {
    fn new(key: &CertifiedKey) -> Result<Identity, rustls::Error> {
        let starttls = config(key)?;
        let mut direct = config(key)?;
        direct.alpn_protocols = vec![ALPN.to_vec()];
        Ok(Identity {
            starttls: Arc::new(starttls),
            direct: Arc::new(direct),
            end_point: key.cert.first().and_then(end_point),
        })
    }
}

/// No client certificates (SASL EXTERNAL is not offered), no early data (it can be replayed; off is the default).
fn config(key: &CertifiedKey) -> Result<ServerConfig, rustls::Error> {
    let builder = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()));
    let resolver = Arc::new(SingleCertAndKey::from(key.clone()));
    Ok(builder
        .with_protocol_versions(&[&TLS13, &TLS12])?
        .with_no_client_auth()
        .with_cert_resolver(resolver))
}

/// `tls-exporter` (RFC 9266 section 2), on TLS 1.3.
fn exporter(stream: &TlsStream<TcpStream>) -> Option<[u8; 32]> {
    let (_, connection) = stream.get_ref();
    (connection.protocol_version() == Some(ProtocolVersion::TLSv1_3)).then_some(())?;
    connection
        .export_keying_material([0; 32], b"EXPORTER-Channel-Binding", Some(b""))
        .ok()
}

/// `tls-server-end-point` (RFC 5929 section 4.1): the hash that the certificate's signature uses, SHA-256 instead of MD5
/// and SHA-1; undefined for signatures without one (Ed25519).
fn end_point(certificate: &CertificateDer<'_>) -> Option<Vec<u8>> {
    let (_, parsed) = X509Certificate::from_der(certificate).ok()?;
    let hash = signature_hash(&parsed.signature_algorithm)?;
    if hash == oid::OID_NIST_HASH_SHA512 {
        Some(Sha512::digest(certificate).to_vec())
    } else if hash == oid::OID_NIST_HASH_SHA384 {
        Some(Sha384::digest(certificate).to_vec())
    } else {
        Some(Sha256::digest(certificate).to_vec())
    }
}

/// The hash of a signature algorithm.
fn signature_hash(algorithm: &AlgorithmIdentifier<'_>) -> Option<oid::Oid<'static>> {
    let sha512 = [oid::OID_PKCS1_SHA512WITHRSA, oid::OID_SIG_ECDSA_WITH_SHA512];
    let sha384 = [oid::OID_PKCS1_SHA384WITHRSA, oid::OID_SIG_ECDSA_WITH_SHA384];
    match SignatureAlgorithm::try_from(algorithm).ok()? {
        SignatureAlgorithm::ED25519 => None,
        SignatureAlgorithm::RSASSA_PSS(parameters) => Some(parameters.hash_algorithm_oid().to_owned()),
        _ if sha512.contains(&algorithm.algorithm) => Some(oid::OID_NIST_HASH_SHA512),
        _ if sha384.contains(&algorithm.algorithm) => Some(oid::OID_NIST_HASH_SHA384),
        _ => Some(oid::OID_NIST_HASH_SHA256),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rcgen::{CertificateParams, KeyPair, SignatureAlgorithm};

    #[test]
    fn the_end_point_is_hashed_as_its_signature_is() {
        let end_point = |algorithm: &'static SignatureAlgorithm| {
            let key = KeyPair::generate_for(algorithm).expect("a key");
            let parameters = CertificateParams::new(["mon.example".to_owned()]).expect("a name");
            let certificate = parameters.self_signed(&key).expect("a certificate");
            (end_point(certificate.der()), certificate.der().to_vec())
        };
        let (hash, der) = end_point(&rcgen::PKCS_ECDSA_P256_SHA256);
        assert_eq!(hash, Some(Sha256::digest(der).to_vec()));
        let (hash, der) = end_point(&rcgen::PKCS_ECDSA_P384_SHA384);
        assert_eq!(hash, Some(Sha384::digest(der).to_vec()));
        assert_eq!(end_point(&rcgen::PKCS_ED25519).0, None);
    }
}
