//! A curve in a line of text.

use super::row::Span;

const BARS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
/// Where there is no data.
const GAP: char = '·';

/// One character a cell, by the greatest value in it; from zero when the least is near it, else from the least.
pub fn sparkline(cells: &[Option<Span>]) -> String {
    let Some(all) = Span::over(cells.iter().flatten().copied()) else {
        return cells.iter().map(|_| GAP).collect();
    };
    let floor = if all.min >= 0.0 && all.min < all.max / 2.0 {
        0.0
    } else {
        all.min
    };
    let height = all.max - floor;
    let bar = |span: &Span| {
        let share = if height > 0.0 { (span.max - floor) / height } else { 0.0 };
        let top = BARS.iter().rposition(|_| true).unwrap_or_default();
        let step = (0..top).take_while(|step| share > (*step as f64 + 1.0) / BARS.len() as f64);
        BARS[step.count()]
    };
    cells.iter().map(|cell| cell.as_ref().map_or(GAP, bar)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(values: &[f64]) -> String {
        let cells: Vec<_> = values
            .iter()
            .map(|value| value.is_finite().then(|| Span::of(*value)))
            .collect();
        sparkline(&cells)
    }

    #[test]
    fn a_curve_is_as_high_as_it_is() {
        assert_eq!(line(&[0.0, 25.0, 50.0, 75.0, 100.0]), "▁▂▄▆█");
        assert_eq!(line(&[98.0, 99.0, f64::NAN, 100.0]), "▁▄·█", "from the least");
        assert_eq!(line(&[5.0, 5.0]), "▁▁");
        assert_eq!(line(&[f64::NAN]), "·");
        assert_eq!(line(&[]), "");
    }
}
