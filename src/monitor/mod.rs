//! Sampling, statistics, rules and alerts of one host; knows no XMPP.
//!
//! A [`Sampler`] reads the host, the [`Registry`] makes of it an immutable [`Snapshot`] (the one source of every face:
//! discovery, XEP-0039, forms, chat, rules), and [`Alerts`] compares snapshots with [`Rule`]s. The [`Desk`] keeps what
//! comes of it: alerts, mutes, rules that people change, the event log. [`History`] keeps what the values were. A value
//! that cannot be read is absent: never zero, never NaN.

mod alert;
mod alerts;
mod catalogue;
pub mod checks;
mod desk;
mod ending;
mod foreign;
pub mod history;
mod log;
mod memory;
mod mute;
mod processes;
mod readings;
mod registry;
pub mod rule;
mod rulebook;
mod rules;
mod sample;
mod snapshot;
mod stopwatch;

pub use alert::{Acknowledgement, Alert, Change, Event, Life, Severity};
pub use alerts::{Alerts, Refusal};
pub use catalogue::{Definition, GROUPS, Group, Kind, Units, group};
pub use desk::{Desk, Limits};
pub use ending::{End, Named, end_process, processes_named};
pub use foreign::{Foreign, ForeignAlert};
pub use history::{History, with_forecasts};
pub use log::{Entry, Log, Topic};
#[cfg(test)]
pub(crate) use memory::tests::Notebook;
pub use memory::{Memory, Write};
pub use mute::{Mute, Mutes, Scope};
pub use processes::{Order, Process, Processes, SCAN_INTERVAL};
pub use readings::{Reading, Readings};
pub use registry::Registry;
pub use rule::{Direction, Rule};
pub use rulebook::{Origin, Rulebook};
pub use rules::{REPEAT, default_rules};
pub use sample::{Counters, Sampler, boot_id, operating_system};
pub use snapshot::{Extremes, Node, Snapshot, Statistic, age};
pub use stopwatch::Stopwatch;
