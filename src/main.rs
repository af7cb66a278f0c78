//! Arguments and exit code.

use clap::{Args, CommandFactory, Parser, Subcommand};
use std::path::PathBuf;
use std::process::ExitCode;
use watchpost::admin::{self, complain, say};
use watchpost::config::{Config, Domain, Listen, Overrides, Time};
use watchpost::server;
use watchpost::stanza::Role;

const EXAMPLES: &str = r#"First start:
  echo 'domain = "mon.example"' > watchpost.toml
  watchpost                               prints the admin's password once
  watchpost ca                            the authority that your clients must trust, and how

Accounts:
  watchpost account add juliet            a viewer, password asked for or generated
  watchpost invite                        a link and a QR code with which somebody makes an account
  watchpost account add romeo --role operator --password-stdin < password.txt

Configuration:
  watchpost config > watchpost.toml       every setting, with its meaning and its default
  watchpost check                         what is wrong, before you start it

Without --config the file is ./watchpost.toml, else /etc/watchpost/watchpost.toml, else the defaults.
Exit codes: 0 done, 1 refused or failed, 2 wrong usage."#;

/// A monitoring hub in one binary: an XMPP server whose contacts are your servers.
#[derive(Parser)]
#[command(name = "watchpost", version, after_help = EXAMPLES, max_term_width = 100)]
struct Arguments {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    place: Place,
}

#[derive(Args)]
struct Place {
    /// The configuration file
    #[arg(long, value_name = "FILE", global = true)]
    config: Option<PathBuf>,
    /// The domain served: what stands after the @ in every account's address [default: the store's, else localhost]
    #[arg(long, value_name = "NAME", global = true)]
    domain: Option<Domain>,
    /// The folder of the store [default: data]
    #[arg(long, value_name = "DIR", global = true)]
    data: Option<PathBuf>,
    /// The folder of certificates [default: certs]
    #[arg(long, value_name = "DIR", global = true)]
    certs: Option<PathBuf>,
    /// Where to listen with STARTTLS; "none" turns it off [default: [::]:5222]
    #[arg(long, value_name = "ADDR", global = true, hide_short_help = true)]
    listen: Option<Listen>,
    /// Where to listen with direct TLS; "none" turns it off [default: [::]:5223]
    #[arg(long, value_name = "ADDR", global = true, hide_short_help = true)]
    listen_tls: Option<Listen>,
    /// Where to listen for HTTP, once something is enabled that it serves [default: 127.0.0.1:5280]
    #[arg(long, value_name = "ADDR", global = true, hide_short_help = true)]
    listen_http: Option<Listen>,
    /// Let the collector's commands show the program that they would run, and run nothing
    #[arg(long, global = true, hide_short_help = true)]
    dry_run: bool,
}

#[derive(Subcommand)]
enum Command {
    /// Run the appliance (the default)
    Run {
        /// If the store is damaged, put it aside and go on from the last good daily backup
        #[arg(long)]
        restore_if_damaged: bool,
    },
    /// Add, change, remove and list accounts, while it runs or not
    #[command(subcommand)]
    Account(Account),
    /// Invite somebody to make an account: a link, and on a terminal a QR code, good once
    Invite {
        /// The account's name, if it is not to be chosen by whoever is invited
        #[arg(value_name = "NAME")]
        name: Option<String>,
        /// admin, operator, viewer or collector
        #[arg(long, default_value = "viewer")]
        role: Role,
        /// How long it may be taken up, such as "12 h" [default: 7 d, or [invitations] time]
        #[arg(long, value_name = "TIME")]
        expires: Option<Time<60_000>>,
        /// End all open invitations instead
        #[arg(long, conflicts_with_all = ["name", "expires"])]
        revoke: bool,
    },
    /// Say what is wrong with configuration, data, certificates and ports
    Check,
    /// Print every setting with its value, meaning and default, as a configuration file
    Config,
    /// Say how the running appliance does
    Status,
    /// Let the running appliance read configuration and certificates again, as SIGHUP does
    Reload,
    /// Show the certificate authority that clients must trust, and how to trust it
    Ca {
        /// Print the certificate alone
        #[arg(long)]
        pem: bool,
    },
    /// Give the store, and so every account, another domain; only while it does not run
    #[command(allow_missing_positional = true)]
    RenameDomain {
        /// The domain that the store was made for [default: the one configured, else the store's own]
        old: Option<Domain>,
        /// The new domain
        #[arg(required = true)]
        new: Domain,
    },
    /// Write everything that the store holds to a file, while the appliance runs or not
    Backup {
        /// The file; one that is there is replaced once the new one is complete
        file: PathBuf,
    },
    /// Make a store from a backup, in a data folder that has none
    Restore {
        /// The backup
        file: PathBuf,
    },
    /// Print a systemd unit, hardened, with the places that this configuration names
    Unit,
    /// Print a completion script for a shell
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
}

#[derive(Subcommand)]
enum Account {
    /// Make an account
    Add {
        /// Its address, or what stands before the @
        #[arg(value_name = "JID")]
        name: String,
        /// admin, operator, viewer or collector
        #[arg(long, default_value = "viewer")]
        role: Role,
        /// Read the password from standard input, one line
        #[arg(long)]
        password_stdin: bool,
    },
    /// Set an account's password; its sessions end
    Passwd {
        /// Its address, or what stands before the @
        #[arg(value_name = "JID")]
        name: String,
        /// Read the password from standard input, one line
        #[arg(long)]
        password_stdin: bool,
    },
    /// Remove an account with everything that is kept for it; its sessions end
    Remove {
        /// Its address, or what stands before the @
        #[arg(value_name = "JID")]
        name: String,
    },
    /// List the accounts
    List,
}

fn main() -> ExitCode {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => {
            let _ = error.print();
            return u8::try_from(error.exit_code()).map_or(ExitCode::FAILURE, ExitCode::from);
        }
    };
    match run(arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            complain(&error.to_string());
            ExitCode::FAILURE
        }
    }
}

type Outcome = Result<(), Box<dyn std::error::Error>>;

fn run(arguments: Arguments) -> Outcome {
    let overrides = arguments.place.overrides();
    if let Some(Command::Completions { shell }) = arguments.command {
        return completions(shell);
    }
    let mut config = Config::load(&overrides)?;
    if arguments.command.as_ref().is_some_and(Command::names_the_domain) {
        server::settle_domain(&mut config);
    }
    match arguments.command {
        None => server::run(config, overrides)?,
        Some(Command::Run { restore_if_damaged }) => {
            if restore_if_damaged {
                say(&server::restore_if_damaged(&config)?)?;
            }
            server::run(config, overrides)?;
        }
        Some(Command::Account(account)) => self::account(account, &config)?,
        Some(Command::Invite { revoke: true, .. }) => say(&server::revoke_invitations(&config)?)?,
        Some(Command::Invite {
            name, role, expires, ..
        }) => {
            let jid = name.map(|name| config.settings.account(&name)).transpose()?;
            say(&server::invite(&config, jid, role, expires.map(|time| time.0))?)?;
        }
        Some(Command::Check) => say(&server::check(&config)?)?,
        Some(Command::Config) => say(&config.document())?,
        Some(Command::Status) => say(&admin::status(&config.settings.data)?)?,
        Some(Command::Reload) => say(&server::reload(&config)?)?,
        Some(Command::Ca { pem: true }) => say(&admin::authority_pem(&config.settings.certs)?)?,
        Some(Command::Ca { pem: false }) => {
            let settings = &config.settings;
            say(&admin::authority(&settings.certs, settings.tls.certificate.as_deref())?)?;
        }
        Some(Command::RenameDomain { old, new }) => {
            let old = old.unwrap_or_else(|| config.settings.domain.clone());
            say(&server::rename_domain(&config, &old, &new)?)?;
        }
        Some(Command::Backup { file }) => say(&server::back_up(&config, &file)?)?,
        Some(Command::Restore { file }) => say(&server::restore(&config, &file)?)?,
        Some(Command::Unit) => say(&server::unit(&config)?)?,
        Some(Command::Completions { .. }) => {} // done before the configuration was read
    }
    Ok(())
}

impl Command {
    /// Whether it needs the domain before it opens the store itself, as 'run' does. Others must not look into a store that
    /// is about to be opened.
    fn names_the_domain(&self) -> bool {
        matches!(
            self,
            Command::Account(_)
                | Command::Invite { .. }
                | Command::Check
                | Command::Config
                | Command::RenameDomain { .. }
        )
    }
}

fn account(account: Account, config: &Config) -> Outcome {
    let jid = |name: String| config.settings.account(&name);
    let request = match account {
        Account::Add {
            name,
            role,
            password_stdin,
        } => server::Order::Add {
            jid: jid(name)?,
            role,
            password_stdin,
        },
        Account::Passwd { name, password_stdin } => server::Order::Passwd {
            jid: jid(name)?,
            password_stdin,
        },
        Account::Remove { name } => server::Order::Remove { jid: jid(name)? },
        Account::List => server::Order::List,
    };
    say(&server::order(config, request)?)?;
    Ok(())
}

fn completions(shell: clap_complete::Shell) -> Outcome {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Arguments::command(), "watchpost", &mut script);
    say(&String::from_utf8(script)?)?;
    Ok(())
}

impl Place {
    fn overrides(self) -> Overrides {
        Overrides {
            file: self.config,
            domain: self.domain,
            data: self.data,
            certs: self.certs,
            starttls: self.listen,
            tls: self.listen_tls,
            http: self.listen_http,
            dry_run: self.dry_run,
        }
    }
}
