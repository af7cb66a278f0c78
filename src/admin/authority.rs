//! `watchpost ca`: the authority that clients must trust.

use super::AdminError;
use crate::net::certificates::Authority;
use std::path::Path;

/// The authority's certificate alone, as PEM.
///
/// # Errors
/// There is none yet, or it cannot be read.
pub fn authority_pem(certs: &Path) -> Result<String, AdminError> {
    let path = open(certs)?.path();
    std::fs::read_to_string(&path).map_err(|error| AdminError(format!("{} cannot be read: {error}", path.display())))
}

/// Where the authority's certificate is, its fingerprint, and how clients come to trust it.
///
/// # Errors
/// There is none yet, or it cannot be read.
pub fn authority(certs: &Path) -> Result<String, AdminError> {
    let authority = open(certs)?;
    let path = std::path::absolute(authority.path()).unwrap_or_else(|_| authority.path());
    let (path, fingerprint) = (path.display(), authority.fingerprint());
    Ok(format!(
        "\
The authority that signs this server's certificate:

  file      {path}
  SHA-256   {fingerprint}

Copy the file to the client's machine ('watchpost ca --pem' prints it), compare the fingerprint
('openssl x509 -in ca.pem -noout -fingerprint -sha256'), and let it be trusted:

  Debian, Ubuntu   sudo cp ca.pem /usr/local/share/ca-certificates/watchpost.crt
                   sudo update-ca-certificates
                   Dino, Profanity, Gajim and others then trust it, after a restart.
  Fedora           sudo cp ca.pem /etc/pki/ca-trust/source/anchors/watchpost.pem
                   sudo update-ca-trust
  Gajim            Without touching the system: connect, look at the certificate that the warning
                   shows, compare its fingerprint, and add it as an exception.
  Profanity        Without touching the system: '/tls certpath' to a folder with it, or '/tls allow'
                   when the fingerprint is asked about.
  Android          Settings, Security, Encryption & credentials, Install a certificate, CA certificate.
                   Conversations asks by itself, and remembers the answer.
  iPhone, iPad     Send yourself the file, open it, install the profile; then Settings, General,
                   About, Certificate Trust Settings, and switch it on.

A certificate of your own needs none of this: see [tls] in 'watchpost config'.
"
    ))
}

fn open(certs: &Path) -> Result<Authority, AdminError> {
    if !certs.join("ca.pem").exists() {
        let certs = certs.display();
        return Err(AdminError(format!(
            "there is no authority in {certs} yet: the first 'watchpost run' makes it"
        )));
    }
    Authority::open(certs).map_err(|error| AdminError(error.to_string()))
}
