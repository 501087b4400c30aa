use opentelemetry_proto::tonic::common::v1::any_value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue};
use opentelemetry_proto::tonic::metrics::v1::exponential_histogram_data_point::Buckets;
use opentelemetry_proto::tonic::metrics::v1::summary_data_point::ValueAtQuantile;
use opentelemetry_proto::tonic::metrics::v1::{
    Exemplar, ExponentialHistogram, ExponentialHistogramDataPoint, Gauge, Histogram,
    HistogramDataPoint, NumberDataPoint, Sum, Summary, SummaryDataPoint, exemplar,
    number_data_point,
};

use super::*;
use crate::model::stale::is_stale;

const NOW: TimestampNs = TimestampNs(1_700_000_000_000_000_000);
const AT: u64 = 1_700_000_000_500_000_000;

fn attribute(key: &str, value: &str) -> KeyValue {
    let value = any_value::Value::StringValue(value.to_owned());
    KeyValue {
        key: key.to_owned(),
        value: Some(AnyValue { value: Some(value) }),
        ..KeyValue::default()
    }
}

fn number(value: f64) -> NumberDataPoint {
    NumberDataPoint {
        time_unix_nano: AT,
        value: Some(number_data_point::Value::AsDouble(value)),
        ..NumberDataPoint::default()
    }
}

fn metric(name: &str, unit: &str, data: Data) -> Metric {
    Metric {
        name: name.to_owned(),
        unit: unit.to_owned(),
        description: "what it is".to_owned(),
        data: Some(data),
        ..Metric::default()
    }
}

fn sum(temporality: AggregationTemporality, points: Vec<NumberDataPoint>) -> Data {
    Data::Sum(Sum {
        data_points: points,
        aggregation_temporality: temporality.into(),
        is_monotonic: true,
    })
}

fn decode(metrics: Vec<Metric>) -> DecodedMetrics {
    decode_into(&Mutex::default(), metrics)
}

/// Decodes points that may be deltas of those before.
fn decode_into(deltas: &Mutex<DeltaStreams>, metrics: Vec<Metric>) -> DecodedMetrics {
    let mut sink = MetricSink::new(NOW, deltas);
    sink.resource(ProtoResource {
        attributes: vec![attribute("service.name", "cart"), attribute("host.name", "h")],
        ..ProtoResource::default()
    });
    metrics.into_iter().for_each(|metric| sink.item(metric));
    sink.resource_ends();
    sink.finish()
}

/// Writes each series as `labels value@milliseconds`.
fn lines(decoded: &DecodedMetrics) -> Vec<String> {
    let series = decoded.batch.series.iter();
    series
        .flat_map(|write| {
            let line = |sample: &crate::model::sample::Sample| {
                format!("{} {}@{}", write.labels, sample.value, sample.timestamp.0)
            };
            write.samples.iter().map(line).collect::<Vec<_>>()
        })
        .collect()
}

#[test]
fn a_counter_gets_unit_total_job_and_target_info() {
    let mut point = number(5.0);
    point.attributes = vec![attribute("http.route", "/a"), attribute("job", "mine")];
    let cumulative = AggregationTemporality::Cumulative;
    let decoded = decode(vec![metric("app.data", "By", sum(cumulative, vec![point]))]);
    assert_eq!(
        lines(&decoded),
        vec![
            r#"{__name__="app_data_bytes_total", http_route="/a", job="cart"} 5@1700000000500"#,
            r#"{__name__="target_info", host_name="h", job="cart"} 1@1700000000500"#,
        ]
    );
    let about = &decoded.batch.metadata[0];
    assert_eq!((about.metric.as_str(), about.kind), ("app_data_bytes_total", MetricType::Counter));
    assert_eq!((about.help.as_str(), about.unit.as_str()), ("what it is", "bytes"));
    assert_eq!(decoded.origins, vec![Some(0), None]);
}

#[test]
fn a_point_without_time_gets_the_arrival_and_one_without_value_is_refused() {
    let mut timeless = number(1.0);
    timeless.time_unix_nano = 0;
    let mut empty = number(0.0);
    empty.value = None;
    let mut stale = empty.clone();
    stale.flags = 1;
    let mut beyond = number(1.0);
    beyond.time_unix_nano = u64::MAX;
    let points = vec![timeless, empty, stale, beyond];
    let decoded = decode(vec![metric("g", "", Data::Gauge(Gauge { data_points: points }))]);
    let reasons: Vec<_> = decoded.rejects.iter().map(|reject| reject.reason).collect();
    assert_eq!(reasons, vec![RejectReason::Malformed, RejectReason::TooFarInFuture]);
    let series = &decoded.batch.series;
    assert_eq!(series[0].samples[0].timestamp, NOW.to_ms());
    assert!(is_stale(series[1].samples[0].value));
}

/// A metric whose points say only what is new.
fn delta_at(seconds: u64, value: f64) -> Metric {
    let mut point = number(value);
    point.start_time_unix_nano = AT + (seconds - 10) * 1_000_000_000;
    point.time_unix_nano = AT + seconds * 1_000_000_000;
    metric("calls", "", sum(AggregationTemporality::Delta, vec![point]))
}

#[test]
fn deltas_become_totals_that_begin_with_the_first_of_them() {
    let deltas = Mutex::default();
    let read = |seconds, value| {
        let decoded = decode_into(&deltas, vec![delta_at(seconds, value)]);
        let write = &decoded.batch.series[0];
        assert_eq!(write.labels.metric_name(), "calls_total");
        (write.samples[0].value, write.starts[0].start.0 - AT as i64 / 1_000_000)
    };
    assert_eq!(read(10, 5.0), (5.0, 0));
    assert_eq!(read(20, 3.0), (8.0, 0));
    assert_eq!(read(20, 3.0), (8.0, 0), "sent again");
    let late = decode_into(&deltas, vec![delta_at(15, 1.0)]);
    assert_eq!(late.rejects[0].reason, RejectReason::TooOld);
    assert!(late.batch.series.is_empty());
}

#[test]
fn delta_histograms_of_both_kinds_add_up() {
    let deltas = Mutex::default();
    let temporality = AggregationTemporality::Delta.into();
    let read = |seconds: u64| {
        let explicit = HistogramDataPoint {
            time_unix_nano: AT + seconds * 1_000_000_000,
            count: 3,
            sum: Some(1.5),
            bucket_counts: vec![1, 2],
            explicit_bounds: vec![0.5],
            ..HistogramDataPoint::default()
        };
        let exponential = ExponentialHistogramDataPoint {
            time_unix_nano: AT + seconds * 1_000_000_000,
            count: 2,
            scale: 2,
            positive: Some(Buckets { offset: seconds as i32, bucket_counts: vec![2] }),
            ..ExponentialHistogramDataPoint::default()
        };
        let data_points = vec![exponential];
        let exponential =
            ExponentialHistogram { data_points, aggregation_temporality: temporality };
        let data_points = vec![explicit];
        let explicit = Histogram { data_points, aggregation_temporality: temporality };
        decode_into(
            &deltas,
            vec![
                metric("e", "", Data::Histogram(explicit)),
                metric("x", "", Data::ExponentialHistogram(exponential)),
            ],
        )
    };
    read(1);
    let second = read(2);
    let values: Vec<f64> =
        second.batch.series.iter().flat_map(|write| &write.samples).map(|one| one.value).collect();
    // Sum, count, the bucket up to 0.5, all of them, and target_info.
    assert_eq!(values, [3.0, 6.0, 2.0, 6.0, 1.0]);
    let native = second.batch.series.iter().find_map(|write| write.histograms.first()).unwrap();
    assert_eq!(native.histogram.count, 4.0);
    assert_eq!(native.histogram.positive_buckets, [2.0, 2.0]);
}

#[test]
fn a_point_without_known_temporality_is_refused() {
    let unspecified = sum(AggregationTemporality::Unspecified, vec![number(1.0), number(2.0)]);
    let decoded = decode(vec![metric("odd", "", unspecified)]);
    assert_eq!(decoded.batch, MetricBatch::default());
    assert_eq!((decoded.rejects[0].count, decoded.rejects[0].reason), (2, RejectReason::Malformed));
    let text = "invalid temporality and type combination for metric \"odd\"";
    assert_eq!(decoded.rejects[0].message, text);
}

#[test]
fn an_explicit_histogram_becomes_cumulative_buckets_with_its_exemplars() {
    let exemplar = Exemplar {
        trace_id: vec![0xab; 16],
        span_id: vec![1; 8],
        time_unix_nano: AT,
        value: Some(exemplar::Value::AsDouble(0.3)),
        ..Exemplar::default()
    };
    let point = HistogramDataPoint {
        time_unix_nano: AT,
        count: 6,
        sum: Some(2.5),
        bucket_counts: vec![1, 2, 3],
        explicit_bounds: vec![0.1, 1.0],
        exemplars: vec![exemplar],
        attributes: vec![attribute("le", "theirs")],
        ..HistogramDataPoint::default()
    };
    let data = Data::Histogram(Histogram {
        data_points: vec![point],
        aggregation_temporality: AggregationTemporality::Cumulative.into(),
    });
    let decoded = decode(vec![metric("took", "s", data)]);
    let found: Vec<String> =
        lines(&decoded).into_iter().filter(|line| line.contains("took")).collect();
    assert_eq!(
        found,
        vec![
            r#"{__name__="took_seconds_sum", job="cart", le="theirs"} 2.5@1700000000500"#,
            r#"{__name__="took_seconds_count", job="cart", le="theirs"} 6@1700000000500"#,
            r#"{__name__="took_seconds_bucket", job="cart", le="0.1"} 1@1700000000500"#,
            r#"{__name__="took_seconds_bucket", job="cart", le="1"} 3@1700000000500"#,
            r#"{__name__="took_seconds_bucket", job="cart", le="+Inf"} 6@1700000000500"#,
        ]
    );
    let with_exemplar = &decoded.batch.series[3];
    let labels = &with_exemplar.exemplars[0].labels;
    assert_eq!(labels.get("trace_id"), Some("ab".repeat(16).as_str()));
    assert_eq!(decoded.origins[..5], [Some(0); 5]);
}

#[test]
fn buckets_that_do_not_fit_their_bounds_are_refused() {
    let point = |bounds: &[f64], counts: &[u64]| HistogramDataPoint {
        time_unix_nano: AT,
        bucket_counts: counts.to_vec(),
        explicit_bounds: bounds.to_vec(),
        ..HistogramDataPoint::default()
    };
    let data = Data::Histogram(Histogram {
        data_points: vec![
            point(&[1.0], &[1]),
            point(&[2.0, 1.0], &[1, 1, 1]),
            point(&[f64::NAN], &[1, 1]),
            point(&[], &[]),
            point(&[], &[4]),
        ],
        aggregation_temporality: AggregationTemporality::Cumulative.into(),
    });
    let decoded = decode(vec![metric("h", "", data)]);
    assert_eq!(decoded.rejects.len(), 3, "{:?}", decoded.rejects);
}

#[test]
fn an_exponential_histogram_becomes_a_native_one() {
    let point = ExponentialHistogramDataPoint {
        time_unix_nano: AT,
        count: 7,
        sum: Some(3.0),
        scale: 9,
        zero_count: 1,
        positive: Some(Buckets { offset: 0, bucket_counts: vec![1, 2, 3] }),
        ..ExponentialHistogramDataPoint::default()
    };
    let mut coarse = point.clone();
    coarse.scale = -5;
    let mut stale = point.clone();
    stale.flags = 1;
    let data = Data::ExponentialHistogram(ExponentialHistogram {
        data_points: vec![point, coarse, stale],
        aggregation_temporality: AggregationTemporality::Cumulative.into(),
    });
    let decoded = decode(vec![metric("h", "", data)]);
    assert_eq!(decoded.rejects[0].reason, RejectReason::Unsupported);
    let histogram = &decoded.batch.series[0].histograms[0].histogram;
    assert_eq!((histogram.schema, histogram.count, histogram.zero_count), (8, 7.0, 1.0));
    assert_eq!(histogram.positive_buckets, vec![3.0, 3.0]);
    assert_eq!(histogram.validate(), Ok(()));
    assert!(decoded.batch.series[1].histograms[0].histogram.is_stale());
}

#[test]
fn a_summary_becomes_sum_count_and_quantiles() {
    let point = SummaryDataPoint {
        time_unix_nano: AT,
        count: 2,
        sum: 3.0,
        quantile_values: vec![ValueAtQuantile { quantile: 0.5, value: 1.5 }],
        ..SummaryDataPoint::default()
    };
    let decoded =
        decode(vec![metric("s", "", Data::Summary(Summary { data_points: vec![point] }))]);
    assert_eq!(
        lines(&decoded)[..3],
        [
            r#"{__name__="s_sum", job="cart"} 3@1700000000500"#,
            r#"{__name__="s_count", job="cart"} 2@1700000000500"#,
            r#"{__name__="s", job="cart", quantile="0.5"} 1.5@1700000000500"#,
        ]
    );
}

#[test]
fn a_point_counts_once_however_many_of_its_series_are_refused() {
    let origins = [Some(0), Some(0), Some(1), None];
    let mut receipt = Receipt::default();
    for index in [0, 1, 3] {
        receipt.reject(index, 1, RejectReason::TooOld, String::new());
    }
    assert_eq!(DecodedMetrics::refused_points(&origins, &receipt), 1);
}

#[test]
fn attributes_repeated_for_every_bucket_cannot_fill_memory() {
    let point = HistogramDataPoint {
        time_unix_nano: AT,
        explicit_bounds: (0..1_000).map(f64::from).collect(),
        bucket_counts: vec![1; 1_001],
        attributes: vec![attribute("long", &"x".repeat(40_000))],
        ..HistogramDataPoint::default()
    };
    let mut wide = point.clone();
    wide.explicit_bounds = (0..2_000).map(f64::from).collect();
    wide.bucket_counts = vec![1; 2_001];
    let data = Data::Histogram(Histogram {
        data_points: [vec![wide], vec![point; 10]].concat(),
        aggregation_temporality: AggregationTemporality::Cumulative.into(),
    });
    let decoded = decode(vec![metric("h", "", data)]);
    let bytes: usize = decoded.batch.series.iter().map(|write| write.labels.as_bytes().len()).sum();
    assert!(bytes < 2 * MAX_LABEL_BYTES, "{bytes}");
    assert!(decoded.rejects.len() > 5);
    assert!(decoded.rejects.iter().all(|reject| reject.reason == RejectReason::LimitExceeded));
}

#[test]
fn points_beyond_the_bound_of_a_request_are_refused_and_counted() {
    let points = vec![NumberDataPoint::default(); MAX_POINTS as usize + 1];
    let decoded = decode(vec![
        metric("many", "", Data::Gauge(Gauge { data_points: points })),
        metric("one", "", Data::Gauge(Gauge { data_points: vec![number(1.0)] })),
    ]);
    assert_eq!(decoded.rejects.len(), 1);
    assert_eq!(decoded.rejects[0].count, u64::from(MAX_POINTS) + 1);
    assert_eq!(decoded.batch.series[0].labels.metric_name(), "one");
}
