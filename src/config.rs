//! Settings as written, and as each room wants them.
