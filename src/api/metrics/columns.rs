//! An answer as one line of JSON by columns: the instants once, and for each series one value or
//! `null` an instant. Written piece by piece, so that a large answer is held but once.

use crate::base::error::Error;
use crate::model::answer::{Answer, Held, SampleValue, Value, VectorSample};
use crate::model::labels::Labels;
use crate::model::sample::{HistogramSample, Sample};
use crate::model::series::SeriesData;
use crate::model::time::TimestampMs;
use crate::service::RangeQuery;
use crate::wire::prometheus_api::json::{
    push_histogram_value, push_labels, push_list, push_text, push_texts,
};
use crate::wire::prometheus_api::number::push_float;

/// A piece ends once it has this many bytes.
const PIECE_BYTES: usize = 64 << 10;

/// The instants of an answer: so many, so far apart, from the first on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Steps {
    start: i64,
    step: i64,
    count: i64,
}

impl Steps {
    /// Returns the one instant of a query.
    pub(crate) fn instant(at: TimestampMs) -> Self {
        Steps { start: at.0, step: 0, count: 1 }
    }

    /// Returns the instants of a range, whose ends stand the right way round.
    pub(crate) fn of(query: &RangeQuery) -> Self {
        let step = i64::try_from(query.step.as_millis()).unwrap_or(i64::MAX).max(1);
        let (start, end) = (query.range.start.0, query.range.end.0);
        Steps { start, step, count: end.saturating_sub(start) / step + 1 }
    }

    fn all(self) -> impl Iterator<Item = i64> {
        (0..self.count).map(move |place| self.start + place * self.step)
    }
}

/// One line that is still to be written.
pub(crate) struct Line {
    head: Vec<u8>,
    rows: Rows,
    tail: Vec<u8>,
    is_over: bool,
    _held: Held,
}

enum Rows {
    /// There are none, or they stand in the head.
    Written,
    Vector(std::vec::IntoIter<VectorSample>),
    Matrix(std::vec::IntoIter<SeriesData>, Steps),
    /// Each series has instants of its own: those of its samples.
    Samples(std::vec::IntoIter<SeriesData>),
}

impl Line {
    /// Begins the line of an answer. Only a range vector at one instant has no `steps`.
    pub(crate) fn answer(id: &str, answer: Answer, steps: Steps, is_range: bool) -> Self {
        let Answer { value, warnings, infos, held, .. } = answer;
        let (result_type, has_steps) = match &value {
            Value::Scalar(..) => ("scalar", true),
            Value::Str(..) => ("string", false),
            Value::Vector(_) => ("vector", true),
            Value::Matrix(_) => ("matrix", is_range),
        };
        let mut head = head(id, "success");
        head.extend_from_slice(format!(",\"resultType\":\"{result_type}\"").as_bytes());
        if has_steps {
            let Steps { start, step, count } = steps;
            head.extend_from_slice(format!(",\"times\":[{start},{step},{count}]").as_bytes());
        }
        let mut tail = Vec::new();
        let rows = match value {
            Value::Str(text, _) => {
                head.extend_from_slice(b",\"value\":");
                push_text(&mut head, &text);
                Rows::Written
            }
            Value::Scalar(number, _) => {
                head.extend_from_slice(b",\"series\":[{\"metric\":{},\"values\":[");
                push_number(&mut head, number);
                head.extend_from_slice(b"]}]");
                Rows::Written
            }
            Value::Vector(samples) => Rows::Vector(samples.into_iter()),
            Value::Matrix(series) if is_range => Rows::Matrix(series.into_iter(), steps),
            Value::Matrix(series) => Rows::Samples(series.into_iter()),
        };
        if !matches!(rows, Rows::Written) {
            head.extend_from_slice(b",\"series\":[");
            tail.push(b']');
        }
        for (name, notes) in [("warnings", &warnings), ("infos", &infos)] {
            tail.extend_from_slice(format!(",\"{name}\":").as_bytes());
            push_texts(&mut tail, notes);
        }
        tail.extend_from_slice(b"}\n");
        Line { head, rows, tail, is_over: false, _held: held }
    }

    /// Begins the line of a query that has no answer; `error_type` is Prometheus' word.
    pub(crate) fn error(id: &str, error_type: &str, error: &Error) -> Self {
        let mut head = head(id, "error");
        head.extend_from_slice(b",\"errorType\":");
        push_text(&mut head, error_type);
        head.extend_from_slice(b",\"error\":");
        push_text(&mut head, error.message());
        Line {
            head,
            rows: Rows::Written,
            tail: b"}\n".to_vec(),
            is_over: false,
            _held: Held::default(),
        }
    }
}

impl Iterator for Line {
    type Item = Vec<u8>;

    fn next(&mut self) -> Option<Vec<u8>> {
        if self.is_over {
            return None;
        }
        let is_first = !self.head.is_empty();
        let mut piece = std::mem::take(&mut self.head);
        let mut needs_comma = !is_first;
        while piece.len() < PIECE_BYTES {
            let length = piece.len();
            if needs_comma {
                piece.push(b',');
            }
            needs_comma = true;
            if !self.rows.push_next(&mut piece) {
                piece.truncate(length);
                piece.append(&mut self.tail);
                self.is_over = true;
                break;
            }
        }
        Some(piece)
    }
}

fn head(id: &str, status: &str) -> Vec<u8> {
    let mut head = b"{\"id\":".to_vec();
    push_text(&mut head, id);
    head.extend_from_slice(format!(",\"status\":\"{status}\"").as_bytes());
    head
}

impl Rows {
    /// Appends the next series; returns `false` at the end.
    fn push_next(&mut self, out: &mut Vec<u8>) -> bool {
        match self {
            Rows::Written => false,
            Rows::Vector(samples) => samples.next().is_some_and(|sample| {
                push_metric(out, &sample.labels);
                out.extend_from_slice(b",\"values\":[");
                match &sample.value {
                    SampleValue::Float(number) => push_number(out, *number),
                    SampleValue::Histogram(histogram) => push_histogram_value(out, histogram),
                }
                out.extend_from_slice(b"]}");
                true
            }),
            Rows::Matrix(series, steps) => series.next().is_some_and(|series| {
                push_metric(out, &series.labels);
                push_values(out, &series, steps.all());
                true
            }),
            Rows::Samples(series) => series.next().is_some_and(|series| {
                push_metric(out, &series.labels);
                let times = times(&series);
                out.extend_from_slice(b",\"times\":");
                push_list(out, &times, |out, at| out.extend_from_slice(at.to_string().as_bytes()));
                push_values(out, &series, times.into_iter());
                true
            }),
        }
    }
}

fn push_metric(out: &mut Vec<u8>, labels: &Labels) {
    out.extend_from_slice(b"{\"metric\":");
    push_labels(out, labels);
}

/// Returns when a series has points.
fn times(series: &SeriesData) -> Vec<i64> {
    let floats = series.samples.iter().map(|sample| sample.timestamp.0);
    let histograms = series.histograms.iter().map(|sample| sample.timestamp.0);
    let mut times: Vec<i64> = floats.chain(histograms).collect();
    times.sort_unstable();
    times.dedup();
    times
}

/// Appends the values at rising instants and ends the series. Of a float and a histogram at the same
/// instant it is the histogram, as in instant vectors.
fn push_values(out: &mut Vec<u8>, series: &SeriesData, times: impl Iterator<Item = i64>) {
    let mut floats = series.samples.iter().peekable();
    let mut histograms = series.histograms.iter().peekable();
    out.extend_from_slice(b",\"values\":");
    push_list(out, times, |out, at| {
        let float = floats.next_if(|sample: &&Sample| sample.timestamp.0 <= at);
        let histogram = histograms.next_if(|sample: &&HistogramSample| sample.timestamp.0 <= at);
        match (histogram, float) {
            (Some(sample), _) => push_histogram_value(out, &sample.histogram),
            (None, Some(sample)) => push_number(out, sample.value),
            (None, None) => out.extend_from_slice(b"null"),
        }
    });
    out.push(b'}');
}

/// Appends a number; what JSON has no number for is a text.
fn push_number(out: &mut Vec<u8>, number: f64) {
    let quote: &[u8] = if number.is_finite() { b"" } else { b"\"" };
    out.extend_from_slice(quote);
    push_float(out, number);
    out.extend_from_slice(quote);
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::model::histogram::Histogram;

    fn matrix(series: Vec<SeriesData>) -> Answer {
        Answer {
            value: Value::Matrix(series),
            warnings: vec!["w".to_owned()],
            infos: Vec::new(),
            stats: Default::default(),
            cost: None,
            held: Default::default(),
        }
    }

    fn text(line: Line) -> String {
        String::from_utf8(line.flatten().collect()).unwrap()
    }

    fn mixed() -> SeriesData {
        let histogram = Arc::new(Histogram { count: 3.0, sum: 1.5, ..Histogram::default() });
        SeriesData {
            labels: Labels::from_pairs([("job", "a")]),
            samples: vec![
                Sample::new(1_000, f64::NAN),
                Sample::new(2_000, -0.5),
                Sample::new(5_000, f64::INFINITY),
            ],
            histograms: vec![HistogramSample { timestamp: TimestampMs(4_000), histogram }],
            ..SeriesData::default()
        }
    }

    #[test]
    fn steps_without_a_value_are_null_and_what_is_no_number_is_a_text() {
        let steps = Steps { start: 1_000, step: 1_000, count: 6 };
        let line = Line::answer("q", matrix(vec![mixed()]), steps, true);
        assert_eq!(
            text(line),
            "{\"id\":\"q\",\"status\":\"success\",\"resultType\":\"matrix\",\
             \"times\":[1000,1000,6],\"series\":[{\"metric\":{\"job\":\"a\"},\
             \"values\":[\"NaN\",-0.5,null,{\"count\":\"3\",\"sum\":\"1.5\"},\"+Inf\",null]}],\
             \"warnings\":[\"w\"],\"infos\":[]}\n"
        );
    }

    #[test]
    fn the_samples_of_a_bare_range_have_instants_of_their_own() {
        let steps = Steps::instant(TimestampMs(9_000));
        let line = text(Line::answer("q", matrix(vec![mixed()]), steps, false));
        let line: serde_json::Value = serde_json::from_str(&line).unwrap();
        assert_eq!(line.get("times"), None);
        assert_eq!(line["series"][0]["times"], serde_json::json!([1_000, 2_000, 4_000, 5_000]));
        assert_eq!(line["series"][0]["values"].as_array().unwrap().len(), 4);
    }

    #[test]
    fn a_large_line_comes_in_pieces_and_an_empty_one_is_whole() {
        let steps = Steps { start: 0, step: 1, count: 1_000 };
        let many = (0..200).map(|_| mixed()).collect();
        let pieces: Vec<_> = Line::answer("q", matrix(many), steps, true).collect();
        assert!(pieces.len() > 3, "{}", pieces.len());
        let line: serde_json::Value = serde_json::from_slice(&pieces.concat()).unwrap();
        assert_eq!(line["series"].as_array().unwrap().len(), 200);
        let none = text(Line::answer("q", matrix(Vec::new()), steps, true));
        let none: serde_json::Value = serde_json::from_str(&none).unwrap();
        assert_eq!(none["series"], serde_json::json!([]));
    }
}
