//! The audit log: one JSON line for each attempt, on the disk before anything runs.

use chrono::{SecondsFormat, Utc};
use serde::Serialize;
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::net::IpAddr;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

/// A file beyond this is rotated.
const BYTES_MAX: u64 = 10 << 20;
/// Rotated files kept.
const KEPT: usize = 4;

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Event {
    /// It is about to run.
    Start,
    /// It has run.
    End,
    /// It was refused.
    Refused,
    /// It was called off.
    Cancelled,
}

/// One line. Absent fields are not written; values of secret parameters never are.
#[derive(Clone, Debug, Serialize)]
pub struct Line {
    /// What happened.
    pub event: Event,
    /// The number that start and end of one run share.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub run: Option<String>,
    /// The full JID of whoever wanted it.
    pub jid: String,
    /// The command's node.
    pub command: String,
    /// Program and arguments, secrets masked.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub argv: Vec<String>,
    /// The end, or why it was refused: `exit 0`, `forbidden`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub outcome: Option<String>,
    /// How long it ran, milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub milliseconds: Option<u64>,
    /// Bytes of output kept: stdout, stderr.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bytes: Option<(usize, usize)>,
}

impl Line {
    /// A line about an attempt.
    pub fn new(event: Event, jid: &str, command: &str) -> Line {
        Line {
            event,
            run: None,
            jid: jid.to_owned(),
            command: command.to_owned(),
            argv: Vec::new(),
            outcome: None,
            milliseconds: None,
            bytes: None,
        }
    }
}

#[derive(Serialize)]
struct Stamped<'a> {
    time: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    address: Option<IpAddr>,
    #[serde(flatten)]
    line: &'a Line,
}

/// Where a full JID is connected from, if that is known.
pub type Addresses = Arc<dyn Fn(&str) -> Option<IpAddr> + Send + Sync>;

/// The log: append-only, mode 0600, rotated. A cheap handle.
#[derive(Clone)]
pub struct Audit {
    path: Arc<PathBuf>,
    addresses: Addresses,
}

/// One writer at a time, through whichever handle, so that rotation and lines do not mix.
static TURN: Mutex<()> = Mutex::new(());

impl Audit {
    /// The log in that file, which is made when the first line is. Each line says where its JID is connected from.
    pub fn new(path: PathBuf, addresses: Addresses) -> Audit {
        Audit {
            path: Arc::new(path),
            addresses,
        }
    }

    /// Appends a line and waits until it is on the disk.
    ///
    /// # Errors
    /// When it is not: whatever the line is about must not happen.
    pub async fn write(&self, line: Line) -> io::Result<()> {
        let log = self.clone();
        let written = tokio::task::spawn_blocking(move || log.append(&line)).await;
        written.unwrap_or_else(|_| Err(io::Error::other("the writer stopped")))
    }

    /// A run that has begun; this line, or a better one, is written at its end.
    pub(super) fn opened(&self, end: Line) -> Opened {
        Opened {
            audit: self.clone(),
            end: Some(end),
        }
    }

    fn append(&self, line: &Line) -> io::Result<()> {
        let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
        let time = Utc::now().to_rfc3339_opts(SecondsFormat::Millis, true);
        let address = (self.addresses)(&line.jid);
        let mut text = serde_json::to_vec(&Stamped { time, address, line })?;
        text.push(b'\n');
        let mut file = self.open()?;
        file.write_all(&text)?;
        file.sync_data()
    }

    fn open(&self) -> io::Result<File> {
        let file = open(&self.path)?;
        if file.metadata()?.len() < BYTES_MAX {
            return Ok(file);
        }
        for number in (0..KEPT).rev() {
            match std::fs::rename(self.numbered(number), self.numbered(number + 1)) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
        open(&self.path)
    }

    fn numbered(&self, number: usize) -> PathBuf {
        match number {
            0 => self.path.to_path_buf(),
            _ => self.path.with_added_extension(number.to_string()),
        }
    }
}

/// A run whose end is not written yet. Where the work is dropped in its middle, for the appliance stops, the log says so.
pub(super) struct Opened {
    audit: Audit,
    end: Option<Line>,
}

impl Opened {
    /// Writes how it has ended.
    pub(super) async fn close(mut self, end: Line) {
        self.end = None;
        if let Err(error) = self.audit.write(end).await {
            tracing::error!(%error, "cannot audit what has happened");
        }
    }
}

impl Drop for Opened {
    fn drop(&mut self) {
        let Some(mut end) = self.end.take() else { return };
        end.outcome = Some("ended with the appliance".to_owned());
        if let Err(error) = self.audit.append(&end) {
            tracing::error!(%error, "cannot audit what was ended");
        }
    }
}

fn open(path: &Path) -> io::Result<File> {
    OpenOptions::new().append(true).create(true).mode(0o600).open(path)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::MetadataExt;

    /// One JID is connected from somewhere.
    fn known() -> Addresses {
        Arc::new(|jid| (jid == "op@mon.example/desk").then_some(IpAddr::from([192, 0, 2, 7])))
    }

    #[test]
    fn m15_a_line_is_json_in_a_file_that_only_its_owner_reads() {
        let dir = tempfile::tempdir().expect("a folder");
        let path = dir.path().join("audit.log");
        let audit = Audit::new(path.clone(), known());
        let line = Line {
            argv: vec!["/bin/echo".to_owned(), "a\n\"b\"".to_owned()],
            ..Line::new(Event::Start, "op@mon.example/desk", "shell")
        };
        audit.append(&line).expect("written");
        audit
            .append(&Line::new(Event::Refused, "x@y/z", "reboot"))
            .expect("written");
        let text = std::fs::read_to_string(&path).expect("a log");
        let lines: Vec<serde_json::Value> = text
            .lines()
            .map(|line| serde_json::from_str(line).expect("JSON"))
            .collect();
        assert_eq!(lines.len(), 2);
        assert_eq!(
            (lines[0]["event"].as_str(), lines[0]["argv"][1].as_str()),
            (Some("start"), Some("a\n\"b\""))
        );
        assert_eq!(lines[0]["address"], "192.0.2.7");
        assert_eq!(
            (lines[1]["event"].as_str(), lines[1].get("address")),
            (Some("refused"), None)
        );
        assert_eq!(std::fs::metadata(&path).expect("a file").mode() & 0o777, 0o600);
    }

    #[test]
    fn m15_a_run_that_is_dropped_in_its_middle_has_an_end() {
        let dir = tempfile::tempdir().expect("a folder");
        let path = dir.path().join("audit.log");
        let audit = Audit::new(path.clone(), known());
        drop(audit.opened(Line::new(Event::End, "boss@mon.example/desk", "reboot")));
        let text = std::fs::read_to_string(&path).expect("a log");
        assert!(
            text.contains(r#""event":"end""#) && text.contains("ended with the appliance"),
            "{text}"
        );
    }

    #[test]
    fn a_full_file_is_rotated_and_the_oldest_goes() {
        let dir = tempfile::tempdir().expect("a folder");
        let audit = Audit::new(dir.path().join("audit.log"), known());
        for number in 0..=KEPT {
            std::fs::write(audit.numbered(number), [b'0' + number as u8]).expect("written");
        }
        File::options()
            .write(true)
            .open(audit.numbered(0))
            .and_then(|file| file.set_len(BYTES_MAX))
            .expect("grown");
        audit.append(&Line::new(Event::End, "a@b/c", "shell")).expect("written");
        assert_eq!(std::fs::read(audit.numbered(KEPT)).expect("kept"), b"3");
        assert_eq!(std::fs::metadata(audit.numbered(1)).expect("rotated").len(), BYTES_MAX);
        assert!(std::fs::metadata(audit.numbered(0)).expect("new").len() < 1_000);
        assert!(!audit.numbered(KEPT + 1).exists());
    }
}
