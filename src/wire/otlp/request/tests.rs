use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::logs::v1::{LogRecord as ProtoRecord, ResourceLogs, ScopeLogs};
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span as ProtoSpan, span};
use proptest::prelude::*;
use prost::Message;

use super::*;
use crate::model::batch::LogOp;
use crate::model::log::{LogRecord, Severity};
use crate::model::resource::AttrValue;
use crate::model::trace::{SpanKind, StatusCode};

const NOW: TimestampNs = TimestampNs(1_700_000_000_000_000_000);

/// Every field of a span, with the liberties that senders take.
const SPANS_JSON: &str = r#"{"resourceSpans":[{
  "resource":{"attributes":[{"key":"service.name","value":{"stringValue":"cart"}}],"later":1},
  "scopeSpans":[{"scope":{"name":"lib","version":"1"},"unknown":{"deep":[1,2]},"spans":[{
    "traceId":"5B8EFFF798038103D269B633813FC60C","spanId":"eee19b7ec3c1b174",
    "parentSpanId":"","traceState":null,"flags":257,"name":"GET /","kind":2,
    "startTimeUnixNano":"1544712660000000000","endTimeUnixNano":1544712661000000000,
    "attributes":[
      {"key":"text","value":{"stringValue":"x"}},
      {"key":"big","value":{"intValue":"9223372036854775807"}},
      {"key":"small","value":{"intValue":7}},
      {"key":"float","value":{"doubleValue":1}},
      {"key":"nan","value":{"doubleValue":"NaN"}},
      {"key":"flag","value":{"boolValue":true}},
      {"key":"bytes","value":{"bytesValue":"_-8"}},
      {"key":"list","value":{"arrayValue":{"values":[{"intValue":"1"},{}]}}},
      {"key":"map","value":{"kvlistValue":{"values":[{"key":"k","value":{"stringValue":"v"}}]}}},
      {"key":"none","value":{"aValueOfTheFuture":{"x":1}}},
      {"key":"null","value":null}],
    "events":[{"timeUnixNano":"1544712660500000000","name":"e"}],
    "links":[{"traceId":"5b8efff798038103d269b633813fc60c","spanId":"EEE19B7EC3C1B174"}],
    "status":{"code":2,"message":"bad"},"droppedAttributesCount":3}]}]}]}"#;

fn json(text: &str) -> Bytes {
    Bytes::copy_from_slice(text.as_bytes())
}

fn spans(text: &str) -> Decoded<SpanBatch> {
    decode_traces(&json(text), Encoding::Json, NOW).unwrap()
}

fn one_span(inside: &str) -> Decoded<SpanBatch> {
    spans(&format!(r#"{{"resourceSpans":[{{"scopeSpans":[{{"spans":[{inside}]}}]}}]}}"#))
}

fn proto_span(name: &str) -> ProtoSpan {
    ProtoSpan {
        trace_id: vec![1; 16],
        span_id: vec![2; 8],
        name: name.to_owned(),
        start_time_unix_nano: 5,
        end_time_unix_nano: 9,
        ..ProtoSpan::default()
    }
}

fn trace_request(spans: Vec<ProtoSpan>) -> ExportTraceServiceRequest {
    let scope_spans = vec![ScopeSpans { spans, ..ScopeSpans::default() }];
    let group = ResourceSpans { scope_spans, ..ResourceSpans::default() };
    ExportTraceServiceRequest { resource_spans: vec![group] }
}

fn record(decoded: &Decoded<LogBatch>, index: usize) -> LogRecord {
    match &decoded.batch.ops[index] {
        LogOp::Put { record, .. } => (**record).clone(),
        LogOp::Delete { .. } => panic!("no log record deletes"),
    }
}

#[test]
fn json_with_all_liberties_of_senders_is_read_whole() {
    let decoded = spans(SPANS_JSON);
    assert_eq!(decoded.rejects, vec![]);
    let span = &decoded.batch.spans[0];
    assert_eq!(span.trace_id.to_string(), "5b8efff798038103d269b633813fc60c");
    assert_eq!((span.kind, span.status.code), (SpanKind::Server, StatusCode::Error));
    assert_eq!((span.parent_span_id, span.duration_ns()), (None, 1_000_000_000));
    assert_eq!((span.service_name(), span.scope.name.as_str()), ("cart", "lib"));
    assert_eq!((span.events.len(), span.links.len(), span.flags), (1, 1, 257));
    let value = |key: &str| span.attributes.get(key).cloned().unwrap();
    assert_eq!(value("big"), AttrValue::Int(i64::MAX));
    assert_eq!(value("small"), AttrValue::Int(7));
    assert_eq!(value("float"), AttrValue::Double(1.0));
    assert_eq!(value("nan").to_text(), r#""NaN""#);
    assert_eq!(value("bytes"), AttrValue::Bytes(vec![0xff, 0xef]));
    assert_eq!(value("list"), AttrValue::Array(vec![AttrValue::Int(1), AttrValue::Empty]));
    assert_eq!(value("map").to_text(), r#"{"k":"v"}"#);
    assert_eq!((value("none"), value("null")), (AttrValue::Empty, AttrValue::Empty));
}

#[test]
fn both_encodings_of_a_request_mean_the_same() {
    let mut span = proto_span("same");
    span.kind = span::SpanKind::Client.into();
    let request = trace_request(vec![span]);
    let protobuf = request.encode_to_vec().into();
    let as_json = json(&serde_json::to_string(&request).unwrap());
    let from_protobuf = decode_traces(&protobuf, Encoding::Protobuf, NOW).unwrap();
    let from_json = decode_traces(&as_json, Encoding::Json, NOW).unwrap();
    assert_eq!(from_protobuf, from_json);
    assert_eq!(from_protobuf.batch.spans.len(), 1);
}

#[test]
fn a_bad_span_never_costs_its_neighbours() {
    let mut short_id = proto_span("short");
    short_id.trace_id.pop();
    let mut zero_id = proto_span("zero");
    zero_id.span_id = vec![0; 8];
    let mut far = proto_span("far");
    far.end_time_unix_nano = u64::MAX;
    let mut body = trace_request(vec![short_id, zero_id, far]).encode_to_vec();
    // A span whose name is not UTF-8, framed rightly.
    let not_text = [0x2a, 0x01, 0xff];
    let framed = |inside: &[u8], tag: u8| [&[tag, inside.len() as u8], inside].concat();
    body.extend(framed(&framed(&framed(&not_text, 0x12), 0x12), 0x0a));
    body.extend(trace_request(vec![proto_span("good")]).encode_to_vec());
    let decoded = decode_traces(&body.into(), Encoding::Protobuf, NOW).unwrap();
    let reasons: Vec<_> = decoded.rejects.iter().map(|reject| reject.reason).collect();
    assert_eq!(
        reasons,
        vec![
            RejectReason::InvalidLabels,
            RejectReason::InvalidLabels,
            RejectReason::TooFarInFuture,
            RejectReason::Malformed,
        ]
    );
    let names: Vec<_> = decoded.batch.spans.iter().map(|span| span.name.as_str()).collect();
    assert_eq!(names, vec!["good"]);
}

#[test]
fn json_items_of_wrong_types_cost_only_themselves() {
    let good = r#"{"traceId":"01010101010101010101010101010101","spanId":"0202020202020202"}"#;
    for wrong in [
        r#"{"traceId":7}"#,
        r#"{"traceId":"xyz","spanId":"0202020202020202"}"#,
        r#"{"name":{}}"#,
        r#"{"startTimeUnixNano":"-1"}"#,
        r#"{"startTimeUnixNano":1.5}"#,
        r#"{"attributes":{"a":1}}"#,
        r#"{"events":[7]}"#,
        r#"{"kind":"SPAN_KIND_NONSENSE"}"#,
        "7",
        "null",
    ] {
        let decoded = one_span(&format!("{wrong},{good}"));
        assert_eq!(decoded.batch.spans.len(), 1, "{wrong}");
        assert_eq!(decoded.rejects.len(), 1, "{wrong}");
    }
}

#[test]
fn a_json_metric_that_is_not_readable_costs_as_many_points_as_it_has() {
    let body = json(
        r#"{"resourceMetrics":[{"scopeMetrics":[{"metrics":[
          {"name":"bad","gauge":{"dataPoints":[{"asInt":"x"},{"asInt":"1"}]}},
          {"name":"good","gauge":{"dataPoints":[{"asInt":"3","timeUnixNano":"1700000000000000000"}]}}
        ]}]}]}"#,
    );
    let decoded = decode_metrics(&body, Encoding::Json, NOW, &Mutex::default()).unwrap();
    assert_eq!(decoded.rejects[0].count, 2);
    assert_eq!(decoded.batch.series[0].labels.metric_name(), "good");
    assert_eq!(decoded.batch.series[0].samples[0].value, 3.0);
}

#[test]
fn missing_times_of_a_span_come_from_what_is_known() {
    let ids = r#""traceId":"01010101010101010101010101010101","spanId":"0202020202020202""#;
    let times = |given: &str| {
        let span = one_span(&format!("{{{ids}{given}}}")).batch.spans[0].clone();
        (span.start.0, span.end.0)
    };
    assert_eq!(times(""), (NOW.0, NOW.0));
    assert_eq!(times(r#","endTimeUnixNano":"7""#), (7, 7));
    assert_eq!(times(r#","startTimeUnixNano":"7""#), (7, 7));
}

#[test]
fn log_records_keep_severity_body_ids_and_event_name() {
    let mut spoken = ProtoRecord {
        observed_time_unix_nano: 3,
        severity_text: "Warning".to_owned(),
        event_name: "session.start".to_owned(),
        ..ProtoRecord::default()
    };
    let mut numbered = spoken.clone();
    numbered.severity_number = 18;
    numbered.trace_id = vec![1; 16];
    spoken.trace_id = vec![1; 3];
    let scope_logs =
        vec![ScopeLogs { log_records: vec![spoken, numbered], ..ScopeLogs::default() }];
    let group = ResourceLogs { scope_logs, ..ResourceLogs::default() };
    let request = ExportLogsServiceRequest { resource_logs: vec![group] };
    let decoded = decode_logs(&request.encode_to_vec().into(), Encoding::Protobuf).unwrap();
    let (first, second) = (record(&decoded, 0), record(&decoded, 1));
    assert_eq!((first.timestamp.0, first.observed.0), (0, 3));
    assert_eq!((first.severity, second.severity), (Severity::WARN, Severity(18)));
    assert_eq!((first.trace_id, second.trace_id.is_some()), (None, true));
    assert_eq!(first.attributes.get_str("event.name"), Some("session.start"));
    assert_eq!(first.body, AttrValue::Empty);
}

#[test]
fn an_empty_request_is_a_request_and_nonsense_is_none() {
    for (body, encoding) in [("", Encoding::Protobuf), ("{}", Encoding::Json)] {
        assert_eq!(decode_traces(&json(body), encoding, NOW), Ok(Decoded::default()), "{body}");
    }
    for wrong in ["", "[]", "7", "{", "{}x", r#"{"resourceSpans":7}"#, r#"{"resourceSpans":[7]}"#] {
        assert!(decode_traces(&json(wrong), Encoding::Json, NOW).is_err(), "{wrong}");
    }
    let not_utf8 = Bytes::from_static(b"{\"resourceSpans\":[{\"x\":\"\xff\"}]}");
    assert!(decode_traces(&not_utf8, Encoding::Json, NOW).is_err());
    assert!(decode_traces(&json("hello"), Encoding::Protobuf, NOW).is_err());
}

#[test]
fn no_truncation_is_taken_for_the_whole() {
    let body: Bytes = trace_request(vec![proto_span("a"); 2]).encode_to_vec().into();
    for length in 1..body.len() {
        let cut = decode_traces(&body.slice(..length), Encoding::Protobuf, NOW);
        assert!(cut.is_err(), "truncated at {length}");
    }
}

#[test]
fn deep_nesting_costs_an_item_and_not_the_process() {
    let deep = format!("{}{}", r#"{"arrayValue":{"values":["#.repeat(5_000), "]}}".repeat(5_000));
    let decoded = one_span(&format!(r#"{{"attributes":[{{"key":"k","value":{deep}}}]}}"#));
    assert_eq!((decoded.batch.spans.len(), decoded.rejects.len()), (0, 1));
}

#[test]
fn a_body_of_empty_items_is_refused_before_it_fills_memory() {
    let items = [0x12, 0x00].repeat(300_000);
    let field = |tag: u8, inside: &[u8]| {
        let mut length = Vec::new();
        prost::encoding::encode_varint(inside.len() as u64, &mut length);
        [&[tag], length.as_slice(), inside].concat()
    };
    let body: Bytes = field(0x0a, &field(0x12, &items)).into();
    let error = decode_traces(&body, Encoding::Protobuf, NOW).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::LimitExceeded);
    let groups: Bytes = [0x0a, 0x00].repeat(300_000).into();
    assert!(decode_logs(&groups, Encoding::Protobuf).is_err());
    let spans = format!(
        r#"{{"resourceSpans":[{{"scopeSpans":[{{"spans":[0{}]}}]}}]}}"#,
        ",0".repeat(300_000)
    );
    let error = decode_traces(&json(&spans), Encoding::Json, NOW).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::LimitExceeded);
}

#[test]
fn an_item_too_large_to_decode_costs_only_itself() {
    let huge = proto_span(&"x".repeat(5 << 20));
    let body = trace_request(vec![huge, proto_span("good")]).encode_to_vec().into();
    let decoded = decode_traces(&body, Encoding::Protobuf, NOW).unwrap();
    assert_eq!(decoded.rejects[0].reason, RejectReason::TooLarge);
    assert_eq!(decoded.batch.spans.len(), 1);
}

proptest! {
    #[test]
    fn no_bytes_cause_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let body = Bytes::from(bytes);
        for encoding in [Encoding::Protobuf, Encoding::Json] {
            let _ = decode_traces(&body, encoding, NOW);
            let _ = decode_logs(&body, encoding);
            let _ = decode_metrics(&body, encoding, NOW, &Mutex::default());
        }
    }

    #[test]
    fn no_changed_byte_of_a_real_request_causes_a_panic(
        place in 0..SPANS_JSON.len(),
        byte in any::<u8>(),
    ) {
        let mut body = SPANS_JSON.as_bytes().to_vec();
        body[place] = byte;
        let _ = decode_traces(&body.into(), Encoding::Json, NOW);
        let mut body = trace_request(vec![proto_span("a")]).encode_to_vec();
        let place = place % body.len();
        body[place] = byte;
        let _ = decode_traces(&body.into(), Encoding::Protobuf, NOW);
    }
}
