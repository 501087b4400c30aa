//! Answers in Prometheus' envelope.

use axum::body::{Body, Bytes};
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use futures_util::stream;

use crate::base::error::Error;
use crate::model::answer::{Answer, Held, SampleValue, Value, VectorSample};
use crate::model::cost::QueryCost;
use crate::model::sample::HistogramSample;
use crate::model::series::SeriesData;
use crate::wire::prometheus_api::json::{
    push_histogram, push_labels, push_list, push_object, push_point, push_sample, push_text,
    push_texts,
};
use crate::wire::prometheus_api::number::{push_float, push_timestamp};

/// A piece of a large answer is sent once it has this many bytes.
const PIECE_BYTES: usize = 64 << 10;

/// Answers with `data`, which `push` appends as JSON.
pub(crate) fn success(warnings: &[String], push: impl FnOnce(&mut Vec<u8>)) -> Response {
    let mut body = b"{\"status\":\"success\",\"data\":".to_vec();
    push(&mut body);
    push_notes(&mut body, warnings, &[]);
    body.push(b'}');
    json(Body::from(body))
}

/// Answers with the value of an expression. Large answers are written while they are sent, so that
/// only the values themselves are held in memory.
pub(crate) fn answer(answer: Answer) -> Response {
    let mut pieces = AnswerPieces::new(answer);
    match (pieces.next(), pieces.rest.is_some()) {
        (first, true) => {
            let pieces = first.into_iter().chain(pieces).map(Ok::<_, Error>);
            json(Body::from_stream(stream::iter(pieces)))
        }
        (first, false) => json(Body::from(first.unwrap_or_default())),
    }
}

fn json(body: Body) -> Response {
    ([(CONTENT_TYPE, "application/json")], body).into_response()
}

fn push_notes(out: &mut Vec<u8>, warnings: &[String], infos: &[String]) {
    for (name, notes) in [("warnings", warnings), ("infos", infos)] {
        if !notes.is_empty() {
            out.extend_from_slice(format!(",\"{name}\":").as_bytes());
            push_texts(out, notes);
        }
    }
}

/// Writes an answer piece by piece.
struct AnswerPieces {
    begun: bool,
    rest: Option<Rest>,
}

/// What is not written yet.
struct Rest {
    rows: Rows,
    warnings: Vec<String>,
    infos: Vec<String>,
    cost: Option<Box<QueryCost>>,
    _held: Held,
}

enum Rows {
    One(Value),
    Vector(std::vec::IntoIter<VectorSample>),
    Matrix(std::vec::IntoIter<SeriesData>),
}

impl AnswerPieces {
    fn new(answer: Answer) -> Self {
        let Answer { value, warnings, infos, stats: _, cost, held } = answer;
        let rows = match value {
            Value::Vector(samples) => Rows::Vector(samples.into_iter()),
            Value::Matrix(series) => Rows::Matrix(series.into_iter()),
            single => Rows::One(single),
        };
        AnswerPieces { begun: false, rest: Some(Rest { rows, warnings, infos, cost, _held: held }) }
    }
}

impl Iterator for AnswerPieces {
    type Item = Bytes;

    fn next(&mut self) -> Option<Bytes> {
        let rest = self.rest.as_mut()?;
        let mut piece = Vec::new();
        let mut first = !self.begun;
        if first {
            self.begun = true;
            push_head(&mut piece, &rest.rows);
        }
        while piece.len() < PIECE_BYTES {
            let comma = if first { "" } else { "," };
            first = false;
            let length = piece.len();
            piece.extend_from_slice(comma.as_bytes());
            if !rest.rows.push_next(&mut piece) {
                piece.truncate(length);
                push_tail(&mut piece, rest);
                self.rest = None;
                break;
            }
        }
        Some(Bytes::from(piece))
    }
}

fn push_head(out: &mut Vec<u8>, rows: &Rows) {
    let (result_type, open) = match rows {
        Rows::One(Value::Str(..)) => ("string", ""),
        Rows::One(_) => ("scalar", ""),
        Rows::Vector(_) => ("vector", "["),
        Rows::Matrix(_) => ("matrix", "["),
    };
    let head = format!(
        "{{\"status\":\"success\",\"data\":{{\"resultType\":\"{result_type}\",\"result\":{open}"
    );
    out.extend_from_slice(head.as_bytes());
    if let Rows::One(value) = rows {
        push_single(out, value);
    }
}

fn push_tail(out: &mut Vec<u8>, rest: &Rest) {
    if !matches!(rest.rows, Rows::One(_)) {
        out.push(b']');
    }
    if let Some(cost) = &rest.cost {
        push_stats(out, cost);
    }
    out.push(b'}');
    push_notes(out, &rest.warnings, &rest.infos);
    out.push(b'}');
}

/// Appends what the query cost, in the order in which Prometheus writes it.
fn push_stats(out: &mut Vec<u8>, cost: &QueryCost) {
    let QueryCost { timings, samples, plan: _ } = cost;
    let seconds = [
        ("evalTotalTime", timings.eval_total),
        ("resultSortTime", timings.result_sort),
        ("queryPreparationTime", timings.query_preparation),
        ("innerEvalTime", timings.inner_eval),
        ("execQueueTime", timings.exec_queue),
        ("execTotalTime", timings.exec_total),
    ];
    out.extend_from_slice(b",\"stats\":{\"timings\":");
    push_object(out, seconds, |out, time| push_float(out, time.as_secs_f64()));
    out.extend_from_slice(b",\"samples\":{");
    if !samples.per_step.is_empty() {
        out.extend_from_slice(b"\"totalQueryableSamplesPerStep\":");
        push_list(out, &samples.per_step, |out, (at, count)| {
            out.push(b'[');
            push_timestamp(out, *at);
            out.extend_from_slice(format!(",{count}]").as_bytes());
        });
        out.push(b',');
    }
    let (total, peak) = (samples.total, samples.peak);
    let totals = format!("\"totalQueryableSamples\":{total},\"peakSamples\":{peak}}}}}");
    out.extend_from_slice(totals.as_bytes());
}

fn push_single(out: &mut Vec<u8>, value: &Value) {
    match value {
        Value::Scalar(value, at) => push_point(out, *at, *value),
        Value::Str(text, at) => {
            out.push(b'[');
            push_timestamp(out, *at);
            out.push(b',');
            push_text(out, text);
            out.push(b']');
        }
        // These two are written row by row.
        Value::Vector(_) | Value::Matrix(_) => {}
    }
}

impl Rows {
    /// Appends the next row; returns `false` at the end.
    fn push_next(&mut self, out: &mut Vec<u8>) -> bool {
        match self {
            Rows::One(_) => false,
            Rows::Vector(samples) => match samples.next() {
                Some(sample) => {
                    push_vector_sample(out, &sample);
                    true
                }
                None => false,
            },
            Rows::Matrix(series) => match series.next() {
                Some(series) => {
                    push_series(out, &series);
                    true
                }
                None => false,
            },
        }
    }
}

fn push_vector_sample(out: &mut Vec<u8>, sample: &VectorSample) {
    out.extend_from_slice(b"{\"metric\":");
    push_labels(out, &sample.labels);
    match &sample.value {
        SampleValue::Float(value) => {
            out.extend_from_slice(b",\"value\":");
            push_point(out, sample.timestamp, *value);
        }
        SampleValue::Histogram(histogram) => {
            let histogram = std::sync::Arc::clone(histogram);
            out.extend_from_slice(b",\"histogram\":");
            push_histogram(out, &HistogramSample { timestamp: sample.timestamp, histogram });
        }
    }
    out.push(b'}');
}

fn push_series(out: &mut Vec<u8>, series: &SeriesData) {
    out.extend_from_slice(b"{\"metric\":");
    push_labels(out, &series.labels);
    if !series.samples.is_empty() {
        out.extend_from_slice(b",\"values\":");
        push_list(out, &series.samples, push_sample);
    }
    if !series.histograms.is_empty() {
        out.extend_from_slice(b",\"histograms\":");
        push_list(out, &series.histograms, push_histogram);
    }
    out.push(b'}');
}

#[cfg(test)]
mod tests;
