//! Load curves through rules, under a virtual clock, and the conversation that comes of it, as files that people can read:
//! `golden/`. With `WATCHPOST_GOLDEN=write` in the environment they are written anew.

use super::*;
use crate::monitor::Process;
use std::fmt::Write as _;
use std::path::Path;

const STEP: u64 = 5;
const HOUR: u64 = 3_600;

/// A value to change in a sample of a calm host.
type Value = (String, &'static str, f64);

struct Simulator {
    bench: Bench,
    text: String,
    /// Ids of messages, in the order in which they came: people number them.
    ids: Vec<String>,
    values: Vec<Value>,
    /// The presence last shown, digits left out.
    face: String,
}

impl Simulator {
    /// A host that is calm at this time of the day.
    fn at(hour: u64, about: &str) -> Simulator {
        let mut bench = Bench::new(|options| options.chat_alerts = vec![Role::Admin, Role::Operator]);
        bench.wall += Duration::from_secs(hour * HOUR);
        bench.wall -= Duration::from_secs(STEP);
        let mut simulator = Simulator {
            bench,
            text: format!("# {about}\n"),
            ids: Vec::new(),
            values: Vec::new(),
            face: String::new(),
        };
        simulator.sample();
        let outputs = simulator.bench.collector.online(simulator.bench.now);
        simulator.show(outputs);
        simulator
    }

    fn set(&mut self, node: &str, name: &'static str, value: f64) {
        self.values.retain(|known| (known.0.as_str(), known.1) != (node, name));
        self.values.push((node.to_owned(), name, value));
    }

    fn clock(&self) -> String {
        let now = self.bench.wall + self.bench.now;
        chrono::DateTime::<chrono::Utc>::from(now)
            .format("%d. %H:%M:%S")
            .to_string()
    }

    /// One sample, after so much time.
    fn sample_after(&mut self, seconds: u64) {
        self.bench.now += Duration::from_secs(seconds);
        let known: Vec<_> = self
            .values
            .iter()
            .map(|(node, name, value)| (node.as_str(), *name, *value))
            .collect();
        let snapshot = with_disks(snapshot(&known), &known);
        let snapshot = Snapshot {
            taken: self.bench.wall + self.bench.now,
            ..snapshot
        };
        let outputs = self.bench.collector.sampled(Arc::new(snapshot), self.bench.now);
        self.show(outputs);
    }

    fn sample(&mut self) {
        self.sample_after(STEP);
    }

    fn pass(&mut self, seconds: u64) {
        for _ in 0..seconds / STEP {
            self.sample();
        }
    }

    /// Somebody writes.
    fn say(&mut self, who: &str, body: &str) {
        let body = element("body", CLIENT).append(body).build();
        self.write(who, &format!("\"{}\"", body.text()), vec![body]);
    }

    /// Somebody reacts to the message with that number.
    fn react(&mut self, who: &str, number: usize, emoji: &str) {
        let reaction = element("reaction", ns::REACTIONS).append(emoji).build();
        let id = self.ids[number - 1].as_str();
        let reactions = element("reactions", ns::REACTIONS).with("id", id).append(reaction);
        self.write(who, &format!("{emoji} on message {number}"), vec![reactions.build()]);
    }

    /// Somebody replies to it.
    fn reply(&mut self, who: &str, number: usize, body: &str) {
        let id = self.ids[number - 1].as_str();
        let reply = element("reply", ns::REPLY).with("id", id).build();
        let said = element("body", CLIENT).append(body).build();
        self.write(
            who,
            &format!("\"{body}\" in reply to message {number}"),
            vec![said, reply],
        );
    }

    fn write(&mut self, who: &str, shown: &str, children: Vec<Element>) {
        let _ = writeln!(self.text, "{}  {who} > {shown}", self.clock());
        let message = element("message", CLIENT)
            .with("type", "chat")
            .with("to", BARE)
            .with("from", format!("{who}@mon.example/phone"))
            .append_all(children);
        let frame = Frame::from_element(&message.build());
        let outputs = self.bench.collector.receive(&frame, self.bench.now);
        self.show(outputs);
    }

    fn show(&mut self, outputs: Vec<Output>) {
        let mut sent: Vec<(String, Vec<String>)> = Vec::new();
        for output in outputs {
            match output {
                Output::Send(stanza) => self.show_stanza(&stanza, &mut sent),
                Output::ResetStatistics => {}
                Output::Run(work) => {
                    let (job, ticket) = work.split();
                    let finished = match ticket.waits_for_processes() {
                        Some(found) => {
                            *locked(&found) = culprits();
                            ticket.finish(Ok(Default::default()))
                        }
                        None => ticket.finish(self.bench.runtime.block_on(job)),
                    };
                    let outputs = self.bench.collector.finished(finished);
                    self.show(outputs);
                }
            }
        }
        for (what, to) in sent {
            let _ = writeln!(self.text, "{}  web1 > {}{what}", self.clock(), to.join(", "));
        }
    }

    /// The same message to several is shown once.
    fn show_stanza(&mut self, stanza: &Element, sent: &mut Vec<(String, Vec<String>)>) {
        let what = match stanza.name() {
            "presence" => {
                let (show, status) = status(stanza);
                let show = show.unwrap_or_else(|| "available".to_owned());
                // Once an hour the line is told again with other numbers: that is not for people to read.
                let face: String = format!("{show} {status}")
                    .chars()
                    .filter(|c| !c.is_ascii_digit())
                    .collect();
                if std::mem::replace(&mut self.face, face.clone()) == face {
                    return;
                }
                let _ = writeln!(self.text, "{}  web1 is {show}: {status}", self.clock());
                return;
            }
            "message" => self.shown_message(stanza),
            _ => return,
        };
        let to = stanza
            .attr("to")
            .and_then(|to| to.split('@').next())
            .unwrap_or("?")
            .to_owned();
        match sent.iter_mut().find(|(known, _)| *known == what) {
            Some((_, all)) => all.push(to),
            None => sent.push((what, vec![to])),
        }
    }

    fn shown_message(&mut self, stanza: &Element) -> String {
        let body = stanza.get_child("body", CLIENT).map(Element::text).unwrap_or_default();
        let body = body.replace('\n', "\n                  ");
        let replaced = stanza
            .get_child("replace", ns::MESSAGE_CORRECT)
            .and_then(|replace| replace.attr("id"));
        let head = match (replaced, stanza.attr("id")) {
            (Some(id), _) => format!(", message {} becomes", self.number(id)),
            (None, Some(id)) => format!(", message {}", self.number(id)),
            (None, None) => String::new(),
        };
        format!("{head}\n                  {body}")
    }

    fn number(&mut self, id: &str) -> usize {
        let known = self.ids.iter().position(|known| known == id);
        known.unwrap_or_else(|| {
            self.ids.push(id.to_owned());
            self.ids.len() - 1
        }) + 1
    }

    fn remark(&mut self, text: &str) {
        let _ = writeln!(self.text, "\n{}  * {text}", self.clock());
    }

    /// The process ends, and another one starts from what it has left.
    fn restart(&mut self, boot_id: &str) {
        let next = Bench::boot(self.bench.memory.clone(), boot_id, |options| {
            options.chat_alerts = vec![Role::Admin, Role::Operator];
        });
        let (now, wall) = (self.bench.now, self.bench.wall);
        self.bench = next;
        // Another process counts from another zero.
        self.bench.wall = wall + now - self.bench.now;
        self.sample();
        let outputs = self.bench.collector.online(self.bench.now);
        self.show(outputs);
    }

    /// Compares the conversation with the file.
    fn compare(self, name: &str) {
        let path = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("src/collector/tests/golden")
            .join(name);
        if std::env::var("WATCHPOST_GOLDEN").is_ok_and(|how| how == "write") {
            std::fs::write(&path, &self.text).expect("written");
        }
        let expected = std::fs::read_to_string(&path).unwrap_or_default();
        let first = self.text.lines().zip(expected.lines()).position(|(a, b)| a != b);
        assert!(
            self.text == expected,
            "{name} differs from line {}:\n{}",
            first.map_or(self.text.lines().count().min(expected.lines().count()), |line| line) + 1,
            self.text
        );
    }
}

/// What a scan would find.
fn culprits() -> Vec<Process> {
    let process = |pid, name: &str, cpu, mebibytes: f64| Process {
        pid,
        name: name.to_owned(),
        cpu,
        memory: mebibytes * 1_048_576.0,
    };
    vec![
        process(4_711, "ffmpeg", 391.0, 420.0),
        process(812, "postgres", 44.0, 2_900.0),
        process(1_002, "nginx", 3.0, 96.0),
        process(1, "systemd", 0.1, 12.0),
    ]
}

/// Disks that a calm host does not have.
fn with_disks(mut snapshot: Snapshot, values: &[(&str, &str, f64)]) -> Snapshot {
    let definition = group("disk")
        .and_then(|disk| disk.member("percent"))
        .expect("a definition");
    for (node, _, value) in values.iter().filter(|(node, _, _)| node.starts_with("disk//data")) {
        snapshot.nodes.push(Node {
            id: (*node).to_owned(),
            title: (*node).to_owned(),
            detail: None,
            statistics: Statistic::new(definition, *value).into_iter().collect(),
        });
    }
    snapshot
}

#[test]
fn flapping() {
    let mut host = Simulator::at(
        9,
        "A disk that is full and empty in turns, two minutes each; then it is calm.",
    );
    for turn in 0..30 {
        host.set("disk//", "percent", if turn % 2 == 0 { 91.0 } else { 60.0 });
        host.pass(120);
    }
    host.set("disk//", "percent", 60.0);
    host.remark("calm from here on");
    host.pass(HOUR);
    host.say("ann", "what happened today?");
    host.bench.people.set("ann", Some(Role::Operator));
    host.say("ann", "events 3h");
    host.compare("flapping.txt");
}

#[test]
fn storm_of_50() {
    let mut host = Simulator::at(3, "Fifty disks fill up within a minute, and are emptied an hour later.");
    for disk in 0..50 {
        host.set(
            &format!("disk//data{disk}"),
            "percent",
            if disk % 5 == 0 { 97.0 } else { 88.0 },
        );
        if disk % 5 == 4 {
            host.sample();
        }
    }
    host.pass(120);
    host.say("op", "ack");
    host.pass(HOUR);
    for disk in 0..50 {
        host.set(&format!("disk//data{disk}"), "percent", 40.0);
    }
    host.pass(60);
    host.compare("storm.txt");
}

#[test]
fn a_disk_fills_over_days() {
    let mut host = Simulator::at(0, "A disk grows by 6 percent a day from 62; looked at every minute.");
    let mut percent = 62.0;
    let mut grow = |host: &mut Simulator, minutes: u64| {
        for _ in 0..minutes {
            percent += 6.0 / 1_440.0;
            host.set("disk//", "percent", percent);
            host.sample_after(60);
        }
    };
    grow(&mut host, 8 * 60);
    host.say("op", "history / 8h");
    grow(&mut host, 26 * 60);
    host.say("op", "ack mine, the new disk comes on Friday");
    grow(&mut host, 3 * 1_440);
    host.say("op", "ack");
    grow(&mut host, 1_440);
    host.remark("the new disk is there");
    for _ in 0..90 {
        host.set("disk//", "percent", 30.0);
        host.sample_after(60);
    }
    host.say("op", "history / 7d");
    host.compare("disk-fills.txt");
}

#[test]
fn host_reboot() {
    let mut host = Simulator::at(
        14,
        "The host reboots while an alert is acknowledged and another is not.",
    );
    host.set("disk//", "percent", 90.0);
    host.pass(30);
    host.say("op", "ack");
    host.set("memory", "available-percent", 4.0);
    host.pass(300);
    host.remark("the power fails for ten minutes");
    host.bench.now += Duration::from_secs(600);
    host.set("memory", "available-percent", 60.0);
    host.restart("boot-2");
    host.pass(60);
    host.say("op", "alerts");
    host.set("disk//", "percent", 50.0);
    host.pass(60);
    host.compare("reboot.txt");
}

#[test]
fn clock_jump() {
    let mut host = Simulator::at(10, "The clock is set while an alert holds and something is muted.");
    host.set("disk//", "percent", 90.0);
    host.pass(60);
    host.say("op", "mute swap until 12:00");
    host.remark("the clock is set ahead by an hour");
    host.bench.wall += Duration::from_secs(HOUR);
    host.pass(60);
    host.say("op", "alerts");
    host.say("op", "mutes");
    host.remark("the clock is set back by two hours");
    host.bench.wall -= Duration::from_secs(2 * HOUR);
    host.pass(60);
    host.say("op", "alerts");
    host.set("disk//", "percent", 50.0);
    host.pass(30);
    host.compare("clock-jump.txt");
}

#[test]
fn ack_races() {
    let mut host = Simulator::at(
        15,
        "Two people take the same alert over, by word, reaction and reply; it gets worse; it ends.",
    );
    host.set("disk//", "percent", 90.0);
    host.sample();
    host.react("op", 1, "👍");
    host.say("boss", "ack 1");
    host.reply("boss", 1, "I am looking");
    host.pass(60);
    host.set("disk//", "percent", 96.0);
    host.pass(10);
    host.reply("boss", 2, "ack deleting old logs");
    host.react("op", 1, "👍");
    host.set("disk//", "percent", 50.0);
    host.pass(20);
    host.say("op", "ack 1");
    host.react("op", 2, "👍");
    host.compare("ack-races.txt");
}

#[test]
fn mute_ends() {
    let mut host = Simulator::at(
        16,
        "What is muted is told when the mute ends, if it still holds; maintenance is shown.",
    );
    host.say("op", "mute disk 30 min cleaning up");
    host.set("disk//", "percent", 90.0);
    host.set("disk//boot", "percent", 90.0);
    host.pass(60);
    host.say("op", "alerts");
    host.set("disk//boot", "percent", 20.0);
    host.pass(1_800);
    host.say("op", "maintenance 16:45 1h new disk");
    host.pass(900);
    host.set("memory", "available-percent", 3.0);
    host.pass(60);
    host.say("boss", "mutes");
    host.say("boss", "unmute maintenance");
    host.pass(60);
    host.say("op", "events");
    host.compare("mute-ends.txt");
}

#[test]
fn nobody_answers() {
    let mut host = Simulator::at(
        2,
        "Nobody answers for hours: a reminder every four hours, and the first and the last message corrected at the end.",
    );
    host.set("disk//", "percent", 90.0);
    host.pass(9 * HOUR + 600);
    host.set("disk//", "percent", 50.0);
    host.pass(30);
    host.compare("reminders.txt");
}

/// CPU usage, load and available memory, every 5 s, of two cores that compiled a Rust project; the load is given four
/// times, as if it were one core for eight.
const RECORDED: &str = include_str!("golden/compile.curve");

#[test]
fn a_recorded_afternoon() {
    let mut host = Simulator::at(
        17,
        "A recorded quarter of an hour of two cores that compile, and the calm after it.",
    );
    for line in RECORDED.lines() {
        let numbers: Vec<f64> = line.split(' ').filter_map(|number| number.parse().ok()).collect();
        host.set("cpu", "usage", numbers[0]);
        host.set("cpu", "5-min", numbers[1]);
        host.set("cpu", "load-per-core", numbers[1] / 2.0);
        host.set("memory", "available-percent", numbers[2]);
        host.sample();
    }
    host.say("op", "ok");
    host.say("op", "history cpu 15m");
    for (name, value) in [("usage", 3.0), ("5-min", 0.2), ("load-per-core", 0.1)] {
        host.set("cpu", name, value);
    }
    host.pass(1_200);
    host.compare("recorded.txt");
}
