//! Heartbeats: messages that must come, such as from a nightly job.

use super::{State, Verdict};
use crate::monitor::age;
use serde::{Deserialize, Serialize};
use std::time::{Duration, SystemTime};

/// What is expected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Heartbeat {
    /// At least once in this time.
    pub every: Duration,
    /// How much later it may come.
    pub grace: Duration,
}

/// There is no heartbeat of that name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("there is no heartbeat '{0}'")]
pub struct UnknownHeartbeat(pub String);

/// What has come, as it is kept over a restart.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Beat {
    /// When the last one came, or when it was first waited for; seconds since 1970.
    pub at: u64,
    /// Whether one has ever come.
    pub came: bool,
    /// What the last one said had failed.
    pub failed: Option<String>,
}

impl Beat {
    /// None has come so far.
    pub(super) fn awaited(now: SystemTime) -> Beat {
        Beat {
            at: seconds(now),
            came: false,
            failed: None,
        }
    }

    /// One has come.
    pub(super) fn came(now: SystemTime, failed: Option<String>) -> Beat {
        Beat {
            at: seconds(now),
            came: true,
            failed,
        }
    }

    /// Time since; none when the clock was set back behind it.
    pub(super) fn age(&self, now: SystemTime) -> Duration {
        Duration::from_secs(seconds(now).saturating_sub(self.at))
    }

    pub(super) fn judge(&self, expected: &Heartbeat, now: SystemTime) -> Verdict {
        let since = age(self.age(now).as_secs_f64());
        let late = self.age(now) > expected.every + expected.grace;
        match (&self.failed, late, self.came) {
            (_, true, false) => Verdict::down(&format!("no heartbeat yet, for {since}")),
            (_, true, true) => Verdict::down(&format!("no heartbeat for {since}")),
            (Some(why), false, _) => Verdict::down(&format!("failed {since} ago: {why}")),
            (None, false, true) => Verdict::new(State::Well, &format!("came {since} ago")),
            (None, false, false) => Verdict::new(State::Well, "none has come yet"),
        }
    }
}

fn seconds(time: SystemTime) -> u64 {
    time.duration_since(SystemTime::UNIX_EPOCH)
        .unwrap_or_default()
        .as_secs()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_heartbeat_is_late_after_its_time_and_grace() {
        let expected = Heartbeat {
            every: Duration::from_secs(3_600),
            grace: Duration::from_secs(600),
        };
        let at = |seconds: u64| SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000 + seconds);
        let state = |beat: &Beat, seconds| beat.judge(&expected, at(seconds)).state;
        let awaited = Beat::awaited(at(0));
        assert_eq!(
            (state(&awaited, 4_200), state(&awaited, 4_201)),
            (State::Well, State::Critical)
        );
        let came = Beat::came(at(0), None);
        assert_eq!(
            (state(&came, 4_200), state(&came, 4_201)),
            (State::Well, State::Critical)
        );
        assert_eq!(came.judge(&expected, at(90_000)).detail, "no heartbeat for 1 d 1 h");
        let failed = Beat::came(at(0), Some("disk full".to_owned()));
        assert_eq!(failed.judge(&expected, at(60)).detail, "failed 1 min ago: disk full");
        // A clock set back makes nothing late.
        assert_eq!(came.judge(&expected, SystemTime::UNIX_EPOCH).state, State::Well);
    }
}
