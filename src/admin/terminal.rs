//! Words to the operator. A closed or broken standard output is no reason to panic (fault O06).

use std::io::{self, IsTerminal, Write, stderr, stdout};

/// Writes text to standard output, as it stands. A reader that has gone wants no more, and that is no error.
///
/// # Errors
/// What the system says: the disk behind it is full, say.
pub fn say(text: &str) -> io::Result<()> {
    let mut out = stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(io::Error::new(
            error.kind(),
            format!("cannot write to standard output: {error}"),
        )),
        _ => Ok(()),
    }
}

/// Whether standard output is a terminal.
pub fn is_seen() -> bool {
    stdout().is_terminal()
}

/// Writes what went wrong to standard error.
pub fn complain(sentence: &str) {
    let _ = writeln!(stderr().lock(), "watchpost: {sentence}");
}
