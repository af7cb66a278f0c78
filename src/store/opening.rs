//! Opening: all records but those of the archives are read and compared with the manifest before anyone may trust them.

use super::batch::Ticket;
use super::directory::{Directory, unreadable};
use super::error::StoreError;
use super::key::ARCHIVES;
use super::limits::Limits;
use super::manifest::Manifest;
use super::medium::Sled;
use super::meta::{FORMAT, Meta};
use super::record;
use super::space::Floor;
use bytes::Bytes;
use std::io;
use std::thread;
use std::time::{Duration, Instant};

/// sled keeps its lock a moment longer than the handle that we drop.
const REOPEN_TIME_MAX: Duration = Duration::from_secs(5);

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
    /// What one account, node or cache may hold.
    pub limits: Limits,
}

impl Default for Options {
    fn default() -> Options {
        Options {
            cache_bytes: 16 << 20,
            free_bytes_min: 64 << 20,
            open_time_max: Duration::from_secs(30),
            limits: Limits::DEFAULT,
        }
    }
}

/// A store that was read in full and found sound.
pub(super) struct Opened {
    pub(super) medium: Sled,
    pub(super) meta: Meta,
    pub(super) manifest: Manifest,
}

/// Opens, or makes, the store in a directory.
pub(super) fn open(directory: &Directory, domain: &str, options: &Options, floor: Floor) -> Result<Opened, StoreError> {
    let failed = |error: io::Error| unreadable(directory.path(), &error);
    let witnessed = directory.witnessed().map_err(failed)?;
    let (mut db, mut survey) = read(directory, options, witnessed.unwrap_or_default())?;
    if survey.is_empty() {
        if witnessed.is_some() {
            return Err(damaged(directory, "it is empty"));
        }
        let meta = Meta::new(domain).map_err(|error| failed(io::Error::other(error)))?;
        survey = create(directory, &db, meta).map_err(failed)?;
    }
    if witnessed.is_none() {
        // sled writes a snapshot only when it opens a store; without one, damage to its file goes unnoticed.
        drop(db);
        db = reopen(directory, options)?;
    }
    let (meta, manifest) = judge(directory, domain, survey)?;
    let witness = directory.witness(manifest.ticket).map_err(failed)?;
    directory.sync().map_err(failed)?;
    let file = directory.file().map_err(failed)?;
    let medium = Sled {
        db,
        file,
        witness,
        floor,
    };
    Ok(Opened { medium, meta, manifest })
}

/// Opens and reads everything. A damaged snapshot is set aside, once: sled rebuilds it from its log, and the manifest
/// tells whether all is there.
fn read(directory: &Directory, options: &Options, witnessed: Ticket) -> Result<(sled::Db, Survey), StoreError> {
    let attempt = || {
        let db = reopen(directory, options)?;
        let survey = Survey::new(&db, witnessed).map_err(|error| damaged(directory, &error.to_string()))?;
        Ok((db, survey))
    };
    let first = attempt();
    match &first {
        Ok((_, survey)) if survey.is_sound() => return first,
        Ok(_) | Err(StoreError::Damaged(_)) => {}
        Err(_) => return first,
    }
    let moved = directory.set_snapshots_aside();
    match moved.map_err(|error| unreadable(directory.path(), &error))? {
        true => {
            drop(first);
            attempt()
        }
        false => first,
    }
}

/// Opens sled. Our own lock is held, so sled's can only be held by a handle of ours that is just going.
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
                if begun.elapsed() > REOPEN_TIME_MAX {
                    return Err(StoreError::InUse(format!(
                        "another program has the store in {} open: stop it first",
                        directory.path().display()
                    )));
                }
                thread::sleep(Duration::from_millis(10));
            }
            Err(sled::Error::Io(error)) => return Err(unreadable(directory.path(), &error)),
            Err(error) => return Err(damaged(directory, &error.to_string())),
        }
    }
}

/// What reading every record but those of the archives found.
#[derive(Default)]
struct Survey {
    /// All records, readable or not.
    found: Manifest,
    /// Those whose envelope is wrong: they are treated as absent, each by itself.
    unreadable: u64,
    manifest: Option<Manifest>,
    meta: Option<Meta>,
    /// The last ticket known to have been durable.
    witnessed: Ticket,
}

impl Survey {
    fn new(db: &sled::Db, witnessed: Ticket) -> sled::Result<Survey> {
        let mut survey = Survey {
            witnessed,
            ..Survey::default()
        };
        for entry in db.range::<&[u8], _>(..&[ARCHIVES][..]) {
            let (key, value) = entry?;
            survey.see(&key, &Bytes::copy_from_slice(&value));
        }
        Ok(survey)
    }

    fn see(&mut self, key: &[u8], value: &Bytes) {
        if key == Manifest::key().as_bytes() {
            self.manifest = Manifest::read(value);
            return;
        }
        if key == Meta::key().as_bytes() {
            self.meta = Meta::read(value);
        }
        self.unreadable += u64::from(record::open(key, value).is_err());
        self.found.add(key, value);
    }

    fn is_empty(&self) -> bool {
        self.found.records == 0 && self.manifest.is_none()
    }

    /// Empty, or as the manifest says. A record that cannot be read is known to be lost; it must not be the cover under
    /// which others are lost.
    fn is_sound(&self) -> bool {
        let readable = self.found.records - self.unreadable;
        match &self.manifest {
            Some(manifest) if manifest.ticket < self.witnessed => false,
            Some(manifest) if self.unreadable == 0 => manifest.agrees(&self.found),
            Some(manifest) => (readable..=self.found.records).contains(&manifest.records),
            None => self.is_empty(),
        }
    }
}

fn create(directory: &Directory, db: &sled::Db, meta: Meta) -> io::Result<Survey> {
    let mut manifest = Manifest::default();
    manifest.ticket = Ticket(1);
    let sealed = meta.seal();
    manifest.add(Meta::key().as_bytes(), &sealed);
    let mut batch = sled::Batch::default();
    batch.insert(Meta::key().into_bytes(), sealed.as_ref());
    batch.insert(Manifest::key().into_bytes(), manifest.seal().as_ref());
    db.apply_batch(batch)?;
    db.flush()?;
    directory.file()?.sync_data()?;
    Ok(Survey {
        found: manifest,
        manifest: Some(manifest),
        meta: Some(meta),
        ..Survey::default()
    })
}

/// Whether this store is sound, and ours. Counting goes on from what was found.
fn judge(directory: &Directory, domain: &str, survey: Survey) -> Result<(Meta, Manifest), StoreError> {
    let sound = survey.is_sound();
    let Some(meta) = survey.meta else {
        return Err(damaged(directory, "its own record is missing"));
    };
    check_meta(directory, domain, &meta)?;
    let Some(manifest) = survey.manifest else {
        return Err(damaged(directory, "its manifest is missing"));
    };
    if manifest.ticket < survey.witnessed {
        let lost = survey.witnessed.0 - manifest.ticket.0;
        return Err(damaged(directory, &format!("its last {lost} changes are gone")));
    }
    if !sound {
        let (expected, found) = (manifest.records, survey.found.records);
        let why = format!("of {expected} records {found} were found, or others in their place");
        return Err(damaged(directory, &why));
    }
    if survey.unreadable > 0 {
        tracing::error!(
            "{} records of the store are unreadable and treated as absent",
            survey.unreadable
        );
    }
    Ok((meta, manifest.counting(&survey.found)))
}

fn check_meta(directory: &Directory, domain: &str, meta: &Meta) -> Result<(), StoreError> {
    let path = directory.path().display();
    if meta.format > FORMAT {
        return Err(StoreError::NewerFormat(format!(
            "the store in {path} was written by a newer watchpost (format {}, this one knows {FORMAT}): run the newer \
             one, or restore a backup made by this one",
            meta.format
        )));
    }
    if meta.domain != domain {
        let made_for = meta.domain.clone();
        let sentence = format!(
            "the store in {path} was made for the domain {made_for}, not {domain}: set the domain back, give this one a \
             data directory of its own, or move the store with 'watchpost rename-domain {made_for} {domain}'"
        );
        return Err(StoreError::OtherDomain { made_for, sentence });
    }
    Ok(())
}

pub(super) fn damaged(directory: &Directory, why: &str) -> StoreError {
    StoreError::Damaged(format!(
        "the store in {} is damaged ({why}): 'watchpost run --restore-if-damaged' puts it aside and goes on from the \
         last good daily backup; or move the directory away, and 'watchpost restore FILE'",
        directory.path().display()
    ))
}
