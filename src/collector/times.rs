//! Times as people write and read them: `2h`, `until 18:00`, `yesterday`.

use crate::service::command::Words;
use chrono::{DateTime, Days, Local, NaiveDate, NaiveDateTime, NaiveTime, TimeZone, Utc};
use std::time::{Duration, SystemTime};

/// The longest time that anybody may mute, or look back.
const LENGTH_MAX: Duration = Duration::from_secs(31 * 24 * 60 * 60);
const UNITS: [(&[&str], u64); 5] = [
    (&["s", "sec", "secs", "second", "seconds"], 1),
    (&["m", "min", "mins", "minute", "minutes"], 60),
    (&["h", "hour", "hours"], 3_600),
    (&["d", "day", "days"], 86_400),
    (&["w", "week", "weeks"], 7 * 86_400),
];

/// Where the clock on the wall hangs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Zone {
    /// The system's time zone.
    Local,
    /// Coordinated universal time.
    Utc,
}

impl Zone {
    fn naive(self, time: SystemTime) -> NaiveDateTime {
        let time = DateTime::<Utc>::from(time);
        match self {
            Zone::Local => time.with_timezone(&Local).naive_local(),
            Zone::Utc => time.naive_utc(),
        }
    }

    /// The moment that a wall clock shows; the first one where it shows it twice.
    fn moment(self, naive: NaiveDateTime) -> Option<SystemTime> {
        let found = match self {
            Zone::Local => Local.from_local_datetime(&naive).earliest()?.with_timezone(&Utc),
            Zone::Utc => naive.and_utc(),
        };
        Some(found.into())
    }

    /// `14:03`, with the date when it is another day than `today`'s.
    pub(super) fn clock(self, time: SystemTime, today: SystemTime) -> String {
        let (time, today) = (self.naive(time), self.naive(today));
        let format = if time.date() == today.date() {
            "%H:%M"
        } else {
            "%Y-%m-%d %H:%M"
        };
        time.format(format).to_string()
    }

    /// `14:03`.
    pub(super) fn time(self, time: SystemTime) -> String {
        self.naive(time).format("%H:%M").to_string()
    }

    /// `2026-11-22 14:03`.
    pub(super) fn stamp(self, time: SystemTime) -> String {
        self.naive(time).format("%Y-%m-%d %H:%M").to_string()
    }

    /// Midnight before.
    fn midnight(self, day: NaiveDate) -> Option<SystemTime> {
        self.moment(day.and_time(NaiveTime::MIN))
    }
}

/// A length of time at the beginning of the words: `2h`, `90 min`, `1h30m`, `day`.
pub(super) fn length(words: &mut Words) -> Option<Duration> {
    let first = words.front()?.to_lowercase();
    if let Some(length) = compact(&first) {
        words.pop_front();
        return Some(length);
    }
    let number: u64 = first.parse().ok()?;
    let unit = unit(&words.get(1)?.to_lowercase())?;
    words.drain(..2);
    bounded(number.checked_mul(unit)?)
}

fn unit(name: &str) -> Option<u64> {
    UNITS
        .iter()
        .find(|(names, _)| names.contains(&name))
        .map(|(_, seconds)| *seconds)
}

fn bounded(seconds: u64) -> Option<Duration> {
    Some(Duration::from_secs(seconds)).filter(|length| !length.is_zero() && *length <= LENGTH_MAX)
}

/// `1h30m`, and a unit alone: `hour`.
fn compact(word: &str) -> Option<Duration> {
    if word.len() > 1
        && let Some(seconds) = unit(word)
    {
        return bounded(seconds);
    }
    let (mut rest, mut all) = (word, 0u64);
    while !rest.is_empty() {
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        let (number, after) = rest.split_at(digits);
        let letters = after.bytes().take_while(u8::is_ascii_alphabetic).count();
        let (name, after) = after.split_at(letters);
        let seconds = number.parse::<u64>().ok()?.checked_mul(unit(name)?)?;
        all = all.checked_add(seconds)?;
        rest = after;
    }
    bounded(all)
}

/// A moment at the beginning of the words, the next such: `18:00`, `tomorrow 8:00`, `2026-11-23 18:00`.
pub(super) fn moment(words: &mut Words, wall: SystemTime, zone: Zone) -> Option<SystemTime> {
    let today = zone.naive(wall).date();
    let first = words.front()?.to_lowercase();
    let day = match first.as_str() {
        "now" => {
            words.pop_front();
            return Some(wall);
        }
        "today" => Some(today),
        "tomorrow" => today.checked_add_days(Days::new(1)),
        date => NaiveDate::parse_from_str(date, "%Y-%m-%d").ok(),
    };
    let Some(day) = day else {
        let time = clock(&first)?;
        words.pop_front();
        let at = zone.moment(today.and_time(time))?;
        let next = || zone.moment(today.checked_add_days(Days::new(1))?.and_time(time));
        return if at > wall { Some(at) } else { next() };
    };
    words.pop_front();
    let time = words.front().and_then(|word| clock(word));
    if time.is_some() {
        words.pop_front();
    }
    zone.moment(day.and_time(time.unwrap_or(NaiveTime::MIN)))
}

fn clock(word: &str) -> Option<NaiveTime> {
    NaiveTime::parse_from_str(word, "%H:%M").ok()
}

/// An end at the beginning of the words, `2h` or `until 18:00`; not further away than a month.
pub(super) fn end(words: &mut Words, from: SystemTime, zone: Zone) -> Option<SystemTime> {
    let filler = |word: &String| matches!(word.to_lowercase().as_str(), "for" | "until" | "till" | "to");
    let said = words.clone();
    while words.front().is_some_and(filler) {
        words.pop_front();
    }
    let length = length(words).and_then(|length| from.checked_add(length));
    let end = length.or_else(|| moment(words, from, zone));
    let end = end.filter(|end| {
        end.duration_since(from)
            .is_ok_and(|length| !length.is_zero() && length <= LENGTH_MAX)
    });
    if end.is_none() {
        *words = said;
    }
    end
}

/// A span of the past that all the words name: `2h`, `yesterday`, `last night`, `week`, `2026-11-21`.
pub(super) fn past(words: &mut Words, wall: SystemTime, zone: Zone) -> Option<(SystemTime, SystemTime)> {
    while words
        .front()
        .is_some_and(|word| matches!(word.as_str(), "the" | "last" | "past" | "since" | "on" | "in" | "this"))
    {
        words.pop_front();
    }
    let today = zone.naive(wall).date();
    let yesterday = today.checked_sub_days(Days::new(1))?;
    let hour = |day: NaiveDate, hour| zone.moment(day.and_hms_opt(hour, 0, 0)?);
    let soon = wall + Duration::from_secs(1);
    let first = words
        .front()
        .map(|word| word.to_lowercase())
        .unwrap_or_else(|| "today".to_owned());
    let span = match first.as_str() {
        "today" | "morning" => (zone.midnight(today)?, soon),
        "yesterday" => (zone.midnight(yesterday)?, zone.midnight(today)?),
        "night" => (hour(yesterday, 18)?, hour(today, 9)?.min(soon)),
        date => match NaiveDate::parse_from_str(date, "%Y-%m-%d") {
            Ok(day) => (zone.midnight(day)?, zone.midnight(day.checked_add_days(Days::new(1))?)?),
            Err(_) => {
                let from = wall.checked_sub(length(words)?)?;
                return words.is_empty().then_some((from, soon));
            }
        },
    };
    words.pop_front();
    words.is_empty().then_some(span)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2026-11-22 14:00 UTC.
    const NOW: u64 = 1_795_356_000;

    fn wall() -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(NOW)
    }

    fn words(text: &str) -> Words {
        text.split_whitespace().map(str::to_owned).collect()
    }

    fn stamp(time: SystemTime) -> String {
        Zone::Utc.stamp(time)
    }

    #[test]
    fn an_end_is_a_length_or_a_moment() {
        for (text, expected, left) in [
            ("2h", "2026-11-22 16:00", 0),
            ("for 90 minutes backup", "2026-11-22 15:30", 1),
            ("1h30m", "2026-11-22 15:30", 0),
            ("until 18:00", "2026-11-22 18:00", 0),
            ("8:00", "2026-11-23 08:00", 0),
            ("until tomorrow 8:00 please", "2026-11-23 08:00", 1),
            ("2026-11-24", "2026-11-24 00:00", 0),
        ] {
            let mut words = words(text);
            assert_eq!(
                end(&mut words, wall(), Zone::Utc).map(stamp).as_deref(),
                Some(expected),
                "{text}"
            );
            assert_eq!(words.len(), left, "{text}");
        }
        for text in [
            "",
            "h",
            "0h",
            "40d",
            "99999999999999999999d",
            "soon",
            "2020-01-01",
            "25:00",
            "18446744073709551615w",
        ] {
            assert_eq!(end(&mut words(text), wall(), Zone::Utc), None, "{text}");
        }
    }

    #[test]
    fn a_past_is_a_day_a_night_or_a_length() {
        for (text, from, to) in [
            ("", "2026-11-22 00:00", "2026-11-22 14:00"),
            ("yesterday", "2026-11-21 00:00", "2026-11-22 00:00"),
            ("last night", "2026-11-21 18:00", "2026-11-22 09:00"),
            ("last 2 hours", "2026-11-22 12:00", "2026-11-22 14:00"),
            ("week", "2026-11-15 14:00", "2026-11-22 14:00"),
            ("2026-11-20", "2026-11-20 00:00", "2026-11-21 00:00"),
        ] {
            let found = past(&mut words(text), wall(), Zone::Utc).map(|(from, to)| (stamp(from), stamp(to)));
            assert_eq!(found, Some((from.to_owned(), to.to_owned())), "{text}");
        }
        for text in ["tomorrow", "yesterday noon", "2h and more"] {
            assert_eq!(past(&mut words(text), wall(), Zone::Utc), None, "{text}");
        }
    }
}
