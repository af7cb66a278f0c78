//! Commands from a stanza to a process and back.

use super::*;

const BOSS: &str = "boss@mon.example/desk";
const OP: &str = "op@mon.example/desk";

fn program(name: &str, argv: &[&str], parameters: Vec<Parameter>) -> ShellCommand {
    ShellCommand {
        name: name.to_owned(),
        description: String::new(),
        argv: argv.iter().map(|part| (*part).to_owned()).collect(),
        parameters,
        role: Role::Operator,
    }
}

fn parameter(name: &str, secret: bool) -> Parameter {
    Parameter {
        name: name.to_owned(),
        label: name.to_owned(),
        choices: Vec::new(),
        secret,
    }
}

fn shell() -> Bench {
    Bench::new(|options| {
        options.shell = vec![
            program("say", &["/bin/echo", "said", "{word}"], vec![parameter("word", false)]),
            program("fail", &["/bin/sh", "-c", "echo oops >&2; exit 3"], vec![]),
            program("tell", &["/bin/echo", "{secret}"], vec![parameter("secret", true)]),
            ShellCommand {
                role: Role::Admin,
                ..program("whoami", &["/usr/bin/id"], vec![])
            },
        ];
    })
    .online()
}

/// A reboot that leaves a file behind.
fn reboot(change: impl FnOnce(&mut RebootOptions)) -> Bench {
    Bench::new(|options| {
        let witness = options.audit.with_file_name("rebooted");
        let mut reboot = RebootOptions::new(vec!["/usr/bin/touch".to_owned(), witness.display().to_string()]);
        change(&mut reboot);
        options.reboot = Some(reboot);
    })
    .online()
}

impl Bench {
    fn rebooted(&mut self) -> bool {
        let witness = self.dir.path().join("rebooted");
        let outputs = self.collector.tick(self.now);
        self.settle(outputs);
        let ran = witness.exists();
        let _ = std::fs::remove_file(witness);
        ran
    }

    /// Opens a session of a command.
    fn open(&mut self, from: &str, node: &str) -> String {
        let form = self
            .run(from, &format!("node='{node}' action='execute'"), &[])
            .expect("a form");
        assert_eq!(form.attr("status"), Some("executing"));
        form.attr("sessionid").expect("a session").to_owned()
    }
}

fn values(command: &Element, var: &str) -> String {
    let form = command.get_child("x", ns::DATA_FORMS).expect("a form");
    let field = form
        .children()
        .find(|field| field.attr("var") == Some(var))
        .expect("a field");
    field.children().map(Element::text).collect::<Vec<_>>().join("\n")
}

fn note(command: &Element) -> String {
    command.get_child("note", ns::COMMANDS).expect("a note").text()
}

#[test]
fn m01_the_list_holds_what_the_requester_may_run() {
    let mut bench = shell();
    let list = |bench: &mut Bench, who: &str| {
        let query = format!("<query xmlns='{}' node='{}'/>", ns::DISCO_ITEMS, ns::COMMANDS);
        let items = bench.get(who, FULL, &query).expect("a list");
        items
            .children()
            .filter_map(|item| item.attr("node").map(str::to_owned))
            .collect::<Vec<_>>()
    };
    assert_eq!(
        list(&mut bench, OP),
        [
            "statistics",
            "alerts",
            "top",
            "stats-reset",
            "checks",
            "heartbeat",
            "shell"
        ]
    );
    assert_eq!(list(&mut bench, "viewer@mon.example/x"), ["statistics", "checks"]);
    let info = |node: &str| format!("<query xmlns='{}' node='{node}'/>", ns::DISCO_INFO);
    let command = bench.get(OP, FULL, &info("shell")).expect("info");
    assert!(
        command
            .get_child("identity", ns::DISCO_INFO)
            .is_some_and(|i| i.attr("type") == Some("command-node"))
    );
    assert_eq!(
        bench.get("viewer@mon.example/x", FULL, &info("shell")),
        Err("forbidden".to_owned())
    );
    // Not configured: not there, for nobody.
    assert_eq!(bench.run(BOSS, "node='reboot'", &[]), Err("item-not-found".to_owned()));
}

#[test]
fn statistics_are_a_table_at_once_or_of_one_group() {
    let mut bench = shell();
    let rows = |command: &Element| {
        let form = command.get_child("x", ns::DATA_FORMS).expect("a form");
        assert!(form.get_child("reported", ns::DATA_FORMS).is_some());
        form.children().filter(|child| child.name() == "item").count()
    };
    let all = bench.run(OP, "node='statistics'", &[]).expect("a table");
    assert_eq!((all.attr("status"), rows(&all)), (Some("completed"), 13));
    let disks = bench
        .run(OP, "node='statistics'", &[("group", "disk")])
        .expect("a table");
    assert_eq!(rows(&disks), 3);
    let refused = bench.run(OP, "node='statistics'", &[("group", "teapot")]);
    assert_eq!(refused, Err("bad-request bad-payload".to_owned()));
}

#[test]
fn stats_reset_asks_its_host_to_do_it() {
    let mut bench = shell();
    let sent = bench.send(
        OP,
        format!(
            "<iq xmlns='jabber:client' type='set' id='r' to='{FULL}'><command xmlns='{}' node='stats-reset'/></iq>",
            ns::COMMANDS
        )
        .parse()
        .expect("XML"),
    );
    assert!(sent.iter().any(|output| output.is("reset", "test")));
    assert_eq!(outcome(&sent[0]).expect("completed").attr("status"), Some("completed"));
}

#[test]
fn a_program_is_chosen_asked_for_run_and_audited() {
    let mut bench = shell();
    let id = bench.open(OP, "shell");
    let stage = |action: &str| format!("node='shell' sessionid='{id}' action='{action}'");
    let refused = bench.run(OP, &stage("next"), &[("command", "whoami")]);
    assert_eq!(refused, Err("bad-request bad-payload".to_owned()), "not an operator's");
    bench
        .run(OP, &stage("next"), &[("command", "say")])
        .expect("the parameters");
    for bad in ["$(reboot)", "-n", "a b", "../x"] {
        let refused = bench.run(OP, &stage("complete"), &[("word", bad)]);
        assert_eq!(refused, Err("bad-request bad-payload".to_owned()), "{bad}");
    }
    let done = bench
        .run(OP, &stage("complete"), &[("word", "tea")])
        .expect("completed");
    assert_eq!(
        (values(&done, "status"), values(&done, "stdout")),
        ("0".to_owned(), "said tea".to_owned())
    );
    // M12: the same stage again runs nothing.
    let again = bench.run(OP, &stage("complete"), &[("word", "tea")]);
    assert_eq!(again, Err("not-allowed session-expired".to_owned()));
    let log = bench.audit();
    let runs: Vec<_> = log.iter().filter(|line| line["event"] != "refused").collect();
    assert_eq!((runs.len(), log.len()), (2, 8), "M15: refused attempts are there too");
    assert_eq!(
        (runs[0]["event"].as_str(), runs[1]["outcome"].as_str()),
        (Some("start"), Some("0"))
    );
    assert_eq!((runs[0]["jid"].as_str(), runs[0]["run"].is_string()), (Some(OP), true));
    assert_eq!(runs[0]["run"], runs[1]["run"]);
}

#[test]
fn m03_rights_that_are_taken_away_end_a_session() {
    let mut bench = shell();
    let id = bench.open(BOSS, "shell");
    bench.people.set("boss", Some(Role::Operator));
    let stage = format!("node='shell' sessionid='{id}' action='next'");
    assert_eq!(
        bench.run(BOSS, &stage, &[("command", "whoami")]),
        Err("forbidden".to_owned())
    );
    bench.people.set("boss", None);
    assert_eq!(
        bench.run(BOSS, &stage, &[("command", "fail")]),
        Err("forbidden".to_owned())
    );
    assert!(bench.audit().iter().all(|line| line["event"] == "refused"));
}

#[test]
fn a_program_that_fails_says_so_in_words_and_forms() {
    let mut bench = shell();
    assert_eq!(
        bench.say(OP, "shell fail"),
        ["'fail' failed.\nfail\nExit status: 3\nErrors: oops"]
    );
    assert_eq!(
        bench.say(OP, "shell say coffee"),
        ["say\nExit status: 0\nOutput: said coffee"]
    );
    let question = bench.say(OP, "shell say").join("");
    assert!(question.contains("word"), "{question}");
    assert_eq!(bench.say(OP, "milk"), ["say\nExit status: 0\nOutput: said milk"]);
    assert_eq!(
        bench.say("viewer@mon.example/x", "shell fail"),
        ["This needs the role operator."]
    );
    assert_eq!(bench.audit().last().expect("a line")["event"], "refused");
}

#[test]
fn m16_a_secret_is_neither_shown_nor_logged() {
    let mut bench = shell();
    let id = bench.open(OP, "shell");
    let stage = |action: &str| format!("node='shell' sessionid='{id}' action='{action}'");
    let form = bench
        .run(OP, &stage("next"), &[("command", "tell")])
        .expect("the parameters");
    let x = form.get_child("x", ns::DATA_FORMS).expect("a form");
    assert!(x.children().any(|field| field.attr("type") == Some("text-private")));
    let done = bench
        .run(OP, &stage("complete"), &[("secret", "hunter2")])
        .expect("completed");
    assert_eq!(values(&done, "stdout"), "***");
    let log = std::fs::read_to_string(bench.dir.path().join("audit.log")).expect("a log");
    assert!(log.contains("***") && !log.contains("hunter2"), "{log}");
}

#[test]
fn m15_what_cannot_be_audited_is_not_run() {
    let witness = tempfile::tempdir().expect("a folder");
    let file = witness.path().join("ran");
    let mut bench = Bench::new(|options| {
        // A device that is always full.
        options.audit = "/dev/full".into();
        options.shell = vec![program(
            "touch",
            &["/usr/bin/touch", &file.display().to_string()],
            vec![],
        )];
        options.reboot = Some(RebootOptions {
            confirm: false,
            ..RebootOptions::new(vec!["/usr/bin/touch".to_owned(), file.display().to_string()])
        });
    })
    .online();
    let said = bench.say(OP, "shell touch").join("");
    assert!(said.contains("cannot audit"), "{said}");
    assert_eq!(
        bench.run(BOSS, "node='reboot'", &[]),
        Err("resource-constraint".to_owned())
    );
    bench.now += Duration::from_secs(60);
    assert!(!bench.rebooted() && !file.exists());
}

#[test]
fn m11_programs_have_a_pace() {
    let mut bench = shell();
    for _ in 0..10 {
        assert_eq!(bench.say(OP, "shell say x").len(), 1);
    }
    let said = bench.say(OP, "shell say x").join("");
    assert!(said.contains("too many programs"), "{said}");
    assert_eq!(bench.say(BOSS, "shell say x"), ["say\nExit status: 0\nOutput: said x"]);
}

#[test]
fn m26_a_session_that_goes_takes_its_commands_along() {
    let mut bench = shell();
    let id = bench.open(OP, "shell");
    bench.send(
        OP,
        element("presence", CLIENT)
            .with("type", "unavailable")
            .with("to", BARE)
            .build(),
    );
    let refused = bench.run(
        OP,
        &format!("node='shell' sessionid='{id}' action='next'"),
        &[("command", "fail")],
    );
    assert_eq!(refused, Err("bad-request bad-sessionid".to_owned()));
}

#[test]
fn a_reboot_without_confirmation_is_completed_at_once_and_can_be_cancelled() {
    let mut bench = reboot(|reboot| reboot.confirm = false);
    let done = bench
        .run(BOSS, "node='reboot' action='execute'", &[])
        .expect("completed");
    assert_eq!(done.attr("status"), Some("completed"));
    assert!(
        note(&done).contains("in 30 s; run cancel-reboot to stop it"),
        "{}",
        note(&done)
    );
    bench.now += Duration::from_secs(29);
    assert!(!bench.rebooted());
    let stopped = bench.run(BOSS, "node='cancel-reboot'", &[]).expect("completed");
    assert_eq!(note(&stopped), "The reboot is cancelled.");
    bench.now += Duration::from_secs(60);
    assert!(!bench.rebooted());
    assert_eq!(bench.collector.deadline(), None);
    let idle = bench.run(BOSS, "node='cancel-reboot'", &[]).expect("completed");
    assert_eq!(note(&idle), "No reboot is under way.");
}

#[test]
fn m13_a_reboot_needs_the_host_s_name_from_the_same_full_jid_within_a_minute() {
    let mut bench = reboot(|_| {});
    assert_eq!(bench.run(OP, "node='reboot'", &[]), Err("forbidden".to_owned()));
    let id = bench.open(BOSS, "reboot");
    let stage = format!("node='reboot' sessionid='{id}' action='complete'");
    for wrong in ["web2", "WEB1", ""] {
        assert_eq!(
            bench.run(BOSS, &stage, &[("host", wrong)]),
            Err("bad-request bad-payload".to_owned())
        );
    }
    assert_eq!(bench.run(BOSS, &stage, &[]), Err("bad-request bad-payload".to_owned()));
    let other = bench.run("boss@mon.example/phone", &stage, &[("host", "web1")]);
    assert_eq!(other, Err("bad-request bad-sessionid".to_owned()));
    bench.now += Duration::from_secs(60);
    assert_eq!(
        bench.run(BOSS, &stage, &[("host", "web1")]),
        Err("not-allowed session-expired".to_owned())
    );

    let id = bench.open(BOSS, "reboot");
    let stage = format!("node='reboot' sessionid='{id}' action='complete'");
    bench.run(BOSS, &stage, &[("host", "web1")]).expect("completed");
    assert_eq!(
        bench.run(BOSS, "node='reboot'", &[]),
        Err("resource-constraint".to_owned()),
        "under way"
    );
    bench.now += Duration::from_secs(30);
    assert!(bench.rebooted());
    assert!(!bench.rebooted(), "once");
    assert_eq!(
        bench.run(BOSS, "node='reboot'", &[]),
        Err("resource-constraint".to_owned()),
        "cool-down"
    );
    bench.now += Duration::from_secs(600);
    bench.open(BOSS, "reboot");
}

#[test]
fn m13_a_chat_reboot_asks_for_the_name_in_the_next_message() {
    let mut bench = reboot(|reboot| reboot.delay = Duration::from_secs(1));
    let question = bench.say(BOSS, "reboot").join("");
    assert!(question.contains("web1"), "{question}");
    let wrong = bench.say(BOSS, "web2").join("");
    assert!(wrong.contains("is not the host's name"), "{wrong}");
    bench.now += Duration::from_secs(5);
    assert!(!bench.rebooted());
    let done = bench.say(BOSS, "web1").join("");
    assert!(done.contains("reboots in 1 s"), "{done}");
    bench.now += Duration::from_secs(1);
    assert!(bench.rebooted());
}

#[test]
fn a_reboot_that_fails_is_told_to_who_ordered_it() {
    let mut bench = Bench::new(|options| {
        options.reboot = Some(RebootOptions {
            confirm: false,
            ..RebootOptions::new(vec!["/bin/false".to_owned()])
        });
    })
    .online();
    bench.run(BOSS, "node='reboot'", &[]).expect("completed");
    bench.now += Duration::from_secs(30);
    let outputs = bench.collector.tick(bench.now);
    let sent = bench.settle(outputs);
    assert_eq!(
        (sent[0].attr("to"), texts(&sent)[0].contains("failed (1)")),
        (Some(BOSS), true)
    );
    let events: Vec<_> = bench
        .audit()
        .iter()
        .map(|line| line["event"].as_str().map(str::to_owned))
        .collect();
    assert_eq!(
        events,
        [
            Some("start".to_owned()),
            Some("start".to_owned()),
            Some("end".to_owned())
        ]
    );
}

#[test]
fn an_ordered_reboot_outlives_a_change_of_the_settings() {
    let successor = |mut before: Bench, options: Options| {
        let host = Host {
            directory: before.people.clone(),
            memory: before.memory.clone(),
            checks: book(Arc::default()),
            processes: Arc::default(),
            boot_id: None,
            commands: Vec::new(),
            account_features: Vec::new(),
        };
        let next = Collector::new(options, FULL.parse().expect("a JID"), default_rules(), host);
        let kept = std::mem::replace(&mut before.collector, next).into_kept();
        let outputs = before.collector.resume(kept);
        let sent = before.settle(outputs);
        (before, sent)
    };
    let ordered = || {
        let mut bench = reboot(|options| options.confirm = false);
        bench.run(BOSS, "node='reboot'", &[]).expect("ordered");
        bench
    };
    let bench = ordered();
    let options = bench.collector.options.clone();
    let (mut bench, sent) = successor(bench, options.clone());
    assert!(sent.is_empty());
    bench.now += Duration::from_secs(31);
    assert!(bench.rebooted());
    let (mut bench, _) = successor(bench, options.clone());
    let again = bench.run(BOSS, "node='reboot'", &[]);
    assert_eq!(again, Err("resource-constraint".to_owned()), "the cool-down stays");

    let bench = ordered();
    let without = Options {
        reboot: None,
        ..bench.collector.options.clone()
    };
    let (mut bench, sent) = successor(bench, without);
    assert!(texts(&sent)[0].contains("called off"), "{sent:?}");
    assert_eq!(bench.audit().last().expect("a line")["event"], "cancelled");
    bench.now += Duration::from_secs(31);
    assert!(!bench.rebooted());
}
