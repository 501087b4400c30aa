use prost::Message;

use super::*;
use crate::wire::exposition::federate::proto::{Family, Metric};

fn series(pairs: &[(&str, &str)]) -> Labels {
    Labels::from_pairs(pairs.iter().copied())
}

fn custom() -> Histogram {
    Histogram {
        schema: CUSTOM_BUCKETS_SCHEMA,
        count: 6.0,
        sum: 12.5,
        custom_values: vec![0.5, 1.0, 2.0],
        positive_spans: vec![Span { offset: 1, length: 1 }, Span { offset: 1, length: 1 }],
        positive_buckets: vec![4.0, 2.0],
        ..Histogram::default()
    }
}

const TEXT: FederateForm = FederateForm { protobuf: false, utf8_names: true };

#[test]
fn text_has_times_types_and_external_labels_where_the_series_lacks_them() {
    let external = series(&[("cluster", "eu"), ("job", "outer")]);
    let [up, dotted] = [
        series(&[("__name__", "up"), ("job", "a\"b")]),
        series(&[("__name__", "x.y"), ("l.m", "v")]),
    ];
    let point = |labels, value| Federated {
        labels: federated_labels(labels, &external),
        at: TimestampMs(1_500),
        value: FederatedValue::Float(value),
    };
    let points = [point(&up, 1.0), point(&dotted, f64::INFINITY)];
    let expected = r#"# TYPE up untyped
up{job="a\"b",cluster="eu",instance=""} 1 1500
# TYPE "x.y" untyped
{"x.y","l.m"="v",cluster="eu",instance="",job="outer"} +Inf 1500
"#;
    assert_eq!(String::from_utf8(encode_federated(&points, TEXT)).unwrap(), expected);
    let plain = FederateForm::accepted("");
    let text = String::from_utf8(encode_federated(&points[1..], plain)).unwrap();
    assert!(text.contains("x_y{l_m=\"v\",cluster"), "{text}");
}

#[test]
fn histograms_with_custom_buckets_are_classic_and_others_have_no_text() {
    let labels = series(&[("__name__", "h"), ("instance", "i")]);
    let (custom, native) = (custom(), Histogram { schema: 2, ..Histogram::default() });
    let external = Labels::empty();
    let point = |value| Federated {
        labels: federated_labels(&labels, &external),
        at: TimestampMs(7),
        value,
    };
    let points = [
        point(FederatedValue::Histogram(&custom)),
        point(FederatedValue::Histogram(&native)),
        point(FederatedValue::Float(3.0)),
    ];
    let expected = r#"# TYPE h histogram
h_bucket{instance="i",le="0.5"} 0 7
h_bucket{instance="i",le="1"} 4 7
h_bucket{instance="i",le="2"} 4 7
h_bucket{instance="i",le="+Inf"} 6 7
h_sum{instance="i"} 12.5 7
h_count{instance="i"} 6 7
# TYPE h untyped
h{instance="i"} 3 7
"#;
    assert_eq!(String::from_utf8(encode_federated(&points, TEXT)).unwrap(), expected);
}

#[test]
fn protobuf_is_delimited_and_keeps_native_histograms() {
    let labels = series(&[("__name__", "h"), ("a", "b")]);
    let native = Histogram {
        schema: 2,
        count: 3.0,
        positive_spans: vec![Span { offset: -1, length: 2 }],
        positive_buckets: vec![1.0, 2.0],
        counter_reset_hint: CounterResetHint::Gauge,
        ..Histogram::default()
    };
    let external = Labels::empty();
    let point = |value| Federated {
        labels: federated_labels(&labels, &external),
        at: TimestampMs(7),
        value,
    };
    let points = [point(FederatedValue::Histogram(&native)), point(FederatedValue::Float(0.0))];
    let form = FederateForm { protobuf: true, utf8_names: true };
    let bytes = encode_federated(&points, form);
    let mut rest = &bytes[..];
    let mut kinds = Vec::new();
    while !rest.is_empty() {
        let length = prost::encoding::decode_varint(&mut rest).unwrap() as usize;
        let (family, tail) = rest.split_at(length);
        let head = Family::decode(family).unwrap();
        assert_eq!(head.name.as_deref(), Some("h"));
        kinds.push(head.kind);
        rest = tail;
    }
    assert_eq!(kinds, [Some(5), Some(3)]);
    let metric = Metric::decode(&prost::Message::encode_to_vec(&proto_metric(&points[0]))[..]);
    let histogram = metric.unwrap().histogram.unwrap();
    assert_eq!((histogram.schema, histogram.sample_count), (Some(2), Some(3.0)));
    assert_eq!(histogram.positive_counts, [1.0, 2.0]);
}

fn proto_metric(point: &Federated<'_>) -> Metric {
    proto::metric(point, TEXT)
}

#[test]
fn the_form_is_what_is_accepted_first() {
    let form = |accept: &str| FederateForm::accepted(accept).content_type();
    let text = "text/plain; version=0.0.4; charset=utf-8; escaping=underscores";
    assert_eq!(form(""), text);
    assert_eq!(form("application/openmetrics-text;version=1.0.0,*/*;q=0.1"), text);
    let of_prometheus = "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,text/plain;version=0.0.4;escaping=allow-utf-8;q=0.4,*/*;q=0.1";
    let allowed = "text/plain; version=0.0.4; charset=utf-8; escaping=allow-utf-8";
    assert_eq!(form(of_prometheus), allowed);
    let protobuf = "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited;q=0.6,text/plain;version=0.0.4;q=0.4";
    assert!(form(protobuf).starts_with("application/vnd.google.protobuf; proto="));
}
