//! Rules: when a statistic is a worry.

use std::time::Duration;

/// Which side of the threshold is bad.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// Bad at or above.
    Above,
    /// Bad at or below.
    Below,
}

/// A rule on a statistic. Levels are in the statistic's own units.
#[derive(Clone, Debug, PartialEq)]
pub struct Rule {
    /// A stable name: `cpu-load`.
    pub name: String,
    /// The node and value it watches, as `NODE#VALUE`: `cpu#load-per-core`, `memory#available`; `disk/*#used` for every
    /// member of a group.
    pub statistic: String,
    /// Which side is bad.
    pub direction: Direction,
    /// The warning level, if any.
    pub warning: Option<f64>,
    /// The critical level, if any.
    pub critical: Option<f64>,
    /// The level at which a warning clears (hysteresis); a critical one falls back to warning at the warning level's
    /// side of its own threshold by the same margin.
    pub clear: f64,
    /// How long the level must be exceeded without a break.
    pub hold: Duration,
    /// What the presence status and the messages say, with `{value}` and `{name}` replaced: `load {value} per core`.
    pub message: String,
}
