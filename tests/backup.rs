//! `watchpost backup` and `restore`, and the start that goes on from a backup.

mod support;

use std::path::PathBuf;
use std::process::Output;
use support::server::shown;
use support::{Client, Login, TestServer};

#[track_caller]
fn done(output: &Output) -> String {
    assert!(output.status.success(), "{}", shown(output));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[track_caller]
fn refused(output: &Output, part: &str) {
    let text = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{}", shown(output));
    assert!(text.contains(part), "{part:?} is not in {text:?}");
}

fn path(server: &TestServer, name: &str) -> String {
    server.dir().join(name).display().to_string()
}

/// Overwrites a part of the store's log in place, as a disk that lies does.
fn damage(server: &TestServer) {
    for entry in std::fs::read_dir(server.data()).expect("data/") {
        let path = entry.expect("an entry").path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if name == "db" || name.starts_with("snap.") {
            let mut bytes = std::fs::read(&path).expect("readable");
            let half = bytes.len() / 2;
            bytes[half.min(64)..half].fill(0x5A);
            std::fs::write(&path, bytes).expect("writable");
        }
    }
}

#[test]
fn a_backup_of_the_running_appliance_comes_back_elsewhere_with_every_account() {
    let mut server = TestServer::start();
    server.add_account("romeo", "secret");
    let file = path(&server, "all.backup");
    let _romeo = Client::login(&server, &Login::new("romeo", "secret"));
    assert!(done(&server.run(&["backup", &file])).contains("records are in"));
    let left: Vec<PathBuf> = std::fs::read_dir(server.data().join("backups"))
        .expect("backups/")
        .map(|entry| entry.expect("an entry").path())
        .collect();
    assert!(left.is_empty(), "{left:?}");
    refused(&server.run(&["backup", "/proc/nothing/here"]), "/proc/nothing/here");

    server.add_account("juliet", "later");
    server.kill();
    refused(&server.run(&["restore", &file]), "move it away");
    std::fs::rename(server.data(), server.dir().join("old")).expect("moved");
    assert!(done(&server.run(&["restore", &file])).contains("again"));
    server.spawn();
    Client::login(&server, &Login::new("romeo", "secret")).close();
    assert!(Client::try_login(&server, &Login::new("juliet", "later")).is_err());

    assert!(server.terminate().success());
    done(&server.run(&["backup", &file]));
    let mut bytes = std::fs::read(&file).expect("the backup");
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(&file, bytes).expect("written");
    std::fs::rename(server.data(), server.dir().join("older")).expect("moved");
    refused(&server.run(&["restore", &file]), "damaged or cut off");
    refused(&server.run(&["backup", &file]), "there is no store");
    assert!(!server.data().join("db").exists());
}

#[test]
fn a_damaged_store_is_refused_and_replaced_by_the_last_good_backup_only_when_told_so() {
    let mut server = TestServer::start();
    server.add_account("romeo", "secret");
    let daily = |name: &str| {
        let folder = server.data().join("backups");
        std::fs::create_dir_all(&folder).expect("backups/");
        folder.join(name).display().to_string()
    };
    let (good, bad) = (
        daily("watchpost-2026-01-01.backup"),
        daily("watchpost-2026-01-02.backup"),
    );
    done(&server.run(&["backup", &good]));
    std::fs::write(&bad, "cut off").expect("written");
    assert!(server.terminate().success());
    damage(&server);
    refused(&server.run(&["run"]), "run --restore-if-damaged");

    std::fs::rename(&good, path(&server, "hidden")).expect("moved");
    refused(&server.run(&["run", "--restore-if-damaged"]), "no good backup");
    std::fs::rename(path(&server, "hidden"), &good).expect("moved back");
    server.spawn_with(&["run", "--restore-if-damaged"]);
    Client::login(&server, &Login::new("romeo", "secret")).close();
    let aside = std::fs::read_dir(server.data()).expect("data/").flatten();
    let aside: Vec<_> = aside
        .filter(|entry| entry.file_name().to_string_lossy().starts_with("damaged-"))
        .collect();
    assert_eq!(aside.len(), 1);
    assert!(aside[0].path().join("db").exists(), "the damaged store is kept");
}
