//! What server and collector both answer with.

pub mod caps;
pub mod command;
pub mod conversation;
pub mod disco;
mod field;
pub mod form;
pub mod report;
pub mod session;
