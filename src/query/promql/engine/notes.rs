//! What the reader should know besides the value, each note with its place in the query.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering};

use parking_lot::Mutex;

use crate::query::promql::position::Span;
use crate::query::promql::token::go_quote;

/// What may be said of an evaluation.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Note {
    InvalidQuantile(f64),
    InvalidRatio { ratio: f64, used: f64 },
    BadBucketLabel { metric: String, label: String },
    MixedFloatsHistograms(String),
    MixedFloatsHistogramsAggregation,
    MixedClassicNative(String),
    NotCounter(String),
    NotGauge(String),
    MixedExponentialCustom(String),
    StartOverlap(String),
    IncompatibleLayout(&'static str),
    SortInRange,
    PossibleNonCounter(String),
    IncompatibleTypes { left: &'static str, op: &'static str, right: &'static str },
    IgnoredInAggregation(&'static str),
    IgnoredInMixedRange(String),
    QuantileNan(String),
    QuantileNanSkew(String),
    FractionNan(String),
    ResetCollision(&'static str),
    MismatchedBounds(&'static str),
    ForcedMonotonicity { metric: String, fix: MonotonicFix },
}

/// How far classic buckets had to be corrected so that they rise.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct MonotonicFix {
    pub first_ms: i64,
    pub last_ms: i64,
    pub lowest: f64,
    pub highest: f64,
    pub largest_difference: f64,
    pub times: u64,
}

impl MonotonicFix {
    fn merge(&mut self, other: &MonotonicFix) {
        self.first_ms = self.first_ms.min(other.first_ms);
        self.last_ms = self.last_ms.max(other.last_ms);
        self.lowest = self.lowest.min(other.lowest);
        self.highest = self.highest.max(other.highest);
        self.largest_difference = self.largest_difference.max(other.largest_difference);
        self.times += other.times;
    }
}

impl Note {
    fn is_info(&self) -> bool {
        matches!(
            self,
            Note::PossibleNonCounter(_)
                | Note::IncompatibleTypes { .. }
                | Note::IgnoredInAggregation(_)
                | Note::IgnoredInMixedRange(_)
                | Note::QuantileNan(_)
                | Note::QuantileNanSkew(_)
                | Note::FractionNan(_)
                | Note::MismatchedBounds(_)
                | Note::ForcedMonotonicity { .. }
        )
    }
}

fn named(f: &mut fmt::Formatter<'_>, text: &str, metric: &str) -> fmt::Result {
    f.write_str(text)?;
    if metric.is_empty() { Ok(()) } else { write!(f, " for metric name {}", go_quote(metric)) }
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.is_info() { "PromQL info: " } else { "PromQL warning: " })?;
        match self {
            Note::InvalidQuantile(q) => {
                write!(f, "quantile value should be between 0 and 1, got {}", general(*q))
            }
            Note::InvalidRatio { ratio, used } => write!(
                f,
                "ratio value should be between -1 and 1, got {}, capping to {}",
                general(*ratio),
                general(*used)
            ),
            Note::BadBucketLabel { metric, label } => {
                let text = format!(
                    "bucket label \"le\" is missing or has a malformed value of {}",
                    go_quote(label)
                );
                named(f, &text, metric)
            }
            Note::MixedFloatsHistograms(metric) => write!(
                f,
                "encountered a mix of histograms and floats for metric name {}",
                go_quote(metric)
            ),
            Note::MixedFloatsHistogramsAggregation => {
                f.write_str("encountered a mix of histograms and floats for aggregation")
            }
            Note::MixedClassicNative(metric) => {
                named(f, "vector contains a mix of classic and native histograms", metric)
            }
            Note::NotCounter(metric) => {
                write!(f, "this native histogram metric is not a counter: {}", go_quote(metric))
            }
            Note::NotGauge(metric) => {
                write!(f, "this native histogram metric is not a gauge: {}", go_quote(metric))
            }
            Note::MixedExponentialCustom(metric) => write!(
                f,
                "vector contains a mix of histograms with exponential and custom buckets schemas for metric name {}",
                go_quote(metric)
            ),
            Note::StartOverlap(metric) => write!(
                f,
                "sample has start time that overlaps with previous sample timestamp for metric {}",
                go_quote(metric)
            ),
            Note::IncompatibleLayout(op) => {
                write!(f, "incompatible bucket layout encountered for binary operator {op}")
            }
            Note::SortInRange => f.write_str(
                "sort is ineffective for range queries since results are always ordered by labels",
            ),
            Note::PossibleNonCounter(metric) => write!(
                f,
                "metric might not be a counter, name does not end in _total/_sum/_count/_bucket: {}",
                go_quote(metric)
            ),
            Note::IncompatibleTypes { left, op, right } => write!(
                f,
                "incompatible sample types encountered for binary operator \"{op}\": {left} {op} {right}"
            ),
            Note::IgnoredInAggregation(aggregation) => {
                write!(f, "ignored histogram in {aggregation} aggregation")
            }
            Note::IgnoredInMixedRange(metric) => write!(
                f,
                "ignored histograms in a range containing both floats and histograms for metric name {}",
                go_quote(metric)
            ),
            Note::QuantileNan(metric) => {
                named(f, "input to histogram_quantile has NaN observations, result is NaN", metric)
            }
            Note::QuantileNanSkew(metric) => named(
                f,
                "input to histogram_quantile has NaN observations, result is skewed higher",
                metric,
            ),
            Note::FractionNan(metric) => named(
                f,
                "input to histogram_fraction has NaN observations, which are excluded from all fractions",
                metric,
            ),
            Note::ResetCollision(operation) => {
                write!(f, "conflicting counter resets during histogram {operation}")
            }
            Note::MismatchedBounds(operation) => {
                write!(f, "mismatched custom buckets were reconciled during {operation}")
            }
            Note::ForcedMonotonicity { metric, fix } => {
                named(
                    f,
                    "input to histogram_quantile needed to be fixed for monotonicity (see https://prometheus.io/docs/prometheus/latest/querying/functions/#histogram_quantile)",
                    metric,
                )?;
                write!(
                    f,
                    ", from buckets {} to {}, with a max diff of {}, over {} samples from {} to {}",
                    general(fix.lowest),
                    general(fix.highest),
                    two_digits(fix.largest_difference),
                    fix.times,
                    rfc3339(fix.first_ms),
                    rfc3339(fix.last_ms)
                )
            }
        }
    }
}

/// Writes a number as Go's `%g` does.
pub(in crate::query::promql) fn general(value: f64) -> String {
    if value.is_nan() {
        return "NaN".to_owned();
    }
    if value.is_infinite() {
        return if value > 0.0 { "+Inf".to_owned() } else { "-Inf".to_owned() };
    }
    let scientific = format!("{value:e}");
    let (digits, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    if value == 0.0 || (-4..21).contains(&exponent) {
        return format!("{value}");
    }
    let sign = if exponent < 0 { '-' } else { '+' };
    format!("{digits}e{sign}{:02}", exponent.abs())
}

/// Writes a number as Go's `%.2g` does.
fn two_digits(value: f64) -> String {
    let rounded: f64 = format!("{value:.1e}").parse().unwrap_or(value);
    let exponent = if rounded == 0.0 { 0 } else { rounded.abs().log10().floor() as i32 };
    if (-4..2).contains(&exponent) {
        return format!("{rounded}");
    }
    let digits = format!("{rounded:e}");
    let mantissa = digits.split_once('e').map_or(digits.as_str(), |(mantissa, _)| mantissa);
    let sign = if exponent < 0 { '-' } else { '+' };
    format!("{mantissa}e{sign}{:02}", exponent.abs())
}

fn rfc3339(milliseconds: i64) -> String {
    let seconds = milliseconds / 1000;
    jiff::Timestamp::from_second(seconds).map_or_else(|_| seconds.to_string(), |at| at.to_string())
}

/// Collects notes, each text once: as in Prometheus with the outermost place, or else the last one.
#[derive(Debug, Default)]
pub(super) struct Notes {
    known: Mutex<BTreeMap<String, (Span, Note)>>,
    /// How often something was noted, the same again too.
    added: AtomicUsize,
}

impl Notes {
    /// Adds a note about `span`.
    pub(super) fn add(&self, span: Span, note: Note) {
        self.added.fetch_add(1, Ordering::Relaxed);
        let key = match &note {
            Note::ForcedMonotonicity { metric, .. } => format!("monotonic {metric}"),
            other => other.to_string(),
        };
        let mut known = self.known.lock();
        let Some((place, own)) = known.get_mut(&key) else {
            known.insert(key, (span, note));
            return;
        };
        if let (Note::ForcedMonotonicity { fix: own, .. }, Note::ForcedMonotonicity { fix, .. }) =
            (own, &note)
        {
            own.merge(fix);
        }
        // What is said of a subquery as a whole has no place and comes last.
        let inner = place.start <= span.start && span.end <= place.end;
        let whole = *place == Span::default();
        if span == Span::default() || !(inner || whole) {
            *place = span;
        }
    }

    /// Returns how often something was noted.
    pub(super) fn added(&self) -> usize {
        self.added.load(Ordering::Relaxed)
    }

    /// Returns warnings and infos with their places in `text`.
    pub(super) fn texts(&self, text: &str) -> (Vec<String>, Vec<String>) {
        let (mut warnings, mut infos) = (Vec::new(), Vec::new());
        for (span, note) in self.known.lock().values() {
            let place = span.place(text);
            let list = if note.is_info() { &mut infos } else { &mut warnings };
            list.push(format!("{note} ({place})"));
        }
        (warnings, infos)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_as_go_writes_them() {
        let cases = [(1e21, "1e+21"), (0.00001, "1e-05"), (123.5, "123.5"), (-1.0, "-1")];
        for (value, expected) in cases {
            assert_eq!(general(value), expected);
        }
        assert_eq!(two_digits(0.123_456), "0.12");
        assert_eq!(two_digits(123.0), "1.2e+02");
    }

    #[test]
    fn a_note_said_twice_is_kept_once() {
        let notes = Notes::default();
        for _ in 0..2 {
            notes.add(Span::new(5, 8), Note::PossibleNonCounter("up".to_owned()));
        }
        let (warnings, infos) = notes.texts("rate(up[1m])");
        assert!(warnings.is_empty());
        assert_eq!(
            infos,
            [
                "PromQL info: metric might not be a counter, name does not end in _total/_sum/_count/_bucket: \"up\" (1:6)"
            ]
        );
    }
}
