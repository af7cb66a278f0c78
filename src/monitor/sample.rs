//! The sampler: reads the host.

use super::catalogue::{Definition, GROUPS, Group, group};
use super::disk::{self, Space};
use super::{Node, Statistic};
use std::collections::BTreeMap;
use std::path::Path;
use std::time::Instant;
use sysinfo::{Components, MemoryRefreshKind, Networks, System};

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

/// What the next sample is compared with.
struct Last {
    at: Instant,
    /// Bytes received and sent, by interface.
    bytes: BTreeMap<String, (f64, f64)>,
}

/// Reads the host: sysinfo where it knows, `/proc` and statvfs where it does not. One sampler for all; less
/// than a millisecond of CPU a sample.
pub struct Sampler {
    system: Option<System>,
    networks: Option<Networks>,
    components: Option<Components>,
    counters: Counters,
    started: Instant,
    last: Option<Last>,
}

impl Sampler {
    /// A sampler; the program's own numbers come from `counters`.
    pub fn new(counters: Counters) -> Sampler {
        Sampler {
            system: System::new().ok(),
            networks: Networks::new().ok(),
            components: Components::new().ok(),
            counters,
            started: Instant::now(),
            last: None,
        }
    }

    /// Takes a sample. Blocks for as long as `/proc` and `/sys` take to read.
    pub fn sample(&mut self) -> Vec<Node> {
        let now = Instant::now();
        let mut sample = Sample::default();
        self.processors(&mut sample);
        self.memory(&mut sample);
        disks(&mut sample);
        self.traffic(now, &mut sample);
        self.temperatures(&mut sample);
        processes(&mut sample);
        sample.put("uptime", "uptime", System::uptime().ok().map(|seconds| seconds as f64));
        self.own(&mut sample);
        sample.finish()
    }

    fn processors(&mut self, sample: &mut Sample) {
        let Some(system) = &mut self.system else { return };
        system.refresh_cpu_usage();
        let cores = system.cpus().len() as f64;
        sample.put("cpu", "cores", Some(cores).filter(|cores| *cores > 0.0));
        if let Ok(load) = System::load_average() {
            sample.put("cpu", "1-min", Some(load.one));
            sample.put("cpu", "5-min", Some(load.five));
            sample.put("cpu", "15-min", Some(load.fifteen));
            sample.put("cpu", "load-per-core", Some(load.five / cores));
        }
        // A usage is a difference: the first sample has none.
        if self.last.is_some() {
            sample.put("cpu", "usage", Some(f64::from(system.global_cpu_usage())));
            for (index, cpu) in system.cpus().iter().enumerate() {
                sample.put_member("cpu", &index.to_string(), "usage", Some(f64::from(cpu.usage())));
            }
        }
    }

    fn memory(&mut self, sample: &mut Sample) {
        let Some(system) = &mut self.system else { return };
        system.refresh_memory_specifics(MemoryRefreshKind::nothing().with_ram().with_swap());
        let (total, available) = (system.total_memory() as f64, system.available_memory() as f64);
        if total > 0.0 {
            sample.put("memory", "total", Some(total));
            sample.put("memory", "used", Some(total - available));
            sample.put("memory", "available", Some(available));
            sample.put("memory", "percent", Some(100.0 * (total - available) / total));
            sample.put("memory", "available-percent", Some(100.0 * available / total));
            let (swap, used) = (system.total_swap() as f64, system.used_swap() as f64);
            sample.put("swap", "total", Some(swap));
            sample.put("swap", "used", Some(used));
            sample.put("swap", "percent", (swap > 0.0).then(|| 100.0 * used / swap));
        }
    }

    fn traffic(&mut self, now: Instant, sample: &mut Sample) {
        let Some(networks) = &mut self.networks else { return };
        networks.refresh(true);
        let before = self.last.take();
        let mut bytes = BTreeMap::new();
        let mut all = Traffic::default();
        for (name, data) in networks.iter().filter(|(name, _)| *name != "lo") {
            let name = name.to_string_lossy().into_owned();
            let mut traffic = Traffic {
                received: data.total_received() as f64,
                sent: data.total_transmitted() as f64,
                rates: None,
                packets: (
                    data.total_packets_received() as f64,
                    data.total_packets_transmitted() as f64,
                ),
                errors: (data.total_errors_on_received() + data.total_errors_on_transmitted()) as f64,
            };
            if let Some(before) = &before
                && let Some(bytes) = before.bytes.get(&name)
            {
                traffic.measure(*bytes, now.duration_since(before.at).as_secs_f64());
            }
            all.add(&traffic);
            traffic.put(|value, number| sample.put_member("network", &name, value, number));
            bytes.insert(name, (traffic.received, traffic.sent));
        }
        if !bytes.is_empty() {
            all.put(|value, number| sample.put("network", value, number));
        }
        self.last = Some(Last { at: now, bytes });
    }

    fn temperatures(&mut self, sample: &mut Sample) {
        let Some(components) = &mut self.components else { return };
        components.refresh(true);
        let mut highest: Option<f64> = None;
        for component in components.iter() {
            let Some(current) = component.temperature().map(f64::from).filter(|value| value.is_finite()) else {
                continue;
            };
            highest = Some(highest.map_or(current, |highest| highest.max(current)));
            let name = member_name(component.label());
            sample.put_member("temperature", &name, "current", Some(current));
            sample.put_member("temperature", &name, "critical", component.critical().map(f64::from));
        }
        sample.put("temperature", "highest", highest);
    }

    fn own(&self, sample: &mut Sample) {
        for (name, value) in (self.counters)() {
            sample.put("xmpp", name, Some(value));
        }
        sample.put("xmpp", "uptime", Some(self.started.elapsed().as_secs_f64().floor()));
        sample.put("xmpp", "memory", resident_bytes());
    }
}

/// `coretemp Core 0` as a node name: `coretemp-core-0`.
fn member_name(label: &str) -> String {
    let word = |c: char| {
        if c.is_alphanumeric() {
            c.to_ascii_lowercase()
        } else {
            '-'
        }
    };
    label.trim().chars().map(word).collect()
}

/// The program's own resident memory (proc_pid_status(5)).
fn resident_bytes() -> Option<f64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kilobytes: f64 = line.trim().strip_suffix(" kB")?.parse().ok()?;
    Some(kilobytes * 1024.0)
}

fn disks(sample: &mut Sample) {
    let table = std::fs::read_to_string("/proc/self/mounts").unwrap_or_default();
    let mut all: Option<Space> = None;
    for mount in disk::mounts(&table) {
        if let Some(space) = disk::space(&mount) {
            put_space(&space, |value, number| sample.put_member("disk", &mount, value, number));
            all = Some(all.map_or(space, |all| all.plus(space)));
        }
    }
    if let Some(all) = all {
        put_space(&all, |value, number| sample.put("disk", value, number));
    }
}

fn put_space(space: &Space, mut put: impl FnMut(&str, Option<f64>)) {
    put("total", Some(space.total));
    put("used", Some(space.used));
    put("free", Some(space.free));
    put("percent", Some(space.percent()));
    put("inodes-percent", space.inodes_percent());
}

fn processes(sample: &mut Sample) {
    let loads = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let (running, threads) = tasks(&loads);
    sample.put("process", "running", running);
    sample.put("process", "threads", threads);
    sample.put("process", "count", count_processes(Path::new("/proc")));
}

/// Running and existing tasks: the fourth field of `/proc/loadavg` (proc_loadavg(5)).
fn tasks(loads: &str) -> (Option<f64>, Option<f64>) {
    let field = loads.split(' ').nth(3).and_then(|field| field.split_once('/'));
    let number = |text: &str| text.parse().ok();
    field.map_or((None, None), |(running, threads)| (number(running), number(threads)))
}

/// Entries of `/proc` that are process ids.
fn count_processes(proc: &Path) -> Option<f64> {
    let entries = std::fs::read_dir(proc).ok()?;
    let numeric = |name: &std::ffi::OsStr| name.as_encoded_bytes().iter().all(u8::is_ascii_digit);
    Some(entries.flatten().filter(|entry| numeric(&entry.file_name())).count() as f64)
}

/// What went over an interface, or all of them.
#[derive(Clone, Copy, Debug, Default)]
struct Traffic {
    received: f64,
    sent: f64,
    /// Bytes each second, received and sent.
    rates: Option<(f64, f64)>,
    packets: (f64, f64),
    errors: f64,
}

impl Traffic {
    fn measure(&mut self, before: (f64, f64), seconds: f64) {
        let (received, sent) = (self.received - before.0, self.sent - before.1);
        if seconds >= RATE_SECONDS_MIN && received >= 0.0 && sent >= 0.0 {
            self.rates = Some((received / seconds, sent / seconds));
        }
    }

    fn add(&mut self, other: &Traffic) {
        self.received += other.received;
        self.sent += other.sent;
        self.packets = (self.packets.0 + other.packets.0, self.packets.1 + other.packets.1);
        self.errors += other.errors;
        if let Some((received, sent)) = other.rates {
            let (r, s) = self.rates.unwrap_or_default();
            self.rates = Some((r + received, s + sent));
        }
    }

    fn put(&self, mut put: impl FnMut(&str, Option<f64>)) {
        put("received", Some(self.received));
        put("sent", Some(self.sent));
        put("received-rate", self.rates.map(|rates| rates.0));
        put("sent-rate", self.rates.map(|rates| rates.1));
        put("packets-received", Some(self.packets.0));
        put("packets-sent", Some(self.packets.1));
        put("errors", Some(self.errors));
    }
}

/// Values on their way to nodes. What the catalogue does not know is dropped.
#[derive(Default)]
struct Sample {
    groups: BTreeMap<&'static str, Vec<Statistic>>,
    members: BTreeMap<&'static str, Vec<(String, Vec<Statistic>)>>,
}

impl Sample {
    fn put(&mut self, node: &str, name: &str, value: Option<f64>) {
        if let Some(group) = group(node)
            && let Some(statistic) = statistic(group.statistic(name), value)
        {
            self.groups.entry(group.node).or_default().push(statistic);
        }
    }

    fn put_member(&mut self, node: &str, member: &str, name: &str, value: Option<f64>) {
        let Some(group) = group(node) else { return };
        let Some(statistic) = statistic(group.member(name), value) else {
            return;
        };
        let members = self.members.entry(group.node).or_default();
        match members.iter_mut().find(|(known, _)| known == member) {
            Some((_, statistics)) => statistics.push(statistic),
            None => members.push((member.to_owned(), vec![statistic])),
        }
    }

    fn finish(mut self) -> Vec<Node> {
        let mut nodes = Vec::new();
        for group in GROUPS {
            if let Some(mut statistics) = self.groups.remove(group.node) {
                sort(&mut statistics, group.statistics);
                nodes.push(Node {
                    id: group.node.to_owned(),
                    title: group.title.to_owned(),
                    statistics,
                });
            }
            let members = self.members.remove(group.node).unwrap_or_default();
            nodes.extend(
                members
                    .into_iter()
                    .map(|(name, statistics)| member(group, &name, statistics)),
            );
        }
        nodes
    }
}

fn member(group: &Group, name: &str, mut statistics: Vec<Statistic>) -> Node {
    sort(&mut statistics, group.members);
    Node {
        id: [group.node, "/", name].concat(),
        title: [group.member_title, " ", name].concat(),
        statistics,
    }
}

fn statistic(definition: Option<&'static Definition>, value: Option<f64>) -> Option<Statistic> {
    Statistic::new(definition?, value?)
}

fn sort(statistics: &mut [Statistic], order: &[Definition]) {
    statistics.sort_by_key(|statistic| order.iter().position(|definition| definition == statistic.definition));
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn this_host_has_a_load_memory_and_a_root_disk() {
        let mut sampler = Sampler::new(Box::new(|| vec![("sessions", 3.0), ("unheard-of", 1.0)]));
        let first = sampler.sample();
        let value = |nodes: &[Node], id: &str, name: &str| {
            let node = nodes.iter().find(|node| node.id == id)?;
            node.statistic(name).map(Statistic::value)
        };
        for (id, name) in [
            ("cpu", "5-min"),
            ("memory", "percent"),
            ("disk//", "percent"),
            ("uptime", "uptime"),
        ] {
            assert!(value(&first, id, name).is_some(), "{id}#{name}");
        }
        assert_eq!(value(&first, "cpu", "usage"), None, "a first usage would be made up");
        assert_eq!(value(&first, "xmpp", "sessions"), Some(3.0));
        assert_eq!(value(&first, "xmpp", "unheard-of"), None);
        assert!(first.iter().all(|node| node.id != "network/lo"));
        assert!(value(&sampler.sample(), "cpu", "usage").is_some());
    }

    #[test]
    fn m19_no_rate_from_a_zero_interval_or_a_counter_that_went_back() {
        let mut traffic = Traffic {
            received: 1_000.0,
            sent: 500.0,
            ..Traffic::default()
        };
        traffic.measure((0.0, 0.0), 0.0);
        assert_eq!(traffic.rates, None);
        traffic.measure((2_000.0, 0.0), 5.0);
        assert_eq!(traffic.rates, None);
        traffic.measure((500.0, 0.0), 5.0);
        assert_eq!(traffic.rates, Some((100.0, 100.0)));
    }

    #[test]
    fn odd_proc_files_give_no_value() {
        assert_eq!(tasks("0.35 0.30 0.34 1/95 17411"), (Some(1.0), Some(95.0)));
        for odd in ["", "0.35", "0.35 0.30 0.34 x 1"] {
            assert_eq!(tasks(odd), (None, None), "{odd}");
        }
        assert_eq!(count_processes(Path::new("/nonexistent")), None);
        assert_eq!(member_name("coretemp Core 0"), "coretemp-core-0");
    }

    /// CPU time of this thread: the first number of its schedstat, nanoseconds.
    fn cpu_time() -> Duration {
        let stat = std::fs::read_to_string("/proc/thread-self/schedstat").expect("a kernel that counts");
        Duration::from_nanos(stat.split(' ').next().and_then(|ns| ns.parse().ok()).expect("a number"))
    }

    #[test]
    #[ignore = "a measurement: on a host with many interfaces and sensors it tells about the host"]
    fn a_sample_costs_at_most_two_milliseconds_of_cpu() {
        let mut sampler = Sampler::new(Box::new(Vec::new));
        sampler.sample();
        let start = cpu_time();
        for _ in 0..50 {
            sampler.sample();
        }
        let each = (cpu_time() - start) / 50;
        assert!(each < Duration::from_millis(2), "{each:?}");
    }
}
