//! Series as samples.

use crate::model::histogram::{CUSTOM_BUCKETS_SCHEMA, CounterResetHint, Span};
use crate::model::labels::Labels;
use crate::model::sample::HistogramSample;
use crate::model::series::SeriesData;
use crate::wire::remote_read::fields::{
    push_bytes, push_float, push_floats, push_known_float, push_labels, push_message, push_number,
    push_signed,
};

/// The answer to one question, encoded series by series.
#[derive(Debug, Default)]
pub struct QueryResult(Vec<u8>);

impl QueryResult {
    /// Adds a series; `labels` are those that the peer sees.
    pub fn add(&mut self, labels: &Labels, series: &SeriesData) {
        push_message(&mut self.0, 1, |out| {
            push_labels(out, 1, labels);
            for sample in &series.samples {
                push_message(out, 2, |out| {
                    push_float(out, 1, sample.value);
                    push_number(out, 2, sample.timestamp.0);
                });
            }
            for sample in &series.histograms {
                push_message(out, 4, |out| push_histogram(out, sample));
            }
        });
    }
}

/// Appends the answer to the next question of a `prometheus.ReadResponse`.
pub fn push_result(response: &mut Vec<u8>, result: &QueryResult) {
    push_bytes(response, 1, &result.0);
}

/// Writes a `prometheus.Histogram` with absolute counts.
fn push_histogram(out: &mut Vec<u8>, sample: &HistogramSample) {
    let histogram = &sample.histogram;
    push_known_float(out, 2, histogram.count);
    push_float(out, 3, histogram.sum);
    push_signed(out, 4, histogram.schema);
    push_float(out, 5, histogram.zero_threshold);
    push_known_float(out, 7, histogram.zero_count);
    push_spans(out, 8, &histogram.negative_spans);
    push_floats(out, 10, &histogram.negative_buckets);
    push_spans(out, 11, &histogram.positive_spans);
    push_floats(out, 13, &histogram.positive_buckets);
    let hint = match histogram.counter_reset_hint {
        CounterResetHint::Unknown => 0,
        CounterResetHint::Reset => 1,
        CounterResetHint::NotReset => 2,
        CounterResetHint::Gauge => 3,
    };
    push_number(out, 14, hint);
    push_number(out, 15, sample.timestamp.0);
    if histogram.schema == CUSTOM_BUCKETS_SCHEMA {
        push_floats(out, 16, &histogram.custom_values);
    }
}

fn push_spans(out: &mut Vec<u8>, tag: u32, spans: &[Span]) {
    for span in spans {
        push_message(out, tag, |out| {
            push_signed(out, 1, span.offset);
            push_number(out, 2, i64::from(span.length));
        });
    }
}
