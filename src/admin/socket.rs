//! The control socket of the running appliance.

use super::AdminError;
use super::protocol::{Answer, LINE_BYTES_MAX, Request};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::Semaphore;
use tokio::time::timeout;

/// The socket's name in the data directory.
pub const SOCKET: &str = "control.sock";
/// Callers served at once.
const CALLERS_MAX: usize = 8;
/// Time for one call, the hashing of a password included.
const CALL_TIME_MAX: Duration = Duration::from_secs(60);

/// What answers the requests. Runs on the blocking pool.
pub trait Service: Send + Sync + 'static {
    /// Answers one request.
    fn answer(&self, request: Request) -> Answer;
}

/// The bound socket; its file goes with it.
pub struct Control {
    listener: UnixListener,
    path: PathBuf,
}

impl Control {
    /// Binds the socket in a data directory whose store the caller has open: a socket already there is a dead one.
    ///
    /// # Errors
    /// The path is too long for a socket, or cannot be written.
    pub fn bind(data: &Path) -> Result<Control, AdminError> {
        let path = data.join(SOCKET);
        let failed = |error| AdminError(format!("{} cannot be made: {error}", path.display()));
        match std::fs::remove_file(&path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(failed(error)),
            _ => {}
        }
        let listener = UnixListener::bind(&path).map_err(failed)?;
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).map_err(failed)?;
        Ok(Control { listener, path })
    }

    /// Serves for ever.
    pub async fn serve(self, service: Arc<dyn Service>) {
        let callers = Arc::new(Semaphore::new(CALLERS_MAX));
        loop {
            let Ok(permit) = Arc::clone(&callers).acquire_owned().await else {
                return;
            };
            match self.listener.accept().await {
                Ok((stream, _)) => {
                    let service = Arc::clone(&service);
                    tokio::spawn(async move {
                        let _permit = permit;
                        if timeout(CALL_TIME_MAX, call(stream, service)).await.is_err() {
                            tracing::warn!("a caller of the control socket took too long");
                        }
                    });
                }
                Err(error) => {
                    tracing::warn!(%error, "the control socket cannot accept");
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
            }
        }
    }
}

impl Drop for Control {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.path);
    }
}

/// One caller: a line in, a line out.
async fn call(mut stream: UnixStream, service: Arc<dyn Service>) {
    let (reader, mut writer) = stream.split();
    let answer = match is_permitted(reader.as_ref()) {
        true => answer(BufReader::new(reader), service).await,
        false => Answer::Failed("only the appliance's own user and root may use the control socket".to_owned()),
    };
    if let Ok(mut line) = serde_json::to_vec(&answer) {
        line.push(b'\n');
        let _ = writer.write_all(&line).await;
    }
}

/// The file's mode keeps others out already; the kernel's word on who called does not depend on it.
fn is_permitted(stream: &UnixStream) -> bool {
    let us = rustix::process::geteuid().as_raw();
    stream.peer_cred().is_ok_and(|caller| [0, us].contains(&caller.uid()))
}

async fn answer(reader: impl AsyncBufReadExt + Unpin, service: Arc<dyn Service>) -> Answer {
    let mut line = Vec::new();
    if reader.take(LINE_BYTES_MAX).read_until(b'\n', &mut line).await.is_err() {
        return Answer::Failed("the request could not be read".to_owned());
    }
    match serde_json::from_slice::<Request>(&line) {
        Ok(request) => {
            tracing::debug!(?request, "control socket");
            let answered = tokio::task::spawn_blocking(move || service.answer(request)).await;
            answered.unwrap_or_else(|_| Answer::Failed("it failed for a reason that the log names".to_owned()))
        }
        // Not the request itself: it may hold a password.
        Err(error) => Answer::Failed(format!("not a request of this version (column {})", error.column())),
    }
}

#[cfg(test)]
mod tests {
    use super::super::ask;
    use super::*;
    use std::io::{Read, Write};

    /// Says what it was asked.
    struct Echo;

    impl Service for Echo {
        fn answer(&self, request: Request) -> Answer {
            match request {
                Request::Reload => panic!("a fault in a service"),
                request => Answer::Done(format!("{request:?}")),
            }
        }
    }

    fn raw(path: &Path, request: &[u8]) -> String {
        let mut stream = std::os::unix::net::UnixStream::connect(path).unwrap();
        stream.write_all(request).unwrap();
        stream.shutdown(std::net::Shutdown::Write).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn requests_are_answered_and_nonsense_is_refused_without_being_repeated() {
        let dir = tempfile::tempdir().unwrap();
        let control = Control::bind(dir.path()).unwrap();
        let path = dir.path().join(SOCKET);
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        tokio::spawn(control.serve(Arc::new(Echo)));
        let data = dir.path().to_owned();
        let calls = tokio::task::spawn_blocking(move || {
            let password = "hunter2".to_owned();
            let jid = jid::BareJid::new("a@b").unwrap();
            let set = ask(&data, &Request::SetPassword { jid, password }).unwrap();
            assert_eq!(
                set,
                Some(Answer::Done("SetPassword".to_owned())),
                "no password in what is logged"
            );
            for nonsense in [
                &b"{\"request\":\"set-password\",\"password\":\"hunter2\"}\n"[..],
                b"",
                b"\xff\n",
            ] {
                let answer = raw(&path, nonsense);
                assert!(answer.contains("failed") && !answer.contains("hunter2"), "{answer}");
            }
            assert!(matches!(ask(&data, &Request::Reload).unwrap(), Some(Answer::Failed(_))));
            assert!(
                matches!(ask(&data, &Request::Status).unwrap(), Some(Answer::Done(_))),
                "it serves on"
            );
        });
        calls.await.unwrap();
    }

    #[tokio::test]
    async fn a_dead_socket_is_replaced_and_means_that_nothing_runs() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join(SOCKET);
        drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
        assert_eq!(ask(dir.path(), &Request::Status), Ok(None));
        drop(Control::bind(dir.path()).unwrap());
        assert!(!path.exists(), "it goes with the appliance");
        assert_eq!(ask(dir.path(), &Request::Status), Ok(None));
    }
}
