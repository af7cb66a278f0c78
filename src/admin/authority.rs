//! `watchpost ca`: the authority that clients must trust.

use super::AdminError;
use crate::net::certificates::{Authority, fingerprint_of};
use std::path::Path;

/// The authority's certificate alone, as PEM.
///
/// # Errors
/// There is none yet, or it cannot be read.
pub fn authority_pem(certs: &Path) -> Result<String, AdminError> {
    let path = open(certs)?.path();
    std::fs::read_to_string(&path).map_err(|error| AdminError(format!("{} cannot be read: {error}", path.display())))
}

/// Where the authority's certificate is, its fingerprint, that of the server's certificate, and how clients come to trust
/// them; `own` is the operator's own certificate, if there is one.
///
/// # Errors
/// There is none yet, or it cannot be read.
pub fn authority(certs: &Path, own: Option<&Path>) -> Result<String, AdminError> {
    let authority = open(certs)?;
    let path = std::path::absolute(authority.path()).unwrap_or_else(|_| authority.path());
    let (path, fingerprint) = (path.display(), authority.fingerprint());
    let served = fingerprint_of(own.unwrap_or(&certs.join("server.pem"))).ok();
    let served = served.map_or(String::new(), |fingerprint| {
        format!(
            "\nThe server's certificate, whose fingerprint a client shows when it warns:\n\n  SHA-256   {fingerprint}\n"
        )
    });
    Ok(format!(
        "\
The authority that signs this server's certificate:

  file      {path}
  SHA-256   {fingerprint}
{served}
Copy the authority's file to the client's machine ('watchpost ca --pem' prints it), compare its fingerprint
('openssl x509 -in ca.pem -noout -fingerprint -sha256'), and let it be trusted:

  Debian, Ubuntu   sudo cp ca.pem /usr/local/share/ca-certificates/watchpost.crt
                   sudo update-ca-certificates
                   Dino, Profanity, Gajim and others then trust it, after a restart.
  Fedora           sudo cp ca.pem /etc/pki/ca-trust/source/anchors/watchpost.pem
                   sudo update-ca-trust
  Gajim            Without touching the system: connect, look at the certificate that the warning
                   shows, compare its fingerprint (the server's), and add it as an exception.
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
