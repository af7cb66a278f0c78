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
    options: Options,
    desk: Arc<Desk>,
    router: Router,
    store: Store,
    local: Local,
    dir: TempDir,
}

impl Hub {
    fn start() -> Hub {
        Hub::start_with(|_, _| {})
    }

    fn start_with(change: impl FnOnce(&mut Options, &std::path::Path)) -> Hub {
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
        let mut options = Options {
            account: "monitor@mon.example".parse().expect("a JID"),
            interval: Duration::from_secs(1),
            collector,
            rules: Vec::new(),
            checks: checks::Options::default(),
            commands: Vec::new(),
        };
        change(&mut options, dir.path());
        let desk = Arc::new(Desk::new(10));
        let local = Local::start(options.clone(), router.clone(), store.clone(), None, desk.clone());
        Hub {
            options,
            desk,
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

#[tokio::test(flavor = "multi_thread")]
async fn m15_a_program_under_way_outlives_a_reload_and_is_answered_and_audited() {
    use std::os::unix::fs::PermissionsExt;
    let hub = Hub::start_with(|options, dir| {
        let program = dir.join("slow");
        let text = "#!/bin/sh\n: >\"$1/begun\"\nuntil [ -e \"$1/go\" ]; do sleep 0.05; done\necho done\n";
        std::fs::write(&program, text).expect("written");
        std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).expect("executable");
        options.collector.shell = vec![collector::ShellCommand {
            name: "slow".to_owned(),
            description: String::new(),
            argv: [program.as_path(), dir]
                .map(|path| path.to_string_lossy().into_owned())
                .to_vec(),
            parameters: Vec::new(),
            role: Role::Admin,
        }];
    });
    let mut boss = hub.connect("boss@mon.example");
    boss.send("<presence/>");
    boss.send("<presence type='subscribe' to='monitor@mon.example'/>");
    boss.presence(None).await;
    boss.send("<message type='chat' to='monitor@mon.example'><body>shell slow</body></message>");
    let begun = async {
        while !hub.dir.path().join("begun").exists() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(DEADLINE, begun).await.expect("it runs");
    let kept = hub.local.shutdown().await;
    let next = Local::start(hub.options, hub.router, hub.store, Some(kept), hub.desk);
    std::fs::write(hub.dir.path().join("go"), "").expect("written");
    let said = boss.next(|stanza| stanza.name() == "message").await;
    assert!(said.children().any(|child| child.text().contains("done")), "{said:?}");
    next.shutdown().await;
    let log = std::fs::read_to_string(hub.dir.path().join("audit.log")).expect("a log");
    let events: Vec<bool> = log.lines().map(|line| line.contains(r#""event":"start""#)).collect();
    assert_eq!(events, [true, false], "{log}");
}
