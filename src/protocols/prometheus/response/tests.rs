use std::sync::Arc;

use http_body_util::BodyExt;

use super::*;
use crate::model::histogram::{Histogram, Span};
use crate::model::labels::Labels;
use crate::model::sample::Sample;
use crate::model::time::TimestampMs;

async fn text_of(value: Value) -> String {
    let answered = answer(Answer {
        value,
        warnings: Vec::new(),
        infos: Vec::new(),
        stats: Default::default(),
        cost: None,
        held: Default::default(),
    });
    let bytes = answered.into_body().collect().await.unwrap().to_bytes();
    String::from_utf8(bytes.to_vec()).unwrap()
}

fn data(text: &str) -> String {
    format!("{{\"status\":\"success\",\"data\":{text}}}")
}

#[tokio::test]
async fn scalars_and_strings_are_a_single_point() {
    let scalar = text_of(Value::Scalar(2.0, TimestampMs(4_000))).await;
    assert_eq!(scalar, data(r#"{"resultType":"scalar","result":[4,"2"]}"#));
    let string = text_of(Value::Str("a\"b".to_owned(), TimestampMs(1_500))).await;
    assert_eq!(string, data(r#"{"resultType":"string","result":[1.500,"a\"b"]}"#));
}

#[tokio::test]
async fn an_empty_vector_and_an_empty_matrix_are_empty_lists() {
    assert_eq!(
        text_of(Value::Vector(Vec::new())).await,
        data(r#"{"resultType":"vector","result":[]}"#)
    );
    assert_eq!(
        text_of(Value::Matrix(Vec::new())).await,
        data(r#"{"resultType":"matrix","result":[]}"#)
    );
}

#[tokio::test]
async fn native_histograms_stand_beside_floats_under_their_own_key() {
    let histogram = Arc::new(Histogram {
        count: 3.0,
        sum: f64::INFINITY,
        positive_spans: vec![Span { offset: 1, length: 1 }],
        positive_buckets: vec![3.0],
        ..Histogram::default()
    });
    let labels = Labels::from_pairs([("__name__", "h")]);
    let series = SeriesData {
        labels: labels.clone(),
        samples: vec![Sample::new(1_000, f64::NAN)],
        histograms: vec![HistogramSample {
            timestamp: TimestampMs(2_000),
            histogram: Arc::clone(&histogram),
        }],
        ..SeriesData::default()
    };
    let body = r#"{"count":"3","sum":"+Inf","buckets":[[0,"1","2","3"]]}"#;
    assert_eq!(
        text_of(Value::Matrix(vec![series])).await,
        data(&format!(
            r#"{{"resultType":"matrix","result":[{{"metric":{{"__name__":"h"}},"values":[[1,"NaN"]],"histograms":[[2,{body}]]}}]}}"#
        ))
    );
    let value = SampleValue::Histogram(histogram);
    let sample = VectorSample { labels, timestamp: TimestampMs(2_000), value };
    assert_eq!(
        text_of(Value::Vector(vec![sample])).await,
        data(&format!(
            r#"{{"resultType":"vector","result":[{{"metric":{{"__name__":"h"}},"histogram":[2,{body}]}}]}}"#
        ))
    );
}

#[tokio::test]
async fn a_large_answer_comes_in_pieces_that_join_to_valid_json() {
    let series = |number: i64| SeriesData {
        labels: Labels::from_pairs([("n", number.to_string())]),
        samples: (0..1_000).map(|at| Sample::new(at * 1_000, number as f64)).collect(),
        ..SeriesData::default()
    };
    let matrix: Vec<_> = (0..50).map(series).collect();
    let whole = Answer {
        value: Value::Matrix(matrix.clone()),
        warnings: vec!["w".to_owned()],
        infos: vec!["i".to_owned()],
        stats: Default::default(),
        cost: None,
        held: Default::default(),
    };
    assert!(AnswerPieces::new(whole.clone()).count() > 3);
    let bytes = answer(whole).into_body().collect().await.unwrap().to_bytes();
    let read: serde_json::Value = serde_json::from_slice(&bytes).unwrap();
    assert_eq!(read["data"]["result"].as_array().unwrap().len(), 50);
    assert_eq!(read["data"]["result"][49]["values"][999], serde_json::json!([999, "49"]));
    assert_eq!((&read["warnings"][0], &read["infos"][0]), (&"w".into(), &"i".into()));
}
