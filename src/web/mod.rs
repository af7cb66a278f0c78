//! What is served by HTTP: the statistics for Prometheus, heartbeats of jobs, others' alerts.
//!
//! Off unless enabled, on the loopback unless told otherwise, and behind a token: whoever reads the statistics knows the
//! host, and whoever posts alerts wakes people. One request a connection; headers, bodies, times and the number of
//! connections are bounded.

mod alertmanager;
mod metrics;
mod routes;
mod token;

pub use token::{Token, TokenError};

use crate::net::local::Desk;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use routes::Routes;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

/// Bytes of a request's head.
const HEAD_BYTES_MAX: usize = 16 * 1024;
/// From a connection's begin to the end of its request's head: who sends nothing must not keep a heartbeat out.
const HEAD_TIME_MAX: Duration = Duration::from_secs(2);
/// Before accepting goes on when the system has no more descriptors.
const PAUSE: Duration = Duration::from_millis(200);

/// What is served, and to how many.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Where to listen.
    pub listen: Vec<SocketAddr>,
    /// The host's name, as people know it.
    pub host: String,
    /// `/metrics`.
    pub metrics: bool,
    /// `/heartbeat/NAME`.
    pub heartbeats: bool,
    /// `/alertmanager`.
    pub alertmanager: bool,
    /// Connections at once, of all listeners; past that one is closed.
    pub connections_max: usize,
    /// Bytes of a request's body.
    pub body_bytes_max: usize,
    /// From a connection's begin to its end.
    pub time_max: Duration,
}

impl Options {
    /// Whether there is anything to serve.
    pub fn is_enabled(&self) -> bool {
        self.metrics || self.heartbeats || self.alertmanager
    }
}

/// The running listeners; they end when this goes, with their connections.
pub struct Web {
    addresses: Vec<SocketAddr>,
    _accepting: JoinSet<()>,
}

impl Web {
    /// Opens the listeners and begins to serve. Runs on the current tokio runtime.
    ///
    /// # Errors
    /// The first listener that cannot be opened.
    pub fn start(options: Options, token: Token, desk: Arc<Desk>) -> io::Result<Web> {
        let mut listeners = Vec::new();
        for address in &options.listen {
            let named = |error: io::Error| io::Error::new(error.kind(), format!("{address}: {error}"));
            listeners.push(open(address).map_err(named)?);
        }
        let addresses = listeners
            .iter()
            .filter_map(|listener| listener.local_addr().ok())
            .collect();
        let places = Arc::new(Semaphore::new(options.connections_max.clamp(1, Semaphore::MAX_PERMITS)));
        let routes = Arc::new(Routes::new(options, token, desk));
        let mut accepting = JoinSet::new();
        for listener in listeners {
            accepting.spawn(accept(listener, places.clone(), routes.clone()));
        }
        Ok(Web {
            addresses,
            _accepting: accepting,
        })
    }

    /// Where it listens.
    pub fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }
}

fn open(address: &SocketAddr) -> io::Result<TcpListener> {
    let listener = std::net::TcpListener::bind(address)?;
    listener.set_nonblocking(true)?;
    TcpListener::from_std(listener)
}

async fn accept(listener: TcpListener, places: Arc<Semaphore>, routes: Arc<Routes>) {
    let mut connections = JoinSet::new();
    let mut complained = false;
    loop {
        // The place comes last: a listener that nobody connects to must not keep one from the others.
        let accepted = listener.accept().await;
        match (accepted, places.clone().try_acquire_owned()) {
            (Ok((socket, peer)), Ok(place)) => {
                complained = false;
                let routes = routes.clone();
                connections.spawn(async move {
                    serve(socket, peer, routes).await;
                    drop(place);
                });
            }
            (Ok(_), Err(_)) => {
                // Once for each flood.
                if !std::mem::replace(&mut complained, true) {
                    tracing::warn!("as many HTTP connections as limits.http_connections allows: others are closed");
                }
            }
            (Err(error), _) => {
                tracing::warn!(%error, "an HTTP connection could not be accepted");
                sleep(PAUSE).await;
            }
        }
        while connections.try_join_next().is_some() {}
    }
}

async fn serve(socket: TcpStream, peer: SocketAddr, routes: Arc<Routes>) {
    let time_max = routes.options.time_max;
    let service = service_fn(move |request| {
        let routes = routes.clone();
        async move { Ok::<_, std::convert::Infallible>(routes.answer(request).await) }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(time_max.min(HEAD_TIME_MAX))
        .max_buf_size(HEAD_BYTES_MAX)
        .keep_alive(false)
        .serve_connection(TokioIo::new(socket), service);
    match timeout(time_max, connection).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => tracing::debug!(%peer, %error, "an HTTP connection ended badly"),
        Err(_) => tracing::debug!(%peer, "an HTTP connection took too long"),
    }
}

#[cfg(test)]
mod tests;
