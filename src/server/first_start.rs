//! The first start: somebody must be able to log in.

use super::ServerError;
use crate::admin::{self, Accounts, Listening};
use crate::config::Config;
use crate::net::certificates::{Authority, Certificate};
use crate::stanza::Role;
use jid::BareJid;

/// The name of the first account.
const ADMIN: &str = "admin";

/// When there is no admin, makes one with a password of the system's making, and returns what to tell the operator, once.
///
/// # Errors
/// The store takes no more.
pub fn prepare(
    config: &Config,
    accounts: &Accounts,
    listening: &[Listening],
    certificate: &Certificate,
) -> Result<Option<String>, ServerError> {
    let settings = &config.settings;
    let jid = settings.account(ADMIN).map_err(ServerError::new)?;
    let known = accounts.list();
    if known
        .iter()
        .any(|account| account.role == Role::Admin || account.jid == jid.as_str())
    {
        return Ok(None);
    }
    let password = admin::generated()?;
    accounts.add(&jid, Role::Admin, &password)?;
    Ok(Some(welcome(config, &jid, &password, listening, certificate)))
}

fn welcome(
    config: &Config,
    jid: &BareJid,
    password: &str,
    listening: &[Listening],
    certificate: &Certificate,
) -> String {
    let settings = &config.settings;
    let host = super::host::name();
    let ports: Vec<String> = listening
        .iter()
        .map(|on| format!("{} ({})", on.address.port(), on.transport))
        .collect();
    let fingerprint = match settings.tls.certificate {
        None => Authority::open(&settings.certs)
            .map(|authority| authority.fingerprint())
            .ok(),
        Some(_) => None,
    };
    let authority = fingerprint.map_or(String::new(), |fingerprint| {
        format!(
            "  authority    SHA-256 {fingerprint}\n               'watchpost ca' says how your client comes to trust it\n"
        )
    });
    let certificate = certificate.fingerprint();
    let domain = &settings.domain.0;
    format!(
        "
watchpost {version} serves the domain {domain}. Log in with any XMPP client:

  account      {jid}
  password     {password}
  host         {host}
  port         {ports}
  certificate  SHA-256 {certificate}
{authority}
This is the only time that the password is shown; 'watchpost account passwd {ADMIN}' makes another.
To serve another domain, stop this, and run 'watchpost rename-domain NAME': all accounts move along.
'watchpost config' prints every setting.

",
        version = env!("CARGO_PKG_VERSION"),
        ports = ports.join(" or "),
    )
}
