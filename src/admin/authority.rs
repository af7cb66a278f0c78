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
  Dino             Trusts what the system trusts: install the authority as above, then close Dino and open it
                   again.
  Gajim            Without touching the system: connect, look at the certificate that the warning
                   shows, compare its fingerprint (the server's), and add it as an exception.
  Profanity        Without touching the system: '/tls certpath' to a folder with it, or '/tls allow'
                   when the fingerprint is asked about.
  Android          Conversations and its kin need no file: at the first login they show the server's
                   fingerprint. Compare it, choose 'Always', and they remember the answer. Other clients:
                   send yourself ca.pem; Settings, Security, Encryption & credentials, Install a
                   certificate, CA certificate. It wants a screen lock, and warns: that is as it should be.
  iPhone, iPad     1. Send yourself ca.pem by mail or AirDrop, and open it: 'Profile Downloaded'.
                   2. Settings, General, VPN & Device Management: install the profile.
                   3. Settings, General, About, Certificate Trust Settings: switch it on.
                   Without the third step it is not trusted.

The client must call this machine by the domain: a name that the client's network knows, or in the client's own
settings for the connection this machine's name or address and the port.
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
