//! Memory and swap: sysinfo; what is cached: proc_meminfo(5); the program's own: proc_pid_status(5).

use super::draft::Draft;
use super::text;
use sysinfo::{MemoryRefreshKind, System};

/// The reader.
pub(super) struct Ram(Option<System>);

impl Default for Ram {
    fn default() -> Ram {
        Ram(System::new().ok())
    }
}

impl Ram {
    pub(super) fn read(&mut self, draft: &mut Draft) {
        let Some(system) = &mut self.0 else { return };
        system.refresh_memory_specifics(MemoryRefreshKind::nothing().with_ram().with_swap());
        let (total, available) = (system.total_memory() as f64, system.available_memory() as f64);
        if total <= 0.0 {
            return;
        }
        draft.put("memory", "total", Some(total));
        draft.put("memory", "used", Some(total - available));
        draft.put("memory", "available", Some(available));
        draft.put("memory", "percent", Some(100.0 * (total - available) / total));
        draft.put("memory", "available-percent", Some(100.0 * available / total));
        let meminfo = text("/proc/meminfo");
        draft.put("memory", "free", field(&meminfo, "MemFree"));
        draft.put("memory", "cached", field(&meminfo, "Cached"));
        draft.put("memory", "buffers", field(&meminfo, "Buffers"));
        let (swap, used) = (system.total_swap() as f64, system.used_swap() as f64);
        draft.put("swap", "total", Some(swap));
        draft.put("swap", "used", Some(used));
        draft.put("swap", "percent", (swap > 0.0).then(|| 100.0 * used / swap));
    }
}

/// A line `NAME:   NUMBER kB`, in bytes.
fn field(text: &str, name: &str) -> Option<f64> {
    let value = |line: &str| line.strip_prefix(name)?.strip_prefix(':').map(str::to_owned);
    let kilobytes: f64 = text.lines().find_map(value)?.trim().strip_suffix(" kB")?.parse().ok()?;
    Some(kilobytes * 1024.0)
}

/// The program's own resident memory.
pub(super) fn resident_bytes() -> Option<f64> {
    field(&text("/proc/self/status"), "VmRSS")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_is_found_by_its_whole_name() {
        let text = "MemTotal:  100 kB\nSwapCached:  7 kB\nCached:        3 kB\nHugePages_Total:   2\nDirty: x kB\n";
        assert_eq!(field(text, "Cached"), Some(3_072.0));
        assert_eq!(field(text, "Mem"), None);
        assert_eq!(field(text, "HugePages_Total"), None);
        assert_eq!(field(text, "Dirty"), None);
    }
}
