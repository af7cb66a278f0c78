//! The server's certificate: the operator's own files, or one from a certificate authority that is made at first start.

mod authority;
mod pem;

pub use authority::Authority;

use sha2::{Digest, Sha256};
use std::collections::BTreeSet;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio_rustls::rustls;
use tokio_rustls::rustls::pki_types::CertificateDer;
use tokio_rustls::rustls::sign::CertifiedKey;
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::{FromDer, X509Certificate};

/// Where the certificate comes from, and for whom it must be.
#[derive(Clone, Debug)]
pub struct Options {
    /// The folder of our own authority and certificate.
    pub dir: PathBuf,
    /// The domain served.
    pub domain: String,
    /// The machine's name.
    pub host: String,
    /// The machine's addresses.
    pub addresses: Vec<IpAddr>,
    /// The operator's own files; `None`: our own authority.
    pub own: Option<Files>,
}

/// A certificate with its chain, and its key, both PEM.
#[derive(Clone, Debug)]
pub struct Files {
    /// The certificate first, then its chain.
    pub certificate: PathBuf,
    /// The private key, readable by its owner alone.
    pub key: PathBuf,
}

/// Why there is no certificate: a sentence that says what, where, and how to mend it. It never holds key material.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CertificateError {
    /// Key and certificate do not belong together.
    #[error("{0}")]
    Mismatch(String),
    /// Anything else.
    #[error("{0}")]
    Unusable(String),
}

impl CertificateError {
    fn new(path: &Path, what: impl std::fmt::Display) -> CertificateError {
        CertificateError::Unusable(format!("{} {what}", path.display()))
    }
}

/// A certificate with its key, checked to belong together, and what it says.
#[derive(Clone, Debug)]
pub struct Certificate {
    /// What TLS presents.
    pub key: Arc<CertifiedKey>,
    /// Its host names and addresses, as text.
    pub names: BTreeSet<String>,
    /// The start of its life.
    pub not_before: SystemTime,
    /// The end of its life.
    pub not_after: SystemTime,
}

/// The certificate in force: read, after being made or renewed where it is our own authority's.
///
/// # Errors
/// A file is missing, unreadable, garbage, or readable by others; key and certificate do not belong together.
pub fn load(options: &Options, now: SystemTime) -> Result<Certificate, CertificateError> {
    match &options.own {
        Some(files) => read(files),
        None => Authority::open_or_create(options, now)?.certificate(options, now),
    }
}

/// Reads a certificate and its key.
///
/// # Errors
/// As [`load`].
pub fn read(files: &Files) -> Result<Certificate, CertificateError> {
    let chain = pem::certificates(&files.certificate)?;
    let facts = Facts::of(&chain, &files.certificate)?;
    let key = pem::private_key(&files.key)?;
    let provider = rustls::crypto::ring::default_provider();
    let key = CertifiedKey::from_der(chain, key, &provider).map_err(|error| match error {
        rustls::Error::InconsistentKeys(_) => {
            let name = files.certificate.display();
            let key = files.key.display();
            CertificateError::Mismatch(format!("{key} is not the key of the certificate in {name}"))
        }
        _ => CertificateError::new(&files.key, "holds a kind of key that TLS cannot use here"),
    })?;
    Ok(Certificate {
        key: Arc::new(key),
        names: facts.names,
        not_before: facts.not_before,
        not_after: facts.not_after,
    })
}

impl Certificate {
    /// Whole days until it ends; negative when it has.
    pub fn days_left(&self, now: SystemTime) -> i64 {
        const DAY: u64 = 24 * 60 * 60;
        match self.not_after.duration_since(now) {
            Ok(left) => (left.as_secs() / DAY).cast_signed(),
            Err(over) => -1 - (over.duration().as_secs() / DAY).cast_signed(),
        }
    }

    /// Its SHA-256 fingerprint, as clients show it when they ask whether to trust it.
    pub fn fingerprint(&self) -> String {
        self.key
            .end_entity_cert()
            .map(|der| fingerprint(der))
            .unwrap_or_default()
    }

    /// Whether it is for a host name, by name or by wildcard (RFC 6125 section 6.4.3).
    pub fn covers(&self, host: &str) -> bool {
        let wildcard = host.split_once('.').map(|(_, rest)| format!("*.{rest}"));
        let is_it = |name: &String| name.eq_ignore_ascii_case(host) || Some(name.to_ascii_lowercase()) == wildcard;
        self.names.iter().any(is_it)
    }

    /// Whether less than a third of its life is left.
    fn is_due(&self, now: SystemTime) -> bool {
        let life = self.not_after.duration_since(self.not_before).unwrap_or_default();
        self.not_after.duration_since(now).unwrap_or_default() < life / 3
    }
}

/// The SHA-256 fingerprint of the first certificate of a file. Its key is not needed.
///
/// # Errors
/// The file is missing, unreadable, or garbage.
pub fn fingerprint_of(path: &Path) -> Result<String, CertificateError> {
    let chain = pem::certificates(path)?;
    Ok(chain.first().map(|der| fingerprint(der)).unwrap_or_default())
}

/// The SHA-256 fingerprint of a certificate, as tools show it: `AB:CD:…`.
fn fingerprint(der: &[u8]) -> String {
    let octets = Sha256::digest(der);
    let octets: Vec<String> = octets.iter().map(|octet| format!("{octet:02X}")).collect();
    octets.join(":")
}

/// What a certificate says.
struct Facts {
    names: BTreeSet<String>,
    not_before: SystemTime,
    not_after: SystemTime,
}

impl Facts {
    fn of(chain: &[CertificateDer<'_>], path: &Path) -> Result<Facts, CertificateError> {
        let garbage = || CertificateError::new(path, "holds no X.509 certificate that can be read");
        let leaf = chain.first().ok_or_else(garbage)?;
        let (_, leaf) = X509Certificate::from_der(leaf).map_err(|_| garbage())?;
        let names = leaf.subject_alternative_name().ok().flatten();
        let names = names
            .into_iter()
            .flat_map(|names| &names.value.general_names)
            .filter_map(name)
            .collect();
        let validity = leaf.validity();
        Ok(Facts {
            names,
            not_before: time(validity.not_before.timestamp()),
            not_after: time(validity.not_after.timestamp()),
        })
    }
}

fn name(name: &GeneralName<'_>) -> Option<String> {
    match name {
        GeneralName::DNSName(name) => Some((*name).to_owned()),
        GeneralName::IPAddress(bytes) => {
            let v4 = <[u8; 4]>::try_from(*bytes).map(IpAddr::from);
            v4.or(<[u8; 16]>::try_from(*bytes).map(IpAddr::from))
                .ok()
                .map(|address| address.to_string())
        }
        _ => None,
    }
}

fn time(timestamp: i64) -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(u64::try_from(timestamp).unwrap_or(0))
}

/// The certificates of a file of authorities.
///
/// # Errors
/// It cannot be read, or holds none.
pub fn authorities(path: &Path) -> Result<Vec<CertificateDer<'static>>, CertificateError> {
    pem::certificates(path)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::PermissionsExt;

    const DAY: Duration = Duration::from_secs(24 * 60 * 60);

    fn options(dir: &Path) -> Options {
        Options {
            dir: dir.join("certs"),
            domain: "mon.example".to_owned(),
            host: "box".to_owned(),
            addresses: vec!["192.0.2.7".parse().unwrap(), "2001:db8::7".parse().unwrap()],
            own: None,
        }
    }

    fn own(options: &Options) -> Options {
        let files = Files {
            certificate: options.dir.join("server.pem"),
            key: options.dir.join("server.key"),
        };
        Options {
            own: Some(files),
            ..options.clone()
        }
    }

    fn leaf(certificate: &Certificate) -> Vec<u8> {
        certificate.key.cert[0].to_vec()
    }

    #[test]
    fn the_first_start_makes_an_authority_and_a_certificate_for_all_names() {
        let dir = tempfile::tempdir().unwrap();
        let options = options(dir.path());
        let now = SystemTime::now();
        let made = load(&options, now).unwrap();
        let names: Vec<&str> = made.names.iter().map(String::as_str).collect();
        assert_eq!(
            names,
            ["192.0.2.7", "2001:db8::7", "box", "mon.example", "pubsub.mon.example"]
        );
        assert_eq!(made.key.cert.len(), 2, "the leaf and the authority");
        assert!((395..=397).contains(&made.days_left(now)), "{}", made.days_left(now));
        for (file, mode) in [
            ("ca.pem", 0o644),
            ("ca.key", 0o600),
            ("server.pem", 0o644),
            ("server.key", 0o600),
        ] {
            let found = fs::metadata(options.dir.join(file)).unwrap().permissions().mode() & 0o777;
            assert_eq!(found, mode, "{file}");
        }
        assert_eq!(
            leaf(&load(&options, now).unwrap()),
            leaf(&made),
            "the second start changes nothing"
        );
    }

    #[test]
    fn it_renews_itself_when_a_third_is_left_and_the_authority_stays() {
        let dir = tempfile::tempdir().unwrap();
        let options = options(dir.path());
        let now = SystemTime::now();
        let made = load(&options, now).unwrap();
        let authority = fs::read(options.dir.join("ca.pem")).unwrap();
        assert_eq!(leaf(&load(&options, now + DAY * 260).unwrap()), leaf(&made));
        let renewed = load(&options, now + DAY * 266).unwrap();
        assert_ne!(leaf(&renewed), leaf(&made));
        assert!(renewed.days_left(now + DAY * 266) > 390);
        assert_eq!(fs::read(options.dir.join("ca.pem")).unwrap(), authority);
    }

    #[test]
    fn a_new_domain_host_or_address_gets_a_new_certificate() {
        let dir = tempfile::tempdir().unwrap();
        let mut options = options(dir.path());
        let now = SystemTime::now();
        let mut last = leaf(&load(&options, now).unwrap());
        for change in [
            (|options: &mut Options| options.domain = "new.example".to_owned()) as fn(&mut Options),
            |options| options.host = "newbox".to_owned(),
            |options| options.addresses.push("192.0.2.8".parse().unwrap()),
        ] {
            change(&mut options);
            let next = leaf(&load(&options, now).unwrap());
            assert_ne!(next, last);
            last = next;
        }
        options.addresses.clear();
        assert_eq!(
            leaf(&load(&options, now).unwrap()),
            last,
            "an address that went away is no reason"
        );
    }

    #[test]
    fn a_crash_between_certificate_and_key_heals_itself() {
        let dir = tempfile::tempdir().unwrap();
        let options = options(dir.path());
        let now = SystemTime::now();
        load(&options, now).unwrap();
        let key = fs::read(options.dir.join("server.key")).unwrap();
        fs::remove_file(options.dir.join("server.pem")).unwrap();
        load(&options, now).unwrap();
        fs::write(options.dir.join("server.key"), key).unwrap();
        load(&options, now).unwrap();
        fs::remove_file(options.dir.join("ca.pem")).unwrap();
        load(&options, now).expect("an authority that nobody can have trusted is made again");
    }

    #[test]
    fn a_lost_authority_key_is_no_trouble_until_it_is_needed() {
        let dir = tempfile::tempdir().unwrap();
        let options = options(dir.path());
        let now = SystemTime::now();
        load(&options, now).unwrap();
        fs::remove_file(options.dir.join("ca.key")).unwrap();
        load(&options, now).unwrap();
        let error = load(&options, now + DAY * 300).unwrap_err().to_string();
        assert!(error.contains("ca.key cannot be read"), "{error}");
    }

    #[test]
    fn t12_a_key_that_others_can_read_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let options = options(dir.path());
        load(&options, SystemTime::now()).unwrap();
        for (file, mode) in [("server.key", 0o640), ("server.key", 0o604), ("ca.key", 0o644)] {
            let path = options.dir.join(file);
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
            let error = load(&options, SystemTime::now()).unwrap_err().to_string();
            assert!(error.contains("chmod 600") && error.contains(file), "{error}");
            fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        }
    }

    #[test]
    fn t13_broken_files_of_the_operator_are_named_and_never_replaced() {
        let dir = tempfile::tempdir().unwrap();
        let own = own(&options(dir.path()));
        load(&options(dir.path()), SystemTime::now()).unwrap();
        let files = own.own.clone().unwrap();
        let (good, good_key) = (fs::read(&files.certificate).unwrap(), fs::read(&files.key).unwrap());
        assert!(load(&own, SystemTime::now()).is_ok());

        let other = tempfile::tempdir().unwrap();
        load(&options(other.path()), SystemTime::now()).unwrap();
        let stranger = fs::read(other.path().join("certs/server.key")).unwrap();
        let garbage = b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n".to_vec();
        for (certificate, key, sentence) in [
            (good.clone(), stranger, "is not the key of the certificate"),
            (Vec::new(), good_key.clone(), "holds no certificate"),
            (garbage, good_key.clone(), "holds no X.509 certificate"),
            (good[..good.len() / 3].to_vec(), good_key.clone(), "is not PEM"),
            (good.clone(), b"nothing".to_vec(), "holds no private key"),
        ] {
            fs::write(&files.certificate, &certificate).unwrap();
            fs::write(&files.key, key).unwrap();
            let error = load(&own, SystemTime::now()).unwrap_err().to_string();
            assert!(error.contains(sentence), "{sentence}: {error}");
            assert_eq!(fs::read(&files.certificate).unwrap(), certificate);
        }
        fs::remove_file(&files.certificate).unwrap();
        assert!(
            load(&own, SystemTime::now())
                .unwrap_err()
                .to_string()
                .contains("cannot be read")
        );
    }

    #[test]
    fn a_domain_that_is_an_address_is_named_as_one() {
        let dir = tempfile::tempdir().unwrap();
        let options = Options {
            domain: "192.0.2.1".to_owned(),
            ..options(dir.path())
        };
        let made = load(&options, SystemTime::now()).unwrap();
        assert!(made.names.contains("192.0.2.1"), "{:?}", made.names);
    }
}
