//! The settings as each room wants them.

use super::limits::Limits;
use super::settings::{Contact, Listeners, Sasl, Settings};
use super::values::{Listen, Watchers};
use crate::collector::{self, HostCommands, RebootOptions};
use crate::monitor::{self, Rule, default_rules};
use crate::net::certificates::{self, Files};
use crate::net::{self, AdmissionLimits, Rate, Security, Times, checks, local};
use crate::service::session;
use crate::stream::{self, Mechanism};
use crate::{modules, roster, router, store, web, xml};
use bytes::Bytes;
use jid::BareJid;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

/// The audit log's name in the data directory.
const AUDIT: &str = "audit.log";
/// The HTTP token's.
const TOKEN: &str = "http.token";

impl Settings {
    /// The host's name: the one configured, else what the system says.
    pub fn host(&self, system: impl FnOnce() -> String) -> String {
        self.collector.name.clone().unwrap_or_else(system)
    }

    /// The account that an operator means: a JID, or what stands before the @.
    ///
    /// # Errors
    /// It cannot be one.
    pub fn account(&self, name: &str) -> Result<BareJid, String> {
        let full = if name.contains('@') {
            name.to_owned()
        } else {
            format!("{name}@{}", self.domain.0)
        };
        BareJid::new(&full).map_err(|error| format!("'{name}' cannot be an account: {error}"))
    }

    fn domain_jid(&self) -> Result<BareJid, String> {
        BareJid::new(&self.domain.0).map_err(|error| format!("'{}' cannot be a domain: {error}", self.domain.0))
    }

    /// The store's options.
    pub fn store_options(&self) -> store::Options {
        store::Options {
            free_bytes_min: self.limits.free_disk.0.map_or(0, |size| size.0),
            limits: self.limits.store(),
            ..store::Options::default()
        }
    }

    /// The router's options.
    pub fn router_options(&self) -> router::Options {
        router::Options {
            domain: self.domain.0.clone(),
            resources_max: self.limits.resources.get(),
            roster: self.limits.roster(),
            blocked_max: self.limits.blocked.get(),
            directed_max: self.limits.directed_presence.get(),
            rates: self.limits.rates(),
            contacts: self.contact.fields(),
            node_creators: self.pubsub.creators.clone(),
            nodes_per_account_max: self.limits.pubsub_nodes_per_account.get(),
            management: router::Management {
                window: router::Window {
                    stanzas_max: self.limits.unacknowledged_stanzas.get(),
                    bytes_max: self.limits.unacknowledged_size.get(),
                },
                detached_max: self.limits.detached_sessions.get(),
            },
        }
    }

    /// The modules' options.
    pub fn module_options(&self) -> modules::Options {
        modules::Options {
            archive: self.archive.enabled,
        }
    }

    /// The certificate's options. The system is asked for the host's name and addresses only where they are needed.
    pub fn certificate_options(
        &self,
        host: impl FnOnce() -> String,
        addresses: impl FnOnce() -> Vec<IpAddr>,
    ) -> certificates::Options {
        let own = match (&self.tls.certificate, &self.tls.key) {
            (Some(certificate), Some(key)) => Some(Files {
                certificate: certificate.clone(),
                key: key.clone(),
            }),
            _ => None,
        };
        certificates::Options {
            dir: self.certs.clone(),
            domain: self.domain.0.clone(),
            host: host(),
            addresses: if own.is_some() { Vec::new() } else { addresses() },
            own,
        }
    }

    /// The options of listeners, connections and streams; `features` is what streams offer beside resource binding.
    ///
    /// # Errors
    /// The domain cannot be a JID's.
    pub fn net_options(&self, features: Vec<Bytes>) -> Result<net::Options, String> {
        let limits = &self.limits;
        let stream = stream::Options {
            mechanisms: self.sasl.mechanisms.0.clone(),
            limits_before_authentication: limits.xml_before_login(),
            limits_authenticated: limits.xml(),
            wrong_credentials_max: u32::try_from(limits.login_failures.get()).unwrap_or(u32::MAX),
            idle_time: limits.idle_time.0.map(|time| time.0),
            features,
            ..stream::Options::new(self.domain_jid()?)
        };
        let rate = |amount: usize, burst: usize| Rate {
            amount,
            time: Duration::from_secs(1),
            burst,
        };
        Ok(net::Options {
            listen: self.listeners(),
            admission: limits.admission(),
            times: limits.times(),
            rate_before_login: rate(limits.rate_before_login.get(), limits.rate_burst_before_login.get()),
            rate: rate(limits.rate.get(), limits.rate_burst.get()),
            stanza_rate: rate(limits.stanza_rate.get(), limits.stanza_burst.get()),
            queue_stanzas_max: limits.queue_stanzas.get(),
            queue_bytes_max: limits.queue_size.get(),
            password_hashes_max: limits.password_hashes.get(),
            password_queue_max: limits.password_hash_queue.get(),
            ..net::Options::new(stream)
        })
    }

    /// A listener at its default may fall back where IPv6 is off.
    fn listeners(&self) -> Vec<net::Listen> {
        let default = Listeners::default();
        let each = |listen: &Listen, default: &Listen, security: Security| {
            let fallback = listen == default;
            let one = move |address: &SocketAddr| net::Listen {
                address: *address,
                security,
                fallback,
            };
            listen.0.iter().map(one).collect::<Vec<_>>()
        };
        let mut all = each(&self.listen.starttls, &default.starttls, Security::StartTls);
        all.extend(each(&self.listen.tls, &default.tls, Security::Direct));
        all
    }

    /// What HTTP serves; `host` is the host's name.
    pub fn web_options(&self, host: String) -> web::Options {
        web::Options {
            listen: self.listen.http.0.clone(),
            host,
            metrics: self.web.metrics,
            heartbeats: self.web.heartbeats,
            alertmanager: self.web.alertmanager,
            connections_max: self.limits.http_connections.get(),
            body_bytes_max: self.limits.http_body.get(),
            time_max: self.limits.http_time.get(),
        }
    }

    /// Where the token is that HTTP clients show.
    pub fn token_file(&self) -> PathBuf {
        self.web.token_file.clone().unwrap_or_else(|| self.data.join(TOKEN))
    }

    /// The built-in collector's options; `host` is the host's name, `account` the collector's.
    pub fn local_options(&self, host: String, account: BareJid) -> local::Options {
        local::Options {
            account,
            interval: self.collector.sample_interval.0,
            collector: self.collector_options(host),
            rules: self.all_rules(),
            checks: self.checks_options(),
            commands: Vec::new(),
        }
    }

    fn checks_options(&self) -> checks::Options {
        checks::Options {
            checks: self.check.iter().filter_map(|row| row.get_ref().to_check()).collect(),
            parallel_max: self.limits.checks_parallel.get(),
            systemctl: self.collector.systemctl.to_string_lossy().into_owned(),
            ignored_units: self.collector.ignored_units.clone(),
        }
    }

    fn collector_options(&self, host: String) -> collector::Options {
        collector::Options {
            watchers: self.watchers(),
            chat_alerts: self.collector.chat_alerts.clone(),
            reboot: self.reboot_options(),
            host_commands: self.host_commands(),
            dry_run: self.collector.dry_run,
            confirm_password: self.collector.confirm_password,
            shell: self
                .command
                .iter()
                .map(|row| row.get_ref().to_shell_command())
                .collect(),
            command_time_max: self.limits.command_time.get(),
            command_output_bytes_max: self.limits.command_output.get(),
            commands_parallel_max: self.limits.command_parallel.get(),
            commands_per_minute_max: self.limits.command_per_minute.get(),
            command_sessions: self.limits.command_sessions(),
            limits: self.limits.monitor(),
            notices_max: self.limits.alert_messages.get(),
            ..collector::Options::new(host, self.audit_path())
        }
    }

    /// Where commands are noted.
    pub fn audit_path(&self) -> PathBuf {
        self.data.join(AUDIT)
    }

    /// Who may watch the collector; `None`: every admin, operator and viewer.
    pub fn watchers(&self) -> Option<Vec<BareJid>> {
        match &self.collector.watchers {
            Watchers::All => None,
            Watchers::Only(jids) => Some(jids.clone()),
        }
    }

    /// The operator's rules, and the built-in ones that none of them replaces.
    fn all_rules(&self) -> Vec<Rule> {
        let own: Vec<Rule> = self.rule.iter().map(|row| row.get_ref().to_rule()).collect();
        let mut rules = if self.rules.defaults {
            default_rules()
        } else {
            Vec::new()
        };
        rules.retain(|rule| own.iter().all(|own| own.name != rule.name));
        rules.extend(own);
        rules
    }

    fn host_commands(&self) -> HostCommands {
        let host = &self.host;
        HostCommands {
            restart: host.restart.clone(),
            restart_role: host.restart_role,
            logs: host.logs.clone(),
            logs_role: host.logs_role,
            kill: host.kill.clone(),
            kill_role: host.kill_role,
            systemctl: self.collector.systemctl.to_string_lossy().into_owned(),
            journalctl: host.journalctl.to_string_lossy().into_owned(),
        }
    }

    /// The reboot command, if there is one.
    fn reboot_options(&self) -> Option<RebootOptions> {
        let reboot = &self.reboot;
        (!reboot.argv.is_empty()).then(|| RebootOptions {
            argv: reboot.argv.clone(),
            confirm: reboot.confirm,
            delay: reboot.delay.0,
            cool_down: reboot.cool_down.0,
            role: reboot.role,
        })
    }
}

impl Contact {
    /// As XEP-0157 names them.
    fn fields(&self) -> router::Contacts {
        let fields = [
            ("abuse-addresses", &self.abuse),
            ("admin-addresses", &self.admin),
            ("feedback-addresses", &self.feedback),
            ("sales-addresses", &self.sales),
            ("security-addresses", &self.security),
            ("status-addresses", &self.status),
            ("support-addresses", &self.support),
        ];
        fields.map(|(var, addresses)| (var, addresses.0.clone())).into()
    }
}

impl Sasl {
    /// Whether a SCRAM mechanism is offered, so that its keys must be kept.
    pub fn has_scram(&self) -> bool {
        self.mechanisms.0.iter().any(|mechanism| *mechanism != Mechanism::Plain)
    }
}

impl Limits {
    /// What one account, node or cache may hold.
    pub fn store(&self) -> store::Limits {
        store::Limits {
            offline_messages_max: self.offline_messages.get(),
            offline_bytes_max: self.offline_size.get(),
            offline_time_max: self.offline_time.get(),
            archive_messages_max: self.archive_messages.get(),
            archive_bytes_max: self.archive_size.get(),
            archive_time_max: self.archive_time.get(),
            account_nodes_max: self.pep_nodes.get(),
            account_bytes_max: self.pep_size.get(),
            service_nodes_max: self.pubsub_nodes.get(),
            node_bytes_max: self.pubsub_node_size.get(),
            node_affiliations_max: self.pubsub_affiliations.get(),
            node_subscriptions_max: self.pubsub_subscriptions.get(),
            items_max: self.pep_items.get(),
            item_bytes_max: self.pep_item_size.get(),
            vcard_bytes_max: self.vcard_size.get(),
            private_elements_max: self.private_elements.get(),
            private_bytes_max: self.private_size.get(),
            caps_max: self.caps_cache.get(),
            invitations_max: self.invitations.get(),
        }
    }

    /// Bounds on sessions of commands, at each address that has some.
    pub fn command_sessions(&self) -> session::Limits {
        session::Limits {
            account_max: self.command_sessions_per_account.get(),
            total_max: self.command_sessions.get(),
            time_max: self.command_session_time.get(),
        }
    }

    /// Bounds on each roster.
    pub fn roster(&self) -> roster::Limits {
        roster::Limits {
            items_max: self.roster_items.get(),
            name_bytes_max: self.roster_name_size.get(),
            groups_max: self.roster_groups.get(),
            group_bytes_max: self.roster_group_size.get(),
            requests_max: self.pending_subscriptions.get(),
        }
    }

    fn rates(&self) -> router::Rates {
        router::Rates {
            presence_per_minute: self.presence_rate.get(),
            presence_burst: self.presence_burst.get(),
            publishes_per_minute: self.publish_rate.get(),
            publish_burst: self.publish_burst.get(),
            recipients_per_minute: self.recipients_per_minute.get(),
            requests_per_minute: self.subscription_requests_per_minute.get(),
        }
    }

    /// Bounds on what the collector keeps.
    pub fn monitor(&self) -> monitor::Limits {
        monitor::Limits {
            alerts_max: self.alerts.get(),
            mutes_max: self.mutes.get(),
            rules_max: self.rules.get(),
            events_max: self.events.get(),
            history_statistics_max: self.history_statistics.get(),
        }
    }

    fn admission(&self) -> AdmissionLimits {
        AdmissionLimits {
            connections_max: self.connections.get(),
            unauthenticated_max: self.connections_before_login.get(),
            unauthenticated_per_address_max: self.connections_before_login_per_address.get(),
            arrivals_per_minute_max: self.connections_per_minute.get(),
            failures_max: self.login_failures_per_address.get(),
            failures_time: self.login_failures_time.get(),
            refused_time: self.login_ban_time.get(),
            loopback_exempt: self.loopback_exempt,
        }
    }

    fn times(&self) -> Times {
        Times {
            handshake: self.handshake_time.get(),
            login: self.login_time.get(),
            registration: self.registration_time.get(),
            stanza: self.stanza_time.get(),
            idle: self.idle_time.get(),
            ping: self.ping_time.get(),
            dead_after: self.dead_after.get(),
            resumption: self.resumption_time.get(),
            write: self.write_time.get(),
            close: self.close_time.get(),
        }
    }

    /// The parser's bounds before authentication.
    pub fn xml_before_login(&self) -> xml::Limits {
        xml::Limits {
            stanza_bytes_max: self.stanza_size_before_login.get(),
            elements_max: self.stanza_elements_before_login.get(),
            depth_max: self.stanza_depth_before_login.get(),
            value_bytes_max: self.value_size_before_login.get(),
            ..self.xml()
        }
    }

    /// The parser's bounds after authentication.
    pub fn xml(&self) -> xml::Limits {
        xml::Limits {
            stanza_bytes_max: self.stanza_size.get(),
            elements_max: self.stanza_elements.get(),
            depth_max: self.stanza_depth.get(),
            attributes_max: self.attributes.get(),
            namespaces_max: self.namespaces.get(),
            name_bytes_max: self.name_size.get(),
            value_bytes_max: self.value_size.get(),
        }
    }
}
