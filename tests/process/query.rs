//! `belvedere query` against a running appliance and against its data directory.

use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use crate::appliance::{Appliance, run, start, text};

const QUIET: &str = "telemetry: {self: false}\nhost: {enabled: false}\nrule_packs: []\n";

/// Sends a minute of points of eleven series, three records and a trace, all of them hostile, and
/// returns the second of the last.
fn fill(appliance: &Appliance) -> u128 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs() as u128;
    let point = |lane: u32, at: u128| {
        format!(
            r#"{{"timeUnixNano":"{}000000000","asDouble":{},"attributes":[
            {{"key":"lane","value":{{"stringValue":"l{lane},\u001b[2J"}}}}]}}"#,
            now - 60 + at,
            f64::from(lane) + at as f64 / 100.0
        )
    };
    let points: Vec<String> = (0..11)
        .flat_map(|lane| (0..=4).map(move |at| (lane, at * 15)))
        .map(|(lane, at)| point(lane, at))
        .collect();
    let metrics = format!(
        r#"{{"resourceMetrics":[{{"scopeMetrics":[{{"metrics":[{{"name":"depth","gauge":{{"dataPoints":[{}]}}}}]}}]}}]}}"#,
        points.join(",")
    );
    let record = |at: u128| {
        format!(
            r#"{{"timeUnixNano":"{}000000000","severityNumber":17,"body":{{"stringValue":"lost {at}\u001b[2J\nnext"}}}}"#,
            now - at
        )
    };
    let records: Vec<String> = (0..3).map(record).collect();
    let service =
        r#""resource":{"attributes":[{"key":"service.name","value":{"stringValue":"cart"}}]}"#;
    let logs = format!(
        r#"{{"resourceLogs":[{{{service},"scopeLogs":[{{"logRecords":[{}]}}]}}]}}"#,
        records.join(",")
    );
    let traces = format!(
        r#"{{"resourceSpans":[{{{service},"scopeSpans":[{{"spans":[{{"traceId":"0af7651916cd43dd8448eb211c80319c",
        "spanId":"b7ad6b7169203331","name":"GET /\u001b[2J","kind":2,"startTimeUnixNano":"{now}000000000",
        "endTimeUnixNano":"{now}250000000"}}]}}]}}]}}"#
    );
    for (path, body) in [("/v1/metrics", metrics), ("/v1/logs", logs), ("/v1/traces", traces)] {
        let answer = appliance.ask("POST", path, &body);
        assert!(answer.starts_with("HTTP/1.1 200"), "{path}: {answer}");
    }
    now
}

/// Runs `belvedere query` and returns its exit code, output and errors.
fn query(folder: &Path, arguments: &[&str]) -> (i32, String, String) {
    let whole: Vec<&str> = ["query"].iter().chain(arguments).copied().collect();
    let output = run(folder, &whole);
    let code = output.status.code().unwrap();
    let (out, complaints) = (text(&output.stdout), text(&output.stderr));
    let is_data = arguments.contains(&"csv");
    assert!(is_data || !out.contains('\u{1b}'), "control characters: {out:?}");
    assert!(!complaints.contains('\u{1b}'), "control characters: {complaints:?}");
    (code, out, complaints)
}

#[test]
fn metrics_are_answered_as_table_chart_csv_and_json() {
    let folder = tempfile::tempdir().unwrap();
    let appliance = start(folder.path(), QUIET);
    let now = fill(&appliance).to_string();
    let from = (now.parse::<u64>().unwrap() - 60).to_string();
    let ask = |arguments: &[&str]| {
        let (code, out, complaints) = query(folder.path(), arguments);
        assert_eq!(code, 0, "{arguments:?}: {complaints}");
        out
    };

    let table = ask(&["metrics", "depth > 9", "--time", &now]);
    let rows: Vec<&str> = table.lines().collect();
    assert_eq!(rows.len(), 3, "{table}");
    assert!(rows[0].starts_with("metric  lane") && rows[0].contains("value  time"), "{table}");
    assert!(table.contains("l10,\\u{1b}[2J") && table.contains("10.6"), "{table}");

    let range = ["metrics", "depth", "--from", &from, "--to", &now, "--step", "15s", "--output"];
    let with = |output: &str| ask(&range.iter().copied().chain([output]).collect::<Vec<_>>());
    let table = with("table");
    let lane: Vec<&str> =
        table.lines().find(|row| row.contains("l10")).unwrap().split_whitespace().collect();
    assert!(lane.windows(5).any(|it| it == ["5", "10", "10.3", "10.6", "10.6"]), "{table}");

    let chart = with("chart");
    assert!(chart.contains("3 more series not drawn"), "{chart}");
    assert!(chart.chars().any(|it| ('\u{2801}'..='\u{28ff}').contains(&it)), "{chart}");

    let csv = with("csv");
    assert_eq!(csv.matches("\r\n").count(), 1 + 11 * 5, "{csv}");
    assert!(csv.contains(",depth,\"l10,\u{1b}[2J\",10.6\r\n"), "{csv}");

    let json: serde_json::Value = serde_json::from_str(&with("json")).unwrap();
    assert_eq!(json["resultType"], "matrix");
    assert_eq!(json["result"].as_array().unwrap().len(), 11);
}

#[test]
fn a_wrong_question_is_shown_with_its_fault_and_ends_with_2() {
    let folder = tempfile::tempdir().unwrap();
    let appliance = start(folder.path(), QUIET);
    let (code, out, complaints) = query(folder.path(), &["metrics", "sum(rate(up[5m]) by"]);
    assert_eq!((code, out.as_str()), (2, ""), "{complaints}");
    let lines: Vec<&str> = complaints.lines().collect();
    assert_eq!(lines[..2], ["sum(rate(up[5m]) by", "                 ^"], "{complaints}");
    assert!(lines[2].starts_with("1:18: parse error: "), "{complaints}");
    for arguments in [
        &["metrics", "up", "--from", "soon"][..],
        &["metrics", "up", "--step", "1m"],
        &["metrics", "up", "--output", "chart"],
        &["metrics", "up", "--time", "now", "--from", "1h"],
        &["logs", "level:("],
        &["traces", "cart"],
        &["traces", "service=cart", "--output", "chart"],
    ] {
        let (code, out, complaints) = query(folder.path(), arguments);
        assert_eq!((code, out.as_str()), (2, ""), "{arguments:?}: {complaints}");
        assert!(!complaints.is_empty());
    }
    drop(appliance);
    let nobody = ["metrics", "up", "--url", "http://127.0.0.1:9"];
    assert_eq!(query(folder.path(), &nobody).0, 1);
}

#[test]
fn logs_and_traces_are_found_and_without_an_appliance_the_directory_is_opened() {
    let folder = tempfile::tempdir().unwrap();
    let appliance = start(folder.path(), QUIET);
    fill(&appliance);
    appliance.ask_until("/_count?q=message:lost", "\"count\":3");

    let (code, out, notes) = query(folder.path(), &["logs", "lost", "--limit", "2"]);
    assert_eq!((code, out.lines().count()), (0, 3), "{out}");
    assert!(out.trim_end().ends_with("error     cart     lost 0\\u{1b}[2J\\nnext"), "{out}");
    assert!(notes.contains("the newest 2 of 3 records"), "{notes}");
    let (_, out, _) = query(folder.path(), &["logs", "", "-o", "chart"]);
    assert!(out.contains("3 records: error 3"), "{out}");

    let (code, out, complaints) = query(folder.path(), &["traces", "service=cart"]);
    assert_eq!((code, out.lines().count()), (0, 2), "{out}{complaints}");
    assert!(out.contains("250.000") && out.contains("GET /\\u{1b}[2J"), "{out}");
    let (_, csv, _) =
        query(folder.path(), &["traces", "0af7651916cd43dd8448eb211c80319c", "-o", "csv"]);
    assert!(csv.trim_end().ends_with("0af7651916cd43dd8448eb211c80319c"), "{csv}");

    appliance.signal("TERM");
    assert_eq!(appliance.wait(), Some(0));
    let (code, out, complaints) = query(folder.path(), &["metrics", "count(depth)"]);
    assert_eq!((code, complaints.as_str()), (0, ""));
    let value: Vec<&str> = out.lines().nth(1).unwrap().split_whitespace().collect();
    assert_eq!(value[value.len() - 2], "11", "{out}");
}
