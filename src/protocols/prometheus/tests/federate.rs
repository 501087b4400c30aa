use std::sync::Arc;

use axum::body::Body;
use axum::http::Request;

use super::door::{Door, NOW_MS};
use crate::access::{Caller, Scope, Scopes};
use crate::model::batch::SeriesWrite;
use crate::model::histogram::Histogram;
use crate::model::labels::Labels;
use crate::model::sample::HistogramSample;
use crate::model::stale::stale_nan;
use crate::model::time::TimestampMs;

async fn door() -> Door {
    let door = Door::open();
    door.store(&[("__name__", "up"), ("job", "b")], &[(-60, 3.0), (-1, 5.0)]).await;
    door.store(&[("__name__", "up"), ("A", "first")], &[(-60, 1.0), (-30, 0.5)]).await;
    door.store(&[("__name__", "old"), ("job", "a")], &[(-301, 1.0)]).await;
    door.store(&[("__name__", "edge")], &[(-300, 7.0)]).await;
    door.store(&[("__name__", "over")], &[(-60, 1.0), (-30, stale_nan())]).await;
    door.store(&[("__name__", "down")], &[(0, 2.0)]).await;
    door
}

const SOME: &str = "match[]=up&match[]=%7B__name__=~%22down|old|over|edge|up%22%7D";

#[tokio::test]
async fn the_newest_point_of_every_living_series_comes_once_with_its_time() {
    let answer = door().await.get(&format!("/federate?{SOME}")).await;
    let (one, thirty, sixty, edge) = (NOW_MS - 1_000, NOW_MS - 30_000, NOW_MS, NOW_MS - 300_000);
    let expected = format!(
        "# TYPE down untyped\ndown{{cluster=\"eu\",instance=\"\",job=\"outer\"}} 2 {sixty}\n\
         # TYPE edge untyped\nedge{{cluster=\"eu\",instance=\"\",job=\"outer\"}} 7 {edge}\n\
         # TYPE up untyped\nup{{A=\"first\",cluster=\"eu\",instance=\"\",job=\"outer\"}} 0.5 {thirty}\n\
         up{{job=\"b\",cluster=\"eu\",instance=\"\"}} 5 {one}\n"
    );
    assert_eq!(answer.text, expected);
    assert_eq!(
        answer.content_type,
        "text/plain; version=0.0.4; charset=utf-8; escaping=underscores"
    );
}

#[tokio::test]
async fn nothing_is_chosen_without_a_selector_and_a_wrong_one_is_told_as_text() {
    let door = door().await;
    let nothing = door.get("/federate").await;
    assert_eq!((nothing.status, nothing.text.as_str()), (200, ""));
    let everything = door.get("/federate?match[]=%7B%7D").await;
    assert_eq!(everything.text.matches("# TYPE").count(), 3, "{}", everything.text);
    let wrong = door.get("/federate?match[]=up&match[]=%7B").await;
    assert_eq!(wrong.status, 400);
    assert!(wrong.text.contains("parse error"), "{}", wrong.text);
    assert!(wrong.content_type.starts_with("text/plain"));
    let writer = Door::for_caller(Caller::new("agent", Scopes::of(&[Scope::Ingest])));
    assert_eq!(writer.get("/federate?match[]=up").await.status, 403);
}

#[tokio::test]
async fn native_histograms_come_to_who_takes_protobuf() {
    let door = door().await;
    let labels = Labels::from_pairs([("__name__", "native")]);
    let histogram = Arc::new(Histogram { count: 3.0, zero_count: 3.0, ..Histogram::default() });
    let histograms = vec![HistogramSample { timestamp: TimestampMs(NOW_MS - 5), histogram }];
    door.write(SeriesWrite { labels, histograms, ..SeriesWrite::default() }).await;
    let text = door.get("/federate?match[]=native").await;
    assert_eq!((text.status, text.text.as_str()), (200, ""));
    let request = Request::builder().uri("/federate?match[]=native").header(
        "accept",
        "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited",
    );
    let answer = door.send(request.body(Body::empty()).unwrap()).await;
    assert!(answer.content_type.starts_with("application/vnd.google.protobuf;"));
    assert_eq!(usize::from(answer.bytes[0]), answer.bytes.len() - 1);
    assert!(answer.text.contains("native") && answer.text.contains("cluster"));
}
