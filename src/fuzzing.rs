//! The fuzz targets. `fuzz/` runs each of them on inputs without end, `cargo test` on the corpus that is kept.
//!
//! Each takes any bytes and panics when a promise is broken. Where an input has parts they are separated by 0xFF, a byte
//! that no text contains, so that a mutation shifts nothing.

pub use crate::config::fuzz::config;
pub use crate::modules::fuzz::pubsub_iq;
pub use crate::service::fuzz::{caps, data_form};
pub use crate::stanza::fuzz::jid;
pub use crate::store::fuzz::store_decode;
pub use crate::stream::fuzz::{sasl, session};
pub use crate::xml::fuzz::{readdress, stream_parser, writer};

/// The parts of an input.
pub(crate) fn parts(input: &[u8]) -> impl Iterator<Item = &[u8]> {
    input.split(|&byte| byte == 0xFF)
}

/// A part as text; what is not UTF-8 in it is replaced.
pub(crate) fn text(part: Option<&[u8]>) -> String {
    String::from_utf8_lossy(part.unwrap_or_default()).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;
    use std::path::{Path, PathBuf};

    type Target = (&'static str, fn(&[u8]));

    const TARGETS: [Target; 11] = [
        ("caps", caps),
        ("config", config),
        ("data_form", data_form),
        ("jid", jid),
        ("pubsub_iq", pubsub_iq),
        ("readdress", readdress),
        ("sasl", sasl),
        ("session", session),
        ("store_decode", store_decode),
        ("stream_parser", stream_parser),
        ("writer", writer),
    ];

    fn entries(dir: &Path) -> Vec<PathBuf> {
        let entries = std::fs::read_dir(dir).unwrap_or_else(|error| panic!("{}: {error}", dir.display()));
        let mut paths: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
        paths.sort();
        paths
    }

    fn stems(dir: &Path) -> BTreeSet<String> {
        let stem = |path: PathBuf| path.file_stem().unwrap().to_string_lossy().into_owned();
        entries(dir).into_iter().map(stem).collect()
    }

    #[test]
    fn the_corpus_holds() {
        let fuzz = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz");
        for (name, target) in TARGETS {
            let seeds = entries(&fuzz.join("corpus").join(name));
            assert!(seeds.len() >= 3, "{name} has {} seeds", seeds.len());
            target(b"");
            for seed in seeds {
                let input = std::fs::read(&seed).unwrap();
                // The test's output says which seed it was.
                println!("{}", seed.display());
                target(&input);
                (0..input.len().min(300)).for_each(|end| target(&input[..end]));
            }
        }
    }

    #[test]
    fn every_target_can_be_fuzzed() {
        let fuzz = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz");
        let names: BTreeSet<String> = TARGETS.iter().map(|(name, _)| (*name).to_owned()).collect();
        assert_eq!(stems(&fuzz.join("fuzz_targets")), names);
        assert_eq!(stems(&fuzz.join("corpus")), names);
        let manifest = std::fs::read_to_string(fuzz.join("Cargo.toml")).unwrap();
        for name in names {
            assert!(manifest.contains(&format!("name = \"{name}\"")), "{name}");
        }
    }
}
