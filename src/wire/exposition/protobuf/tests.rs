use proptest::prelude::*;
use prost::Message;

use super::*;

#[derive(Clone, PartialEq, Message)]
struct WireFamily {
    #[prost(string, tag = "1")]
    name: String,
    #[prost(string, tag = "2")]
    help: String,
    #[prost(int32, tag = "3")]
    kind: i32,
    #[prost(message, repeated, tag = "4")]
    metric: Vec<wire::Metric>,
    #[prost(string, tag = "5")]
    unit: String,
}

fn pair(name: &str, value: &str) -> wire::LabelPair {
    wire::LabelPair { name: name.to_owned(), value: value.to_owned() }
}

fn family(name: &str, kind: i32, metric: wire::Metric) -> WireFamily {
    let (name, help) = (name.to_owned(), "what it is".to_owned());
    WireFamily { name, help, kind, metric: vec![metric], unit: String::new() }
}

fn body(families: &[WireFamily]) -> Vec<u8> {
    families.iter().flat_map(WireFamily::encode_length_delimited_to_vec).collect()
}

fn read(families: &[WireFamily], histograms: Histograms) -> Scrape {
    parse(&body(families), histograms).unwrap()
}

/// Writes each sample as `labels value`.
fn lines(scrape: &Scrape) -> Vec<String> {
    scrape.samples.iter().map(|one| format!("{} {}", one.labels, one.value)).collect()
}

fn example(seconds: i64) -> wire::Exemplar {
    let timestamp = Some(wire::Timestamp { seconds, nanos: 500_000_000 });
    wire::Exemplar { label: vec![pair("trace_id", "abc")], value: 0.3, timestamp }
}

fn histogram() -> wire::Histogram {
    let bucket = wire::Bucket {
        cumulative_count: 2,
        upper_bound: 1.0,
        exemplar: Some(example(9)),
        ..wire::Bucket::default()
    };
    wire::Histogram {
        sample_count: 3,
        sample_sum: 4.5,
        bucket: vec![bucket],
        schema: 3,
        zero_threshold: 0.001,
        positive_span: vec![wire::BucketSpan { offset: -2, length: 3 }],
        positive_delta: vec![1, -1, 2],
        start_timestamp: Some(wire::Timestamp { seconds: 7, nanos: 0 }),
        ..wire::Histogram::default()
    }
}

fn of_histogram(histogram: wire::Histogram) -> wire::Metric {
    let (label, histogram) = (vec![pair("job", "a")], Some(histogram));
    wire::Metric { label, histogram, ..wire::Metric::default() }
}

#[test]
fn a_counter_brings_its_exemplar_its_start_and_its_time() {
    let counter = wire::Counter {
        value: 5.0,
        exemplar: Some(example(9)),
        start_timestamp: Some(wire::Timestamp { seconds: 7, nanos: 1_000_000 }),
    };
    let metric = wire::Metric {
        label: vec![pair("path", "/ü")],
        counter: Some(counter),
        timestamp_ms: 12_000,
        ..wire::Metric::default()
    };
    let scrape = read(&[family("calls_total", 0, metric)], Histograms::default());
    assert_eq!(lines(&scrape), [r#"{__name__="calls_total", path="/ü"} 5"#]);
    let sample = &scrape.samples[0];
    assert_eq!(sample.timestamp, Some(TimestampMs(12_000)));
    assert_eq!(sample.start, Some(TimestampMs(7_001)));
    assert_eq!(sample.exemplar.as_ref().unwrap().timestamp, Some(TimestampMs(9_500)));
    assert_eq!(scrape.metadata[0].kind, MetricType::Counter);
    assert_eq!(scrape.metadata[0].help, "what it is");
}

#[test]
fn a_summary_becomes_its_parts() {
    let quantile = vec![wire::Quantile { quantile: 0.5, value: 2.0 }];
    let summary =
        wire::Summary { sample_count: 3, sample_sum: 6.0, quantile, ..wire::Summary::default() };
    let metric = wire::Metric { summary: Some(summary), ..wire::Metric::default() };
    let scrape = read(&[family("took", 2, metric)], Histograms::default());
    assert_eq!(
        lines(&scrape),
        [
            r#"{__name__="took_count"} 3"#,
            r#"{__name__="took_sum"} 6"#,
            r#"{__name__="took", quantile="0.5"} 2"#,
        ]
    );
}

#[test]
fn a_histogram_is_read_in_the_form_that_is_wanted() {
    let families = [family("took", 4, of_histogram(histogram()))];
    let classic = read(&families, Histograms::Classic);
    assert!(classic.histograms.is_empty());
    let buckets = [
        r#"{__name__="took_count", job="a"} 3"#,
        r#"{__name__="took_sum", job="a"} 4.5"#,
        r#"{__name__="took_bucket", job="a", le="1.0"} 2"#,
        r#"{__name__="took_bucket", job="a", le="+Inf"} 3"#,
    ];
    assert_eq!(lines(&classic), buckets);
    assert!(classic.samples[2].exemplar.is_some());
    let native = read(&families, Histograms::Native);
    assert!(native.samples.is_empty());
    let one = &native.histograms[0];
    assert_eq!(one.labels.to_string(), r#"{__name__="took", job="a"}"#);
    // The empty bucket in the middle is left out.
    assert_eq!(
        one.histogram.positive_spans,
        [Span { offset: -2, length: 1 }, Span { offset: 1, length: 1 }]
    );
    assert_eq!(one.histogram.positive_buckets, [1.0, 2.0]);
    assert_eq!((one.start, one.exemplars.len()), (Some(TimestampMs(7_000)), 1));
    let both = read(&families, Histograms::Both);
    assert_eq!((lines(&both).len(), both.histograms.len()), (4, 1));
}

#[test]
fn an_empty_span_says_that_a_histogram_without_observations_is_native() {
    let empty = wire::Histogram {
        positive_span: vec![wire::BucketSpan::default()],
        ..wire::Histogram::default()
    };
    let scrape = read(&[family("took", 5, of_histogram(empty))], Histograms::Native);
    let histogram = &scrape.histograms[0].histogram;
    assert_eq!(histogram.counter_reset_hint, CounterResetHint::Gauge);
    assert_eq!(histogram.positive_spans, []);
}

#[test]
fn a_fault_fails_the_scrape_and_names_its_family() {
    let lying = wire::Histogram { positive_delta: vec![1], ..histogram() };
    let twice =
        wire::Metric { label: vec![pair("a", "1"), pair("a", "2")], ..wire::Metric::default() };
    let faults = [
        (family("took", 4, of_histogram(lying)), "family took: positive side: spans need 3"),
        (family("twice", 1, twice), r#"family twice: label "a" stands there twice"#),
        (family("", 1, wire::Metric::default()), "invalid metric name"),
        (family("odd", 9, wire::Metric::default()), "byte 0: a family has an unknown metric type"),
    ];
    for (family, text) in faults {
        let error = parse(&body(&[family]), Histograms::Native).unwrap_err();
        assert!(error.message().contains(text), "{text:?} is not in {:?}", error.message());
    }
    let whole = body(&[family("a", 1, wire::Metric::default())]);
    assert!(parse(&whole[..whole.len() - 1], Histograms::Native).is_err());
    let many = WireFamily {
        metric: vec![wire::Metric::default(); MAX_METRICS + 1],
        ..family("a", 1, wire::Metric::default())
    };
    let error = parse(&body(&[many]), Histograms::Native).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::LimitExceeded);
}

proptest! {
    #[test]
    fn no_flipped_byte_causes_a_panic(place in any::<prop::sample::Index>(), byte in any::<u8>()) {
        let mut bytes = body(&[family("took", 4, of_histogram(histogram()))]);
        let place = place.index(bytes.len());
        bytes[place] = byte;
        let _ = parse(&bytes, Histograms::Both);
    }

    #[test]
    fn no_bytes_cause_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = parse(&bytes, Histograms::Both);
    }
}
