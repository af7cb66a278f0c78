//! File systems: `/proc/self/mounts` and statvfs.
//!
//! Not sysinfo's list: that one stats every mount point, network file systems too, and one dead server would stop all
//! sampling; and statvfs tells the inodes in the same call.

use super::draft::Draft;
use super::text;
use std::collections::BTreeSet;
use std::path::Path;

/// What holds no data of its own, or is another host's.
const SKIPPED: &[&str] = &[
    "9p",
    "afs",
    "autofs",
    "bpf",
    "ceph",
    "cgroup",
    "cgroup2",
    "cifs",
    "configfs",
    "debugfs",
    "devpts",
    "devtmpfs",
    "efivarfs",
    "fusectl",
    "hugetlbfs",
    "iso9660",
    "mqueue",
    "ncpfs",
    "nfs",
    "nfs4",
    "nsfs",
    "proc",
    "pstore",
    "ramfs",
    "rpc_pipefs",
    "securityfs",
    "smb3",
    "smbfs",
    "squashfs",
    "sysfs",
    "tmpfs",
    "tracefs",
    "udf",
];

/// Bytes and inodes of a file system; what it does not count is `None`.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Space {
    /// All bytes.
    pub total: f64,
    /// Bytes in use.
    pub used: f64,
    /// Bytes that an unprivileged process may still fill.
    pub free: f64,
    /// Inodes: all and in use.
    pub inodes: Option<(f64, f64)>,
}

pub(super) fn read(draft: &mut Draft) {
    let mut all: Option<Space> = None;
    for mount in mounts(&text("/proc/self/mounts")) {
        if let Some(space) = space(&mount) {
            space.put(|value, number| draft.put_member("disk", &mount, value, number));
            all = Some(all.map_or(space, |all| all.plus(space)));
        }
    }
    if let Some(all) = all {
        all.put(|value, number| draft.put("disk", value, number));
    }
}

/// The mount points worth watching in a mount table (proc_mounts(5)). A device that is mounted several times (bind mounts) counts once, at its
/// shortest mount point; an overlay or a FUSE file system counts only as the root.
fn mounts(table: &str) -> Vec<String> {
    let mut entries: Vec<(String, String)> = table
        .lines()
        .filter_map(|line| {
            let mut fields = line.split(' ');
            let (device, point, kind) = (fields.next()?, fields.next()?, fields.next()?);
            let point = unescape(point);
            is_watched(device, &point, kind).then(|| (device.to_owned(), point))
        })
        .collect();
    entries.sort_by(|a, b| (a.1.len(), &a.1).cmp(&(b.1.len(), &b.1)));
    let mut devices = BTreeSet::new();
    entries
        .into_iter()
        .filter(|(device, _)| devices.insert(device.clone()))
        .map(|(_, point)| point)
        .collect()
}

fn is_watched(device: &str, point: &str, kind: &str) -> bool {
    if SKIPPED.contains(&kind) {
        return false;
    }
    // Containers bind files such as /etc/hosts from the host's disk.
    let hidden = [
        "/proc/",
        "/sys/",
        "/dev/",
        "/run/",
        "/etc/",
        "/snap/",
        "/var/lib/docker/",
    ];
    let own = device.starts_with('/') || matches!(kind, "btrfs" | "zfs" | "bcachefs");
    point == "/" || (own && kind != "overlay" && !hidden.iter().any(|head| point.starts_with(head)))
}

/// `\040` and the like (proc_mounts(5)).
fn unescape(field: &str) -> String {
    [("\\040", " "), ("\\011", "\t"), ("\\012", "\n"), ("\\134", "\\")]
        .iter()
        .fold(field.to_owned(), |text, (code, character)| {
            text.replace(code, character)
        })
}

/// Asks the kernel; `None` when the file system does not answer or has no size.
fn space(mount: &str) -> Option<Space> {
    let stat = rustix::fs::statvfs(Path::new(mount)).ok()?;
    let block = stat.f_frsize as f64;
    let total = stat.f_blocks as f64 * block;
    (total > 0.0).then(|| Space {
        total,
        used: stat.f_blocks.saturating_sub(stat.f_bfree) as f64 * block,
        free: stat.f_bavail as f64 * block,
        inodes: (stat.f_files > 0).then(|| (stat.f_files as f64, stat.f_files.saturating_sub(stat.f_ffree) as f64)),
    })
}

impl Space {
    fn put(&self, mut put: impl FnMut(&str, Option<f64>)) {
        put("total", Some(self.total));
        put("used", Some(self.used));
        put("free", Some(self.free));
        put("percent", Some(self.percent()));
        put("inodes", self.inodes.map(|(total, _)| total));
        put("inodes-used", self.inodes.map(|(_, used)| used));
        put("inodes-percent", self.inodes_percent());
    }

    /// Used share of what unprivileged processes may use, as df(1) has it.
    fn percent(&self) -> f64 {
        100.0 * self.used / (self.used + self.free)
    }

    /// Used share of the inodes.
    fn inodes_percent(&self) -> Option<f64> {
        self.inodes.map(|(total, used)| 100.0 * used / total)
    }

    /// Two file systems as one.
    fn plus(self, other: Space) -> Space {
        let inodes = match (self.inodes, other.inodes) {
            (Some(a), Some(b)) => Some((a.0 + b.0, a.1 + b.1)),
            (one, None) | (None, one) => one,
        };
        Space {
            total: self.total + other.total,
            used: self.used + other.used,
            free: self.free + other.free,
            inodes,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn virtual_network_and_repeated_mounts_do_not_count() {
        let table = "proc /proc proc rw 0 0\n\
                     tmpfs /run tmpfs rw 0 0\n\
                     overlay / overlay rw 0 0\n\
                     /dev/sdb1 /srv/data ext4 rw 0 0\n\
                     /dev/sdb1 /srv/data/very/long ext4 rw 0 0\n\
                     /dev/sdb1 /etc/hosts ext4 rw 0 0\n\
                     overlay /var/lib/docker/overlay2/x/merged overlay rw 0 0\n\
                     nas:/export /mnt/nas nfs4 rw 0 0\n\
                     pool/home /home zfs rw 0 0\n\
                     /dev/loop3 /snap/core/1 squashfs ro 0 0\n\
                     /dev/sdc1 /mnt/my\\040disk xfs rw 0 0\n\
                     nonsense\n";
        let points = mounts(table);
        assert_eq!(points, ["/", "/home", "/srv/data", "/mnt/my disk"]);
    }

    #[test]
    fn shares_are_those_of_df() {
        let space = Space {
            total: 100.0,
            used: 60.0,
            free: 30.0,
            inodes: Some((10.0, 1.0)),
        };
        assert_eq!(space.percent().round(), 67.0);
        assert_eq!(space.plus(Space::default()).inodes_percent(), Some(10.0));
    }
}
