//! What no client should send, at every way in of the real binary: a clear error in the protocol's
//! own form, counted by reason, and no neighbour in the same batch is lost.

use std::time::{SystemTime, UNIX_EPOCH};

use crate::appliance::{Appliance, start};

const JSON: &str = "application/json";
const PROTOBUF: &str = "application/x-protobuf";
const NDJSON: &str = "application/x-ndjson";
const THRIFT: &str = "application/x-thrift";

/// Path, type, body, status, and what the answer must hold.
type Case = (&'static str, &'static str, &'static [u8], u16, &'static str);

const CASES: [Case; 24] = [
    ("/v1/traces", "text/plain", b"x", 415, "content type"),
    ("/v1/traces", JSON, b"", 400, "\"message\""),
    ("/v1/logs", JSON, b"{\"resourceLogs\":[", 400, "\"message\""),
    ("/v1/logs", JSON, b"{\"resourceLogs\":7}", 400, "\"message\""),
    ("/v1/logs", JSON, b"\xff\xfe", 400, "\"message\""),
    ("/v1/metrics", PROTOBUF, b"\xff\xff\xff\xff", 400, ""),
    ("/api/v1/write", PROTOBUF, b"not snappy at all", 400, "snappy"),
    ("/api/v1/write", "text/plain", b"x", 415, ""),
    ("/_bulk", NDJSON, b"", 400, "\"root_cause\""),
    ("/_bulk", NDJSON, b"{\"index\":{}}\n{}\n", 400, "index is missing"),
    ("/_bulk", NDJSON, b"{\"index\":{\"_index\":\"a\"}}\n", 400, "document is missing"),
    ("/_bulk", NDJSON, b"{\"nonsense\":{}}\n{}\n", 400, "\"root_cause\""),
    ("/_bulk", NDJSON, b"\xff\xfe\n{}\n", 400, "\"root_cause\""),
    ("/_bulk", "text/html", b"{}", 415, "\"error\""),
    ("/a/_doc", JSON, b"\xff", 400, "UTF-8"),
    ("/a/_doc", JSON, b"[1]", 400, "\"root_cause\""),
    ("/a/_doc", "text/html", b"{}", 415, "\"error\""),
    ("/_search", JSON, b"{\"query\":{\"nonsense\":{}}}", 400, "nonsense"),
    ("/_search", JSON, b"{\"query\":", 400, "\"root_cause\""),
    ("/api/traces", JSON, b"{}", 415, "application/x-thrift"),
    ("/api/traces", THRIFT, b"", 400, "Unable to process request body"),
    ("/api/traces", THRIFT, b"\x0c\x00", 400, "Unable to process request body"),
    ("/api/v1/query", "application/x-www-form-urlencoded", b"query=rate(", 400, "parse error"),
    ("/no/such/path", JSON, b"{}", 404, "404 page not found"),
];

#[test]
fn every_door_refuses_rubbish_in_its_own_form_and_counts_it() {
    let folder = tempfile::tempdir().unwrap();
    let appliance = start(folder.path(), "");
    for (path, kind, body, status, words) in CASES {
        let answer = appliance.send("POST", path, kind, body);
        let case = format!("{path} {kind} {:?}", String::from_utf8_lossy(body));
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{case}: {answer}");
        assert!(answer.contains(words), "{case}: {answer}");
    }
    let metrics = appliance.ask("GET", "/metrics", "");
    for (door, reason) in [
        ("otlp_http", "malformed"),
        ("otlp_http", "unsupported"),
        ("remote_write", "malformed"),
        ("elasticsearch", "malformed"),
        ("elasticsearch", "unsupported"),
        ("jaeger_thrift", "malformed"),
        ("jaeger_thrift", "unsupported"),
    ] {
        let counted = metrics.lines().any(|line| {
            line.starts_with("belvedere_ingest_rejected_total{")
                && line.contains(&format!("door=\"{door}\""))
                && line.contains(&format!("reason=\"{reason}\""))
        });
        assert!(counted, "{door} {reason} was not counted");
    }
    assert!(appliance.ask("GET", "/-/ready", "").starts_with("HTTP/1.1 200"));
}

#[test]
fn good_neighbours_of_bad_items_are_kept() {
    let folder = tempfile::tempdir().unwrap();
    let appliance = start(folder.path(), "");
    let long = "x".repeat(10 << 20);
    let bulk = format!(
        "{{\"index\":{{\"_index\":\"n\"}}}}\n{{\"message\":\"first\"}}\n\
         {{\"index\":{{\"_index\":\"n\"}}}}\nno json\n\
         {{\"index\":{{\"_index\":\"n\"}}}}\n{{\"message\":\"{long}\"}}\n\
         {{\"index\":{{\"_index\":\"n\"}}}}\n{{\"message\":\"last\"}}\n"
    );
    let answer = appliance.send("POST", "/_bulk", NDJSON, bulk.as_bytes());
    assert!(answer.starts_with("HTTP/1.1 200 ") && answer.contains("\"errors\":true"), "{answer}");
    assert_eq!((found(&appliance, "first"), found(&appliance, "last")), (true, true));

    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_nanos();
    let record = |at: u128, body: &str| {
        format!(r#"{{"timeUnixNano":"{at}","body":{{"stringValue":"{body}"}}}}"#)
    };
    let records = [
        record(now, "today"),
        record(4_102_444_800_000_000_000, "in 2100"),
        record(86_400_000_000_000, "in 1970"),
    ];
    let logs = format!(
        r#"{{"resourceLogs":[{{"scopeLogs":[{{"logRecords":[{}]}}]}}]}}"#,
        records.join(",")
    );
    let answer = appliance.ask("POST", "/v1/logs", &logs);
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    assert!(answer.contains("\"rejectedLogRecords\":\"2\""), "{answer}");
    assert!(found(&appliance, "today") && !found(&appliance, "2100"));
}

fn found(appliance: &Appliance, word: &str) -> bool {
    let answer = appliance.ask("GET", &format!("/_count?q=message:{word}"), "");
    answer.contains("\"count\":1")
}
