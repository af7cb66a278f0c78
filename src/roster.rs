//! The roster and its subscriptions (RFC 6121 sections 2 and 3, appendix A), without I/O.
