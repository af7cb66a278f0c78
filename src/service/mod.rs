//! What server and collector both answer with.

pub mod caps;
pub mod command;
pub mod conversation;
pub mod disco;
mod field;
pub mod form;
#[cfg(any(test, fuzzing))]
pub(crate) mod fuzz;
pub mod report;
pub mod session;
