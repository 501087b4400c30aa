use serde_json::json;

use super::door::Door;

#[tokio::test]
async fn rules_and_alerts_have_the_form_of_prometheus() {
    let door = Door::open();
    let first = door.get("/api/v1/rules?rule_group[]=first").await;
    let expected = concat!(
        r#"{"status":"success","data":{"groups":[{"name":"first","file":"r.yml","rules":["#,
        r#"{"state":"firing","name":"Down","query":"up == 0","duration":60,"keepFiringFor":0,"#,
        r#""labels":{"severity":"page"},"annotations":{"summary":"{{ $labels.instance }} is down"},"#,
        r#""alerts":[{"labels":{"alertname":"Down","instance":"a"},"#,
        r#""annotations":{"summary":"a is down"},"state":"firing","#,
        r#""activeAt":"2026-11-22T23:59:00Z","value":"5e-01"}],"health":"ok","#,
        r#""evaluationTime":0.002,"lastEvaluation":"2026-11-23T00:00:00Z","type":"alerting"},"#,
        r#"{"name":"job:up:sum","query":"up == 0","labels":{},"health":"unknown","evaluationTime":0,"#,
        r#""lastEvaluation":"0001-01-01T00:00:00Z","type":"recording"}],"interval":15,"limit":0,"#,
        r#""evaluationTime":0.003,"lastEvaluation":"2026-11-23T00:00:00Z"}]}}"#,
    );
    assert_eq!(first.text, expected);
    let alerts = door.get("/api/v1/alerts").await.json();
    assert_eq!(alerts["data"]["alerts"].as_array().map(Vec::len), Some(1));
    assert_eq!(alerts["data"]["alerts"][0]["value"], "5e-01");
}

#[tokio::test]
async fn rules_are_chosen_by_kind_name_group_file_and_labels() {
    let door = Door::open();
    let names = async |query: &str| -> Vec<String> {
        let answer = door.get(&format!("/api/v1/rules?{query}")).await.json();
        let mut names = Vec::new();
        for group in answer["data"]["groups"].as_array().unwrap() {
            for rule in group["rules"].as_array().unwrap() {
                names.push(format!("{}/{}", group["name"], rule["name"]).replace('"', ""));
            }
        }
        names
    };
    let all = ["first/Down", "first/job:up:sum", "second/job:up:sum"];
    assert_eq!(names("").await, all);
    assert_eq!(names("file[]=r.yml").await, all);
    assert_eq!(names("type=alert").await, ["first/Down"]);
    assert_eq!(names("type=record&rule_group[]=second").await, ["second/job:up:sum"]);
    assert_eq!(names("rule_name[]=Down&rule_name[]=x").await, ["first/Down"]);
    assert_eq!(names("match[]=%7Bseverity=%22page%22%7D").await, ["first/Down"]);
    assert_eq!(names("file[]=other.yml").await, Vec::<String>::new());
}

#[tokio::test]
async fn groups_come_page_by_page_and_alerts_only_when_wanted() {
    let door = Door::open();
    let first = door.get("/api/v1/rules?group_limit=1&exclude_alerts=true").await.json();
    assert_eq!(first["data"]["groups"][0]["name"], "first");
    assert_eq!(first["data"]["groups"][0]["rules"][0]["alerts"], json!(null));
    let token = first["data"]["groupNextToken"].as_str().unwrap();
    let next = format!("/api/v1/rules?group_limit=1&group_next_token={token}");
    let second = door.get(&next).await.json();
    assert_eq!(second["data"]["groups"][0]["name"], "second");
    assert_eq!(second["data"].get("groupNextToken"), None);
}

#[tokio::test]
async fn what_cannot_be_asked_is_bad_data() {
    let door = Door::open();
    for query in [
        "type=other",
        "exclude_alerts=perhaps",
        "group_limit=0",
        "group_limit=x",
        "group_next_token=x",
        "group_limit=1&group_next_token=x",
        "match[]=sum(up)",
    ] {
        let answer = door.get(&format!("/api/v1/rules?{query}")).await;
        assert_eq!(
            (answer.status, &answer.json()["errorType"]),
            (400, &json!("bad_data")),
            "{query}"
        );
    }
}
