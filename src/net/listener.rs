//! Sockets that listen, and the loop that accepts.

use super::negotiation::Negotiation;
use super::{Listen, Security, Shared};
use rustix::net::sockopt;
use std::convert::Infallible;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep};
use tracing::{debug, info, warn};

/// Connections that the kernel holds until they are accepted.
const BACKLOG: u32 = 1024;
/// Pause when there are no file descriptors or buffers: accepting again at once would spin.
const EXHAUSTED_PAUSE: Duration = Duration::from_millis(100);
/// One log line in this time says so.
const EXHAUSTED_LOG_TIME: Duration = Duration::from_secs(60);

/// TCP keepalive: a peer without power is noticed after two minutes, whatever the stream's own timers say.
const KEEPALIVE_IDLE: Duration = Duration::from_secs(60);
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(10);
const KEEPALIVE_PROBES: u32 = 6;

/// Why a listener could not be opened.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen on {address}: {source}{}", hint(source))]
pub struct ListenError {
    /// Where.
    pub address: SocketAddr,
    /// What the system said.
    pub source: io::Error,
}

/// How to mend that an address cannot be listened on, as the end of a sentence.
pub fn hint(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::AddrInUse => {
            "; another program, perhaps another watchpost, has it: stop that one, or choose another address with --listen \
             or --listen-tls"
        }
        io::ErrorKind::PermissionDenied => "; ports below 1024 need root or CAP_NET_BIND_SERVICE: choose a higher one",
        io::ErrorKind::AddrNotAvailable => {
            "; this machine has no such address: choose one that it has, or [::] for all"
        }
        _ => "",
    }
}

/// Opens a listener.
///
/// # Errors
/// What the system says of the address.
pub(super) fn open(listen: &Listen) -> Result<TcpListener, ListenError> {
    let SocketAddr::V6(address) = listen.address else {
        return bind(listen.address);
    };
    match bind(listen.address) {
        Err(error) if listen.fallback && address.ip().is_unspecified() && is_without_ipv6(&error.source) => {
            info!("no IPv6 here: listening on 0.0.0.0 port {} instead", address.port());
            bind((Ipv4Addr::UNSPECIFIED, address.port()).into())
        }
        opened => opened,
    }
}

fn bind(address: SocketAddr) -> Result<TcpListener, ListenError> {
    let bind = || {
        let socket = match address {
            SocketAddr::V4(_) => TcpSocket::new_v4()?,
            SocketAddr::V6(_) => TcpSocket::new_v6()?,
        };
        socket.set_reuseaddr(true)?;
        if address.is_ipv6() {
            sockopt::set_ipv6_v6only(&socket, false)?;
        }
        socket.bind(address)?;
        socket.listen(BACKLOG)
    };
    bind().map_err(|source| ListenError { address, source })
}

fn is_without_ipv6(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::AddrNotAvailable | io::ErrorKind::Unsupported
    ) || error.raw_os_error() == Some(rustix::io::Errno::AFNOSUPPORT.raw_os_error())
}

/// Accepts until the server stops. `alive` is held by every task that serves a connection.
pub(super) async fn accept(
    listener: TcpListener,
    security: Security,
    shared: Arc<Shared>,
    alive: mpsc::Sender<Infallible>,
) {
    let mut stopping = shared.stopping.clone();
    let mut logged_at = None;
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            _ = stopping.wait_for(|stopping| *stopping) => return,
        };
        match accepted {
            Ok((socket, peer)) => admit(socket, peer, security, &shared, &alive),
            Err(error) if is_exhausted(&error) => {
                if log_is_due(&mut logged_at, Instant::now()) {
                    warn!(%error, "cannot accept connections for now");
                }
                sleep(EXHAUSTED_PAUSE).await;
            }
            // The peer left before it was accepted, or the network was at fault (accept(2)).
            Err(error) => debug!(%error, "a connection was lost before it was accepted"),
        }
    }
}

/// Serves a connection on a task of its own, if it is admitted; closes it otherwise.
fn admit(
    socket: TcpStream,
    peer: SocketAddr,
    security: Security,
    shared: &Arc<Shared>,
    alive: &mpsc::Sender<Infallible>,
) {
    let now = Instant::now();
    let permit = match shared.admission.admit(peer.ip(), now) {
        Ok(permit) => permit,
        Err(refusal) if shared.admission.is_news(refusal, now) => {
            return info!(peer = %peer.ip(), ?refusal, "connection refused; more of this kind are not told for a minute");
        }
        Err(refusal) => return debug!(peer = %peer.ip(), ?refusal, "connection refused"),
    };
    if let Err(error) = set_options(&socket) {
        return debug!(peer = %peer.ip(), %error, "connection lost");
    }
    let negotiation = Negotiation::new(Arc::clone(shared), peer.ip(), permit, now);
    let alive = alive.clone();
    tokio::spawn(async move {
        // Negotiation has a future of its own, so that a session's task has no room for it.
        if let Some(connection) = Box::pin(negotiation.run(socket, security)).await {
            connection.run().await;
        }
        drop(alive);
    });
}

fn set_options(socket: &TcpStream) -> io::Result<()> {
    socket.set_nodelay(true)?;
    sockopt::set_socket_keepalive(socket, true)?;
    sockopt::set_tcp_keepidle(socket, KEEPALIVE_IDLE)?;
    sockopt::set_tcp_keepintvl(socket, KEEPALIVE_INTERVAL)?;
    sockopt::set_tcp_keepcnt(socket, KEEPALIVE_PROBES)?;
    Ok(())
}

fn is_exhausted(error: &io::Error) -> bool {
    use rustix::io::Errno;
    let exhausted = [Errno::MFILE, Errno::NFILE, Errno::NOBUFS, Errno::NOMEM];
    exhausted
        .iter()
        .any(|errno| error.raw_os_error() == Some(errno.raw_os_error()))
}

fn log_is_due(logged_at: &mut Option<Instant>, now: Instant) -> bool {
    let due = logged_at.is_none_or(|at| now.saturating_duration_since(at) >= EXHAUSTED_LOG_TIME);
    if due {
        *logged_at = Some(now);
    }
    due
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn d05_exhaustion_is_logged_once_a_minute() {
        let now = Instant::now();
        let mut logged_at = None;
        let due = [0, 1, 59, 60, 61, 120].map(|secs| log_is_due(&mut logged_at, now + Duration::from_secs(secs)));
        assert_eq!(due, [true, false, false, true, false, true]);
        assert!(is_exhausted(&io::Error::from_raw_os_error(24)), "EMFILE");
        assert!(!is_exhausted(&io::ErrorKind::ConnectionAborted.into()));
    }

    #[tokio::test]
    async fn an_address_in_use_is_named_and_no_reason_to_fall_back() {
        let listen = |address: SocketAddr| Listen {
            address,
            security: Security::Direct,
            fallback: true,
        };
        let first = open(&listen(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)))).expect("a free port");
        let address = first.local_addr().expect("bound");
        let error = open(&listen(address)).expect_err("in use");
        assert!(
            error.to_string().starts_with(&format!("cannot listen on {address}: ")),
            "{error}"
        );
    }

    #[tokio::test]
    async fn the_wildcard_takes_ipv4_or_falls_back_to_it() {
        let listener = open(&Listen {
            address: "[::]:0".parse().expect("an address"),
            security: Security::Direct,
            fallback: true,
        });
        let listener = listener.expect("IPv6 or IPv4");
        let port = listener.local_addr().expect("bound").port();
        TcpStream::connect((Ipv4Addr::LOCALHOST, port))
            .await
            .expect("IPv4 is taken");
    }
}
