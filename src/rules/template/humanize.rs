//! Numbers for people.

use crate::base::gotemplate::format_float;

const LARGE: [&str; 8] = ["k", "M", "G", "T", "P", "E", "Z", "Y"];
const SMALL: [&str; 8] = ["m", "u", "n", "p", "f", "a", "z", "y"];
const BINARY: [&str; 8] = ["ki", "Mi", "Gi", "Ti", "Pi", "Ei", "Zi", "Yi"];

fn short(value: f64) -> String {
    format_float(value, 'g', Some(4))
}

/// Writes a number with a metric prefix.
pub(super) fn humanize(value: f64) -> String {
    if value == 0.0 || !value.is_finite() {
        return short(value);
    }
    let (mut scaled, mut prefix) = (value, "");
    if value.abs() >= 1.0 {
        for next in LARGE {
            if scaled.abs() < 1_000.0 {
                break;
            }
            prefix = next;
            scaled /= 1_000.0;
        }
    } else {
        for next in SMALL {
            if scaled.abs() >= 1.0 {
                break;
            }
            prefix = next;
            scaled *= 1_000.0;
        }
    }
    format!("{}{prefix}", short(scaled))
}

/// Writes a number with a binary prefix.
pub(super) fn humanize_1024(value: f64) -> String {
    if value.abs() <= 1.0 || !value.is_finite() {
        return short(value);
    }
    let (mut scaled, mut prefix) = (value, "");
    for next in BINARY {
        if scaled.abs() < 1_024.0 {
            break;
        }
        prefix = next;
        scaled /= 1_024.0;
    }
    format!("{}{prefix}", short(scaled))
}

/// Writes a ratio as percents.
pub(super) fn humanize_percentage(value: f64) -> String {
    format!("{}%", short(value * 100.0))
}
