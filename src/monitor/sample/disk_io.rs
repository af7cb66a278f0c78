//! What goes to and from whole disks: `/proc/diskstats` (the kernel's Documentation/admin-guide/iostats.rst).

use super::draft::Draft;
use super::{rate, text};
use std::collections::BTreeMap;

/// The unit of `/proc/diskstats`, whatever the disk's own sectors are.
const SECTOR_BYTES: f64 = 512.0;

/// What a disk has done since the boot.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Done {
    reads: f64,
    read_bytes: f64,
    writes: f64,
    written_bytes: f64,
    /// Milliseconds in which it had something to do.
    busy: f64,
}

impl Done {
    fn add(&mut self, other: &Done) {
        self.reads += other.reads;
        self.read_bytes += other.read_bytes;
        self.writes += other.writes;
        self.written_bytes += other.written_bytes;
        self.busy += other.busy;
    }

    fn put(&self, before: Option<&Done>, elapsed: Option<f64>, mut put: impl FnMut(&str, Option<f64>)) {
        let rate = |value: fn(&Done) -> f64| rate(before.map(value), value(self), elapsed);
        put("read", Some(self.read_bytes));
        put("written", Some(self.written_bytes));
        put("reads", Some(self.reads));
        put("writes", Some(self.writes));
        put("read-rate", rate(|done| done.read_bytes));
        put("write-rate", rate(|done| done.written_bytes));
        put("busy", rate(|done| done.busy).map(|milliseconds| milliseconds / 10.0));
    }
}

/// The disks that have ever done anything, by name. Partitions are left out by `is_disk`; loops, and disks in memory, are
/// somebody else's bytes.
fn disks(diskstats: &str, is_disk: impl Fn(&str) -> bool) -> BTreeMap<String, Done> {
    let made_up = |name: &str| ["loop", "ram", "zram"].iter().any(|head| name.starts_with(head));
    let disk = |line: &str| {
        let mut fields = line.split_whitespace().skip(2);
        let name = fields.next().filter(|name| !made_up(name) && is_disk(name))?;
        let numbers: Vec<f64> = fields.map_while(|field| field.parse().ok()).collect();
        let [reads, _, read, _, writes, _, written, _, _, busy] = *numbers.first_chunk::<10>()?;
        let done = Done {
            reads,
            read_bytes: read * SECTOR_BYTES,
            writes,
            written_bytes: written * SECTOR_BYTES,
            busy,
        };
        (reads + writes > 0.0).then(|| (name.to_owned(), done))
    };
    diskstats.lines().filter_map(disk).collect()
}

/// Whether its work is done by other disks in the table (device mapper, software RAID).
fn is_stacked(name: &str) -> bool {
    name.starts_with("dm-") || name.starts_with("md")
}

/// The reader.
#[derive(Default)]
pub(super) struct DiskIo {
    before: BTreeMap<String, Done>,
}

impl DiskIo {
    pub(super) fn read(&mut self, elapsed: Option<f64>, draft: &mut Draft) {
        let whole = |name: &str| std::fs::exists(["/sys/block/", name].concat()).unwrap_or(false);
        let now = disks(&text("/proc/diskstats"), whole);
        for (name, done) in &now {
            done.put(self.before.get(name), elapsed, |value, number| {
                draft.put_member("io", name, value, number);
            });
        }
        if let Some(all) = sum(&now) {
            all.put(sum(&self.before).as_ref(), elapsed, |value, number| {
                // The share of time of several disks is nobody's.
                draft.put("io", value, number.filter(|_| value != "busy"));
            });
        }
        self.before = now;
    }
}

fn sum(disks: &BTreeMap<String, Done>) -> Option<Done> {
    let own = disks.iter().filter(|(name, _)| !is_stacked(name)).map(|(_, done)| done);
    own.fold(None, |all: Option<Done>, done| {
        let mut all = all.unwrap_or_default();
        all.add(done);
        Some(all)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const TABLE: &str = "   7       0 loop0 5 0 5 0 0 0 0 0 0 0 0\n\
        \x20254       0 vda 10 1 200 3 20 2 400 5 0 600 700 0 0 0 0 1 1\n\
        \x20254       1 vda1 10 1 200 3 20 2 400 5 0 600 700\n\
        \x20253       0 dm-0 10 1 200 3 20 2 400 5 0 600 700\n\
        \x20  8       0 sda 0 0 0 0 0 0 0 0 0 0 0\n\
        nonsense\n   8  1\n   8 16 sdb 1 2 three\n";

    #[test]
    fn disks_are_whole_real_and_used() {
        let disks = disks(TABLE, |name| name != "vda1");
        assert_eq!(disks.keys().collect::<Vec<_>>(), ["dm-0", "vda"]);
        let vda = disks["vda"];
        assert_eq!((vda.reads, vda.read_bytes), (10.0, 102_400.0));
        assert_eq!((vda.writes, vda.written_bytes, vda.busy), (20.0, 204_800.0, 600.0));
        assert_eq!(sum(&disks), Some(vda), "what is stacked counts below");
        assert_eq!(sum(&BTreeMap::new()), None);
    }

    #[test]
    fn rates_are_by_the_second_and_busy_a_share_of_it() {
        let before = Done::default();
        let now = Done {
            read_bytes: 1_000.0,
            busy: 1_500.0,
            ..before
        };
        let mut values = BTreeMap::new();
        now.put(Some(&before), Some(5.0), |name, value| {
            values.insert(name.to_owned(), value);
        });
        assert_eq!((values["read-rate"], values["busy"]), (Some(200.0), Some(30.0)));
        now.put(None, Some(5.0), |name, value| {
            values.insert(name.to_owned(), value);
        });
        assert_eq!(
            (values["read-rate"], values["busy"], values["read"]),
            (None, None, Some(1_000.0))
        );
    }
}
