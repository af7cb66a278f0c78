//! Settings that are neither number nor plain text: domain, addresses, mechanisms, watchers.

use super::setting::{Scalar, list, quoted, scalar_settings};
use crate::stream::Mechanism;
use jid::{BareJid, DomainPart};
use serde::Deserialize;
use serde::de::{Deserializer, Error};
use std::net::SocketAddr;
use std::str::FromStr;

/// The domain served: prepared, without a trailing dot (RFC 7622 section 3.2).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Domain(pub String);

impl FromStr for Domain {
    type Err = String;

    fn from_str(text: &str) -> Result<Domain, String> {
        let bare = text.strip_suffix('.').unwrap_or(text);
        if !bare.is_ascii() {
            return Err(format!(
                "'{text}' is not ASCII: write an international domain in its 'xn--' form"
            ));
        }
        let allowed = |c: char| c.is_ascii_alphanumeric() || "-._:[]".contains(c);
        match DomainPart::new(bare) {
            Ok(domain) if bare.chars().all(allowed) => Ok(Domain(domain.as_str().to_ascii_lowercase())),
            _ => Err(format!("'{text}' is not a domain name")),
        }
    }
}

impl<'de> Deserialize<'de> for Domain {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Domain, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}

/// Where to listen: addresses, or none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listen(pub Vec<SocketAddr>);

impl Listen {
    /// Every address of the machine, IPv6 and IPv4.
    pub fn any(port: u16) -> Listen {
        Listen(vec![SocketAddr::from((std::net::Ipv6Addr::UNSPECIFIED, port))])
    }
}

impl FromStr for Listen {
    type Err = String;

    fn from_str(text: &str) -> Result<Listen, String> {
        match text {
            "none" => Ok(Listen(Vec::new())),
            text => Ok(Listen(vec![address(text)?])),
        }
    }
}

fn address(text: &str) -> Result<SocketAddr, String> {
    text.parse().map_err(|_| {
        format!("'{text}' is not an address: write it as '[::]:5222', '127.0.0.1:5222', or 'none' to turn it off")
    })
}

#[derive(Deserialize)]
#[serde(
    untagged,
    expecting = "expected an address such as \"[::]:5222\", a list of them, or \"none\""
)]
enum OneOrMany {
    One(String),
    Many(Vec<String>),
}

impl<'de> Deserialize<'de> for Listen {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Listen, D::Error> {
        match OneOrMany::deserialize(deserializer)? {
            OneOrMany::One(text) => text.parse().map_err(D::Error::custom),
            OneOrMany::Many(texts) => {
                let addresses: Result<_, _> = texts.iter().map(|text| address(text)).collect();
                addresses.map(Listen).map_err(D::Error::custom)
            }
        }
    }
}

/// Who may watch the collector.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Watchers {
    /// Every admin, operator and viewer of the domain.
    All,
    /// These accounts.
    Only(Vec<BareJid>),
}

impl<'de> Deserialize<'de> for Watchers {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Watchers, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged, expecting = "expected \"all\" or a list of JIDs")]
        enum Written {
            Word(String),
            List(Vec<String>),
        }
        match Written::deserialize(deserializer)? {
            Written::Word(word) if word == "all" => Ok(Watchers::All),
            Written::Word(word) => Err(D::Error::custom(format!("'{word}': write \"all\" or a list of JIDs"))),
            Written::List(jids) => {
                let jid = |text: &String| BareJid::new(text).map_err(|_| format!("'{text}' is not a bare JID"));
                jids.iter()
                    .map(jid)
                    .collect::<Result<_, _>>()
                    .map(Watchers::Only)
                    .map_err(D::Error::custom)
            }
        }
    }
}

/// Addresses of people, as URIs (XEP-0157).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Addresses(pub Vec<String>);

impl<'de> Deserialize<'de> for Addresses {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Addresses, D::Error> {
        let addresses = Vec::<String>::deserialize(deserializer)?;
        let is_uri = |address: &String| {
            let scheme = address.split_once(':').map_or("", |(scheme, _)| scheme);
            let is_clean = address.bytes().all(|byte| byte.is_ascii_graphic());
            scheme.starts_with(|c: char| c.is_ascii_lowercase()) && is_clean
        };
        match addresses.iter().find(|address| !is_uri(address)) {
            Some(wrong) => Err(D::Error::custom(format!(
                "'{wrong}' is no address: write \"mailto:…\", \"xmpp:…\" or \"https:…\""
            ))),
            None => Ok(Addresses(addresses)),
        }
    }
}

/// SASL mechanisms, at least one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mechanisms(pub Vec<Mechanism>);

impl Default for Mechanisms {
    fn default() -> Mechanisms {
        Mechanisms(Mechanism::all().collect())
    }
}

impl<'de> Deserialize<'de> for Mechanisms {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Mechanisms, D::Error> {
        let mechanism = |name: &String| {
            let known = || Mechanism::all().map(Mechanism::as_str).collect::<Vec<_>>().join(", ");
            name.parse()
                .map_err(|error| D::Error::custom(format!("{error}: known are {}", known())))
        };
        match Vec::<String>::deserialize(deserializer)? {
            names if names.is_empty() => Err(D::Error::custom("without a mechanism nobody can log in")),
            names => names.iter().map(mechanism).collect::<Result<_, _>>().map(Mechanisms),
        }
    }
}

/// How much is logged, the least first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// What failed.
    Error,
    /// Also what looks wrong.
    Warn,
    /// Also who comes and goes.
    Info,
    /// Also what each stanza is, never its content.
    Debug,
    /// Everything but contents and secrets.
    Trace,
}

impl Level {
    /// The level's name.
    pub fn as_str(self) -> &'static str {
        match self {
            Level::Error => "error",
            Level::Warn => "warn",
            Level::Info => "info",
            Level::Debug => "debug",
            Level::Trace => "trace",
        }
    }
}

/// The shape of a log line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    /// With the time.
    Full,
    /// Without the time: the journal adds it.
    Journal,
}

impl Scalar for Domain {
    fn toml(&self) -> Option<String> {
        Some(quoted(&self.0))
    }
}

impl Scalar for Listen {
    fn toml(&self) -> Option<String> {
        Some(match self.0.as_slice() {
            [] => quoted("none"),
            [one] => quoted(&one.to_string()),
            many => list(many.iter().map(SocketAddr::to_string)),
        })
    }
}

impl Scalar for Watchers {
    fn toml(&self) -> Option<String> {
        Some(match self {
            Watchers::All => quoted("all"),
            Watchers::Only(jids) => list(jids.iter().map(BareJid::to_string)),
        })
    }
}

impl Scalar for Addresses {
    fn toml(&self) -> Option<String> {
        Some(list(&self.0))
    }
}

impl Scalar for Mechanisms {
    fn toml(&self) -> Option<String> {
        Some(list(self.0.iter().map(|mechanism| mechanism.as_str())))
    }
}

impl Scalar for Level {
    fn toml(&self) -> Option<String> {
        Some(quoted(self.as_str()))
    }
}

impl Scalar for Format {
    fn toml(&self) -> Option<String> {
        Some(quoted(if *self == Format::Full { "full" } else { "journal" }))
    }
}

scalar_settings! {
    Domain;
    Listen;
    Watchers;
    Addresses;
    Mechanisms;
    Level;
    Format;
}
