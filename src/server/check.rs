//! `watchpost check`: what is wrong, without changing anything.

use super::{ServerError, host};
use crate::admin::{Request, ask};
use crate::config::{Config, Settings};
use crate::net::certificates::{self, Authority, Files};
use crate::net::hint;
use crate::store::Store;
use std::net::TcpListener;
use std::path::Path;
use std::time::SystemTime;

/// Days before its end at which a certificate is complained about.
const CERTIFICATE_DAYS_MIN: i64 = 14;

/// Checks data, certificates and ports; the configuration was checked when it was read. Returns what is well.
///
/// # Errors
/// What is wrong, each on a line of its own.
pub fn check(config: &Config) -> Result<String, ServerError> {
    let settings = &config.settings;
    let runs = matches!(ask(&settings.data, &Request::Status), Ok(Some(_)));
    let origin = config
        .file
        .as_deref()
        .map_or("built-in defaults".into(), Path::to_string_lossy);
    let mut findings = vec![Ok(format!("configuration: {origin}")), data(settings, runs)];
    findings.push(certificate(settings));
    match runs {
        true => findings.push(Ok("ports: the appliance runs, and has them".to_owned())),
        false => findings.extend(ports(settings)),
    }
    let (well, wrong): (Vec<_>, Vec<_>) = findings.into_iter().partition(Result::is_ok);
    let wrong: Vec<String> = wrong.into_iter().filter_map(Result::err).collect();
    let well: String = well.into_iter().flatten().map(|line| line + "\n").collect();
    match wrong.is_empty() {
        true => Ok(well + "all is well\n"),
        false => Err(ServerError(wrong.join("\nwatchpost: "))),
    }
}

fn data(settings: &Settings, runs: bool) -> Result<String, String> {
    let name = settings.data.display();
    if runs {
        return Ok(format!("data: {name}, the appliance runs on it"));
    }
    if !settings.data.join("db").exists() {
        return writable_parent(&settings.data).map(|()| format!("data: {name} will be made at the first start"));
    }
    match Store::open_with(&settings.data, &settings.domain.0, &settings.store_options()) {
        Ok(store) => Ok(format!("data: {name}, {} accounts", store.accounts().list().len())),
        Err(error) => Err(error.to_string()),
    }
}

/// Whether the nearest folder that exists lets us make the rest.
fn writable_parent(path: &Path) -> Result<(), String> {
    let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    let existing = path
        .ancestors()
        .find(|folder| folder.exists())
        .unwrap_or(Path::new("/"));
    rustix::fs::access(existing, rustix::fs::Access::WRITE_OK | rustix::fs::Access::EXEC_OK).map_err(|error| {
        format!(
            "{} cannot be made: {} is not writable ({error})",
            path.display(),
            existing.display()
        )
    })
}

fn certificate(settings: &Settings) -> Result<String, String> {
    let own = settings.certificate_options(host::name, Vec::new);
    let files = match own.own {
        Some(files) => files,
        None if !own.dir.join("ca.pem").exists() => {
            return writable_parent(&own.dir)
                .map(|()| format!("certificates: {} will be made at the first start", own.dir.display()));
        }
        None => {
            let authority = Authority::open(&own.dir).map_err(|error| error.to_string())?;
            authority.check_key().map_err(|error| error.to_string())?;
            Files {
                certificate: own.dir.join("server.pem"),
                key: own.dir.join("server.key"),
            }
        }
    };
    let certificate = certificates::read(&files).map_err(|error| error.to_string())?;
    let (name, days) = (files.certificate.display(), certificate.days_left(SystemTime::now()));
    let renews = settings.tls.certificate.is_none();
    if !renews && days < CERTIFICATE_DAYS_MIN {
        return Err(format!(
            "the certificate in {name} ends in {days} days: put a new one there, and send SIGHUP"
        ));
    }
    if !renews && !certificate.covers(&settings.domain.0) {
        return Err(format!(
            "the certificate in {name} is not for {}: clients will refuse it",
            settings.domain.0
        ));
    }
    Ok(format!("certificate: {name}, {days} days left"))
}

fn ports(settings: &Settings) -> Vec<Result<String, String>> {
    let serves_http = settings.web_options(String::new()).is_enabled();
    let http = serves_http.then_some(&settings.listen.http);
    let listen = [Some(&settings.listen.starttls), Some(&settings.listen.tls), http];
    let all = listen.into_iter().flatten().flat_map(|listen| &listen.0);
    all.map(|address| match TcpListener::bind(address) {
        Ok(_) => Ok(format!("port: {address} is free")),
        Err(error) => Err(format!("cannot listen on {address}: {error}{}", hint(&error))),
    })
    .collect()
}
