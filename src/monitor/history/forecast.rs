//! When something that grows will be full.

use super::row::Span;
use std::time::Duration;

/// Data of less time than this says nothing about days.
pub(super) const DATA: Duration = Duration::from_secs(6 * 60 * 60);
/// How far back the trend is looked for.
pub(super) const WINDOW: Duration = Duration::from_secs(24 * 60 * 60);
/// Percent in use below which nobody needs to know.
const USED_MIN: f64 = 60.0;
/// Beyond this nobody plans.
pub(super) const FAR: Duration = Duration::from_secs(90 * 24 * 60 * 60);

/// Seconds until 100 percent are reached, by the straight line through the means (least squares) of points in time
/// (seconds). `None` without six hours of data, above 40 percent free, or when it does not grow towards full within
/// 90 days.
pub(super) fn full_in(points: &[(u64, Span)]) -> Option<f64> {
    let ((first, _), (last, latest)) = (points.first()?, points.last()?);
    let enough = last - first >= DATA.as_secs() && points.len() >= 6;
    if !enough || latest.mean <= USED_MIN {
        return None;
    }
    let count = points.len() as f64;
    let x = |at: u64| (at - first) as f64;
    let mean_x = points.iter().map(|(at, _)| x(*at)).sum::<f64>() / count;
    let mean_y = points.iter().map(|(_, span)| span.mean).sum::<f64>() / count;
    let (mut along, mut square) = (0.0, 0.0);
    for (at, span) in points {
        along += (x(*at) - mean_x) * (span.mean - mean_y);
        square += (x(*at) - mean_x).powi(2);
    }
    let slope = along / square;
    let left = (100.0 - latest.mean).max(0.0) / slope;
    (slope > 0.0 && left.is_finite() && left <= FAR.as_secs_f64()).then_some(left)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Points every ten minutes over so many hours, from a percentage, by so much a day.
    fn line(hours: u64, from: f64, a_day: f64) -> Vec<(u64, Span)> {
        let at = |n: u64| (n * 600, Span::of(from + a_day * n as f64 / 144.0));
        (0..=hours * 6).map(at).collect()
    }

    #[test]
    fn a_steady_growth_is_told_in_days() {
        let days = full_in(&line(24, 70.0, 5.0)).expect("full one day") / 86_400.0;
        assert!((days - 5.0).abs() < 0.01, "{days}");
    }

    #[test]
    fn short_data_much_space_and_no_growth_say_nothing() {
        for points in [
            line(5, 70.0, 5.0),
            line(24, 50.0, 5.0),
            line(24, 70.0, 0.0),
            line(24, 90.0, -5.0),
        ] {
            assert_eq!(full_in(&points), None);
        }
        assert_eq!(full_in(&line(24, 70.0, 0.1)), None, "ten months");
        assert_eq!(full_in(&[]), None);
    }

    #[test]
    fn one_large_file_is_no_trend_for_long() {
        let mut points = line(24, 70.0, 0.0);
        points.iter_mut().skip(6).for_each(|(_, span)| *span = Span::of(75.0));
        let days = full_in(&points).map_or(f64::INFINITY, |seconds| seconds / 86_400.0);
        assert!(days > 5.0, "{days}");
    }
}
