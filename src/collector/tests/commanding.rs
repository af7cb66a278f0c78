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

impl Bench {
    /// Opens a session of a command.
    pub(super) fn open(&mut self, from: &str, node: &str) -> String {
        let form = self
            .run(from, &format!("node='{node}' action='execute'"), &[])
            .expect("a form");
        assert_eq!(form.attr("status"), Some("executing"));
        form.attr("sessionid").expect("a session").to_owned()
    }
}

pub(super) fn values(command: &Element, var: &str) -> String {
    let form = command.get_child("x", ns::DATA_FORMS).expect("a form");
    let field = form
        .children()
        .find(|field| field.attr("var") == Some(var))
        .expect("a field");
    field.children().map(Element::text).collect::<Vec<_>>().join("\n")
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
            "help",
            "status",
            "statistics",
            "history",
            "alerts",
            "ack",
            "mute",
            "unmute",
            "mutes",
            "maintenance",
            "events",
            "rules",
            "top",
            "stats-reset",
            "checks",
            "heartbeat",
            "shell"
        ]
    );
    assert_eq!(
        list(&mut bench, "viewer@mon.example/x"),
        ["help", "status", "statistics", "history", "checks"]
    );
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
fn m16_a_dry_run_tells_no_secret_not_even_a_short_one() {
    let mut bench = Bench::new(|options| {
        options.dry_run = true;
        options.shell = vec![program(
            "tell",
            &["/bin/echo", "{pin}", "{word}"],
            vec![parameter("pin", true), parameter("word", false)],
        )];
    })
    .online();
    let id = bench.open(OP, "shell");
    let stage = |action: &str| format!("node='shell' sessionid='{id}' action='{action}'");
    bench
        .run(OP, &stage("next"), &[("command", "tell")])
        .expect("the parameters");
    let done = bench
        .run(OP, &stage("complete"), &[("pin", "407"), ("word", "tea")])
        .expect("completed");
    let told = values(&done, "stdout");
    assert_eq!(told, r#"dry run, nothing was started: ["/bin/echo", "***", "tea"]"#);
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
    assert!(said.contains("too many times"), "{said}");
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
