//! History under a virtual clock.

use super::super::memory::tests::Notebook;
use super::super::snapshot::tests::snapshot;
use super::*;
use std::time::Instant;

/// Midnight of a day.
const DAY: u64 = 20_000 * 86_400;

fn at(seconds: u64, values: &[(&str, &str, f64)]) -> Snapshot {
    Snapshot {
        taken: SystemTime::UNIX_EPOCH + Duration::from_secs(seconds),
        ..snapshot(values)
    }
}

/// Samples every so many seconds, of a value that depends on the time.
fn feed(history: &mut History, from: u64, to: u64, step: usize, value: impl Fn(u64) -> f64) {
    for second in (from..to).step_by(step) {
        history.record(&at(second, &[("cpu", "usage", value(second))]));
    }
}

fn usage(history: &History, from: u64, to: u64, tier: Tier) -> Vec<Point> {
    history.query("cpu#usage", from, to, tier)
}

#[test]
fn each_tier_has_least_mean_and_greatest_and_survives_a_restart() {
    let notebook = Arc::new(Notebook::default());
    let mut history = History::new(notebook.clone(), 100);
    feed(&mut history, DAY, DAY + 1_200, 5, |second| (second % 60) as f64);
    let raw = usage(&history, DAY + 60, DAY + 75, Tier::Raw);
    let values: Vec<_> = raw.iter().map(|point| (point.at - DAY, point.span.mean)).collect();
    assert_eq!(values, [(60, 0.0), (65, 5.0), (70, 10.0)]);
    // The last minute is under way: not written, but known.
    assert_eq!(usage(&history, DAY, DAY + 1_200, Tier::Minute).len(), 20);
    let mut history = History::new(notebook, 100);
    let minutes = usage(&history, DAY, DAY + 1_200, Tier::Minute);
    assert_eq!(minutes.len(), 19, "a restart may lose the last minute");
    let expected = Span {
        min: 0.0,
        mean: 27.5,
        max: 55.0,
    };
    assert!(minutes.iter().all(|point| point.span == expected));
    // Ten minutes whose second half came after the restart are whole.
    feed(&mut history, DAY + 1_200, DAY + 1_860, 5, |_| 99.0);
    let tens = usage(&history, DAY, DAY + 1_800, Tier::TenMinutes);
    let tens: Vec<_> = tens.iter().map(|point| (point.at - DAY, point.span)).collect();
    assert_eq!(tens, [(0, expected), (600, expected), (1_200, Span::of(99.0))]);
}

#[test]
fn each_tier_is_bounded() {
    let notebook = Arc::new(Notebook::default());
    let mut history = History::new(notebook.clone(), 100);
    feed(&mut history, DAY, DAY + 32 * 86_400, 60, |second| second as f64);
    history.flush();
    let kept = Tier::ALL.map(|tier| notebook.numbers(tier.series()).len() as u64);
    assert_eq!(kept, [60, 1_440, 4_320]);
    let end = DAY + 32 * 86_400;
    assert_eq!(usage(&history, 0, end, Tier::Raw).len(), 60);
    assert_eq!(usage(&history, DAY, DAY + 86_400, Tier::TenMinutes), []);
}

#[test]
fn a_clock_that_jumps_leaves_a_gap_and_loses_little() {
    let notebook = Arc::new(Notebook::default());
    let mut history = History::new(notebook.clone(), 100);
    feed(&mut history, DAY, DAY + 86_400, 60, |_| 1.0);
    // A year ahead for half an hour, then right again.
    let wrong = DAY + 366 * 86_400;
    feed(&mut history, wrong, wrong + 1_800, 60, |_| 2.0);
    feed(&mut history, DAY + 88_200, DAY + 95_400, 60, |_| 3.0);
    history.flush();
    let day = usage(&history, DAY, DAY + 100_000, Tier::Minute);
    assert!(day.len() > 1_300, "{}", day.len());
    assert_eq!(day.last().map(|point| point.span.mean), Some(3.0));
    assert_eq!(usage(&history, wrong, wrong + 9_999, Tier::Minute), [], "swept up");
}

#[test]
fn statistics_beyond_the_limit_have_no_history_and_a_long_absence_makes_room() {
    let mut history = History::new(Arc::new(Notebook::default()), 1);
    history.record(&at(DAY, &[("cpu", "usage", 1.0), ("memory", "percent", 1.0)]));
    assert_eq!(
        (history.names().collect::<Vec<_>>(), history.full),
        (vec!["cpu#usage"], true)
    );
    history.record(&at(DAY + 40 * 86_400, &[("memory", "percent", 1.0)]));
    assert_eq!(history.names().collect::<Vec<_>>(), ["memory#percent"]);
}

#[test]
fn a_value_that_comes_and_goes_has_gaps() {
    let mut history = History::new(Arc::new(Notebook::default()), 9);
    let cpu = [("cpu", "usage", 5.0)];
    for (second, values) in [(0, &cpu[..]), (5, &[]), (10, &cpu), (70, &[]), (75, &cpu)] {
        history.record(&at(DAY + second, values));
    }
    let seconds: Vec<_> = usage(&history, DAY, DAY + 99, Tier::Raw)
        .iter()
        .map(|point| point.at - DAY)
        .collect();
    assert_eq!(seconds, [0, 10, 75]);
}

#[test]
fn a_disk_that_fills_is_foreseen_after_six_hours() {
    let mut history = History::new(Arc::new(Notebook::default()), 9);
    let percent = |second: u64| 70.0 + 5.0 * (second - DAY) as f64 / 86_400.0;
    let mut first = None;
    for second in (DAY..DAY + 86_400).step_by(60) {
        history.record(&at(second, &[("disk//", "percent", percent(second))]));
        if first.is_none() && !history.forecasts().is_empty() {
            first = Some((second - DAY) / 3_600);
        }
    }
    assert_eq!(first, Some(6));
    let days = history.forecasts()["disk//"] / 86_400.0;
    assert!((4.9..5.2).contains(&days), "{days}");
}

/// The figures: bytes of a statistic and day, and time of a sample.
#[test]
fn a_statistic_costs_few_bytes_and_a_sample_little_time() {
    const STATISTICS: usize = 100;
    let notebook = Arc::new(Notebook::default());
    let mut history = History::new(notebook.clone(), 1_000);
    let disks: Vec<String> = (0..STATISTICS).map(|n| format!("disk//{n}")).collect();
    let samples = 86_400 / 5;
    let mut spent = Duration::ZERO;
    for n in 0..samples {
        let moves = |disk: usize| ((n * 7 + disk as u64 * 13) % 100) as f64;
        let values: Vec<_> = disks
            .iter()
            .enumerate()
            .map(|(i, disk)| (disk.as_str(), "percent", moves(i)))
            .collect();
        let snapshot = at(DAY + n * 5, &values);
        let start = Instant::now();
        history.record(&snapshot);
        spent += start.elapsed();
    }
    history.flush();
    let kept = Tier::ALL.map(|tier| notebook.bytes(tier.series()) / STATISTICS);
    let a_day = [kept[0] * 24, kept[1], kept[2]];
    println!(
        "history, written for a statistic and day: raw {} B, minutes {} B, ten minutes {} B",
        a_day[0], a_day[1], a_day[2]
    );
    println!(
        "history, kept for a statistic: at most {} B",
        kept[0] + kept[1] + kept[2] * 30
    );
    println!(
        "history, a sample of {STATISTICS} statistics: {:?} of CPU",
        spent / u32::try_from(samples).unwrap_or(1)
    );
    assert!(kept[0] < 3_200 && kept[1] < 21_000 && kept[2] < 2_100, "{kept:?}");
}
