#!/usr/bin/env python3
"""Our numbers beside those of Debian's prometheus-node-exporter, on the same machine at the same moment.

Both are read as Prometheus reads them, and both by prometheus-client's parsers: ours must be OpenMetrics to the letter.
Sizes must be equal, what moves must lie between two readings of ours. Says beside it what looking costs either of them.
"""

import argparse
import statistics
import sys
import time
import urllib.error
import urllib.request

from prometheus_client.openmetrics.parser import text_string_to_metric_families as openmetrics
from prometheus_client.parser import text_string_to_metric_families as plain

OPENMETRICS = "application/openmetrics-text"
SCRAPES = 20


def fetch(url, token=None):
    request = urllib.request.Request(url)
    if token:
        request.add_header("Authorization", f"Bearer {token}")
    with urllib.request.urlopen(request, timeout=20) as answer:
        return answer.headers["Content-Type"], answer.read().decode()


def samples(families):
    """Values by name and by the one label that tells them apart, as a set of pairs."""
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in families
        for sample in family.samples
    }


class Readings:
    """One reading of either."""

    def __init__(self, families):
        self.values = samples(families)

    def one(self, name, **labels):
        return self.values[(name, frozenset(labels.items()))]

    def by(self, name, label):
        """Values by that label, whatever the others are."""
        return {
            dict(labels)[label]: value
            for (known, labels), value in self.values.items()
            if known == name and label in dict(labels)
        }


class Comparison:
    def __init__(self):
        self.failed = 0

    def row(self, what, ours, theirs, holds, by):
        self.failed += not holds
        print(f"{'ok' if holds else 'DIFFERS':8} {what:38} {ours:>24} {theirs:>24}  {by}")

    def equal(self, what, ours, theirs):
        self.row(what, f"{ours:.0f}", f"{theirs:.0f}", ours == theirs, "equal")

    def near(self, what, ours, theirs, margin, by):
        low, high = min(ours), max(ours)
        shown = f"{low:.6g}" if low == high else f"{low:.6g} … {high:.6g}"
        self.row(what, shown, f"{theirs:.6g}", low - margin <= theirs <= high + margin, by)

    def between(self, what, before, theirs, after):
        self.near(what, (before, after), theirs, 0, "between two readings of ours")


def compare(before, theirs, after):
    table = Comparison()
    print(f"{'':8} {'':38} {'watchpost':>24} {'node_exporter':>24}")
    total = after.one("watchpost_memory_total_bytes")
    table.equal("memory, total", total, theirs.one("node_memory_MemTotal_bytes"))
    used = theirs.one("node_memory_MemTotal_bytes") - theirs.one("node_memory_MemAvailable_bytes")
    ours = [reading.one("watchpost_memory_used_bytes") for reading in (before, after)]
    table.near("memory, used", ours, used, 0.02 * total, "within 2 % of the total")
    table.equal("swap, total", after.one("watchpost_swap_total_bytes"), theirs.one("node_memory_SwapTotal_bytes"))

    sizes, others = after.by("watchpost_disk_total_bytes", "mountpoint"), theirs.by("node_filesystem_size_bytes", "mountpoint")
    for mount, size in sorted(sizes.items()):
        table.equal(f"disk {mount}, size", size, others.get(mount, float("nan")))
    inodes, others = after.by("watchpost_disk_inodes", "mountpoint"), theirs.by("node_filesystem_files", "mountpoint")
    for mount, count in sorted(inodes.items()):
        table.equal(f"disk {mount}, inodes", count, others.get(mount, float("nan")))
    if not sizes:
        table.row("disks", "none", "", False, "at least one")

    for minutes, name in ((1, "node_load1"), (5, "node_load5"), (15, "node_load15")):
        ours = [reading.one(f"watchpost_cpu_{minutes}_min") for reading in (before, after)]
        table.near(f"load, {minutes} min", ours, theirs.one(name), 0.1, "within 0.1")
    idle = [labels for (name, labels) in theirs.values if name == "node_cpu_seconds_total" and ("mode", "idle") in labels]
    table.equal("CPUs", after.one("watchpost_cpu_cores"), len(idle))
    boot = [after.one("watchpost_uptime_boot_time_seconds")]
    table.near("booted", boot, theirs.one("node_boot_time_seconds"), 2, "within 2 s")

    counters = [("network", "interface", "received_bytes", "sent_bytes", "node_network_receive_bytes", "node_network_transmit_bytes", "device"),
                ("io", "device", "read_bytes", "written_bytes", "node_disk_read_bytes", "node_disk_written_bytes", "device")]
    for group, label, in_, out, their_in, their_out, their_label in counters:
        for name, other in ((in_, their_in), (out, their_out)):
            metric = f"watchpost_{group}_{name}_total"
            first, last = before.by(metric, label), after.by(metric, label)
            their = theirs.by(f"{other}_total", their_label)
            for member in sorted(last):
                if member in first:
                    table.between(f"{group} {member}, {name}", first[member], their.get(member, float("nan")), last[member])
            if not last and group == "network":
                table.row(f"{group}, {name}", "none", "", False, "at least one")
    return table.failed


def refusals(args):
    """Without the token nothing is told."""
    try:
        fetch(args.ours)
    except urllib.error.HTTPError as error:
        return int(error.code != 401)
    return 1


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--ours", required=True, help="our /metrics")
    parser.add_argument("--token", required=True, help="the file with our token")
    parser.add_argument("--theirs", required=True, help="node_exporter's /metrics")
    parser.add_argument("--interval", type=float, default=1.0, help="seconds between two samples of ours")
    parser.add_argument("--sample-ms-max", type=float, help="what a sample of ours may cost; only told without it")
    args = parser.parse_args()
    with open(args.token, encoding="ascii") as file:
        token = file.read().strip()
    failed = refusals(args)
    if failed:
        print("DIFFERS  /metrics tells without the token")

    def read():
        content, text = fetch(args.ours, token)
        assert content.startswith(OPENMETRICS), content
        return Readings(openmetrics(text))

    time.sleep(2 * args.interval)
    before = read()
    theirs = Readings(plain(fetch(args.theirs)[1]))
    time.sleep(2 * args.interval)
    after = read()
    failed += compare(before, theirs, after)

    ours = []
    for _ in range(5):
        time.sleep(args.interval)
        ours.append(read().one("watchpost_collector_sample_cpu_milliseconds"))
    start = Readings(plain(fetch(args.theirs)[1])).one("process_cpu_seconds_total")
    for _ in range(SCRAPES):
        last = Readings(plain(fetch(args.theirs)[1]))
    scrape = (last.one("process_cpu_seconds_total") - start) * 1000 / SCRAPES
    sample, end = statistics.median(ours), read()
    print(f"cost     CPU of a sample, ms                    {sample:>24.2f} {scrape:>24.2f}")
    scan = end.values.get(("watchpost_collector_scan_cpu_milliseconds", frozenset()))
    if scan is not None:
        print(f"cost     CPU of a scan of processes, ms         {scan:>24.2f} {'has none':>24}")
    memory = [end.one("watchpost_xmpp_memory_bytes"), last.one("process_resident_memory_bytes")]
    print(f"cost     memory, MiB (ours with the whole hub)  {memory[0] / 2**20:>24.1f} {memory[1] / 2**20:>24.1f}")
    if args.sample_ms_max is not None and sample > args.sample_ms_max:
        print(f"DIFFERS  a sample costs more than {args.sample_ms_max} ms")
        failed += 1
    print(f"{failed} rows differ" if failed else "every row holds")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
