//! The processes that use most. A scan of its own, made on demand: it costs far more than a sample.

use std::cmp::Ordering;
use std::time::{Duration, Instant};
use sysinfo::{ProcessRefreshKind, ProcessesToUpdate, System};

/// A scan younger than this answers again.
const FRESH: Duration = Duration::from_secs(5);
/// Time between the two readings that a CPU share needs.
const INTERVAL: Duration = Duration::from_millis(250);
/// A reading older than this makes a share of the distant past.
const STALE: Duration = Duration::from_secs(60);

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

/// The scanner.
#[derive(Default)]
pub struct Processes {
    system: Option<System>,
    scanned: Option<Instant>,
    list: Vec<Process>,
}

impl Processes {
    /// The processes that use most CPU, then most memory; at most `count`. Blocks for up to half a second.
    pub fn top(&mut self, count: usize) -> Vec<Process> {
        let age = self.scanned.map(|scanned| scanned.elapsed());
        if age.is_none_or(|age| age > FRESH) {
            self.scan(age.is_none_or(|age| age > STALE));
        }
        self.list.iter().take(count).cloned().collect()
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
        refresh(system);
        self.list = system.processes().values().filter_map(process).collect();
        self.list.sort_by(|a, b| {
            let by_cpu = b.cpu.partial_cmp(&a.cpu).unwrap_or(Ordering::Equal);
            by_cpu.then(b.memory.partial_cmp(&a.memory).unwrap_or(Ordering::Equal))
        });
        self.list.truncate(50);
        self.scanned = Some(Instant::now());
    }
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
        let mut processes = Processes::default();
        processes.top(3);
        let scanned = processes.scanned;
        assert!(processes.top(3).len() <= 3);
        assert_eq!(processes.scanned, scanned);
    }
}
