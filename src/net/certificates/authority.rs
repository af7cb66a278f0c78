//! Our own certificate authority, and the certificate that it signs for the server.

use super::{Certificate, CertificateError, Facts, Files, Options, pem};
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, SanType,
};
use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::Write;
use std::net::IpAddr;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};
use tokio_rustls::rustls::pki_types::CertificateDer;

const DAY: Duration = Duration::from_secs(24 * 60 * 60);
/// Life of the authority.
const AUTHORITY_LIFE: Duration = Duration::from_secs(3_653 * 24 * 60 * 60);
/// Life of the server's certificate: the longest that clients accept everywhere.
const LEAF_LIFE: Duration = Duration::from_secs(397 * 24 * 60 * 60);
/// RFC 6120 section 13.7.1.4: `id-on-xmppAddr`.
const XMPP_ADDR: [u64; 9] = [1, 3, 6, 1, 5, 5, 7, 8, 5];
/// RFC 5280 appendix A.1: `ub-common-name`.
const COMMON_NAME_MAX: usize = 64;

/// The authority's certificate. Its key is read only to sign.
#[derive(Clone, Debug)]
pub struct Authority {
    dir: PathBuf,
    der: CertificateDer<'static>,
    not_after: SystemTime,
}

impl Authority {
    /// The authority in a folder.
    ///
    /// # Errors
    /// There is none, or it cannot be read.
    pub fn open(dir: &Path) -> Result<Authority, CertificateError> {
        let path = dir.join("ca.pem");
        let chain = pem::certificates(&path)?;
        let facts = Facts::of(&chain, &path)?;
        let der = chain
            .into_iter()
            .next()
            .ok_or_else(|| CertificateError::new(&path, "holds no certificate"))?;
        Ok(Authority {
            dir: dir.to_owned(),
            der,
            not_after: facts.not_after,
        })
    }

    /// The authority in the options' folder, made when there is none. A key without a certificate is what a first start
    /// left that did not finish: nobody can trust it yet, so both are made again.
    pub(super) fn open_or_create(options: &Options, now: SystemTime) -> Result<Authority, CertificateError> {
        if !options.dir.join("ca.pem").exists() {
            create(options, now)?;
        }
        let authority = Authority::open(&options.dir)?;
        authority.check_key().map(|()| authority)
    }

    /// Whether its key can be used. One that is not there is kept elsewhere: fine, until there is something to sign.
    ///
    /// # Errors
    /// It is readable by others, unreadable, or garbage.
    pub fn check_key(&self) -> Result<(), CertificateError> {
        let key = self.dir.join("ca.key");
        match key.exists() {
            true => pem::private_key(&key).map(|_| ()),
            false => Ok(()),
        }
    }

    /// The server's certificate, signed anew when it is due or for other names; or when the key is another one's, as
    /// a crash between the writing of the two leaves them.
    pub(super) fn certificate(&self, options: &Options, now: SystemTime) -> Result<Certificate, CertificateError> {
        let files = Files {
            certificate: self.dir.join("server.pem"),
            key: self.dir.join("server.key"),
        };
        let read = match files.certificate.exists() && files.key.exists() {
            true => super::read(&files).map(Some),
            false => Ok(None),
        };
        match read {
            Ok(Some(certificate)) if self.is_current(&certificate, options, now) => return Ok(certificate),
            Ok(_) | Err(CertificateError::Mismatch(_)) => {}
            Err(error) => return Err(error),
        }
        self.sign(options, &files, now)?;
        super::read(&files)
    }

    /// Where its certificate is.
    pub fn path(&self) -> PathBuf {
        self.dir.join("ca.pem")
    }

    /// The SHA-256 fingerprint of its certificate, as tools show it: `AB:CD:…`.
    pub fn fingerprint(&self) -> String {
        super::fingerprint(&self.der)
    }

    fn is_current(&self, certificate: &Certificate, options: &Options, now: SystemTime) -> bool {
        let is_ours = certificate.key.cert.get(1) == Some(&self.der);
        let covers = wanted(options).is_subset(&certificate.names);
        // A certificate cannot outlive its authority: near that end a new one would be no longer.
        let can_be_longer = self.not_after > certificate.not_after + DAY;
        let in_force = certificate.not_after > now;
        is_ours && covers && in_force && (!certificate.is_due(now) || !can_be_longer)
    }

    fn sign(&self, options: &Options, files: &Files, now: SystemTime) -> Result<(), CertificateError> {
        if self.not_after <= now {
            let what = "has expired: move ca.pem and ca.key away, start again, and trust the new one";
            return Err(CertificateError::new(&self.path(), what));
        }
        let path = self.dir.join("ca.key");
        let unreadable = |error| CertificateError::new(&path, format!("cannot be read: {error}"));
        let key = fs::read_to_string(&path).map_err(unreadable)?;
        let key = KeyPair::from_pem(&key).map_err(|_| CertificateError::new(&path, "holds no private key"))?;
        let failed = |error| CertificateError::new(&files.certificate, format!("cannot be made: {error}"));
        let issuer = Issuer::from_ca_cert_der(&self.der, key).map_err(failed)?;
        let leaf_key = KeyPair::generate().map_err(failed)?;
        let leaf = self
            .leaf(options, now)
            .and_then(|params| params.signed_by(&leaf_key, &issuer))
            .map_err(failed)?;
        let authority = fs::read_to_string(self.path()).map_err(|error| CertificateError::new(&self.path(), error))?;
        replace(&files.key, leaf_key.serialize_pem().as_bytes(), 0o600)?;
        replace(&files.certificate, (leaf.pem() + &authority).as_bytes(), 0o644)
    }

    fn leaf(&self, options: &Options, now: SystemTime) -> Result<CertificateParams, rcgen::Error> {
        let mut params = CertificateParams::new(wanted(options).into_iter().collect::<Vec<String>>())?;
        params
            .subject_alt_names
            .push(SanType::OtherName((XMPP_ADDR.to_vec(), options.domain.clone().into())));
        params.distinguished_name = named(&options.domain);
        params.use_authority_key_identifier_extension = true;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        params.not_before = (now - DAY).into();
        params.not_after = (now - DAY + LEAF_LIFE).min(self.not_after).into();
        Ok(params)
    }
}

/// The names that the certificate must have.
fn wanted(options: &Options) -> BTreeSet<String> {
    let mut names = BTreeSet::from([options.domain.clone()]);
    if options.domain.parse::<IpAddr>().is_err() {
        names.insert(format!("pubsub.{}", options.domain));
    }
    if !options.host.is_empty() && options.host.is_ascii() {
        names.insert(options.host.to_ascii_lowercase());
    }
    names.extend(options.addresses.iter().map(IpAddr::to_string));
    names
}

/// A subject; a name too long for one stands in the alternative names alone.
fn named(name: &str) -> DistinguishedName {
    let mut subject = DistinguishedName::new();
    let name = if name.len() <= COMMON_NAME_MAX {
        name
    } else {
        "watchpost"
    };
    subject.push(DnType::CommonName, name);
    subject
}

fn create(options: &Options, now: SystemTime) -> Result<(), CertificateError> {
    let failed = |error| CertificateError::new(&options.dir.join("ca.pem"), format!("cannot be made: {error}"));
    let key = KeyPair::generate().map_err(failed)?;
    let mut params = CertificateParams::default();
    params.distinguished_name = named(&format!("watchpost CA {}", options.domain));
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params.not_before = (now - DAY).into();
    params.not_after = (now + AUTHORITY_LIFE).into();
    let certificate = params.self_signed(&key).map_err(failed)?;
    let mut folder = fs::DirBuilder::new();
    folder.recursive(true).mode(0o700);
    folder
        .create(&options.dir)
        .map_err(|error| CertificateError::new(&options.dir, format!("cannot be created: {error}")))?;
    replace(&options.dir.join("ca.key"), key.serialize_pem().as_bytes(), 0o600)?;
    replace(&options.dir.join("ca.pem"), certificate.pem().as_bytes(), 0o644)
}

/// Replaces a file as a whole: after a crash there is the old one or the new one.
fn replace(path: &Path, content: &[u8], mode: u32) -> Result<(), CertificateError> {
    let part = path.with_extension("part");
    let write = || {
        let mut file = File::options()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(mode)
            .open(&part)?;
        file.set_permissions(fs::Permissions::from_mode(mode))?;
        file.write_all(content)?;
        file.sync_all()?;
        fs::rename(&part, path)?;
        path.parent().map_or(Ok(()), |dir| File::open(dir)?.sync_all())
    };
    write().map_err(|error: std::io::Error| CertificateError::new(path, format!("cannot be written: {error}")))
}
