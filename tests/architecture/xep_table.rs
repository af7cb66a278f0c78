//! README's table of XEPs is what the modules declare.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// A row of README's table: number, title, version, status.
type Row = (String, String, String, String);

/// The rows whose first cell is a XEP or an RFC; a link counts as its text.
fn readme_rows(readme: &str) -> Vec<Row> {
    let unlink = |cell: &str| match cell.strip_prefix('[').and_then(|cell| cell.split_once("](")) {
        Some((text, _)) => text.to_owned(),
        None => cell.to_owned(),
    };
    readme
        .lines()
        .filter_map(|line| line.trim().strip_prefix('|')?.strip_suffix('|'))
        .map(|line| line.split('|').map(|cell| unlink(cell.trim())).collect::<Vec<_>>())
        .filter(|cells| cells.len() >= 4 && (cells[0].starts_with("XEP-") || cells[0].starts_with("RFC ")))
        .map(|cells| {
            (
                cells[0].clone(),
                cells[1].clone(),
                cells[2].clone(),
                first_word(&cells[3]),
            )
        })
        .collect()
}

/// A status cell may go on after its first word: `partial: no collections`.
fn first_word(cell: &str) -> String {
    cell.chars()
        .take_while(|c| c.is_alphanumeric())
        .collect::<String>()
        .to_lowercase()
}

/// Specifications that rooms without modules implement: (number, room). README has a row for each of them too.
const ELSEWHERE: &[(&str, &str)] = &[
    ("RFC 6120", "stream"),
    ("RFC 6121", "router"),
    ("RFC 7590", "net"),
    ("XEP-0198", "stream"),
    ("XEP-0352", "router"),
    ("XEP-0386", "stream"),
    ("XEP-0388", "stream"),
    ("XEP-0440", "stream"),
    ("XEP-0474", "stream"),
    ("XEP-0478", "stream"),
];

#[test]
fn readme_lists_what_the_modules_declare() {
    let readme = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md")).expect("README.md");
    let rows = readme_rows(&readme);
    let declared: BTreeSet<Row> = watchpost::modules::all()
        .iter()
        .flat_map(|module| module.xeps())
        .map(|xep| {
            (
                xep.number.into(),
                xep.title.into(),
                xep.version.into(),
                format!("{:?}", xep.status).to_lowercase(),
            )
        })
        .collect();
    let elsewhere: BTreeMap<&str, &str> = ELSEWHERE.iter().copied().collect();
    let listed: BTreeSet<Row> = rows
        .iter()
        .filter(|row| !elsewhere.contains_key(row.0.as_str()))
        .cloned()
        .collect();
    let of_modules: BTreeSet<Row> = declared
        .iter()
        .filter(|row| !elsewhere.contains_key(row.0.as_str()))
        .cloned()
        .collect();
    let lacking: Vec<&Row> = of_modules.difference(&listed).collect();
    let too_many: Vec<&Row> = listed.difference(&of_modules).collect();
    assert!(
        lacking.is_empty() && too_many.is_empty(),
        "README lacks {lacking:#?}\nand has {too_many:#?}"
    );
    for (number, room) in ELSEWHERE {
        assert!(
            rows.iter().any(|row| row.0 == *number),
            "README has no row for {number} (src/{room})"
        );
    }
    assert!(!of_modules.is_empty(), "the modules declare nothing");
}

#[test]
fn readme_rows_are_read_from_any_table() {
    let readme = "| XEP | title | version | state |\n|---|---|---|---|\n\
                  | [XEP-0199](https://xmpp.org/extensions/xep-0199.html) | XMPP Ping | 2.0.1 | complete |\n\
                  | RFC 6121 | IM | 2011 | Partial: no x |\n";
    let row = |a: &str, b: &str, c: &str, d: &str| (a.to_owned(), b.to_owned(), c.to_owned(), d.to_owned());
    assert_eq!(
        readme_rows(readme),
        [
            row("XEP-0199", "XMPP Ping", "2.0.1", "complete"),
            row("RFC 6121", "IM", "2011", "partial")
        ]
    );
}
