//! Wiring and shutdown of the appliance.

mod appliance;
mod backup;
mod check;
mod features;
mod first_start;
mod host;
mod http;
mod hub;
mod logging;
mod orders;
mod signals;
mod unit;

pub use backup::{back_up, restore, restore_if_damaged};
pub use check::check;
pub use orders::{Order, invite, order, reload, rename_domain, revoke_invitations, settle_domain};
pub use unit::unit;

use crate::config::{Config, Overrides};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit, umask};
use std::time::Duration;
use tokio::runtime::Builder;

/// Threads that serve connections: a message costs microseconds, and an idle thread costs memory.
const WORKERS_MAX: usize = 2;
/// Threads for what blocks: password hashes, the operator's commands, the disk.
const BLOCKING_MAX: usize = 16;
/// How long what still blocks at the end is waited for.
const LEFTOVERS_TIME: Duration = Duration::from_millis(500);

/// Why the appliance does not start, or ended: one sentence that says what, where, and how to mend it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct ServerError(String);

impl ServerError {
    fn new(what: impl std::fmt::Display) -> ServerError {
        ServerError(what.to_string())
    }
}

impl From<crate::admin::AdminError> for ServerError {
    fn from(error: crate::admin::AdminError) -> ServerError {
        ServerError::new(error)
    }
}

impl From<crate::store::StoreError> for ServerError {
    fn from(error: crate::store::StoreError) -> ServerError {
        ServerError::new(error)
    }
}

/// Runs the appliance until a signal ends it. `overrides` is what the command line said, for when the configuration is
/// read again.
///
/// # Errors
/// What keeps it from starting; or the store failed while it ran.
pub fn run(config: Config, overrides: Overrides) -> Result<(), ServerError> {
    private_files();
    raise_file_limit();
    logging::start(config.settings.log.level, config.settings.log.format);
    if rustix::process::geteuid().is_root() {
        tracing::warn!("running as root: give it a user of its own where it is to stay");
    }
    let workers = std::thread::available_parallelism()
        .map_or(1, usize::from)
        .min(WORKERS_MAX);
    let runtime = Builder::new_multi_thread()
        .worker_threads(workers)
        .max_blocking_threads(BLOCKING_MAX)
        .thread_name("watchpost")
        .enable_all()
        .build()
        .map_err(|error| ServerError::new(format!("the system gives no threads: {error}")))?;
    let ended = runtime.block_on(appliance::run(config, overrides));
    runtime.shutdown_timeout(LEFTOVERS_TIME);
    ended
}

/// Files that are made from now on are ours alone.
fn private_files() {
    umask(rustix::fs::Mode::from_raw_mode(0o077));
}

/// Each connection is a file: as many as the system lets us have.
fn raise_file_limit() {
    let limit = getrlimit(Resource::Nofile);
    let raised = setrlimit(
        Resource::Nofile,
        Rlimit {
            current: limit.maximum,
            maximum: limit.maximum,
        },
    );
    if let Err(error) = raised {
        tracing::warn!(%error, limit = limit.current, "the file-descriptor limit stays");
    }
}
