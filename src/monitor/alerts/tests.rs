//! The engine under a virtual clock.

use super::super::alert::Severity;
use super::super::default_rules;
use super::super::snapshot::tests::snapshot;
use super::*;

const STEP: Duration = Duration::from_secs(5);

/// Alerts with a virtual clock, fed one value of one node.
struct Bench {
    alerts: Alerts,
    now: Duration,
}

impl Bench {
    fn new() -> Bench {
        Bench {
            alerts: Alerts::new(default_rules(), 16, 100),
            now: Duration::ZERO,
        }
    }

    fn feed(&mut self, values: &[(&str, &str, f64)]) -> Vec<(Event, Severity)> {
        self.now += STEP;
        let changes = self.alerts.evaluate(&snapshot(values), self.now);
        changes
            .into_iter()
            .map(|change| (change.event, change.alert.severity))
            .collect()
    }

    fn disk(&mut self, percent: f64) -> Vec<(Event, Severity)> {
        self.feed(&[("disk//", "percent", percent)])
    }

    fn load(&mut self, per_core: f64, time: Duration) -> Vec<(Event, Severity)> {
        let samples = time.as_secs() / STEP.as_secs();
        (0..samples)
            .flat_map(|_| self.feed(&[("cpu", "load-per-core", per_core)]))
            .collect()
    }
}

#[test]
fn a_load_must_hold_five_minutes_without_a_break() {
    let mut bench = Bench::new();
    let minutes = |n: u64| Duration::from_secs(n * 60);
    assert_eq!(bench.load(2.0, minutes(4)), []);
    assert_eq!(bench.load(1.4, STEP), []);
    assert_eq!(bench.load(2.0, minutes(5)), []);
    assert_eq!(bench.load(2.0, STEP), [(Event::Raised, Severity::Warning)]);
    assert_eq!(bench.load(2.0, minutes(20)), []);
}

#[test]
fn a_missing_value_neither_raises_nor_clears_and_pauses_the_hold() {
    let mut bench = Bench::new();
    let minutes = |n: u64| Duration::from_secs(n * 60);
    assert_eq!(bench.load(2.0, minutes(4)), []);
    for _ in 0..120 {
        assert_eq!(bench.feed(&[]), []);
    }
    assert_eq!(bench.load(2.0, minutes(1)), []);
    assert_eq!(bench.load(2.0, STEP * 2), [(Event::Raised, Severity::Warning)]);
    for _ in 0..120 {
        assert_eq!(bench.feed(&[]), []);
    }
    assert_eq!(bench.alerts.active().len(), 1);
}

#[test]
fn warning_critical_warning_clear_with_hysteresis() {
    let mut bench = Bench::new();
    assert_eq!(bench.disk(84.9), []);
    assert_eq!(bench.disk(85.0), [(Event::Raised, Severity::Warning)]);
    assert_eq!(
        bench.disk(95.0),
        [(Event::Changed(Severity::Warning), Severity::Critical)]
    );
    assert_eq!(bench.disk(90.1), []);
    assert_eq!(
        bench.disk(90.0),
        [(Event::Changed(Severity::Critical), Severity::Warning)]
    );
    assert_eq!(bench.disk(80.1), []);
    assert_eq!(bench.disk(80.0), [(Event::Cleared, Severity::Warning)]);
    assert_eq!(bench.alerts.active().len(), 0);
}

#[test]
fn a_critical_alert_may_clear_at_once() {
    let mut bench = Bench::new();
    assert_eq!(bench.disk(99.0), [(Event::Raised, Severity::Critical)]);
    assert_eq!(bench.disk(10.0), [(Event::Cleared, Severity::Critical)]);
}

#[test]
fn low_memory_is_bad_below() {
    let mut bench = Bench::new();
    let mut memory = |value| bench.feed(&[("memory", "available-percent", value)]);
    assert_eq!(memory(10.0), [(Event::Raised, Severity::Warning)]);
    assert_eq!(memory(5.0), [(Event::Changed(Severity::Warning), Severity::Critical)]);
    assert_eq!(memory(9.9), []);
    assert_eq!(memory(10.0), [(Event::Changed(Severity::Critical), Severity::Warning)]);
    assert_eq!(memory(14.9), []);
    assert_eq!(memory(15.0), [(Event::Cleared, Severity::Warning)]);
}

#[test]
fn m20_a_square_wave_alarms_once_in_ten_minutes() {
    let mut bench = Bench::new();
    let raised = (0..240)
        .flat_map(|n| bench.disk(if n % 2 == 0 { 99.0 } else { 10.0 }))
        .filter(|(event, _)| *event != Event::Cleared)
        .count();
    assert_eq!(raised, 2, "in twenty minutes");
}

#[test]
fn the_clock_never_goes_back() {
    let mut bench = Bench::new();
    assert_eq!(bench.load(2.0, Duration::from_secs(240)), []);
    bench.now = Duration::ZERO;
    assert_eq!(bench.load(2.0, Duration::from_secs(240)), []);
    assert_eq!(
        bench.load(2.0, Duration::from_secs(65)),
        [(Event::Raised, Severity::Warning)]
    );
}

#[test]
fn each_member_has_its_own_alert_and_the_worst_comes_first() {
    let mut bench = Bench::new();
    bench.feed(&[("disk//", "percent", 86.0), ("disk//var", "percent", 97.0)]);
    let active: Vec<_> = bench
        .alerts
        .active()
        .iter()
        .map(|alert| (alert.id, alert.text.as_str()))
        .collect();
    assert_eq!(active, [(18, "disk /var 97% full"), (17, "disk / 86% full")]);
    assert_eq!(bench.alerts.last_id(), 18);
}

#[test]
fn alerts_go_on_under_new_rules_unless_their_own_has_changed() {
    let mut bench = Bench::new();
    let values = [("disk//", "percent", 86.0), ("memory", "available-percent", 4.0)];
    assert_eq!(bench.feed(&values).len(), 2);
    let mut rules = default_rules();
    rules.retain(|rule| rule.name != "memory");
    rules.reverse();
    let over = bench.alerts.set_rules(rules);
    let over: Vec<_> = over
        .iter()
        .map(|change| (change.event, change.alert.rule.as_str()))
        .collect();
    assert_eq!(over, [(Event::Cleared, "memory")]);
    assert_eq!(bench.feed(&values), [], "it was told before");
    assert_eq!(bench.disk(10.0), [(Event::Cleared, Severity::Warning)]);
    assert_eq!(bench.alerts.last_id(), 18);
}

#[test]
fn an_unmounted_disk_is_forgotten_after_an_hour() {
    let mut bench = Bench::new();
    bench.disk(99.0);
    let changes: Vec<_> = (0..720).flat_map(|_| bench.feed(&[])).collect();
    assert_eq!(changes, [(Event::Cleared, Severity::Critical)]);
    assert!(bench.alerts.states.is_empty());
}

/// What a sample brings to `cpu-usage`, whose hold is ten minutes.
fn busy(bench: &mut Bench, percent: f64) -> Vec<(Event, Severity)> {
    bench.feed(&[("cpu", "usage", percent)])
}

fn by(who: &str) -> Acknowledgement {
    Acknowledgement {
        by: who.to_owned(),
        at: SystemTime::UNIX_EPOCH,
        note: String::new(),
    }
}

#[test]
fn an_alert_is_pending_before_it_fires_and_a_blip_uses_up_no_number() {
    let mut bench = Bench::new();
    busy(&mut bench, 95.0);
    assert_eq!(bench.alerts.pending()[0].id, 17);
    assert!(bench.alerts.active().is_empty());
    busy(&mut bench, 10.0);
    assert!(bench.alerts.pending().is_empty());
    for _ in 0..=120 {
        busy(&mut bench, 95.0);
    }
    assert_eq!((bench.alerts.active()[0].id, bench.alerts.last_id()), (17, 17));
}

#[test]
fn the_first_acknowledgement_stands_until_it_gets_worse_or_ends() {
    let mut bench = Bench::new();
    bench.disk(90.0);
    let change = bench.alerts.acknowledge(17, by("ann")).expect("it fires");
    assert_eq!(change.event, Event::Acknowledged);
    assert_eq!(
        bench.alerts.acknowledge(17, by("bob")),
        Err(Refusal::Already(by("ann")))
    );
    assert_eq!(bench.alerts.acknowledge(18, by("bob")), Err(Refusal::Unknown));
    bench.disk(96.0);
    assert_eq!(bench.alerts.active()[0].life, Life::Firing, "worse");
    bench.alerts.acknowledge(17, by("bob")).expect("it fires again");
    bench.disk(89.0);
    assert_eq!(bench.alerts.active()[0].acknowledgement(), Some(&by("bob")), "better");
    bench.disk(10.0);
    assert!(matches!(bench.alerts.acknowledge(17, by("ann")), Err(Refusal::Over(over)) if over.id == 17));
}

#[test]
fn what_flaps_ends_only_after_a_calm() {
    let mut bench = Bench::new();
    let mut raised = 0;
    // A square wave of four minutes: once it has been raised three times, it stays.
    for n in 0..720 {
        let percent = if n / 24 % 2 == 0 { 99.0 } else { 10.0 };
        raised += bench
            .disk(percent)
            .iter()
            .filter(|(event, _)| *event == Event::Raised)
            .count();
    }
    assert_eq!(raised, 3);
    assert!(bench.alerts.active()[0].flapping);
    let calm: Vec<_> = (0..180).flat_map(|_| bench.disk(10.0)).collect();
    assert_eq!(calm, [(Event::Cleared, Severity::Critical)]);
}

#[test]
fn an_alert_of_an_earlier_process_goes_on_or_ends_with_its_whole_length() {
    let mut bench = Bench::new();
    bench.disk(90.0);
    let kept: Vec<Alert> = bench.alerts.active().into_iter().cloned().collect();
    let later = SystemTime::UNIX_EPOCH + Duration::from_secs(600);
    let mut bench = Bench::new();
    assert_eq!(bench.alerts.restore(kept.clone(), later), []);
    assert_eq!(bench.disk(90.0), [], "it was told before");
    assert_eq!((bench.alerts.active()[0].id, bench.alerts.last_id()), (17, 17));
    bench.now += STEP;
    let changes = bench
        .alerts
        .evaluate(&snapshot(&[("disk//", "percent", 10.0)]), bench.now);
    assert_eq!(changes[0].alert.lasted, Duration::from_secs(600) + STEP);
    let mut without = Alerts::new(Vec::new(), 0, 100);
    assert_eq!(without.restore(kept, later)[0].event, Event::Cleared);
}

#[test]
fn alerts_beyond_the_limit_are_not_raised() {
    let mut alerts = Alerts::new(default_rules(), 0, 2);
    let full = [
        ("disk//a", "percent", 99.0),
        ("disk//b", "percent", 99.0),
        ("disk//c", "percent", 99.0),
    ];
    assert_eq!(alerts.evaluate(&snapshot(&full), STEP).len(), 2);
    assert!(alerts.full, "and said so in the log");
    let fewer = [
        ("disk//a", "percent", 9.0),
        ("disk//b", "percent", 99.0),
        ("disk//c", "percent", 99.0),
    ];
    let changes = alerts.evaluate(&snapshot(&fewer), STEP * 2);
    let events: Vec<_> = changes.iter().map(|change| change.event).collect();
    assert_eq!(events, [Event::Cleared, Event::Raised]);
}
