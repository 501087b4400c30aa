//! Metrics to the bytes of one `prometheus.WriteRequest` (version 1.0).

use crate::model::batch::{MetricBatch, MetricMetadata, MetricType, SeriesWrite};
use crate::model::exemplar::Exemplar;
use crate::model::histogram::{CounterResetHint, Histogram, Span};
use crate::model::labels::Labels;
use crate::model::sample::HistogramSample;

const VARINT: u64 = 0;
const FIXED: u64 = 1;
const BYTES: u64 = 2;

/// Encodes a batch, in its order. Version 1.0 has no place for start times: they are left out.
/// Histograms are written with float counts.
pub fn encode(batch: &MetricBatch) -> Vec<u8> {
    let mut out = Vec::new();
    let mut inner = Vec::new();
    for write in &batch.series {
        inner.clear();
        put_series(write, &mut inner);
        put_bytes(1, &inner, &mut out);
    }
    for about in &batch.metadata {
        inner.clear();
        put_metadata(about, &mut inner);
        put_bytes(3, &inner, &mut out);
    }
    out
}

fn put_series(write: &SeriesWrite, out: &mut Vec<u8>) {
    let mut inner = Vec::new();
    put_labels(1, &write.labels, out);
    for sample in &write.samples {
        inner.clear();
        put_float(1, sample.value, &mut inner);
        put_number(2, sample.timestamp.0 as u64, &mut inner);
        put_bytes(2, &inner, out);
    }
    for exemplar in &write.exemplars {
        inner.clear();
        put_exemplar(exemplar, &mut inner);
        put_bytes(3, &inner, out);
    }
    for sample in &write.histograms {
        inner.clear();
        put_histogram(sample, &mut inner);
        put_bytes(4, &inner, out);
    }
}

fn put_labels(tag: u64, labels: &Labels, out: &mut Vec<u8>) {
    let mut inner = Vec::new();
    for (name, value) in labels.iter() {
        inner.clear();
        put_bytes(1, name.as_bytes(), &mut inner);
        put_bytes(2, value.as_bytes(), &mut inner);
        put_bytes(tag, &inner, out);
    }
}

fn put_exemplar(exemplar: &Exemplar, out: &mut Vec<u8>) {
    put_labels(1, &exemplar.labels, out);
    put_float(2, exemplar.value, out);
    put_number(3, exemplar.timestamp.0 as u64, out);
}

fn put_histogram(sample: &HistogramSample, out: &mut Vec<u8>) {
    let Histogram {
        counter_reset_hint,
        schema,
        zero_threshold,
        zero_count,
        count,
        sum,
        positive_spans,
        positive_buckets,
        negative_spans,
        negative_buckets,
        custom_values,
    } = sample.histogram.as_ref();
    put_float(2, *count, out);
    put_float(3, *sum, out);
    put_number(4, zigzag(i64::from(*schema)), out);
    put_float(5, *zero_threshold, out);
    put_float(7, *zero_count, out);
    put_spans(8, negative_spans, out);
    put_floats(10, negative_buckets, out);
    put_spans(11, positive_spans, out);
    put_floats(13, positive_buckets, out);
    let hint = match counter_reset_hint {
        CounterResetHint::Unknown => 0,
        CounterResetHint::Reset => 1,
        CounterResetHint::NotReset => 2,
        CounterResetHint::Gauge => 3,
    };
    put_number(14, hint, out);
    put_number(15, sample.timestamp.0 as u64, out);
    put_floats(16, custom_values, out);
}

fn put_spans(tag: u64, spans: &[Span], out: &mut Vec<u8>) {
    for span in spans {
        let mut inner = Vec::new();
        put_number(1, zigzag(i64::from(span.offset)), &mut inner);
        put_number(2, u64::from(span.length), &mut inner);
        put_bytes(tag, &inner, out);
    }
}

fn put_metadata(about: &MetricMetadata, out: &mut Vec<u8>) {
    let kind = match about.kind {
        MetricType::Unknown => 0,
        MetricType::Counter => 1,
        MetricType::Gauge => 2,
        MetricType::Histogram => 3,
        MetricType::GaugeHistogram => 4,
        MetricType::Summary => 5,
        MetricType::Info => 6,
        MetricType::StateSet => 7,
    };
    put_number(1, kind, out);
    put_bytes(2, about.metric.as_bytes(), out);
    put_bytes(4, about.help.as_bytes(), out);
    put_bytes(5, about.unit.as_bytes(), out);
}

fn put_varint(mut value: u64, out: &mut Vec<u8>) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

fn zigzag(value: i64) -> u64 {
    ((value << 1) ^ (value >> 63)) as u64
}

fn put_number(tag: u64, value: u64, out: &mut Vec<u8>) {
    put_varint(tag << 3 | VARINT, out);
    put_varint(value, out);
}

fn put_float(tag: u64, value: f64, out: &mut Vec<u8>) {
    put_varint(tag << 3 | FIXED, out);
    out.extend_from_slice(&value.to_le_bytes());
}

fn put_bytes(tag: u64, bytes: &[u8], out: &mut Vec<u8>) {
    put_varint(tag << 3 | BYTES, out);
    put_varint(bytes.len() as u64, out);
    out.extend_from_slice(bytes);
}

fn put_floats(tag: u64, values: &[f64], out: &mut Vec<u8>) {
    if values.is_empty() {
        return;
    }
    put_varint(tag << 3 | BYTES, out);
    put_varint(values.len() as u64 * 8, out);
    for value in values {
        out.extend_from_slice(&value.to_le_bytes());
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::model::sample::Sample;
    use crate::model::time::TimestampMs;
    use crate::wire::remote_write::{LabelCache, Schema, decode};

    #[test]
    fn what_is_encoded_decodes_to_the_same_to_the_bit() {
        let histogram = Histogram {
            counter_reset_hint: CounterResetHint::Gauge,
            schema: -3,
            zero_threshold: 0.5,
            zero_count: 1.5,
            count: 7.25,
            sum: -1.0,
            positive_spans: vec![Span { offset: -4, length: 2 }],
            positive_buckets: vec![1.0, 2.75],
            negative_spans: vec![Span { offset: 300, length: 1 }],
            negative_buckets: vec![2.0],
            custom_values: vec![],
        };
        let at = TimestampMs(-5);
        let exemplar = Exemplar {
            labels: Labels::from_pairs([("trace_id", "x")]),
            value: 2.0,
            timestamp: TimestampMs(9),
        };
        let stale = f64::from_bits(crate::model::stale::STALE_NAN_BITS);
        let batch = MetricBatch {
            series: vec![SeriesWrite {
                labels: Labels::from_pairs([("__name__", "a"), ("b", "ü")]),
                samples: vec![Sample::new(i64::MAX, -0.0), Sample::new(1, stale)],
                histograms: vec![HistogramSample { timestamp: at, histogram: Arc::new(histogram) }],
                exemplars: vec![exemplar],
                ..SeriesWrite::default()
            }],
            metadata: vec![MetricMetadata {
                metric: "a".to_owned(),
                kind: MetricType::StateSet,
                help: "h".to_owned(),
                unit: "u".to_owned(),
            }],
        };
        let decoded = decode(Schema::V1, &encode(&batch), &LabelCache::new(0)).unwrap();
        assert_eq!((decoded.batch, decoded.rejects), (batch, vec![]));
    }
}
