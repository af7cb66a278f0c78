//! What every hostile input meets: the server, a witness, and healthy clients.

use crate::support::{Client, Login, TestServer};

/// The server, a witness who records what reaches it, and two healthy clients.
pub struct Scene {
    pub server: TestServer,
    pub witness: Client,
    pub canary: Client,
}

impl Scene {
    pub fn new() -> Scene {
        Scene::with_config("")
    }

    pub fn with_config(settings: &str) -> Scene {
        let server = TestServer::with_config(settings);
        for name in ["attacker", "witness", "canary"] {
            server.add_account(name, "secret");
        }
        let mut witness = Client::login(&server, &Login::new("witness", "secret").resource("w"));
        // The witness watches nobody: what reaches it is meant for it.
        witness.iq(
            "<iq type='set'><query xmlns='jabber:iq:roster'><item jid='monitor@localhost' subscription='remove'/>\
             </query></iq>",
        );
        witness.send("<presence/>");
        witness.drain();
        let canary = Client::login(&server, &Login::new("canary", "secret").resource("c"));
        Scene {
            server,
            witness,
            canary,
        }
    }

    pub fn attacker(&self) -> Client {
        Client::login(&self.server, &Login::new("attacker", "secret"))
    }

    /// The stream ends with one of these conditions, properly; then all others are well, and the witness has nothing.
    #[track_caller]
    pub fn ends(&mut self, mut client: Client, what: &str, bytes: &[u8], conditions: &[&str]) {
        // The server may close before it has read all.
        let _ = client.try_send_bytes(bytes);
        let condition = client.expect_stream_error();
        assert!(
            conditions.contains(&condition.as_str()),
            "{what}: {condition} is none of {conditions:?}"
        );
        assert!(client.is_gone(), "{what}: the connection stays");
        self.is_well(what);
    }

    #[track_caller]
    pub fn is_well(&mut self, what: &str) {
        self.canary
            .send("<message to='witness@localhost/w' type='chat'><body>still here</body></message>");
        let first = self.witness.receive();
        assert_eq!(
            first.child_text("body").as_deref(),
            Some("still here"),
            "{what}: the witness got {first}"
        );
    }
}
