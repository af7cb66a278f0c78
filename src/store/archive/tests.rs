//! Archives: what is kept, in which order it is found, and what goes.

use super::*;
use crate::store::tests::{Scratch, days};
use crate::store::{Limits, Options};
use jid::Jid;
use proptest::prelude::*;
use std::time::Duration;

fn bare(jid: &str) -> BareJid {
    BareJid::new(jid).unwrap()
}

fn stanza(from: &str, body: &str) -> Bytes {
    Bytes::from(format!(
        "<message xmlns='jabber:client' from='{from}' to='ada@mon.example'><body>{body}</body></message>"
    ))
}

/// Archives a message of bob's (odd days) or eve's (even days) on each of so many days.
fn fill(store: &Store, count: i64) -> Vec<String> {
    let append = |day: i64| {
        let from = if day % 2 == 1 {
            "bob@mon.example/desk"
        } else {
            "eve@mon.example/desk"
        };
        let with = Jid::new(from).unwrap().to_bare();
        let (_, id) = store
            .archive()
            .append("ada", &with, &stanza(from, &day.to_string()), days(day))
            .unwrap();
        id
    };
    (1..=count).map(append).collect()
}

const ALL: Extent = Extent {
    backwards: false,
    messages_max: usize::MAX,
    bytes_max: usize::MAX,
};

fn numbers(page: &ArchivePage) -> Vec<u64> {
    page.messages.iter().map(|message| message.number).collect()
}

fn with_limits(scratch: &Scratch, limits: Limits) -> Store {
    let options = Options {
        limits,
        ..scratch.options()
    };
    Store::open_with(&scratch.path(), "mon.example", &options).unwrap()
}

#[test]
fn an_id_leads_to_its_message_and_cannot_be_made_up() {
    let scratch = Scratch::new();
    let store = scratch.store();
    let ids = fill(&store, 5);
    let archive = store.archive();
    for (number, id) in (1..).zip(&ids) {
        assert_eq!(archive.find("ada", id), Some(number));
        assert_eq!(archive.get("ada", number).unwrap().id, *id);
        assert_eq!(archive.find("bob", id), None, "each archive has its own");
    }
    let made_up = [
        String::new(),
        "x".to_owned(),
        "é".repeat(16),
        ids[0].to_uppercase(),
        ids[0].replace(&ids[0][..1], "+"),
        [&ids[0][..16], &ids[1][16..]].concat(),
        format!("{:016x}{:016x}", 1, 0),
    ];
    for id in made_up {
        assert_eq!(archive.find("ada", &id).filter(|_| !ids.contains(&id)), None, "{id}");
    }
    drop(store);
    let store = scratch.store();
    assert_eq!(store.archive().find("ada", &ids[4]), Some(5), "ids stay");
    assert_eq!(fill(&store, 1).len(), 1);
    assert_eq!(store.archive().bounds("ada"), Some((1, 6)));
}

#[test]
fn spans_follow_the_time_and_both_ends_belong_to_them() {
    let scratch = Scratch::new();
    let store = scratch.store();
    assert_eq!(store.archive().span("ada", None, None), 0..0);
    fill(&store, 9);
    let span = |start: Option<i64>, end: Option<i64>| store.archive().span("ada", start.map(days), end.map(days));
    assert_eq!(span(None, None), 1..10);
    assert_eq!(span(Some(3), None), 3..10);
    assert_eq!(span(None, Some(3)), 1..4);
    assert_eq!(span(Some(4), Some(4)), 4..5);
    assert_eq!(span(Some(20), None), 10..10);
    assert!(span(Some(5), Some(3)).is_empty());
    let just_after = days(3) + TimeDelta::nanoseconds(1);
    assert_eq!(store.archive().span("ada", Some(just_after), None), 4..10);
}

#[test]
fn a_clock_that_steps_back_a_little_disorders_nothing() {
    let scratch = Scratch::new();
    let store = scratch.store();
    let append = |now| {
        store
            .archive()
            .append("ada", &bare("bob@mon.example"), &stanza("bob@mon.example", "x"), now)
            .unwrap()
    };
    append(days(3));
    append(days(3) - TimeDelta::seconds(2));
    append(days(1));
    let stamps: Vec<_> = (1..=3)
        .map(|number| store.archive().get("ada", number).unwrap().stamp)
        .collect();
    assert_eq!(stamps, [days(3), days(3), days(1)]);
}

#[test]
fn pages_end_where_they_must_and_say_whether_more_follows() {
    let scratch = Scratch::new();
    let store = scratch.store();
    fill(&store, 9);
    let page = |backwards, messages_max, with: Option<&str>| {
        let with = with.map(|with| Jid::new(with).unwrap());
        let extent = Extent {
            backwards,
            messages_max,
            ..ALL
        };
        let page = store.archive().page("ada", &(2..9), with.as_ref(), extent);
        (numbers(&page), page.complete)
    };
    assert_eq!(page(false, 3, None), (vec![2, 3, 4], false));
    assert_eq!(page(true, 3, None), (vec![6, 7, 8], false));
    assert_eq!(page(true, 7, None), ((2..9).collect(), true));
    assert_eq!(page(false, 0, None), (vec![], false));
    assert_eq!(page(false, 2, Some("bob@mon.example")), (vec![3, 5], false));
    assert_eq!(page(true, 2, Some("bob@mon.example")), (vec![5, 7], false));
    assert_eq!(page(true, 3, Some("bob@mon.example")), (vec![3, 5, 7], true));
    assert_eq!(page(false, 9, Some("bob@mon.example/desk")), (vec![3, 5, 7], true));
    assert_eq!(page(false, 9, Some("bob@mon.example/phone")), (vec![], true));
    assert_eq!(page(false, 9, Some("nobody@mon.example")), (vec![], true));
    let small = Extent { bytes_max: 1, ..ALL };
    assert_eq!(
        numbers(&store.archive().page("ada", &(2..9), None, small)),
        [2],
        "one at least"
    );
    let eve = Jid::new("eve@mon.example").unwrap();
    assert_eq!(store.archive().count("ada", &(2..9), Some(&eve)), 4);
    assert_eq!(store.archive().count("ada", &(2..9), None), 7);
}

#[test]
fn the_oldest_go_when_there_are_too_many_or_too_many_bytes_or_they_are_too_old() {
    let bytes = stanza("bob@mon.example/desk", "1").len();
    let (wide, day) = (usize::MAX, Duration::from_secs(86_400));
    for (messages, size, time, left) in [
        (4, wide, 1000 * day, (6, 9)),
        (wide, 3 * bytes, 1000 * day, (7, 9)),
        (wide, 3 * bytes + 1, 1000 * day, (7, 9)),
        (wide, wide, 2 * day, (7, 9)),
        (wide, wide, 1000 * day, (1, 9)),
    ] {
        let scratch = Scratch::new();
        let limits = Limits {
            archive_messages_max: messages,
            archive_bytes_max: size,
            archive_time_max: time,
            ..Limits::DEFAULT
        };
        let store = with_limits(&scratch, limits);
        let ids = fill(&store, 9);
        let archive = store.archive();
        let gone: Vec<u64> = std::iter::from_fn(|| Some(archive.trim("ada", days(9), 2).unwrap()))
            .take_while(|gone| *gone > 0)
            .collect();
        assert!(gone.iter().all(|gone| *gone <= 2), "in slices");
        assert_eq!(archive.bounds("ada"), Some(left));
        assert_eq!(archive.find("ada", &ids[0]).is_some(), left.0 == 1);
        let bob = Jid::new("bob@mon.example").unwrap();
        let expected: Vec<u64> = (left.0..=left.1).filter(|number| number % 2 == 1).collect();
        assert_eq!(numbers(&archive.page("ada", &(1..10), Some(&bob), ALL)), expected);
    }
}

#[test]
fn an_archive_that_has_aged_away_starts_anew_with_other_ids() {
    let scratch = Scratch::new();
    let store = scratch.store();
    let old = fill(&store, 2);
    assert_eq!(store.archive().trim("ada", days(4000), 10), Ok(2));
    assert_eq!(store.archive().bounds("ada"), None);
    let new = fill(&store, 2);
    assert!(
        old.iter()
            .all(|id| !new.contains(id) && store.archive().find("ada", id).is_none())
    );
}

#[test]
fn f12_a_loss_within_an_archive_is_found_slice_by_slice() {
    let scratch = Scratch::new();
    let store = scratch.store();
    fill(&store, 9);
    assert_eq!(
        store.archive().check("ada", 0, 4),
        ArchiveCheck { lost: 0, next: Some(5) }
    );
    let mut batch = Batch::new();
    batch.delete(entries("ada").number(6));
    batch.put_bytes(entries("ada").number(7), b"half");
    store.submit(batch).unwrap();
    assert_eq!(
        store.archive().check("ada", 5, 4),
        ArchiveCheck { lost: 2, next: Some(9) }
    );
    assert_eq!(store.archive().check("ada", 9, 4), ArchiveCheck { lost: 0, next: None });
    let page = store.archive().page("ada", &(1..10), None, ALL);
    assert_eq!(numbers(&page), [1, 2, 3, 4, 5, 8, 9], "what is left is served");
}

#[test]
fn a_removed_account_takes_its_archive_along_and_a_new_domain_changes_it() {
    let scratch = Scratch::new();
    let store = scratch.store();
    store
        .accounts()
        .add_without_credentials("ada", crate::stanza::Role::Viewer)
        .unwrap();
    fill(&store, 3);
    let bob = Jid::new("bob@mon.example").unwrap();
    let prefs = ArchivePrefs {
        never: vec![bob],
        ..ArchivePrefs::default()
    };
    store.archive().set_prefs("ada", &prefs).unwrap();
    drop(store);
    crate::store::rename_domain(&scratch.path(), "mon.example", "new.example", &scratch.options()).unwrap();
    let store = scratch.open("new.example").unwrap();
    let bob = Jid::new("bob@new.example").unwrap();
    let page = store.archive().page("ada", &(1..4), Some(&bob), ALL);
    assert_eq!(numbers(&page), [1, 3]);
    let text = String::from_utf8(page.messages[0].stanza.to_vec()).unwrap();
    assert!(
        text.contains("bob@new.example/desk") && !text.contains("mon.example"),
        "{text}"
    );
    assert_eq!(store.archive().prefs("ada").never, [bob]);
    store.accounts().remove("ada").unwrap();
    assert_eq!(store.archive().bounds("ada"), None);
    assert_eq!(store.archive().prefs("ada"), ArchivePrefs::default());
    assert!(store.keys(&Key::new(Table::ArchiveWith)).is_empty());
}

#[test]
fn preferences_are_bounded_and_never_goes_first() {
    let scratch = Scratch::new();
    let store = scratch.store();
    let jid = |text: &str| Jid::new(text).unwrap();
    let mut prefs = ArchivePrefs {
        default: ArchiveDefault::Roster,
        always: vec![jid("bob@x"), jid("eve@x/desk")],
        never: vec![jid("eve@x")],
    };
    let wants = |with: &str, listed: bool| prefs.wants(&jid(with), || listed);
    assert!(wants("bob@x/any", false) && !wants("eve@x/desk", true));
    assert!(wants("ann@x", true) && !wants("ann@x", false));
    prefs.never = (0..=256).map(|number| jid(&format!("a{number}@x"))).collect();
    assert!(matches!(
        store.archive().set_prefs("ada", &prefs),
        Err(StoreError::Limit(_))
    ));
}

proptest! {
    #[test]
    fn f12_garbage_is_no_entry_and_no_panic(payload: Vec<u8>) {
        let _ = Entry::read(&Bytes::from(payload));
    }

    #[test]
    fn an_entry_comes_back(stamp: i64, nonce: u64, offset: u64, with in "[a-z@.]{0,40}", stanza: Vec<u8>) {
        let entry = Entry { stamp, nonce, offset, with: with.clone(), stanza: Bytes::from(stanza.clone()) };
        let read = Entry::read(&Bytes::from(entry.write())).unwrap();
        prop_assert_eq!((read.stamp, read.nonce, read.offset, read.with, read.stanza), (stamp, nonce, offset, with, Bytes::from(stanza)));
    }
}
