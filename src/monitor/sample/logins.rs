//! Who is logged in: logind's sessions (systemd-logind.service(8)); without logind, utmp(5).

use super::draft::Draft;
use std::collections::BTreeSet;
use std::path::Path;

const SESSIONS: &str = "/run/systemd/sessions";
const UTMP: &str = "/run/utmp";
/// Of utmp's records: where 32-bit programs share the file, its times have 32 bits.
const RECORD_BYTES: usize = if cfg!(any(target_arch = "x86_64", target_arch = "x86", target_arch = "arm")) {
    384
} else {
    400
};
/// `ut_type` of somebody who is logged in.
const USER_PROCESS: i16 = 7;
const USER: std::ops::Range<usize> = 44..76;

pub(super) fn read(draft: &mut Draft) {
    let names = match Path::new(SESSIONS).is_dir() {
        true => sessions(Path::new(SESSIONS)),
        false => std::fs::read(UTMP).ok().map(|records| utmp(&records)),
    };
    if let Some(names) = names {
        draft.put("logins", "sessions", Some(names.len() as f64));
        draft.put(
            "logins",
            "users",
            Some(names.iter().collect::<BTreeSet<_>>().len() as f64),
        );
    }
}

/// The users of logind's sessions, one entry a session.
fn sessions(dir: &Path) -> Option<Vec<String>> {
    let entries = std::fs::read_dir(dir).ok()?.flatten();
    // Beside each session lies a pipe: opening that would wait for ever.
    let files = entries.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_file()));
    Some(
        files
            .filter_map(|file| user(&std::fs::read_to_string(file.path()).ok()?))
            .collect(),
    )
}

/// The user of a session that is one of a person's, and not on its way out.
fn user(session: &str) -> Option<String> {
    let field = |name: &str| {
        session
            .lines()
            .find_map(|line| line.strip_prefix(name)?.strip_prefix('='))
    };
    let person = field("CLASS").is_some_and(|class| class == "user" || class.starts_with("user-"));
    let leaving = field("STATE") == Some("closing");
    let user = field("USER").or(field("UID"))?;
    (person && !leaving).then(|| user.to_owned())
}

/// The users of utmp's records, one entry a login.
fn utmp(records: &[u8]) -> Vec<String> {
    let login = |record: &[u8]| {
        let kind = i16::from_ne_bytes([record[0], record[1]]);
        let name = record[USER].split(|byte| *byte == 0).next().unwrap_or_default();
        (kind == USER_PROCESS && !name.is_empty()).then(|| String::from_utf8_lossy(name).into_owned())
    };
    records.chunks_exact(RECORD_BYTES).filter_map(login).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_of_a_person_counts_until_it_closes() {
        let session = "# This is private data.\nUID=1000\nUSER=ann\nACTIVE=1\nSTATE=active\nCLASS=user\nTYPE=tty\n";
        assert_eq!(user(session), Some("ann".to_owned()));
        assert_eq!(user(&session.replace("active", "closing")), None);
        assert_eq!(user(&session.replace("CLASS=user", "CLASS=greeter")), None);
        assert_eq!(user(&session.replace("CLASS=user", "CLASS=manager")), None);
        assert_eq!(user(""), None);
    }

    #[test]
    fn utmp_has_logins_among_other_records() {
        let mut record = vec![0; RECORD_BYTES];
        record[USER.start..USER.start + 3].copy_from_slice(b"ann");
        let boot = record.clone();
        record[..2].copy_from_slice(&USER_PROCESS.to_ne_bytes());
        let file = [boot, record.clone(), record, vec![7; 10]].concat();
        assert_eq!(utmp(&file), ["ann", "ann"]);
        assert!(utmp(&[]).is_empty());
    }
}
