//! What is done to the host: services, processes, logs; passwords asked for, dry runs.

use super::*;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

const BOSS: &str = "boss@mon.example/desk";
const OP: &str = "op@mon.example/desk";

/// A program that says what it was given, and leaves a file behind as a witness.
fn stub(dir: &Path) -> String {
    let path = dir.join("stub");
    let text = format!("#!/bin/sh\necho \"$@\"\n: >{}/ran\n", dir.display());
    std::fs::write(&path, text).expect("written");
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).expect("executable");
    path.to_string_lossy().into_owned()
}

/// A process named `sleep`: it is called otherwise for a moment after its start.
fn sleeper() -> std::process::Child {
    let child = std::process::Command::new("/bin/sleep")
        .arg("600")
        .spawn()
        .expect("a process");
    let named = ["sleep".to_owned()];
    while !crate::monitor::processes_named(&named)
        .iter()
        .any(|process| process.pid == child.id())
    {
        std::thread::yield_now();
    }
    child
}

fn hosting(dir: &Path, change: impl FnOnce(&mut Options)) -> Bench {
    let program = stub(dir);
    Bench::new(|options| {
        options.host_commands = HostCommands {
            restart: vec!["nginx.service".to_owned()],
            logs: vec!["nginx.service".to_owned()],
            kill: vec!["sleep".to_owned()],
            systemctl: program.clone(),
            journalctl: program.clone(),
            ..HostCommands::default()
        };
        options.reboot = Some(RebootOptions {
            confirm: false,
            delay: Duration::ZERO,
            ..RebootOptions::new(vec![program.clone(), "now".to_owned()])
        });
        change(options);
    })
    .online()
}

#[test]
fn a_listed_service_is_restarted_and_its_log_shown_and_both_are_audited() {
    let dir = tempfile::tempdir().expect("a folder");
    let mut bench = hosting(dir.path(), |_| {});
    assert_eq!(
        bench.say(BOSS, "restart-unit nginx.service"),
        ["restart-unit\nExit status: 0\nOutput: restart -- nginx.service"]
    );
    let refused = bench.say(BOSS, "restart-unit ssh.service").join("");
    assert!(refused.contains("none of the choices"), "{refused}");
    assert_eq!(
        bench.say(OP, "restart-unit nginx.service"),
        ["This needs the role admin."]
    );
    let log = bench.say(OP, "log nginx.service 50").join("");
    assert!(log.contains("--lines 50 --unit nginx.service"), "{log}");
    let refused = bench.say(OP, "log nginx.service 1000000").join("");
    assert!(refused.contains("none of the choices"), "{refused}");
    let audit = bench.audit();
    let commands: Vec<_> = audit
        .iter()
        .map(|line| (line["command"].as_str(), line["event"].as_str()))
        .collect();
    assert_eq!(
        commands,
        [
            (Some("restart-unit"), Some("start")),
            (Some("restart-unit"), Some("end")),
            (Some("restart-unit"), Some("refused")),
            (Some("log"), Some("start")),
            (Some("log"), Some("end")),
        ]
    );
}

#[test]
fn a_process_of_a_listed_name_is_ended() {
    let dir = tempfile::tempdir().expect("a folder");
    let mut bench = hosting(dir.path(), |_| {});
    let mut child = sleeper();
    let other = bench.say(BOSS, &format!("kill {}", std::process::id())).join("");
    assert!(other.contains("none of the choices"), "{other}");
    let said = bench.say(BOSS, &format!("kill {} kill", child.id()));
    assert_eq!(said, [format!("SIGKILL was sent to sleep ({}).", child.id())]);
    child.wait().expect("ended");
    let audit = bench.audit();
    assert_eq!(audit[0]["argv"][0], "SIGKILL");
    assert_eq!(audit[1]["outcome"], "sent to sleep");
    assert_eq!(bench.say(OP, "kill 1"), ["This needs the role admin."]);
}

#[test]
fn m14_a_dry_run_shows_the_program_and_runs_nothing() {
    let dir = tempfile::tempdir().expect("a folder");
    let mut bench = hosting(dir.path(), |options| options.dry_run = true);
    let said = bench.say(BOSS, "restart-unit nginx.service").join("");
    assert!(
        said.contains("dry run") && said.contains("\"restart\", \"--\", \"nginx.service\""),
        "{said}"
    );
    bench.say(BOSS, "log nginx.service 20");
    bench.say(BOSS, "reboot");
    let due = bench.collector.deadline().expect("ordered");
    let outputs = bench.collector.tick(due);
    bench.settle(outputs);
    let mut child = sleeper();
    let said = bench.say(BOSS, &format!("kill {} kill", child.id())).join("");
    assert!(said.contains("dry run"), "{said}");
    assert!(child.try_wait().expect("asked").is_none(), "it lives");
    child.kill().and_then(|()| child.wait()).expect("ended");
    assert!(!dir.path().join("ran").exists());
    assert!(bench.audit().len() >= 6, "what was asked for is audited all the same");
}

#[test]
fn m25_a_password_is_asked_for_where_the_configuration_wants_it() {
    let dir = tempfile::tempdir().expect("a folder");
    let mut bench = hosting(dir.path(), |options| options.confirm_password = true);
    let form = bench.run(BOSS, "node='restart-unit'", &[]).expect("a form");
    let id = form.attr("sessionid").expect("a session").to_owned();
    let x = form.get_child("x", ns::DATA_FORMS).expect("a form");
    assert!(x.children().any(|field| field.attr("type") == Some("text-private")));
    let stage = |id: &str, action: &str| format!("node='restart-unit' sessionid='{id}' action='{action}'");
    bench
        .run(BOSS, &stage(&id, "next"), &[("password", "guessed")])
        .expect("the units");
    let refused = bench.run(BOSS, &stage(&id, "complete"), &[("unit", "nginx.service")]);
    assert_eq!(refused, Err("forbidden".to_owned()));
    assert!(!dir.path().join("ran").exists());
    assert_eq!(bench.audit().last().expect("a line")["outcome"], "wrong password");

    let form = bench.run(BOSS, "node='restart-unit'", &[]).expect("a form");
    let id = form.attr("sessionid").expect("a session").to_owned();
    bench
        .run(BOSS, &stage(&id, "next"), &[("password", "boss's secret")])
        .expect("the units");
    bench
        .run(BOSS, &stage(&id, "complete"), &[("unit", "nginx.service")])
        .expect("restarted");
    assert!(dir.path().join("ran").exists());
    let log = std::fs::read_to_string(bench.dir.path().join("audit.log")).expect("a log");
    assert!(!log.contains("secret") && !log.contains("guessed"), "{log}");
    // What is said in a chat is kept: no password is asked for there.
    let said = bench.say(BOSS, "reboot").join("");
    assert!(said.contains("does not belong in a chat"), "{said}");
}

#[test]
fn m25_a_password_cannot_be_guessed_at_leisure() {
    let dir = tempfile::tempdir().expect("a folder");
    let mut bench = hosting(dir.path(), |options| options.confirm_password = true);
    let give = |bench: &mut Bench, node: &str, password: &str| {
        let id = bench.open(BOSS, node);
        let stage = format!("node='{node}' sessionid='{id}' action='next'");
        bench.run(BOSS, &stage, &[("password", password)])
    };
    for guess in 0..10 {
        let refused = give(&mut bench, "reboot", &format!("guess {guess}"));
        assert_eq!(refused, Err("forbidden".to_owned()), "{guess}");
    }
    let late = give(&mut bench, "reboot", "boss's secret");
    assert_eq!(late, Err("resource-constraint".to_owned()), "even the right one");
    // Another command is no way round.
    let id = bench.open(BOSS, "restart-unit");
    let stage = |action: &str| format!("node='restart-unit' sessionid='{id}' action='{action}'");
    bench
        .run(BOSS, &stage("next"), &[("password", "boss's secret")])
        .expect("the units");
    let other = bench.run(BOSS, &stage("complete"), &[("unit", "nginx.service")]);
    assert_eq!(other, Err("resource-constraint".to_owned()));
    assert!(bench.collector.deadline().is_none() && !dir.path().join("ran").exists());
    bench.now += Duration::from_secs(60);
    give(&mut bench, "reboot", "boss's secret").expect("a minute later");
    assert!(bench.collector.deadline().is_some(), "ordered");
}

#[test]
fn m02_only_the_account_itself_may_and_none_that_looks_like_it() {
    let dir = tempfile::tempdir().expect("a folder");
    let mut bench = hosting(dir.path(), |_| {});
    for twin in [
        "bos@mon.example/desk",
        "boss1@mon.example/desk",
        "b\u{43E}ss@mon.example/desk",
        "bo\u{15B}s@mon.example/desk",
        "boss@mon.example.evil.example/desk",
        "boss@sub.mon.example/desk",
        "boss@mon.examp1e/desk",
        "boss@m\u{43E}n.example/desk",
        "op@mon.example/boss@mon.example",
        "mon.example/boss",
        "boss\\40mon.example@evil.example/desk",
    ] {
        let refused = bench.run(twin, "node='reboot'", &[]);
        assert_eq!(refused, Err("forbidden".to_owned()), "{twin}");
    }
    assert!(bench.collector.deadline().is_none());
}
