//! What the real binary keeps of answers to range queries.

use std::time::{SystemTime, UNIX_EPOCH};

use crate::appliance::{Appliance, start};

/// Samples of one series, ten seconds apart.
const SAMPLES: u64 = 300;
const SERIES: u64 = 40;

/// Writes samples up to the start of the running minute, which is returned in epoch seconds.
fn write(appliance: &Appliance) -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    let at = now - now % 60;
    let point = |shelf: u64, sample: u64| {
        let time = at - 10 * sample;
        format!(
            r#"{{"timeUnixNano":"{time}000000000","asDouble":{sample},"attributes":[{{"key":"shelf","value":{{"stringValue":"{shelf}"}}}}]}}"#
        )
    };
    let series = (0..SERIES).flat_map(|shelf| (0..SAMPLES).map(move |sample| (shelf, sample)));
    let points: Vec<_> = series.map(|(shelf, sample)| point(shelf, sample)).collect();
    let points = points.join(",");
    let body = format!(
        r#"{{"resourceMetrics":[{{"scopeMetrics":[{{"metrics":[{{"name":"depth","gauge":{{"dataPoints":[{points}]}}}}]}}]}}]}}"#
    );
    let answer = appliance.send("POST", "/v1/metrics", "application/json", body.as_bytes());
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    at
}

/// Returns how many range queries were answered in this way.
fn answered(appliance: &Appliance, outcome: &str) -> u64 {
    let exposed = appliance.ask("GET", "/metrics", "");
    let (name, outcome) = ("belvedere_range_results_answered_total", format!("\"{outcome}\""));
    let own = exposed.lines().filter(|line| line.starts_with(name) && line.contains(&outcome));
    own.filter_map(|line| line.split_whitespace().last()?.parse::<f64>().ok()).sum::<f64>() as u64
}

#[test]
fn a_dashboard_that_is_loaded_again_is_answered_from_what_is_known_unless_it_says_not_to() {
    let folder = tempfile::tempdir().unwrap();
    let appliance = start(folder.path(), "");
    let at = write(&appliance);
    let ask = |end: u64, more: &str| {
        let range = format!("start={}&end={end}&step=60", end - 2_400);
        let answer = appliance.ask(
            "GET",
            &format!("/api/v1/query_range?query=sum(depth)&{range}{more}"),
            "",
        );
        assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
        answer.split("\r\n\r\n").nth(1).unwrap_or_default().to_owned()
    };
    let first = ask(at, "");
    let known = || (answered(&appliance, "hit"), answered(&appliance, "partial"));
    assert_eq!((answered(&appliance, "miss"), known()), (1, (0, 0)));
    assert_eq!(ask(at, ""), first);
    let (hits, partial) = known();
    assert_eq!(hits + partial, 1);
    assert_eq!(ask(at + 60, ""), ask(at + 60, "&nocache=1"));
    assert_eq!((answered(&appliance, "miss"), known()), (1, (hits, partial + 1)));
    assert!(ask(at, "&stats=1").contains("\"samples\""));
    assert_eq!((answered(&appliance, "miss"), known()), (1, (hits, partial + 1)));
}
