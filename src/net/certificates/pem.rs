//! PEM files. The one place that reads them: rustls-pemfile is archived (RUSTSEC-2025-0134), a thin cover over
//! rustls-pki-types that is complete as it stands.

use super::CertificateError;
use std::fs::File;
use std::io::BufReader;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};

/// The certificates of a file, in order; at least one.
pub(super) fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, CertificateError> {
    let found: Result<Vec<_>, _> = rustls_pemfile::certs(&mut open(path)?).collect();
    match found {
        Ok(found) if found.is_empty() => Err(CertificateError::new(path, "holds no certificate")),
        Ok(found) => Ok(found),
        Err(error) => Err(CertificateError::new(path, format!("is not PEM: {error}"))),
    }
}

/// The private key of a file that nobody but its owner can read (threat T12).
pub(super) fn private_key(path: &Path) -> Result<PrivateKeyDer<'static>, CertificateError> {
    let mut file = open(path)?;
    refuse_readable(path, file.get_ref())?;
    match rustls_pemfile::private_key(&mut file) {
        Ok(Some(key)) => Ok(key),
        Ok(None) => Err(CertificateError::new(path, "holds no private key")),
        Err(_) => Err(CertificateError::new(path, "is not PEM")),
    }
}

/// Refuses a key that others can read.
pub(super) fn refuse_readable(path: &Path, file: &File) -> Result<(), CertificateError> {
    let metadata = file
        .metadata()
        .map_err(|error| CertificateError::new(path, format!("cannot be read: {error}")))?;
    match metadata.mode() & 0o077 {
        0 => Ok(()),
        _ => Err(CertificateError::new(
            path,
            format!(
                "can be read by others (mode {:o}): run 'chmod 600 {}'",
                metadata.mode() & 0o777,
                path.display()
            ),
        )),
    }
}

fn open(path: &Path) -> Result<BufReader<File>, CertificateError> {
    match File::open(path) {
        Ok(file) => Ok(BufReader::new(file)),
        Err(error) => Err(CertificateError::new(path, format!("cannot be read: {error}"))),
    }
}
