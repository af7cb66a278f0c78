//! Tasks, open files, uptime: what the kernel counts for all.

use super::draft::Draft;
use super::text;
use sysinfo::System;

pub(super) fn read(draft: &mut Draft) {
    let (running, threads) = tasks(&text("/proc/loadavg"));
    draft.put("process", "running", running);
    draft.put("process", "threads", threads);
    if let Some((open, max)) = files(&text("/proc/sys/fs/file-nr")) {
        draft.put("files", "open", Some(open));
        draft.put("files", "max", Some(max));
        draft.put("files", "percent", (max > 0.0).then(|| 100.0 * open / max));
    }
    draft.put("uptime", "uptime", System::uptime().ok().map(|seconds| seconds as f64));
    draft.put(
        "uptime",
        "boot-time",
        System::boot_time().ok().map(|seconds| seconds as f64),
    );
}

/// Running and existing tasks: the fourth field of `/proc/loadavg` (proc_loadavg(5)).
fn tasks(loads: &str) -> (Option<f64>, Option<f64>) {
    let field = loads.split(' ').nth(3).and_then(|field| field.split_once('/'));
    let number = |text: &str| text.parse().ok();
    field.map_or((None, None), |(running, threads)| (number(running), number(threads)))
}

/// File handles in use, and how many there can be (proc_sys_fs(5)).
fn files(handles: &str) -> Option<(f64, f64)> {
    let numbers: Vec<f64> = handles
        .split_whitespace()
        .map_while(|field| field.parse().ok())
        .collect();
    let [allocated, free, max] = *numbers.first_chunk::<3>()?;
    Some((allocated - free, max))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn odd_proc_files_give_no_value() {
        assert_eq!(tasks("0.35 0.30 0.34 1/95 17411"), (Some(1.0), Some(95.0)));
        for odd in ["", "0.35", "0.35 0.30 0.34 x 1"] {
            assert_eq!(tasks(odd), (None, None), "{odd}");
        }
        assert_eq!(
            files("1238\t200\t9223372036854775807\n"),
            Some((1_038.0, 9_223_372_036_854_775_807.0))
        );
        assert_eq!(files("1238 0"), None);
    }
}
