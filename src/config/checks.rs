//! `[[check]]`: a service that is looked at.

use super::rows::{Row, program, word};
use super::setting::{list, quoted};
use super::settings::Host;
use super::units::{Count, Time};
use crate::monitor::checks::{Address, Check, Heartbeat, HttpCheck, What};
use serde::Deserialize;
use std::path::PathBuf;
use std::time::Duration;

const INTERVAL: Duration = Duration::from_secs(60);
/// Certificates change slowly.
const CERTIFICATE_INTERVAL: Duration = Duration::from_secs(6 * 60 * 60);
const TIMEOUT: Duration = Duration::from_secs(10);

/// One check. Which of the keys that say what is looked at is set says what kind it is.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CheckRow {
    name: String,
    http: Option<String>,
    tcp: Option<String>,
    certificate: Option<String>,
    unit: Option<String>,
    program: Option<Vec<String>>,
    heartbeat: Option<Time<1_000>>,

    #[serde(default)]
    status: Vec<u16>,
    keyword: Option<String>,
    slow: Option<Time>,
    ca: Option<PathBuf>,
    grace: Option<Time<0>>,
    every: Option<Time<1_000>>,
    timeout: Option<Time>,
    failures: Option<Count>,
}

impl Row for CheckRow {
    const KEY: &'static str = "check";
    const EXAMPLE: &'static str = "name = \"website\"
http = \"https://www.mon.example/health\"   # or one of:
# tcp = \"mail.mon.example:25\"
# certificate = \"mon.example:5223\"
# unit = \"nginx.service\"
# program = [\"/usr/lib/nagios/plugins/check_disk\", \"-w\", \"10%\"]   # Nagios' exit codes
# heartbeat = \"1 d\"          # must come that often: by chat, by a command, or by HTTP
status = [200]               # http; 200 to 399 without it
keyword = \"well\"             # http: what the page must hold
slow = \"2s\"                  # http: an answer that takes longer is a warning
ca = \"/etc/ssl/own-ca.pem\"   # http, certificate: whom to trust, instead of the system's authorities
every = \"1 min\"
timeout = \"10s\"
failures = 2                 # looks in a row that must fail before it counts
";

    fn body(&self) -> String {
        let text = |key: &str, value: Option<String>| value.map_or(String::new(), |value| format!("{key} = {value}\n"));
        let string = |key: &str, value: &Option<String>| text(key, value.as_deref().map(quoted));
        let status: Vec<String> = self.status.iter().map(u16::to_string).collect();
        let ca = self.ca.as_ref().map(|path| quoted(&path.to_string_lossy()));
        [
            text("name", Some(quoted(&self.name))),
            string("http", &self.http),
            string("tcp", &self.tcp),
            string("certificate", &self.certificate),
            string("unit", &self.unit),
            text("program", self.program.as_ref().map(list)),
            text("heartbeat", self.heartbeat.map(|time| time.to_string())),
            text(
                "status",
                (!status.is_empty()).then(|| format!("[{}]", status.join(", "))),
            ),
            string("keyword", &self.keyword),
            text("slow", self.slow.map(|time| time.to_string())),
            text("ca", ca),
            text("grace", self.grace.map(|time| time.to_string())),
            text("every", self.every.map(|time| time.to_string())),
            text("timeout", self.timeout.map(|time| time.to_string())),
            text("failures", self.failures.map(|count| count.to_string())),
        ]
        .concat()
    }

    fn check(&self) -> Result<(), String> {
        word("name", &self.name)?;
        self.refuse_strays()?;
        self.what().map(drop)
    }

    fn name(&self) -> &str {
        &self.name
    }
}

impl CheckRow {
    /// As the monitor wants it; nothing for what [`check`](Row::check) refuses.
    pub fn to_check(&self) -> Option<Check> {
        let what = self.what().ok()?;
        let interval = match what {
            What::Certificate(..) => CERTIFICATE_INTERVAL,
            _ => INTERVAL,
        };
        // One packet that is lost on the way is no failure; what runs here is believed at once.
        let failures = match what {
            What::Http(_) | What::Tcp(_) => 2,
            _ => 1,
        };
        Some(Check {
            name: self.name.clone(),
            what,
            interval: self.every.map_or(interval, |time| time.0),
            timeout: self.timeout.map_or(TIMEOUT, |time| time.0),
            failures: self.failures.map_or(failures, |count| count.0),
        })
    }

    fn what(&self) -> Result<What, String> {
        let kinds = [
            self.http.as_ref().map(|url| self.http_check(url).map(What::Http)),
            self.tcp.as_ref().map(|address| Address::parse(address).map(What::Tcp)),
            self.certificate
                .as_ref()
                .map(|address| Ok(What::Certificate(Address::parse(address)?, self.ca.clone()))),
            self.unit.as_ref().map(|unit| unit_name(unit).map(What::Unit)),
            self.program
                .as_ref()
                .map(|argv| program(argv).map(|()| What::Program(argv.clone()))),
            self.heartbeat.map(|every| Ok(What::Heartbeat(self.expected(every.0)))),
        ];
        let mut kinds = kinds.into_iter().flatten();
        match (kinds.next(), kinds.next()) {
            (Some(kind), None) => kind,
            _ => Err("say what is looked at: one of http, tcp, certificate, unit, program, heartbeat".to_owned()),
        }
    }

    fn expected(&self, every: Duration) -> Heartbeat {
        Heartbeat {
            every,
            grace: self.grace.map_or(every / 10, |grace| grace.0),
        }
    }

    fn http_check(&self, url: &str) -> Result<HttpCheck, String> {
        let uri: hyper::Uri = url.parse().map_err(|error| format!("http = '{url}': {error}"))?;
        if !matches!(uri.scheme_str(), Some("http" | "https")) || uri.host().is_none_or(str::is_empty) {
            return Err(format!("http = '{url}' must begin with http:// or https:// and a host"));
        }
        if let Some(status) = self.status.iter().find(|status| !(100..=599).contains(*status)) {
            return Err(format!("status {status} is none of HTTP's"));
        }
        Ok(HttpCheck {
            url: url.to_owned(),
            status: self.status.clone(),
            keyword: self.keyword.clone(),
            slow: self.slow.map(|time| time.0),
            authorities: self.ca.clone(),
        })
    }

    /// A key that the kind of check does not heed would be a promise that nobody keeps.
    fn refuse_strays(&self) -> Result<(), String> {
        let (http, tls) = (self.http.is_some(), self.http.is_some() || self.certificate.is_some());
        let heartbeat = self.heartbeat.is_some();
        let strays = [
            ("status", !self.status.is_empty() && !http),
            ("keyword", self.keyword.is_some() && !http),
            ("slow", self.slow.is_some() && !http),
            ("ca", self.ca.is_some() && !tls),
            ("grace", self.grace.is_some() && !heartbeat),
            ("every", self.every.is_some() && heartbeat),
            ("timeout", self.timeout.is_some() && heartbeat),
            ("failures", self.failures.is_some() && heartbeat),
        ];
        match strays.into_iter().find(|(_, stray)| *stray) {
            Some((key, _)) => Err(format!("'{key}' does not belong to this kind of check")),
            None => Ok(()),
        }
    }
}

/// A unit's name with its kind, and nothing that systemctl could take for something else (systemd.unit(5)).
///
/// # Errors
/// A sentence for the operator.
pub fn unit_name(unit: &str) -> Result<String, String> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || ":-_.\\@".contains(c);
    match unit.contains('.') && !unit.starts_with(['-', '.']) && unit.len() <= 255 && unit.chars().all(allowed) {
        true => Ok(unit.to_owned()),
        false => Err(format!("'{unit}' is no unit's full name, such as nginx.service")),
    }
}

/// Bytes of a process' name, as the kernel has it (proc_pid_comm(5)).
const COMM_BYTES_MAX: usize = 15;

impl Host {
    /// What is wrong with it.
    pub(super) fn check(&self) -> Result<(), String> {
        for unit in self.restart.iter().chain(&self.logs) {
            unit_name(unit).map_err(|why| format!("section [host]: {why},"))?;
        }
        match self
            .kill
            .iter()
            .find(|name| name.is_empty() || name.len() > COMM_BYTES_MAX)
        {
            Some(name) => Err(format!(
                "section [host]: '{name}' is no process' name of 1 to {COMM_BYTES_MAX} bytes,"
            )),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::file;
    use super::*;
    use std::path::Path;

    fn parse(text: &str) -> Result<Vec<Check>, String> {
        let settings = file::parse(text, Path::new("w.toml")).map_err(|error| error.to_string())?;
        Ok(settings
            .check
            .iter()
            .filter_map(|row| row.get_ref().to_check())
            .collect())
    }

    #[test]
    fn each_kind_of_check_has_its_defaults() {
        let checks = parse(
            "[[check]]\nname = 'web'\nhttp = 'https://mon.example/'\n\
             [[check]]\nname = 'mail'\ntcp = '[::1]:25'\nfailures = 5\n\
             [[check]]\nname = 'cert'\ncertificate = 'mon.example:5223'\n\
             [[check]]\nname = 'nginx'\nunit = 'nginx.service'\nevery = '5s'\n\
             [[check]]\nname = 'disk'\nprogram = ['/bin/true']\n\
             [[check]]\nname = 'backup'\nheartbeat = '1 d'\n",
        );
        let checks = checks.expect("six checks");
        let numbers: Vec<(u64, u32)> = checks
            .iter()
            .map(|check| (check.interval.as_secs(), check.failures))
            .collect();
        assert_eq!(numbers, [(60, 2), (60, 5), (21_600, 1), (5, 1), (60, 1), (60, 1)]);
        let What::Heartbeat(expected) = &checks[5].what else {
            panic!("{:?}", checks[5]);
        };
        assert_eq!(expected.grace, Duration::from_secs(8_640));
    }

    #[test]
    fn what_makes_no_sense_is_refused_with_its_line() {
        for (text, why) in [
            ("[[check]]\nname = 'x'", "say what is looked at"),
            (
                "[[check]]\nname = 'x'\ntcp = 'a:1'\nunit = 'a.service'",
                "say what is looked at",
            ),
            ("[[check]]\nname = 'x'\ntcp = 'a'", "not HOST:PORT"),
            ("[[check]]\nname = 'x'\nhttp = 'ftp://a/'", "must begin with http"),
            ("[[check]]\nname = 'x'\nhttp = 'http://a/'\nstatus = [20]", "status 20"),
            ("[[check]]\nname = 'x'\nunit = '--now'", "no unit's full name"),
            ("[[check]]\nname = 'x'\nprogram = ['true']", "not an absolute path"),
            (
                "[[check]]\nname = 'x'\ntcp = 'a:1'\nkeyword = 'y'",
                "'keyword' does not belong",
            ),
            (
                "[[check]]\nname = 'x'\nheartbeat = '1 d'\nevery = '1 d'",
                "'every' does not belong",
            ),
            (
                "[[check]]\nname = 'x'\ntcp = 'a:1'\n[[check]]\nname = 'x'\ntcp = 'a:1'",
                "is taken",
            ),
        ] {
            let error = parse(text).expect_err(text);
            assert!(error.contains(why), "{error}");
            assert!(error.contains("in w.toml line"), "{error}");
        }
        let error = parse("\n[[check]]\nname = 'x'\nhtpt = 'http://a/'\n").expect_err("a typing error");
        assert!(error.contains("line 4") && error.contains("'http'"), "{error}");
        let many: String = (0..201)
            .map(|n| format!("[[check]]\nname = 'c{n}'\ntcp = 'a:1'\n"))
            .collect();
        assert!(parse(&many).expect_err("too many").contains("limits.checks"));
    }
}
