//! Checks of services: what is checked, how often, and what the answers mean. Pure: who looks is elsewhere (`net/`).
//!
//! Each check is a node of the catalogue, `check/NAME`, with its state and what it measured; certificates seen on the way are
//! nodes of their own. So rules, history and every face treat them like any statistic.

mod book;
mod certificate;
mod heartbeat;
mod http;
mod nagios;
mod unit;

pub use book::{Book, Kept, Listed};
pub use certificate::Certificate;
pub use heartbeat::{Heartbeat, UnknownHeartbeat};
pub use http::{HttpAnswer, HttpCheck};
pub use nagios::judge as judge_exit;
pub use unit::{FAILED_UNITS_ARGUMENTS, failed_units, judge as judge_unit, show_arguments};

use std::path::PathBuf;
use std::time::Duration;

/// One check, as configured.
#[derive(Clone, Debug, PartialEq)]
pub struct Check {
    /// Its name: `website`.
    pub name: String,
    /// What is looked at.
    pub what: What,
    /// Between two looks.
    pub interval: Duration,
    /// How long one look may take.
    pub timeout: Duration,
    /// Looks in a row that must fail before it counts.
    pub failures: u32,
}

/// What is looked at.
#[derive(Clone, Debug, PartialEq)]
pub enum What {
    /// An HTTP or HTTPS address.
    Http(HttpCheck),
    /// A TCP port: whether it accepts.
    Tcp(Address),
    /// The certificate of a TLS port.
    Certificate(Address, Option<PathBuf>),
    /// A systemd unit: whether it is active.
    Unit(String),
    /// A program with Nagios' exit codes: program and arguments.
    Program(Vec<String>),
    /// A message that must come.
    Heartbeat(Heartbeat),
}

/// Where to connect to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    /// A name or an address, IPv6 without brackets.
    pub host: String,
    /// The port.
    pub port: u16,
}

impl Address {
    /// `HOST:PORT`, an IPv6 address in brackets.
    ///
    /// # Errors
    /// A sentence's end for the operator.
    pub fn parse(text: &str) -> Result<Address, String> {
        let wrong = || format!("'{text}' is not HOST:PORT");
        let (host, port) = text.rsplit_once(':').ok_or_else(wrong)?;
        let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
        let plain = |host: &str| !host.is_empty() && !host.contains([':', '/', '@', ' ', '[', ']']);
        let host = match bare {
            Some(address) => address.parse::<std::net::Ipv6Addr>().map_err(|_| wrong())?.to_string(),
            None if plain(host) => host.to_owned(),
            None => return Err(wrong()),
        };
        let port = port.parse().ok().filter(|port| *port > 0).ok_or_else(wrong)?;
        Ok(Address { host, port })
    }
}

impl std::fmt::Display for Address {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.host.contains(':') {
            true => write!(f, "[{}]:{}", self.host, self.port),
            false => write!(f, "{}:{}", self.host, self.port),
        }
    }
}

/// How a check stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum State {
    /// All is well.
    Well,
    /// Something to mind.
    Warning,
    /// It does not work.
    Critical,
}

impl State {
    /// For people.
    pub fn as_str(self) -> &'static str {
        match self {
            State::Well => "OK",
            State::Warning => "warning",
            State::Critical => "critical",
        }
    }

    /// As a statistic: 0, 1, 2.
    pub fn number(self) -> f64 {
        match self {
            State::Well => 0.0,
            State::Warning => 1.0,
            State::Critical => 2.0,
        }
    }
}

/// What one look has found.
#[derive(Clone, Debug, PartialEq)]
pub struct Verdict {
    /// How it stands.
    pub state: State,
    /// Why, in a line.
    pub detail: String,
    /// How long the look took.
    pub time: Option<Duration>,
    /// The HTTP status, or the program's exit code.
    pub status: Option<u16>,
    /// The certificate that was presented.
    pub certificate: Option<Certificate>,
}

/// Characters of a detail.
const DETAIL_CHARS_MAX: usize = 200;

impl Verdict {
    /// A verdict; of the detail one line is kept, without control characters.
    pub fn new(state: State, detail: &str) -> Verdict {
        let line = detail
            .lines()
            .map(str::trim)
            .find(|line| !line.is_empty())
            .unwrap_or("");
        let legible = line.chars().map(|c| if c.is_control() { '\u{FFFD}' } else { c });
        Verdict {
            state,
            detail: legible.take(DETAIL_CHARS_MAX).collect(),
            time: None,
            status: None,
            certificate: None,
        }
    }

    /// It did not even answer.
    pub fn down(detail: &str) -> Verdict {
        Verdict::new(State::Critical, detail)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_a_host_and_a_port() {
        let parsed = |text: &str| Address::parse(text).map(|address| address.to_string());
        assert_eq!(parsed("mon.example:5223"), Ok("mon.example:5223".to_owned()));
        assert_eq!(parsed("[2001:DB8::1]:80"), Ok("[2001:db8::1]:80".to_owned()));
        for wrong in [
            "",
            "mon.example",
            ":80",
            "a:0",
            "a:65536",
            "2001:db8::1:80",
            "[x]:1",
            "http://a:80",
            "a b:1",
        ] {
            assert!(parsed(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn m09_a_detail_is_one_legible_line() {
        let verdict = Verdict::down("\n  it \u{1b}[31mburns\u{0}\nsecond line");
        assert_eq!(verdict.detail, "it \u{FFFD}[31mburns\u{FFFD}");
        assert_eq!(Verdict::down(&"x".repeat(999)).detail.len(), DETAIL_CHARS_MAX);
    }
}
