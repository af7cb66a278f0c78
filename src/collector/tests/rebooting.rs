//! Reboots: ordered, confirmed, cancelled.

use super::*;

const BOSS: &str = "boss@mon.example/desk";
const OP: &str = "op@mon.example/desk";

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
    pub(super) fn rebooted(&mut self) -> bool {
        let witness = self.dir.path().join("rebooted");
        let outputs = self.collector.tick(self.now);
        self.settle(outputs);
        let ran = witness.exists();
        let _ = std::fs::remove_file(witness);
        ran
    }
}

fn note(command: &Element) -> String {
    command.get_child("note", ns::COMMANDS).expect("a note").text()
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
