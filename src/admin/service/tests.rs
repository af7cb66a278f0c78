//! An admin, and one who is none, at the server's commands.

use super::*;
use crate::admin;
use crate::collector::Audit;
use crate::modules::dialogue::{ask, outcome};
use crate::router::bench::{Bench, Client};
use crate::service::session::Limits;
use crate::stanza::ns;
use crate::store::Policy;
use crate::xml::{Build, Element, element};
use std::path::PathBuf;
use std::time::Duration;

const LIST: &str = "<query xmlns='http://jabber.org/protocol/disco#items' node='http://jabber.org/protocol/commands'/>";

struct Scene {
    bench: Bench,
    admin: Client,
    audit: PathBuf,
    stop: Arc<Notify>,
    _dir: tempfile::TempDir,
}

fn scene() -> Scene {
    let bench = Bench::new();
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("audit.log");
    let options = admin::Options {
        policy: Policy { scram: false },
        invitation_time: chrono::TimeDelta::days(7),
        running: true,
    };
    let audit = Audit::new(path.clone(), Arc::new(|_| None));
    let stop = Arc::new(Notify::new());
    let administration = Administration {
        accounts: Accounts::new(bench.store.clone(), bench.router.clone(), options),
        router: bench.router.clone(),
        store: bench.store.clone(),
        audit: audit.clone(),
        stop: stop.clone(),
    };
    let runner = Box::new(Runner::new(audit));
    bench.router.offer(commands(&administration), Limits::default(), runner);
    bench
        .store
        .accounts()
        .add_without_credentials("root", Role::Admin)
        .unwrap();
    let admin = bench.online("root/desk");
    Scene {
        bench,
        admin,
        audit: path,
        stop,
        _dir: dir,
    }
}

fn node(name: &str) -> String {
    [ADMIN, "#", name].concat()
}

fn command(name: &str, session: Option<&str>, fields: &[(&str, &[&str])]) -> String {
    let value = |text: &&str| element("value", ns::DATA_FORMS).append(*text).build();
    let field = |(var, values): &(&str, &[&str])| {
        let values = values.iter().map(value);
        element("field", ns::DATA_FORMS)
            .with("var", *var)
            .append_all(values)
            .build()
    };
    let x = element("x", ns::DATA_FORMS)
        .with("type", "submit")
        .append_all(fields.iter().map(field));
    let command = element("command", ns::COMMANDS)
        .with("node", node(name))
        .with("action", if session.is_some() { "complete" } else { "execute" })
        .with_some("sessionid", session)
        .append_all(session.map(|_| x.build()));
    String::from(&command.build())
}

/// The answer that comes when the work is done.
async fn answer(client: &Client) -> Element {
    for _ in 0..200 {
        if let Some(answer) = client.elements().pop() {
            return answer;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("no answer");
}

fn send(client: &Client, payload: &str) {
    client.send(&["<iq type='set' id='c' to='mon.example'>", payload, "</iq>"].concat());
}

/// Runs a command to its end, and returns all that its answer says.
async fn run(client: &Client, name: &str, fields: &[(&str, &[&str])]) -> String {
    client.elements();
    send(client, &command(name, None, &[]));
    let first = answer(client).await;
    let Some(asked) = first.get_child("command", ns::COMMANDS) else {
        return String::from(&first);
    };
    if asked.attr("status") == Some("completed") {
        return String::from(&first);
    }
    let form = asked.get_child("x", ns::DATA_FORMS).expect("a form");
    assert!(String::from(form).contains(ADMIN), "its FORM_TYPE");
    send(client, &command(name, asked.attr("sessionid"), fields));
    String::from(&answer(client).await)
}

#[tokio::test]
async fn accounts_are_made_changed_disabled_and_removed() {
    let scene = scene();
    let (admin, store) = (&scene.admin, &scene.bench.store);
    let juliet: (&str, &[&str]) = ("accountjid", &["juliet@mon.example"]);
    let juliets: (&str, &[&str]) = ("accountjids", &["juliet@mon.example"]);
    let typo: &[(&str, &[&str])] = &[juliet, ("password", &["secret-1"]), ("password-verify", &["secret-2"])];
    assert!(run(admin, "add-user", typo).await.contains("the two passwords differ"));
    assert!(!store.accounts().exists("juliet"));
    let good: &[(&str, &[&str])] = &[
        juliet,
        ("password", &["secret-1"]),
        ("password-verify", &["secret-1"]),
        ("role", &["operator"]),
    ];
    assert!(run(admin, "add-user", good).await.contains("added as operator"));
    assert!(store.accounts().verify_password("juliet", "secret-1"));
    let change = [juliet, ("password", &["secret-3"])];
    assert!(run(admin, "change-user-password", &change).await.contains("is changed"));
    assert!(store.accounts().verify_password("juliet", "secret-3"));
    // Disabling ends sessions and lasts.
    let session = scene.bench.online("juliet/desk");
    assert!(run(admin, "disable-user", &[juliets]).await.contains("is disabled"));
    assert!(session.session.sink().closing().is_some(), "a17");
    assert!(!store.accounts().verify_password("juliet", "secret-3"));
    assert!(
        run(admin, "get-disabled-users-list", &[])
            .await
            .contains("juliet@mon.example")
    );
    assert!(run(admin, "reenable-user", &[juliets]).await.contains("is enabled"));
    assert!(store.accounts().verify_password("juliet", "secret-3"));
    assert!(run(admin, "delete-user", &[juliets]).await.contains("is removed"));
    assert!(!store.accounts().exists("juliet"));
    assert!(
        run(admin, "delete-user", &[juliets])
            .await
            .contains("there is no account")
    );
    let own: (&str, &[&str]) = ("accountjids", &["root@mon.example"]);
    for name in ["delete-user", "disable-user"] {
        assert!(run(admin, name, &[own]).await.contains("nobody shuts themselves out"));
    }
    let log = std::fs::read_to_string(&scene.audit).unwrap();
    assert!(!log.contains("secret-"), "m16: {log}");
    let lines: Vec<&str> = log.lines().collect();
    assert!(lines[0].contains("\"start\"") && lines[0].contains("add-user") && lines[0].contains("juliet@mon.example"));
    assert!(lines[1].contains("\"end\"") && lines[1].contains("the two passwords differ"));
    assert_eq!(lines.len() % 2, 0, "m15: each start has its end");
}

#[tokio::test]
async fn m01_m02_who_is_no_admin_sees_and_runs_nothing() {
    let scene = scene();
    let bench = &scene.bench;
    for (name, role) in [
        ("op", Role::Operator),
        ("root2", Role::Viewer),
        ("web", Role::Collector),
    ] {
        bench.store.accounts().add_without_credentials(name, role).unwrap();
    }
    let listed = ask(&scene.admin, "get", Some("mon.example"), LIST);
    let nodes = |listed: &Element| -> Vec<String> {
        let items = listed.children().flat_map(Element::children);
        let nodes = items.filter_map(|item| item.attr("node").map(str::to_owned));
        nodes.filter(|node| node.starts_with(ADMIN)).collect()
    };
    let nodes_listed = nodes(&listed);
    assert_eq!(nodes_listed.len(), 17);
    for name in ["op", "root2", "web"] {
        let client = bench.online(&[name, "/desk"].concat());
        let listed = ask(&client, "get", Some("mon.example"), LIST);
        assert_eq!(nodes(&listed), Vec::<String>::new(), "{name}");
        for node in &nodes_listed {
            let info = element("query", ns::DISCO_INFO).with("node", node).build();
            assert_eq!(
                outcome(&client, "get", Some("mon.example"), &String::from(&info)),
                "forbidden"
            );
            for action in ["execute", "next", "complete", "prev", "cancel"] {
                let command = element("command", ns::COMMANDS)
                    .with("node", node)
                    .with("action", action)
                    .with("sessionid", if action == "execute" { "" } else { "stolen" });
                let command = String::from(&command.build());
                assert_eq!(outcome(&client, "set", Some("mon.example"), &command), "forbidden");
            }
        }
    }
}

#[tokio::test]
async fn m03_m04_a_stage_is_for_its_owner_while_its_owner_is_an_admin() {
    let scene = scene();
    let begin = ask(
        &scene.admin,
        "set",
        Some("mon.example"),
        &command("delete-user", None, &[]),
    );
    let id = begin.children().next().and_then(|command| command.attr("sessionid"));
    let fields: &[(&str, &[&str])] = &[("accountjids", &["bob@mon.example"])];
    let next = command("delete-user", id, fields);
    let phone = scene.bench.online("root/phone");
    assert_eq!(
        outcome(&phone, "set", Some("mon.example"), &next),
        "bad-request bad-sessionid"
    );
    scene.bench.store.accounts().set_role("root", Role::Viewer).unwrap();
    assert_eq!(outcome(&scene.admin, "set", Some("mon.example"), &next), "forbidden");
    assert!(scene.bench.store.accounts().exists("bob"));
}

#[tokio::test]
async fn who_there_is_is_counted_and_listed() {
    let scene = scene();
    let (admin, bench) = (&scene.admin, &scene.bench);
    let bob = bench.online("bob/desk");
    let _hidden = bench.connect("eve/desk");
    bench.befriend("ada", "bob");
    assert!(run(admin, "get-registered-users-num", &[]).await.contains(">4<"));
    assert!(run(admin, "get-online-users-num", &[]).await.contains(">2<"));
    let all = run(admin, "get-registered-users-list", &[("max_items", &["none"])]).await;
    for name in ["ada", "bob", "eve", "root"] {
        assert!(all.contains(&[name, "@mon.example"].concat()), "{all}");
    }
    let online = run(admin, "get-online-users-list", &[("max_items", &["25"])]).await;
    assert!(online.contains("bob@") && !online.contains("eve@"));
    let whose: &[(&str, &[&str])] = &[("accountjid", &["bob@mon.example"])];
    let statistics = run(admin, "user-stats", whose).await;
    assert!(
        statistics.contains(">1<") && statistics.contains(">desk<"),
        "{statistics}"
    );
    let year = chrono::Utc::now().format("%Y-").to_string();
    assert!(run(admin, "get-user-lastlogin", whose).await.contains(&year));
    bob.end();
    assert!(run(admin, "get-user-lastlogin", whose).await.contains(&year));
    let other: &[(&str, &[&str])] = &[("accountjid", &["nobody@mon.example"])];
    assert!(
        run(admin, "get-user-lastlogin", other)
            .await
            .contains("there is no account")
    );
    let never: &[(&str, &[&str])] = &[("accountjid", &["ada@mon.example"])];
    assert!(run(admin, "get-user-lastlogin", never).await.contains("never"));
}

#[tokio::test]
async fn sessions_are_ended_all_or_one() {
    let scene = scene();
    let (desk, phone) = (scene.bench.online("bob/desk"), scene.bench.online("bob/phone"));
    let one: &[(&str, &[&str])] = &[("accountjids", &["bob@mon.example/desk"])];
    assert!(run(&scene.admin, "end-user-session", one).await.contains("1 ended"));
    assert!(desk.session.sink().closing().is_some() && phone.session.sink().closing().is_none());
    let all: &[(&str, &[&str])] = &[("accountjids", &["bob@mon.example", "eve@mon.example"])];
    let told = run(&scene.admin, "end-user-session", all).await;
    assert!(
        told.contains("2 ended") && told.contains("eve@mon.example has no session"),
        "{told}"
    );
    assert!(phone.session.sink().closing().is_some());
}

#[tokio::test(start_paused = true)]
async fn words_reach_those_who_are_there_or_all_and_the_end_comes_when_asked() {
    let scene = scene();
    scene
        .bench
        .store
        .accounts()
        .add("away", Role::Viewer, "secret", &Policy { scram: false })
        .unwrap();
    let bob = scene.bench.online("bob/desk");
    let words: &[(&str, &[&str])] = &[("subject", &["Soon"]), ("announcement", &["one", "two"])];
    assert!(run(&scene.admin, "announce", words).await.contains("2 told"));
    let told = bob.elements().pop().unwrap();
    assert_eq!(
        (told.attr("from"), told.attr("type")),
        (Some("mon.example"), Some("headline"))
    );
    assert!(String::from(&told).contains("one\ntwo"));
    assert!(run(&scene.admin, "announce-all", words).await.contains("1 told"));
    assert_eq!(scene.bench.store.offline().list("away", chrono::Utc::now()).len(), 1);
    let end: &[(&str, &[&str])] = &[("delay", &["60"]), ("announcement", &["bye"])];
    assert!(run(&scene.admin, "shutdown", end).await.contains("stops in 60 s"));
    assert!(String::from(&bob.elements().pop().unwrap()).contains("bye"));
    let before = tokio::time::Instant::now();
    scene.stop.notified().await;
    assert!(before.elapsed() >= Duration::from_secs(59));
}

/// The `uri` of an invitation.
fn uri(answer: &str) -> &str {
    let (_, rest) = answer.split_once("<value>xmpp:").expect(answer);
    rest.split_once("</value>").expect("its end").0
}

/// Runs one of XEP-0401's commands.
async fn invite(client: &Client, name: &str, fields: &[(&str, &[&str])]) -> String {
    client.elements();
    let of = |name: &str, session: Option<&str>| {
        command(name, session, fields).replace(&node(name), &["urn:xmpp:invite#", name].concat())
    };
    send(client, &of(name, None));
    let first = answer(client).await;
    let asked = first.get_child("command", ns::COMMANDS);
    match asked.and_then(|asked| {
        asked
            .attr("sessionid")
            .filter(|_| asked.attr("status") == Some("executing"))
    }) {
        Some(session) => {
            send(client, &of(name, Some(session)));
            String::from(&answer(client).await)
        }
        None => String::from(&first),
    }
}

#[tokio::test]
async fn operators_invite_viewers_and_admins_everybody() {
    let scene = scene();
    let accounts = scene.bench.store.accounts();
    accounts.add_without_credentials("op", Role::Operator).unwrap();
    let op = scene.bench.online("op/desk");
    let made = invite(&op, "invite", &[]).await;
    assert!(
        made.contains("urn:xmpp:invite#invitation") && made.contains("'expire'"),
        "{made}"
    );
    assert!(uri(&made).starts_with("op@mon.example?roster;preauth=") && uri(&made).ends_with(";ibr=y"));
    let named = [
        ("username", &["Juliet"][..]),
        ("role", &["viewer"]),
        ("roster-subscription", &["true"]),
    ];
    let made = invite(&op, "create-account", &named).await;
    let token = uri(&made)
        .strip_prefix("juliet@mon.example?register;preauth=")
        .expect("a token");
    let kept = scene
        .bench
        .store
        .invitations()
        .get(token, chrono::Utc::now())
        .expect("an invitation");
    assert_eq!(
        (kept.inviter.as_deref(), kept.role, kept.befriends),
        (Some("op"), Role::Viewer, true)
    );
    let admin = [("role", &["admin"][..])];
    let refused = invite(&op, "create-account", &admin).await;
    assert!(
        refused.contains("type='error'") && !refused.contains("xmpp:mon"),
        "{refused}"
    );
    let made = invite(&scene.admin, "create-account", &admin).await;
    assert!(uri(&made).starts_with("mon.example?register;preauth="), "{made}");
    let taken = invite(&scene.admin, "create-account", &[("username", &["juliet"][..])]).await;
    assert!(taken.contains("promised to somebody"), "{taken}");
}

#[tokio::test]
async fn a_viewer_invites_nobody_and_no_token_is_audited() {
    let scene = scene();
    let viewer = scene.bench.online("ada/desk");
    for name in ["invite", "create-account"] {
        assert!(invite(&viewer, name, &[]).await.contains("forbidden"));
    }
    let listed = crate::modules::dialogue::get(&viewer, Some("mon.example"), LIST);
    assert!(!String::from(&listed).contains("urn:xmpp:invite"));
    let made = invite(&scene.admin, "invite", &[]).await;
    let (_, token) = uri(&made).split_once("preauth=").expect("a token");
    let audit = std::fs::read_to_string(&scene.audit).unwrap();
    assert!(
        audit.contains("urn:xmpp:invite#invite") && !audit.contains(&token[..32]),
        "{audit}"
    );
}

#[tokio::test]
async fn who_takes_up_a_contact_s_invitation_finds_it_in_the_roster() {
    use crate::net::Registrar;
    let scene = scene();
    let made = invite(&scene.admin, "invite", &[]).await;
    let token = &uri(&made).split_once("preauth=").expect("a token").1[..32];
    let options = admin::Options {
        policy: Policy { scram: false },
        invitation_time: chrono::TimeDelta::days(7),
        running: true,
    };
    let accounts = Accounts::new(scene.bench.store.clone(), scene.bench.router.clone(), options);
    let (store, token) = (scene.bench.store.clone(), token.to_owned());
    tokio::task::spawn_blocking(move || accounts.register(&token, "nurse", "secret").unwrap())
        .await
        .unwrap();
    for (owner, contact) in [("nurse", "root@mon.example"), ("root", "nurse@mon.example")] {
        let roster = store.rosters().load(owner);
        let item = roster.get(&BareJid::new(contact).unwrap()).expect(contact);
        assert_eq!(item.state.subscription, crate::roster::Subscription::Both);
    }
}
