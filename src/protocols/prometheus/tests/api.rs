use serde_json::json;

use super::door::{Door, NOW};
use crate::access::{Caller, Scopes};
use crate::base::shutdown::Phase;

async fn door_with_series() -> Door {
    let door = Door::open();
    door.store(&[("__name__", "up"), ("job", "a")], &[(-60, 1.0), (-30, 0.0), (0, 1.0)]).await;
    door.store(&[("__name__", "up"), ("job", "b")], &[(-60, 3.0), (0, 5.0)]).await;
    door.store(&[("__name__", "temp"), ("http.status", "x")], &[(0, -1.5)]).await;
    door
}

#[tokio::test]
async fn grafanas_test_query_is_a_scalar() {
    let door = Door::open();
    let answer = door.post("/api/v1/query", "query=1%2B1&time=4").await;
    assert_eq!(answer.content_type, "application/json");
    assert_eq!(
        answer.text,
        r#"{"status":"success","data":{"resultType":"scalar","result":[4,"2"]}}"#
    );
}

#[tokio::test]
async fn an_instant_query_answers_a_vector_by_get_and_by_form() {
    let door = door_with_series().await;
    let expected = json!({"status": "success", "data": {"resultType": "vector", "result": [
        {"metric": {"job": "a"}, "value": [NOW, "1"]},
        {"metric": {"job": "b"}, "value": [NOW, "5"]},
    ]}});
    let query = "query=sum%20by%20(job)(up)";
    let mut got = door.get(&format!("/api/v1/query?{query}")).await.json();
    let sort = |answer: &mut serde_json::Value| {
        let rows = answer["data"]["result"].as_array_mut().unwrap();
        rows.sort_by_key(|row| row["metric"]["job"].to_string());
    };
    sort(&mut got);
    assert_eq!(got, expected);
    let mut posted = door.post("/api/v1/query", &format!("{query}&time={NOW}")).await.json();
    sort(&mut posted);
    assert_eq!(posted, expected);
}

#[tokio::test]
async fn a_range_query_answers_a_matrix_and_a_limit_is_said() {
    let door = door_with_series().await;
    let range = format!("start={}&end={NOW}&step=30s", NOW - 60);
    let got = door.get(&format!("/api/v1/query_range?query=up%7Bjob=%22a%22%7D&{range}")).await;
    assert_eq!(got.status, 200, "{}", got.text);
    assert_eq!(
        got.json()["data"],
        json!({"resultType": "matrix", "result": [{
            "metric": {"__name__": "up", "job": "a"},
            "values": [[NOW - 60, "1"], [NOW - 30, "0"], [NOW, "1"]],
        }]})
    );
    let cut = door.get(&format!("/api/v1/query_range?query=up&limit=1&{range}")).await.json();
    assert_eq!(cut["data"]["result"].as_array().unwrap().len(), 1);
    assert_eq!(cut["warnings"], json!(["results truncated due to limit"]));
    let none = door.get(&format!("/api/v1/query_range?query=nothing&{range}")).await.json();
    assert_eq!(none["data"], json!({"resultType": "matrix", "result": []}));
}

#[tokio::test]
async fn a_lookback_of_its_own_is_heeded_and_a_wrong_one_refused() {
    let door = door_with_series().await;
    let later = NOW + 45;
    let found = async |question: &str| {
        let answer = door.get(&format!("/api/v1/{question}")).await.json();
        answer["data"]["result"].as_array().map(Vec::len)
    };
    let instant = format!("query?query=up&time={later}");
    let range = format!("query_range?query=up&start={later}&end={later}&step=30s");
    for question in [instant.clone(), range] {
        for (lookback, series) in [("", 2), ("0", 2), ("-5", 2), ("30s", 0), ("46", 2), ("1m", 2)] {
            let asked = format!("{question}&lookback_delta={lookback}");
            assert_eq!(found(&asked).await, Some(series), "{asked}");
        }
    }
    for far in ["1e30", "9223372037", "400y", "Inf", "NaN"] {
        let far = door.get(&format!("/api/v1/{instant}&lookback_delta={far}")).await;
        assert_eq!(far.status, 400, "{}", far.text);
    }
    let longest = format!("{instant}&lookback_delta=9100000000");
    assert_eq!(found(&longest).await, Some(2));
    let wrong = door.get(&format!("/api/v1/{instant}&lookback_delta=soon")).await;
    assert_eq!(wrong.status, 400);
    let text = "error parsing lookback delta duration: cannot parse \"soon\" to a valid duration";
    assert_eq!(
        (&wrong.json()["errorType"], &wrong.json()["error"]),
        (&json!("bad_data"), &json!(text))
    );
}

#[tokio::test]
async fn stats_tell_what_a_query_cost_where_they_are_asked_for() {
    let door = door_with_series().await;
    let range = format!("query_range?query=up&start={}&end={NOW}&step=30s", NOW - 60);
    let plain = door.get(&format!("/api/v1/{range}")).await.json();
    assert_eq!(plain["data"].get("stats"), None);
    let all = door.get(&format!("/api/v1/{range}&stats=all")).await.json();
    let samples = &all["data"]["stats"]["samples"];
    let steps = json!([[NOW - 60, 2], [NOW - 30, 2], [NOW, 2]]);
    assert_eq!(samples["totalQueryableSamplesPerStep"], steps);
    assert_eq!(samples["totalQueryableSamples"], 6);
    assert!(samples["peakSamples"].as_u64() >= Some(6), "{samples}");
    let some = door.get("/api/v1/query?query=up&stats=true").await.json();
    let stats = &some["data"]["stats"];
    assert_eq!(stats["samples"]["totalQueryableSamples"], 2);
    assert_eq!(stats["samples"].get("totalQueryableSamplesPerStep"), None);
    let seconds = |name: &str| stats["timings"][name].as_f64().unwrap();
    let parts = ["resultSortTime", "queryPreparationTime", "innerEvalTime"].map(seconds);
    assert!((seconds("evalTotalTime") - parts.iter().sum::<f64>()).abs() < 1e-6, "{stats}");
    let total = seconds("execQueueTime") + seconds("evalTotalTime");
    assert!((seconds("execTotalTime") - total).abs() < 1e-6, "{stats}");
}

#[tokio::test]
async fn wrong_parameters_are_bad_data_that_names_them() {
    let door = Door::open();
    let cases = [
        ("/api/v1/query", "parse error"),
        ("/api/v1/query?query=up%7B", "1:4: parse error"),
        ("/api/v1/query?query=1&time=soon", "invalid parameter \"time\""),
        ("/api/v1/query?query=1&limit=-1", "invalid parameter \"limit\""),
        ("/api/v1/query?query=%ff", "UTF-8"),
        ("/api/v1/query_range?query=1&start=0&end=1", "invalid parameter \"step\""),
        ("/api/v1/query_range?query=1&start=0&end=1&step=0", "zero or negative"),
        ("/api/v1/query_range?query=1&start=0&end=1&step=-1", "zero or negative"),
        ("/api/v1/query_range?query=up[5m]&start=0&end=1&step=1", "\"range vector\""),
        ("/api/v1/query_range?query=1&start=2&end=1&step=1", "must not be before"),
        ("/api/v1/query_range?query=1&end=1&step=1", "invalid parameter \"start\""),
        ("/api/v1/query_range?query=1&start=0&end=11001&step=1", "11,000 points"),
        ("/api/v1/series", "no match[]"),
        ("/api/v1/series?match[]=%7B%7D", "match[]"),
        ("/api/v1/series?match[]=up[5m]", "invalid parameter \"match[]\""),
        ("/api/v1/labels?match[]=up[5m]", "1:3: parse error: unexpected \"[\""),
        ("/api/v1/labels?match[]=%7B%7D", "match[] must contain at least one non-empty matcher"),
        ("/api/v1/labels?limit=x", "\"limit\": strconv.Atoi: parsing \"x\": invalid syntax"),
        ("/api/v1/labels?limit=-1", "invalid parameter \"limit\": limit must be non-negative"),
        (
            "/api/v1/labels?start=soon",
            "\"start\": invalid time value for 'start': cannot parse \"soon\" to a valid timestamp",
        ),
        ("/api/v1/query_exemplars?query=up&start=2&end=1", "end timestamp must not be before"),
        ("/api/v1/metadata?limit=x", "limit must be a number"),
        ("/api/v1/metadata?limit_per_metric=x", "limit_per_metric must be a number"),
        ("/api/v1/status/tsdb?limit=0", "limit must be a positive number"),
        ("/api/v1/status/tsdb?limit=10001", "limit must not exceed 10000"),
    ];
    for (path, reason) in cases {
        let answer = door.get(path).await;
        assert_eq!(answer.status, 400, "{path}: {}", answer.text);
        let error = answer.json();
        assert_eq!((&error["status"], &error["errorType"]), (&json!("error"), &json!("bad_data")));
        assert!(error["error"].as_str().unwrap().contains(reason), "{path}: {}", answer.text);
    }
    let long = door.post("/api/v1/query", &format!("query={}", "1".repeat(20_000))).await;
    assert_eq!(long.status, 413);
}

#[tokio::test]
async fn what_cannot_be_evaluated_is_an_execution_error() {
    let door = door_with_series().await;
    let answer = door.get("/api/v1/query?query=up%20%2B%20on()%20up").await;
    assert_eq!(answer.status, 422, "{}", answer.text);
    assert_eq!(answer.json()["errorType"], "execution");
}

#[tokio::test]
async fn label_names_and_values_are_listed_matched_cut_and_unescaped() {
    let door = door_with_series().await;
    let data = |path: &'static str| {
        let door = &door;
        async move { door.get(path).await.json() }
    };
    let names = data("/api/v1/labels").await;
    assert_eq!(names["data"], json!(["__name__", "http.status", "job"]));
    let matched = door.post("/api/v1/labels", "match[]=up&match[]=nothing").await.json();
    assert_eq!(matched["data"], json!(["__name__", "job"]));
    let cut = data("/api/v1/label/job/values?limit=1").await;
    assert_eq!(cut["data"], json!(["a"]));
    assert_eq!(cut["warnings"], json!(["results truncated due to limit"]));
    assert_eq!(data("/api/v1/label/job/values?limit=0").await["data"], json!(["a", "b"]));
    assert_eq!(data("/api/v1/label/U__http_2e_status/values").await["data"], json!(["x"]));
    assert_eq!(data("/api/v1/label/nothing/values").await["data"], json!([]));
    assert_eq!(data("/api/v1/labels?start=2&end=1").await["data"], json!([]));
}

#[tokio::test]
async fn series_and_metadata_are_listed() {
    let door = door_with_series().await;
    let found = door.post("/api/v1/series", "match[]=up%7Bjob%3D~%22a%7Cb%22%7D").await.json();
    assert_eq!(
        found["data"],
        json!([{"__name__": "up", "job": "a"}, {"__name__": "up", "job": "b"}])
    );
    let about = door.get("/api/v1/metadata?metric=up").await.json();
    assert_eq!(about["data"], json!({"up": [{"type": "gauge", "unit": "", "help": "h"}]}));
    assert_eq!(door.get("/api/v1/metadata?metric=no").await.json()["data"], json!({}));
    let names = async |rest: &str| {
        let answer = door.get(&format!("/api/v1/metadata?{rest}")).await.json();
        answer["data"].as_object().unwrap().keys().cloned().collect::<Vec<_>>()
    };
    assert_eq!(names("limit=1").await, ["temp"]);
    assert_eq!(names("limit=0").await, Vec::<String>::new());
    let unbounded = door.get("/api/v1/metadata?limit_per_metric=0&metric=up").await.json();
    assert_eq!(unbounded["data"], about["data"]);
    assert_eq!(door.get("/api/v1/query_exemplars?query=up").await.json()["data"], json!([]));
}

#[tokio::test]
async fn the_build_has_a_full_version_and_no_features() {
    let build = Door::open().get("/api/v1/status/buildinfo").await.json();
    let version = build["data"]["version"].as_str().unwrap();
    let numbers: Vec<u32> = version.split('.').map(|part| part.parse().unwrap()).collect();
    assert_eq!(numbers.len(), 3);
    assert!(build["data"].get("features").is_none());
    assert!(build["data"].as_object().unwrap().values().all(serde_json::Value::is_string));
}

#[tokio::test]
async fn status_pages_tell_targets_config_flags_and_series() {
    let door = door_with_series().await;
    let targets = door.get("/api/v1/targets?state=active").await.json();
    let target = &targets["data"]["activeTargets"][0];
    assert_eq!((&target["health"], &target["scrapePool"]), (&json!("down"), &json!("node")));
    assert_eq!(target["lastError"], "connection \"refused\"");
    assert_eq!(target["lastScrape"], "2026-11-23T00:00:00Z");
    assert_eq!(target["lastScrapeDuration"], json!(1.5));
    let dropped = door.get("/api/v1/targets?state=dropped").await.json();
    assert_eq!(dropped["data"]["activeTargets"], json!([]));
    let config = door.get("/api/v1/status/config").await.json();
    assert_eq!(config["data"]["yaml"], "listen:\n  http: \"x\"\n");
    let flags = door.get("/api/v1/status/flags").await.json();
    assert_eq!(flags["data"], json!({"storage": "memory"}));
    let runtime = door.get("/api/v1/status/runtimeinfo").await.json();
    assert_eq!(runtime["data"]["startTime"], "2026-11-23T00:00:00Z");
    assert_eq!(runtime["data"]["reloadConfigSuccess"], true);
    let tsdb = door.get("/api/v1/status/tsdb?limit=1").await.json();
    assert_eq!(tsdb["data"]["headStats"]["numSeries"], 3);
    assert_eq!(tsdb["data"]["seriesCountByMetricName"], json!([{"name": "up", "value": 2}]));
    let replay = door.get("/api/v1/status/walreplay").await.json();
    assert_eq!(replay["data"], json!({"min": 0, "max": 0, "current": 0}));
}

#[tokio::test]
async fn an_unknown_path_below_the_api_is_404_in_the_envelope() {
    let answer = Door::open().get("/api/v1/nothing").await;
    assert_eq!(answer.status, 404);
    let expected = json!(
        {"status": "error", "errorType": "not_found", "error": "404 page not found"}
    );
    assert_eq!(answer.json(), expected);
}

#[tokio::test]
async fn health_needs_no_credentials_and_follows_the_phase_of_life() {
    let door = Door::for_caller(Caller::anonymous(Scopes::none()));
    assert_eq!(door.get("/-/ready").await.status, 200);
    assert_eq!(door.get("/ready").await.status, 200);
    door.readiness.set(Phase::Draining);
    assert_eq!(door.get("/-/ready").await.status, 503);
    assert_eq!(door.get("/-/healthy").await.status, 200);
    let refused = door.get("/api/v1/query?query=1").await;
    assert_eq!((refused.status, &refused.json()["errorType"]), (401, &json!("unauthorized")));
    assert_eq!(door.get("/metrics").await.status, 401);
}

#[tokio::test]
async fn own_metrics_are_text() {
    let answer = Door::open().get("/metrics").await;
    assert!(answer.content_type.starts_with("text/plain; version=0.0.4"));
    assert!(answer.text.contains("belvedere_up 1\n"), "{}", answer.text);
}
