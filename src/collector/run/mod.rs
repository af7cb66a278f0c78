//! Running a program: no shell, no inherited environment, a time limit, an output limit.
//!
//! The program leads a process group of its own, so that what it starts ends with it. Where its time is over, descendants
//! that have left the group (setsid) are found by their parents, and ended too. What has lost its parent by then (a daemon,
//! forked twice) is out of reach: it is left behind, and its output is not waited for. A program that ends by itself may
//! leave daemons: that is how services are started by hand.

mod descent;

use super::Options;
use descent::{Descendant, descendants};
use rustix::process::{Pid, Signal, kill_process_group};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::process::{Child, Command};
use tokio::sync::Notify;
use tokio::time::Instant;

/// What a program sees, and nothing else.
const ENVIRONMENT: [(&str, &str); 2] = [
    ("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"),
    ("LANG", "C.UTF-8"),
];
/// Between SIGTERM and SIGKILL.
const GRACE: Duration = Duration::from_secs(5);
/// How long pipes are read after their program has gone.
const LINGER: Duration = Duration::from_secs(1);
/// Whatever is configured, more than this is never kept: the answer is one stanza.
const OUTPUT_BYTES_CEILING: usize = 1 << 20;
/// Lines kept of an output: each becomes an element.
const LINES_MAX: usize = 1_500;

/// Bounds on one run.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// Until SIGTERM.
    pub time_max: Duration,
    /// Bytes kept of each of stdout and stderr, as they will be escaped.
    pub output_bytes_max: usize,
    /// Whether nothing is run: the output is what would be.
    pub dry: bool,
}

impl Bounds {
    /// As configured.
    pub(super) fn new(options: &Options) -> Bounds {
        Bounds {
            time_max: options.command_time_max,
            output_bytes_max: options.command_output_bytes_max.min(OUTPUT_BYTES_CEILING),
            dry: options.dry_run,
        }
    }
}

/// One captured stream, fit for XML.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Captured {
    /// Lossy UTF-8, control characters replaced.
    pub text: String,
    /// Whether there was more.
    pub truncated: bool,
}

/// How a run ended.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// What the kernel says; `None` when the program could not even be reaped.
    pub status: Option<ExitStatus>,
    /// Whether the time limit ended it.
    pub timed_out: bool,
    /// Standard output.
    pub stdout: Captured,
    /// Standard error.
    pub stderr: Captured,
    /// How long it ran.
    pub time: Duration,
}

impl Outcome {
    /// What a run would have been.
    fn dry(argv: &[String]) -> Outcome {
        let text = format!("dry run, nothing was started: {argv:?}");
        tracing::info!("{text}");
        Outcome {
            status: Some(ExitStatus::from_raw(0)),
            timed_out: false,
            stdout: Captured { text, truncated: false },
            stderr: Captured::default(),
            time: Duration::ZERO,
        }
    }

    /// Whether it did what it was to do.
    pub fn is_success(&self) -> bool {
        !self.timed_out && self.status.is_some_and(|status| status.success())
    }

    /// `0`, `signal 9`, `timed out`.
    pub fn status_text(&self) -> String {
        match self.status {
            _ if self.timed_out => "timed out".to_owned(),
            None => "unknown".to_owned(),
            Some(status) => match (status.code(), status.signal()) {
                (Some(code), _) => code.to_string(),
                (None, Some(signal)) => format!("signal {signal}"),
                (None, None) => "unknown".to_owned(),
            },
        }
    }
}

/// Whether a program may be run at all: an absolute path to a file that only its owner can change.
///
/// # Errors
/// A sentence for the operator.
pub(super) fn check_program(program: &str) -> Result<(), String> {
    let path = Path::new(program);
    if !path.is_absolute() {
        return Err(format!("{program} is no absolute path"));
    }
    let of = |path: &Path| std::fs::metadata(path).map_err(|error| format!("{}: {error}", path.display()));
    if of(path)?.mode() & 0o022 != 0 {
        return Err(format!("{program} can be changed by others than its owner: chmod go-w"));
    }
    let real = std::fs::canonicalize(path).map_err(|error| format!("{program}: {error}"))?;
    for folder in [path.parent(), real.parent()].into_iter().flatten() {
        if of(folder)?.mode() & 0o002 != 0 {
            return Err(format!("{} can be changed by everybody: chmod o-w", folder.display()));
        }
    }
    Ok(())
}

/// Runs a program and waits for its end.
///
/// # Errors
/// When it cannot be started.
pub async fn run(argv: &[String], bounds: Bounds) -> io::Result<Outcome> {
    let (program, arguments) = argv
        .split_first()
        .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, "no program"))?;
    check_program(program).map_err(|why| io::Error::new(io::ErrorKind::PermissionDenied, why))?;
    if bounds.dry {
        return Ok(Outcome::dry(argv));
    }
    let mut child = Command::new(program)
        .args(arguments)
        .env_clear()
        .envs(ENVIRONMENT)
        .current_dir("/")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0)
        .kill_on_drop(true)
        .spawn()?;
    let group = Group::of(&child);
    let full = Arc::new(Notify::new());
    let stdout = Capture::new(bounds.output_bytes_max, &full);
    let stderr = Capture::new(bounds.output_bytes_max, &full);
    let pipes = {
        let (out, err) = (child.stdout.take(), child.stderr.take());
        let (stdout, stderr) = (stdout.clone(), stderr.clone());
        async move { tokio::join!(stdout.read(out), stderr.read(err)) }
    };
    let start = Instant::now();
    let mut watch = Watch {
        group,
        deadline: start + bounds.time_max,
        phase: Phase::Running,
        status: None,
        timed_out: false,
    };
    watch.follow(&mut child, pipes, &full).await;
    Ok(Outcome {
        status: watch.status,
        timed_out: watch.timed_out,
        stdout: stdout.finish(bounds.output_bytes_max),
        stderr: stderr.finish(bounds.output_bytes_max),
        time: start.elapsed(),
    })
}

/// The process group of a run; killed when the run is dropped in the middle.
struct Group {
    leader: Option<Pid>,
    /// Descendants found when the time was over.
    others: Vec<Descendant>,
}

impl Group {
    fn of(child: &Child) -> Group {
        Group {
            leader: child.id().and_then(|id| Pid::from_raw(i32::try_from(id).ok()?)),
            others: Vec::new(),
        }
    }

    /// Looks for those that have left the group, while their parents are there to be known by.
    fn find_others(&mut self) {
        if let Some(leader) = self.leader {
            let found = descendants(leader.as_raw_pid());
            self.others.extend(
                found
                    .into_iter()
                    .filter(|one| !self.others.contains(one))
                    .collect::<Vec<_>>(),
            );
        }
    }

    /// A group that is gone already is as good.
    fn signal(&self, signal: Signal) {
        for other in &self.others {
            other.signal(signal);
        }
        if let Some(leader) = self.leader {
            let _ = kill_process_group(leader, signal);
        }
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        self.signal(Signal::KILL);
    }
}

/// How far a run has been pushed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Running,
    Terminated,
    Killed,
}

/// Follows one run to its end.
struct Watch {
    group: Group,
    deadline: Instant,
    phase: Phase,
    status: Option<ExitStatus>,
    timed_out: bool,
}

impl Watch {
    async fn follow(&mut self, child: &mut Child, pipes: impl Future<Output = ((), ())>, full: &Notify) {
        let mut pipes = std::pin::pin!(pipes);
        let mut open = true;
        while open || self.status.is_none() {
            tokio::select! {
                _ = &mut pipes, if open => open = false,
                status = child.wait(), if self.status.is_none() => {
                    match status {
                        Ok(status) => self.exited(status),
                        Err(_) => return,
                    }
                }
                () = full.notified(), if self.phase == Phase::Running => self.push(),
                () = tokio::time::sleep_until(self.deadline) => {
                    if self.phase == Phase::Killed {
                        return;
                    }
                    self.timed_out |= self.phase == Phase::Running && self.status.is_none();
                    self.push();
                }
            }
        }
    }

    /// The program has gone; what it left in its group gets no more time than its pipes take to empty.
    fn exited(&mut self, status: ExitStatus) {
        self.status = Some(status);
        self.phase = Phase::Terminated;
        self.deadline = Instant::now() + LINGER;
    }

    /// The next harder means.
    fn push(&mut self) {
        let (phase, signal, time) = match self.phase {
            Phase::Running => (Phase::Terminated, Signal::TERM, GRACE),
            Phase::Terminated | Phase::Killed => (Phase::Killed, Signal::KILL, LINGER),
        };
        if self.status.is_none() {
            self.group.find_others();
        }
        self.group.signal(signal);
        self.phase = phase;
        self.deadline = Instant::now() + time;
    }
}

/// One stream being captured. What was read stays when the reading is given up.
#[derive(Clone)]
struct Capture {
    kept: Arc<Mutex<(Vec<u8>, bool)>>,
    bytes_max: usize,
    full: Arc<Notify>,
}

impl Capture {
    fn new(bytes_max: usize, full: &Arc<Notify>) -> Capture {
        Capture {
            kept: Arc::default(),
            bytes_max,
            full: full.clone(),
        }
    }

    async fn read(self, pipe: Option<impl AsyncRead + Unpin>) {
        let Some(mut pipe) = pipe else { return };
        let mut buffer = vec![0u8; 8 * 1024];
        while let Ok(count @ 1..) = pipe.read(&mut buffer).await {
            if !self.keep(&buffer[..count]) {
                self.full.notify_one();
                return;
            }
        }
    }

    /// `false` when there was no room for all of it.
    fn keep(&self, bytes: &[u8]) -> bool {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let room = self.bytes_max - kept.0.len().min(self.bytes_max);
        kept.0.extend_from_slice(&bytes[..bytes.len().min(room)]);
        kept.1 |= bytes.len() > room;
        bytes.len() <= room
    }

    fn finish(&self, cost_max: usize) -> Captured {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let mut captured = legible(&kept.0, cost_max);
        captured.truncated |= kept.1;
        captured
    }
}

/// Bytes as text for a form: lossy UTF-8, no control characters, not more than so many bytes once it is escaped and each
/// line has its element.
fn legible(bytes: &[u8], cost_max: usize) -> Captured {
    let mut captured = Captured::default();
    let (mut cost, mut lines) = (0, 1);
    for c in String::from_utf8_lossy(bytes).chars().filter(|c| *c != '\r') {
        let c = if c.is_control() && !matches!(c, '\n' | '\t') {
            '\u{FFFD}'
        } else {
            c
        };
        cost += match c {
            '\n' => 16,
            '&' | '<' | '>' | '"' | '\'' => 6,
            c => c.len_utf8(),
        };
        lines += usize::from(c == '\n');
        if cost > cost_max || lines > LINES_MAX {
            captured.truncated = true;
            break;
        }
        captured.text.push(c);
    }
    captured
}

#[cfg(test)]
mod tests;
