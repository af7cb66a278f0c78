//! Logging in: who, by which mechanism, and what it is refused with.

use super::super::{TestServer, ns};
use super::{Client, Transport};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use sasl::client::Mechanism;
use sasl::client::mechanisms::{Plain, Scram};
use sasl::common::scram::{Sha1, Sha256};
use sasl::common::{ChannelBinding, Credentials};

/// How a client logs in.
#[derive(Clone, Debug)]
pub struct Login {
    /// The account's localpart, or a bare JID.
    pub user: String,
    pub password: String,
    /// The resource to ask for.
    pub resource: Option<String>,
    /// `SCRAM-SHA-256-PLUS`, `SCRAM-SHA-256`, `SCRAM-SHA-1` or `PLAIN`.
    pub mechanism: &'static str,
    /// Direct TLS (XEP-0368) instead of STARTTLS.
    pub direct: bool,
}

impl Login {
    pub fn new(user: &str, password: &str) -> Login {
        Login {
            user: user.into(),
            password: password.into(),
            resource: None,
            mechanism: "SCRAM-SHA-256",
            direct: false,
        }
    }

    pub fn resource(self, resource: &str) -> Login {
        Login {
            resource: Some(resource.into()),
            ..self
        }
    }

    pub fn mechanism(self, mechanism: &'static str) -> Login {
        Login { mechanism, ..self }
    }

    pub fn direct(self) -> Login {
        Login { direct: true, ..self }
    }
}

/// A login refused.
pub struct Refusal {
    /// The connection, still open.
    pub client: Client,
    /// What the server said: a SASL condition, or a stanza error's.
    pub condition: String,
}

impl Client {
    /// Logs in and binds; panics with the traffic when it fails.
    pub fn login(server: &TestServer, login: &Login) -> Client {
        Client::try_login(server, login).unwrap_or_else(|refusal| {
            refusal
                .client
                .fail(&format!("login of {login:?} failed: {}", refusal.condition))
        })
    }

    /// Logs in and binds; on refusal gives what the server said: a SASL condition, or a stanza error's.
    pub fn try_login(server: &TestServer, login: &Login) -> Result<Client, Box<Refusal>> {
        Client::secured(server, login.direct).enter(login)
    }

    /// Authenticates and binds on a stream inside TLS, whose features are not read yet.
    pub fn enter(mut self, login: &Login) -> Result<Client, Box<Refusal>> {
        if let Err(condition) = self.authenticate(login) {
            return Err(Box::new(Refusal {
                client: self,
                condition,
            }));
        }
        self.open();
        self.features();
        match self.bind(login.resource.as_deref()) {
            Ok(()) => Ok(self),
            Err(condition) => Err(Box::new(Refusal {
                client: self,
                condition,
            })),
        }
    }

    fn channel_binding(&self) -> ChannelBinding {
        match &self.transport {
            Transport::Tls(tls) => {
                let data = tls
                    .conn
                    .export_keying_material([0; 32], b"EXPORTER-Channel-Binding", Some(&[]));
                ChannelBinding::TlsExporter(data.expect("TLS 1.3 has an exporter").to_vec())
            }
            _ => ChannelBinding::None,
        }
    }

    /// SASL (RFC 6120 section 6): the features must offer the mechanism.
    pub fn authenticate(&mut self, login: &Login) -> Result<(), String> {
        let features = self.features();
        let mechanisms = features.child_ns("mechanisms", ns::SASL);
        let offered = mechanisms
            .iter()
            .flat_map(|list| list.nodes())
            .any(|node| node.text() == login.mechanism);
        if !offered {
            self.fail(&format!("{} is not offered", login.mechanism));
        }
        self.sasl(login)
    }

    /// SASL once more on the same stream, features not read again.
    pub fn sasl(&mut self, login: &Login) -> Result<(), String> {
        let binding = match login.mechanism.ends_with("-PLUS") {
            true => self.channel_binding(),
            false => ChannelBinding::None,
        };
        let user = login.user.split('@').next().unwrap_or_default();
        let credentials = Credentials::default()
            .with_username(user)
            .with_password(login.password.clone())
            .with_channel_binding(binding);
        let mut mechanism: Box<dyn Mechanism> = match login.mechanism.trim_end_matches("-PLUS") {
            "PLAIN" => Box::new(Plain::from_credentials(credentials).expect("credentials")),
            "SCRAM-SHA-1" => Box::new(Scram::<Sha1>::from_credentials(credentials).expect("credentials")),
            "SCRAM-SHA-256" => Box::new(Scram::<Sha256>::from_credentials(credentials).expect("credentials")),
            other => panic!("this client has no {other}"),
        };
        let initial = BASE64.encode(mechanism.initial());
        self.send(&format!(
            "<auth xmlns='{}' mechanism='{}'>{initial}</auth>",
            ns::SASL,
            login.mechanism
        ));
        loop {
            let answer = self.receive();
            let data = BASE64.decode(answer.text()).unwrap_or_default();
            match answer.name.as_str() {
                "challenge" => {
                    let response = mechanism
                        .response(&data)
                        .map_err(|error| format!("challenge: {error}"))?;
                    let response = BASE64.encode(response);
                    self.send(&format!("<response xmlns='{}'>{response}</response>", ns::SASL));
                }
                "success" => return mechanism.success(&data).map_err(|error| format!("success: {error}")),
                "failure" => {
                    let condition = answer.nodes().find(|node| node.name != "text");
                    return Err(condition.map(|node| node.name.clone()).unwrap_or_default());
                }
                _ => return Err(format!("unexpected {answer}")),
            }
        }
    }

    /// Binds a resource (RFC 6120 section 7).
    pub fn bind(&mut self, resource: Option<&str>) -> Result<(), String> {
        let asked = resource
            .map(|name| format!("<resource>{name}</resource>"))
            .unwrap_or_default();
        let reply = self.iq(&format!(
            "<iq type='set'><bind xmlns='{}'>{asked}</bind></iq>",
            ns::BIND
        ));
        match reply.at(&["bind", "jid"]) {
            Some(jid) if reply.attr("type") == Some("result") => self.jid = jid.text(),
            _ => return Err(reply.condition().unwrap_or("no condition").to_owned()),
        }
        Ok(())
    }
}
