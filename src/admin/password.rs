//! Where a new password comes from: standard input, the terminal, or the system's generator.

use super::{AdminError, terminal::say};
use rustix::termios::{LocalModes, OptionalActions, Termios, isatty, tcgetattr, tcsetattr};
use std::io::{BufRead, Read, Stdin, stdin};

/// Bytes of a password, before preparation (RFC 7622 section 3.3 bounds a localpart alike).
const PASSWORD_BYTES_MAX: u64 = 1_023;

/// A new password, and whether it was generated and must be shown: read from standard input when that is asked for,
/// asked for twice on a terminal (an empty answer: generated), else generated.
///
/// # Errors
/// Standard input holds none, or the two differ.
pub fn new_password(from_stdin: bool) -> Result<(String, bool), AdminError> {
    match () {
        () if from_stdin => Ok((line(&stdin())?.ok_or_else(none_given)?, false)),
        () if isatty(stdin()) => asked(),
        () => Ok((generated()?, true)),
    }
}

fn none_given() -> AdminError {
    AdminError("standard input holds no password: write it there as one line".to_owned())
}

fn asked() -> Result<(String, bool), AdminError> {
    let _silence = Silence::new();
    say("Password (empty: make one): ")?;
    let first = line(&stdin())?;
    let Some(first) = first else {
        say("\n")?;
        return Ok((generated()?, true));
    };
    say("\nThe same again: ")?;
    let second = line(&stdin())?;
    say("\n")?;
    match second == Some(first.clone()) {
        true => Ok((first, false)),
        false => Err(AdminError("the two passwords differ: nothing was changed".to_owned())),
    }
}

/// One line without its end; `None` when it is empty.
fn line(stdin: &Stdin) -> Result<Option<String>, AdminError> {
    let mut line = String::new();
    let read = stdin.lock().take(PASSWORD_BYTES_MAX + 3).read_line(&mut line);
    read.map_err(|error| AdminError(format!("standard input cannot be read: {error}")))?;
    let line = line.strip_suffix('\n').unwrap_or(&line);
    let line = line.strip_suffix('\r').unwrap_or(line);
    match line.len() as u64 {
        0 => Ok(None),
        1..=PASSWORD_BYTES_MAX => Ok(Some(line.to_owned())),
        _ => Err(AdminError(format!(
            "the password is longer than {PASSWORD_BYTES_MAX} bytes"
        ))),
    }
}

/// A password of 20 letters and digits without look-alikes: 114 bits from the system's generator.
///
/// # Errors
/// The system has no randomness.
pub fn generated() -> Result<String, AdminError> {
    const LETTERS: &[u8; 52] = b"abcdefghjkmnpqrstuvwxyzACDEFGHJKLMNPQRTUVWXYZ2345679";
    let mut password = String::new();
    while password.len() < 20 {
        let mut octets = [0; 32];
        getrandom::fill(&mut octets).map_err(|error| AdminError(format!("the system has no randomness: {error}")))?;
        // Octets beyond the last whole multiple would favour the first letters.
        let fair = octets
            .iter()
            .filter(|octet| **octet < 208)
            .map(|octet| char::from(LETTERS[usize::from(*octet) % 52]));
        password.extend(fair.take(20 - password.len()));
    }
    Ok(password)
}

/// The terminal without echo, until dropped.
struct Silence {
    before: Option<Termios>,
}

impl Silence {
    fn new() -> Silence {
        let before = tcgetattr(stdin()).ok();
        if let Some(mut modes) = before.clone() {
            modes.local_modes.remove(LocalModes::ECHO);
            let _ = tcsetattr(stdin(), OptionalActions::Flush, &modes);
        }
        Silence { before }
    }
}

impl Drop for Silence {
    fn drop(&mut self) {
        if let Some(before) = &self.before {
            let _ = tcsetattr(stdin(), OptionalActions::Flush, before);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn a16_generated_passwords_are_long_and_never_alike() {
        let all: BTreeSet<String> = (0..1_000).map(|_| generated().unwrap()).collect();
        assert_eq!(all.len(), 1_000);
        assert!(all.iter().all(|password| password.len() == 20));
        let prefixes: BTreeSet<&str> = all.iter().map(|password| &password[..5]).collect();
        assert!(prefixes.len() > 990);
    }
}
