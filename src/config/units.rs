//! Values as an operator writes them: times with a unit, sizes with a unit, counts, and `none` for no limit.

use serde::de::{self, Deserialize, Deserializer, Visitor};
use std::fmt;
use std::time::Duration;

/// What a limit of `none` means where a duration is needed: far enough away, and still safe to add to a clock.
const FAR_AWAY: Duration = Duration::from_secs(30 * 365 * 24 * 60 * 60);

const TIME_UNITS: [(&str, u64); 9] = [
    ("ms", 1),
    ("s", 1_000),
    ("sec", 1_000),
    ("m", 60_000),
    ("min", 60_000),
    ("h", 3_600_000),
    ("d", 86_400_000),
    ("day", 86_400_000),
    ("days", 86_400_000),
];

const SIZE_UNITS: [(&str, u64); 8] = [
    ("", 1),
    ("B", 1),
    ("kB", 1_000),
    ("KiB", 1 << 10),
    ("MB", 1_000_000),
    ("MiB", 1 << 20),
    ("GB", 1_000_000_000),
    ("GiB", 1 << 30),
];

/// A time of at least `MIN` milliseconds: `"30s"`, `"5 min"`, `"30 d"`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Time<const MIN: u64 = 1>(pub Duration);

/// A size of at least `MIN` bytes: `"256 KiB"`, or a plain number of bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Size<const MIN: u64 = 1>(pub u64);

/// A whole number of at least `MIN`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Count<const MIN: u64 = 1>(pub u32);

/// A bound, or `"none"`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limit<T>(pub Option<T>);

/// A value with a unit, read from a number or a string.
pub trait Unit: Sized {
    /// What is expected, for the error message.
    const EXPECTED: &'static str;

    /// From a plain number.
    fn from_number(number: u64) -> Result<Self, String>;

    /// From a string.
    fn from_text(text: &str) -> Result<Self, String>;
}

impl<const MIN: u64> Time<MIN> {
    /// A number of seconds.
    pub const fn secs(secs: u64) -> Self {
        Time(Duration::from_secs(secs))
    }

    fn new(ms: u64) -> Result<Self, String> {
        match ms {
            ms if ms >= MIN => Ok(Time(Duration::from_millis(ms))),
            ms => Err(format!("{} is too short: at least {}", show_time(ms), show_time(MIN))),
        }
    }
}

impl<const MIN: u64> std::str::FromStr for Time<MIN> {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Self::from_text(text)
    }
}

impl<const MIN: u64> Unit for Time<MIN> {
    const EXPECTED: &'static str = "a time such as \"30s\", \"5 min\" or \"2 h\"";

    fn from_number(number: u64) -> Result<Self, String> {
        Err(format!("a time needs its unit: \"{number}s\""))
    }

    fn from_text(text: &str) -> Result<Self, String> {
        Self::new(scaled(text, &TIME_UNITS).ok_or_else(|| format!("'{text}' is not {}", Self::EXPECTED))?)
    }
}

impl<const MIN: u64> Unit for Size<MIN> {
    const EXPECTED: &'static str = "a size such as \"256 KiB\" or \"2 MiB\"";

    fn from_number(number: u64) -> Result<Self, String> {
        match number {
            bytes if bytes >= MIN => Ok(Size(bytes)),
            bytes => Err(format!(
                "{} is too little: at least {}",
                show_size(bytes),
                show_size(MIN)
            )),
        }
    }

    fn from_text(text: &str) -> Result<Self, String> {
        Self::from_number(scaled(text, &SIZE_UNITS).ok_or_else(|| format!("'{text}' is not {}", Self::EXPECTED))?)
    }
}

impl<const MIN: u64> Unit for Count<MIN> {
    const EXPECTED: &'static str = "a whole number";

    fn from_number(number: u64) -> Result<Self, String> {
        match u32::try_from(number) {
            Ok(count) if number >= MIN => Ok(Count(count)),
            _ => Err(format!("{number} is out of range: {MIN} to {}", u32::MAX)),
        }
    }

    fn from_text(text: &str) -> Result<Self, String> {
        Err(format!("'{text}' is not {}", Self::EXPECTED))
    }
}

impl<T: Unit> Unit for Limit<T> {
    const EXPECTED: &'static str = T::EXPECTED;

    fn from_number(number: u64) -> Result<Self, String> {
        T::from_number(number).map(|value| Limit(Some(value)))
    }

    fn from_text(text: &str) -> Result<Self, String> {
        match text {
            "none" => Ok(Limit(None)),
            text => T::from_text(text)
                .map(|value| Limit(Some(value)))
                .map_err(|error| error + ", or \"none\""),
        }
    }
}

impl<const MIN: u64> Limit<Time<MIN>> {
    /// That many seconds.
    pub const fn secs(secs: u64) -> Self {
        Limit(Some(Time::secs(secs)))
    }

    /// The duration; three decades when there is no limit.
    pub fn get(self) -> Duration {
        self.0.map_or(FAR_AWAY, |time| time.0)
    }
}

impl<const MIN: u64> Limit<Size<MIN>> {
    /// That many bytes.
    pub const fn bytes(bytes: u64) -> Self {
        Limit(Some(Size(bytes)))
    }

    /// The bytes; `usize::MAX` when there is no limit.
    pub fn get(self) -> usize {
        self.0
            .map_or(usize::MAX, |size| usize::try_from(size.0).unwrap_or(usize::MAX))
    }
}

impl<const MIN: u64> Limit<Count<MIN>> {
    /// That many.
    pub const fn count(count: u32) -> Self {
        Limit(Some(Count(count)))
    }

    /// The count; `usize::MAX` when there is no limit.
    pub fn get(self) -> usize {
        self.0.map_or(usize::MAX, |count| count.0 as usize)
    }
}

impl<const MIN: u64> fmt::Display for Time<MIN> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "\"{}\"",
            show_time(u64::try_from(self.0.as_millis()).unwrap_or(u64::MAX))
        )
    }
}

impl<const MIN: u64> fmt::Display for Size<MIN> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{}\"", show_size(self.0))
    }
}

impl<const MIN: u64> fmt::Display for Count<MIN> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl<T: fmt::Display> fmt::Display for Limit<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Some(value) => value.fmt(f),
            None => f.write_str("\"none\""),
        }
    }
}

/// `NUMBER UNIT` in the smallest unit; `None` when it is not one, or does not fit.
fn scaled(text: &str, units: &[(&str, u64)]) -> Option<u64> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at(digits);
    let (_, factor) = units.iter().find(|(name, _)| *name == unit.trim_start_matches(' '))?;
    number.parse::<u64>().ok()?.checked_mul(*factor)
}

fn show_time(ms: u64) -> String {
    show(
        ms,
        &[
            ("d", 86_400_000),
            ("h", 3_600_000),
            ("min", 60_000),
            ("s", 1_000),
            ("ms", 1),
        ],
    )
}

fn show_size(bytes: u64) -> String {
    show(bytes, &[("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10), ("B", 1)])
}

/// The largest unit that divides the amount.
fn show(amount: u64, units: &[(&str, u64)]) -> String {
    let whole = |&&(_, factor): &&(&str, u64)| amount >= factor && amount.is_multiple_of(factor);
    let (name, factor) = units.iter().find(whole).or(units.last()).copied().unwrap_or(("", 1));
    format!("{} {name}", amount / factor)
}

struct UnitVisitor<T>(std::marker::PhantomData<T>);

impl<T: Unit> Visitor<'_> for UnitVisitor<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(T::EXPECTED)
    }

    fn visit_i64<E: de::Error>(self, number: i64) -> Result<T, E> {
        let number = u64::try_from(number).map_err(|_| E::custom(format_args!("{number} is less than nothing")))?;
        T::from_number(number).map_err(E::custom)
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<T, E> {
        T::from_text(text).map_err(E::custom)
    }
}

macro_rules! deserialize_units {
    ($($(const $min:ident,)? $(type $inner:ident,)? $unit:ty;)*) => {$(
        impl<'de, $(const $min: u64,)? $($inner: Unit,)?> Deserialize<'de> for $unit {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                deserializer.deserialize_any(UnitVisitor(std::marker::PhantomData))
            }
        }
    )*};
}

deserialize_units! {
    const MIN, Time<MIN>;
    const MIN, Size<MIN>;
    const MIN, Count<MIN>;
    type T, Limit<T>;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_shown_reads_back_as_the_same_value() {
        for ms in [1, 999, 1_000, 90_000, 300_000, 86_400_000 * 30] {
            let shown = show_time(ms);
            assert_eq!(
                Time::<1>::from_text(&shown),
                Ok(Time(Duration::from_millis(ms))),
                "{shown}"
            );
        }
        for bytes in [1, 1023, 10_000, 256 << 10, 2 << 20, 3 << 30] {
            let shown = show_size(bytes);
            assert_eq!(Size::<1>::from_text(&shown), Ok(Size(bytes)), "{shown}");
        }
    }

    #[test]
    fn a_value_out_of_its_bounds_is_refused_with_the_bound() {
        assert!(
            Size::<10_000>::from_text("9 kB")
                .unwrap_err()
                .contains("at least 10000 B")
        );
        assert!(Time::<1000>::from_text("10ms").unwrap_err().contains("at least 1 s"));
        assert!(Count::<4096>::from_number(1).unwrap_err().contains("4096"));
        assert!(Count::<1>::from_number(1 << 40).is_err());
        assert_eq!(scaled("99999999999999999999 d", &TIME_UNITS), None);
        assert_eq!(scaled("18446744073709551615 GiB", &SIZE_UNITS), None);
    }

    #[test]
    fn none_is_no_limit_and_safe_to_add_to_a_clock() {
        let none = Limit::<Time>::from_text("none").unwrap();
        assert!(std::time::Instant::now().checked_add(none.get()).is_some());
        assert_eq!(Limit::<Count>::from_text("none").unwrap().get(), usize::MAX);
        assert!(
            Limit::<Time>::from_text("nonsense")
                .unwrap_err()
                .contains("or \"none\"")
        );
    }
}
