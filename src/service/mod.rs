//! What server and collector both answer with.

pub mod caps;
pub mod disco;
