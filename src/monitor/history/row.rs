//! How history is written: compact rows of numbers, one for all statistics of a time.
//!
//! A value is known by its index in the list of names; numbers are `f32`, little-endian. The top bit of an index says that
//! the value did not move: then one number stands for three.

/// The bit of an index.
const STILL: u16 = 1 << 15;
/// Indices are below this.
pub(super) const INDEX_MAX: u16 = STILL;

/// Least, mean and greatest value over a time.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Span {
    /// The least.
    pub min: f64,
    /// The mean.
    pub mean: f64,
    /// The greatest.
    pub max: f64,
}

impl Span {
    /// Of one value.
    pub(super) fn of(value: f64) -> Span {
        Span {
            min: value,
            mean: value,
            max: value,
        }
    }

    /// Of several spans of the same length; `None` of none.
    pub fn over(spans: impl IntoIterator<Item = Span>) -> Option<Span> {
        let (mut all, mut sum, mut count) = (None::<Span>, 0.0, 0.0);
        for span in spans {
            sum += span.mean;
            count += 1.0;
            all = Some(all.map_or(span, |all| Span {
                min: all.min.min(span.min),
                mean: 0.0,
                max: all.max.max(span.max),
            }));
        }
        all.map(|all| Span {
            mean: sum / count,
            ..all
        })
    }
}

/// Writes the spans of one time.
pub(super) fn write_spans(spans: &[(u16, Span)]) -> Vec<u8> {
    let mut out = Vec::with_capacity(spans.len() * 14);
    for (index, span) in spans {
        if span.min == span.max {
            out.extend((index | STILL).to_le_bytes());
            put(&mut out, span.mean);
        } else {
            out.extend(index.to_le_bytes());
            [span.min, span.mean, span.max]
                .into_iter()
                .for_each(|value| put(&mut out, value));
        }
    }
    out
}

/// Reads them. Total: what is damaged ends the list.
pub(super) fn read_spans(mut row: &[u8]) -> Vec<(u16, Span)> {
    let mut spans = Vec::new();
    while let Some(index) = take_index(&mut row) {
        let still = index & STILL != 0;
        let Some(first) = take(&mut row) else { break };
        let span = if still {
            Some(Span::of(first))
        } else {
            take(&mut row)
                .zip(take(&mut row))
                .map(|(mean, max)| Span { min: first, mean, max })
        };
        let Some(span) = span else { break };
        spans.push((index & !STILL, span));
    }
    spans
}

/// The samples of one minute: at which second of it each was taken, and for each statistic what it was.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Samples {
    /// Seconds within the minute.
    pub(super) at: Vec<u8>,
    /// For each index, a value a sample; NaN where there was none.
    pub(super) values: Vec<(u16, Vec<f32>)>,
}

impl Samples {
    /// Writes them.
    pub(super) fn write(&self) -> Vec<u8> {
        let mut out = vec![u8::try_from(self.at.len()).unwrap_or(u8::MAX)];
        out.extend(&self.at);
        for (index, values) in &self.values {
            let still = values.iter().all(|value| value.to_bits() == values[0].to_bits());
            out.extend(if still { index | STILL } else { *index }.to_le_bytes());
            let count = if still { 1 } else { values.len() };
            values[..count].iter().for_each(|value| out.extend(value.to_le_bytes()));
        }
        out
    }

    /// Reads them. Total: what is damaged ends the list.
    pub(super) fn read(row: &[u8]) -> Samples {
        let (count, rest) = row.split_first().unwrap_or((&0, &[]));
        let count = usize::from(*count);
        let Some((at, mut rest)) = rest.split_at_checked(count) else {
            return Samples::default();
        };
        let mut values = Vec::new();
        while let Some(index) = take_index(&mut rest) {
            let still = index & STILL != 0;
            let numbers = (0..if still { 1 } else { count }).map_while(|_| take_f32(&mut rest));
            let mut numbers: Vec<f32> = numbers.collect();
            match numbers.first() {
                Some(first) if still => numbers = vec![*first; count],
                _ if numbers.len() < count => break,
                _ => {}
            }
            values.push((index & !STILL, numbers));
        }
        Samples {
            at: at.to_vec(),
            values,
        }
    }

    /// The span of each statistic.
    pub(super) fn spans(&self) -> Vec<(u16, Span)> {
        let span = |(index, values): &(u16, Vec<f32>)| {
            let finite = values.iter().filter(|value| value.is_finite());
            Some((*index, Span::over(finite.map(|value| Span::of(f64::from(*value))))?))
        };
        self.values.iter().filter_map(span).collect()
    }
}

// A history is read by people: seven digits are enough.
#[allow(clippy::cast_possible_truncation, reason = "f32 is what is kept")]
fn put(out: &mut Vec<u8>, value: f64) {
    out.extend((value as f32).to_le_bytes());
}

fn take_index(row: &mut &[u8]) -> Option<u16> {
    let (head, rest) = row.split_first_chunk::<2>()?;
    *row = rest;
    Some(u16::from_le_bytes(*head))
}

fn take_f32(row: &mut &[u8]) -> Option<f32> {
    let (head, rest) = row.split_first_chunk::<4>()?;
    *row = rest;
    Some(f32::from_le_bytes(*head))
}

fn take(row: &mut &[u8]) -> Option<f64> {
    take_f32(row).filter(|value| value.is_finite()).map(f64::from)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn rows_come_back(values in prop::collection::vec((0..INDEX_MAX, -1e9f32..1e9, 0f32..1e9), 0..20)) {
            let spans: Vec<(u16, Span)> = values
                .iter()
                .map(|(index, least, more)| (*index, Span {
                    min: f64::from(*least),
                    mean: f64::from(*least),
                    max: f64::from(least + more),
                }))
                .collect();
            prop_assert_eq!(read_spans(&write_spans(&spans)), spans);
        }

        #[test]
        fn samples_come_back(count in 1usize..13, indices in prop::collection::vec(0..INDEX_MAX, 0..9), base: i16) {
            let value = |index: u16, n: usize| f32::from(base) + if index.is_multiple_of(2) { n as f32 } else { 0.0 };
            let samples = Samples {
                at: (0..count).map(|n| n as u8).collect(),
                values: indices.iter().map(|i| (*i, (0..count).map(|n| value(*i, n)).collect())).collect(),
            };
            prop_assert_eq!(Samples::read(&samples.write()), samples);
        }

        #[test]
        fn f12_garbage_is_read_without_panic(bytes: Vec<u8>) {
            let _ = (read_spans(&bytes), Samples::read(&bytes).spans());
        }
    }
}
