//! What the running appliance answers its operator, and what can be changed while it runs.

use super::orders::account_options;
use super::{ServerError, host};
use crate::admin::{Accounts, Answer, Listening, Request, Service, StatusReport};
use crate::config::{Config, Overrides};
use crate::net::Tls;
use crate::net::certificates::{self, Certificate};
use crate::net::local::Local;
use crate::router::Router;
use crate::store::Store;
use jid::BareJid;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Instant, SystemTime};
use tokio::sync::Notify;

/// Days before its end at which a certificate that does not renew itself is complained about.
const CERTIFICATE_DAYS_MIN: i64 = 14;

/// What takes effect while it runs.
const AT_ONCE: [&str; 6] = ["tls", "collector", "reboot", "rules", "command", "rule"];

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
    /// Told when the collector must begin anew.
    pub collector_changed: Notify,
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
            request => self.accounts().answer(request),
        }
    }
}

impl Hub {
    fn accounts(&self) -> Accounts {
        let options = account_options(&locked(&self.config), true);
        Accounts::new(self.store.clone(), self.router.clone(), options)
    }

    /// The collector as it is configured now.
    pub fn start_collector(&self, account: BareJid) -> Local {
        let settings = locked(&self.config).settings.clone();
        let options = settings.local_options(settings.host(host::name), account);
        Local::start(options, self.router.clone(), self.store.clone())
    }

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
        let changed = config.settings.changed(&new.settings);
        let (now, later): (Vec<&str>, Vec<&str>) = changed.into_iter().partition(|section| AT_ONCE.contains(section));
        config.settings.adopt(new.settings);
        if now.iter().any(|section| *section != "tls") {
            self.collector_changed.notify_one();
        }
        Ok(match later.is_empty() {
            true => "configuration and certificate are in force\n".to_owned(),
            false => format!("in force, but for what needs a restart: {}\n", later.join(", ")),
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
