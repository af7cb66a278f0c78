//! The XML stream (RFC 6120), sans-IO.
