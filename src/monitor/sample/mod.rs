//! The sampler: reads the host.
//!
//! sysinfo where it knows, `/proc`, `/sys` and statvfs where it does not; each file here reads one thing. What is parsed is
//! parsed by pure functions. What costs more than a sample may (the scan of processes, checks, the states of units) comes at
//! its own pace, through [`Readings`].

mod cpu;
mod disk;
mod disk_io;
mod draft;
mod kernel;
mod logins;
mod memory;
mod network;
mod pressure;
mod temperature;

use super::{Node, Readings, Stopwatch};
use cpu::Processors;
use disk_io::DiskIo;
use draft::Draft;
use memory::Ram;
use network::Network;
use std::time::{Duration, Instant};
use sysinfo::System;
use temperature::Temperatures;

/// Sampling closer together than this gives no rates.
const RATE_SECONDS_MIN: f64 = 0.2;

/// The id of this boot of the kernel; another after each reboot.
pub fn boot_id() -> Option<String> {
    let id = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?;
    Some(id.trim().to_owned()).filter(|id| !id.is_empty())
}

/// The operating system's name and version, as it calls itself.
pub fn operating_system() -> Option<String> {
    System::long_os_version().ok()
}

/// The program's own numbers, by the names of the catalogue's group `xmpp`.
pub type Counters = Box<dyn Fn() -> Vec<(&'static str, f64)> + Send>;

/// Reads the host. One sampler for all; at most two milliseconds of CPU a sample, and it says how much.
pub struct Sampler {
    processors: Processors,
    memory: Ram,
    io: DiskIo,
    network: Network,
    temperatures: Temperatures,
    counters: Counters,
    readings: Readings,
    started: Instant,
    last: Option<Instant>,
    cost: Option<Duration>,
}

impl Sampler {
    /// A sampler; the program's own numbers come from `counters`, what others measure from `readings`.
    pub fn new(counters: Counters, readings: Readings) -> Sampler {
        Sampler {
            processors: Processors::default(),
            memory: Ram::default(),
            io: DiskIo::default(),
            network: Network::default(),
            temperatures: Temperatures::default(),
            counters,
            readings,
            started: Instant::now(),
            last: None,
            cost: None,
        }
    }

    /// Takes a sample. Blocks for as long as `/proc` and `/sys` take to read.
    pub fn sample(&mut self) -> Vec<Node> {
        let watch = Stopwatch::start();
        let now = Instant::now();
        let elapsed = self
            .last
            .replace(now)
            .map(|last| now.duration_since(last).as_secs_f64());
        let mut draft = Draft::default();
        self.processors.read(&mut draft);
        self.memory.read(&mut draft);
        pressure::read(&mut draft);
        disk::read(&mut draft);
        self.io.read(elapsed, &mut draft);
        self.network.read(elapsed, &mut draft);
        self.temperatures.read(&mut draft);
        kernel::read(&mut draft);
        logins::read(&mut draft);
        self.own(&mut draft);
        for reading in self.readings.all() {
            draft.take(&reading);
        }
        self.cost = watch.elapsed().or(self.cost);
        draft.finish()
    }

    /// The hub's numbers, and what the sample before this one cost: this one's cost is not known yet.
    fn own(&self, draft: &mut Draft) {
        for (name, value) in (self.counters)() {
            draft.put("xmpp", name, Some(value));
        }
        draft.put("xmpp", "uptime", Some(self.started.elapsed().as_secs_f64().floor()));
        draft.put("xmpp", "memory", memory::resident_bytes());
        draft.put(
            "collector",
            "sample-cpu",
            self.cost.map(|cost| cost.as_secs_f64() * 1e3),
        );
    }
}

/// What a counter grew by each second; nothing for a first reading, too short a time, or one that has begun anew.
fn rate(before: Option<f64>, now: f64, seconds: Option<f64>) -> Option<f64> {
    let (before, seconds) = (before?, seconds?);
    (seconds >= RATE_SECONDS_MIN && now >= before).then(|| (now - before) / seconds)
}

/// A file of `/proc` or `/sys`; empty when there is none.
fn text(path: &str) -> String {
    std::fs::read_to_string(path).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::super::{Reading, Statistic};
    use super::*;

    fn value(nodes: &[Node], id: &str, name: &str) -> Option<f64> {
        let node = nodes.iter().find(|node| node.id == id)?;
        node.statistic(name).map(Statistic::value)
    }

    #[test]
    fn this_host_has_a_load_memory_and_a_root_disk() {
        let readings = Readings::default();
        let counters = || vec![("sessions", 3.0), ("unheard-of", 1.0)];
        let mut sampler = Sampler::new(Box::new(counters), readings.clone());
        let first = sampler.sample();
        for (id, name) in [
            ("cpu", "5-min"),
            ("memory", "percent"),
            ("memory", "cached"),
            ("disk//", "percent"),
            ("files", "open"),
            ("process", "threads"),
            ("uptime", "uptime"),
            ("uptime", "boot-time"),
        ] {
            assert!(value(&first, id, name).is_some(), "{id}#{name}");
        }
        assert_eq!(value(&first, "cpu", "usage"), None, "a first usage would be made up");
        assert_eq!(value(&first, "cpu", "user"), None, "and so would a share");
        assert_eq!(value(&first, "xmpp", "sessions"), Some(3.0));
        assert_eq!(value(&first, "xmpp", "unheard-of"), None);
        assert!(first.iter().all(|node| node.id != "network/lo"));
        assert_eq!(value(&first, "process", "zombies"), None, "nobody has scanned");

        let scan = Reading::new("process").with("zombies", 2.0).with("made-up", 1.0);
        readings.set("processes", vec![scan]);
        std::thread::sleep(Duration::from_millis(250));
        let second = sampler.sample();
        assert!(value(&second, "cpu", "usage").is_some());
        assert_eq!(value(&second, "process", "zombies"), Some(2.0));
        assert_eq!(value(&second, "process", "made-up"), None);
        let shares = ["user", "system", "iowait", "steal"].map(|name| value(&second, "cpu/0", name).expect(name));
        assert!(shares.iter().sum::<f64>() <= 100.5, "{shares:?}");
    }

    #[test]
    fn m19_no_rate_from_a_zero_interval_or_a_counter_that_went_back() {
        assert_eq!(rate(None, 1_000.0, Some(5.0)), None);
        assert_eq!(rate(Some(0.0), 1_000.0, None), None);
        assert_eq!(rate(Some(0.0), 1_000.0, Some(0.0)), None);
        assert_eq!(rate(Some(2_000.0), 1_000.0, Some(5.0)), None);
        assert_eq!(rate(Some(500.0), 1_000.0, Some(5.0)), Some(100.0));
    }

    #[test]
    #[ignore = "a measurement: on a host with many interfaces and sensors it tells about the host"]
    fn a_sample_costs_at_most_two_milliseconds_of_cpu() {
        let mut sampler = Sampler::new(Box::new(Vec::new), Readings::default());
        sampler.sample();
        let watch = Stopwatch::start();
        for _ in 0..50 {
            sampler.sample();
        }
        let each = watch.elapsed().expect("a kernel that counts") / 50;
        assert!(each < Duration::from_millis(2), "{each:?}");
    }
}
