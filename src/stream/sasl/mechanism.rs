//! The mechanisms that the server knows, by their registered names.

use super::ScramHash;
use std::fmt;
use std::str::FromStr;

/// A SASL mechanism.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Mechanism {
    /// RFC 4616. Only ever offered inside TLS.
    Plain,
    /// RFC 5802, RFC 7677.
    Scram {
        /// Its hash function.
        hash: ScramHash,
        /// The `-PLUS` variant.
        channel_binding: bool,
    },
}

impl Mechanism {
    const ALL: [Mechanism; 7] = [
        Mechanism::scram(ScramHash::Sha512, true),
        Mechanism::scram(ScramHash::Sha256, true),
        Mechanism::scram(ScramHash::Sha1, true),
        Mechanism::scram(ScramHash::Sha512, false),
        Mechanism::scram(ScramHash::Sha256, false),
        Mechanism::scram(ScramHash::Sha1, false),
        Mechanism::Plain,
    ];

    const fn scram(hash: ScramHash, channel_binding: bool) -> Mechanism {
        Mechanism::Scram { hash, channel_binding }
    }

    /// All of them, strongest first.
    pub fn all() -> impl Iterator<Item = Mechanism> {
        Mechanism::ALL.into_iter()
    }

    /// The registered name.
    pub fn as_str(self) -> &'static str {
        let Mechanism::Scram { hash, channel_binding } = self else {
            return "PLAIN";
        };
        match (hash, channel_binding) {
            (ScramHash::Sha1, false) => "SCRAM-SHA-1",
            (ScramHash::Sha1, true) => "SCRAM-SHA-1-PLUS",
            (ScramHash::Sha256, false) => "SCRAM-SHA-256",
            (ScramHash::Sha256, true) => "SCRAM-SHA-256-PLUS",
            (ScramHash::Sha512, false) => "SCRAM-SHA-512",
            (ScramHash::Sha512, true) => "SCRAM-SHA-512-PLUS",
        }
    }

    /// Whether it needs channel-binding data.
    pub fn binds_channel(self) -> bool {
        matches!(
            self,
            Mechanism::Scram {
                channel_binding: true,
                ..
            }
        )
    }
}

impl fmt::Display for Mechanism {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A mechanism that is not ours.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("unknown SASL mechanism '{0}'")]
pub struct UnknownMechanism(String);

impl FromStr for Mechanism {
    type Err = UnknownMechanism;

    fn from_str(name: &str) -> Result<Mechanism, UnknownMechanism> {
        Mechanism::all()
            .find(|mechanism| mechanism.as_str() == name)
            .ok_or_else(|| UnknownMechanism(name.to_owned()))
    }
}
