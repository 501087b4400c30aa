//! Numbers as scraped targets write them.

use crate::model::time::TimestampMs;

/// The one NaN that scraped NaNs become: its bits differ from the stale marker's.
const ORDINARY_NAN_BITS: u64 = 0x7ff8_0000_0000_0001;

/// Reads a value as Go's `ParseFloat` does, without hexadecimal and underscores.
pub(crate) fn value(word: &str) -> Option<f64> {
    let number: f64 = word.parse().ok()?;
    Some(if number.is_nan() { f64::from_bits(ORDINARY_NAN_BITS) } else { number })
}

/// Reads a time in whole milliseconds (text format).
pub(crate) fn millis(word: &str) -> Option<TimestampMs> {
    word.parse().ok().map(TimestampMs)
}

/// Reads a time in seconds with fractions (OpenMetrics).
pub(crate) fn seconds(word: &str) -> Option<TimestampMs> {
    let seconds: f64 = word.parse().ok()?;
    let millis = seconds * 1_000.0;
    let fits = millis.is_finite() && millis.abs() < 9.0e18;
    fits.then(|| TimestampMs(millis.round() as i64))
}

/// Appends a value as Go's `'g'` format with the fewest digits does.
pub(crate) fn write_value(value: f64, out: &mut String) {
    use std::fmt::Write;
    let size = value.abs();
    if value.is_nan() {
        out.push_str("NaN");
    } else if value.is_infinite() {
        out.push_str(if value > 0.0 { "+Inf" } else { "-Inf" });
    } else if size == 0.0 || (1e-4..1e21).contains(&size) {
        let _ = write!(out, "{value}");
    } else {
        // Rust writes `1e-7` where Go writes `1e-07`.
        let scientific = format!("{value:e}");
        let (digits, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
        let (sign, exponent) = match exponent.strip_prefix('-') {
            Some(exponent) => ('-', exponent),
            None => ('+', exponent),
        };
        let _ = write!(out, "{digits}e{sign}{exponent:0>2}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::stale::is_stale;

    #[test]
    fn values_print_as_go_prints_them() {
        let printed = |value: f64| {
            let mut out = String::new();
            write_value(value, &mut out);
            out
        };
        let cases = [
            (0.0, "0"),
            (1.0, "1"),
            (0.1, "0.1"),
            (1e20, "100000000000000000000"),
            (1e21, "1e+21"),
            (1.5e-7, "1.5e-07"),
            (-2.5e300, "-2.5e+300"),
            (f64::INFINITY, "+Inf"),
            (f64::NAN, "NaN"),
        ];
        for (number, expected) in cases {
            assert_eq!(printed(number), expected);
        }
    }

    #[test]
    fn no_written_nan_is_the_stale_marker_and_hexadecimal_is_none() {
        assert!(value("NaN").is_some_and(|nan| nan.is_nan() && !is_stale(nan)));
        assert_eq!(value("+Inf"), Some(f64::INFINITY));
        for wrong in ["0x1p3", "1_000", "", "1.2.3", "one"] {
            assert_eq!(value(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn seconds_become_milliseconds_within_the_representable() {
        assert_eq!(seconds("1520879607.789"), Some(TimestampMs(1_520_879_607_789)));
        assert_eq!(seconds("-1"), Some(TimestampMs(-1_000)));
        assert_eq!(seconds("NaN"), None);
        assert_eq!(seconds("1e300"), None);
    }
}
