//! What the running appliance answers its operator, and what can be changed while it runs.

use super::appliance::introduce_all;
use super::orders::{account_options, introductions};
use super::{ServerError, backup, host};
use crate::admin::{
    Accounts, Administration, Answer, BackedUp, Listening, Request, Runner, Service, StatusReport, service_commands,
};
use crate::collector::Audit;
use crate::config::{Config, Domain, Overrides};
use crate::net::Tls;
use crate::net::certificates::{self, Certificate};
use crate::net::local::{self, Desk, Kept};
use crate::router::Router;
use crate::store::Store;
use chrono::Local;
use jid::BareJid;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Instant, SystemTime};
use tokio::sync::Notify;

/// Days before its end at which a certificate that does not renew itself is complained about.
const CERTIFICATE_DAYS_MIN: i64 = 14;

/// What takes effect while it runs.
const AT_ONCE: &[&str] = &[
    "tls",
    "backup",
    "invitations",
    "collector",
    "roster",
    "group",
    "reboot",
    "host",
    "rules",
    "command",
    "rule",
    "check",
];

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
    /// What the collector shares with other faces.
    pub desk: Arc<Desk>,
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
            Request::BackUp => match self.back_up_for_caller() {
                Ok(done) => Answer::BackedUp(done),
                Err(error) => Answer::Failed(error.to_string()),
            },
            request => self.accounts().answer(request),
        }
    }
}

impl Hub {
    /// Hands the router the commands of service administration; on a runtime.
    pub fn offer_commands(&self, stop: Arc<Notify>) {
        let settings = locked(&self.config).settings.clone();
        let router = self.router.clone();
        let audit = Audit::new(settings.audit_path(), Arc::new(move |jid| router.address(jid)));
        let administration = Administration {
            accounts: self.accounts(),
            router: self.router.clone(),
            store: self.store.clone(),
            audit: audit.clone(),
            stop,
        };
        let commands = service_commands(&administration);
        let runner = Box::new(Runner::new(audit));
        self.router.offer(commands, settings.limits.command_sessions(), runner);
    }

    fn accounts(&self) -> Accounts {
        let options = account_options(&locked(&self.config), true);
        Accounts::new(self.store.clone(), self.router.clone(), options)
    }

    /// The collector as it is configured now; it goes on where the one before it has stopped.
    pub fn start_collector(&self, account: BareJid, before: Option<Kept>) -> local::Local {
        let settings = locked(&self.config).settings.clone();
        let options = settings.local_options(settings.host(host::name), account);
        local::Local::start(
            options,
            self.router.clone(),
            self.store.clone(),
            before,
            self.desk.clone(),
        )
    }

    fn back_up_for_caller(&self) -> Result<BackedUp, ServerError> {
        let settings = locked(&self.config).settings.clone();
        backup::for_caller(&settings, &self.store)
    }

    /// Sees to it that there is a backup of today.
    ///
    /// # Errors
    /// It cannot be written; those of other days stay.
    pub fn back_up_daily(&self) -> Result<(), ServerError> {
        let settings = locked(&self.config).settings.clone();
        backup::daily(&settings, &self.store, Local::now().date_naive())
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
        let mut new = Config::load(&self.overrides).map_err(ServerError::new)?;
        if !new.domain_given {
            new.settings.domain = Domain(self.store.domain().to_owned());
        }
        self.present(&new)?;
        let mut config = locked(&self.config);
        let changed = config.settings.changed(&new.settings);
        let (now, later): (Vec<&str>, Vec<&str>) = changed.into_iter().partition(|section| AT_ONCE.contains(section));
        config.settings.adopt(new.settings);
        self.router.set_introductions(introductions(&config.settings));
        introduce_all(&self.router);
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::modules;
    use std::fs;
    use std::os::unix::fs::OpenOptionsExt;
    use std::path::Path;

    /// A certificate and its key, made by an authority of their own.
    fn pair(dir: &Path, name: &str) -> (Vec<u8>, Vec<u8>) {
        let settings = crate::config::Settings {
            certs: dir.join(name),
            ..crate::config::Settings::default()
        };
        let options = settings.certificate_options(|| name.to_owned(), Vec::new);
        certificates::load(&options, SystemTime::now()).unwrap();
        let read = |file: &str| fs::read(settings.certs.join(file)).unwrap();
        (read("server.pem"), read("server.key"))
    }

    fn write(path: &Path, content: &[u8]) {
        let _ = fs::remove_file(path);
        let mut file = fs::OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(path)
            .unwrap();
        std::io::Write::write_all(&mut file, content).unwrap();
    }

    /// A hub whose configuration names `own.pem` and `own.key`.
    fn hub(dir: &Path) -> Hub {
        let path = |name: &str| dir.join(name).display().to_string();
        let text = format!(
            "data = '{}'\n[tls]\ncertificate = '{}'\nkey = '{}'\n",
            path("data"),
            path("own.pem"),
            path("own.key")
        );
        write(&dir.join("watchpost.toml"), text.as_bytes());
        let overrides = Overrides {
            file: Some(dir.join("watchpost.toml")),
            ..Overrides::default()
        };
        let config = Config::load(&overrides).unwrap();
        let settings = &config.settings;
        let options = settings.certificate_options(host::name, Vec::new);
        let certificate = certificates::load(&options, SystemTime::now()).unwrap();
        let store = Store::open_with(&settings.data, &settings.domain.0, &settings.store_options()).unwrap();
        Hub {
            overrides,
            tls: Arc::new(Tls::new(&certificate.key).unwrap()),
            certificate: Mutex::new(certificate),
            router: Router::new(settings.router_options(), store.clone(), modules::all()),
            store,
            desk: Arc::new(Desk::new(1)),
            collector_changed: Notify::new(),
            listening: Vec::new(),
            started: Instant::now(),
            config: Mutex::new(config),
        }
    }

    #[test]
    fn t13_a_reload_takes_a_good_pair_and_keeps_the_old_one_otherwise() {
        let dir = tempfile::tempdir().unwrap();
        let ((first, first_key), (second, second_key)) = (pair(dir.path(), "first"), pair(dir.path(), "second"));
        let (certificate, key) = (dir.path().join("own.pem"), dir.path().join("own.key"));
        write(&certificate, &first);
        write(&key, &first_key);
        let hub = hub(dir.path());
        let presented = || locked(&hub.certificate).key.cert.clone();
        let old = presented();
        let half = &second[..second.len() / 3];
        for (content, content_key) in [
            (&second[..], &first_key[..]),
            (b"", &second_key),
            (b"garbage", &second_key),
            (half, &second_key),
        ] {
            write(&certificate, content);
            write(&key, content_key);
            assert!(matches!(hub.answer(Request::Reload), Answer::Failed(_)));
            assert_eq!(presented(), old);
        }
        fs::remove_file(&certificate).unwrap();
        assert!(hub.reload().is_err());
        assert_eq!(presented(), old);
        write(&certificate, &second);
        write(&key, &second_key);
        assert!(matches!(hub.answer(Request::Reload), Answer::Done(_)));
        assert_ne!(presented(), old);
    }

    #[test]
    fn f15_a_reload_names_what_needs_a_restart_and_refuses_what_is_wrong() {
        let dir = tempfile::tempdir().unwrap();
        let (certificate, key) = pair(dir.path(), "first");
        write(&dir.path().join("own.pem"), &certificate);
        write(&dir.path().join("own.key"), &key);
        let hub = hub(dir.path());
        let file = dir.path().join("watchpost.toml");
        let good = fs::read_to_string(&file).unwrap();
        write(&file, (good.clone() + "[collector]\nnane = 'x'\n").as_bytes());
        assert!(hub.reload().unwrap_err().to_string().contains("did you mean 'name'?"));
        assert_eq!(locked(&hub.config).settings.collector.name, None);
        write(
            &file,
            (good + "[collector]\nname = 'x'\n[limits]\nresources = 1\n").as_bytes(),
        );
        assert!(hub.reload().unwrap().ends_with("needs a restart: limits\n"));
        let settings = locked(&hub.config).settings.clone();
        assert_eq!(
            (settings.collector.name.as_deref(), settings.limits.resources.get()),
            (Some("x"), 10)
        );
    }
}
