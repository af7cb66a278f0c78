//! CPUs: sysinfo has load and usage; `/proc/stat` has what the time was spent on.

use super::draft::Draft;
use super::text;
use std::collections::BTreeMap;
use sysinfo::System;

/// What the time of a CPU was spent on since the boot, in ticks (proc_stat(5)).
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Times {
    /// Programs, niced ones too.
    user: f64,
    /// The kernel, interrupts too.
    system: f64,
    /// Idle, while a disk was waited for.
    iowait: f64,
    /// Given to other guests of the hypervisor.
    steal: f64,
    total: f64,
}

impl Times {
    fn parse(fields: &str) -> Option<Times> {
        let numbers: Vec<f64> = fields
            .split_whitespace()
            .map_while(|field| field.parse().ok())
            .collect();
        // The guests' time, after these, is part of `user` already.
        let [user, nice, system, _idle, iowait, irq, softirq, steal] = *numbers.first_chunk::<8>()?;
        Some(Times {
            user: user + nice,
            system: system + irq + softirq,
            iowait,
            steal,
            total: numbers[..8].iter().sum(),
        })
    }

    /// Shares of the time since `before`, percent; none when no time has passed, or the counters began anew.
    fn shares(&self, before: &Times) -> Option<[(&'static str, f64); 4]> {
        let total = self.total - before.total;
        // A single counter may go back a little (proc_stat(5), iowait).
        let share = |now: f64, before: f64| 100.0 * (now - before).max(0.0) / total;
        (total > 0.0).then(|| {
            [
                ("user", share(self.user, before.user)),
                ("system", share(self.system, before.system)),
                ("iowait", share(self.iowait, before.iowait)),
                ("steal", share(self.steal, before.steal)),
            ]
        })
    }
}

/// All CPUs together (`None`), and each by its number.
fn times(stat: &str) -> BTreeMap<Option<u32>, Times> {
    let cpu = |line: &str| {
        let (name, fields) = line.strip_prefix("cpu")?.split_once(' ')?;
        let number = match name {
            "" => None,
            number => Some(number.parse().ok()?),
        };
        Some((number, Times::parse(fields)?))
    };
    stat.lines().filter_map(cpu).collect()
}

/// The reader.
pub(super) struct Processors {
    system: Option<System>,
    before: BTreeMap<Option<u32>, Times>,
}

impl Default for Processors {
    fn default() -> Processors {
        Processors {
            system: System::new().ok(),
            before: BTreeMap::new(),
        }
    }
}

impl Processors {
    pub(super) fn read(&mut self, draft: &mut Draft) {
        let now = times(&text("/proc/stat"));
        self.usage(draft);
        for (number, times) in &now {
            let shares = self.before.get(number).and_then(|before| times.shares(before));
            for (name, share) in shares.into_iter().flatten() {
                match number {
                    Some(number) => draft.put_member("cpu", &number.to_string(), name, Some(share)),
                    None => draft.put("cpu", name, Some(share)),
                }
            }
        }
        self.before = now;
    }

    fn usage(&mut self, draft: &mut Draft) {
        let Some(system) = &mut self.system else { return };
        system.refresh_cpu_usage();
        let cores = system.cpus().len() as f64;
        draft.put("cpu", "cores", Some(cores).filter(|cores| *cores > 0.0));
        if let Ok(load) = System::load_average() {
            draft.put("cpu", "1-min", Some(load.one));
            draft.put("cpu", "5-min", Some(load.five));
            draft.put("cpu", "15-min", Some(load.fifteen));
            draft.put("cpu", "load-per-core", Some(load.five / cores));
        }
        // A usage is a difference: the first sample has none.
        if !self.before.is_empty() {
            draft.put("cpu", "usage", Some(f64::from(system.global_cpu_usage())));
            for (index, cpu) in system.cpus().iter().enumerate() {
                draft.put_member("cpu", &index.to_string(), "usage", Some(f64::from(cpu.usage())));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_what_the_time_since_the_last_reading_was_spent_on() {
        let before = times("cpu  100 0 100 700 100 0 0 0 0 0\ncpu0 100 0 100 700 100 0 0 0 0 0\nintr 1 2\n");
        let now = times("cpu  120 10 105 730 120 3 2 10 7 0\ncpu0 100 0 100 700 100 0 0 0 0 0\ncpu7 1 1 1 1 1 1 1 1\n");
        assert_eq!(now.len(), 3);
        let shares = now[&None].shares(&before[&None]).expect("time has passed");
        assert_eq!(
            shares,
            [("user", 30.0), ("system", 10.0), ("iowait", 20.0), ("steal", 10.0)]
        );
        assert_eq!(now[&Some(0)].shares(&before[&Some(0)]), None, "no time has passed");
    }

    #[test]
    fn m19_a_counter_that_goes_back_is_no_negative_share() {
        let before = times("cpu 100 0 100 700 100 0 0 0\n");
        let after = times("cpu 110 0 100 800 90 0 0 0\n")[&None];
        assert_eq!(after.shares(&before[&None]).map(|shares| shares[2].1), Some(0.0));
        let rebooted = times("cpu 1 0 1 7 1 0 0 0\n")[&None];
        assert_eq!(rebooted.shares(&before[&None]), None);
    }

    #[test]
    fn lines_that_are_no_cpu_s_are_passed_over() {
        for odd in [
            "",
            "cpu",
            "cpu 1 2 3",
            "cpux 1 2 3 4 5 6 7 8",
            "cpufreq 1 1 1 1 1 1 1 1",
            "cpu a b",
        ] {
            assert!(times(odd).is_empty(), "{odd:?}");
        }
    }
}
