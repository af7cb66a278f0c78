//! The way from a command to the running appliance, or to its store.

use super::protocol::{Answer, LINE_BYTES_MAX, Request};
use super::{Accounts, AdminError, SOCKET};
use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

/// Longer than the appliance takes for one call.
const ANSWER_TIME_MAX: Duration = Duration::from_secs(70);

/// Asks the appliance that runs on this data directory; `None` when there is none.
///
/// # Errors
/// It runs and cannot be asked: its socket belongs to another user, or it does not answer.
pub fn ask(data: &Path, request: &Request) -> Result<Option<Answer>, AdminError> {
    let path = data.join(SOCKET);
    let failed = |error: &dyn std::fmt::Display| AdminError(format!("{}: {error}", path.display()));
    let stream = match UnixStream::connect(&path) {
        Ok(stream) => stream,
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::ConnectionRefused) => return Ok(None),
        Err(error) if error.kind() == ErrorKind::PermissionDenied => {
            let owner = "belongs to another user: run this as the appliance's user, or as root";
            return Err(AdminError(format!("{} {owner}", path.display())));
        }
        Err(error) => return Err(failed(&error)),
    };
    exchange(stream, request).map(Some).map_err(|error| failed(&error))
}

fn exchange(mut stream: UnixStream, request: &Request) -> std::io::Result<Answer> {
    stream.set_read_timeout(Some(ANSWER_TIME_MAX))?;
    let mut line = serde_json::to_vec(request)?;
    line.push(b'\n');
    stream.write_all(&line)?;
    let mut answer = String::new();
    BufReader::new(stream.take(LINE_BYTES_MAX)).read_line(&mut answer)?;
    Ok(serde_json::from_str(&answer)?)
}

/// Asks the appliance; when it does not run, does the same to its store, which is made when there is none.
///
/// # Errors
/// As [`ask`]; or the store cannot be opened.
pub fn ask_or_open(
    data: &Path,
    request: Request,
    open: impl FnOnce() -> Result<Accounts, AdminError>,
) -> Result<Answer, AdminError> {
    match ask(data, &request)? {
        Some(answer) => Ok(answer),
        None => Ok(open()?.answer(request)),
    }
}
