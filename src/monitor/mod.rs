//! Sampling, statistics, rules and alerts of one host; knows no XMPP.
//!
//! A [`Sampler`] reads the host, the [`Registry`] makes of it an immutable [`Snapshot`] (the one source of every face:
//! discovery, XEP-0039, forms, chat, rules), and [`Alerts`] compares snapshots with [`Rule`]s. A value that cannot be
//! read is absent: never zero, never NaN.

mod alert;
mod catalogue;
pub mod checks;
mod ending;
mod foreign;
mod memory;
mod processes;
mod readings;
mod registry;
pub mod rule;
mod rules;
mod sample;
mod snapshot;
mod stopwatch;

pub use alert::{Alert, Alerts, Change, Event, Severity};
pub use catalogue::{Definition, GROUPS, Group, Kind, Units, group};
pub use ending::{End, Named, end_process, processes_named};
pub use foreign::{Foreign, ForeignAlert};
pub use memory::Memory;
pub use processes::{Order, Process, Processes, SCAN_INTERVAL};
pub use readings::{Reading, Readings};
pub use registry::Registry;
pub use rule::{Direction, Rule};
pub use rules::default_rules;
pub use sample::{Counters, Sampler, boot_id, operating_system};
pub use snapshot::{Extremes, Node, Snapshot, Statistic, age};
pub use stopwatch::Stopwatch;
