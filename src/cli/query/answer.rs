//! What Prometheus' API answers, as values.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::cli::outcome::Failure;
use crate::cli::query::text::number;
use crate::model::labels::Labels;
use crate::model::time::TimestampMs;

/// An answer without errors.
#[derive(Debug)]
pub(super) struct Answer {
    /// The object `data` as it was sent.
    pub(super) json: String,
    pub(super) value: Value,
    /// What limits cut and what is doubtful: warnings, then infos.
    pub(super) notes: Vec<String>,
}

/// What an expression gave.
#[derive(Debug, PartialEq)]
pub(super) enum Value {
    Series(Vec<Series>),
    /// A scalar or a string has no labels.
    Single(TimestampMs, String),
}

/// A series with its points in the order of time; one point for an instant.
#[derive(Debug, PartialEq)]
pub(super) struct Series {
    pub(super) labels: Labels,
    pub(super) points: Vec<Point>,
}

#[derive(Debug, PartialEq)]
pub(super) struct Point {
    pub(super) at: TimestampMs,
    pub(super) reading: Reading,
}

/// A sample of either kind.
#[derive(Debug, PartialEq)]
pub(super) enum Reading {
    /// The text is the number as it was sent, with all its digits.
    Number(f64, String),
    Histogram {
        count: String,
        sum: String,
    },
}

impl Reading {
    /// Returns the value with all its digits; of a histogram what sums it up.
    pub(super) fn text(&self) -> String {
        match self {
            Reading::Number(_, text) => text.clone(),
            Reading::Histogram { count, sum } => format!("{{count:{count}, sum:{sum}}}"),
        }
    }
}

impl Series {
    /// Returns it as Prometheus writes it: `name{a="b"}`.
    pub(super) fn name(&self) -> String {
        let name = self.labels.metric_name();
        let plain = |character: char| character.is_ascii_alphanumeric() || "_:".contains(character);
        if name.is_empty() || !name.chars().all(plain) {
            return self.labels.to_string();
        }
        match self.labels.without(|label| label == "__name__") {
            rest if rest.is_empty() => name.to_owned(),
            rest => format!("{name}{rest}"),
        }
    }

    /// Returns the points that are numbers.
    pub(super) fn numbers(&self) -> impl Iterator<Item = (TimestampMs, f64)> {
        self.points.iter().filter_map(|point| match point.reading {
            Reading::Number(value, _) => Some((point.at, value)),
            Reading::Histogram { .. } => None,
        })
    }
}

#[derive(Deserialize)]
struct Envelope<'a> {
    #[serde(borrow)]
    data: &'a RawValue,
    #[serde(default)]
    warnings: Vec<String>,
    #[serde(default)]
    infos: Vec<String>,
}

#[derive(Deserialize)]
struct Data<'a> {
    #[serde(rename = "resultType")]
    kind: String,
    #[serde(borrow)]
    result: &'a RawValue,
}

#[derive(Deserialize)]
struct SentSeries {
    metric: BTreeMap<String, String>,
    value: Option<(f64, String)>,
    histogram: Option<(f64, SentHistogram)>,
    #[serde(default)]
    values: Vec<(f64, String)>,
    #[serde(default)]
    histograms: Vec<(f64, SentHistogram)>,
}

#[derive(Deserialize)]
struct SentHistogram {
    count: String,
    sum: String,
}

/// Reads an answer of `/api/v1/query` or `/api/v1/query_range`.
///
/// # Errors
/// When it is none.
pub(super) fn read(body: &str) -> Result<Answer, Failure> {
    let wrong =
        |error: serde_json::Error| Failure::failed(format!("the answer is unreadable: {error}"));
    let Envelope { data, mut warnings, infos } = serde_json::from_str(body).map_err(wrong)?;
    let Data { kind, result } = serde_json::from_str(data.get()).map_err(wrong)?;
    let value = match kind.as_str() {
        "scalar" | "string" => {
            let (at, text): (f64, String) = serde_json::from_str(result.get()).map_err(wrong)?;
            Value::Single(time(at), text)
        }
        _ => {
            let sent: Vec<SentSeries> = serde_json::from_str(result.get()).map_err(wrong)?;
            Value::Series(sent.into_iter().map(series).collect())
        }
    };
    warnings.extend(infos);
    Ok(Answer { json: data.get().to_owned(), value, notes: warnings })
}

fn series(sent: SentSeries) -> Series {
    let numbers = sent.value.into_iter().chain(sent.values).map(|(at, text)| {
        let value = text.parse().unwrap_or(f64::NAN);
        Point { at: time(at), reading: Reading::Number(value, text) }
    });
    let histograms = sent.histogram.into_iter().chain(sent.histograms).map(|(at, sent)| {
        let SentHistogram { count, sum } = sent;
        Point { at: time(at), reading: Reading::Histogram { count, sum } }
    });
    let mut points: Vec<Point> = numbers.chain(histograms).collect();
    points.sort_by_key(|point| point.at);
    Series { labels: Labels::from_pairs(sent.metric), points }
}

fn time(seconds: f64) -> TimestampMs {
    TimestampMs((seconds * 1e3).round() as i64)
}

/// What a series did in a range; absent where it has no number.
#[derive(Debug, PartialEq)]
pub(super) struct Sum {
    pub(super) least: String,
    pub(super) mean: String,
    pub(super) most: String,
    pub(super) last: String,
}

impl Sum {
    /// Sums a series up: NaN counts only where there is nothing else; histograms have only a last.
    pub(super) fn of(series: &Series) -> Self {
        let known: Vec<f64> =
            series.numbers().map(|(_, value)| value).filter(|value| !value.is_nan()).collect();
        let last = series.points.last().map(|point| match &point.reading {
            Reading::Number(value, _) => number(*value),
            histogram @ Reading::Histogram { .. } => histogram.text(),
        });
        let last = last.unwrap_or_default();
        if known.is_empty() {
            let nothing = if series.numbers().next().is_some() { "NaN" } else { "-" };
            let [least, mean, most] = [nothing; 3].map(str::to_owned);
            return Sum { least, mean, most, last };
        }
        // Each is divided first, so that the sum of large numbers does not overflow.
        let count = known.len() as f64;
        let mean = known.iter().sum::<f64>() / count;
        let mean = match mean.is_finite() {
            true => mean,
            false => known.iter().map(|value| value / count).sum(),
        };
        Sum {
            least: number(known.iter().copied().fold(f64::INFINITY, f64::min)),
            mean: number(mean),
            most: number(known.iter().copied().fold(f64::NEG_INFINITY, f64::max)),
            last,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn first(result: &str) -> Series {
        let body = format!(
            r#"{{"status":"success","data":{{"resultType":"matrix","result":[{result}]}}}}"#
        );
        match read(&body).unwrap().value {
            Value::Series(series) => series.into_iter().next().unwrap(),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn an_answer_keeps_its_json_its_digits_and_its_notes() {
        let body = r#"{"status":"success","data":{"resultType":"vector","result":[{"metric":
            {"__name__":"up","job":"a"},"value":[1.5,"0.30000000000000004"]}]},"warnings":["w"],"infos":["i"]}"#;
        let answer = read(body).unwrap();
        assert!(answer.json.starts_with(r#"{"resultType":"vector""#), "{}", answer.json);
        assert_eq!(answer.notes, ["w", "i"]);
        let Value::Series(series) = answer.value else { panic!() };
        assert_eq!(series[0].name(), r#"up{job="a"}"#);
        let reading = Reading::Number(0.300_000_000_000_000_04, "0.30000000000000004".to_owned());
        assert_eq!(series[0].points, [Point { at: TimestampMs(1_500), reading }]);
        let scalar = r#"{"data":{"resultType":"scalar","result":[2,"7"]}}"#;
        assert_eq!(read(scalar).unwrap().value, Value::Single(TimestampMs(2_000), "7".to_owned()));
        assert!(read("{}").is_err());
    }

    #[test]
    fn a_series_is_summed_up_without_its_nans() {
        let series = first(r#"{"metric":{},"values":[[1,"NaN"],[2,"1"],[3,"+Inf"],[4,"2"]]}"#);
        let [least, mean, most, last] = ["1", "+Inf", "+Inf", "2"].map(str::to_owned);
        assert_eq!(Sum::of(&series), Sum { least, mean, most, last });
        let large = first(r#"{"metric":{},"values":[[1,"1e308"],[2,"1e308"]]}"#);
        assert_eq!(Sum::of(&large).mean, "1e308");
    }

    #[test]
    fn histograms_are_told_by_count_and_sum_and_have_no_extremes() {
        let series = first(
            r#"{"metric":{"__name__":"a.b"},"histograms":[[1,{"count":"3","sum":"4.5","buckets":[]}]]}"#,
        );
        assert_eq!(series.name(), r#"{__name__="a.b"}"#);
        let sum = Sum::of(&series);
        assert_eq!((sum.least.as_str(), sum.last.as_str()), ("-", "{count:3, sum:4.5}"));
    }
}
