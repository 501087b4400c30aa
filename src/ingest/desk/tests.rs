use super::*;
use crate::base::clock::ManualClock;
use crate::base::error::ErrorKind;
use crate::base::size::ByteSize;
use crate::ingest::limits::SeriesLimits;
use crate::ingest::recording::{Counts, Recording};
use crate::model::batch::{LogOp, SeriesWrite};
use crate::model::exemplar::Exemplar;
use crate::model::histogram::Histogram;
use crate::model::labels::Labels;
use crate::model::log::LogRecord;
use crate::model::resource::{AttrValue, Attributes};
use crate::model::sample::{HistogramSample, Sample};
use crate::model::time::TimestampMs;
use crate::model::trace::{Span, SpanId, SpanKind, Status, TraceId};

const NOW_MS: i64 = 1_700_000_000_000;
const NOW_NS: i64 = NOW_MS * 1_000_000;

fn door() -> (Ingest, Arc<Recording>) {
    Recording::behind_door(IngestLimits::default(), ManualClock::at_ms(NOW_MS))
}

fn series(pairs: &[(&str, &str)], samples: &[(i64, f64)]) -> SeriesWrite {
    SeriesWrite {
        labels: Labels::from_pairs(pairs.iter().copied()),
        samples: samples.iter().map(|(at, value)| Sample::new(*at, *value)).collect(),
        ..SeriesWrite::default()
    }
}

fn put(record: LogRecord) -> LogOp {
    LogOp::Put { record: Box::new(record), replace: false }
}

fn span(id: u8, start: i64, end: i64) -> Span {
    Span {
        trace_id: TraceId([1; 16]),
        span_id: SpanId([id; 8]),
        parent_span_id: None,
        trace_state: String::new(),
        flags: 0,
        name: "work".to_owned(),
        kind: SpanKind::Internal,
        start: TimestampNs(start),
        end: TimestampNs(end),
        attributes: Attributes::default(),
        events: Vec::new(),
        links: Vec::new(),
        status: Status::default(),
        resource: Arc::default(),
        scope: Arc::default(),
    }
}

fn reasons(receipt: &Receipt) -> Vec<(usize, u64, RejectReason)> {
    let rejected = receipt.rejected.iter();
    rejected.map(|rejection| (rejection.index, rejection.count, rejection.reason)).collect()
}

#[tokio::test]
async fn a_bad_series_never_costs_its_neighbours() {
    let (ingest, recording) = door();
    let long_name = "n".repeat(257);
    let long_value = "v".repeat(2_049);
    let many: Vec<(String, String)> =
        (0..64).map(|index| (format!("l{index}"), "x".to_owned())).collect();
    let mut crowded = series(&[("__name__", "crowded")], &[(NOW_MS, 1.0)]);
    crowded.labels =
        Labels::from_pairs(many.into_iter().chain([("__name__".to_owned(), "crowded".to_owned())]));
    let batch = MetricBatch {
        series: vec![
            series(&[("a", "b")], &[(NOW_MS, 1.0)]),
            series(&[("__name__", "good")], &[(NOW_MS, 1.0)]),
            series(&[("__name__", "m"), (&long_name, "b")], &[(NOW_MS, 1.0), (NOW_MS + 1, 1.0)]),
            series(&[("__name__", "m"), ("a", &long_value)], &[(NOW_MS, 1.0)]),
            crowded,
            series(&[("__name__", "größe"), ("ünï", "ok")], &[(NOW_MS, 2.0)]),
        ],
        metadata: Vec::new(),
    };
    let receipt = ingest.metrics(Door::RemoteWrite, batch).await.unwrap();
    assert_eq!(receipt.accepted, 2);
    assert_eq!(
        reasons(&receipt),
        vec![
            (0, 1, RejectReason::InvalidLabels),
            (2, 2, RejectReason::TooLarge),
            (3, 1, RejectReason::TooLarge),
            (4, 1, RejectReason::LimitExceeded),
        ]
    );
    assert_eq!(recording.metrics.lock()[0].series.len(), 2);
}

#[tokio::test]
async fn a_metric_that_explodes_is_bounded_and_told_with_the_label_at_fault() {
    let series_limits = SeriesLimits { per_metric: 2, ..SeriesLimits::default() };
    let limits = IngestLimits { series: series_limits, ..IngestLimits::default() };
    let (ingest, recording) = Recording::behind_door(limits, ManualClock::at_ms(NOW_MS));
    let of_user = |user: usize| {
        let user = user.to_string();
        series(&[("__name__", "m"), ("job", "a"), ("user", &user)], &[(NOW_MS, 1.0)])
    };
    let batch = MetricBatch { series: (0..50).map(of_user).collect(), metadata: Vec::new() };
    for _ in 0..2 {
        let receipt = ingest.metrics(Door::RemoteWrite, batch.clone()).await.unwrap();
        assert_eq!((receipt.accepted, receipt.rejected_count()), (2, 48));
        assert_eq!(receipt.rejected[0].reason, RejectReason::TooManySeries);
    }
    assert_eq!(recording.metrics.lock()[0].series.len(), 2);
    let long = series(&[("__name__", "n"), ("path", &"x".repeat(3_000))], &[(NOW_MS, 1.0)]);
    let batch = MetricBatch { series: vec![long], metadata: Vec::new() };
    ingest.metrics(Door::Scrape, batch).await.unwrap();
    let offenders = ingest.offenders();
    assert_eq!(offenders.metrics[0].name, "m");
    assert_eq!(offenders.metrics[0].total(), 96);
    assert_eq!(offenders.metrics[0].values[0].0, "user");
    assert_eq!(offenders.labels, [("path".to_owned(), 1)]);
    assert_eq!(offenders.largest, [("m".to_owned(), 2)]);
}

#[tokio::test]
async fn only_the_future_samples_of_a_series_are_refused() {
    let (ingest, recording) = door();
    let year_2100 = 4_102_444_800_000;
    let edge = NOW_MS + 600_000;
    let points = [(0, 1.0), (edge, 2.0), (edge + 1, 3.0), (year_2100, 4.0)];
    let batch =
        MetricBatch { series: vec![series(&[("__name__", "m")], &points)], metadata: Vec::new() };
    let receipt = ingest.metrics(Door::Scrape, batch).await.unwrap();
    assert_eq!(reasons(&receipt), vec![(0, 2, RejectReason::TooFarInFuture)]);
    let kept: Vec<i64> =
        recording.metrics.lock()[0].series[0].samples.iter().map(|s| s.timestamp.0).collect();
    assert_eq!(kept, vec![0, edge]);
}

#[tokio::test]
async fn the_stores_refusals_point_into_the_callers_batch() {
    let (ingest, recording) = door();
    recording.refuse.lock().push(1);
    let batch = MetricBatch {
        series: vec![
            series(&[("nameless", "x")], &[(NOW_MS, 1.0)]),
            series(&[("__name__", "first")], &[(NOW_MS, 1.0)]),
            series(&[("__name__", "second")], &[(NOW_MS, 1.0)]),
        ],
        metadata: Vec::new(),
    };
    let receipt = ingest.metrics(Door::OtlpHttp, batch).await.unwrap();
    assert_eq!(
        reasons(&receipt),
        vec![(0, 1, RejectReason::InvalidLabels), (2, 1, RejectReason::Conflict)]
    );
}

#[tokio::test]
async fn broken_histograms_and_oversize_exemplars_are_dropped_alone() {
    let (ingest, recording) = door();
    let mut write = series(&[("__name__", "m")], &[(NOW_MS, 1.0)]);
    let broken = Histogram { schema: 99, ..Histogram::default() };
    write.histograms = vec![
        HistogramSample { timestamp: TimestampMs(NOW_MS), histogram: Arc::new(broken) },
        HistogramSample { timestamp: TimestampMs(NOW_MS), histogram: Arc::default() },
    ];
    let exemplar = |value: &str| Exemplar {
        labels: Labels::from_pairs([("trace_id", value)]),
        value: 1.0,
        timestamp: TimestampMs(NOW_MS),
    };
    write.exemplars = vec![exemplar(&"x".repeat(121)), exemplar("abc")];
    let batch = MetricBatch { series: vec![write], metadata: Vec::new() };
    let receipt = ingest.metrics(Door::RemoteWrite, batch).await.unwrap();
    assert_eq!(reasons(&receipt), vec![(0, 1, RejectReason::Malformed)]);
    let written = recording.metrics.lock()[0].series[0].clone();
    assert_eq!((written.histograms.len(), written.exemplars.len()), (1, 1));
}

#[tokio::test]
async fn a_record_without_time_index_and_id_gets_them() {
    let (ingest, recording) = door();
    let mut observed = LogRecord::new(TimestampNs(0), "seen later");
    observed.observed = TimestampNs(NOW_NS - 5);
    let silent = LogRecord::new(TimestampNs(0), "no time at all");
    let mut named = LogRecord::new(TimestampNs(NOW_NS), "named");
    (named.index, named.id) = ("mine".to_owned(), "1".to_owned());
    let batch = LogBatch { ops: vec![put(observed), put(silent), put(named)] };
    let answer = ingest.logs(Door::OtlpGrpc, batch).await.unwrap();
    assert_eq!(answer.receipt.accepted, 3);
    let records = recording.records();
    let times: Vec<i64> = records.iter().map(|record| record.timestamp.0 - NOW_NS).collect();
    assert_eq!(times, vec![-5, 0, 0]);
    assert_eq!(records[0].index, "logs-otlp_grpc-default");
    assert!(records[0].id < records[1].id, "made ids rise: {records:?}");
    assert_eq!((records[2].index.as_str(), records[2].id.as_str()), ("mine", "1"));
}

#[tokio::test]
async fn ids_that_a_logger_wrote_among_the_attributes_lead_to_the_trace() {
    let (ingest, recording) = door();
    let mut record = LogRecord::new(TimestampNs(NOW_NS), "by winston");
    let trace_id = "0af7651916cd43dd8448eb211c80319c";
    record.attributes = [("traceId", trace_id), ("span_id", "b7ad6b7169203331")]
        .map(|(key, value)| (key.to_owned(), AttrValue::from(value)))
        .into_iter()
        .collect();
    let mut chatty = LogRecord::new(TimestampNs(NOW_NS), "not an id");
    chatty.attributes.set("trace_id", AttrValue::from("bad"));
    let batch = LogBatch { ops: vec![put(record), put(chatty)] };
    ingest.logs(Door::OtlpHttp, batch).await.unwrap();
    let records = recording.records();
    assert_eq!(records[0].trace_id, TraceId::from_hex(trace_id));
    assert_eq!(records[0].span_id, SpanId::from_hex("b7ad6b7169203331"));
    assert_eq!(records[1].trace_id, None);
}

#[tokio::test]
async fn log_outcomes_keep_the_order_of_the_callers_operations() {
    let (ingest, _) = door();
    let huge = LogRecord::new(TimestampNs(NOW_NS), "x".repeat(10 << 20));
    let late = LogRecord::new(TimestampNs(4_102_444_800_000_000_000), "from 2100");
    let mut nested = LogRecord::new(TimestampNs(NOW_NS), "ok");
    nested.attributes = [("k".to_owned(), AttrValue::Int(1)), ("k".to_owned(), AttrValue::Int(2))]
        .into_iter()
        .collect();
    let batch = LogBatch {
        ops: vec![
            put(huge),
            put(nested),
            put(late),
            LogOp::Delete { index: "i".to_owned(), id: String::new() },
            LogOp::Delete { index: "i".to_owned(), id: "1".to_owned() },
        ],
    };
    let answer = ingest.logs(Door::Elasticsearch, batch).await.unwrap();
    assert_eq!(
        answer.outcomes,
        vec![
            LogOutcome::Rejected,
            LogOutcome::Created(0),
            LogOutcome::Rejected,
            LogOutcome::Rejected,
            LogOutcome::Created(1),
        ]
    );
    assert_eq!(
        reasons(&answer.receipt),
        vec![
            (0, 1, RejectReason::TooLarge),
            (2, 1, RejectReason::TooFarInFuture),
            (3, 1, RejectReason::Malformed),
        ]
    );
}

#[tokio::test]
async fn what_retention_would_drop_at_once_is_refused_as_too_old() {
    let day = Duration::from_secs(86_400);
    let limits =
        IngestLimits { log_age: Some(day), span_age: Some(day), ..IngestLimits::default() };
    let (ingest, _) = Recording::behind_door(limits, ManualClock::at_ms(NOW_MS));
    let in_1970 = LogRecord::new(TimestampNs(1), "old");
    let answer = ingest.logs(Door::OtlpHttp, LogBatch { ops: vec![put(in_1970)] }).await.unwrap();
    assert_eq!(reasons(&answer.receipt), vec![(0, 1, RejectReason::TooOld)]);
    let batch = SpanBatch { spans: vec![span(1, 1, 2)] };
    let receipt = ingest.traces(Door::OtlpHttp, batch).await.unwrap();
    assert_eq!(reasons(&receipt), vec![(0, 1, RejectReason::TooOld)]);
}

#[tokio::test]
async fn spans_are_refused_for_zero_ids_and_never_end_before_they_start() {
    let (ingest, recording) = door();
    let batch = SpanBatch { spans: vec![span(0, NOW_NS, NOW_NS), span(2, NOW_NS, NOW_NS - 1)] };
    let receipt = ingest.traces(Door::JaegerThrift, batch).await.unwrap();
    assert_eq!(reasons(&receipt), vec![(0, 1, RejectReason::InvalidLabels)]);
    let kept = recording.traces.lock()[0].spans[0].clone();
    assert_eq!((kept.span_id, kept.duration_ns()), (SpanId([2; 8]), 0));
}

#[tokio::test]
async fn a_full_door_refuses_with_a_hint_and_writes_nothing() {
    let limits = IngestLimits { in_flight: ByteSize(1_000), ..IngestLimits::default() };
    let (ingest, recording) = Recording::behind_door(limits, ManualClock::at_ms(NOW_MS));
    let reserved = ingest.reserve(Door::OtlpHttp, "traces", 900).unwrap();
    let batch = SpanBatch { spans: vec![span(1, NOW_NS, NOW_NS)] };
    let error = ingest.traces(Door::OtlpHttp, batch.clone()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    assert!(error.retry_after().is_some());
    drop(reserved);
    assert_eq!(ingest.traces(Door::OtlpHttp, batch).await.unwrap().accepted, 1);
    assert_eq!(recording.traces.lock().len(), 1);
}

#[tokio::test]
async fn a_failing_store_is_an_error_and_never_a_receipt() {
    let (ingest, recording) = door();
    *recording.failure.lock() = Some(Error::unavailable("disk full", Duration::from_secs(1)));
    let batch = LogBatch { ops: vec![put(LogRecord::new(TimestampNs(NOW_NS), "lost"))] };
    let error = ingest.logs(Door::Own, batch).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable);
}

#[tokio::test]
async fn an_empty_batch_is_a_success_of_nothing() {
    let (ingest, recording) = door();
    let receipt = ingest.metrics(Door::OtlpHttp, MetricBatch::default()).await.unwrap();
    assert_eq!(receipt, Receipt::default());
    assert!(recording.metrics.lock().is_empty());
}

#[tokio::test]
async fn what_is_taken_and_refused_is_counted_by_door_signal_and_reason() {
    let counts = Counts::new();
    let (ingest, recording) = door();
    let stores = ingest.0.stores.clone();
    let clock = Arc::clone(&ingest.0.clock);
    let limits = IngestLimits { in_flight: ByteSize(2_000), ..IngestLimits::default() };
    let ingest = Ingest::counting_on(&counts.meter(), stores, limits, clock);
    let spans = vec![span(1, NOW_NS, NOW_NS), span(0, NOW_NS, NOW_NS)];
    ingest.traces(Door::OtlpHttp, SpanBatch { spans }).await.unwrap();
    ingest.reject(Door::OtlpGrpc, "metrics", RejectReason::Unsupported, 3);
    let never_fits = ingest.reserve(Door::Elasticsearch, "logs", 3_000).unwrap_err();
    assert_eq!(never_fits.kind(), ErrorKind::LimitExceeded);
    *recording.failure.lock() = Some(Error::internal("broken"));
    let one = MetricBatch {
        series: vec![series(&[("__name__", "m")], &[(NOW_MS, 1.0), (NOW_MS + 1, 1.0)])],
        metadata: Vec::new(),
    };
    assert!(ingest.metrics(Door::Scrape, one).await.is_err());
    let rejected = "belvedere_ingest_rejected_total";
    let expected = [
        r#"belvedere_ingest_accepted_total{door="otlp_http", signal="traces"} 1"#.to_owned(),
        format!(r#"{rejected}{{door="elasticsearch", reason="limit_exceeded", signal="logs"}} 1"#),
        format!(r#"{rejected}{{door="otlp_grpc", reason="unsupported", signal="metrics"}} 3"#),
        format!(r#"{rejected}{{door="otlp_http", reason="invalid_labels", signal="traces"}} 1"#),
        format!(r#"{rejected}{{door="scrape", reason="internal", signal="metrics"}} 2"#),
    ];
    assert_eq!(counts.lines(), expected);
}
