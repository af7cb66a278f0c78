//! Processes by name, and their end.

use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};
use std::path::Path;

/// A process and its name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Named {
    /// Process id.
    pub pid: u32,
    /// The kernel's name of it (`comm`): at most 15 bytes.
    pub name: String,
}

/// How a process is ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// It is asked to.
    Term,
    /// It is not asked.
    Kill,
}

impl End {
    /// The signal's name.
    pub fn name(self) -> &'static str {
        match self {
            End::Term => "SIGTERM",
            End::Kill => "SIGKILL",
        }
    }
}

/// The processes with one of these names, the program itself aside. Reads one small file of each process.
pub fn processes_named(names: &[String]) -> Vec<Named> {
    let entries = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    let mut found: Vec<Named> = pids
        .filter_map(|pid| Some(Named { pid, name: name(pid)? }))
        .filter(|process| names.contains(&process.name) && process.pid != std::process::id())
        .collect();
    found.sort_by_key(|process| process.pid);
    found
}

fn name(pid: u32) -> Option<String> {
    let name = std::fs::read_to_string(Path::new("/proc").join(pid.to_string()).join("comm")).ok()?;
    Some(name.trim_end_matches('\n').to_owned())
}

/// Ends a process, if it has one of these names; returns the name. It is held by a descriptor while its name is looked at,
/// so that no other process of the same number can take its place.
///
/// # Errors
/// The end of a sentence.
pub fn end_process(pid: u32, names: &[String], how: End) -> Result<String, String> {
    let gone = || "there is no such process".to_owned();
    let id = i32::try_from(pid).ok().and_then(Pid::from_raw).ok_or_else(gone)?;
    let process = pidfd_open(id, PidfdFlags::empty()).map_err(|_| gone())?;
    let name = name(pid).ok_or_else(gone)?;
    if !names.contains(&name) || pid == std::process::id() {
        return Err("it may not be ended".to_owned());
    }
    let signal = match how {
        End::Term => Signal::TERM,
        End::Kill => Signal::KILL,
    };
    match pidfd_send_signal(process, signal) {
        Ok(()) => Ok(name),
        Err(error) => Err(format!("it cannot be ended: {error}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::Command;

    #[test]
    fn only_a_process_of_an_allowed_name_is_ended() {
        let mut child = Command::new("/bin/sleep").arg("600").spawn().expect("a process");
        let (pid, sleep) = (child.id(), ["sleep".to_owned()]);
        assert_eq!(
            end_process(pid, &["cat".to_owned()], End::Kill),
            Err("it may not be ended".to_owned())
        );
        // It is called otherwise for a moment after its start.
        while !processes_named(&sleep).iter().any(|process| process.pid == pid) {
            std::thread::yield_now();
        }
        assert_eq!(end_process(pid, &sleep, End::Kill), Ok("sleep".to_owned()));
        child.wait().expect("ended");
        assert!(end_process(pid, &sleep, End::Kill).is_err());
        let own = name(std::process::id()).expect("a name");
        assert!(end_process(std::process::id(), &[own], End::Term).is_err());
        assert!(end_process(0, &sleep, End::Term).is_err());
    }
}
