use std::collections::HashMap;

use super::*;
use crate::model::labels::Labels;
use crate::model::log::LogRecord;
use crate::model::trace::{Span, SpanId, SpanKind, TraceId};

const START: i64 = 1_795_392_000 * SECOND;

/// Lives through `seconds` seconds.
fn lived(seed: u64, history_s: i64, seconds: i64) -> Shipment {
    let mut traffic = Traffic::new(seed, START, history_s);
    let mut shipment = Shipment::default();
    for _ in 0..seconds {
        traffic.step(&mut shipment);
    }
    shipment
}

fn spans(shipment: &Shipment) -> Vec<&Span> {
    shipment.spans.iter().flat_map(|(_, batch)| &batch.spans).collect()
}

fn records(shipment: &Shipment) -> Vec<&LogRecord> {
    let ops = shipment.logs.iter().flat_map(|(_, batch)| &batch.ops);
    ops.filter_map(|op| match op {
        LogOp::Put { record, .. } => Some(record.as_ref()),
        LogOp::Delete { .. } => None,
    })
    .collect()
}

/// The traces of which everything has been sent: those that ended well before the end.
fn whole_traces(shipment: &Shipment) -> HashMap<TraceId, Vec<&Span>> {
    let mut traces: HashMap<TraceId, Vec<&Span>> = HashMap::new();
    for span in spans(shipment) {
        traces.entry(span.trace_id).or_default().push(span);
    }
    let end = traces.values().flatten().map(|span| span.end.0).max().unwrap();
    traces.retain(|_, spans| spans.iter().all(|span| span.start.0 < end - 15 * SECOND));
    traces
}

/// The last value of all series that `is_of` picks, added up.
fn total(shipment: &Shipment, is_of: impl Fn(&Labels) -> bool) -> f64 {
    let mut last: HashMap<&Labels, f64> = HashMap::new();
    for write in shipment.metrics.iter().flat_map(|(_, batch)| &batch.series) {
        if is_of(&write.labels) {
            last.insert(&write.labels, write.samples[0].value);
        }
    }
    last.values().sum()
}

fn checkouts(shipment: &Shipment, status: &str) -> f64 {
    total(shipment, |labels| {
        labels.metric_name() == "http_server_request_duration_seconds_count"
            && labels.get("job") == Some("checkout")
            && labels.get("http_route") == Some("/api/checkout")
            && labels.get("http_response_status_code").is_some_and(|code| code.starts_with(status))
    })
}

#[test]
fn the_same_seed_gives_the_same_telemetry_and_another_one_does_not() {
    let first = lived(7, 20, 40);
    assert_eq!(first, lived(7, 20, 40));
    assert_ne!(first, lived(8, 20, 40));
}

#[test]
fn traces_have_one_root_and_every_parent_and_children_lie_within_theirs() {
    let shipment = lived(1, 0, 60);
    let traces = whole_traces(&shipment);
    assert!(traces.len() > 150, "{}", traces.len());
    let mut sizes = Vec::new();
    for spans in traces.values() {
        let by_id: HashMap<SpanId, &Span> =
            spans.iter().map(|span| (span.span_id, *span)).collect();
        assert_eq!(by_id.len(), spans.len(), "span ids are unique");
        let roots: Vec<_> = spans.iter().filter(|span| span.parent_span_id.is_none()).collect();
        assert_eq!(roots.len(), 1, "{spans:#?}");
        for span in spans {
            assert!(span.start <= span.end, "{span:#?}");
            let Some(parent) = span.parent_span_id else { continue };
            let parent = by_id.get(&parent).unwrap_or_else(|| panic!("no parent of {span:#?}"));
            assert!(parent.start <= span.start, "{parent:#?} {span:#?}");
            // Whoever takes a message from a queue works after the sender is done.
            if span.kind != SpanKind::Consumer {
                assert!(span.end <= parent.end, "{parent:#?} {span:#?}");
            }
        }
        sizes.push(spans.len());
    }
    assert!(sizes.iter().max() > Some(&18) && sizes.iter().all(|size| *size <= 40), "{sizes:?}");
}

#[test]
fn log_lines_lie_within_the_spans_they_name() {
    let shipment = lived(1, 0, 60);
    let by_id: HashMap<(TraceId, SpanId), &Span> =
        spans(&shipment).into_iter().map(|span| ((span.trace_id, span.span_id), span)).collect();
    let (mut within, mut alone) = (0, 0);
    for record in records(&shipment) {
        let (Some(trace), Some(span)) = (record.trace_id, record.span_id) else {
            alone += 1;
            continue;
        };
        // A line comes before its span ends; the last spans are still under way.
        let Some(span) = by_id.get(&(trace, span)) else { continue };
        assert!(span.start <= record.timestamp && record.timestamp <= span.end, "{record:#?}");
        assert_eq!(span.service_name(), record.service_name());
        within += 1;
    }
    assert!(within > 300 && alone > 2, "{within} within spans, {alone} alone");
}

#[test]
fn an_incident_raises_errors_and_its_end_lowers_them() {
    // It runs from the start on for 240 s.
    let during = lived(1, 0, 120);
    let (failed, good) = (checkouts(&during, "5"), checkouts(&during, "2"));
    assert!(failed / (failed + good) > 0.25, "{failed} of {} failed", failed + good);
    let mut traffic = Traffic::new(1, START, 0);
    traffic.skip_to(START + 300 * SECOND);
    let mut after = Shipment::default();
    for _ in 0..120 {
        traffic.step(&mut after);
    }
    let (failed, good) = (checkouts(&after, "5"), checkouts(&after, "2"));
    assert!(failed == 0.0 && good > 50.0, "{failed} failed, {good} did not");
}

#[test]
fn history_is_thinner_and_counts_as_much() {
    let (history, live) = (lived(1, 600, 600), lived(1, 0, 600));
    let requests = |shipment: &Shipment| checkouts(shipment, "");
    let share = requests(&history) / requests(&live);
    assert!((0.7..1.4).contains(&share), "{share}");
    let share = spans(&history).len() as f64 / spans(&live).len() as f64;
    assert!((0.1..0.25).contains(&share), "{share}");
}

#[test]
fn a_trace_that_an_example_names_was_sent() {
    let shipment = lived(1, 0, 60);
    let series = shipment.metrics.iter().flat_map(|(_, batch)| &batch.series);
    let examples: Vec<_> = series.flat_map(|write| &write.exemplars).collect();
    let sent: Vec<String> = spans(&shipment).iter().map(|span| span.span_id.to_string()).collect();
    assert!(examples.len() > 50, "{}", examples.len());
    for example in examples {
        let span = example.labels.get("span_id").unwrap();
        assert!(sent.iter().any(|own| own == span), "{example:?}");
    }
}

#[test]
fn a_release_and_its_end_are_told() {
    let mut traffic = Traffic::new(1, START, 0);
    traffic.skip_to(START + 320 * SECOND);
    let mut shipment = Shipment::default();
    for _ in 0..260 {
        traffic.step(&mut shipment);
    }
    let bodies: Vec<String> =
        records(&shipment).iter().map(|record| record.body.to_text()).collect();
    assert!(bodies.iter().any(|body| body == "deployed cart 2.21.0"));
    assert!(bodies.iter().any(|body| body.contains("JavaScript heap out of memory")));
    let series = shipment.metrics.iter().flat_map(|(_, batch)| &batch.series);
    let memory = series.filter(|write| {
        write.labels.metric_name() == "process_resident_memory_bytes"
            && write.labels.get("job") == Some("cart")
    });
    let most = memory.map(|write| write.samples[0].value).fold(0.0, f64::max);
    assert!((400.0 * 1_048_576.0..=512.0 * 1_048_576.0).contains(&most), "{most}");
}
