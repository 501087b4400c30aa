//! Reads the points in time that people write: `now-2h`, `14:30`, `yesterday 9am`, `2026-11-20
//! 08:00`, RFC 3339, epoch numbers. Times without a zone are UTC. `web/src/lib/time.ts` is its twin.

use crate::base::duration::parse_duration;
use crate::model::time::{DAY_MS, TimestampMs};

/// Returns the instant that `text` names at `now`; `None` when it names none.
pub(crate) fn parse(text: &str, now: TimestampMs) -> Option<TimestampMs> {
    let text = text.trim();
    if text.is_empty() {
        return None;
    }
    relative(text, now)
        .or_else(|| epoch(text))
        .or_else(|| rfc3339(text))
        .or_else(|| spoken(text, now))
}

/// `now`, `now-1h30m`, `now+5m`.
fn relative(text: &str, now: TimestampMs) -> Option<TimestampMs> {
    let rest = text.strip_prefix("now")?.trim_start();
    if rest.is_empty() {
        return Some(now);
    }
    let (sign, rest) = match rest.strip_prefix('-') {
        Some(rest) => (-1, rest),
        None => (1, rest.strip_prefix('+')?),
    };
    let length = parse_duration(rest.trim_start()).ok()?;
    let length = i64::try_from(length.as_millis()).ok()?;
    Some(TimestampMs(now.0.checked_add(sign * length)?))
}

/// Seconds, milliseconds, microseconds or nanoseconds since the epoch, told apart by their size.
fn epoch(text: &str) -> Option<TimestampMs> {
    if text.len() < 9 || !text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.') {
        return None;
    }
    let number: f64 = text.parse().ok()?;
    let ms = match number {
        n if n < 1e11 => n * 1e3,
        n if n < 1e14 => n,
        n if n < 1e17 => n / 1e3,
        n if n < 1e19 => n / 1e6,
        _ => return None,
    };
    Some(TimestampMs(ms.round() as i64))
}

fn rfc3339(text: &str) -> Option<TimestampMs> {
    let stamp: jiff::Timestamp = text.parse().ok()?;
    Some(TimestampMs(stamp.as_millisecond()))
}

/// A day, a time of day, or both: `today`, `yesterday 9am`, `2026-11-20 08:00`, `14:30`.
fn spoken(text: &str, now: TimestampMs) -> Option<TimestampMs> {
    let text = text.to_ascii_lowercase();
    let date_end = if text.as_bytes().get(10) == Some(&b't') { Some(10) } else { text.find(' ') };
    let halves = date_end.and_then(|at| Some((text.get(..at)?, text.get(at + 1..)?)));
    let (day, clock) = match halves {
        Some((first, second)) if day_of(first, now).is_some() => (first, second.trim()),
        _ if day_of(&text, now).is_some() => (text.as_str(), ""),
        _ => ("today", text.as_str()),
    };
    let midnight = day_of(day, now)?;
    let offset = if clock.is_empty() { 0 } else { time_of_day(clock)? };
    Some(TimestampMs(midnight.checked_add(offset)?))
}

/// Milliseconds of the midnight that begins a day.
fn day_of(text: &str, now: TimestampMs) -> Option<i64> {
    let today = now.0.div_euclid(DAY_MS) * DAY_MS;
    match text {
        "today" => Some(today),
        "yesterday" => Some(today - DAY_MS),
        date => {
            let date: jiff::civil::Date = date.parse().ok()?;
            let zoned = date.to_zoned(jiff::tz::TimeZone::UTC).ok()?;
            Some(zoned.timestamp().as_millisecond())
        }
    }
}

/// `14:30`, `14:30:05`, `9am`, `12:15pm` as milliseconds of the day.
fn time_of_day(text: &str) -> Option<i64> {
    let (digits, half) = match text.strip_suffix("am") {
        Some(rest) => (rest.trim(), Some(0)),
        None => text.strip_suffix("pm").map_or((text, None), |rest| (rest.trim(), Some(12))),
    };
    let mut parts = digits.split(':').map(|part| {
        let fits = (1..=2).contains(&part.len());
        part.parse::<i64>().ok().filter(|_| fits)
    });
    let hour = parts.next()??;
    let minute = parts.next().unwrap_or(Some(0))?;
    let second = parts.next().unwrap_or(Some(0))?;
    let hour = match half {
        None if !digits.contains(':') => return None,
        None => hour,
        Some(_) if !(1..=12).contains(&hour) => return None,
        Some(half) => hour % 12 + half,
    };
    let valid = parts.next().is_none() && hour < 24 && minute < 60 && second < 60;
    valid.then_some(((hour * 60 + minute) * 60 + second) * 1_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2026-11-23 12:00:00 UTC.
    const NOON: TimestampMs = TimestampMs(1_795_435_200_000);

    fn ms(text: &str) -> Option<i64> {
        parse(text, NOON).map(|at| at.0 - NOON.0)
    }

    #[test]
    fn people_name_times_in_many_ways() {
        let hour = 3_600_000;
        for (text, from_noon) in [
            ("now", 0),
            ("now-2h", -2 * hour),
            ("now - 1h30m", -hour * 3 / 2),
            ("14:30", hour * 5 / 2),
            ("9am", -3 * hour),
            ("12am", -12 * hour),
            ("12:15pm", hour / 4),
            ("today", -12 * hour),
            ("yesterday 9am", -27 * hour),
            ("2026-11-20", -84 * hour),
            ("2026-11-20 08:00", -76 * hour),
            ("2026-11-20T08:00:00", -76 * hour),
            ("2026-11-23T13:00:00+01:00", 0),
            ("1795435200", 0),
            ("1795435200000", 0),
            ("1795435200000000000", 0),
        ] {
            assert_eq!(ms(text), Some(from_noon), "{text}");
        }
    }

    #[test]
    fn what_names_no_time_is_refused() {
        for text in ["", "soon", "now-", "now-5", "25:00", "13pm", "9", "2026-13-01", "12:60", "é"]
        {
            assert_eq!(ms(text), None, "{text}");
        }
    }
}
