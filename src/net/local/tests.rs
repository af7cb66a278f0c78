//! The collector in a real router over a real store, asked by a session beside it.

use super::*;
use crate::modules;
use crate::router;
use crate::store::Ticket as StoreTicket;
use std::time::Duration;
use tempfile::TempDir;
use tokio::time::timeout;

const DEADLINE: Duration = Duration::from_secs(20);

struct Hub {
    router: Router,
    store: Store,
    local: Local,
    dir: TempDir,
}

impl Hub {
    fn start() -> Hub {
        let dir = tempfile::tempdir().expect("a folder");
        let options = store::Options {
            free_bytes_min: 0,
            ..store::Options::default()
        };
        let store = Store::open_with(&dir.path().join("data"), "mon.example", &options).expect("a store");
        for (name, role) in [("monitor", Role::Collector), ("boss", Role::Admin)] {
            store
                .accounts()
                .add_without_credentials(name, role)
                .expect("an account");
        }
        let options = router::Options {
            roster: crate::roster::Limits {
                items_max: 100,
                ..crate::roster::Limits::DEFAULT
            },
            ..router::Options::new("mon.example")
        };
        let router = Router::new(options, store.clone(), modules::all());
        let collector = collector::Options::new("web1", dir.path().join("audit.log"));
        let options = Options {
            account: "monitor@mon.example".parse().expect("a JID"),
            interval: Duration::from_secs(1),
            collector,
            rules: Vec::new(),
            checks: checks::Options::default(),
            commands: Vec::new(),
        };
        let local = Local::start(options, router.clone(), store.clone(), None);
        Hub {
            router,
            store,
            local,
            dir,
        }
    }

    fn connect(&self, account: &str) -> Client {
        let sink = Arc::new(Sink::new(1_000, 1 << 20));
        let account = account.parse().expect("a JID");
        let session = self
            .router
            .bind(&account, Some("desk"), Role::Admin, sink)
            .expect("bound");
        Client {
            router: self.router.clone(),
            session,
            kept: Vec::new(),
        }
    }
}

struct Client {
    router: Router,
    session: Arc<Session>,
    kept: Vec<Element>,
}

impl Client {
    fn send(&self, xml: &str) {
        let frame = Frame::parse(xml.to_owned().into(), &Limits::NONE).expect("a frame");
        self.router.route(&self.session, frame).expect("routed");
    }

    /// The next stanza of that kind; others are dropped.
    async fn next(&mut self, fits: impl Fn(&Element) -> bool) -> Element {
        let search = async {
            loop {
                if let Some(index) = self.kept.iter().position(&fits) {
                    return self.kept.remove(index);
                }
                self.session.sink().ready().await;
                let mut ropes = Vec::new();
                self.session.sink().drain(StoreTicket(u64::MAX), usize::MAX, &mut ropes);
                let parse = |rope: &Rope| {
                    Frame::parse(rope.to_bytes(), &Limits::NONE)
                        .expect("a frame")
                        .to_element()
                };
                self.kept.extend(ropes.iter().map(parse));
            }
        };
        let found = timeout(DEADLINE, search).await;
        found.unwrap_or_else(|_| {
            panic!(
                "waits in vain; came: {:#?}",
                self.kept.iter().map(String::from).collect::<Vec<_>>()
            )
        })
    }

    async fn ask(&mut self, to: &str, kind: &str, payload: &str) -> Element {
        self.send(&format!("<iq type='{kind}' id='q' to='{to}'>{payload}</iq>"));
        self.next(|stanza| stanza.name() == "iq" && stanza.attr("from") == Some(to))
            .await
    }

    async fn presence(&mut self, kind: Option<&str>) -> Element {
        let from = "monitor@mon.example/watchpost";
        self.next(|stanza| {
            stanza.name() == "presence" && stanza.attr("from") == Some(from) && stanza.attr("type") == kind
        })
        .await
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_collector_lives_in_the_router_from_subscription_to_goodbye() {
    let hub = Hub::start();
    let mut boss = hub.connect("boss@mon.example");
    boss.send("<presence/>");
    boss.send("<presence type='subscribe' to='monitor@mon.example'/>");
    let presence = boss.presence(None).await;
    assert!(presence.children().any(|child| child.name() == "c"), "{presence:?}");
    for to in ["monitor@mon.example/watchpost", "monitor@mon.example"] {
        let info = boss
            .ask(to, "get", "<query xmlns='http://jabber.org/protocol/disco#info'/>")
            .await;
        let query = info.children().next().expect("a payload");
        assert!(
            query.children().any(|child| child.attr("category") == Some("monitor")),
            "{info:?}"
        );
        let cpu = boss
            .ask(
                to,
                "get",
                "<query xmlns='http://jabber.org/protocol/disco#info' node='cpu'/>",
            )
            .await;
        let query = cpu.children().next().expect("a payload");
        assert!(
            query.children().any(|child| child.attr("name") == Some("usage")),
            "{cpu:?}"
        );
    }
    boss.send("<message type='chat' to='monitor@mon.example'><body>status</body></message>");
    let said = boss.next(|stanza| stanza.name() == "message").await;
    assert!(said.children().any(|child| child.text().starts_with("OK")), "{said:?}");
    let top = "<command xmlns='http://jabber.org/protocol/commands' node='top'/>";
    let top = boss.ask("monitor@mon.example/watchpost", "set", top).await;
    assert_eq!(
        top.children().next().and_then(|command| command.attr("status")),
        Some("completed")
    );
    hub.local.shutdown().await;
    boss.presence(Some("unavailable")).await;
    assert!(hub.store.monitor().get("monitor@mon.example", "boot-id").is_some());
    assert_eq!(hub.router.sessions().len(), 1);
    assert!(!hub.dir.path().join("audit.log").exists(), "nothing was audited");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_session_is_bound_again() {
    let hub = Hub::start();
    let mut boss = hub.connect("boss@mon.example");
    boss.send("<presence/>");
    boss.send("<presence type='subscribe' to='monitor@mon.example'/>");
    boss.presence(None).await;
    // Somebody takes its resource away: the collector comes back for it.
    let sink = Arc::new(Sink::new(10, 1 << 20));
    let thief = hub.router.bind(
        &"monitor@mon.example".parse().expect("a JID"),
        Some(RESOURCE),
        Role::Collector,
        sink,
    );
    boss.presence(Some("unavailable")).await;
    drop(thief);
    boss.presence(None).await;
    hub.local.shutdown().await;
}
