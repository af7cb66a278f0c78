//! Moving bytes between a socket and a stream, without buffers that outlive the moment.

use crate::stream::Receiving;
use std::cell::RefCell;
use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::task::{Poll, ready};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::time::timeout;

/// The most that is read at once: what one TLS record holds.
const READ_BYTES_MAX: usize = 16 << 10;

thread_local! {
    /// Borrowed while a read is polled, so that connections that wait own no buffer.
    static BUFFER: RefCell<Vec<u8>> = RefCell::new(vec![0; READ_BYTES_MAX]);
}

/// Reads once, and hands the bytes to `take`. Returns how many there were; none at the end of input. Cancel-safe.
async fn read_with<S>(socket: &mut S, mut take: impl FnMut(&[u8])) -> io::Result<usize>
where
    S: AsyncRead + Unpin,
{
    poll_fn(|cx| {
        BUFFER.with_borrow_mut(|buffer| {
            let mut buffer = ReadBuf::new(buffer);
            ready!(Pin::new(&mut *socket).poll_read(cx, &mut buffer))?;
            take(buffer.filled());
            Poll::Ready(Ok(buffer.filled().len()))
        })
    })
    .await
}

/// Reads once into a stream. As [`read_with`].
pub(super) async fn read<S>(socket: &mut S, stream: &mut Receiving) -> io::Result<usize>
where
    S: AsyncRead + Unpin,
{
    read_with(socket, |bytes| stream.receive(bytes)).await
}

/// Writes and flushes all.
///
/// # Errors
/// `TimedOut` when nothing moved for `stall`.
pub(super) async fn write<S>(socket: &mut S, mut bytes: &[u8], stall: Duration) -> io::Result<()>
where
    S: AsyncWrite + Unpin,
{
    while !bytes.is_empty() {
        let written = timeout(stall, socket.write(bytes)).await??;
        if written == 0 {
            return Err(io::ErrorKind::WriteZero.into());
        }
        bytes = &bytes[written..];
    }
    timeout(stall, socket.flush()).await?
}

/// Says what is left, closes our side, and waits a while for the peer's: closing at once would reset the connection, and
/// lose what we said last (RFC 6120 section 4.4).
pub(super) async fn finish<S>(mut socket: S, last: &[u8], time: Duration)
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let closing = async {
        write(&mut socket, last, time).await?;
        socket.shutdown().await?;
        while read_with(&mut socket, |_| {}).await? > 0 {}
        io::Result::Ok(())
    };
    // What fails here fails for a peer that is gone.
    let _ = timeout(time, closing).await;
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::AsyncReadExt;
    use tokio::time::Instant;

    #[tokio::test(start_paused = true)]
    async fn d06_a_peer_that_takes_nothing_is_given_up() {
        let (mut ours, _theirs) = tokio::io::duplex(64);
        let start = Instant::now();
        let error = write(&mut ours, &[0; 100], Duration::from_secs(30))
            .await
            .expect_err("a stall");
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
        assert_eq!(start.elapsed(), Duration::from_secs(30));
    }

    #[tokio::test(start_paused = true)]
    async fn x32_a_peer_that_never_closes_is_dropped_after_the_close_time() {
        let (ours, mut theirs) = tokio::io::duplex(64);
        let start = Instant::now();
        finish(ours, b"</stream:stream>", Duration::from_secs(5)).await;
        assert_eq!(start.elapsed(), Duration::from_secs(5));
        let mut said = String::new();
        theirs.read_to_string(&mut said).await.expect("text");
        assert_eq!(said, "</stream:stream>");
    }

    #[tokio::test(start_paused = true)]
    async fn x32_a_peer_that_closes_ends_the_wait() {
        let (ours, theirs) = tokio::io::duplex(64);
        drop(theirs);
        let start = Instant::now();
        finish(ours, b"", Duration::from_secs(5)).await;
        assert_eq!(start.elapsed(), Duration::ZERO);
    }
}
