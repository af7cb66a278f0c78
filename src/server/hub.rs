//! What the running appliance answers its operator, and what can be changed while it runs.

use super::{ServerError, host};
use crate::admin::{Accounts, Answer, Listening, Request, Service, StatusReport};
use crate::config::{Config, Overrides};
use crate::net::Tls;
use crate::net::certificates::{self, Certificate};
use crate::router::Router;
use crate::store::Store;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Instant, SystemTime};

/// Days before its end at which a certificate that does not renew itself is complained about.
const CERTIFICATE_DAYS_MIN: i64 = 14;

/// The running appliance, as its operator sees it.
pub struct Hub {
    /// What the command line said.
    pub overrides: Overrides,
    /// The configuration in force.
    pub config: Mutex<Config>,
    /// The certificate in force.
    pub certificate: Mutex<Certificate>,
    /// Where it is presented.
    pub tls: Arc<Tls>,
    /// The sessions.
    pub router: Router,
    /// The store.
    pub store: Store,
    /// The accounts.
    pub accounts: Accounts,
    /// Where it listens.
    pub listening: Vec<Listening>,
    /// When it started.
    pub started: Instant,
}

impl Service for Hub {
    fn answer(&self, request: Request) -> Answer {
        match request {
            Request::Status => Answer::Status(Box::new(self.status())),
            Request::Reload => match self.reload() {
                Ok(done) => Answer::Done(done),
                Err(error) => Answer::Failed(error.to_string()),
            },
            request => self.accounts.answer(request),
        }
    }
}

impl Hub {
    fn status(&self) -> StatusReport {
        let settings = locked(&self.config).settings.clone();
        StatusReport {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            domain: settings.domain.0.clone(),
            host: settings.host(host::name),
            pid: std::process::id(),
            uptime_secs: self.started.elapsed().as_secs(),
            listening: self.listening.clone(),
            sessions: self.router.sessions().len(),
            accounts: self.store.accounts().list().len(),
            certificate_days: locked(&self.certificate).days_left(SystemTime::now()),
            store: std::path::absolute(&settings.data).unwrap_or(settings.data),
            store_bytes: self.store.disk_bytes(),
            store_trouble: self.store_trouble(),
        }
    }

    fn store_trouble(&self) -> Option<String> {
        let low = self
            .store
            .is_low_on_space()
            .then(|| "free space is low: nothing new is written".to_owned());
        let lost = match self.store.quarantined() {
            0 => None,
            records => Some(format!("{records} records cannot be read; the log names them")),
        };
        self.store.failure().or(low).or(lost)
    }

    /// Reads configuration and certificates again. What is wrong changes nothing (fault F15, threat T13).
    ///
    /// # Errors
    /// What is wrong.
    pub fn reload(&self) -> Result<String, ServerError> {
        let new = Config::load(&self.overrides).map_err(ServerError::new)?;
        self.present(&new)?;
        let mut config = locked(&self.config);
        let waiting: Vec<&str> = config
            .settings
            .changed(&new.settings)
            .into_iter()
            .filter(|section| *section != "tls")
            .collect();
        config.settings.tls = new.settings.tls;
        Ok(match waiting.is_empty() {
            true => "configuration and certificate are in force\n".to_owned(),
            false => format!(
                "the certificate is in force; a restart is needed for {}\n",
                waiting.join(", ")
            ),
        })
    }

    /// Looks whether the certificate is due, and renews it if it is our own authority's.
    ///
    /// # Errors
    /// It cannot be renewed; the one in force stays.
    pub fn renew(&self) -> Result<(), ServerError> {
        let config = locked(&self.config).clone();
        self.present(&config)?;
        let days = locked(&self.certificate).days_left(SystemTime::now());
        if days < CERTIFICATE_DAYS_MIN {
            tracing::warn!(
                days,
                "the certificate ends soon: put a new one in its place, and send SIGHUP"
            );
        }
        Ok(())
    }

    /// Presents the certificate that a configuration names, if it is another one.
    fn present(&self, config: &Config) -> Result<(), ServerError> {
        let loaded = certificates::load(
            &config.settings.certificate_options(host::name, host::addresses),
            SystemTime::now(),
        );
        let loaded = loaded.map_err(ServerError::new)?;
        let mut current = locked(&self.certificate);
        if loaded.key.cert != current.key.cert {
            self.tls
                .replace(&loaded.key)
                .map_err(|error| ServerError::new(format!("the certificate cannot be used: {error}")))?;
            tracing::info!(
                days = loaded.days_left(SystemTime::now()),
                "a new certificate is in force"
            );
        }
        *current = loaded;
        Ok(())
    }
}

/// Locks a mutex whose every critical section leaves its value whole.
fn locked<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
