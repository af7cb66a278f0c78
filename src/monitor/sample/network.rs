//! Interfaces: sysinfo. The loopback is left out: it is nobody's line.

use super::draft::Draft;
use super::rate;
use std::collections::BTreeMap;
use sysinfo::{NetworkData, Networks};

/// What went over an interface, or all of them.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Traffic {
    received: f64,
    sent: f64,
    packets: (f64, f64),
    errors: (f64, f64),
}

impl Traffic {
    fn of(data: &NetworkData) -> Traffic {
        Traffic {
            received: data.total_received() as f64,
            sent: data.total_transmitted() as f64,
            packets: (
                data.total_packets_received() as f64,
                data.total_packets_transmitted() as f64,
            ),
            errors: (
                data.total_errors_on_received() as f64,
                data.total_errors_on_transmitted() as f64,
            ),
        }
    }

    fn add(&mut self, other: &Traffic) {
        self.received += other.received;
        self.sent += other.sent;
        self.packets = (self.packets.0 + other.packets.0, self.packets.1 + other.packets.1);
        self.errors = (self.errors.0 + other.errors.0, self.errors.1 + other.errors.1);
    }

    fn put(&self, rates: (Option<f64>, Option<f64>), mut put: impl FnMut(&str, Option<f64>)) {
        put("received", Some(self.received));
        put("sent", Some(self.sent));
        put("received-rate", rates.0);
        put("sent-rate", rates.1);
        put("packets-received", Some(self.packets.0));
        put("packets-sent", Some(self.packets.1));
        put("errors", Some(self.errors.0 + self.errors.1));
        put("errors-received", Some(self.errors.0));
        put("errors-sent", Some(self.errors.1));
    }
}

/// The reader.
pub(super) struct Network {
    networks: Option<Networks>,
    before: BTreeMap<String, Traffic>,
}

impl Default for Network {
    fn default() -> Network {
        Network {
            networks: Networks::new().ok(),
            before: BTreeMap::new(),
        }
    }
}

impl Network {
    pub(super) fn read(&mut self, elapsed: Option<f64>, draft: &mut Draft) {
        let Some(networks) = &mut self.networks else { return };
        networks.refresh(true);
        let named = networks.iter().filter(|(name, _)| *name != "lo");
        let now: BTreeMap<String, Traffic> = named
            .map(|(name, data)| (name.to_string_lossy().into_owned(), Traffic::of(data)))
            .collect();
        let before = std::mem::replace(&mut self.before, now);
        let (mut all, mut rates) = (Traffic::default(), (None, None));
        for (name, traffic) in &self.before {
            let of = |value: fn(&Traffic) -> f64| rate(before.get(name).map(value), value(traffic), elapsed);
            let own = (of(|traffic| traffic.received), of(|traffic| traffic.sent));
            traffic.put(own, |value, number| draft.put_member("network", name, value, number));
            all.add(traffic);
            rates = (plus(rates.0, own.0), plus(rates.1, own.1));
        }
        if !self.before.is_empty() {
            all.put(rates, |value, number| draft.put("network", value, number));
        }
    }
}

/// The sum of what is known.
fn plus(a: Option<f64>, b: Option<f64>) -> Option<f64> {
    match (a, b) {
        (Some(a), Some(b)) => Some(a + b),
        (one, None) | (None, one) => one,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_whole_is_the_sum_of_what_is_known() {
        assert_eq!(plus(None, None), None);
        assert_eq!(plus(Some(1.0), None), Some(1.0));
        assert_eq!(plus(Some(1.0), Some(2.0)), Some(3.0));
        let one = Traffic {
            received: 1.0,
            sent: 2.0,
            packets: (3.0, 4.0),
            errors: (5.0, 6.0),
        };
        let mut two = one;
        two.add(&one);
        let mut errors = BTreeMap::new();
        two.put((None, None), |name, value| {
            errors.insert(name.to_owned(), value);
        });
        assert_eq!((errors["errors"], errors["errors-sent"]), (Some(22.0), Some(12.0)));
        assert_eq!(errors["received-rate"], None);
    }
}
