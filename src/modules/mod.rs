//! One file (or folder) per protocol feature, listed once, in the one order in which hooks run.

mod offline;
mod roster;
mod session;

use crate::router::Module;

/// Every module, in the order in which hooks run.
pub fn all() -> Vec<Box<dyn Module>> {
    vec![
        Box::new(session::SessionEstablishment),
        Box::new(roster::RosterManagement),
        Box::new(offline::OfflineMessages::default()),
    ]
}
