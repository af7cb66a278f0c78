//! `watchpost invite`: the link, the code, and what to do with them.

use super::protocol::InvitationLine;
use crate::store::Token;
use qrcode::{Color, EcLevel, QrCode};

/// Modules of white around the code (ISO/IEC 18004 section 6.3.8).
const QUIET: usize = 4;
/// Black on white, whatever the terminal's own colours are: a camera wants dark on light.
const PAPER: &str = "\u{1b}[38;5;16;48;5;231m";
const RESET: &str = "\u{1b}[0m";

/// XEP-0445 section "Registration with pre-defined account name", or without.
pub(super) fn register_uri(name: Option<&str>, domain: &str, token: &Token) -> String {
    let name = name.map_or(String::new(), |name| encoded(name) + "@");
    format!("xmpp:{name}{}?register;preauth={}", encoded(domain), token.as_str())
}

/// XEP-0445 section "Contact Invitation with IBR".
pub(super) fn roster_uri(inviter: &str, domain: &str, token: &Token) -> String {
    let (inviter, domain) = (encoded(inviter), encoded(domain));
    format!("xmpp:{inviter}@{domain}?roster;preauth={};ibr=y", token.as_str())
}

/// Percent-encodes all but what needs it nowhere in a URI (RFC 3986 section 2.3, RFC 5122 section 2.7.2).
fn encoded(part: &str) -> String {
    let mut encoded = String::new();
    for byte in part.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => encoded.push(char::from(byte)),
            _ => encoded.push_str(&format!("%{byte:02X}")),
        }
    }
    encoded
}

/// What the operator reads; the code only where a camera could see it.
pub fn invitation(invitation: &InvitationLine, domain: &str, on_terminal: bool) -> String {
    let code = match on_terminal {
        true => code(&invitation.uri).map_or(String::new(), |code| format!("\n{code}")),
        false => String::new(),
    };
    let (uri, role) = (&invitation.uri, invitation.role);
    let expires = invitation
        .expires
        .with_timezone(&chrono::Local)
        .format("%Y-%m-%d %H:%M");
    format!(
        "\
An invitation to make an account ({role}) at {domain}, good once, until {expires}:

  {uri}
{code}
Give it to whom it is for, and to nobody else: whoever has it can make the account.

  Android          Install Conversations, Cheogram or another client that knows invitations, then open the link,
                   or scan the code from within the client; choose a name and a password.
  Dino, Gajim, Profanity and other clients that do not know invitations
                   'watchpost account add NAME' makes an account, to log in with; --role collector one for a host.

The client must reach this machine as {domain}, and trust its certificate: see 'watchpost ca'.
'watchpost invite --revoke' ends all open invitations.
"
    )
}

/// The code in half blocks, two modules to a character; `None` for a text that is too long for one.
fn code(text: &str) -> Option<String> {
    let code = QrCode::with_error_correction_level(text, EcLevel::M).ok()?;
    let colors = code.to_colors();
    let width = code.width();
    let is_dark = |x: usize, y: usize| {
        let inside = |at: usize| at.checked_sub(QUIET).filter(|at| *at < width);
        inside(x)
            .zip(inside(y))
            .is_some_and(|(x, y)| colors[y * width + x] == Color::Dark)
    };
    let side = width + 2 * QUIET;
    let mut drawn = String::new();
    for y in (0..side).step_by(2) {
        drawn.push_str(PAPER);
        drawn.extend((0..side).map(|x| match (is_dark(x, y), is_dark(x, y + 1)) {
            (true, true) => '█',
            (true, false) => '▀',
            (false, true) => '▄',
            (false, false) => ' ',
        }));
        drawn.push_str(RESET);
        drawn.push('\n');
    }
    Some(drawn)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stanza::Role;

    const URI: &str = "xmpp:mon.example?register;preauth=0123456789abcdef0123456789abcdef";

    #[test]
    fn the_drawn_code_is_the_code_with_white_around_it() {
        let drawn = code(URI).expect("a code");
        let mut rows: Vec<Vec<bool>> = Vec::new();
        for line in drawn.lines() {
            let cells = line
                .strip_prefix(PAPER)
                .and_then(|line| line.strip_suffix(RESET))
                .expect("paper");
            rows.push(cells.chars().map(|cell| "█▀".contains(cell)).collect());
            rows.push(cells.chars().map(|cell| "█▄".contains(cell)).collect());
        }
        let expected = QrCode::with_error_correction_level(URI, EcLevel::M).expect("a code");
        let (width, colors) = (expected.width(), expected.to_colors());
        assert!(rows.len() >= width + 2 * QUIET && rows.iter().all(|row| row.len() == width + 2 * QUIET));
        for (y, row) in rows.iter().enumerate() {
            for (x, is_dark) in row.iter().enumerate() {
                let inside = (QUIET..QUIET + width).contains(&x) && (QUIET..QUIET + width).contains(&y);
                let dark = inside && colors[(y - QUIET) * width + x - QUIET] == Color::Dark;
                assert_eq!(*is_dark, dark, "{x}, {y}");
            }
        }
    }

    #[test]
    fn names_are_encoded_where_a_uri_needs_it() {
        assert_eq!(encoded("juliet-1.a_b~"), "juliet-1.a_b~");
        assert_eq!(encoded("r&j;é"), "r%26j%3B%C3%A9");
    }

    #[test]
    fn the_code_is_for_terminals_alone() {
        let line = InvitationLine {
            uri: URI.to_owned(),
            role: Role::Viewer,
            expires: chrono::DateTime::UNIX_EPOCH,
        };
        let piped = invitation(&line, "mon.example", false);
        assert!(piped.contains(URI) && !piped.contains('\u{1b}'), "{piped}");
        assert!(invitation(&line, "mon.example", true).contains('▀'));
        assert_eq!(code(&"x".repeat(4_000)), None);
    }
}
