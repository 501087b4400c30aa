//! Numbers, sizes and times as people read them. `web/src/lib/format.ts` is its twin.

use crate::model::time::{TimestampMs, TimestampNs};

/// What a missing value looks like; never a zero.
pub(crate) const MISSING: &str = "—";

/// Writes a number with at most three significant digits and a metric suffix: `1.23 k`.
pub(crate) fn number(value: f64) -> String {
    const SUFFIXES: [(f64, &str); 4] = [(1e12, " T"), (1e9, " G"), (1e6, " M"), (1e3, " k")];
    if !value.is_finite() {
        return if value.is_nan() { MISSING.to_owned() } else { format!("{value}") };
    }
    let (scale, suffix) =
        SUFFIXES.iter().find(|(scale, _)| value.abs() >= *scale).copied().unwrap_or((1.0, ""));
    let scaled = value / scale;
    // 999.6 k would be written as 1000 k.
    if suffix != " T" && scaled.abs() >= 999.5 {
        return number((scaled * scale).signum() * scale * 1_000.0);
    }
    format!("{}{suffix}", significant(scaled))
}

/// Writes three significant digits without trailing zeros.
fn significant(value: f64) -> String {
    let magnitude = value.abs();
    let decimals = match magnitude {
        m if m >= 100.0 || m == 0.0 => 0,
        m if m >= 10.0 => 1,
        m if m >= 1.0 => 2,
        m if m >= 0.001 => 2 + (-m.log10().floor()) as usize,
        _ => return format!("{value:.2e}"),
    };
    let text = format!("{:.decimals$}", value + 0.0);
    if !text.contains('.') {
        return text;
    }
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// Writes a count in full with thin groups: `12 345`.
pub(crate) fn count(value: u64) -> String {
    let digits = value.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push('\u{202f}');
        }
        text.push(digit);
    }
    text
}

/// Writes bytes with a binary unit: `1.5 MiB`.
pub(crate) fn bytes(value: f64) -> String {
    const UNITS: [&str; 5] = ["B", "KiB", "MiB", "GiB", "TiB"];
    let (mut value, mut unit) = (value, 0);
    while value.abs() >= 1_024.0 && unit + 1 < UNITS.len() {
        value /= 1_024.0;
        unit += 1;
    }
    format!("{} {}", significant(value), UNITS[unit])
}

/// Writes a length of time given in nanoseconds: `1.2 ms`, `3 m 20 s`.
pub(crate) fn duration_ns(ns: i64) -> String {
    let value = ns as f64;
    match ns.unsigned_abs() {
        0..1_000 => format!("{ns} ns"),
        1_000..1_000_000 => format!("{} µs", significant(value / 1e3)),
        1_000_000..1_000_000_000 => format!("{} ms", significant(value / 1e6)),
        1_000_000_000..60_000_000_000 => format!("{} s", significant(value / 1e9)),
        _ => {
            let seconds = ns / 1_000_000_000;
            let (hours, minutes, rest) = (seconds / 3_600, seconds / 60 % 60, seconds % 60);
            match hours {
                0 => format!("{minutes} m {rest} s"),
                1..48 => format!("{hours} h {minutes} m"),
                _ => format!("{} d {} h", hours / 24, hours % 24),
            }
        }
    }
}

/// Writes how long ago something was, in whole seconds: `3 m 20 s`.
pub(crate) fn age(since: TimestampMs, now: TimestampMs) -> String {
    match now.0.saturating_sub(since.0).max(0) / 1_000 {
        0 => "0 s".to_owned(),
        seconds => duration_ns(seconds.saturating_mul(1_000_000_000)),
    }
}

/// Writes `2026-11-23 12:00` in UTC.
pub(crate) fn minute(at: TimestampMs) -> String {
    civil(at, "%Y-%m-%d %H:%M")
}

/// Writes `12:00:05.123` in UTC.
pub(crate) fn clock(at: TimestampNs) -> String {
    let ms = at.0.div_euclid(1_000_000).rem_euclid(1_000);
    format!("{}.{ms:03}", civil(at.to_ms(), "%H:%M:%S"))
}

/// Writes RFC 3339 with milliseconds, for machines.
pub(crate) fn machine(at: TimestampMs) -> String {
    format!("{}.{:03}Z", civil(at, "%Y-%m-%dT%H:%M:%S"), at.0.rem_euclid(1_000))
}

fn civil(at: TimestampMs, pattern: &str) -> String {
    let stamp = jiff::Timestamp::from_millisecond(at.0);
    stamp.map_or_else(|_| MISSING.to_owned(), |stamp| stamp.strftime(pattern).to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_three_digits_and_a_suffix() {
        for (value, text) in [
            (0.0, "0"),
            (-0.0, "0"),
            (1.0, "1"),
            (12.345, "12.3"),
            (0.012345, "0.0123"),
            (999.7, "1 k"),
            (1_234.0, "1.23 k"),
            (-2_500_000.0, "-2.5 M"),
            (999_960.0, "1 M"),
            (f64::NAN, "—"),
            (f64::INFINITY, "inf"),
            (0.000_012, "1.20e-5"),
        ] {
            assert_eq!(number(value), text);
        }
        assert_eq!(count(1_234_567), "1\u{202f}234\u{202f}567");
    }

    #[test]
    fn sizes_and_lengths_have_their_unit() {
        assert_eq!(bytes(1_536.0), "1.5 KiB");
        assert_eq!(bytes(0.0), "0 B");
        for (ns, text) in [
            (950, "950 ns"),
            (1_500, "1.5 µs"),
            (12_300_000, "12.3 ms"),
            (2_500_000_000, "2.5 s"),
            (200_000_000_000, "3 m 20 s"),
            (7_500_000_000_000, "2 h 5 m"),
            (200_000_000_000_000, "2 d 7 h"),
        ] {
            assert_eq!(duration_ns(ns), text);
        }
    }

    #[test]
    fn an_age_has_whole_seconds_and_is_never_negative() {
        let at = |seconds: i64| TimestampMs(seconds * 1_000 + 700);
        assert_eq!(age(at(0), at(0)), "0 s");
        assert_eq!(age(at(5), at(0)), "0 s");
        assert_eq!(age(TimestampMs(0), at(200)), "3 m 20 s");
    }

    #[test]
    fn times_are_written_in_utc() {
        let noon = TimestampMs(1_795_435_200_123);
        assert_eq!(minute(noon), "2026-11-23 12:00");
        assert_eq!(clock(noon.to_ns()), "12:00:00.123");
        assert_eq!(machine(noon), "2026-11-23T12:00:00.123Z");
    }
}
