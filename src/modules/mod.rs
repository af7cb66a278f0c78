//! One file (or folder) per protocol feature, listed once, in the one order in which hooks run.

mod archive;
mod blocking;
mod caps;
mod carbons;
mod commands;
#[cfg(test)]
pub(crate) mod dialogue;
mod disco;
mod last_activity;
mod offline;
mod ping;
mod private;
mod pubsub;
mod registration;
mod roster;
mod session;
mod time;
mod vcard;
mod version;

use crate::router::Module;

pub use disco::server_capabilities;
#[cfg(any(test, fuzzing))]
pub(crate) use pubsub::fuzz;

/// The modules' settings.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// Whether messages are archived (XEP-0313).
    pub archive: bool,
}

impl Default for Options {
    fn default() -> Options {
        Options { archive: true }
    }
}

/// Every module, with default settings.
pub fn all() -> Vec<Box<dyn Module>> {
    with(Options::default())
}

/// Every module, in the order in which hooks run: capabilities before what acts on them; for messages the archive, which
/// gives them their ids, then copies, and offline messages last, when nobody else has taken them. Where no hook is shared
/// the order is that of the names.
pub fn with(options: Options) -> Vec<Box<dyn Module>> {
    let mut modules: Vec<Box<dyn Module>> = vec![
        Box::new(caps::Caps::default()),
        Box::new(pubsub::PubSub::default()),
        Box::new(blocking::Blocking),
        Box::new(commands::CommandsOfServer),
        Box::new(disco::Disco),
        Box::new(last_activity::LastActivity::new()),
        Box::new(ping::Ping),
        Box::new(private::PrivateStorage),
        Box::new(registration::Registration),
        Box::new(roster::RosterManagement),
        Box::new(session::SessionEstablishment),
        Box::new(time::Time),
        Box::new(vcard::Vcard),
        Box::new(version::Version),
    ];
    if options.archive {
        modules.push(Box::new(archive::MessageArchive::default()));
    }
    modules.push(Box::new(carbons::Carbons));
    modules.push(Box::new(offline::OfflineMessages::default()));
    modules
}
