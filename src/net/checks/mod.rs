//! The task that looks: runs the checks that are due, few at once, each within its time.

mod http;
mod tls;

use crate::collector::{Bounds, run_program};
use crate::monitor::checks::{
    Address, Book, Check, FAILED_UNITS_ARGUMENTS, Verdict, What, failed_units, judge_exit, judge_unit, show_arguments,
};
use crate::monitor::checks::{Certificate, State};
use crate::monitor::{Reading, Readings};
use sha2::{Digest, Sha256};
use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime};
use tls::Authorities;
use tokio::net::TcpStream;
use tokio::sync::Semaphore;
use tokio::task::{Id, JoinError, JoinSet};
use tokio::time::{Instant, sleep_until, timeout};
use x509_parser::prelude::{FromDer, X509Certificate};

/// Heartbeats grow older by themselves: how often that is looked at.
const PUBLISH_INTERVAL: Duration = Duration::from_secs(5);
/// Between two looks at the units that have failed.
const UNITS_INTERVAL: Duration = Duration::from_secs(60);
const UNITS_TIME: Duration = Duration::from_secs(10);
/// Bytes kept of a program's output.
const OUTPUT_BYTES_MAX: usize = 16 * 1024;
/// There is a systemd to ask (sd_booted(3)).
const SYSTEMD: &str = "/run/systemd/system";
/// Who made the readings of units.
const UNITS: &str = "units";

/// What the task is told.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// The checks.
    pub checks: Vec<Check>,
    /// Looks at once.
    pub parallel_max: usize,
    /// The program systemctl.
    pub systemctl: String,
    /// Failed units that nobody wants to hear of: `*` stands for anything.
    pub ignored_units: Vec<String>,
}

/// Looks until it is dropped; running programs are killed then.
pub(super) async fn watch(options: Options, book: Book, readings: Readings, epoch: Instant) {
    let units = watch_units(&options, &readings);
    let checks = Looking {
        book,
        epoch,
        places: Arc::new(Semaphore::new(options.parallel_max.clamp(1, Semaphore::MAX_PERMITS))),
        eyes: Arc::new(Eyes {
            authorities: Authorities::default(),
            systemctl: options.systemctl.clone(),
        }),
        looks: JoinSet::new(),
        names: HashMap::new(),
    };
    tokio::join!(units, checks.go_on());
}

/// The checks under way.
struct Looking {
    book: Book,
    epoch: Instant,
    places: Arc<Semaphore>,
    eyes: Arc<Eyes>,
    looks: JoinSet<Verdict>,
    /// Whose looks these are: one of each check at most.
    names: HashMap<Id, String>,
}

impl Looking {
    async fn go_on(mut self) {
        loop {
            for check in self.book.due(self.epoch.elapsed()) {
                let (eyes, name) = (self.eyes.clone(), check.name.clone());
                self.begin(name, async move { eyes.look(&check).await });
            }
            let due = self.book.next_due().map(|due| self.epoch + due);
            let publish = Instant::now() + PUBLISH_INTERVAL;
            tokio::select! {
                Some(looked) = self.looks.join_next_with_id() => self.end(looked),
                () = sleep_until(due.map_or(publish, |due| due.min(publish))) => self.book.publish(SystemTime::now()),
            }
        }
    }

    fn begin(&mut self, name: String, look: impl Future<Output = Verdict> + Send + 'static) {
        let places = self.places.clone();
        let task = self.looks.spawn(async move {
            // Nobody closes it.
            let _place = places.acquire().await;
            look.await
        });
        self.names.insert(task.id(), name);
    }

    /// A look that panics says nothing of the service, and must not leave what was last said of it for ever.
    fn end(&mut self, looked: Result<(Id, Verdict), JoinError>) {
        let (id, verdict) = looked.unwrap_or_else(|error| {
            tracing::error!(%error, "a check has failed in an unheard-of way");
            (error.id(), Verdict::down("the check itself has failed"))
        });
        if let Some(name) = self.names.remove(&id) {
            self.book
                .record(&name, verdict, self.epoch.elapsed(), SystemTime::now());
        }
    }
}

/// What is needed to look.
struct Eyes {
    authorities: Authorities,
    systemctl: String,
}

impl Eyes {
    async fn look(&self, check: &Check) -> Verdict {
        let start = Instant::now();
        let looked = match &check.what {
            // A program is ended by whoever runs it.
            What::Program(argv) => self.program(argv, check.timeout).await,
            What::Unit(unit) => self.unit(unit, check.timeout).await,
            _ => match timeout(check.timeout, self.connect(&check.what)).await {
                Ok(verdict) => verdict,
                Err(_) => Verdict::down(&format!("no answer within {} s", check.timeout.as_secs_f64())),
            },
        };
        Verdict {
            time: looked.time.or(Some(start.elapsed())),
            ..looked
        }
    }

    async fn connect(&self, what: &What) -> Verdict {
        match what {
            What::Http(check) => http::look(check, &self.authorities).await,
            What::Tcp(address) => match connect(address).await {
                Ok(_) => Verdict::new(State::Well, "accepts connections"),
                Err(why) => Verdict::down(&why),
            },
            What::Certificate(address, authorities) => self.certificate(address, authorities.as_deref()).await,
            What::Unit(_) | What::Program(_) | What::Heartbeat(_) => Verdict::down("is not looked at"),
        }
    }

    async fn certificate(&self, address: &Address, authorities: Option<&Path>) -> Verdict {
        match self.authorities.handshake(address, authorities, &[]).await {
            Ok(secured) => secured.verdict(SystemTime::now()),
            Err(why) => Verdict::down(&why),
        }
    }

    async fn unit(&self, unit: &str, time_max: Duration) -> Verdict {
        match systemctl(&self.systemctl, &show_arguments(unit), time_max).await {
            Ok(shown) => judge_unit(&shown),
            Err(why) => Verdict::down(&why),
        }
    }

    async fn program(&self, argv: &[String], time_max: Duration) -> Verdict {
        let bounds = Bounds {
            time_max,
            output_bytes_max: OUTPUT_BYTES_MAX,
            dry: false,
        };
        match run_program(argv, bounds).await {
            Ok(outcome) if outcome.timed_out => {
                Verdict::down(&format!("did not end within {} s", time_max.as_secs_f64()))
            }
            Ok(outcome) => judge_exit(outcome.status.and_then(|status| status.code()), &outcome.stdout.text),
            Err(error) => Verdict::down(&format!("cannot be run: {error}")),
        }
    }
}

async fn systemctl(program: &str, arguments: &[String], time_max: Duration) -> Result<String, String> {
    let argv: Vec<String> = std::iter::once(program.to_owned())
        .chain(arguments.iter().cloned())
        .collect();
    let bounds = Bounds {
        time_max,
        output_bytes_max: OUTPUT_BYTES_MAX,
        dry: false,
    };
    match run_program(&argv, bounds).await {
        Ok(outcome) if outcome.is_success() => Ok(outcome.stdout.text),
        Ok(outcome) => Err(format!(
            "systemctl failed ({}): {}",
            outcome.status_text(),
            outcome.stderr.text.trim()
        )),
        Err(error) => Err(format!("systemctl cannot be run: {error}")),
    }
}

/// Looks which units have failed, where there is a systemd; absent while it does not answer.
async fn watch_units(options: &Options, readings: &Readings) {
    let arguments = FAILED_UNITS_ARGUMENTS.map(str::to_owned);
    let mut complained = false;
    while Path::new(SYSTEMD).exists() {
        let list = systemctl(&options.systemctl, &arguments, UNITS_TIME).await;
        match &list {
            Ok(list) => readings.set(UNITS, vec![units(&failed_units(list, &options.ignored_units))]),
            Err(why) => {
                readings.set(UNITS, Vec::new());
                if !std::mem::replace(&mut complained, true) {
                    tracing::warn!(why, "the failed units are not known");
                }
            }
        }
        complained &= list.is_err();
        tokio::time::sleep(UNITS_INTERVAL).await;
    }
}

fn units(failed: &[String]) -> Reading {
    let reading = Reading::new("units").with("failed", failed.len() as f64);
    match failed {
        [] => reading,
        failed => reading.detailed(Verdict::down(&failed.join(", ")).detail),
    }
}

async fn connect(address: &Address) -> Result<TcpStream, String> {
    let connected = TcpStream::connect((address.host.as_str(), address.port)).await;
    connected.map_err(|error| format!("{address}: {error}"))
}

/// What is to be known of a certificate.
fn certificate(der: &[u8]) -> Option<Certificate> {
    let (_, parsed) = X509Certificate::from_der(der).ok()?;
    let seconds = u64::try_from(parsed.validity().not_after.timestamp()).ok()?;
    let fingerprint = Sha256::digest(der).iter().map(|byte| format!("{byte:02x}")).collect();
    Some(Certificate {
        fingerprint,
        not_after: SystemTime::UNIX_EPOCH + Duration::from_secs(seconds),
    })
}

#[cfg(test)]
mod tests;
