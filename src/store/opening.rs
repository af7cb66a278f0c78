//! Opening: sled's files are read in full and compared with the manifest before anyone may trust them.

use super::batch::{Ticket, Writes};
use super::directory::{Directory, unreadable};
use super::error::StoreError;
use super::manifest::Manifest;
use super::medium::{Medium, Sled};
use super::meta::{FORMAT, Meta};
use super::space::Floor;
use bytes::Bytes;
use std::io;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

/// Settings of a store.
#[derive(Clone, Debug)]
pub struct Options {
    /// sled's cache, in bytes.
    pub cache_bytes: u64,
    /// Free bytes below which the store is neither opened nor written; twice the last snapshot when that is more. 0: no
    /// floor.
    pub free_bytes_min: u64,
    /// Opening and checking may take this long, and 1 s more for each 8 MiB: damaged files can let sled spin for ever.
    pub open_time_max: Duration,
}

impl Default for Options {
    fn default() -> Options {
        Options {
            cache_bytes: 16 << 20,
            free_bytes_min: 64 << 20,
            open_time_max: Duration::from_secs(30),
        }
    }
}

/// A store that was read in full and found sound.
pub(super) struct Opened {
    pub(super) medium: Sled,
    pub(super) meta: Meta,
    pub(super) manifest: Manifest,
}

/// What reading everything found.
#[derive(Default)]
struct Survey {
    found: Manifest,
    manifest: Option<Manifest>,
    meta: Option<Meta>,
}

/// Opens, or makes, the store in a directory.
pub(super) fn open(directory: &Directory, domain: &str, options: &Options, floor: Floor) -> Result<Opened, StoreError> {
    let mut db = open_or_recover(directory, options)?;
    let mut survey = survey(&db).map_err(|error| damaged(directory, &error.to_string()))?;
    if survey.found.records == 0 && survey.manifest.is_none() {
        if directory.is_complete() {
            return Err(damaged(directory, "it is empty"));
        }
        let meta = Meta::new(domain).map_err(|error| unreadable(directory.path(), &io::Error::other(error)))?;
        survey = create(directory, &db, &floor, meta)?;
    }
    if !directory.is_complete() {
        // sled writes a snapshot only when it opens a store; without one, damage to its file goes unnoticed.
        drop(db);
        db = reopen(directory, options)?;
        directory
            .complete()
            .map_err(|error| unreadable(directory.path(), &error))?;
    }
    directory.sync().map_err(|error| unreadable(directory.path(), &error))?;
    let (meta, manifest) = judge(directory, domain, survey)?;
    let file = directory.file().map_err(|error| unreadable(directory.path(), &error))?;
    let medium = Sled { db, file, floor };
    Ok(Opened { medium, meta, manifest })
}

/// A damaged snapshot is set aside, once: sled rebuilds it from the log, and the manifest tells whether all is there.
fn open_or_recover(directory: &Directory, options: &Options) -> Result<sled::Db, StoreError> {
    let (fault, usable) = match reopen(directory, options) {
        Ok(db) => match survey(&db) {
            Ok(survey) if survey.is_sound() => return Ok(db),
            Ok(_) => ("records are missing".to_owned(), Some(db)),
            Err(error) => (error.to_string(), None),
        },
        Err(StoreError::Damaged(why)) => (why, None),
        Err(error) => return Err(error),
    };
    drop(usable);
    let moved = directory.set_snapshots_aside();
    match moved.map_err(|error| unreadable(directory.path(), &error))? {
        true => reopen(directory, options),
        false => Err(damaged(directory, &fault)),
    }
}

impl Survey {
    /// Empty, or as the manifest says.
    fn is_sound(&self) -> bool {
        match &self.manifest {
            Some(manifest) => manifest.agrees(&self.found),
            None => self.found.records == 0,
        }
    }
}

/// Opens sled. Our own lock is held, so sled's can only be held by a handle of ours that is just being dropped.
fn reopen(directory: &Directory, options: &Options) -> Result<sled::Db, StoreError> {
    let begun = Instant::now();
    loop {
        let config = sled::Config::new()
            .path(directory.path())
            .cache_capacity(options.cache_bytes)
            .flush_every_ms(None);
        match config.open() {
            Ok(db) => return Ok(db),
            Err(sled::Error::Io(error)) if error.to_string().contains("could not acquire lock") => {
                if begun.elapsed() > Duration::from_secs(5) {
                    return Err(in_use(directory.path()));
                }
                thread::sleep(Duration::from_millis(10));
            }
            Err(sled::Error::Io(error)) => return Err(unreadable(directory.path(), &error)),
            Err(error) => return Err(damaged(directory, &error.to_string())),
        }
    }
}

fn in_use(path: &Path) -> StoreError {
    StoreError::InUse(format!(
        "another program has {} open: stop it first",
        path.join("db").display()
    ))
}

/// Reads every record.
fn survey(db: &sled::Db) -> sled::Result<Survey> {
    let mut survey = Survey::default();
    for entry in db.iter() {
        let (key, value) = entry?;
        let bytes = || Bytes::copy_from_slice(&value);
        if key == Manifest::key().as_bytes() {
            survey.manifest = Manifest::read(&bytes());
            continue;
        }
        if key == Meta::key().as_bytes() {
            survey.meta = Meta::read(&bytes());
        }
        survey.found.add(&key, &value);
    }
    Ok(survey)
}

fn create(directory: &Directory, db: &sled::Db, floor: &Floor, meta: Meta) -> Result<Survey, StoreError> {
    let failed = |why: String| unreadable(directory.path(), &io::Error::other(why));
    let file = directory.file().map_err(|error| unreadable(directory.path(), &error))?;
    let mut medium = Sled {
        db: db.clone(),
        file,
        floor: floor.clone(),
    };
    let mut manifest = Manifest::default();
    manifest.ticket = Ticket(1);
    let mut writes = Writes::from([(Meta::key().into_bytes(), Some(meta.seal()))]);
    manifest.join(&mut writes, &medium).map_err(failed)?;
    medium.apply(&writes).and_then(|()| medium.sync()).map_err(failed)?;
    Ok(Survey {
        found: manifest,
        manifest: Some(manifest),
        meta: Some(meta),
    })
}

/// Whether this store is sound, and ours.
fn judge(directory: &Directory, domain: &str, survey: Survey) -> Result<(Meta, Manifest), StoreError> {
    let path = directory.path().display();
    let Some(meta) = survey.meta else {
        return Err(damaged(directory, "its own record is missing"));
    };
    if meta.format > FORMAT {
        return Err(StoreError::NewerFormat(format!(
            "the store in {path} was written by a newer watchpost (format {}, this one knows {FORMAT}): run the newer one, \
             or restore a backup made by this one",
            meta.format
        )));
    }
    if meta.domain != domain {
        return Err(StoreError::OtherDomain(format!(
            "the store in {path} was made for the domain {}, not {domain}: set the domain back, give this one another data \
             directory, or run 'watchpost rename-domain {} {domain}'",
            meta.domain, meta.domain
        )));
    }
    match survey.manifest {
        Some(manifest) if manifest.agrees(&survey.found) => Ok((meta, manifest)),
        Some(manifest) => Err(damaged(
            directory,
            &format!(
                "{} records are expected, {} were found, or some differ",
                manifest.records, survey.found.records
            ),
        )),
        None => Err(damaged(directory, "its manifest is missing")),
    }
}

pub(super) fn damaged(directory: &Directory, why: &str) -> StoreError {
    StoreError::Damaged(format!(
        "the store in {} is damaged ({why}): move the directory away and run 'watchpost restore FILE' with the last backup",
        directory.path().display()
    ))
}
