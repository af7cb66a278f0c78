//! Words to the operator. A closed or broken standard output is no reason to panic (fault O06).

use std::io::{Write, stderr, stdout};

/// Writes text to standard output, as it stands.
pub fn say(text: &str) {
    let mut out = stdout().lock();
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}

/// Writes what went wrong to standard error.
pub fn complain(sentence: &str) {
    let _ = writeln!(stderr().lock(), "watchpost: {sentence}");
}
