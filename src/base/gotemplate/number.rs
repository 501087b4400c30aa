//! Floating-point numbers as Go's `strconv` writes them.

/// Writes `value` as Go's verb `e`, `f` or `g` with `precision` digits; `None` means the fewest
/// digits that read back as the same value.
pub fn format_float(value: f64, verb: char, precision: Option<usize>) -> String {
    if value.is_nan() {
        return "NaN".to_owned();
    }
    if value.is_infinite() {
        return if value > 0.0 { "+Inf" } else { "-Inf" }.to_owned();
    }
    match (verb, precision) {
        ('e', None) => exponent(&format!("{value:e}")),
        ('e', Some(digits)) => exponent(&format!("{value:.digits$e}")),
        ('f', None) => format!("{value}"),
        ('f', Some(digits)) => format!("{value:.digits$}"),
        (_, precision) => general(value, precision),
    }
}

/// Writes `1e-07` where Rust writes `1e-7`.
fn exponent(text: &str) -> String {
    let (digits, exponent) = text.split_once('e').unwrap_or((text, "0"));
    let (sign, exponent) = match exponent.strip_prefix('-') {
        Some(exponent) => ('-', exponent),
        None => ('+', exponent),
    };
    format!("{digits}e{sign}{exponent:0>2}")
}

fn general(value: f64, precision: Option<usize>) -> String {
    // Zero digits mean one.
    let scientific = match precision {
        None => format!("{value:e}"),
        Some(digits) => format!("{value:.*e}", digits.max(1) - 1),
    };
    let (mantissa, power) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let power: i32 = power.parse().unwrap_or(0);
    let mantissa = match mantissa.contains('.') {
        true => mantissa.trim_end_matches('0').trim_end_matches('.'),
        false => mantissa,
    };
    let digits = i32::try_from(mantissa.chars().filter(char::is_ascii_digit).count()).unwrap_or(0);
    // The power of ten from which on the exponent is written: Go's rule, 6 for the fewest digits.
    let limit = match precision {
        None => 6,
        Some(wanted) => {
            let wanted = i32::try_from(wanted.max(1)).unwrap_or(i32::MAX);
            if wanted > digits && digits > power { digits } else { wanted }
        }
    };
    if power < -4 || power >= limit {
        return exponent(&format!("{mantissa}e{power}"));
    }
    let decimals = usize::try_from(digits - 1 - power).unwrap_or(0);
    format!("{value:.decimals$}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn verbs_write_what_go_writes() {
        for (value, verb, precision, expected) in [
            (1.0, 'g', None, "1"),
            (100_000.0, 'g', None, "100000"),
            (1e6, 'g', None, "1e+06"),
            (1_234_567.8, 'g', None, "1.2345678e+06"),
            (0.00001, 'g', None, "1e-05"),
            (0.1, 'g', None, "0.1"),
            (-0.0, 'g', None, "-0"),
            (0.0, 'g', Some(4), "0"),
            (12.345, 'g', Some(4), "12.35"),
            (1234.0, 'g', Some(4), "1234"),
            (12_345.0, 'g', Some(4), "1.234e+04"),
            (400.0, 'g', Some(2), "4e+02"),
            (1.5, 'f', Some(2), "1.50"),
            (1e21, 'f', None, "1000000000000000000000"),
            (1.0, 'e', Some(5), "1.00000e+00"),
            (1e-7, 'e', None, "1e-07"),
            (f64::INFINITY, 'g', None, "+Inf"),
            (f64::NAN, 'f', Some(1), "NaN"),
        ] {
            assert_eq!(format_float(value, verb, precision), expected, "{value} {verb}");
        }
    }
}
