//! Durations in Prometheus' syntax: `15s`, `1h30m`, `30d`, `20y`; units fall from left to right.

use std::time::Duration;

const UNITS: [(&str, u64); 7] = [
    ("y", 365 * 86_400_000),
    ("w", 7 * 86_400_000),
    ("d", 86_400_000),
    ("h", 3_600_000),
    ("m", 60_000),
    ("s", 1_000),
    ("ms", 1),
];

/// Reads a Prometheus duration; `0` needs no unit.
///
/// # Errors
/// A text for people when the form is wrong, a unit repeats or rises, or the sum overflows.
pub fn parse_duration(text: &str) -> Result<Duration, String> {
    let wrong = || format!("not a valid duration string: {text:?}");
    if text == "0" {
        return Ok(Duration::ZERO);
    }
    if text.is_empty() {
        return Err("empty duration string".to_owned());
    }
    let mut total_ms: u64 = 0;
    let mut rest = text;
    let mut next_unit = 0;
    while !rest.is_empty() {
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        let (number, tail) = rest.split_at(digits);
        let unit_len = tail.bytes().take_while(u8::is_ascii_alphabetic).count();
        let (unit, tail) = tail.split_at(unit_len);
        let position = UNITS.iter().position(|(name, _)| *name == unit).ok_or_else(wrong)?;
        if position < next_unit {
            return Err(wrong());
        }
        next_unit = position + 1;
        let count: u64 = number.parse().map_err(|_| wrong())?;
        let part = count.checked_mul(UNITS[position].1).ok_or("duration out of range")?;
        total_ms = total_ms.checked_add(part).ok_or("duration out of range")?;
        rest = tail;
    }
    if i64::try_from(total_ms).is_err() {
        return Err("duration out of range".to_owned());
    }
    Ok(Duration::from_millis(total_ms))
}

/// Writes a duration the way Prometheus does; sub-millisecond parts are cut.
pub fn format_duration(duration: Duration) -> String {
    let mut rest = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
    if rest == 0 {
        return "0s".to_owned();
    }
    let mut text = String::new();
    for (index, (unit, length)) in UNITS.iter().enumerate() {
        // Years and weeks are only written when nothing remains, as Prometheus does.
        let whole_only = index < 3;
        if rest >= *length && (!whole_only || rest % length == 0) {
            text.push_str(&format!("{}{unit}", rest / length));
            rest %= length;
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn compound_durations_add_up_and_print_back() {
        let parsed = parse_duration("1h30m").unwrap();
        assert_eq!(parsed, Duration::from_secs(5_400));
        assert_eq!(format_duration(parsed), "1h30m");
        assert_eq!(format_duration(Duration::from_secs(86_400 * 30)), "30d");
    }

    #[test]
    fn rising_units_missing_units_and_overflow_are_refused() {
        for wrong in ["30m1h", "5", "s", "-1s", "1.5h", "99999999999999999999y", "1h1h", ""] {
            assert!(parse_duration(wrong).is_err(), "{wrong} must be refused");
        }
    }
}
