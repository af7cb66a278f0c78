//! Listeners, TLS, and the task that pumps bytes between a socket, the stream and the router.
//!
//! [`Server::start`] opens the listeners; each accepted connection becomes one task: admission, negotiation (a
//! [`stream`] driven over the socket, its questions answered from the store and the router), then the
//! session's loop. A task that panics ends its own connection, and its session is unbound all the same.

mod admission;
mod bucket;
pub mod certificates;
pub mod checks;
mod connection;
mod listener;
pub mod local;
mod management;
mod negotiation;
mod options;
mod passwords;
mod registration;
mod tls;
mod transfer;

pub use listener::{ListenError, hint};
pub use options::{AdmissionLimits, Listen, Options, Rate, Security, Times};
pub use registration::Registrar;
pub use tls::Tls;

use crate::router::{Closing, Router};
use crate::store::Store;
use crate::stream;
use admission::Admission;
use passwords::Passwords;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, timeout};

/// How long a shutdown waits for the peers' goodbyes.
const SHUTDOWN_TIME: Duration = Duration::from_secs(10);

/// The running listeners and connections.
pub struct Server {
    router: Router,
    local_addrs: Vec<(Security, SocketAddr)>,
    stopping: watch::Sender<bool>,
    /// Closed when every task has ended.
    ended: mpsc::Receiver<Infallible>,
}

/// What all connections share.
struct Shared {
    options: Options,
    stream: Arc<stream::Options>,
    tls: Arc<Tls>,
    router: Router,
    store: Store,
    admission: Arc<Admission>,
    passwords: Passwords,
    registrar: Arc<dyn Registrar>,
    stopping: watch::Receiver<bool>,
}

impl Server {
    /// Opens the listeners and begins to accept. Runs on the current tokio runtime, its timers and I/O enabled.
    ///
    /// # Errors
    /// The first listener that cannot be opened; none is left open then.
    pub fn start(
        options: Options,
        router: Router,
        store: Store,
        tls: Arc<Tls>,
        registrar: Arc<dyn Registrar>,
    ) -> Result<Server, ListenError> {
        let mut listeners = Vec::new();
        let mut local_addrs = Vec::new();
        for listen in &options.listen {
            let listener = listener::open(listen)?;
            let address = listener.local_addr().unwrap_or(listen.address);
            local_addrs.push((listen.security, address));
            listeners.push((listen.security, listener));
        }
        let (stopping, follow) = watch::channel(false);
        let shared = Arc::new(Shared {
            stream: Arc::new(options.stream.clone()),
            tls,
            router: router.clone(),
            store,
            admission: Admission::new(options.admission, Instant::now()),
            passwords: Passwords::new(options.password_hashes_max, options.password_queue_max),
            registrar,
            stopping: follow,
            options,
        });
        let (alive, ended) = mpsc::channel(1);
        for (security, listener) in listeners {
            tokio::spawn(listener::accept(listener, security, Arc::clone(&shared), alive.clone()));
        }
        Ok(Server {
            router,
            local_addrs,
            stopping,
            ended,
        })
    }

    /// Where it listens, in the order of [`Options::listen`], with the ports that the system chose.
    pub fn local_addrs(&self) -> &[(Security, SocketAddr)] {
        &self.local_addrs
    }

    /// Stops accepting, ends every stream with `system-shutdown`, and waits for the goodbyes, at most 10 s.
    pub async fn shutdown(mut self) {
        self.stopping.send_replace(true);
        self.router.end_sessions(None, Closing::SystemShutdown);
        // What has not ended by then ends with the runtime.
        let _ = timeout(SHUTDOWN_TIME, self.ended.recv()).await;
    }
}

#[cfg(test)]
mod tests;
