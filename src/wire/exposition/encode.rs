//! Text 0.0.4 for our own `/metrics`.

use std::collections::{BTreeMap, HashMap};

use crate::model::batch::{MetricBatch, MetricMetadata, MetricType, SeriesWrite};
use crate::model::labels::METRIC_NAME;
use crate::wire::exposition::line::{is_plain_label_name, is_plain_metric_name};
use crate::wire::exposition::number::write_value;

/// The content type of [`encode_text`]'s result.
pub const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8; escaping=allow-utf-8";

/// Writes the newest sample of every series, family by family in the order of their names, without
/// times. Native histograms have no form in this text and are left out.
pub fn encode_text(batch: &MetricBatch) -> String {
    let known: HashMap<&str, &MetricMetadata> =
        batch.metadata.iter().map(|about| (about.metric.as_str(), about)).collect();
    let mut families: BTreeMap<&str, Vec<&SeriesWrite>> = BTreeMap::new();
    for write in &batch.series {
        families.entry(family(write.labels.metric_name(), &known)).or_default().push(write);
    }
    let mut out = String::new();
    for (name, series) in families {
        if let Some(about) = known.get(name) {
            write_header(about, &mut out);
        }
        for write in series {
            write_series(write, &mut out);
        }
    }
    out
}

/// Returns the family that a metric belongs to: itself, or what is left without the suffix of its
/// type's parts.
fn family<'a>(metric: &'a str, known: &HashMap<&str, &MetricMetadata>) -> &'a str {
    let suffixes: [(&str, &[MetricType]); 3] = [
        ("_bucket", &[MetricType::Histogram, MetricType::GaugeHistogram]),
        ("_sum", &[MetricType::Histogram, MetricType::Summary]),
        ("_count", &[MetricType::Histogram, MetricType::Summary]),
    ];
    if known.contains_key(metric) {
        return metric;
    }
    for (suffix, kinds) in suffixes {
        let Some(base) = metric.strip_suffix(suffix) else { continue };
        if known.get(base).is_some_and(|about| kinds.contains(&about.kind)) {
            return base;
        }
    }
    metric
}

fn write_header(about: &MetricMetadata, out: &mut String) {
    let name = match is_plain_metric_name(&about.metric) {
        true => about.metric.clone(),
        false => quoted(&about.metric),
    };
    if !about.help.is_empty() {
        let help = about.help.replace('\\', "\\\\").replace('\n', "\\n");
        out.push_str(&format!("# HELP {name} {help}\n"));
    }
    // Types that text 0.0.4 does not know are gauges to its readers.
    let kind = match about.kind {
        MetricType::Unknown => "untyped",
        MetricType::Info | MetricType::StateSet | MetricType::GaugeHistogram => "gauge",
        kind @ (MetricType::Counter
        | MetricType::Gauge
        | MetricType::Histogram
        | MetricType::Summary) => kind.word(),
    };
    out.push_str(&format!("# TYPE {name} {kind}\n"));
}

fn write_series(write: &SeriesWrite, out: &mut String) {
    let Some(newest) = write.samples.iter().max_by_key(|sample| sample.timestamp) else { return };
    let name = write.labels.metric_name();
    let is_plain = is_plain_metric_name(name);
    let mut parts: Vec<String> = Vec::new();
    if is_plain {
        out.push_str(name);
    } else {
        parts.push(quoted(name));
    }
    for (label, value) in write.labels.iter().filter(|(label, _)| *label != METRIC_NAME) {
        let value = quoted(value);
        parts.push(match is_plain_label_name(label) {
            true => format!("{label}={value}"),
            false => format!("{}={value}", quoted(label)),
        });
    }
    if !parts.is_empty() {
        out.push_str(&format!("{{{}}}", parts.join(",")));
    }
    out.push(' ');
    write_value(newest.value, out);
    out.push('\n');
}

/// Writes a text in quotes.
pub(super) fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::labels::Labels;
    use crate::model::sample::Sample;
    use crate::wire::exposition::{Format, parse};

    fn batch() -> MetricBatch {
        let series = |pairs: &[(&str, &str)], value: f64| {
            SeriesWrite::sample(Labels::from_pairs(pairs.iter().copied()), Sample::new(1, value))
        };
        let about = |metric: &str, kind| MetricMetadata {
            metric: metric.to_owned(),
            kind,
            help: "a \\ and\na line".to_owned(),
            unit: String::new(),
        };
        MetricBatch {
            series: vec![
                series(&[("__name__", "took_seconds_sum")], 2.5),
                series(&[("__name__", "calls_total"), ("path", "a\"b\\c\nd")], 3.0),
                series(&[("__name__", "took_seconds_bucket"), ("le", "+Inf")], 1.0),
                series(&[("__name__", "with.dot"), ("la.bel", "x")], f64::INFINITY),
            ],
            metadata: vec![
                about("took_seconds", MetricType::Histogram),
                about("calls_total", MetricType::Counter),
            ],
        }
    }

    #[test]
    fn families_stand_together_under_their_header() {
        let expected = r#"# HELP calls_total a \\ and\na line
# TYPE calls_total counter
calls_total{path="a\"b\\c\nd"} 3
# HELP took_seconds a \\ and\na line
# TYPE took_seconds histogram
took_seconds_sum 2.5
took_seconds_bucket{le="+Inf"} 1
{"with.dot","la.bel"="x"} +Inf
"#;
        assert_eq!(encode_text(&batch()), expected);
    }

    #[test]
    fn what_is_written_reads_back() {
        let scrape = parse(encode_text(&batch()).as_bytes(), Format::Text).unwrap();
        let mut read: Vec<_> =
            scrape.samples.iter().map(|sample| (sample.labels.clone(), sample.value)).collect();
        let written = batch();
        let mut expected: Vec<_> = written
            .series
            .iter()
            .map(|write| (write.labels.clone(), write.samples[0].value))
            .collect();
        read.sort_by(|left, right| left.0.cmp(&right.0));
        expected.sort_by(|left, right| left.0.cmp(&right.0));
        assert_eq!(read, expected);
        assert_eq!(scrape.metadata[0].help, "a \\ and\na line");
    }
}
