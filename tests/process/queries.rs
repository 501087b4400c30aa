//! What the real binary tells of its queries: their stats, their plan, and many of them at once.

use std::time::{SystemTime, UNIX_EPOCH};

use crate::appliance::{Appliance, start};

const JSON: &str = "application/json";

/// Writes one sample of each of two series at the start of the running minute, which is returned in
/// epoch seconds.
fn write(appliance: &Appliance) -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    let at = now - now % 60;
    let point = |shelf: &str, value: u32| {
        format!(
            r#"{{"timeUnixNano":"{at}000000000","asDouble":{value},"attributes":[{{"key":"shelf","value":{{"stringValue":"{shelf}"}}}}]}}"#
        )
    };
    let points = [point("a", 3), point("b", 4)].join(",");
    let body = format!(
        r#"{{"resourceMetrics":[{{"scopeMetrics":[{{"metrics":[{{"name":"depth","gauge":{{"dataPoints":[{points}]}}}}]}}]}}]}}"#
    );
    let answer = appliance.send("POST", "/v1/metrics", JSON, body.as_bytes());
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    at
}

#[test]
fn stats_plan_and_batch_tell_the_same_of_one_query() {
    let folder = tempfile::tempdir().unwrap();
    let appliance = start(folder.path(), "");
    let at = write(&appliance);
    let asked = format!("query=sum(depth)&start={at}&end={}&step=60", at + 120);

    let stats = appliance.ask("GET", &format!("/api/v1/query_range?{asked}&stats=all"), "");
    let steps = format!("[[{at},2],[{},2],[{},2]]", at + 60, at + 120);
    assert!(stats.contains(&format!("\"totalQueryableSamplesPerStep\":{steps}")), "{stats}");
    assert!(stats.contains("\"totalQueryableSamples\":6,\"peakSamples\":"), "{stats}");

    let plan = appliance.ask("GET", &format!("/api/x/explain?{asked}"), "");
    assert!(plan.starts_with("HTTP/1.1 200 "), "{plan}");
    for part in ["\"kind\":\"aggregation\"", "\"text\":\"depth\"", "\"looked_at\":6"] {
        assert!(plan.contains(part), "{part}: {plan}");
    }

    let range = format!(r#""query":"sum(depth)","start":{at},"end":{},"step":60"#, at + 120);
    let body = format!(
        r#"{{"queries":[{{"id":"r",{range}}},{{"id":"w","query":"sum("}},{{"id":"n","query":"depth","time":{at}}}]}}"#
    );
    let lines = appliance.send("POST", "/api/x/query_batch", JSON, body.as_bytes());
    assert!(lines.starts_with("HTTP/1.1 200 "), "{lines}");
    let times = format!("\"times\":[{at}000,60000,3]");
    for part in [
        "application/x-ndjson",
        "\"id\":\"r\",\"status\":\"success\",\"resultType\":\"matrix\"",
        times.as_str(),
        "\"values\":[7,7,7]",
        "\"id\":\"w\",\"status\":\"error\",\"errorType\":\"bad_data\"",
        "\"id\":\"n\",\"status\":\"success\",\"resultType\":\"vector\"",
    ] {
        assert!(lines.contains(part), "{part}: {lines}");
    }
}
