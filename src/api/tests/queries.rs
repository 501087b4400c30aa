//! PromQL: what a query costs, and many queries at once.

use serde_json::json;

use super::*;
use crate::api::MAX_BATCHES;

const NOON: i64 = NOON_MS / 1_000;

async fn door_with_series() -> Door {
    let door = Door::open();
    for (job, offset) in [("a", 0.0), ("b", 10.0)] {
        for step in 0..=6 {
            let labels = Labels::from_pairs([("__name__", "seen_total"), ("job", job)]);
            let sample = Sample::new(NOON_MS - step * 10_000, offset + 60.0 - step as f64 * 10.0);
            let series = vec![SeriesWrite::sample(labels, sample)];
            door.memory.store(MetricBatch { series, metadata: Vec::new() }).await;
        }
    }
    door
}

async fn send(door: &Door, path: &str, body: &str) -> axum::response::Response {
    let request = Request::post(path).body(Body::from(body.to_owned())).unwrap();
    door.routes.clone().oneshot(request).await.unwrap()
}

/// The lines of a batch by their ids.
async fn batch(door: &Door, body: &Value) -> std::collections::BTreeMap<String, Value> {
    let response = send(door, "/api/x/query_batch", &body.to_string()).await;
    assert_eq!(response.status(), 200);
    assert_eq!(response.headers()["content-type"], "application/x-ndjson");
    let bytes = response.into_body().collect().await.unwrap().to_bytes();
    let lines = bytes.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
    let lines = lines.map(|line| serde_json::from_slice::<Value>(line).unwrap());
    lines.map(|line| (line["id"].as_str().unwrap().to_owned(), line)).collect()
}

#[tokio::test]
async fn a_query_is_explained_node_by_node_by_get_and_by_form() {
    let door = door_with_series().await;
    let asked = format!("query=sum(rate(seen_total[30s]))&start={}&end={NOON}&step=20s", NOON - 20);
    let (status, got) = door.get(&format!("/api/x/explain?{asked}")).await;
    assert_eq!(status, 200, "{got}");
    let (_, posted) = read(send(&door, "/api/x/explain", &asked).await).await;
    for told in [got, posted] {
        assert_eq!(told["query"], "sum(rate(seen_total[30s]))");
        assert_eq!(told["result"], json!({"type": "matrix", "series": 1, "points": 2}));
        assert_eq!(told["samples"]["looked_at"], 12);
        let plan = &told["plan"];
        let rate = &plan["children"][0];
        let range = &rate["children"][0];
        let kinds = [plan, rate, range].map(|node| node["kind"].as_str().unwrap());
        assert_eq!(kinds, ["aggregation", "call", "matrixSelector"]);
        assert_eq!((&rate["start"], &rate["end"]), (&4.into(), &25.into()));
        assert_eq!((&rate["series"], &rate["points"]), (&2.into(), &4.into()));
        assert_eq!((&range["text"], &range["series"]), (&"seen_total[30s]".into(), &2.into()));
        assert_eq!(range["select"]["by_hours"], false);
        assert_eq!(rate.get("select"), None);
        let seconds = |node: &Value| node["seconds"].as_f64().unwrap();
        assert!(seconds(plan) >= seconds(rate) && seconds(rate) >= seconds(range), "{plan}");
        assert_eq!(told["warnings"], json!([]));
    }
}

#[tokio::test]
async fn a_query_that_cannot_be_explained_is_refused_in_prometheus_words() {
    let door = door_with_series().await;
    for (wrong, why) in [
        ("query=up%7B", "invalid parameter \"query\": 1:4: parse error"),
        ("query=1&time=soon", "invalid parameter \"time\": cannot parse \"soon\""),
        ("query=1&start=1&end=2&step=0", "zero or negative"),
        ("query=1&start=2&end=1&step=1", "must not be before"),
        ("query=1&start=0&end=11001&step=1", "11,000 points"),
        ("query=up[5m]&start=0&end=1&step=1", "range vector"),
        ("query=1&time=1&start=0&end=1&step=1", "either a time"),
        ("query=seen_total%20%2B%20on()%20seen_total", "many-to-many matching not allowed"),
    ] {
        let (status, body) = door.get(&format!("/api/x/explain?{wrong}")).await;
        assert_eq!((status, &body["kind"]), (400, &"invalid_input".into()), "{wrong}: {body}");
        assert!(body["error"].as_str().unwrap().contains(why), "{wrong}: {body}");
    }
    let writer = Door::of(Caller::new("agent", Scopes::of(&[Scope::Ingest])));
    assert_eq!(writer.get("/api/x/explain?query=1").await.0, 403);
    assert_eq!(send(&writer, "/api/x/query_batch", r#"{"queries":[]}"#).await.status(), 403);
}

#[tokio::test]
async fn a_batch_answers_every_query_by_columns_and_faults_by_line() {
    let door = door_with_series().await;
    let lines = batch(
        &door,
        &json!({"queries": [
            {"id": "range", "query": "seen_total{job='b'}", "start": NOON - 360, "end": NOON, "step": "2m"},
            {"id": "now", "query": "sum by (job) (seen_total)"},
            {"id": "scalar", "query": "1 / 0", "time": NOON},
            {"id": "text", "query": "'x'", "time": NOON},
            {"id": "samples", "query": "seen_total{job='a'}[15s]", "time": NOON},
            {"id": "unread", "query": "up{"},
            {"id": "undone", "query": "seen_total + on () seen_total"},
        ]}),
    )
    .await;
    assert_eq!(lines.len(), 7);
    let metric = json!({"__name__": "seen_total", "job": "b"});
    assert_eq!(
        lines["range"],
        json!({
            "id": "range", "status": "success", "resultType": "matrix",
            "times": [NOON_MS - 360_000, 120_000, 4],
            "series": [{"metric": metric, "values": [null, null, null, 70]}],
            "warnings": [], "infos": [],
        })
    );
    let now = &lines["now"];
    assert_eq!((&now["resultType"], &now["times"]), (&"vector".into(), &json!([NOON_MS, 0, 1])));
    assert_eq!(now["series"][1], json!({"metric": {"job": "b"}, "values": [70]}));
    assert_eq!(lines["scalar"]["series"], json!([{"metric": {}, "values": ["+Inf"]}]));
    assert_eq!(
        (&lines["text"]["resultType"], &lines["text"]["value"]),
        (&"string".into(), &"x".into())
    );
    let samples = &lines["samples"]["series"][0];
    assert_eq!(samples["times"], json!([NOON_MS - 10_000, NOON_MS]));
    assert_eq!(samples["values"], json!([50, 60]));
    assert_eq!(
        (&lines["unread"]["status"], &lines["unread"]["errorType"]),
        (&"error".into(), &"bad_data".into())
    );
    assert!(lines["unread"]["error"].as_str().unwrap().contains("1:4: parse error"));
    assert_eq!(lines["undone"]["errorType"], "execution");
}

#[tokio::test]
async fn a_batch_ends_with_its_timeout_and_a_wrong_one_is_refused_whole() {
    let door = door_with_series().await;
    let queries = json!([{"id": "a", "query": "seen_total"}]);
    let lines = batch(&door, &json!({"queries": queries, "timeout": 5})).await;
    assert_eq!(lines["a"]["status"], "success");
    let twice = json!({"queries": [{"id": "a", "query": "1"}, {"id": "a", "query": "2"}]});
    for (wrong, why) in [(twice.to_string(), "the id \"a\" comes twice"), ("[".into(), "no batch")]
    {
        let (status, body) = read(send(&door, "/api/x/query_batch", &wrong).await).await;
        assert_eq!(status, 400, "{body}");
        assert!(body["error"].as_str().unwrap().contains(why), "{body}");
    }
}

#[tokio::test]
async fn a_client_that_goes_away_ends_its_batch() {
    let door = door_with_series().await;
    let query = |id: usize| json!({"id": id.to_string(), "query": "seen_total"});
    let body = json!({"queries": (0..100).map(query).collect::<Vec<_>>()});
    let response = send(&door, "/api/x/query_batch", &body.to_string()).await;
    let mut body = response.into_body();
    assert!(next(&mut body).await.contains("\"status\":\"success\""));
    assert_eq!(door.state.batches.available_permits(), MAX_BATCHES - 1);
    drop(body);
    while door.state.batches.available_permits() < MAX_BATCHES {
        tokio::task::yield_now().await;
    }
}
