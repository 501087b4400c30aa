use axum::body::Body;
use axum::http::Request;
use serde_json::json;

use super::door::{Door, NOW};
use crate::access::{Caller, Scope, Scopes};

async fn door() -> Door {
    let door = Door::open();
    door.store(&[("__name__", "up"), ("job", "a")], &[(-60, 1.0), (-30, 2.0), (0, 3.0)]).await;
    door.store(&[("__name__", "temp")], &[(0, 1.0)]).await;
    door
}

async fn names(door: &Door) -> serde_json::Value {
    door.get("/api/v1/label/__name__/values").await.json()["data"].clone()
}

const DELETE: &str = "/api/v1/admin/tsdb/delete_series";

#[tokio::test]
async fn series_are_deleted_by_form_and_by_query_within_the_range_said() {
    let door = door().await;
    let answer = door.post(DELETE, &format!("match[]=up&start={}&end={}", NOW - 30, NOW)).await;
    assert_eq!((answer.status, answer.text.as_str()), (204, ""));
    let left = door.get(&format!("/api/v1/query?query=up[5m]&time={NOW}")).await.json();
    assert_eq!(left["data"]["result"][0]["values"], json!([[NOW - 60, "1"]]));
    let put = Request::builder().method("PUT").uri(format!("{DELETE}?match[]=up&match[]=temp"));
    assert_eq!(door.send(put.body(Body::empty()).unwrap()).await.status, 204);
    assert_eq!(names(&door).await, json!([]));
    assert_eq!(door.post("/api/v1/admin/tsdb/clean_tombstones", "").await.status, 204);
}

#[tokio::test]
async fn deletion_says_what_is_missing_and_deletes_nothing_then() {
    let door = door().await;
    let cases = [
        ("", "no match[] parameter provided"),
        ("match[]=up&start=soon", "invalid parameter \"start\": invalid time value for 'start'"),
        ("match[]=up&match[]=%7B%7D", "invalid parameter \"match[]\""),
        ("match[]=up&match[]=up[5m]", "invalid parameter \"match[]\""),
    ];
    for (form, reason) in cases {
        let answer = door.post(DELETE, form).await;
        assert_eq!(
            (answer.status, &answer.json()["errorType"]),
            (400, &json!("bad_data")),
            "{form}"
        );
        assert!(answer.text.contains(&reason.replace('"', "\\\"")), "{}", answer.text);
    }
    assert_eq!(names(&door).await, json!(["temp", "up"]));
    let nobody = Door::for_caller(Caller::anonymous(Scopes::all()));
    assert_eq!(nobody.post(DELETE, "match[]=up").await.status, 401);
    let editor = Door::for_caller(Caller::new("editor", Scopes::of(&[Scope::Ingest])));
    assert_eq!(editor.post(DELETE, "match[]=up").await.json()["errorType"], "forbidden");
}

#[tokio::test]
async fn a_store_without_files_has_no_snapshot_and_says_so() {
    let door = door().await;
    let path = "/api/v1/admin/tsdb/snapshot";
    let answer = door.post(path, "skip_head=perhaps").await;
    assert_eq!(answer.status, 400);
    let text = r#"invalid parameter \"skip_head\": unable to parse boolean: strconv.ParseBool: parsing \"perhaps\": invalid syntax"#;
    assert!(answer.text.contains(text), "{}", answer.text);
    let answer = door.post(path, "skip_head=true").await;
    assert_eq!(answer.status, 400);
    assert!(answer.text.contains("nothing is on disk"), "{}", answer.text);
}
