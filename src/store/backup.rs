//! Backups: all records in one file, with a checksum over all of it. sled's own files change between its versions and
//! while they are copied; this file does neither.

use super::directory::unreadable;
use super::manifest::Manifest;
use super::meta::Meta;
use super::{Batch, Options, Store, StoreError};
use bytes::{Buf, Bytes};
use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;

/// The file's first bytes; the digit is its format.
const MAGIC: &[u8; 18] = b"watchpost backup 1";

impl Store {
    /// Writes all records as they are at one moment to a file (mode 0600), which is complete and durable when it appears
    /// under its name. Blocks, and lets nobody write until all is read. Returns the number of records.
    ///
    /// # Errors
    /// [`StoreError::Unreadable`] when the file cannot be written, [`StoreError::Failed`] when the store cannot be read to
    /// its end; a file that was there stays then.
    pub fn back_up(&self, file: &Path) -> Result<usize, StoreError> {
        let mut partial = file.as_os_str().to_owned();
        partial.push(".partial");
        let partial = PathBuf::from(partial);
        let written = self.write_to(&partial).and_then(|count| {
            fs::rename(&partial, file).map_err(|error| unwritable(file, &error))?;
            Ok(count)
        });
        if written.is_err() {
            // On a full disk, half a backup is what there is no room for.
            let _ = fs::remove_file(&partial);
        }
        written
    }

    fn write_to(&self, partial: &Path) -> Result<usize, StoreError> {
        let unwritable = |error| unwritable(partial, &error);
        let mut out = Summed::create(partial).map_err(unwritable)?;
        let count = self.still(|| self.write_records(&mut out));
        // A scan that a read error cut short must not take a good backup's place.
        if let Some(why) = self.failure() {
            return Err(StoreError::Failed(why));
        }
        let count = count.map_err(unwritable)?;
        out.finish().map_err(unwritable)?;
        Ok(count)
    }

    fn write_records(&self, out: &mut Summed) -> io::Result<usize> {
        let mut count = 0;
        out.put(MAGIC)?;
        out.put(&self.shared.progress.order.load(Ordering::SeqCst).to_be_bytes())?;
        let manifest = Manifest::key();
        let visited = self.visit(|key, value| {
            if key == manifest.as_bytes() {
                return Ok(());
            }
            count += 1;
            out.put_sized(key)?;
            out.put_sized(value)
        });
        visited.unwrap_or_else(|| Err(io::Error::other("the store cannot be read to its end")))?;
        Ok(count)
    }
}

/// A file being written, and the checksum of what is in it.
struct Summed {
    out: BufWriter<File>,
    sum: crc32fast::Hasher,
}

impl Summed {
    fn create(path: &Path) -> io::Result<Summed> {
        let mut options = OpenOptions::new();
        let file = options.create(true).write(true).truncate(true).mode(0o600).open(path)?;
        Ok(Summed {
            out: BufWriter::new(file),
            sum: crc32fast::Hasher::new(),
        })
    }

    /// The end of the records, and the checksum; durable on return.
    fn finish(mut self) -> io::Result<()> {
        self.put_sized(b"")?;
        let sum = self.sum.clone().finalize();
        self.put(&sum.to_be_bytes())?;
        self.out.into_inner()?.sync_all()
    }

    fn put(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.sum.update(bytes);
        self.out.write_all(bytes)
    }

    fn put_sized(&mut self, bytes: &[u8]) -> io::Result<()> {
        let len = u32::try_from(bytes.len()).map_err(io::Error::other)?;
        self.put(&len.to_be_bytes())?;
        self.put(bytes)
    }
}

/// Makes a store in an empty or absent directory from a backup; durable on return. Returns the number of records.
///
/// # Errors
/// [`StoreError::Exists`] when there is a store already, [`StoreError::Damaged`] when the backup is incomplete or its
/// checksum is wrong (nothing is made then), or as [`Store::open_with`] and [`Store::submit`].
pub fn restore(dir: &Path, file: &Path, options: &Options) -> Result<usize, StoreError> {
    if dir.join("db").exists() {
        return Err(StoreError::Exists);
    }
    let backup = read(file)?;
    let store = Store::open_with(dir, &backup.domain, options)?;
    store.shared.progress.order.fetch_max(backup.order, Ordering::SeqCst);
    // One batch: half a restored store would be a sound one with less in it.
    let mut batch = Batch::new();
    let count = backup.records.len();
    for (key, value) in backup.records {
        batch.put_sealed(key, value);
    }
    store.wait(store.submit(batch)?)?;
    Ok(count)
}

/// Whether a backup is whole. Returns the number of records.
///
/// # Errors
/// [`StoreError::Damaged`] when it is not, [`StoreError::Unreadable`] when it cannot be read.
pub fn check_backup(file: &Path) -> Result<usize, StoreError> {
    Ok(read(file)?.records.len())
}

fn read(file: &Path) -> Result<Backup, StoreError> {
    let bytes = fs::read(file).map_err(|error| unwritable(file, &error))?;
    let incomplete = || {
        StoreError::Damaged(format!(
            "the backup {} is damaged or cut off: use an earlier one",
            file.display()
        ))
    };
    Backup::read(Bytes::from(bytes)).ok_or_else(incomplete)
}

/// A backup read in full and found whole.
struct Backup {
    domain: String,
    order: u64,
    records: Vec<(Vec<u8>, Bytes)>,
}

impl Backup {
    /// Total: garbage yields `None`.
    fn read(bytes: Bytes) -> Option<Backup> {
        let (content, sum) = bytes.split_last_chunk::<4>()?;
        if crc32fast::hash(content) != u32::from_be_bytes(*sum) {
            return None;
        }
        let mut rest = bytes.slice_ref(content.strip_prefix(MAGIC)?);
        let order = rest.try_get_u64().ok()?;
        let mut records = Vec::new();
        loop {
            let key = sized(&mut rest)?;
            if key.is_empty() {
                break;
            }
            records.push((key.to_vec(), sized(&mut rest)?));
        }
        let meta = records.iter().find(|(key, _)| key == Meta::key().as_bytes())?;
        let domain = Meta::read(&meta.1)?.domain;
        Some(Backup { domain, order, records })
    }
}

fn sized(rest: &mut Bytes) -> Option<Bytes> {
    let len = usize::try_from(rest.try_get_u32().ok()?).ok()?;
    (len <= rest.len()).then(|| rest.split_to(len))
}

fn unwritable(file: &Path, error: &io::Error) -> StoreError {
    unreadable(file.parent().unwrap_or(file), error)
}

#[cfg(test)]
mod tests {
    use super::super::tests::{Scratch, days};
    use super::super::{Policy, ScramHash};
    use super::*;
    use crate::stanza::Role;

    #[test]
    fn f08_a_restored_store_is_the_same_and_a_damaged_backup_makes_none() {
        let scratch = Scratch::new();
        let store = scratch.store();
        store
            .accounts()
            .add("ada", Role::Admin, "secret", &Policy::default())
            .unwrap();
        for _ in 0..20 {
            store.offline().push("ada", b"<message/>", days(1)).unwrap();
        }
        let file = scratch.path().with_file_name("backup");
        let count = store.back_up(&file).unwrap();
        let before = store.values(b"");
        let keys = store.accounts().credentials("nobody", ScramHash::Sha256);
        // What comes later is not in it.
        store.offline().push("ada", b"<message/>", days(1)).unwrap();
        let whole = fs::read(&file).unwrap();
        // A store that cannot be read to its end leaves the backup that there is.
        store.shared.progress.fail("torn".to_owned());
        assert_eq!(store.back_up(&file), Err(StoreError::Failed("torn".to_owned())));
        assert_eq!(fs::read(&file).unwrap(), whole);
        assert!(!file.with_extension("partial").exists());
        drop(store);

        let other = Scratch::new();
        let restored = |bytes: &[u8]| {
            fs::write(&file, bytes).unwrap();
            restore(&other.path(), &file, &other.options())
        };
        for cut in [0, 10, 30, whole.len() / 2, whole.len() - 1] {
            assert!(matches!(restored(&whole[..cut]), Err(StoreError::Damaged(_))));
        }
        let mut flipped = whole.clone();
        flipped[whole.len() / 2] ^= 1;
        assert!(matches!(restored(&flipped), Err(StoreError::Damaged(_))));
        assert!(!other.path().exists());
        assert_eq!(restored(&whole).unwrap(), count);
        assert_eq!(restored(&whole), Err(StoreError::Exists));

        let store = other.store();
        let mut after = store.values(b"");
        after.retain(|key, _| key != Manifest::key().as_bytes());
        assert!(after.iter().all(|(key, value)| before.get(key) == Some(value)));
        assert_eq!(after.len(), count);
        assert_eq!(store.accounts().credentials("nobody", ScramHash::Sha256), keys);
        store.offline().push("ada", b"<last/>", days(1)).unwrap();
        assert_eq!(store.offline().list("ada", days(1)).last().unwrap().stanza, "<last/>");
    }
}
