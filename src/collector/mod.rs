//! The bot that speaks for one host: presence, discovery, commands, events, chat. A stanza in, stanzas out; no transport
//! of its own.

mod options;

pub use options::{Directory, Options, Parameter, RebootOptions, ShellCommand};
