//! Conversation: what people say, and what they can do by it.

use super::commanding::values;
use super::*;
use crate::service::session::Commands;

const OP: &str = "op@mon.example/desk";
const BOSS: &str = "boss@mon.example/desk";

impl Bench {
    /// One answer to what is said.
    fn hear(&mut self, from: &str, body: &str) -> String {
        self.say(from, body).join("\n---\n")
    }

    /// A message about alerts, to whoever is first told.
    fn alarm(&mut self) -> (String, String) {
        let sent = self.sample(&[("disk//", "percent", 90.0)]);
        let told = sent
            .iter()
            .find(|stanza| stanza.is("message", CLIENT))
            .expect("a message");
        let attribute = |name: &str| told.attr(name).expect("an attribute").to_owned();
        (attribute("id"), attribute("to"))
    }

    fn message(&mut self, from: &str, inner: &str) -> Vec<Element> {
        let text = format!("<message xmlns='jabber:client' to='{BARE}' type='chat'>{inner}</message>");
        self.send(from, text.parse().expect("XML"))
    }
}

/// The texts of corrections, with what they correct.
fn corrections(stanzas: &[Element]) -> Vec<(String, String)> {
    let correction = |stanza: &Element| {
        let replace = stanza.get_child("replace", ns::MESSAGE_CORRECT)?;
        let body = stanza.get_child("body", CLIENT)?.text();
        Some((replace.attr("id")?.to_owned(), body))
    };
    stanzas.iter().filter_map(correction).collect()
}

#[test]
fn chat_understands_words_and_suggests_the_nearest() {
    let mut bench = Bench::new(|_| {}).online();
    let help = bench.say(OP, "help").join("");
    for word in ["help", "status", "stats [GROUP]", "alerts", "top"] {
        assert!(help.contains(word), "{word} is not in {help}");
    }
    assert!(
        !help.contains("shell") && !help.contains("reboot"),
        "not configured: {help}"
    );
    let viewers = bench.say("viewer@mon.example/x", "Help").join("");
    assert!(viewers.contains("stats") && !viewers.contains("top"), "{viewers}");
    assert_eq!(
        bench.say(OP, " STATUS "),
        ["OK · load 0.40 · memory 41% · disk / 63% · up 3 d"]
    );
    let cpu = bench.say(OP, "stats cpu").join("");
    assert!(cpu.starts_with("CPU Load:") && cpu.contains("5-min 0.40"), "{cpu}");
    let all = bench.say("viewer@mon.example/x", "stats").join("");
    assert!(all.contains("Memory: percent 41%") && !all.contains("CPU 0"), "{all}");
    assert_eq!(bench.say(OP, "alerts"), ["No alerts."]);
    assert_eq!(
        bench.say(OP, "allerts"),
        ["I do not know 'allerts'. Did you mean 'alerts'?"]
    );
    assert_eq!(bench.say(OP, "make tea"), ["I do not understand that. Say 'help'."]);
    assert_eq!(bench.say(OP, "stats teapot").len(), 1);
    bench.sample(&[("disk//boot", "percent", 99.0)]);
    assert_eq!(
        bench.say(OP, "alerts"),
        ["1 critical: disk /boot 99% full (firing, for 0 s)"]
    );
}

#[test]
fn chat_answers_in_the_thread_and_leaves_noise_alone() {
    let mut bench = Bench::new(|_| {}).online();
    let message = |kind: &str, extra: &str| -> Element {
        let text = format!(
            "<message xmlns='jabber:client' to='{BARE}' type='{kind}'><body>status</body><thread>t1</thread>{extra}</message>"
        );
        text.parse().expect("XML")
    };
    let sent = bench.send(OP, message("chat", ""));
    assert_eq!((sent[0].attr("type"), sent[0].attr("to")), (Some("chat"), Some(OP)));
    assert_eq!(
        sent[0].get_child("thread", CLIENT).map(Element::text).as_deref(),
        Some("t1")
    );
    for kind in ["groupchat", "error", "headline"] {
        assert!(bench.send(OP, message(kind, "")).is_empty(), "{kind}");
    }
    let omemo = bench.send(
        OP,
        message("chat", "<encrypted xmlns='eu.siacs.conversations.axolotl'/>"),
    );
    assert!(texts(&omemo)[0].contains("encryption"));
    let late = bench.send(
        OP,
        message("chat", "<delay xmlns='urn:xmpp:delay' stamp='2020-01-01T00:00:00Z'/>"),
    );
    assert!(texts(&late)[0].contains("late"));
    assert!(bench.say(OP, "  ").is_empty());
}

#[test]
fn every_word_of_the_chat_has_its_form_and_the_other_way_round() {
    let mut bench = Bench::new(|options| {
        options.reboot = Some(RebootOptions::new(vec!["/bin/true".to_owned()]));
        options.shell = vec![ShellCommand {
            name: "true".to_owned(),
            description: String::new(),
            argv: vec!["/bin/true".to_owned()],
            parameters: Vec::new(),
            role: Role::Operator,
        }];
    })
    .online();
    for (who, role) in [
        (BOSS, Role::Admin),
        (OP, Role::Operator),
        ("viewer@mon.example/x", Role::Viewer),
    ] {
        let query = format!("<query xmlns='{}' node='{}'/>", ns::DISCO_ITEMS, ns::COMMANDS);
        let items = bench.get(who, FULL, &query).expect("a list");
        let nodes: Vec<String> = items
            .children()
            .filter_map(|item| item.attr("node").map(str::to_owned))
            .collect();
        let help = bench.hear(who, "help");
        let said: Vec<&str> = help
            .lines()
            .filter_map(|line| line.strip_prefix("  ")?.split_whitespace().next())
            .collect();
        let commands: &Commands = &bench.collector.commands;
        let words: Vec<&str> = nodes
            .iter()
            .filter_map(|node| commands.get(node))
            .map(|command| command.word())
            .collect();
        assert_eq!(said, words, "{who}");
        for (node, word) in nodes.iter().zip(&words) {
            let meant = commands.meant(word, role).map(|(command, _)| command.node().to_owned());
            assert_eq!(meant.as_ref(), Some(node), "the word means the command");
            let phrases = commands.get(node).expect("it is listed").phrases();
            for (phrase, _) in phrases {
                assert!(commands.meant(phrase, role).is_some(), "'{phrase}' of {node}");
            }
        }
        let topics: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
        for topic in topics {
            assert!(bench.hear(who, &format!("help {topic}")).starts_with(&topic));
        }
    }
}

#[test]
fn abbreviations_and_other_ways_to_say_it() {
    let mut bench = Bench::new(|_| {}).online();
    bench.sample(&[("disk//", "percent", 90.0)]);
    let firing = bench.hear(OP, "alerts");
    for said in ["al", "What's wrong?", "what is wrong", "ALERTS"] {
        assert_eq!(bench.hear(OP, said), firing, "{said}");
    }
    assert!(bench.hear(OP, "what happened last night?").contains("disk / 90% full"));
    assert_eq!(bench.hear(OP, "events yesterday"), "Nothing happened.");
    assert!(
        bench
            .hear(OP, "What happened?")
            .contains("warning: disk / 90% full (alert 1)")
    );
    assert!(
        bench.hear(OP, "disk?").starts_with("Disks:"),
        "{}",
        bench.hear(OP, "disk?")
    );
    assert!(bench.hear(OP, "?").starts_with("I speak for web1."));
    assert!(bench.hear(OP, "help mute").contains("mute disk 2h"));
    assert_eq!(
        bench.hear(OP, "help teapot"),
        "I have nothing to say about 'teapot'. Usage: help [WORD]"
    );
    assert_eq!(bench.hear("viewer@mon.example/x", "help ack"), "'ack' is not for you.");
    assert_eq!(
        bench.hear(OP, "mute dsk 2h"),
        "I know no 'dsk'. Did you mean 'disk'? Usage: mute [all|WHAT|NUMBER] [TIME|until TIME] [NOTE]"
    );
}

#[test]
fn an_acknowledgement_corrects_the_message_for_everybody_who_got_it() {
    let mut bench = Bench::new(|options| options.chat_alerts = vec![Role::Admin, Role::Operator]).online();
    let (id, _) = bench.alarm();
    let reaction = format!("<reactions xmlns='urn:xmpp:reactions:0' id='{id}'><reaction>👍🏽</reaction></reactions>");
    let sent = bench.message(OP, &reaction);
    let to: Vec<_> = sent
        .iter()
        .filter(|one| one.is("message", CLIENT))
        .filter_map(|one| one.attr("to"))
        .collect();
    assert_eq!(to, ["boss@mon.example", "op@mon.example"]);
    let text = "WARNING on web1: disk / 90% full (alert 1)\nacknowledged by op 00:00";
    assert_eq!(corrections(&sent)[0], (id.clone(), text.to_owned()));
    // A reply to the correction means the same message; who comes late is told so.
    let correction = sent
        .iter()
        .find_map(|one| one.attr("id").filter(|id| id.starts_with("alert-")))
        .expect("an id");
    let reply = format!("<body>mine</body><reply xmlns='urn:xmpp:reply:0' id='{correction}'/>");
    assert_eq!(
        texts(&bench.message(BOSS, &reply)),
        ["Alert 1 was acknowledged by op 00:00."]
    );
    bench.now += Duration::from_secs(12 * 60);
    let sent = bench.sample(&[]);
    let text = "OK on web1: disk / 90% full (alert 1)\ncleared after 12 min";
    assert_eq!(corrections(&sent)[0], (id, text.to_owned()));
    assert_eq!(texts(&bench.message(BOSS, &reply)), ["Alert 1 is over, after 12 min."]);
}

#[test]
fn a_reply_acknowledges_with_a_note_mutes_or_asks() {
    let mut bench = Bench::new(|_| {}).online();
    let (id, _) = bench.alarm();
    let reply = |text: &str| {
        format!(
            "<body>&gt; WARNING\n{text}</body><reply xmlns='urn:xmpp:reply:0' id='{id}'/>\
             <fallback xmlns='urn:xmpp:fallback:0' for='urn:xmpp:reply:0'><body start='0' end='10'/></fallback>"
        )
    };
    assert!(texts(&bench.message(BOSS, &reply("status")))[0].starts_with("disk / 90%"));
    assert_eq!(
        texts(&bench.message(BOSS, &reply("mute 2h"))),
        ["Muted alert 1 until 02:00."]
    );
    assert!(
        bench
            .message(
                BOSS,
                "<reactions xmlns='urn:xmpp:reactions:0' id='other'><reaction>👍</reaction></reactions>"
            )
            .is_empty()
    );
    assert!(
        bench
            .message(
                BOSS,
                &format!("<reactions xmlns='urn:xmpp:reactions:0' id='{id}'><reaction>👎</reaction></reactions>")
            )
            .is_empty()
    );
    // Who was not told of it cannot answer it.
    assert_eq!(
        texts(&bench.message(OP, &reply("fine"))),
        ["I do not understand that. Say 'help'."]
    );
    let late = format!(
        "{}<delay xmlns='urn:xmpp:delay' stamp='2026-11-22T00:00:00Z'/>",
        reply("ack I clean up")
    );
    let sent = bench.message(BOSS, &late);
    assert!(
        corrections(&sent)[0]
            .1
            .ends_with("acknowledged by boss 00:00: I clean up"),
        "{sent:?}"
    );
}

#[test]
fn ack_by_word_number_and_form() {
    let mut bench = Bench::new(|_| {}).online();
    let bad = [("disk//", "percent", 90.0), ("memory", "available-percent", 4.0)];
    bench.sample(&bad);
    assert_eq!(
        bench.hear("viewer@mon.example/x", "ack"),
        "This needs the role operator."
    );
    assert!(bench.hear(OP, "ack 9").starts_with("There is no alert 9."));
    assert!(bench.hear(OP, "ack swap").starts_with("No alert about 'swap' waits"));
    assert!(
        bench
            .hear(OP, "ack disk")
            .starts_with("Acknowledged: 2, disk / 90% full.")
    );
    assert!(bench.hear(BOSS, "ack 2").starts_with("Alert 2 was acknowledged by op"));
    let id = bench.open(BOSS, "ack");
    let stage = format!("node='ack' sessionid='{id}' action='complete'");
    bench
        .run(BOSS, &stage, &[("alerts", "1"), ("note", "mine")])
        .expect("completed");
    assert_eq!(bench.hear(OP, "ack"), "No alert waits for anybody.");
    let events = bench.hear(OP, "events");
    assert!(
        events.contains("boss: acknowledged: Low on memory. 4% available: mine (alert 1)"),
        "{events}"
    );
}

#[test]
fn rules_are_changed_by_words_and_forms_and_survive_a_restart() {
    let mut bench = Bench::new(|_| {}).online();
    assert_eq!(bench.hear(OP, "rule swap off"), "This needs the role admin.");
    let changed = bench.hear(BOSS, "rule disk-space warning 60 clear 50 for 2 min");
    assert_eq!(
        changed,
        "disk-space (changed): disk/*#percent above, warning 60, critical 95, clear 50, for 2 min, repeat 4 h"
    );
    let made = bench.hear(
        BOSS,
        "rule busy statistic cpu#usage warning 10 clear 5 labels team=ops message \"{value} busy\"",
    );
    assert!(
        made.starts_with("busy (changed): cpu#usage above, warning 10"),
        "{made}"
    );
    let told = texts(&bench.sample(&[]));
    assert!(told[0].starts_with("WARNING on web1: 12% busy"), "{told:?}");
    assert!(bench.hear(BOSS, "rule busy clear 50").contains("must go up"));
    assert!(
        bench
            .hear(BOSS, "rule busy wrning 9")
            .contains("I know no 'wrning' of a rule")
    );
    assert!(bench.hear(BOSS, "rule nothing").contains("There is no rule 'nothing'."));
    let id = bench.open(BOSS, "rule");
    let stage = |action: &str| format!("node='rule' sessionid='{id}' action='{action}'");
    let form = bench.run(BOSS, &stage("next"), &[("rule", "swap")]).expect("a form");
    assert_eq!(values(&form, "warning"), "50");
    let refused = bench.run(BOSS, &stage("complete"), &[("warning", "30")]);
    assert_eq!(refused, Err("not-acceptable".to_owned()), "below its clear level");
    bench
        .run(BOSS, &stage("complete"), &[("action", "off")])
        .expect("completed");
    let mut bench = Bench::boot(bench.memory, "boot-1", |_| {}).online();
    let rules = bench.hear(OP, "rules");
    for line in ["swap (off)", "busy (changed)", "disk-space (changed)", "memory:"] {
        assert!(rules.contains(line), "{line} in {rules}");
    }
    assert!(
        bench
            .hear(BOSS, "rule disk-space reset")
            .starts_with("disk-space (configured)")
    );
    assert!(bench.hear(BOSS, "rule busy off").starts_with("busy is gone."));
}

#[test]
fn history_is_a_curve_in_a_chat_and_pages_in_a_form() {
    let mut bench = Bench::new(|_| {}).online();
    assert!(
        bench
            .hear(OP, "history temperature")
            .starts_with("I have no history of 'temperature'.")
    );
    for n in 0..720 {
        bench.sample(&[("cpu", "usage", f64::from(n) / 8.0), ("disk//boot", "percent", 20.0)]);
    }
    let said = bench.hear("viewer@mon.example/x", "history cpu 1h");
    let lines: Vec<&str> = said.lines().collect();
    assert_eq!(lines[0], "cpu: Usage, 1 h");
    assert_eq!((lines[1].chars().count(), lines[1].chars().last()), (24, Some('█')));
    assert_eq!(lines[2], "least 0% 00:00, mean 45%, most 90% 01:00");
    assert!(bench.hear(OP, "history /boot 1h").contains("mean 20%"));
    assert!(
        bench
            .hear(OP, "hist of load for the last 2 hours")
            .starts_with("cpu: Load, 5 minutes, 2 h")
    );
    assert!(
        bench
            .hear(OP, "history cpu 5-min 1h")
            .starts_with("cpu: Load, 5 minutes")
    );
    assert!(bench.hear(OP, "history cpu soon").contains("'soon' is no time"));
    let id = bench.open(OP, "history");
    let stage = |id: &str| format!("node='history' sessionid='{id}' action='complete'");
    let answer = [("statistic", "cpu#usage"), ("time", "2h"), ("page", "2")];
    let table = bench.run(OP, &stage(&id), &answer).expect("a table");
    let x = table.get_child("x", ns::DATA_FORMS).expect("a form");
    assert_eq!(x.children().filter(|child| child.name() == "item").count(), 11);
    assert_eq!(values(&table, "page"), "Page 2 of 2.");
    let id = bench.open(OP, "history");
    let refused = bench.run(
        OP,
        &stage(&id),
        &[("statistic", "cpu#usage"), ("time", "2h"), ("page", "9")],
    );
    assert_eq!(refused, Err("not-acceptable".to_owned()));
}

#[test]
fn a_message_that_comes_back_is_sent_again_and_one_never_sent_too() {
    let mut bench = Bench::new(|_| {}).online();
    let (id, to) = bench.alarm();
    let error = element("message", CLIENT)
        .with("type", "error")
        .with("id", id.as_str())
        .with("to", FULL);
    assert!(bench.send(&to, error.build()).is_empty());
    assert!(
        texts(&bench.sample(&[("disk//", "percent", 90.0)])).is_empty(),
        "not at once"
    );
    bench.now += Duration::from_secs(60);
    let sent = bench.sample(&[("disk//", "percent", 90.0)]);
    assert_eq!(
        sent.iter()
            .find_map(|one| one.attr("id").filter(|id| id.starts_with("alert-"))),
        Some(id.as_str())
    );

    // The process ends before the server has the second message: the next one sends it, under the same id.
    let sent = bench.sample(&[("disk//", "percent", 90.0), ("disk//boot", "percent", 96.0)]);
    let second = sent
        .iter()
        .find_map(|one| one.attr("id").filter(|id| id.starts_with("alert-")))
        .expect("an id")
        .to_owned();
    let mut next = Bench::boot(bench.memory.clone(), "boot-1", |_| {});
    let sent = next.sample(&[("disk//", "percent", 90.0), ("disk//boot", "percent", 96.0)]);
    let told: Vec<_> = sent
        .iter()
        .filter(|one| one.is("message", CLIENT))
        .filter_map(|one| one.attr("id"))
        .collect();
    assert_eq!(told, [second.as_str()]);
    assert!(texts(&next.sample(&[("disk//", "percent", 90.0), ("disk//boot", "percent", 96.0)])).is_empty());
}

#[test]
fn an_old_message_about_alerts_is_forgotten_beyond_the_limit() {
    let mut bench = Bench::new(|options| options.notices_max = 1).online();
    let (first, _) = bench.alarm();
    bench.sample(&[("disk//", "percent", 90.0), ("disk//boot", "percent", 96.0)]);
    let reaction = format!("<reactions xmlns='urn:xmpp:reactions:0' id='{first}'><reaction>👍</reaction></reactions>");
    assert!(bench.message(BOSS, &reaction).is_empty());
    assert_eq!(bench.memory.numbers("notices"), [2]);
}
