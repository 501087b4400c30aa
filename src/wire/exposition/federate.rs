//! What `/federate` answers: one point of each series with its time, as text 0.0.4 or as delimited
//! protobuf (`io.prometheus.client.MetricFamily`).

mod proto;

use std::borrow::Cow;

use crate::model::histogram::{CUSTOM_BUCKETS_SCHEMA, CounterResetHint, Histogram, Span};
use crate::model::labels::{Labels, METRIC_NAME};
use crate::model::time::TimestampMs;
use crate::wire::exposition::encode::quoted;
use crate::wire::exposition::line::{is_plain_label_name, is_plain_metric_name};
use crate::wire::exposition::number::write_value;

/// The value of a point.
#[derive(Debug, Clone, Copy)]
pub enum FederatedValue<'a> {
    /// A float; written as untyped, because its type is not looked up.
    Float(f64),
    /// A native histogram. Text knows those with custom buckets only, as classic ones.
    Histogram(&'a Histogram),
}

/// One point of one series.
#[derive(Debug, Clone)]
pub struct Federated<'a> {
    /// The labels, those of the appliance among them; empty values are written, too.
    pub labels: Vec<(&'a str, &'a str)>,
    /// Its time.
    pub at: TimestampMs,
    /// Its value.
    pub value: FederatedValue<'a>,
}

/// The form of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FederateForm {
    protobuf: bool,
    utf8_names: bool,
}

impl FederateForm {
    /// Chooses by an `Accept` header, as Prometheus does: delimited protobuf for who names it before
    /// any text, else text. Names of other letters than Prometheus' old ones stay for who says
    /// `escaping=allow-utf-8`; for everybody else such letters become `_`.
    pub fn accepted(accept: &str) -> Self {
        let mut form = FederateForm { protobuf: false, utf8_names: false };
        for range in accept.split(',') {
            let mut parts = range.split(';').map(str::trim);
            let media_type = parts.next().unwrap_or("").to_ascii_lowercase();
            let parts: Vec<_> = parts.filter_map(|part| part.split_once('=')).collect();
            let has = |key: &str, value: &str| {
                parts.iter().any(|(own, has)| own.trim() == key && has.trim() == value)
            };
            let text = media_type == "text/plain" && (has("version", "0.0.4") || !names(&parts));
            let protobuf = media_type == "application/vnd.google.protobuf"
                && has("proto", "io.prometheus.client.MetricFamily")
                && has("encoding", "delimited");
            if text || protobuf {
                let utf8_names = has("escaping", "allow-utf-8");
                form = FederateForm { protobuf, utf8_names };
                break;
            }
        }
        form
    }

    /// Returns the content type of the answer.
    pub fn content_type(self) -> String {
        let escaping = if self.utf8_names { "allow-utf-8" } else { "underscores" };
        let form = match self.protobuf {
            true => {
                "application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited"
            }
            false => "text/plain; version=0.0.4; charset=utf-8",
        };
        format!("{form}; escaping={escaping}")
    }

    fn metric_name(self, name: &str) -> Cow<'_, str> {
        match self.utf8_names || is_plain_metric_name(name) {
            true => Cow::Borrowed(name),
            false => Cow::Owned(underscored(name, true)),
        }
    }

    fn label_name(self, name: &str) -> Cow<'_, str> {
        match self.utf8_names || is_plain_label_name(name) {
            true => Cow::Borrowed(name),
            false => Cow::Owned(underscored(name, false)),
        }
    }
}

/// Whether a media range names a version at all.
fn names(parts: &[(&str, &str)]) -> bool {
    parts.iter().any(|(key, _)| key.trim() == "version")
}

/// Replaces what no old name may hold by `_`.
fn underscored(name: &str, colon: bool) -> String {
    let keep = |(index, letter): (usize, char)| {
        let plain = letter.is_ascii_alphabetic()
            || letter == '_'
            || (letter == ':' && colon)
            || (letter.is_ascii_digit() && index > 0);
        if plain { letter } else { '_' }
    };
    name.chars().enumerate().map(keep).collect()
}

/// The kinds of families; a metric whose series are of several kinds becomes several families.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Untyped,
    Histogram,
    GaugeHistogram,
}

impl Kind {
    fn of(value: FederatedValue<'_>) -> Self {
        match value {
            FederatedValue::Float(_) => Kind::Untyped,
            FederatedValue::Histogram(histogram) => match histogram.counter_reset_hint {
                CounterResetHint::Gauge => Kind::GaugeHistogram,
                CounterResetHint::Unknown
                | CounterResetHint::Reset
                | CounterResetHint::NotReset => Kind::Histogram,
            },
        }
    }
}

/// Writes points that are sorted by metric name. What has no name, and what the form cannot say, is
/// left out.
pub fn encode_federated(points: &[Federated<'_>], form: FederateForm) -> Vec<u8> {
    let mut out = Vec::new();
    let mut rest: Vec<(&str, Kind, &Federated<'_>)> = Vec::with_capacity(points.len());
    for point in points {
        let name = point.labels.iter().find(|(label, _)| *label == METRIC_NAME);
        let Some((_, name)) = name else { continue };
        let sayable = form.protobuf || !is_native_only(point.value);
        if sayable {
            rest.push((name, Kind::of(point.value), point));
        }
    }
    for family in rest.chunk_by(|one, next| (one.0, one.1) == (next.0, next.1)) {
        let (name, kind, _) = family[0];
        let points = family.iter().map(|(_, _, point)| *point);
        match form.protobuf {
            true => proto::push_family(&mut out, form, name, kind, points),
            false => push_text(&mut out, form, name, kind, points),
        }
    }
    out
}

fn is_native_only(value: FederatedValue<'_>) -> bool {
    match value {
        FederatedValue::Float(_) => false,
        FederatedValue::Histogram(histogram) => histogram.schema != CUSTOM_BUCKETS_SCHEMA,
    }
}

fn push_text<'a>(
    out: &mut Vec<u8>,
    form: FederateForm,
    name: &str,
    kind: Kind,
    points: impl Iterator<Item = &'a Federated<'a>>,
) {
    let name = form.metric_name(name);
    let shown = if is_plain_metric_name(&name) { name.to_string() } else { quoted(&name) };
    let word = if kind == Kind::Untyped { "untyped" } else { "histogram" };
    let mut text = format!("# TYPE {shown} {word}\n");
    for point in points {
        match point.value {
            FederatedValue::Float(value) => push_line(&mut text, form, (&name, ""), point, value),
            FederatedValue::Histogram(histogram) => {
                for (bound, count) in classic_buckets(histogram) {
                    let mut le = String::new();
                    write_value(bound, &mut le);
                    let mut bucket = point.clone();
                    bucket.labels.push(("le", &le));
                    push_line(&mut text, form, (&name, "_bucket"), &bucket, count);
                }
                push_line(&mut text, form, (&name, "_sum"), point, histogram.sum);
                push_line(&mut text, form, (&name, "_count"), point, histogram.count);
            }
        }
    }
    out.extend_from_slice(text.as_bytes());
}

fn push_line(
    text: &mut String,
    form: FederateForm,
    (name, suffix): (&str, &str),
    point: &Federated<'_>,
    value: f64,
) {
    let name = format!("{name}{suffix}");
    let mut parts = Vec::new();
    match is_plain_metric_name(&name) {
        true => text.push_str(&name),
        false => parts.push(quoted(&name)),
    }
    for (label, value) in point.labels.iter().filter(|(label, _)| *label != METRIC_NAME) {
        let label = form.label_name(label);
        let label = if is_plain_label_name(&label) { label } else { Cow::Owned(quoted(&label)) };
        parts.push(format!("{label}={}", quoted(value)));
    }
    if !parts.is_empty() {
        text.push_str(&format!("{{{}}}", parts.join(",")));
    }
    text.push(' ');
    write_value(value, text);
    text.push_str(&format!(" {}\n", point.at.0));
}

/// Returns the cumulative buckets of a histogram with custom ones, `+Inf` at the end.
fn classic_buckets(histogram: &Histogram) -> Vec<(f64, f64)> {
    let mut counts = vec![0.0; histogram.custom_values.len() + 1];
    let mut next = 0_i64;
    let mut own = histogram.positive_buckets.iter();
    for Span { offset, length } in &histogram.positive_spans {
        next += i64::from(*offset);
        for _ in 0..*length {
            let Some(count) = own.next() else { break };
            let place = usize::try_from(next).unwrap_or(0).min(counts.len() - 1);
            counts[place] += count;
            next += 1;
        }
    }
    let mut sum = 0.0;
    let bounds = histogram.custom_values.iter().copied().chain([f64::INFINITY]);
    let mut buckets: Vec<(f64, f64)> = bounds
        .zip(counts)
        .map(|(bound, count)| {
            sum += count;
            (bound, sum)
        })
        .collect();
    if let Some(last) = buckets.last_mut() {
        last.1 = histogram.count;
    }
    buckets
}

/// Returns the labels of a point of `series`, with those of `external` that the series lacks behind
/// its own. `instance` is never left to the reader: who federates would set its own.
pub fn federated_labels<'a>(series: &'a Labels, external: &'a Labels) -> Vec<(&'a str, &'a str)> {
    let mut labels: Vec<(&str, &str)> = series.iter().collect();
    let instance = [("instance", external.get("instance").unwrap_or(""))];
    let mut added: Vec<(&str, &str)> =
        external.iter().filter(|(name, _)| *name != "instance").chain(instance).collect();
    added.sort_unstable();
    added.retain(|(name, _)| series.get(name).is_none());
    labels.append(&mut added);
    labels
}

#[cfg(test)]
mod tests;
