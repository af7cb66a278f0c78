//! The log, on standard error.

use crate::config::{Format, Level};
use std::io::{self, Write, stderr};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::MakeWriter;

/// Starts logging. A second start in one process (tests) changes nothing.
pub fn start(level: Level, format: Format) {
    let filter = EnvFilter::new(format!("warn,watchpost={}", level.as_str()));
    // A broken standard error is no reason to complain on standard error (fault O06).
    let log = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(false)
        .log_internal_errors(false);
    let log = log.with_writer(Lines);
    let _ = match format {
        Format::Full => log.try_init(),
        Format::Journal => log.without_time().try_init(),
    };
}

/// Standard error, an event a line: control characters that a peer put into a name cannot begin a line of their own, or
/// reach the terminal (threat D13).
struct Lines;

impl<'a> MakeWriter<'a> for Lines {
    type Writer = Line;

    fn make_writer(&'a self) -> Line {
        Line
    }
}

/// Writes one event.
struct Line;

impl Write for Line {
    fn write(&mut self, event: &[u8]) -> io::Result<usize> {
        stderr().lock().write_all(&one_line(event))?;
        Ok(event.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        stderr().lock().flush()
    }
}

fn one_line(event: &[u8]) -> Vec<u8> {
    let (text, end) = match event.strip_suffix(b"\n") {
        Some(text) => (text, "\n"),
        None => (event, ""),
    };
    let mut line = Vec::with_capacity(event.len());
    for octet in text {
        match octet {
            0..=0x1f | 0x7f => line.extend(octet.escape_ascii()),
            _ => line.push(*octet),
        }
    }
    line.extend(end.bytes());
    line
}

#[cfg(test)]
mod tests {
    use super::one_line;

    #[test]
    fn d13_a_name_cannot_begin_a_line_or_reach_the_terminal() {
        assert_eq!(
            one_line(b"login of a\nERROR b\x1b[2J\n"),
            b"login of a\\nERROR b\\x1b[2J\n"
        );
        assert_eq!(one_line("läuft".as_bytes()), "läuft".as_bytes());
    }
}
