//! Numbers as Prometheus writes them into JSON.

use std::io::Write;

use crate::model::time::TimestampMs;

/// Appends `value` the way Go's `strconv.FormatFloat(value, 'f', -1, 64)` does, or its `'e'` form
/// below 1e-6 and from 1e21 on, which is what Prometheus' JSON encoder chooses.
pub(crate) fn push_float(out: &mut Vec<u8>, value: f64) {
    // Counters and sizes are whole numbers, which need no search for the shortest digits.
    let whole = value as i64;
    if whole as f64 == value
        && whole.unsigned_abs() < 1 << 53
        && (whole != 0 || value.is_sign_positive())
    {
        push_whole(out, whole);
        return;
    }
    let size = value.abs();
    if size == 0.0 || (1e-6..1e21).contains(&size) {
        // Writing into a vector does not fail.
        let _ = write!(out, "{value}");
        return;
    }
    out.extend_from_slice(exceptional(value).as_bytes());
}

/// Writes what is no number, or too large or small for plain digits.
fn exceptional(value: f64) -> String {
    if value.is_nan() {
        return "NaN".to_owned();
    }
    if value.is_infinite() {
        return if value > 0.0 { "+Inf" } else { "-Inf" }.to_owned();
    }
    // Rust writes `1e-7` where Go writes `1e-07`.
    let text = format!("{value:e}");
    let (digits, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    let (sign, exponent) = match exponent.strip_prefix('-') {
        Some(exponent) => ('-', exponent),
        None => ('+', exponent),
    };
    format!("{digits}e{sign}{exponent:0>2}")
}

/// Appends an instant in seconds, with three decimals unless it is a whole second.
pub(crate) fn push_timestamp(out: &mut Vec<u8>, at: TimestampMs) {
    let ms = at.0.unsigned_abs();
    if at.0 < 0 {
        out.push(b'-');
    }
    push_whole(out, (ms / 1_000) as i64);
    let rest = (ms % 1_000) as u16;
    if rest != 0 {
        let digit = |place: u16| b'0' + (rest / place % 10) as u8;
        out.extend_from_slice(&[b'.', digit(100), digit(10), digit(1)]);
    }
}

fn push_whole(out: &mut Vec<u8>, number: i64) {
    let mut digits = [0_u8; 20];
    let mut from = digits.len();
    let mut rest = number.unsigned_abs();
    loop {
        from -= 1;
        digits[from] = b'0' + (rest % 10) as u8;
        rest /= 10;
        if rest == 0 {
            break;
        }
    }
    if number < 0 {
        out.push(b'-');
    }
    out.extend_from_slice(&digits[from..]);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(value: f64) -> String {
        let mut out = Vec::new();
        push_float(&mut out, value);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn floats_are_written_as_go_writes_them() {
        let cases = [
            (0.0, "0"),
            (-0.0, "-0"),
            (1.0, "1"),
            (0.1, "0.1"),
            (1e6, "1000000"),
            (1.5e20, "150000000000000000000"),
            (1e21, "1e+21"),
            (-1.25e300, "-1.25e+300"),
            (1e-6, "0.000001"),
            (9.9e-7, "9.9e-07"),
            (5e-324, "5e-324"),
            (1.0 / 3.0, "0.3333333333333333"),
            (f64::MAX, "1.7976931348623157e+308"),
            (f64::INFINITY, "+Inf"),
            (f64::NEG_INFINITY, "-Inf"),
            (f64::NAN, "NaN"),
        ];
        for (value, expected) in cases {
            assert_eq!(written(value), expected);
        }
    }

    #[test]
    fn instants_keep_three_decimals_or_none() {
        let written = |ms| {
            let mut out = Vec::new();
            push_timestamp(&mut out, TimestampMs(ms));
            String::from_utf8(out).unwrap()
        };
        assert_eq!(written(1_435_781_451_781), "1435781451.781");
        assert_eq!(written(1_000), "1");
        assert_eq!(written(1_100), "1.100");
        assert_eq!(written(-1), "-0.001");
        assert_eq!(written(0), "0");
    }
}
