//! Who descends from a process: what has left its group (setsid) is still its child, or its child's.

use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};
use std::collections::BTreeMap;
use std::path::Path;

/// A process, told from later ones of the same number by the time of its start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Descendant {
    pid: i32,
    start: u64,
}

/// What `/proc/PID/stat` says of it (proc_pid_stat(5)).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Stat {
    parent: i32,
    start: u64,
}

impl Stat {
    fn parse(stat: &str) -> Option<Stat> {
        // The name may hold anything, brackets too.
        let (_, fields) = stat.rsplit_once(')')?;
        let mut fields = fields.split_ascii_whitespace();
        let parent = fields.nth(1)?.parse().ok()?;
        let start = fields.nth(17)?.parse().ok()?;
        Some(Stat { parent, start })
    }

    fn of(pid: i32) -> Option<Stat> {
        let stat = std::fs::read(Path::new("/proc").join(pid.to_string()).join("stat")).ok()?;
        Stat::parse(&String::from_utf8_lossy(&stat))
    }
}

/// All that descend from a process just now. Whose parent has ended is no longer known as one: init has adopted it.
pub(super) fn descendants(ancestor: i32) -> Vec<Descendant> {
    let entries = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    descend(ancestor, &pids.filter_map(|pid| Some((pid, Stat::of(pid)?))).collect())
}

fn descend(ancestor: i32, all: &BTreeMap<i32, Stat>) -> Vec<Descendant> {
    let mut found: Vec<Descendant> = Vec::new();
    let mut parents = vec![ancestor];
    while let Some(parent) = parents.pop() {
        let children = all.iter().filter(|(_, stat)| stat.parent == parent);
        for (&pid, stat) in children {
            // A number that came back while `/proc` was read could make a circle.
            if pid != ancestor && found.iter().all(|known| known.pid != pid) {
                found.push(Descendant { pid, start: stat.start });
                parents.push(pid);
            }
        }
    }
    found
}

impl Descendant {
    /// Signals it, if it is still there. It is held by a descriptor while that is looked at.
    pub(super) fn signal(&self, signal: Signal) {
        let held = Pid::from_raw(self.pid).and_then(|pid| pidfd_open(pid, PidfdFlags::empty()).ok());
        if let Some(held) = held
            && Stat::of(self.pid).is_some_and(|stat| stat.start == self.start)
        {
            // One that is gone already is as good.
            let _ = pidfd_send_signal(held, signal);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stat_is_read_behind_the_name_whatever_that_is() {
        let stat = "42 (a) 7 (b) S 17 42 42 0 -1 4194304 1 0 0 0 1 2 0 0 20 0 1 0 98765 1 1";
        assert_eq!(
            Stat::parse(stat),
            Some(Stat {
                parent: 17,
                start: 98_765
            })
        );
        for odd in ["", "42 (a", "42 (a) S", "42 (a) S x 1"] {
            assert_eq!(Stat::parse(odd), None, "{odd}");
        }
    }

    #[test]
    fn descent_goes_over_generations_and_never_in_a_circle() {
        let all = [(2, 1), (3, 2), (4, 3), (5, 1), (1, 4)];
        let all = all.map(|(pid, parent)| (pid, Stat { parent, start: 0 })).into();
        let mut pids: Vec<i32> = descend(2, &all).iter().map(|found| found.pid).collect();
        pids.sort_unstable();
        assert_eq!(pids, [1, 3, 4, 5]);
        assert!(descend(5, &all).is_empty());
    }
}
