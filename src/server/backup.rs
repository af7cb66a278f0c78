//! Backups: when the operator asks, and once a day.

use super::{ServerError, private_files};
use crate::admin::{self, Answer, BackedUp, Request};
use crate::config::{Config, Settings};
use crate::store::{self, Store};
use chrono::NaiveDate;
use std::fs::{self, DirBuilder, File};
use std::io;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

/// What the names of daily backups begin and end with.
const DAILY: (&str, &str) = ("watchpost-", ".backup");
/// What the name of one that a caller asked for begins with.
const ASKED: &str = "asked-";
/// How long one that a caller never fetched is kept.
const ASKED_TIME: Duration = Duration::from_secs(60 * 60);

/// Writes a backup of the store to a file. The running appliance writes it beside its data, since its unit may let it
/// write nowhere else, and the caller takes it to its place.
///
/// # Errors
/// There is no store, it cannot be read whole, or the file cannot be written; a file that was there stays then.
pub fn back_up(config: &Config, file: &Path) -> Result<String, ServerError> {
    let settings = &config.settings;
    private_files();
    let records = match admin::ask(&settings.data, &Request::BackUp)? {
        Some(Answer::BackedUp(done)) => {
            let taken = take(&done.file, file).map_err(|error| unwritable(file, &error));
            let _ = fs::remove_file(&done.file);
            taken?;
            done.records
        }
        Some(Answer::Failed(why)) => return Err(ServerError(why)),
        Some(_) => return Err(ServerError::new("the appliance that runs is of another version")),
        None if !settings.data.join("db").exists() => {
            return Err(ServerError(format!("there is no store in {}", settings.data.display())));
        }
        None => Store::open_with(&settings.data, &settings.domain.0, &settings.store_options())?.back_up(file)?,
    };
    Ok(format!("{records} records are in {}\n", file.display()))
}

/// Makes a store from a backup.
///
/// # Errors
/// There is a store already, or the backup is damaged; nothing is made then.
pub fn restore(config: &Config, file: &Path) -> Result<String, ServerError> {
    let settings = &config.settings;
    private_files();
    let restored = store::restore(&settings.data, file, &settings.store_options());
    let records = restored.map_err(|error| match error {
        store::StoreError::Exists => ServerError(format!(
            "there is a store in {} already: move it away, or name another folder with --data",
            settings.data.display()
        )),
        error => ServerError::new(error),
    })?;
    Ok(format!("{records} records are in {} again\n", settings.data.display()))
}

/// When the store is damaged, puts its files aside and the last good daily backup in their place. Returns what was done.
///
/// # Errors
/// No daily backup is good, and everything stays as it is; or the store cannot be opened for another reason.
pub fn restore_if_damaged(config: &Config) -> Result<String, ServerError> {
    let settings = &config.settings;
    private_files();
    let options = settings.store_options();
    let why = match settings.data.join("db").exists() {
        false => return Ok(String::new()),
        true => match Store::open_with(&settings.data, &settings.domain.0, &options) {
            Ok(_) => return Ok(String::new()),
            Err(store::StoreError::Damaged(why)) => why,
            Err(error) => return Err(error.into()),
        },
    };
    let directory = directory(settings)?;
    let good = dailies(&directory)
        .into_iter()
        .rev()
        .find(|file| store::check_backup(file).is_ok());
    let Some(good) = good else {
        return Err(ServerError(format!(
            "{why}; there is no good backup in {}",
            directory.display()
        )));
    };
    let aside = store::set_aside(&settings.data)?;
    let records = store::restore(&settings.data, &good, &options)?;
    Ok(format!(
        "the store was damaged: its files are in {}, and {records} records of the backup {} in their place\n",
        aside.display(),
        good.display()
    ))
}

/// Writes a backup that a caller will fetch.
///
/// # Errors
/// It cannot be written.
pub(super) fn for_caller(settings: &Settings, store: &Store) -> Result<BackedUp, ServerError> {
    let directory = directory(settings)?;
    forget_unfetched(&directory, SystemTime::now());
    let number = SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap_or_default();
    let file = directory.join(format!("{ASKED}{}{}", number.as_nanos(), DAILY.1));
    let records = store.back_up(&file)?;
    Ok(BackedUp { file, records })
}

/// Makes the backup of a day if there is none, then lets go of those beyond the number to keep, the oldest first.
///
/// # Errors
/// It cannot be written; nothing is let go of then.
pub(super) fn daily(settings: &Settings, store: &Store, today: NaiveDate) -> Result<(), ServerError> {
    let keep = usize::try_from(settings.backup.keep.0).unwrap_or(usize::MAX);
    if keep == 0 {
        return Ok(());
    }
    if store.is_low_on_space() {
        return Err(ServerError::new("free space is low"));
    }
    let directory = directory(settings)?;
    let file = directory.join(format!("{}{today}{}", DAILY.0, DAILY.1));
    if !file.exists() {
        let records = store.back_up(&file)?;
        tracing::info!(records, "backup {}", file.display());
    }
    for old in dailies(&directory).into_iter().rev().skip(keep) {
        let removed = fs::remove_file(&old);
        removed.map_err(|error| ServerError(format!("{} cannot be removed: {error}", old.display())))?;
    }
    Ok(())
}

/// The daily backups, the oldest first.
fn dailies(directory: &Path) -> Vec<PathBuf> {
    let mut all = entries(directory, |name| {
        let day = name.strip_prefix(DAILY.0).and_then(|name| name.strip_suffix(DAILY.1));
        day.is_some_and(|day| day.parse::<NaiveDate>().is_ok())
    });
    all.sort();
    all
}

fn entries(directory: &Path, named: impl Fn(&str) -> bool) -> Vec<PathBuf> {
    let entries = fs::read_dir(directory).into_iter().flatten().flatten();
    let ours = entries.filter(|entry| entry.file_name().to_str().is_some_and(&named));
    ours.map(|entry| entry.path()).collect()
}

/// A caller that was killed leaves its backup behind.
fn forget_unfetched(directory: &Path, now: SystemTime) {
    for file in entries(directory, |name| name.starts_with(ASKED)) {
        let made = file.metadata().and_then(|metadata| metadata.modified());
        let age = made.ok().and_then(|made| now.duration_since(made).ok());
        if age.is_some_and(|age| age > ASKED_TIME) {
            let _ = fs::remove_file(file);
        }
    }
}

/// The directory of backups, absolute, made when it is not there.
fn directory(settings: &Settings) -> Result<PathBuf, ServerError> {
    let default = || settings.data.join("backups");
    let directory = settings.backup.directory.clone().unwrap_or_else(default);
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(&directory)
        .and_then(|()| std::path::absolute(&directory))
        .map_err(|error| unwritable(&directory, &error))
}

/// Brings a finished backup to its place; complete and durable when it appears under its name.
fn take(from: &Path, to: &Path) -> io::Result<()> {
    let mut partial = to.as_os_str().to_owned();
    partial.push(".partial");
    let mut options = File::options();
    let mut out = options
        .create(true)
        .write(true)
        .truncate(true)
        .mode(0o600)
        .open(&partial)?;
    io::copy(&mut File::open(from)?, &mut out)?;
    out.sync_all()?;
    fs::rename(&partial, to)
}

fn unwritable(path: &Path, error: &io::Error) -> ServerError {
    ServerError(format!(
        "{} cannot be written ({error}): name a place where this user may write",
        path.display()
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(day: u32) -> NaiveDate {
        NaiveDate::from_ymd_opt(2026, 1, day).unwrap()
    }

    #[test]
    fn a_day_has_one_backup_and_the_oldest_go_first() {
        let dir = tempfile::tempdir().unwrap();
        let mut settings = Settings {
            data: dir.path().join("data"),
            ..Settings::default()
        };
        settings.backup.keep.0 = 2;
        let store = Store::open(&settings.data, "mon.example").unwrap();
        let names = || {
            let files = dailies(&settings.data.join("backups"));
            files
                .iter()
                .map(|file| file.file_name().unwrap().to_string_lossy().into_owned())
                .collect::<Vec<_>>()
        };
        for today in [1, 1, 2, 3] {
            daily(&settings, &store, day(today)).unwrap();
        }
        assert_eq!(names(), ["watchpost-2026-01-02.backup", "watchpost-2026-01-03.backup"]);
        // A folder of another's files is not tidied.
        fs::write(settings.data.join("backups/watchpost-old.backup"), "").unwrap();
        daily(&settings, &store, day(4)).unwrap();
        assert!(settings.data.join("backups/watchpost-old.backup").exists());
        assert_eq!(names().len(), 2);
        let asked = for_caller(&settings, &store).unwrap();
        assert!(asked.file.is_absolute() && asked.file.exists());
        forget_unfetched(asked.file.parent().unwrap(), SystemTime::now());
        assert!(asked.file.exists(), "its caller may be about to fetch it");
        forget_unfetched(asked.file.parent().unwrap(), SystemTime::now() + 2 * ASKED_TIME);
        assert!(!asked.file.exists());
    }
}
