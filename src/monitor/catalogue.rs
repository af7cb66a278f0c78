//! The catalogue: every statistic there can be, with its name, units and title.

/// What a value counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Units {
    /// A plain number.
    None,
    /// 0 to 100.
    Percent,
    /// Bytes.
    Bytes,
    /// Bytes each second.
    BytesPerSecond,
    /// Packets.
    Packets,
    /// Errors.
    Errors,
    /// Seconds.
    Seconds,
    /// Milliseconds.
    Milliseconds,
    /// Seconds since 1970, UTC.
    UnixSeconds,
    /// Degrees Celsius.
    Celsius,
}

impl Units {
    /// The `units` attribute; `None` for a plain number.
    pub fn name(self) -> Option<&'static str> {
        match self {
            Units::None => None,
            Units::Percent => Some("percent"),
            Units::Bytes => Some("bytes"),
            Units::BytesPerSecond => Some("bytes/second"),
            Units::Packets => Some("packets"),
            Units::Errors => Some("errors"),
            Units::Seconds => Some("seconds"),
            Units::Milliseconds => Some("milliseconds"),
            Units::UnixSeconds => Some("unix-seconds"),
            Units::Celsius => Some("celsius"),
        }
    }
}

/// How a value behaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Goes up and down.
    Gauge,
    /// Only grows; counted since the last reset.
    Counter,
}

/// One statistic that a node can carry.
#[derive(Debug, PartialEq, Eq)]
pub struct Definition {
    /// Its name within the node: `5-min`.
    pub name: &'static str,
    /// For people: `Load, 5 minutes`.
    pub title: &'static str,
    /// What it counts.
    pub units: Units,
    /// How it behaves.
    pub kind: Kind,
}

/// One statistic group: a node of the catalogue.
#[derive(Debug)]
pub struct Group {
    /// Its node: `cpu`.
    pub node: &'static str,
    /// For people: `CPU Load`.
    pub title: &'static str,
    /// What the title of a member begins with: `CPU` for `CPU 0`; empty when the group has no members.
    pub member_title: &'static str,
    /// What the group itself carries.
    pub statistics: &'static [Definition],
    /// What each member carries.
    pub members: &'static [Definition],
}

impl Group {
    /// The definition of a value of the group itself.
    pub fn statistic(&self, name: &str) -> Option<&'static Definition> {
        self.statistics.iter().find(|definition| definition.name == name)
    }

    /// The definition of a value of its members.
    pub fn member(&self, name: &str) -> Option<&'static Definition> {
        self.members.iter().find(|definition| definition.name == name)
    }
}

/// The group with that node.
pub fn group(node: &str) -> Option<&'static Group> {
    GROUPS.iter().find(|group| group.node == node)
}

const fn gauge(name: &'static str, title: &'static str, units: Units) -> Definition {
    Definition {
        name,
        title,
        units,
        kind: Kind::Gauge,
    }
}

const fn counter(name: &'static str, title: &'static str, units: Units) -> Definition {
    Definition {
        name,
        title,
        units,
        kind: Kind::Counter,
    }
}

const SPACE: &[Definition] = &[
    gauge("total", "Size", Units::Bytes),
    gauge("used", "Used", Units::Bytes),
    gauge("free", "Free", Units::Bytes),
    gauge("percent", "Used share", Units::Percent),
    gauge("inodes", "Inodes", Units::None),
    gauge("inodes-used", "Inodes used", Units::None),
    gauge("inodes-percent", "Share of inodes used", Units::Percent),
    gauge("full-in", "Full in", Units::Seconds),
];

const TRAFFIC: &[Definition] = &[
    counter("received", "Received", Units::Bytes),
    counter("sent", "Sent", Units::Bytes),
    gauge("received-rate", "Receiving", Units::BytesPerSecond),
    gauge("sent-rate", "Sending", Units::BytesPerSecond),
    counter("packets-received", "Packets received", Units::Packets),
    counter("packets-sent", "Packets sent", Units::Packets),
    counter("errors", "Errors", Units::Errors),
    counter("errors-received", "Errors receiving", Units::Errors),
    counter("errors-sent", "Errors sending", Units::Errors),
];

const DISK_IO: &[Definition] = &[
    counter("read", "Read", Units::Bytes),
    counter("written", "Written", Units::Bytes),
    counter("reads", "Reads", Units::None),
    counter("writes", "Writes", Units::None),
    gauge("read-rate", "Reading", Units::BytesPerSecond),
    gauge("write-rate", "Writing", Units::BytesPerSecond),
    gauge("busy", "Busy", Units::Percent),
];

/// Every group, in the order in which they are listed.
pub const GROUPS: &[Group] = &[
    Group {
        node: "cpu",
        title: "CPU Load",
        member_title: "CPU",
        statistics: &[
            gauge("1-min", "Load, 1 minute", Units::None),
            gauge("5-min", "Load, 5 minutes", Units::None),
            gauge("15-min", "Load, 15 minutes", Units::None),
            gauge("usage", "Usage", Units::Percent),
            gauge("load-per-core", "Load per core, 5 minutes", Units::None),
            gauge("cores", "Cores", Units::None),
            gauge("user", "Programs", Units::Percent),
            gauge("system", "Kernel", Units::Percent),
            gauge("iowait", "Waiting for disks", Units::Percent),
            gauge("steal", "Taken by the hypervisor", Units::Percent),
        ],
        members: &[
            gauge("usage", "Usage", Units::Percent),
            gauge("user", "Programs", Units::Percent),
            gauge("system", "Kernel", Units::Percent),
            gauge("iowait", "Waiting for disks", Units::Percent),
            gauge("steal", "Taken by the hypervisor", Units::Percent),
        ],
    },
    Group {
        node: "memory",
        title: "Memory",
        member_title: "",
        statistics: &[
            gauge("total", "Size", Units::Bytes),
            gauge("used", "Used", Units::Bytes),
            gauge("available", "Available", Units::Bytes),
            gauge("percent", "Used share", Units::Percent),
            gauge("available-percent", "Available share", Units::Percent),
            gauge("free", "Free", Units::Bytes),
            gauge("cached", "Cached files", Units::Bytes),
            gauge("buffers", "Buffers", Units::Bytes),
        ],
        members: &[],
    },
    Group {
        node: "swap",
        title: "Swap",
        member_title: "",
        statistics: &[
            gauge("total", "Size", Units::Bytes),
            gauge("used", "Used", Units::Bytes),
            gauge("percent", "Used share", Units::Percent),
        ],
        members: &[],
    },
    Group {
        node: "pressure",
        title: "Pressure",
        member_title: "Pressure:",
        statistics: &[
            gauge("cpu", "Waiting for CPU, 1 minute", Units::Percent),
            gauge("memory", "Waiting for memory, 1 minute", Units::Percent),
            gauge("io", "Waiting for disks, 1 minute", Units::Percent),
        ],
        members: &[
            gauge("some-10", "Some tasks waited, 10 seconds", Units::Percent),
            gauge("some-60", "Some tasks waited, 1 minute", Units::Percent),
            gauge("some-300", "Some tasks waited, 5 minutes", Units::Percent),
            gauge("full-10", "All tasks waited, 10 seconds", Units::Percent),
            gauge("full-60", "All tasks waited, 1 minute", Units::Percent),
            gauge("full-300", "All tasks waited, 5 minutes", Units::Percent),
        ],
    },
    Group {
        node: "disk",
        title: "Disks",
        member_title: "Disk",
        statistics: SPACE,
        members: SPACE,
    },
    Group {
        node: "io",
        title: "Disk I/O",
        member_title: "Disk I/O",
        statistics: DISK_IO,
        members: DISK_IO,
    },
    Group {
        node: "network",
        title: "Network",
        member_title: "Network",
        statistics: TRAFFIC,
        members: TRAFFIC,
    },
    Group {
        node: "temperature",
        title: "Temperature",
        member_title: "Temperature",
        statistics: &[gauge("highest", "Highest", Units::Celsius)],
        members: &[
            gauge("current", "Current", Units::Celsius),
            gauge("critical", "Critical at", Units::Celsius),
        ],
    },
    Group {
        node: "process",
        title: "Processes",
        member_title: "",
        statistics: &[
            gauge("count", "Processes", Units::None),
            gauge("threads", "Threads", Units::None),
            gauge("running", "Running", Units::None),
            gauge("zombies", "Zombies", Units::None),
            gauge("top-cpu", "Most CPU of one, share of a core", Units::None),
            gauge("top-memory", "Most memory of one", Units::Bytes),
        ],
        members: &[],
    },
    Group {
        node: "files",
        title: "Open Files",
        member_title: "",
        statistics: &[
            gauge("open", "Open", Units::None),
            gauge("max", "At most", Units::None),
            gauge("percent", "Share", Units::Percent),
        ],
        members: &[],
    },
    Group {
        node: "logins",
        title: "Logins",
        member_title: "",
        statistics: &[
            gauge("users", "Users logged in", Units::None),
            gauge("sessions", "Sessions", Units::None),
        ],
        members: &[],
    },
    Group {
        node: "units",
        title: "Systemd Units",
        member_title: "",
        statistics: &[gauge("failed", "Failed", Units::None)],
        members: &[],
    },
    Group {
        node: "uptime",
        title: "Uptime",
        member_title: "",
        statistics: &[
            gauge("uptime", "Uptime", Units::Seconds),
            gauge("boot-time", "Booted", Units::UnixSeconds),
        ],
        members: &[],
    },
    Group {
        node: "xmpp",
        title: "XMPP Server",
        member_title: "",
        statistics: &[
            gauge("sessions", "Sessions", Units::None),
            gauge("accounts", "Accounts", Units::None),
            gauge("uptime", "Uptime", Units::Seconds),
            gauge("memory", "Memory", Units::Bytes),
            counter("stanzas", "Stanzas routed", Units::None),
            gauge("queue-stanzas", "Stanzas waiting to be sent", Units::None),
            gauge("queue-bytes", "Bytes waiting to be sent", Units::Bytes),
            gauge("store-size", "Store", Units::Bytes),
            counter("logins-refused", "Logins refused", Units::None),
        ],
        members: &[],
    },
    Group {
        node: "check",
        title: "Checks",
        member_title: "Check",
        statistics: &[
            gauge("count", "Checks", Units::None),
            gauge("failing", "Not well", Units::None),
        ],
        members: &[
            gauge("state", "State: 0 well, 1 warning, 2 critical", Units::None),
            gauge("time", "Time taken", Units::Milliseconds),
            gauge("status", "Status or exit code", Units::None),
            gauge("age", "Since the last heartbeat", Units::Seconds),
        ],
    },
    Group {
        node: "certificate",
        title: "Certificates",
        member_title: "Certificate",
        statistics: &[gauge("days-left", "Days left, least", Units::None)],
        members: &[gauge("days-left", "Days left", Units::None)],
    },
    Group {
        node: "foreign",
        title: "Alerts of Others",
        member_title: "Alert",
        statistics: &[gauge("firing", "Firing", Units::None)],
        members: &[gauge(
            "severity",
            "Severity: 0 over, 1 warning, 2 critical",
            Units::None,
        )],
    },
    Group {
        node: "collector",
        title: "Collector",
        member_title: "",
        statistics: &[
            gauge("sample-cpu", "CPU time of a sample", Units::Milliseconds),
            gauge("scan-cpu", "CPU time of a scan of processes", Units::Milliseconds),
        ],
        members: &[],
    },
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique_within_their_node() {
        for group in GROUPS {
            for list in [group.statistics, group.members] {
                let mut names: Vec<_> = list.iter().map(|definition| definition.name).collect();
                names.sort_unstable();
                names.dedup();
                assert_eq!(names.len(), list.len(), "{}", group.node);
            }
        }
    }

    #[test]
    fn the_talk_s_names_are_there() {
        let cpu = group("cpu").expect("cpu");
        assert_eq!(cpu.title, "CPU Load");
        for name in ["1-min", "5-min", "15-min", "usage"] {
            assert!(cpu.statistic(name).is_some(), "{name}");
        }
    }
}
