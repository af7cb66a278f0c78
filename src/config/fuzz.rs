//! Any text as a configuration file: what is accepted is what `watchpost config` prints.

use super::{Config, file};
use std::path::Path;

/// The fuzz target.
pub fn config(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else { return };
    let parse = |text: &str| file::parse(text, Path::new("watchpost.toml"));
    let document = |settings| {
        Config {
            settings,
            ..Config::default()
        }
        .document()
    };
    match parse(text) {
        Ok(settings) => {
            let printed = document(settings);
            let again = parse(&printed).unwrap_or_else(|error| panic!("{error}: {printed}"));
            assert_eq!(document(again), printed);
        }
        Err(error) => assert!(!error.to_string().contains('\n'), "not one line: {error}"),
    }
}
