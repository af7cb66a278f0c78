//! Others' alerts, such as an Alertmanager's: each is a node of the catalogue, so that rules make alerts of ours of them,
//! with all that hangs on these: acknowledgement, mutes, history.

use super::{Reading, Readings};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

/// Who made the readings.
const MAKER: &str = "foreign";
/// One that is over is shown as such for so long, that rules see it.
const OVER_TIME: Duration = Duration::from_secs(10 * 60);
/// One of which nothing was heard for so long is over; Alertmanager repeats itself every four hours.
const SILENT_TIME: Duration = Duration::from_secs(24 * 60 * 60);
/// Bytes of a name.
const NAME_BYTES_MAX: usize = 64;

/// What somebody else says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ForeignAlert {
    /// Its name: letters, digits and the like; other characters are replaced.
    pub name: String,
    /// What tells it from others of its name.
    pub fingerprint: String,
    /// Whether it fires; else it is over.
    pub fires: bool,
    /// Whether it is critical; else it is a warning.
    pub critical: bool,
    /// What is wrong, for people.
    pub text: String,
}

#[derive(Clone, Debug)]
struct Entry {
    number: f64,
    text: String,
    heard: SystemTime,
}

/// What others have said lately, at most `max` alerts. A cheap handle.
#[derive(Clone, Debug)]
pub struct Foreign {
    known: Arc<Mutex<BTreeMap<String, Entry>>>,
    readings: Readings,
    max: usize,
}

impl Foreign {
    /// Nothing was said so far.
    pub fn new(readings: Readings, max: usize) -> Foreign {
        Foreign {
            known: Arc::default(),
            readings,
            max,
        }
    }

    /// Takes what somebody says; returns how many alerts there was no room for.
    pub fn hear(&self, alerts: Vec<ForeignAlert>, now: SystemTime) -> usize {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        forget(&mut known, now);
        let mut refused = 0;
        for alert in alerts {
            let key = alert.key();
            // What is over and was never known is no news.
            if !alert.fires && !known.contains_key(&key) {
                continue;
            }
            if known.len() >= self.max && !known.contains_key(&key) {
                refused += 1;
                continue;
            }
            known.insert(key, alert.entry(now));
        }
        self.publish(&known);
        refused
    }

    /// Time has passed.
    pub fn tick(&self, now: SystemTime) {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if !known.is_empty() {
            forget(&mut known, now);
            self.publish(&known);
        }
    }

    fn publish(&self, known: &BTreeMap<String, Entry>) {
        let firing = known.values().filter(|entry| entry.number > 0.0).count();
        let all = (!known.is_empty()).then(|| Reading::new("foreign").with("firing", firing as f64));
        let each = known.iter().map(|(key, entry)| {
            let reading = Reading::new(["foreign/", key].concat()).with("severity", entry.number);
            reading.detailed(entry.text.clone())
        });
        self.readings.set(MAKER, all.into_iter().chain(each).collect());
    }
}

/// What nothing was heard of is over; what has been over for long goes.
fn forget(known: &mut BTreeMap<String, Entry>, now: SystemTime) {
    let since = |entry: &Entry| now.duration_since(entry.heard).unwrap_or_default();
    for entry in known.values_mut() {
        if entry.number > 0.0 && since(entry) >= SILENT_TIME {
            entry.number = 0.0;
            entry.heard = now;
        }
    }
    known.retain(|_, entry| entry.number > 0.0 || since(entry) < OVER_TIME);
}

impl ForeignAlert {
    fn key(&self) -> String {
        let plain = |c: char| {
            if c.is_ascii_alphanumeric() || "-_.".contains(c) {
                c
            } else {
                '-'
            }
        };
        let part = |text: &str, max: usize| text.chars().take(max).map(plain).collect::<String>();
        [
            part(&self.name, NAME_BYTES_MAX),
            part(&self.fingerprint, NAME_BYTES_MAX),
        ]
        .join(":")
    }

    fn entry(&self, now: SystemTime) -> Entry {
        Entry {
            number: match (self.fires, self.critical) {
                (false, _) => 0.0,
                (true, false) => 1.0,
                (true, true) => 2.0,
            },
            text: super::checks::Verdict::down(&self.text).detail,
            heard: now,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn alert(name: &str, fires: bool) -> ForeignAlert {
        ForeignAlert {
            name: name.to_owned(),
            fingerprint: "f00d".to_owned(),
            fires,
            critical: true,
            text: format!("{name} is wrong"),
        }
    }

    fn severity(readings: &Readings, node: &str) -> Option<f64> {
        let all = readings.all();
        all.iter()
            .find(|reading| reading.node == node)
            .map(|reading| reading.values[0].1)
    }

    #[test]
    fn an_alert_is_a_node_until_it_is_over_for_a_while() {
        let readings = Readings::default();
        let foreign = Foreign::new(readings.clone(), 2);
        let at = |seconds: u64| SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
        assert_eq!(foreign.hear(vec![alert("Old", false)], at(0)), 0);
        assert!(readings.all().is_empty(), "what was never known is not over");
        foreign.hear(vec![alert("Disk full/x", true)], at(1));
        assert_eq!(severity(&readings, "foreign/Disk-full-x:f00d"), Some(2.0));
        foreign.hear(vec![alert("Disk full/x", false)], at(2));
        assert_eq!(severity(&readings, "foreign/Disk-full-x:f00d"), Some(0.0));
        foreign.tick(at(601));
        assert_eq!(severity(&readings, "foreign/Disk-full-x:f00d"), Some(0.0));
        foreign.tick(at(602));
        assert!(readings.all().is_empty());
    }

    #[test]
    fn there_is_room_for_so_many_and_silence_ends_them() {
        let readings = Readings::default();
        let foreign = Foreign::new(readings.clone(), 2);
        let all = ["a", "b", "c"].map(|name| alert(name, true)).to_vec();
        assert_eq!(foreign.hear(all, SystemTime::UNIX_EPOCH), 1);
        assert_eq!(severity(&readings, "foreign"), Some(2.0));
        foreign.tick(SystemTime::UNIX_EPOCH + SILENT_TIME);
        assert_eq!(
            (severity(&readings, "foreign"), severity(&readings, "foreign/a:f00d")),
            (Some(0.0), Some(0.0))
        );
    }
}
