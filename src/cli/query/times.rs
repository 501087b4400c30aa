//! Times and steps as people type them.

use std::time::Duration;

use jiff::tz::TimeZone;

use crate::base::duration::{format_duration, parse_duration};
use crate::cli::outcome::Failure;
use crate::model::time::TimestampMs;

/// How far back a range reaches whose start is not said.
const USUAL: i64 = 3_600_000;
/// Points of a series that a range has by itself, at most.
const POINTS: i64 = 240;
/// The last second that four digits of a year can write; more is surely milliseconds.
const LAST_SECOND: f64 = 253_402_300_799.0;
const STEPS_S: [i64; 18] = [
    1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1_800, 3_600, 7_200, 10_800, 21_600, 43_200,
    86_400,
];

/// A stretch of time; both ends belong to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Span {
    pub(super) start: TimestampMs,
    pub(super) end: TimestampMs,
}

impl Span {
    /// Reads the ends of a range; a missing end is now, a missing start an hour before the end.
    ///
    /// # Errors
    /// A usage failure that names what cannot be read, or when the ends stand the wrong way round.
    pub(super) fn read(from: Option<&str>, to: Option<&str>, now_ms: i64) -> Result<Self, Failure> {
        let end = match to {
            Some(text) => instant("--to", text, now_ms)?,
            None => TimestampMs(now_ms),
        };
        let start = match from {
            Some(text) => instant("--from", text, now_ms)?,
            None => TimestampMs(end.0.saturating_sub(USUAL)),
        };
        if start > end {
            return Err(Failure::usage("--from is later than --to"));
        }
        Ok(Span { start, end })
    }

    /// Returns how long it is, in milliseconds.
    pub(super) fn length_ms(self) -> i64 {
        self.end.0.saturating_sub(self.start.0)
    }

    /// Returns the least round step, in milliseconds, that gives at most about 240 points.
    pub(super) fn step_ms(self) -> i64 {
        let least = self.length_ms().div_euclid(POINTS);
        let fits = STEPS_S.iter().map(|seconds| seconds * 1_000).find(|step| *step >= least);
        // Longer than 240 days: whole days.
        fits.unwrap_or_else(|| least.div_euclid(86_400_000).saturating_add(1) * 86_400_000)
    }
}

/// Reads `now`, `now-1h`, `-1h` and `1h` (all back from now), RFC 3339, a day, or Unix seconds.
///
/// # Errors
/// A usage failure that names `flag`.
pub(super) fn instant(flag: &str, text: &str, now_ms: i64) -> Result<TimestampMs, Failure> {
    let text = text.trim();
    let wrong = || {
        Failure::usage(format!(
            "{flag} {text:?} is no time: write 1h or now-1h (before now), 2026-11-28T12:00:00Z, \
             2026-11-28, or Unix seconds"
        ))
    };
    if text == "now" {
        return Ok(TimestampMs(now_ms));
    }
    if let Ok(seconds) = text.parse::<f64>() {
        // A sign would leave open whether seconds before now are meant.
        let fits = text.starts_with(|first: char| first.is_ascii_digit()) && seconds <= LAST_SECOND;
        return fits.then(|| TimestampMs((seconds * 1e3).round() as i64)).ok_or_else(wrong);
    }
    let back = text.strip_prefix("now-").or_else(|| text.strip_prefix('-')).unwrap_or(text);
    if let Ok(back) = parse_duration(back) {
        let back_ms = i64::try_from(back.as_millis()).unwrap_or(i64::MAX);
        return Ok(TimestampMs(now_ms.saturating_sub(back_ms)));
    }
    if let Ok(instant) = text.parse::<jiff::Timestamp>() {
        return Ok(TimestampMs(instant.as_millisecond()));
    }
    let day = text.parse::<jiff::civil::Date>().map_err(|_| wrong())?;
    let midnight = day.to_zoned(TimeZone::UTC).map_err(|_| wrong())?;
    Ok(TimestampMs(midnight.timestamp().as_millisecond()))
}

/// Reads a step in Prometheus' syntax or in seconds, and returns milliseconds.
///
/// # Errors
/// A usage failure for what is no duration of at least a millisecond.
pub(super) fn step(text: &str) -> Result<i64, Failure> {
    let seconds = text.parse::<f64>().ok().and_then(|it| Duration::try_from_secs_f64(it).ok());
    let read = seconds.or_else(|| parse_duration(text).ok());
    let ms = read.and_then(|step| i64::try_from(step.as_millis()).ok()).filter(|ms| *ms > 0);
    ms.ok_or_else(|| Failure::usage(format!("--step {text:?} is no duration such as 30s or 5m")))
}

/// Writes milliseconds as the seconds that Prometheus' API takes.
pub(super) fn seconds(ms: i64) -> String {
    let sign = if ms < 0 { "-" } else { "" };
    let ms = ms.unsigned_abs();
    format!("{sign}{}.{:03}", ms / 1_000, ms % 1_000)
}

/// Writes a length of time in Prometheus' syntax.
pub(super) fn length(ms: i64) -> String {
    format_duration(Duration::from_millis(ms.unsigned_abs()))
}

/// Writes an instant in RFC 3339, UTC; fractions only where there are any.
pub(super) fn rfc3339(at: TimestampMs) -> String {
    match jiff::Timestamp::from_millisecond(at.0) {
        Ok(instant) => instant.to_string(),
        Err(_) => format!("{} ms", at.0),
    }
}

/// Writes an instant in UTC by a pattern of `strftime`.
pub(super) fn clock(pattern: &str, ms: i64) -> String {
    match jiff::Timestamp::from_millisecond(ms) {
        Ok(instant) => instant.strftime(pattern).to_string(),
        Err(_) => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2026-11-28T12:00:00Z.
    const NOW: i64 = 1_795_867_200_000;

    #[test]
    fn times_are_relative_rfc_3339_days_or_unix_seconds() {
        for (text, ms) in [
            ("now", NOW),
            ("1h", NOW - 3_600_000),
            ("-1h30m", NOW - 5_400_000),
            ("now-2d", NOW - 172_800_000),
            ("2026-11-28T12:00:00Z", NOW),
            ("2026-11-28T13:00:00.5+01:00", NOW + 500),
            ("2026-11-28", NOW - 43_200_000),
            ("1795867200.25", NOW + 250),
        ] {
            assert_eq!(instant("--from", text, NOW), Ok(TimestampMs(ms)), "{text}");
        }
    }

    #[test]
    fn what_is_no_time_is_refused_by_the_flags_name() {
        for wrong in ["", "soon", "-3600", "1795867200000", "now+1h", "2026-13-01", "inf", "NaN"] {
            let failure = instant("--to", wrong, NOW).unwrap_err();
            assert_eq!(failure.code, 2, "{wrong}");
            assert!(failure.message.starts_with("--to"), "{failure:?}");
        }
    }

    #[test]
    fn a_range_ends_now_and_begins_an_hour_before_its_end() {
        let hour = Span { start: TimestampMs(NOW - 3_600_000), end: TimestampMs(NOW) };
        assert_eq!(Span::read(None, None, NOW), Ok(hour));
        assert_eq!(Span::read(Some("1h"), Some("now"), NOW), Ok(hour));
        assert_eq!(Span::read(Some("now"), Some("1h"), NOW).map_err(|it| it.code), Err(2));
    }

    #[test]
    fn steps_are_round_and_make_at_most_240_points() {
        let step = |seconds: i64| {
            Span { start: TimestampMs(0), end: TimestampMs(seconds * 1_000) }.step_ms() / 1_000
        };
        for (seconds, expected) in
            [(0, 1), (60, 1), (3_600, 15), (21_600, 120), (86_400, 600), (604_800, 3_600)]
        {
            assert_eq!(step(seconds), expected, "{seconds} s");
        }
        assert!((1..4_000).all(|days| days * 86_400 / step(days * 86_400) <= 240));
    }

    #[test]
    fn steps_are_durations_or_seconds() {
        assert_eq!((step("1m"), step("0.5")), (Ok(60_000), Ok(500)));
        for wrong in ["", "0", "-1m", "1x", "0.0001"] {
            assert_eq!(step(wrong).map_err(|it| it.code), Err(2), "{wrong}");
        }
        assert_eq!((seconds(1_500), seconds(-250)), ("1.500".to_owned(), "-0.250".to_owned()));
    }
}
