//! Settings as written, and as each room wants them.
//!
//! A setting is defined once, in `settings`, `limits` or `rows`: key, type, default and meaning. From that come the
//! parser (unknown keys refused, with their line), the defaults, and `watchpost config`.

mod checks;
mod document;
mod file;
#[cfg(any(test, fuzzing))]
pub(crate) mod fuzz;
mod groups;
mod limits;
mod rooms;
mod rows;
mod setting;
mod settings;
mod units;
mod values;

pub use file::ConfigError;
pub use limits::Limits;
pub use settings::Settings;
pub use units::Time;
pub use values::{Domain, Format, Level, Listen, Mechanisms, Watchers};

use document::Document;
use std::path::{Path, PathBuf};

/// What the command line says about the configuration; it goes before the file.
#[derive(Clone, Debug, Default)]
pub struct Overrides {
    /// The file to read.
    pub file: Option<PathBuf>,
    /// The domain.
    pub domain: Option<Domain>,
    /// The data directory.
    pub data: Option<PathBuf>,
    /// The certificate directory.
    pub certs: Option<PathBuf>,
    /// Where to listen with STARTTLS.
    pub starttls: Option<Listen>,
    /// Where to listen with direct TLS.
    pub tls: Option<Listen>,
    /// Where to listen for HTTP.
    pub http: Option<Listen>,
    /// Whether commands of the collector run nothing.
    pub dry_run: bool,
}

/// The configuration in force.
#[derive(Clone, Debug, Default)]
pub struct Config {
    /// The settings.
    pub settings: Settings,
    /// The file they came from.
    pub file: Option<PathBuf>,
    /// Whether somebody has named the domain; where nobody has, a store keeps the one that it was made for.
    pub domain_given: bool,
}

impl Config {
    /// Reads the configuration.
    ///
    /// # Errors
    /// What is wrong with it, with file and line.
    pub fn load(overrides: &Overrides) -> Result<Config, ConfigError> {
        let mut config = file::read(overrides.file.as_deref())?;
        overrides.apply(&mut config.settings);
        config.domain_given |= overrides.domain.is_some();
        Ok(config)
    }

    /// Every setting with its value, its meaning and its default, as a configuration file.
    pub fn document(&self) -> String {
        let mut out = Document::default();
        let origin = self
            .file
            .as_deref()
            .map_or("the defaults".into(), Path::to_string_lossy);
        out.comment(&format!(
            "watchpost {}: the settings in force, from {origin}.",
            env!("CARGO_PKG_VERSION")
        ));
        out.comment("Sizes are written as \"256 KiB\", times as \"30s\", \"5 min\", \"30 d\". Limits take \"none\".");
        self.settings.write_settings(&Settings::default(), &mut out);
        out.finish()
    }
}

impl Overrides {
    fn apply(&self, settings: &mut Settings) {
        fn set<T: Clone>(setting: &mut T, value: &Option<T>) {
            if let Some(value) = value {
                *setting = value.clone();
            }
        }
        set(&mut settings.domain, &self.domain);
        set(&mut settings.data, &self.data);
        set(&mut settings.certs, &self.certs);
        set(&mut settings.listen.starttls, &self.starttls);
        set(&mut settings.listen.tls, &self.tls);
        set(&mut settings.listen.http, &self.http);
        settings.collector.dry_run |= self.dry_run;
    }
}

impl Settings {
    /// Takes over what can change while the appliance runs: the certificate's files, all about the collector, and where
    /// collectors are found in rosters.
    pub fn adopt(&mut self, new: Settings) {
        self.tls = new.tls;
        self.invitations = new.invitations;
        self.collector = new.collector;
        self.roster = new.roster;
        self.group = new.group;
        self.reboot = new.reboot;
        self.rules = new.rules;
        self.host = new.host;
        self.command = new.command;
        self.rule = new.rule;
        self.check = new.check;
    }

    /// What no single value shows to be wrong.
    fn check(&self) -> Result<(), String> {
        if self.tls.certificate.is_some() != self.tls.key.is_some() {
            return Err("'certificate' and 'key' of section [tls] go together: set both or neither,".to_owned());
        }
        if self.limits.pep_item_size.get() > self.limits.stanza_size.get() {
            return Err("limits.pep_item_size is more than limits.stanza_size lets through".to_owned());
        }
        for name in &self.roster.groups {
            groups::group(name).map_err(|error| format!("section [roster]: {error},"))?;
        }
        self.host.check()?;
        if self.check.len() > self.limits.checks.get() {
            return Err(format!(
                "there are {} checks, more than limits.checks",
                self.check.len()
            ));
        }
        match self.reboot.argv.is_empty() {
            true => Ok(()),
            false => rows::program(&self.reboot.argv).map_err(|error| format!("section [reboot]: {error},")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::xml;

    pub(super) const EVERYTHING: &str = r#"
domain = "mon.example."
data = "/var/lib/watchpost"
[listen]
starttls = ["127.0.0.1:5222", "[::1]:5222"]
tls = "none"
[limits]
stanza_size = "none"
idle_time = "10 min"
roster_items = 5
loopback_exempt = false
[collector]
name = "box \"1\""
watchers = ["a@mon.example"]
[reboot]
argv = ["/bin/true"]
delay = "0s"
[[command]]
name = "list"
argv = ["/bin/ls", "{dir}"]
role = "operator"
parameters = [{ name = "dir", choices = ["/tmp"] }]
[roster]
groups = ["Hosts", "Alle"]
[[group]]
name = "Databases"
collectors = ["db1"]
roles = ["admin"]
[contact]
admin = ["mailto:a@mon.example"]
[[rule]]
name = "root"
statistic = "disk/*#percent"
warning = 80.0
clear = 70.0
for = "1 min"
message = "disk full"
[web]
metrics = true
token_file = "/etc/watchpost/token"
[host]
restart = ["nginx.service"]
kill = ["stress"]
[[check]]
name = "web"
http = "https://mon.example/"
status = [200, 204]
keyword = "a \"word\""
slow = "2s"
ca = "/etc/ca.pem"
every = "30s"
timeout = "5s"
failures = 3
[[check]]
name = "backup"
heartbeat = "1 d"
grace = "0s"
"#;

    fn parse(text: &str) -> Settings {
        file::parse(text, Path::new("watchpost.toml")).unwrap()
    }

    #[test]
    fn the_defaults_are_those_that_the_rooms_document() {
        let limits = Limits::default();
        assert_eq!(limits.xml_before_login(), xml::Limits::BEFORE_AUTHENTICATION);
        assert_eq!(limits.xml(), xml::Limits::AUTHENTICATED);
        assert_eq!(limits.store(), crate::store::Limits::DEFAULT);
        assert_eq!(limits.roster(), crate::roster::Limits::DEFAULT);
        assert_eq!(limits.monitor(), crate::monitor::Limits::DEFAULT);
        assert_eq!(parse(""), Settings::default());
    }

    #[test]
    fn what_config_prints_is_a_file_that_means_the_same() {
        for text in ["", EVERYTHING] {
            let settings = parse(text);
            let document = Config {
                settings: settings.clone(),
                ..Config::default()
            }
            .document();
            let again = parse(&document);
            assert_eq!(
                Config {
                    settings: again,
                    ..Config::default()
                }
                .document(),
                document,
                "{document}"
            );
            assert_eq!(settings.limits, parse(&document).limits);
        }
    }

    #[test]
    fn config_shows_the_meaning_and_the_default_of_a_setting() {
        let document = Config {
            settings: parse(EVERYTHING),
            ..Config::default()
        }
        .document();
        assert!(
            document.contains("# Contacts in one roster. Default: 1000.\nroster_items = 5\n"),
            "{document}"
        );
        assert!(document.contains("[[command]]\nname = \"list\""), "{document}");
        assert!(
            Config::default()
                .document()
                .contains("# [[command]]\n# name = \"restart\"")
        );
    }

    #[test]
    fn the_command_line_goes_before_the_file() {
        let mut settings = parse(EVERYTHING);
        let overrides = Overrides {
            domain: "other.example".parse().ok(),
            tls: "none".parse().ok(),
            ..Default::default()
        };
        overrides.apply(&mut settings);
        assert_eq!(
            (settings.domain.0.as_str(), settings.listen.tls),
            ("other.example", Listen(Vec::new()))
        );
    }

    #[test]
    fn a_certificate_without_its_key_is_refused() {
        let error = file::parse("[tls]\nkey = 'x.pem'", Path::new("w.toml"))
            .unwrap_err()
            .to_string();
        assert_eq!(
            error,
            "'certificate' and 'key' of section [tls] go together: set both or neither, in w.toml"
        );
    }
}
