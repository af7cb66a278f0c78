//! Presence, events and chat.

use super::*;

const OP: &str = "op@mon.example/desk";

fn published(stanzas: &[Element]) -> Vec<Element> {
    let payload = |iq: &Element| {
        if iq.attr("to") == Some("pubsub.mon.example") {
            return None;
        }
        let publish = iq.get_child("pubsub", ns::PUBSUB)?.get_child("publish", ns::PUBSUB)?;
        assert_eq!((publish.attr("node"), iq.attr("to")), (Some("codebits"), None));
        publish.get_child("item", ns::PUBSUB)?.children().next().cloned()
    };
    stanzas.iter().filter_map(payload).collect()
}

fn presences(stanzas: &[Element]) -> Vec<(Option<String>, String)> {
    stanzas
        .iter()
        .filter(|stanza| stanza.is("presence", CLIENT))
        .map(status)
        .collect()
}

#[test]
fn a_subscription_is_answered_at_once() {
    let mut bench = Bench::new(|_| {}).online();
    let subscribe = || {
        element("presence", CLIENT)
            .with("type", "subscribe")
            .with("to", BARE)
            .build()
    };
    for (from, answer) in [
        ("viewer@mon.example", "subscribed"),
        ("web2@mon.example", "unsubscribed"),
        ("x@y.example", "unsubscribed"),
    ] {
        let sent = bench.send(from, subscribe());
        assert_eq!(sent.len(), 1);
        assert_eq!((sent[0].attr("type"), sent[0].attr("to")), (Some(answer), Some(from)));
    }
}

#[test]
fn the_first_presence_says_how_the_host_is() {
    let mut bench = Bench::new(|_| {});
    bench.sample(&[]);
    let outputs = bench.collector.online(bench.now);
    let sent = bench.settle(outputs);
    assert_eq!(
        presences(&sent),
        [(None, "OK · load 0.40 · memory 41% · disk / 63% · up 3 d".to_owned())]
    );
    assert_eq!(sent[0].attr("type"), None);
    assert_eq!(bench.collector.offline().attr("type"), Some("unavailable"));
}

#[test]
fn presence_follows_the_worst_alert_and_events_tell_each_change() {
    let mut bench = Bench::new(|_| {}).online();
    let sent = bench.sample(&[("disk//", "percent", 90.0)]);
    assert_eq!(
        presences(&sent),
        [(Some("away".to_owned()), "disk / 90% full".to_owned())]
    );
    let event = &published(&sent)[0];
    assert!(event.is("limit-exceeded", ns::CODEBITS));
    let told =
        ["statistic", "value", "threshold", "severity", "rule", "id"].map(|name| event.attr(name).unwrap_or_default());
    assert_eq!(told, ["disk//#percent", "90", "85", "warning", "disk-space", "1"]);
    // By chat admins are told, and nobody else who has not been named.
    let to: Vec<_> = sent
        .iter()
        .filter(|stanza| stanza.is("message", CLIENT))
        .filter_map(|m| m.attr("to"))
        .collect();
    assert_eq!(to, ["boss@mon.example"]);
    assert_eq!(
        texts(&sent)[0],
        "WARNING on web1: disk / 90% full (alert 1)\nfiring since 00:00"
    );

    let sent = bench.sample(&[("disk//", "percent", 90.0), ("memory", "available-percent", 4.0)]);
    let both = "Low on memory. 4% available · disk / 90% full".to_owned();
    assert_eq!(presences(&sent), [(Some("dnd".to_owned()), both)]);
    let sent = bench.sample(&[("disk//", "percent", 60.0)]);
    assert_eq!(
        published(&sent)
            .iter()
            .filter(|event| event.name() == "limit-cleared")
            .count(),
        2
    );
    // What got better is shown at most every ten seconds.
    assert!(presences(&sent).is_empty());
    let shown = presences(&bench.sample(&[("disk//", "percent", 60.0)]));
    assert!(shown[0].0.is_none() && shown[0].1.starts_with("OK · "), "{shown:?}");
    assert_eq!(bench.memory.load("last-alert").as_deref(), Some("2"));
}

#[test]
fn the_talk_s_busy_server() {
    let mut bench = Bench::new(|_| {}).online();
    let busy = [("cpu", "5-min", 9.12), ("cpu", "load-per-core", 2.28)];
    let sent: Vec<_> = (0..62).flat_map(|_| bench.sample(&busy)).collect();
    let shown = presences(&sent);
    let expected = "Overloaded. Can't take more jobs. load 9.12 on 4 cores".to_owned();
    assert_eq!(shown.last(), Some(&(Some("away".to_owned()), expected)));
}

#[test]
fn the_service_has_a_collection_of_the_host_with_its_events_and_its_statistics() {
    for (watchers, access) in [(None, "open"), (Some(Vec::new()), "presence")] {
        let mut bench = Bench::new(|options| options.watchers = watchers);
        bench.sample(&[]);
        let outputs = bench.collector.online(bench.now);
        let sent: Vec<Element> = bench.settle(outputs);
        let to_service = |sent: &[Element]| -> Vec<String> {
            let of_service = sent.iter().filter(|iq| iq.attr("to") == Some("pubsub.mon.example"));
            let verbs = of_service.filter_map(|iq| iq.children().next()?.children().next().cloned());
            verbs
                .map(|verb| [verb.name(), " ", verb.attr("node").unwrap_or_default()].concat())
                .collect()
        };
        let nodes = ["hosts/monitor", "hosts/monitor/events", "hosts/monitor/statistics"];
        let mut expected: Vec<String> = Vec::new();
        for node in nodes {
            expected.extend(["create ", "configure "].map(|verb| [verb, node].concat()));
        }
        expected.push("publish hosts/monitor/statistics".to_owned());
        assert_eq!(to_service(&sent), expected);
        assert!(
            sent.iter()
                .any(|iq| String::from(iq).contains(&[">", access, "<"].concat()))
        );

        let sent = bench.sample(&[("disk//", "percent", 90.0)]);
        assert_eq!(to_service(&sent), ["publish hosts/monitor/events"]);
        let sent: Vec<Element> = (0..12)
            .flat_map(|_| bench.sample(&[("disk//", "percent", 90.0)]))
            .collect();
        assert_eq!(to_service(&sent), ["publish hosts/monitor/statistics"], "once a minute");
    }
}

#[test]
fn presence_follows_the_state_and_not_the_values() {
    let mut bench = Bench::new(|_| {}).online();
    let sent: usize = (0..1_450)
        .map(|n| presences(&bench.sample(&[("cpu", "5-min", f64::from(n) / 1_000.0)])).len())
        .sum();
    assert_eq!(sent, 2, "in two hours, so that the line is not of last week");
}

#[test]
fn a_reboot_is_told_by_the_boot_id_until_the_server_has_it() {
    let memory = Arc::new(Notebook::default());
    // Who answers the publication: the server (nobody's `from`), a stranger, or none before the process ends.
    let told = |boot: &str, answers: &[Option<&str>]| {
        let mut bench = Bench::boot(memory.clone(), boot, |_| {});
        let outputs = bench.collector.online(bench.now);
        let sent = bench.settle(outputs);
        let id = sent
            .iter()
            .find(|stanza| stanza.is("iq", CLIENT) && stanza.attr("to").is_none());
        for from in answers {
            let result = element("iq", CLIENT)
                .with("type", "result")
                .with_some("id", id.and_then(|iq| iq.attr("id")))
                .with_some("from", *from);
            let outputs = bench
                .collector
                .receive(&Frame::from_element(&result.build()), bench.now);
            assert!(outputs.is_empty());
        }
        (published(&sent), texts(&sent).len())
    };
    let news = |boot: &str| told(boot, &[None]);
    assert_eq!(news("a"), (vec![], 0), "the very first start");
    assert_eq!(news("a"), (vec![], 0), "a restart");
    for answers in [&[][..], &[Some("op@mon.example/desk")], &[None]] {
        let (events, chats) = told("b", answers);
        assert!(events[0].is("rebooted", ns::CODEBITS));
        assert_eq!((events.len(), chats), (1, 1), "told until it is known: {answers:?}");
    }
    assert_eq!(news("b").0.len(), 0);
}

#[test]
fn m17_process_names_are_for_operators() {
    let mut bench = Bench::new(|_| {}).online();
    let top = bench.say(OP, "top").join("");
    assert!(top.contains("MiB"), "{top}");
    assert_eq!(
        bench.say("viewer@mon.example/x", "top"),
        ["This needs the role operator."]
    );
    assert_eq!(
        bench.run("viewer@mon.example/x", "node='top'", &[]),
        Err("forbidden".to_owned())
    );
}
