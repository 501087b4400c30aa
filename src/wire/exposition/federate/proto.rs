//! Families as delimited protobuf. The messages are proto2: a field that is there is written, 0 or not.

use prost::encoding::{encode_varint, message};

use crate::model::histogram::{CUSTOM_BUCKETS_SCHEMA, Histogram, Span};
use crate::model::labels::METRIC_NAME;
use crate::wire::exposition::federate::{
    FederateForm, Federated, FederatedValue, Kind, classic_buckets,
};

/// `io.prometheus.client.MetricFamily`
#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct Family {
    #[prost(string, optional, tag = "1")]
    pub(super) name: Option<String>,
    #[prost(int32, optional, tag = "3")]
    pub(super) kind: Option<i32>,
}

/// `io.prometheus.client.Metric`
#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct Metric {
    #[prost(message, repeated, tag = "1")]
    pub(super) labels: Vec<Label>,
    #[prost(message, optional, tag = "5")]
    pub(super) untyped: Option<Untyped>,
    #[prost(int64, optional, tag = "6")]
    pub(super) timestamp_ms: Option<i64>,
    #[prost(message, optional, tag = "7")]
    pub(super) histogram: Option<WireHistogram>,
}

/// `io.prometheus.client.LabelPair`
#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct Label {
    #[prost(string, optional, tag = "1")]
    pub(super) name: Option<String>,
    #[prost(string, optional, tag = "2")]
    pub(super) value: Option<String>,
}

/// `io.prometheus.client.Untyped`
#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct Untyped {
    #[prost(double, optional, tag = "1")]
    pub(super) value: Option<f64>,
}

/// `io.prometheus.client.Histogram`
#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct WireHistogram {
    #[prost(double, optional, tag = "2")]
    pub(super) sample_sum: Option<f64>,
    #[prost(message, repeated, tag = "3")]
    pub(super) buckets: Vec<Bucket>,
    #[prost(double, optional, tag = "4")]
    pub(super) sample_count: Option<f64>,
    #[prost(sint32, optional, tag = "5")]
    pub(super) schema: Option<i32>,
    #[prost(double, optional, tag = "6")]
    pub(super) zero_threshold: Option<f64>,
    #[prost(double, optional, tag = "8")]
    pub(super) zero_count: Option<f64>,
    #[prost(message, repeated, tag = "9")]
    pub(super) negative_spans: Vec<BucketSpan>,
    #[prost(double, repeated, packed = "false", tag = "11")]
    pub(super) negative_counts: Vec<f64>,
    #[prost(message, repeated, tag = "12")]
    pub(super) positive_spans: Vec<BucketSpan>,
    #[prost(double, repeated, packed = "false", tag = "14")]
    pub(super) positive_counts: Vec<f64>,
}

/// `io.prometheus.client.Bucket`
#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct Bucket {
    #[prost(double, optional, tag = "2")]
    pub(super) upper_bound: Option<f64>,
    #[prost(double, optional, tag = "4")]
    pub(super) cumulative_count: Option<f64>,
}

/// `io.prometheus.client.BucketSpan`
#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct BucketSpan {
    #[prost(sint32, optional, tag = "1")]
    pub(super) offset: Option<i32>,
    #[prost(uint32, optional, tag = "2")]
    pub(super) length: Option<u32>,
}

/// The tag of a family's metrics.
const METRICS: u32 = 4;

/// Appends one family behind its length.
pub(super) fn push_family<'a>(
    out: &mut Vec<u8>,
    form: FederateForm,
    name: &str,
    kind: Kind,
    points: impl Iterator<Item = &'a Federated<'a>>,
) {
    let number = match kind {
        Kind::Untyped => 3,
        Kind::Histogram => 4,
        Kind::GaugeHistogram => 5,
    };
    let head = Family { name: Some(form.metric_name(name).into_owned()), kind: Some(number) };
    let mut family = prost::Message::encode_to_vec(&head);
    for point in points {
        message::encode(METRICS, &metric(point, form), &mut family);
    }
    encode_varint(family.len() as u64, out);
    out.append(&mut family);
}

pub(super) fn metric(point: &Federated<'_>, form: FederateForm) -> Metric {
    let labels = point.labels.iter().filter(|(name, _)| *name != METRIC_NAME);
    let labels = labels
        .map(|(name, value)| Label {
            name: Some(form.label_name(name).into_owned()),
            value: Some((*value).to_owned()),
        })
        .collect();
    let (untyped, histogram) = match point.value {
        FederatedValue::Float(value) => (Some(Untyped { value: Some(value) }), None),
        FederatedValue::Histogram(histogram) => (None, Some(wire_histogram(histogram))),
    };
    Metric { labels, untyped, timestamp_ms: Some(point.at.0), histogram }
}

/// Histograms with custom buckets become classic ones, whose bucket `+Inf` goes without saying.
fn wire_histogram(histogram: &Histogram) -> WireHistogram {
    let totals = WireHistogram {
        sample_sum: Some(histogram.sum),
        sample_count: Some(histogram.count),
        ..WireHistogram::default()
    };
    if histogram.schema == CUSTOM_BUCKETS_SCHEMA {
        let bucket =
            |(bound, count)| Bucket { upper_bound: Some(bound), cumulative_count: Some(count) };
        let classic = classic_buckets(histogram).into_iter();
        let buckets = classic.take(histogram.custom_values.len()).map(bucket).collect();
        return WireHistogram { buckets, ..totals };
    }
    let spans = |spans: &[Span]| {
        let span = |one: &Span| BucketSpan { offset: Some(one.offset), length: Some(one.length) };
        spans.iter().map(span).collect()
    };
    WireHistogram {
        schema: Some(histogram.schema),
        zero_threshold: Some(histogram.zero_threshold),
        zero_count: Some(histogram.zero_count),
        negative_spans: spans(&histogram.negative_spans),
        negative_counts: histogram.negative_buckets.clone(),
        positive_spans: spans(&histogram.positive_spans),
        positive_counts: histogram.positive_buckets.clone(),
        ..totals
    }
}
