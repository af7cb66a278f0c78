//! Sampling, statistics, rules and alerts of one host; knows no XMPP.

pub mod rule;
