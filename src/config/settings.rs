//! The whole configuration file: every section, every key, every default.

use super::checks::CheckRow;
use super::groups::GroupRow;
use super::limits::Limits;
use super::rows::{CommandRow, Rows, RuleRow};
use super::setting::section;
use super::units::{Count, Time};
use super::values::{Addresses, Domain, Format, Level, Listen, Mechanisms, Watchers};
use crate::stanza::Role;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

section! {
    /// The configuration file.
    Settings {
        /// The domain served: what stands after the @ in every account's address.
        domain: Domain = Domain("localhost".to_owned()),
        /// Where accounts, rosters, messages and history are kept.
        data: PathBuf = PathBuf::from("data"),
        /// Where the certificate authority and the server's certificate are kept.
        certs: PathBuf = PathBuf::from("certs"),
        /// Where to listen: an address, a list of addresses, or "none".
        listen: Listeners = Listeners::default(),
        /// The server's certificate. Without files of your own it makes a certificate authority and a certificate.
        tls: Tls = Tls::default(),
        /// Authentication.
        sasl: Sasl = Sasl::default(),
        /// Invitations to make an account.
        invitations: Invitations = Invitations::default(),
        /// The archive of each account's messages.
        archive: Archive = Archive::default(),
        /// Bounds on what peers and people may use. Each number, size and time takes "none".
        limits: Limits = Limits::default(),
        /// Whom people turn to about this server (XEP-0157): lists of addresses, such as
        /// `["mailto:ops@mon.example", "xmpp:admin@mon.example"]`.
        contact: Contact = Contact::default(),
        /// The publish-subscribe service, pubsub.DOMAIN.
        pubsub: Pubsub = Pubsub::default(),
        /// Backups, made by itself once a day.
        backup: Backup = Backup::default(),
        /// The log, on standard error.
        log: Log = Log::default(),
        /// The collector: the contact that speaks for this host.
        collector: Collector = Collector::default(),
        /// Rosters: every admin, operator and viewer finds every collector there.
        roster: Roster = Roster::default(),
        /// The collector's command 'reboot'.
        reboot: Reboot = Reboot::default(),
        /// What HTTP serves, at `listen.http`: nothing unless enabled. Clients show the token.
        web: Web = Web::default(),
        /// What may be done to services and processes, by commands of the collector.
        host: Host = Host::default(),
        /// Rules: when a statistic is a worry.
        rules: Rules = Rules::default(),
        /// A group of the roster for some collectors (none named: for all), in the rosters of some roles (none named: in all).
        /// Collectors that no group takes are in those of `[roster]`.
        group: Rows<GroupRow> = Vec::new(),
        /// A program behind the collector's command 'shell'. It is run without a shell; an argument {parameter} is
        /// replaced by that parameter's value.
        command: Rows<CommandRow> = Vec::new(),
        /// A rule of your own; one with the name of a built-in rule replaces it.
        rule: Rows<RuleRow> = Vec::new(),
        /// A service that is looked at: each is a statistic, check/NAME, with rules of its own or the built-in ones.
        check: Rows<CheckRow> = Vec::new(),
    }
}

section! {
    /// Where to listen.
    Listeners {
        /// XMPP with STARTTLS (RFC 6120 section 5).
        starttls: Listen = Listen::any(5222),
        /// XMPP over direct TLS (XEP-0368).
        tls: Listen = Listen::any(5223),
        /// HTTP, once something is enabled that it serves.
        http: Listen = Listen(vec![SocketAddr::from((Ipv4Addr::LOCALHOST, 5280))]),
    }
}

section! {
    /// The server's certificate.
    Tls {
        /// Your own certificate, with its chain (PEM). Needs `key`.
        certificate: Option<PathBuf> = None,
        /// Its private key (PEM), readable by the server's user alone.
        key: Option<PathBuf> = None,
    }
}

section! {
    /// Authentication.
    Sasl {
        /// The mechanisms offered, the strongest first. With PLAIN alone no SCRAM keys are derived or kept.
        mechanisms: Mechanisms = Mechanisms::default(),
    }
}

section! {
    /// Contact addresses.
    Contact {
        /// About abuse of the service.
        abuse: Addresses = Addresses::default(),
        /// The administrators.
        admin: Addresses = Addresses::default(),
        /// Feedback of users.
        feedback: Addresses = Addresses::default(),
        /// Sales.
        sales: Addresses = Addresses::default(),
        /// About security.
        security: Addresses = Addresses::default(),
        /// Where the service's status is told.
        status: Addresses = Addresses::default(),
        /// Help for users.
        support: Addresses = Addresses::default(),
    }
}

section! {
    /// Invitations to make an account.
    Invitations {
        /// How long one may be taken up, unless whoever makes it says otherwise.
        time: Time<60_000> = Time(Duration::from_secs(7 * 86_400)),
    }
}

section! {
    /// The publish-subscribe service.
    Pubsub {
        /// The roles that may create nodes there. Collectors always may, below their own host's collection.
        creators: Vec<Role> = vec![Role::Admin, Role::Operator],
    }
}

section! {
    /// Daily backups.
    Backup {
        /// How many days' backups are kept; with 0 none are made.
        keep: Count<0> = Count(7),
        /// Where they are kept; without one, in `backups` below the data.
        directory: Option<PathBuf> = None,
    }
}

section! {
    /// The archive of each account's messages.
    Archive {
        /// Whether there is one. How much it keeps is said in `limits`.
        enabled: bool = true,
    }
}

section! {
    /// The log.
    Log {
        /// How much: "error", "warn", "info", "debug" or "trace". Contents and secrets are never logged.
        level: Level = Level::Info,
        /// "full", or "journal": without the time, which the journal adds.
        format: Format = Format::Full,
    }
}

section! {
    /// The collector.
    Collector {
        /// The host's name, as people know it; without one, what the system says.
        name: Option<String> = None,
        /// Who may watch it: "all" admins, operators and viewers of the domain, or a list of JIDs.
        watchers: Watchers = Watchers::All,
        /// The roles that are told of alerts by chat: "admin", "operator", "viewer".
        chat_alerts: Vec<Role> = vec![Role::Admin],
        /// How often the host is looked at.
        sample_interval: Time<1_000> = Time::secs(5),
        /// The program that knows the states of systemd units.
        systemctl: PathBuf = PathBuf::from("/usr/bin/systemctl"),
        /// Failed units that nobody wants to hear of, such as ["fwupd-refresh.service", "run-*.mount"].
        ignored_units: Vec<String> = Vec::new(),
        /// Whether commands only show the program that they would run, and run nothing: to try a configuration out.
        dry_run: bool = false,
        /// Whether commands that change the host want the caller's password first; they are then for clients with forms.
        confirm_password: bool = false,
    }
}

section! {
    /// Rosters.
    Roster {
        /// The groups that collectors are in, unless a [[group]] takes them.
        groups: Vec<String> = vec!["Servers".to_owned()],
    }
}

section! {
    /// The reboot command.
    Reboot {
        /// Program and arguments, such as ["/usr/bin/systemctl", "reboot"]. Empty: there is no such command.
        argv: Vec<String> = Vec::new(),
        /// Whether the host's name must be typed first.
        confirm: bool = true,
        /// Time between the answer and the run, in which 'cancel-reboot' stops it.
        delay: Time<0> = Time(Duration::from_secs(30)),
        /// Time after one reboot in which no other is taken.
        cool_down: Time<0> = Time(Duration::from_secs(600)),
        /// The least role that may.
        role: Role = Role::Admin,
    }
}

section! {
    /// What HTTP serves.
    Web {
        /// The statistics for Prometheus (OpenMetrics), at /metrics.
        metrics: bool = false,
        /// Heartbeats of jobs, at /heartbeat/NAME and /heartbeat/NAME/failed.
        heartbeats: bool = false,
        /// Others' alerts, as an Alertmanager's webhook posts them to /alertmanager.
        alertmanager: bool = false,
        /// The file with the token that clients show ("Authorization: Bearer TOKEN"); without one, http.token in the data
        /// directory, which is made.
        token_file: Option<PathBuf> = None,
    }
}

section! {
    /// What may be done to services and processes.
    Host {
        /// The units that the command 'restart-unit' may restart, by their full names.
        restart: Vec<String> = Vec::new(),
        /// The least role that may.
        restart_role: Role = Role::Admin,
        /// The units whose journal the command 'log' shows.
        logs: Vec<String> = Vec::new(),
        /// The least role that may.
        logs_role: Role = Role::Operator,
        /// The names of processes that the command 'kill' may end, as the kernel has them: at most 15 bytes.
        kill: Vec<String> = Vec::new(),
        /// The least role that may.
        kill_role: Role = Role::Admin,
        /// The program that shows the journal.
        journalctl: PathBuf = PathBuf::from("/usr/bin/journalctl"),
    }
}

section! {
    /// Rules.
    Rules {
        /// Whether the built-in rules apply.
        defaults: bool = true,
    }
}
