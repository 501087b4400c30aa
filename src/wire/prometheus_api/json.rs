//! JSON text, written straight into bytes.

use crate::model::histogram::Histogram;
use crate::model::labels::Labels;
use crate::model::sample::{HistogramSample, Sample};
use crate::model::time::TimestampMs;
use crate::wire::prometheus_api::buckets;
use crate::wire::prometheus_api::number::{push_float, push_timestamp};

/// Appends a text with its quotes.
pub(crate) fn push_text(out: &mut Vec<u8>, text: &str) {
    out.push(b'"');
    for byte in text.bytes() {
        match byte {
            b'"' => out.extend_from_slice(b"\\\""),
            b'\\' => out.extend_from_slice(b"\\\\"),
            b'\n' => out.extend_from_slice(b"\\n"),
            b'\r' => out.extend_from_slice(b"\\r"),
            b'\t' => out.extend_from_slice(b"\\t"),
            0..0x20 | 0x7f => out.extend_from_slice(format!("\\u{byte:04x}").as_bytes()),
            _ => out.push(byte),
        }
    }
    out.push(b'"');
}

/// Appends a list, each item by `push`.
pub(crate) fn push_list<T>(
    out: &mut Vec<u8>,
    items: impl IntoIterator<Item = T>,
    mut push: impl FnMut(&mut Vec<u8>, T),
) {
    out.push(b'[');
    for (index, item) in items.into_iter().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        push(out, item);
    }
    out.push(b']');
}

/// Appends an object, each value by `push`.
pub(crate) fn push_object<'a, T>(
    out: &mut Vec<u8>,
    entries: impl IntoIterator<Item = (&'a str, T)>,
    mut push: impl FnMut(&mut Vec<u8>, T),
) {
    out.push(b'{');
    for (index, (name, value)) in entries.into_iter().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        push_text(out, name);
        out.push(b':');
        push(out, value);
    }
    out.push(b'}');
}

/// Appends a list of texts.
pub(crate) fn push_texts(out: &mut Vec<u8>, texts: &[String]) {
    push_list(out, texts, |out, text| push_text(out, text));
}

/// Appends labels as an object.
pub(crate) fn push_labels(out: &mut Vec<u8>, labels: &Labels) {
    push_object(out, labels.iter(), push_text);
}

/// Appends `[time,"value"]`.
pub(crate) fn push_point(out: &mut Vec<u8>, at: TimestampMs, value: f64) {
    out.push(b'[');
    push_timestamp(out, at);
    out.extend_from_slice(b",\"");
    push_float(out, value);
    out.extend_from_slice(b"\"]");
}

/// Appends a float sample as a point.
pub(crate) fn push_sample(out: &mut Vec<u8>, sample: &Sample) {
    push_point(out, sample.timestamp, sample.value);
}

/// Appends `[time,{count,sum,buckets}]`.
pub(crate) fn push_histogram(out: &mut Vec<u8>, sample: &HistogramSample) {
    out.push(b'[');
    push_timestamp(out, sample.timestamp);
    out.push(b',');
    push_histogram_value(out, &sample.histogram);
    out.push(b']');
}

/// Appends `{count,sum,buckets}`.
pub(crate) fn push_histogram_value(out: &mut Vec<u8>, histogram: &Histogram) {
    out.extend_from_slice(b"{\"count\":\"");
    push_float(out, histogram.count);
    out.extend_from_slice(b"\",\"sum\":\"");
    push_float(out, histogram.sum);
    out.push(b'"');
    let filled = buckets::filled(histogram);
    if !filled.is_empty() {
        out.extend_from_slice(b",\"buckets\":");
        push_list(out, filled, |out, bucket| {
            out.extend_from_slice(format!("[{},\"", bucket.boundaries()).as_bytes());
            push_float(out, bucket.lower);
            out.extend_from_slice(b"\",\"");
            push_float(out, bucket.upper);
            out.extend_from_slice(b"\",\"");
            push_float(out, bucket.count);
            out.extend_from_slice(b"\"]");
        });
    }
    out.push(b'}');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_of_all_kinds_read_back() {
        for text in ["", "plain", "a\"b\\c\nd\re\tf\u{1}g\u{7f}", "ü€🦀", "</script>"] {
            let mut out = Vec::new();
            push_text(&mut out, text);
            assert_eq!(serde_json::from_slice::<String>(&out).unwrap(), text);
        }
    }
}
