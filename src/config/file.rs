//! The configuration file: where it is, who may change it, what is wrong with it and where.

use super::settings::Settings;
use super::{Config, rows};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// Where it is looked for when nobody says.
const PLACES: [&str; 2] = ["watchpost.toml", "/etc/watchpost/watchpost.toml"];

/// What is wrong with the configuration: one sentence, with file and line where there is one.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct ConfigError(pub String);

/// Reads the settings: from the file named, else from the first of the usual places, else the defaults.
///
/// # Errors
/// The file cannot be read, can be changed by others, or is wrong.
pub fn read(named: Option<&Path>) -> Result<Config, ConfigError> {
    let usual = || PLACES.iter().map(Path::new).find(|path| path.exists());
    let Some(path) = named.or_else(usual) else {
        return Ok(Config::default());
    };
    let unreadable = |error| ConfigError(format!("{} cannot be read: {error}", path.display()));
    refuse_strangers(path)?;
    let bytes = std::fs::read(path).map_err(unreadable)?;
    let text =
        String::from_utf8(bytes).map_err(|_| ConfigError(format!("{} is not a text in UTF-8", path.display())))?;
    Ok(Config {
        settings: parse(&text, path)?,
        file: Some(path.to_owned()),
        domain_given: toml::from_str::<toml::Table>(&text).is_ok_and(|table| table.contains_key("domain")),
    })
}

/// Whoever can change the file can name programs to run: it must belong to root or to us, and nobody else may write it
/// (threat M24).
fn refuse_strangers(path: &Path) -> Result<(), ConfigError> {
    let name = path.display();
    let metadata = std::fs::metadata(path).map_err(|error| ConfigError(format!("{name} cannot be read: {error}")))?;
    let us = rustix::process::geteuid().as_raw();
    let our_group = rustix::process::getegid().as_raw();
    let group_is_ours = [0, our_group].contains(&metadata.gid());
    match metadata.mode() {
        _ if !metadata.is_file() => Err(ConfigError(format!("{name} is not a file"))),
        _ if ![0, us].contains(&metadata.uid()) => Err(ConfigError(format!(
            "{name} belongs to another user, who could name programs to run: run 'chown {us} {name}'"
        ))),
        mode if mode & 0o002 != 0 || (mode & 0o020 != 0 && !group_is_ours) => Err(ConfigError(format!(
            "{name} can be changed by others: run 'chmod go-w {name}'"
        ))),
        _ => Ok(()),
    }
}

/// Parses the text of a configuration file.
///
/// # Errors
/// The first thing that is wrong, with its line.
pub fn parse(text: &str, path: &Path) -> Result<Settings, ConfigError> {
    let at = |offset: usize, what: &str| {
        let line = text.as_bytes()[..offset.min(text.len())]
            .iter()
            .filter(|byte| **byte == b'\n')
            .count()
            + 1;
        ConfigError(format!("{what} in {} line {line}", path.display()))
    };
    let settings: Settings = toml::from_str(text).map_err(|error| match error.span() {
        Some(span) => explain(&error, |what| match row(text, span.start) {
            Some(row) => at(span.start, &format!("{row}: {what}")),
            None => at(span.start, what),
        }),
        None => ConfigError(format!("{} in {}", error.message(), path.display())),
    })?;
    let wrong = |(offset, what): (usize, String)| at(offset, &what);
    rows::check(&settings.command).map_err(wrong)?;
    rows::check(&settings.group).map_err(wrong)?;
    rows::check(&settings.rule).map_err(wrong)?;
    rows::check(&settings.check).map_err(wrong)?;
    settings
        .check()
        .map_err(|what| ConfigError(format!("{what} in {}", path.display())))?;
    Ok(settings)
}

/// The row of a list of tables that a place in the text is in, if it is in one.
fn row(text: &str, offset: usize) -> Option<String> {
    let starts = text.split_inclusive('\n').scan(0, |end, line| {
        let start = *end;
        *end += line.len();
        Some((start, line))
    });
    let before = starts.take_while(|(start, _)| *start <= offset);
    let headers: Vec<(bool, &str)> = before.filter_map(|(_, line)| header(line)).collect();
    let (_, key) = headers.last().filter(|(several, _)| *several)?;
    let number = headers
        .iter()
        .filter(|(several, other)| *several && other == key)
        .count();
    Some(rows::numbered(key, number))
}

/// The key of a table's header, and whether there may be several such tables.
fn header(line: &str) -> Option<(bool, &str)> {
    let line = line.split('#').next().unwrap_or_default().trim();
    let within = |open: &str, close: &str| line.strip_prefix(open)?.strip_suffix(close).map(str::trim);
    let several = within("[[", "]]").map(|key| (true, key));
    let header = several.or_else(|| within("[", "]").map(|key| (false, key)));
    // Elements of an array may stand in brackets, too; keys of ours are words.
    header.filter(|(_, key)| key.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_'))
}

/// Serde's words for an unknown key, and the keys it knows, become a question; anything else stays as it is.
fn explain(error: &toml::de::Error, at: impl Fn(&str) -> ConfigError) -> ConfigError {
    let message = error.message().trim_end();
    let mut quoted = message.split('`').skip(1).step_by(2);
    let Some(unknown) = quoted.next().filter(|_| message.starts_with("unknown field")) else {
        return at(&message.replace('\n', ": ").replace('`', "'"));
    };
    let here = at(&format!("unknown key '{unknown}'"));
    let known: Vec<&str> = quoted.collect();
    match known.iter().min_by_key(|key| distance(unknown, key)) {
        Some(near) if distance(unknown, near) <= 1 + near.len() / 3 => {
            ConfigError(format!("{here}: did you mean '{near}'?"))
        }
        _ if known.len() <= 12 => ConfigError(format!("{here}: known here are {}", known.join(", "))),
        _ => ConfigError(format!("{here}: 'watchpost config' shows all keys")),
    }
}

/// The number of letters to insert, delete or replace (Levenshtein).
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, from) in a.chars().enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], i + 1);
        for (j, to) in b.iter().enumerate() {
            let replaced = diagonal + usize::from(from != *to);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(text: &str) -> String {
        parse(text, Path::new("watchpost.toml")).expect_err(text).to_string()
    }

    #[test]
    fn f15_an_unknown_key_is_refused_with_its_line_and_the_nearest_key() {
        assert_eq!(
            refused("domain = 'a.example'\n\nlisen = 1\n"),
            "unknown key 'lisen' in watchpost.toml line 3: did you mean 'listen'?"
        );
        assert_eq!(
            refused("[listen]\nstartls = 'none'\n"),
            "unknown key 'startls' in watchpost.toml line 2: did you mean 'starttls'?"
        );
        assert_eq!(
            refused("[tls]\nxyzzy = 1\n"),
            "unknown key 'xyzzy' in watchpost.toml line 2: known here are certificate, key"
        );
        assert!(refused("[[command]]\nnmae = 'x'\nargv = []\n").contains("line 2: did you mean 'name'?"));
    }

    #[test]
    fn f15_a_wrong_value_is_refused_with_its_line_and_what_is_expected() {
        for (text, line, what) in [
            ("domain = 1", 1, "string"),
            ("domain = 'a b'", 1, "not a domain name"),
            ("\n[limits]\nstanza_size = '1 B'", 3, "at least 10000 B"),
            ("[limits]\nidle_time = 30", 2, "needs its unit: \"30s\""),
            ("[listen]\ntls = '5223'", 2, "write it as"),
            ("[listen]\ntls = 5223", 2, "expected an address"),
            ("[collector]\nwatchers = 'some'", 2, "list of JIDs"),
            ("[log]\nlevel = 'loud'", 2, "unknown variant 'loud'"),
            ("domain = 'x'\ndomain = 'y'", 2, "duplicate key"),
            ("domain = 'half", 1, "string"),
            ("\n\n[[command]]\nname = 'x'\nargv = ['ls']", 3, "not an absolute path"),
            (
                "[[rule]]\nname='x'\nstatistic='cpu#usage'\nclear=1.0\nmessage='m'",
                1,
                "give a warning",
            ),
            ("[sasl]\nmechanisms = ['DIGEST-MD5']", 2, "DIGEST-MD5"),
            ("[contact]\nadmin = ['ops']", 2, "'ops' is no address"),
            ("[[group]]\nname = ''", 1, "1 to 256 bytes"),
            ("[[group]]\nname = 'x'\ncollectors = ['db@x']", 1, "before the @"),
        ] {
            let error = refused(text);
            assert!(error.contains(what), "{text}: {error}");
            assert!(
                error.contains(&format!("in watchpost.toml line {line}")),
                "{text}: {error}"
            );
        }
    }

    #[test]
    fn f15_what_is_wrong_with_a_row_names_it() {
        let good = "[[command]]\nname = 'ls'\nargv = ['/bin/ls']\n";
        let rule = "[[rule]]\nname = 'hot'\nstatistic = 'cpu#usage'\nclear = 1.0\nmessage = 'm'\n";
        for (text, expected) in [
            (
                "[[command]]\nname = 'x'\nargv = [\n['a']]\n",
                "[[command]] number 2: invalid type",
            ),
            (
                "[[command]]\nname = 'x'\nnmae = 'x'\n",
                "[[command]] number 2: unknown key 'nmae' in watchpost.toml line 6",
            ),
            (
                "[[command]]\nname = 'x'\n",
                "[[command]] number 2: missing field 'argv' in watchpost.toml line 4",
            ),
            (
                "[[command]]\nname = 'x'\nargv = ['ls']\n",
                "[[command]] 'x': 'ls' is not an absolute path in watchpost.toml line 4",
            ),
            (
                "[[command]]\nname = ''\nargv = ['ls']\n",
                "[[command]] number 2: name '' must be",
            ),
            (
                "[[command]]\nname = 'ls'\nargv = ['/bin/ls']\n",
                "[[command]] 'ls': the name 'ls' is taken",
            ),
            (rule, "[[rule]] 'hot': give a warning"),
            ("[[rule]]\nname = 1\n", "[[rule]] number 1: invalid type"),
            ("[log]\nlevel = 'loud'\n", "unknown variant 'loud'"),
        ] {
            let error = refused(&format!("{good}{text}"));
            assert!(error.starts_with(expected), "{text}: {error}");
        }
    }

    #[test]
    fn f15_a_half_written_file_never_panics() {
        let whole = super::super::tests::EVERYTHING;
        for end in 0..whole.len() {
            let _ = parse(&whole[..end], Path::new("watchpost.toml"));
        }
    }

    #[test]
    fn m24_a_file_that_others_can_change_is_refused() {
        use std::os::unix::fs::PermissionsExt;
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("watchpost.toml");
        std::fs::write(&path, "domain = 'a.example'").unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o646)).unwrap();
        let error = read(Some(&path)).unwrap_err().to_string();
        assert!(error.contains("chmod go-w"), "{error}");
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
        assert_eq!(read(Some(&path)).unwrap().settings.domain.0, "a.example");
    }

    #[test]
    fn a_file_that_was_named_and_is_absent_is_an_error() {
        let error = read(Some(Path::new("/nonexistent/watchpost.toml")))
            .unwrap_err()
            .to_string();
        assert!(
            error.starts_with("/nonexistent/watchpost.toml cannot be read"),
            "{error}"
        );
    }
}
