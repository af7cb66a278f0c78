//! What the server's process uses, as the system counts it.

use std::fs;
use std::time::{Duration, Instant};

/// Resident memory in KiB.
pub fn resident(pid: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).expect("the process runs");
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).expect("VmRSS");
    line.split_whitespace().nth(1).expect("KiB").parse().expect("a number")
}

/// Open files and sockets.
pub fn descriptors(pid: u32) -> usize {
    fs::read_dir(format!("/proc/{pid}/fd"))
        .expect("the process runs")
        .count()
}

/// Processor time used so far, in clock ticks (a hundredth of a second each, proc(5)).
pub fn processor_ticks(pid: u32) -> u64 {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).expect("the process runs");
    let (_, fields) = stat.rsplit_once(')').expect("a name in brackets");
    let fields: Vec<&str> = fields.split_whitespace().collect();
    // User and system time: fields 14 and 15 of the whole line.
    [11, 12]
        .iter()
        .map(|&at: &usize| fields[at].parse::<u64>().expect("ticks"))
        .sum()
}

/// Waits until it holds, for as long as 20 s.
#[track_caller]
pub fn until(what: &str, holds: impl Fn() -> bool) {
    let end = Instant::now() + Duration::from_secs(20);
    while !holds() {
        assert!(Instant::now() < end, "not so after 20 s: {what}");
        std::thread::sleep(Duration::from_millis(50));
    }
}
