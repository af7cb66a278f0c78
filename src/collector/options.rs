//! The collector's settings.

use super::times::Zone;
use crate::monitor;
use crate::service::session;
use crate::stanza::Role;
use jid::BareJid;
use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

/// Settings of one collector.
#[derive(Clone, Debug)]
pub struct Options {
    /// The host's name, as people know it.
    pub host: String,
    /// Accounts that may watch beside the default (every admin, operator, viewer of the domain); `Some` narrows to it.
    pub watchers: Option<Vec<BareJid>>,
    /// Roles that are told of alerts by chat.
    pub chat_alerts: Vec<Role>,
    /// The reboot command; `None`: there is none.
    pub reboot: Option<RebootOptions>,
    /// The commands behind `shell`.
    pub shell: Vec<ShellCommand>,
    /// What may be done to services and processes.
    pub host_commands: HostCommands,
    /// Whether programs are only shown, and never run.
    pub dry_run: bool,
    /// Whether commands that change the host want the caller's password first.
    pub confirm_password: bool,
    /// Time limit of one run.
    pub command_time_max: Duration,
    /// Bytes kept of each of stdout and stderr; never more than a mebibyte, for the answer is one stanza.
    pub command_output_bytes_max: usize,
    /// Programs at once, and callers' passwords looked at at once.
    pub commands_parallel_max: usize,
    /// Programs that one account may start in a minute, and passwords that it may give.
    pub commands_per_minute_max: usize,
    /// Command sessions: their number, and how long one waits for the next stage.
    pub command_sessions: session::Limits,
    /// Where the audit log is written.
    pub audit: PathBuf,
    /// Bounds on alerts, mutes, rules, events and history.
    pub limits: monitor::Limits,
    /// Messages about alerts that are remembered.
    pub notices_max: usize,
    /// The time zone in which times are told and understood.
    pub zone: Zone,
}

impl Options {
    /// The defaults: no reboot, no shell command; runs of up to 30 s, 64 KiB of output each, two at once, ten a minute and
    /// account; admins are told of alerts by chat.
    pub fn new(host: impl Into<String>, audit: impl Into<PathBuf>) -> Options {
        Options {
            host: host.into(),
            watchers: None,
            chat_alerts: vec![Role::Admin],
            reboot: None,
            shell: Vec::new(),
            host_commands: HostCommands::default(),
            dry_run: false,
            confirm_password: false,
            command_time_max: Duration::from_secs(30),
            command_output_bytes_max: 64 * 1024,
            commands_parallel_max: 2,
            commands_per_minute_max: 10,
            command_sessions: session::Limits::default(),
            audit: audit.into(),
            limits: monitor::Limits::DEFAULT,
            notices_max: 100,
            zone: Zone::Local,
        }
    }
}

/// How this host is rebooted.
#[derive(Clone, Debug)]
pub struct RebootOptions {
    /// Program and arguments; the program is an absolute path.
    pub argv: Vec<String>,
    /// Whether the host's name must be typed first.
    pub confirm: bool,
    /// Time between the answer and the run.
    pub delay: Duration,
    /// Time after a reboot was ordered in which no other is taken.
    pub cool_down: Duration,
    /// The role that may.
    pub role: Role,
}

impl RebootOptions {
    /// The defaults: the host's name must be typed, 30 s of delay, 10 minutes between two reboots, admins only.
    pub fn new(argv: Vec<String>) -> RebootOptions {
        RebootOptions {
            argv,
            confirm: true,
            delay: Duration::from_secs(30),
            cool_down: Duration::from_secs(10 * 60),
            role: Role::Admin,
        }
    }
}

/// What may be done to services and processes; empty lists: nothing.
#[derive(Clone, Debug)]
pub struct HostCommands {
    /// Units that may be restarted.
    pub restart: Vec<String>,
    /// The least role that may.
    pub restart_role: Role,
    /// Units whose journal may be read.
    pub logs: Vec<String>,
    /// The least role that may.
    pub logs_role: Role,
    /// Names of processes that may be ended.
    pub kill: Vec<String>,
    /// The least role that may.
    pub kill_role: Role,
    /// The program systemctl.
    pub systemctl: String,
    /// The program journalctl.
    pub journalctl: String,
}

impl Default for HostCommands {
    fn default() -> HostCommands {
        HostCommands {
            restart: Vec::new(),
            restart_role: Role::Admin,
            logs: Vec::new(),
            logs_role: Role::Operator,
            kill: Vec::new(),
            kill_role: Role::Admin,
            systemctl: "/usr/bin/systemctl".to_owned(),
            journalctl: "/usr/bin/journalctl".to_owned(),
        }
    }
}

/// One allow-listed program.
#[derive(Clone, Debug)]
pub struct ShellCommand {
    /// Its name in the form's list.
    pub name: String,
    /// What it does, for people.
    pub description: String,
    /// Program and arguments; an argument `{parameter}` is replaced as a whole by that parameter's value.
    pub argv: Vec<String>,
    /// What the form asks for.
    pub parameters: Vec<Parameter>,
    /// The least role that may run it.
    pub role: Role,
}

/// One parameter of a [`ShellCommand`].
#[derive(Clone, Debug)]
pub struct Parameter {
    /// Its name: the form field's `var`.
    pub name: String,
    /// Its label.
    pub label: String,
    /// The values allowed; empty: free text of letters, digits and `._:/@-`, not starting with `-`, up to 256 bytes.
    pub choices: Vec<String>,
    /// Whether its value is a secret: asked for with a `text-private` field, masked in the audit log.
    pub secret: bool,
}

/// What the collector must know of accounts, answered by whoever hosts it.
pub trait Directory: Send + Sync {
    /// The role of an account; `None` for one it does not know.
    fn role(&self, account: &BareJid) -> Option<Role>;
    /// Whether that is the account's password. Slow by design: it blocks.
    fn has_password(&self, account: &BareJid, password: &str) -> bool;
    /// Where a full JID is connected from, if that is known.
    fn address(&self, jid: &str) -> Option<IpAddr>;
    /// All accounts with one of these roles.
    fn accounts(&self, roles: &[Role]) -> Vec<BareJid>;
}
