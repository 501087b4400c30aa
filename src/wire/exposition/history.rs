//! Samples of many times as OpenMetrics lines, for files that `promtool tsdb create-blocks-from
//! openmetrics` and our own import read.

use std::fmt::Write;

use crate::model::labels::{Labels, METRIC_NAME};
use crate::model::sample::Sample;
use crate::wire::exposition::encode::quoted;
use crate::wire::exposition::line::{is_plain_label_name, is_plain_metric_name};
use crate::wire::exposition::number::{ORDINARY_NAN_BITS, write_value};

/// The last line of every file.
pub const END: &str = "# EOF\n";

/// Returns whether a value reads back from text bit for bit: stale markers and other marked NaNs do
/// not.
pub fn text_keeps(value: f64) -> bool {
    !value.is_nan() || value.to_bits() == ORDINARY_NAN_BITS
}

/// Appends one line a sample, in their order.
pub fn write_history(labels: &Labels, samples: &[Sample], out: &mut String) {
    let series = series(labels);
    for sample in samples {
        out.push_str(&series);
        out.push(' ');
        write_value(sample.value, out);
        let at = sample.timestamp.0;
        let sign = if at < 0 { "-" } else { "" };
        let (seconds, millis) = (at.unsigned_abs() / 1_000, at.unsigned_abs() % 1_000);
        // Writing to a text never fails.
        let _ = match millis {
            0 => writeln!(out, " {sign}{seconds}"),
            _ => writeln!(out, " {sign}{seconds}.{millis:03}"),
        };
    }
}

fn series(labels: &Labels) -> String {
    let name = labels.metric_name();
    let mut parts = Vec::new();
    let mut text = String::new();
    if is_plain_metric_name(name) {
        text.push_str(name);
    } else {
        parts.push(quoted(name));
    }
    for (label, value) in labels.iter().filter(|(label, _)| *label != METRIC_NAME) {
        let value = quoted(value);
        parts.push(match is_plain_label_name(label) {
            true => format!("{label}={value}"),
            false => format!("{}={value}", quoted(label)),
        });
    }
    if !parts.is_empty() {
        let _ = write!(text, "{{{}}}", parts.join(","));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::exposition::{Format, parse};

    #[test]
    fn what_is_written_reads_back_to_the_millisecond() {
        let labels = Labels::from_pairs([("__name__", "a"), ("b", "x\"\n\\")]);
        let times = [0, 1, 999, 1_795_392_000_123, -1_500];
        let samples: Vec<_> = times.into_iter().map(|at| Sample::new(at, 0.1)).collect();
        let mut text = String::new();
        write_history(&labels, &samples, &mut text);
        assert!(text.starts_with("a{b=\"x\\\"\\n\\\\\"} 0.1 0\n"), "{text}");
        text.push_str(END);
        let read = parse(text.as_bytes(), Format::OpenMetrics).unwrap();
        let read: Vec<_> = read
            .samples
            .iter()
            .map(|sample| (sample.labels.clone(), sample.timestamp.unwrap().0))
            .collect();
        assert_eq!(read, times.map(|at| (labels.clone(), at)));
    }

    #[test]
    fn marked_nans_are_not_for_text() {
        assert!(text_keeps(f64::from_bits(ORDINARY_NAN_BITS)) && text_keeps(f64::INFINITY));
        assert!(!text_keeps(crate::model::stale::stale_nan()));
    }
}
