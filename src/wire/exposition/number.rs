//! Numbers as scraped targets write them.

use crate::model::time::TimestampMs;

/// The one NaN that scraped NaNs become: its bits differ from the stale marker's.
pub(crate) const ORDINARY_NAN_BITS: u64 = 0x7ff8_0000_0000_0001;

/// Reads a value as Go's `ParseFloat` does, without hexadecimal and underscores.
pub(crate) fn value(word: &str) -> Option<f64> {
    word.parse().ok().map(ordinary)
}

/// Returns the one ordinary NaN for every NaN, and every other number as it is.
pub(crate) fn ordinary(number: f64) -> f64 {
    if number.is_nan() { f64::from_bits(ORDINARY_NAN_BITS) } else { number }
}

/// Writes a number as the value of `le` and `quantile`, always with a point or an exponent, so that
/// one bucket has one name however its target writes it.
pub(crate) fn label_value(number: f64) -> String {
    let size = number.abs();
    let mut text = String::new();
    if size == 0.0 || !number.is_finite() {
        write_value(number, &mut text);
    } else if (1e-4..1e6).contains(&size) {
        text = number.to_string();
    } else {
        write_scientific(number, &mut text);
    }
    if number.is_finite() && !text.contains(['.', 'e']) {
        text.push_str(".0");
    }
    text
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
        write_scientific(value, out);
    }
}

/// Appends a number with an exponent of at least two digits, as Go has it: `1e-07`.
fn write_scientific(value: f64, out: &mut String) {
    use std::fmt::Write;
    let scientific = format!("{value:e}");
    let (digits, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let (sign, exponent) = match exponent.strip_prefix('-') {
        Some(exponent) => ('-', exponent),
        None => ('+', exponent),
    };
    let _ = write!(out, "{digits}e{sign}{exponent:0>2}");
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::stale::is_stale;

    #[test]
    fn bounds_have_one_way_to_be_written() {
        let bounds = [1.0, 0.5, -2.0, 0.0, 1e-7, 100_000.0, 2_500_000.0, 1e21, f64::INFINITY];
        let texts = bounds.map(label_value);
        let wanted = ["1.0", "0.5", "-2.0", "0.0", "1e-07", "100000.0", "2.5e+06", "1e+21", "+Inf"];
        assert_eq!(texts, wanted);
    }

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
