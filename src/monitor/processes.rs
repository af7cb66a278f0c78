//! The processes: how many, how many zombies, which use most. A scan of its own, apart from the samples: it costs far
//! more than one.

use super::{Reading, Readings, Stopwatch};
use std::cmp::Ordering;
use std::time::{Duration, Instant};
use sysinfo::{ProcessRefreshKind, ProcessStatus, ProcessesToUpdate, System};

/// Who made the readings.
const MAKER: &str = "processes";
/// Between two scans that nobody asked for; who asks is given a list as old as that.
pub const SCAN_INTERVAL: Duration = Duration::from_secs(30);
/// Where an alert is to name its culprits, the list is no older than this.
const CULPRITS_AGE: Duration = Duration::from_secs(5);
/// Time between the two readings that a CPU share needs.
const INTERVAL: Duration = Duration::from_millis(250);
/// A reading older than this makes a share of the distant past.
const STALE: Duration = Duration::from_secs(60);
/// Processes kept of each order.
const KEPT: usize = 50;

/// One process. Its name only: arguments and environment carry secrets and are never read.
#[derive(Clone, Debug, PartialEq)]
pub struct Process {
    /// Process id.
    pub pid: u32,
    /// The kernel's name of it (`comm`).
    pub name: String,
    /// Share of one core, percent; over 100 with several threads.
    pub cpu: f64,
    /// Resident memory, bytes.
    pub memory: f64,
}

/// By what processes are ordered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Order {
    /// Most CPU first, then most memory.
    #[default]
    Cpu,
    /// Most memory first, then most CPU.
    Memory,
}

impl Order {
    fn compare(self, a: &Process, b: &Process) -> Ordering {
        let (cpu, memory) = (b.cpu.total_cmp(&a.cpu), b.memory.total_cmp(&a.memory));
        match self {
            Order::Cpu => cpu.then(memory),
            Order::Memory => memory.then(cpu),
        }
    }
}

/// The scanner. What a scan finds goes to the readings, too: numbers, no names.
#[derive(Default)]
pub struct Processes {
    system: Option<System>,
    scanned: Option<Instant>,
    list: Vec<Process>,
    readings: Readings,
}

impl Processes {
    /// A scanner that has found nothing yet.
    pub fn new(readings: Readings) -> Processes {
        Processes {
            readings,
            ..Processes::default()
        }
    }

    /// The processes that use most, at most `count`, as of the last half minute. Blocks for up to half a second.
    pub fn top(&mut self, order: Order, count: usize) -> Vec<Process> {
        self.refresh(SCAN_INTERVAL);
        let mut list = self.list.clone();
        list.sort_by(|a, b| order.compare(a, b));
        list.truncate(count);
        list
    }

    /// The processes that use most CPU just now. Blocks for up to half a second.
    pub fn culprits(&mut self, count: usize) -> Vec<Process> {
        self.refresh(CULPRITS_AGE);
        self.top(Order::Cpu, count)
    }

    /// Scans, unless the last scan is younger than that.
    pub fn refresh(&mut self, age_max: Duration) {
        let age = self.scanned.map(|scanned| scanned.elapsed());
        if age.is_none_or(|age| age >= age_max) {
            self.scan(age.is_none_or(|age| age > STALE));
        }
    }

    fn scan(&mut self, twice: bool) {
        if self.system.is_none() {
            self.system = System::new().ok();
        }
        let Some(system) = &mut self.system else { return };
        if twice {
            refresh(system);
            std::thread::sleep(INTERVAL);
        }
        let watch = Stopwatch::start();
        refresh(system);
        let all: Vec<Process> = system.processes().values().filter_map(process).collect();
        let zombies = system
            .processes()
            .values()
            .filter(|process| process.status() == ProcessStatus::Zombie);
        let (count, zombies) = (system.processes().len(), zombies.count());
        self.list = heaviest(all);
        self.scanned = Some(Instant::now());
        let cost = watch.elapsed().map(|cost| cost.as_secs_f64() * 1e3);
        self.tell(count, zombies, cost);
    }

    fn tell(&self, count: usize, zombies: usize, cost: Option<f64>) {
        let greatest = |value: fn(&Process) -> f64| self.list.iter().map(value).reduce(f64::max);
        let found = Reading::new("process")
            .with("count", count as f64)
            .with("zombies", zombies as f64)
            .with_some("top-cpu", greatest(|process| process.cpu))
            .with_some("top-memory", greatest(|process| process.memory));
        let own = Reading::new("collector").with_some("scan-cpu", cost);
        self.readings.set(MAKER, vec![found, own]);
    }
}

/// Those that use most of the one or of the other.
fn heaviest(mut all: Vec<Process>) -> Vec<Process> {
    all.sort_by(|a, b| Order::Cpu.compare(a, b));
    let mut rest = all.split_off(all.len().min(KEPT));
    rest.sort_by(|a, b| Order::Memory.compare(a, b));
    all.extend(rest.into_iter().take(KEPT));
    all
}

fn refresh(system: &mut System) {
    let kind = ProcessRefreshKind::nothing().with_cpu().with_memory().without_tasks();
    system.refresh_processes_specifics(ProcessesToUpdate::All, true, kind);
}

fn process(process: &sysinfo::Process) -> Option<Process> {
    let cpu = f64::from(process.cpu_usage());
    cpu.is_finite().then(|| Process {
        pid: process.pid().as_u32(),
        name: process
            .name()
            .to_string_lossy()
            .chars()
            .map(|c| if c.is_control() { '\u{FFFD}' } else { c })
            .collect(),
        cpu,
        memory: process.memory() as f64,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn m17_this_very_process_is_found_by_name_without_its_arguments() {
        let mut processes = Processes::default();
        processes.scan(false);
        let own = processes
            .system
            .as_ref()
            .expect("a system")
            .process(sysinfo::get_current_pid().expect("a process id"));
        let own = process(own.expect("found")).expect("finite");
        assert!(own.memory > 0.0);
        assert!(!own.name.contains("--"), "{}", own.name);
    }

    #[test]
    fn m18_a_fresh_scan_answers_again() {
        let readings = Readings::default();
        let mut processes = Processes::new(readings.clone());
        assert!(processes.top(Order::Cpu, 3).len() <= 3);
        let scanned = processes.scanned;
        processes.culprits(3);
        assert!(
            processes
                .top(Order::Memory, 3)
                .is_sorted_by(|a, b| a.memory >= b.memory)
        );
        assert_eq!(processes.scanned, scanned);
        let all = readings.all();
        assert!(
            all[0]
                .values
                .iter()
                .any(|(name, count)| *name == "count" && *count >= 1.0)
        );
        assert!(
            all.iter().all(|reading| reading.detail.is_none()),
            "names are not for everybody"
        );
    }

    #[test]
    fn the_heaviest_in_memory_are_kept_beside_the_busiest() {
        let process = |pid: u32, cpu: f64, memory: f64| Process {
            pid,
            name: "x".to_owned(),
            cpu,
            memory,
        };
        let mut all: Vec<Process> = (0..200).map(|n| process(n, f64::from(n), 1.0)).collect();
        all.push(process(900, 0.0, 9e9));
        let kept = heaviest(all);
        assert_eq!(kept.len(), 2 * KEPT);
        assert_eq!((kept[0].pid, kept[KEPT].pid), (199, 900));
    }

    #[test]
    fn a_scan_leaves_no_file_open() {
        let open = || std::fs::read_dir("/proc/self/fd").expect("proc").flatten();
        let mut processes = Processes::default();
        processes.scan(false);
        let stats = open().filter_map(|entry| std::fs::read_link(entry.path()).ok());
        let stats = stats
            .filter(|path| path.starts_with("/proc") && path.ends_with("stat"))
            .count();
        assert!(stats <= 2, "{stats} files of processes are open");
    }
}
