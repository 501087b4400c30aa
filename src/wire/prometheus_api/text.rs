//! Parameters as texts: instants, lengths of time, forms.

use crate::base::duration::parse_duration;
use crate::base::error::{Error, Result};
use crate::model::time::TimestampMs;

/// Reads seconds since the epoch with fractions, or RFC 3339.
pub(crate) fn parse_time(text: &str) -> Option<TimestampMs> {
    if let Ok(seconds) = text.parse::<f64>() {
        // As Prometheus rounds: the fraction by itself, which has more digits left alone.
        let fraction = (seconds.fract() * 1_000.0).round();
        let fits = seconds.abs() < 9.2e15;
        return fits.then(|| TimestampMs(seconds.trunc() as i64 * 1_000 + fraction as i64));
    }
    let instant: jiff::Timestamp = text.parse().ok()?;
    Some(TimestampMs(instant.as_millisecond()))
}

/// Reads a length of time in seconds or in Prometheus' syntax; it may be negative.
pub(crate) fn parse_seconds(text: &str) -> Option<f64> {
    let seconds = match text.parse::<f64>() {
        Ok(seconds) => seconds,
        Err(_) => parse_duration(text).ok()?.as_secs_f64(),
    };
    // What nanoseconds hold.
    (seconds.abs() < 9.2e9).then_some(seconds)
}

/// Reads the pairs of a form or a query string, in the order sent.
///
/// # Errors
/// `InvalidInput` for a percent escape that is none, and for what is no UTF-8.
pub(crate) fn parse_form(encoded: &[u8]) -> Result<Vec<(String, String)>> {
    let mut pairs = Vec::new();
    for pair in encoded.split(|byte| *byte == b'&').filter(|pair| !pair.is_empty()) {
        let equals = pair.iter().position(|byte| *byte == b'=');
        let (name, value) = match equals {
            Some(at) => (&pair[..at], &pair[at + 1..]),
            None => (pair, &[][..]),
        };
        pairs.push((decode(name)?, decode(value)?));
    }
    Ok(pairs)
}

/// Decodes `+` and `%XX`.
fn decode(encoded: &[u8]) -> Result<String> {
    let mut decoded = Vec::with_capacity(encoded.len());
    let mut rest = encoded;
    while let [byte, tail @ ..] = rest {
        rest = tail;
        match byte {
            b'+' => decoded.push(b' '),
            b'%' => {
                let digit =
                    |at: usize| tail.get(at).and_then(|digit| char::from(*digit).to_digit(16));
                let (Some(high), Some(low)) = (digit(0), digit(1)) else {
                    return Err(Error::invalid("a parameter has an invalid percent escape"));
                };
                decoded.push((high * 16 + low) as u8);
                rest = &tail[2..];
            }
            other => decoded.push(*other),
        }
    }
    String::from_utf8(decoded).map_err(|_| Error::invalid("a parameter is not valid UTF-8"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_seconds_or_rfc_3339() {
        let cases = [
            ("4", 4_000),
            // The binary fraction is a little less than 0.2345.
            ("1.2345", 1_234),
            ("1795431878.5005", 1_795_431_878_500),
            ("1435781430.781", 1_435_781_430_781),
            ("-1.5", -1_500),
            ("2015-07-01T20:10:51.781Z", 1_435_781_451_781),
            ("2015-07-01T22:10:51+02:00", 1_435_781_451_000),
        ];
        for (text, ms) in cases {
            assert_eq!(parse_time(text), Some(TimestampMs(ms)), "{text}");
        }
        for wrong in ["", "soon", "NaN", "Inf", "1e30", "2015-07-01"] {
            assert_eq!(parse_time(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn durations_are_seconds_or_in_prometheus_syntax() {
        assert_eq!(parse_seconds("1.5"), Some(1.5));
        assert_eq!(parse_seconds("1h30m"), Some(5_400.0));
        assert_eq!(parse_seconds("-1"), Some(-1.0));
        for wrong in ["", "1x", "NaN", "1e300"] {
            assert_eq!(parse_seconds(wrong), None, "{wrong}");
        }
    }
}
