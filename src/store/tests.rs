//! A store in a directory of its own, for the tests of this room; and the tests of opening, reading and refusing.

use super::key::{Key, Table};
use super::*;
use bytes::Bytes;
use chrono::{DateTime, TimeDelta, Utc};
use std::fs;
use std::os::unix::fs::PermissionsExt;

/// A directory that goes with the test.
pub(super) struct Scratch {
    dir: tempfile::TempDir,
}

impl Scratch {
    pub(super) fn new() -> Scratch {
        Scratch {
            dir: tempfile::tempdir().unwrap(),
        }
    }

    pub(super) fn path(&self) -> std::path::PathBuf {
        self.dir.path().join("store")
    }

    /// Without a floor: the machine's disk is no part of the tests.
    pub(super) fn options(&self) -> Options {
        Options {
            free_bytes_min: 0,
            ..Options::default()
        }
    }

    pub(super) fn open(&self, domain: &str) -> Result<Store, StoreError> {
        Store::open_with(&self.path(), domain, &self.options())
    }

    pub(super) fn store(&self) -> Store {
        self.open("mon.example").unwrap()
    }
}

/// So many days after some moment.
pub(super) fn days(days: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(1_700_000_000, 0).unwrap() + TimeDelta::days(days)
}

fn put(store: &Store, name: &str, value: &str) -> Ticket {
    let mut batch = Batch::new();
    store.monitor().put(&mut batch, "host", name, value.as_bytes()).unwrap();
    store.submit(batch).unwrap()
}

fn put_many(store: &Store, count: usize) {
    for number in 0..count {
        put(store, &number.to_string(), "x");
    }
}

fn get(store: &Store, name: &str) -> Option<Bytes> {
    store.monitor().get("host", name)
}

/// Opens the same files with sled itself.
fn tamper(scratch: &Scratch, tamper: impl FnOnce(&sled::Db)) {
    let db = sled::Config::new()
        .path(scratch.path())
        .flush_every_ms(None)
        .open()
        .unwrap();
    tamper(&db);
    db.flush().unwrap();
}

#[test]
fn writes_are_read_at_once_and_tickets_rise() {
    let scratch = Scratch::new();
    let store = scratch.store();
    let mut last = store.latest();
    for number in 0..500 {
        let value = number.to_string();
        let ticket = put(&store, "n", &value);
        assert_eq!(get(&store, "n").unwrap(), value);
        assert!(ticket > last);
        last = ticket;
    }
    assert_eq!(store.submit(Batch::new()), Ok(last));
    store.wait(last).unwrap();
    assert!(*store.committed().borrow() >= last);
    assert_eq!(get(&store, "n").unwrap(), "499");
}

#[test]
fn a_scan_joins_what_is_on_its_way_with_what_is_stored() {
    let scratch = Scratch::new();
    let store = scratch.store();
    let ticket = ["a", "b", "c"].map(|name| put(&store, name, "stored"))[2];
    store.wait(ticket).unwrap();
    // On its way for ever: the storage thread never hears of it.
    let mut batch = Batch::new();
    store.monitor().put(&mut batch, "host", "b", b"newer").unwrap();
    store.monitor().put(&mut batch, "host", "d", b"newer").unwrap();
    let key = |name| Key::new(Table::Monitor).text("host").text(name);
    batch.delete(key("a"));
    store
        .shared
        .progress
        .overlay
        .write()
        .unwrap()
        .enter(Ticket(u64::MAX), batch.into_writes());
    let found: Vec<_> = store
        .scan(&Key::new(Table::Monitor))
        .into_iter()
        .map(|(_, value)| value)
        .collect();
    assert_eq!(found, ["newer", "stored", "newer"]);
    assert_eq!(store.keys(&Key::new(Table::Monitor)).len(), 3);
    assert!(!store.has(&key("a")));
}

#[test]
fn a_reopened_store_keeps_everything_and_counts_on() {
    let scratch = Scratch::new();
    let store = scratch.store();
    put_many(&store, 100);
    let last = store.latest();
    let number = store.next_number();
    put(&store, "0", "y");
    drop(store);
    let store = scratch.store();
    assert!(store.latest() > last);
    assert!(store.next_number() > number);
    assert_eq!(store.scan(&Key::new(Table::Monitor)).len(), 100);
    assert_eq!(get(&store, "0").unwrap(), "y");
    assert_eq!(store.quarantined(), 0);
    assert!(store.disk_bytes().unwrap() > 0);
}

#[test]
fn a14_the_files_are_the_owners_alone() {
    let scratch = Scratch::new();
    drop(scratch.store());
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&scratch.path()), 0o700);
    for entry in fs::read_dir(scratch.path()).unwrap() {
        let path = entry.unwrap().path();
        assert_eq!(
            mode(&path),
            if path.is_dir() { 0o700 } else { 0o600 },
            "{}",
            path.display()
        );
    }
    assert!(
        !space::snapshots(&scratch.path()).is_empty(),
        "a new store has a snapshot"
    );
}

#[test]
fn f09_a_second_opener_is_refused_and_disturbs_nothing() {
    let scratch = Scratch::new();
    let store = scratch.store();
    put(&store, "a", "1");
    let leftover = scratch.path().join("snap.9.generating");
    fs::write(&leftover, "a snapshot that the first is writing").unwrap();
    let refused = scratch.open("mon.example").unwrap_err();
    assert!(matches!(refused, StoreError::InUse(_)));
    assert!(refused.to_string().contains(scratch.path().to_str().unwrap()));
    assert!(leftover.exists());
    store.wait(put(&store, "b", "2")).unwrap();
}

#[test]
fn another_domain_is_refused_with_the_way_out() {
    let scratch = Scratch::new();
    put(&scratch.store(), "a", "1");
    let refused = scratch.open("other.example").unwrap_err();
    assert!(matches!(refused, StoreError::OtherDomain { .. }));
    assert!(
        refused
            .to_string()
            .contains("watchpost rename-domain mon.example other.example")
    );
    assert_eq!(get(&scratch.store(), "a").unwrap(), "1");
}

#[test]
fn f11_a_newer_format_is_refused_and_untouched() {
    let scratch = Scratch::new();
    let store = scratch.store();
    let mut meta: meta::Meta = store.get_json(&meta::Meta::key()).unwrap();
    meta.format += 1;
    let mut batch = Batch::new();
    batch.put_json(meta::Meta::key(), &meta);
    store.submit(batch).unwrap();
    drop(store);
    assert!(matches!(scratch.open("mon.example"), Err(StoreError::NewerFormat(_))));
    tamper(&scratch, |db| {
        let stored = db.get(meta::Meta::key().as_bytes()).unwrap().unwrap();
        assert_eq!(&stored[..], &meta.seal()[..]);
    });
}

#[test]
fn f05_too_little_space_is_refused_before_anything_is_made() {
    let scratch = Scratch::new();
    let options = Options {
        free_bytes_min: u64::MAX / 2,
        ..Options::default()
    };
    let refused = Store::open_with(&scratch.path(), "mon.example", &options).unwrap_err();
    assert!(matches!(refused, StoreError::NoSpace(_)));
    assert!(!scratch.path().join("db").exists());
    scratch.store();
}

#[test]
fn f04_writes_are_refused_while_space_is_low_or_the_queue_is_full() {
    let scratch = Scratch::new();
    let store = scratch.store();
    put(&store, "a", "1");
    let mut batch = Batch::new();
    store.monitor().put(&mut batch, "host", "a", b"2").unwrap();
    let progress = &store.shared.progress;
    progress.low_space.store(true, Ordering::Relaxed);
    assert!(matches!(store.submit(batch.clone()), Err(error @ StoreError::NoSpace(_)) if error.is_constraint()));
    progress.low_space.store(false, Ordering::Relaxed);
    progress.pending_bytes.fetch_add(QUEUE_BYTES_MAX + 1, Ordering::Relaxed);
    assert_eq!(store.submit(batch.clone()), Err(StoreError::Busy));
    assert_eq!(get(&store, "a").unwrap(), "1");
    progress.pending_bytes.fetch_sub(QUEUE_BYTES_MAX + 1, Ordering::Relaxed);
    store.submit(batch.clone()).unwrap();
    assert_eq!(get(&store, "a").unwrap(), "2");
    let latest = store.latest();
    store.wait(latest).unwrap();
    progress.fail("injected".to_owned());
    assert!(matches!(store.submit(batch), Err(error @ StoreError::Failed(_)) if !error.is_constraint()));
    assert!(store.wait(Ticket(latest.0 + 1)).is_err());
    assert_eq!(get(&store, "a").unwrap(), "2");
}

#[test]
fn f06_an_unfinished_snapshot_is_removed() {
    let scratch = Scratch::new();
    put(&scratch.store(), "a", "1");
    let leftover = scratch.path().join("snap.FFFFFFFFFFFFFFF0.generating");
    fs::write(&leftover, "garbage").unwrap();
    assert_eq!(get(&scratch.store(), "a").unwrap(), "1");
    assert!(!leftover.exists());
}

#[test]
fn f07_a_damaged_snapshot_is_rebuilt_with_all_data() {
    let scratch = Scratch::new();
    let store = scratch.store();
    put_many(&store, 200);
    drop(store);
    drop(scratch.store());
    for snapshot in space::snapshots(&scratch.path()) {
        let mut bytes = fs::read(&snapshot).unwrap();
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        fs::write(&snapshot, bytes).unwrap();
    }
    let store = scratch.store();
    assert_eq!(store.scan(&Key::new(Table::Monitor)).len(), 200);
}

#[test]
fn f07_missing_records_are_refused_and_never_served() {
    let key = || Key::new(Table::Monitor).text("host").text("7").into_bytes();
    type Damage = fn(&sled::Db, Vec<u8>);
    let cases: [(&str, Damage); 4] = [
        ("one is gone", |db, key| drop(db.remove(key).unwrap())),
        ("one is old", |db, key| {
            let sealed = record::seal(&Key::from_bytes(key.clone()), b"old");
            db.insert(key, sealed.as_ref()).unwrap();
        }),
        ("the manifest is gone", |db, _| {
            drop(db.remove(manifest::Manifest::key().as_bytes()).unwrap())
        }),
        ("all are gone", |db, _| db.clear().unwrap()),
    ];
    for (case, damage) in cases {
        let scratch = Scratch::new();
        let store = scratch.store();
        put_many(&store, 20);
        drop(store);
        tamper(&scratch, |db| damage(db, key()));
        let refused = scratch.open("mon.example").expect_err(case);
        assert!(matches!(refused, StoreError::Damaged(_)), "{case}: {refused}");
        assert!(refused.to_string().contains("move the directory away"));
    }
}

#[test]
fn f07_a_store_as_it_was_some_time_ago_is_refused() {
    let scratch = Scratch::new();
    put_many(&scratch.store(), 20);
    let db = scratch.path().join("db");
    let before = fs::read(&db).unwrap();
    put_many(&scratch.store(), 30);
    fs::write(&db, before).unwrap();
    for snapshot in space::snapshots(&scratch.path()) {
        fs::remove_file(snapshot).unwrap();
    }
    let refused = scratch.open("mon.example").unwrap_err();
    assert!(matches!(refused, StoreError::Damaged(_)));
    assert!(refused.to_string().contains("changes are gone"), "{refused}");
}

#[test]
fn f07_a_lost_file_is_not_a_first_start() {
    let scratch = Scratch::new();
    put(&scratch.store(), "a", "1");
    for name in ["db", "conf"] {
        fs::remove_file(scratch.path().join(name)).unwrap();
    }
    for snapshot in space::snapshots(&scratch.path()) {
        fs::remove_file(snapshot).unwrap();
    }
    assert!(matches!(scratch.open("mon.example"), Err(StoreError::Damaged(_))));
}

#[test]
fn f12_a_garbage_record_is_set_apart_and_the_others_served() {
    let scratch = Scratch::new();
    let store = scratch.store();
    store
        .accounts()
        .add_without_credentials("ada", crate::stanza::Role::Viewer)
        .unwrap();
    put(&store, "a", "1");
    put(&store, "b", "1");
    drop(store);
    tamper(&scratch, |db| {
        for key in [
            Key::new(Table::Monitor).text("host").text("a"),
            Key::new(Table::Account).text("ada"),
        ] {
            db.insert(key.into_bytes(), b"garbage").unwrap();
        }
    });
    let store = scratch.store();
    assert_eq!(get(&store, "a"), None);
    assert_eq!(get(&store, "a"), None);
    assert_eq!(get(&store, "b").unwrap(), "1");
    assert_eq!(store.accounts().role("ada"), None);
    // Its name must not fall to somebody else, but the operator can remove it.
    let again = |store: &Store| {
        store
            .accounts()
            .add_without_credentials("ada", crate::stanza::Role::Admin)
    };
    assert_eq!(again(&store), Err(StoreError::Exists));
    assert_eq!(store.quarantined(), 2);
    store.accounts().remove("ada").unwrap();
    again(&store).unwrap();
    put(&store, "a", "2");
    drop(store);
    // All is readable again, and counted.
    assert_eq!(get(&scratch.store(), "a").unwrap(), "2");
}

#[test]
fn f10_a_place_that_cannot_be_used_is_named() {
    let scratch = Scratch::new();
    fs::write(scratch.path(), "a file").unwrap();
    let refused = scratch.open("mon.example").unwrap_err();
    assert!(matches!(refused, StoreError::Unreadable(_)));
    assert!(refused.to_string().contains(scratch.path().to_str().unwrap()));
}
