//! What must hold of this room whatever bytes come, as fuzz targets.

mod oracle;
mod readdress;
mod stream_parser;
mod writer;

pub use readdress::readdress;
pub use stream_parser::stream_parser;
pub use writer::writer;

#[cfg(test)]
pub(super) use oracle::read_frame;
