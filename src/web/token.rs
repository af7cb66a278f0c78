//! The token that HTTP clients show (RFC 6750 section 2.1).

use crate::service::session::random_id;
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;
use subtle::ConstantTimeEq;

/// Characters of a token, at least: what can be guessed is none.
const CHARS_MIN: usize = 16;
/// Bytes of the file.
const FILE_BYTES_MAX: u64 = 4 * 1024;

/// Why there is no token: a sentence for the operator.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct TokenError(String);

/// The token. It has no `Debug` that shows it.
#[derive(Clone)]
pub struct Token(String);

impl std::fmt::Debug for Token {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Token(…)")
    }
}

impl Token {
    /// A token from its text.
    ///
    /// # Errors
    /// It is too short, or holds what no header can.
    pub fn new(text: &str) -> Result<Token, TokenError> {
        let text = text.trim();
        match text.len() >= CHARS_MIN && text.bytes().all(|byte| byte.is_ascii_graphic()) {
            true => Ok(Token(text.to_owned())),
            false => Err(TokenError(format!(
                "a token has at least {CHARS_MIN} visible ASCII characters"
            ))),
        }
    }

    /// The token in that file, which only its owner may read; where there is no file, a new one is made.
    ///
    /// # Errors
    /// The file cannot be read or made, can be read by others, or holds no token.
    pub fn load(path: &Path) -> Result<Token, TokenError> {
        let name = path.display();
        match File::open(path) {
            Ok(file) => read(file, path),
            Err(error) if error.kind() == io::ErrorKind::NotFound => make(path),
            Err(error) => Err(TokenError(format!("{name} cannot be read: {error}"))),
        }
    }

    /// Whether a request shows it: `Authorization: Bearer TOKEN`. Takes as long for a wrong one as for the right one.
    pub(super) fn is_shown(&self, authorization: Option<&[u8]>) -> bool {
        let shown = authorization.and_then(|value| value.split_at_checked(7));
        let Some((scheme, token)) = shown else { return false };
        scheme.eq_ignore_ascii_case(b"bearer ") && bool::from(token.trim_ascii().ct_eq(self.0.as_bytes()))
    }
}

fn read(file: File, path: &Path) -> Result<Token, TokenError> {
    let name = path.display();
    let unreadable = |error| TokenError(format!("{name} cannot be read: {error}"));
    if file.metadata().map_err(unreadable)?.mode() & 0o077 != 0 {
        return Err(TokenError(format!(
            "{name} can be read by others: run 'chmod 600 {name}'"
        )));
    }
    let mut text = String::new();
    file.take(FILE_BYTES_MAX)
        .read_to_string(&mut text)
        .map_err(unreadable)?;
    Token::new(&text).map_err(|error| TokenError(format!("{name}: {error}")))
}

fn make(path: &Path) -> Result<Token, TokenError> {
    let unmakable = |error: io::Error| TokenError(format!("{} cannot be made: {error}", path.display()));
    let text = random_id().map_err(|_| TokenError("the system gives no randomness".to_owned()))?;
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)
        .map_err(unmakable)?;
    file.write_all([&text, "\n"].concat().as_bytes()).map_err(unmakable)?;
    Token::new(&text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn a_token_is_made_once_and_kept_from_others() {
        let dir = tempfile::tempdir().expect("a folder");
        let path = dir.path().join("http.token");
        let made = Token::load(&path).expect("made");
        assert_eq!(Token::load(&path).expect("read").0, made.0);
        assert_eq!(std::fs::metadata(&path).expect("a file").mode() & 0o777, 0o600);
        assert!(!format!("{made:?}").contains(&made.0));
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o640)).expect("changed");
        assert!(
            Token::load(&path)
                .expect_err("refused")
                .to_string()
                .contains("chmod 600")
        );
        assert!(Token::new("too short").is_err() && Token::new("sixteen letters\nand more").is_err());
    }

    #[test]
    fn only_the_whole_token_opens() {
        let token = Token::new("0123456789abcdef").expect("a token");
        let opens = |value: &str| token.is_shown(Some(value.as_bytes()));
        assert!(opens("Bearer 0123456789abcdef") && opens("bearer  0123456789abcdef"));
        for wrong in [
            "",
            "Bearer",
            "Bearer ",
            "Bearer 0123456789abcde",
            "Bearer 0123456789abcdef0",
            "Basic 0123456789abcdef",
        ] {
            assert!(!opens(wrong), "{wrong}");
        }
        assert!(!token.is_shown(None));
    }
}
