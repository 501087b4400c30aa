//! The value of one expression at one instant, as rows.

use crate::access::Caller;
use crate::base::error::Result;
use crate::model::answer::{SampleValue, Value};
use crate::model::labels::Labels;
use crate::model::time::TimestampMs;
use crate::service::{Expression, InstantQuery, Pill};
use crate::ui::UiState;
use crate::ui::format;

/// Rows that the page holds.
const MAX_ROWS: usize = 500;

/// An expression and what became of it.
pub(crate) struct Values {
    /// The expression as written; one that is switched off begins with `~`.
    pub(crate) text: String,
    /// Series with their value, the largest first.
    pub(crate) rows: Vec<(String, String)>,
    /// How many more there are.
    pub(crate) more: usize,
    /// Why there are none; empty when it could be computed.
    pub(crate) fault: String,
    /// What the reader should know besides.
    pub(crate) notes: Vec<String>,
}

/// Computes `text` at `time`.
pub(crate) async fn of(
    state: &UiState,
    caller: &Caller,
    text: &str,
    scope: &str,
    time: TimestampMs,
) -> Values {
    let mut values = Values {
        text: text.to_owned(),
        rows: Vec::new(),
        more: 0,
        fault: String::new(),
        notes: Vec::new(),
    };
    if text.starts_with('~') {
        return values;
    }
    let expression = match within(text, scope) {
        Ok(expression) => expression,
        Err(error) => {
            values.fault = error.message().to_owned();
            return values;
        }
    };
    let query = InstantQuery { expression, time, timeout: None, lookback: None };
    match state.services.metrics.instant(caller, query).await {
        Ok(answer) => {
            values.notes = answer.warnings.into_iter().chain(answer.infos).collect();
            values.rows = rows(answer.value, text);
            values.more = values.rows.len().saturating_sub(MAX_ROWS);
            values.rows.truncate(MAX_ROWS);
        }
        Err(error) => values.fault = error.message().to_owned(),
    }
    values
}

/// Reads an expression and restricts it to the scope.
fn within(text: &str, scope: &str) -> Result<Expression> {
    let expression = Expression::parse(text)?;
    let pairs = Pill::parse_scope(scope)?;
    let pairs: Vec<(&str, &str, bool)> =
        pairs.iter().map(|pair| (pair.key.as_str(), pair.value.as_str(), pair.not)).collect();
    expression.scoped(&pairs)
}

fn rows(value: Value, text: &str) -> Vec<(String, String)> {
    match value {
        Value::Scalar(number, _) => vec![(text.to_owned(), format::number(number))],
        Value::Str(words, _) => vec![(text.to_owned(), words)],
        Value::Vector(mut samples) => {
            samples.sort_by(|a, b| size(&b.value).total_cmp(&size(&a.value)));
            let row = |labels: &Labels, value: &SampleValue| (name(labels, text), words(value));
            samples.iter().map(|sample| row(&sample.labels, &sample.value)).collect()
        }
        Value::Matrix(series) => {
            let last = |samples: &[crate::model::sample::Sample]| {
                let words = samples.last().map(|sample| format::number(sample.value));
                words.unwrap_or_else(|| format::MISSING.to_owned())
            };
            series.iter().map(|one| (name(&one.labels, text), last(&one.samples))).collect()
        }
    }
}

fn size(value: &SampleValue) -> f64 {
    match value {
        SampleValue::Float(number) => *number,
        SampleValue::Histogram(histogram) => histogram.count,
    }
}

fn words(value: &SampleValue) -> String {
    match value {
        SampleValue::Float(number) => format::number(*number),
        SampleValue::Histogram(histogram) => {
            let (count, sum) = (format::number(histogram.count), format::number(histogram.sum));
            format!("count {count}, sum {sum}")
        }
    }
}

/// A series as Prometheus writes it; one without labels is called by its expression.
pub(crate) fn name(labels: &Labels, text: &str) -> String {
    if labels.is_empty() {
        return text.to_owned();
    }
    let rest = labels.without(|label| label == "__name__");
    let pairs = if rest.is_empty() { String::new() } else { rest.to_string() };
    match (labels.metric_name(), pairs.as_str()) {
        ("", "") => text.to_owned(),
        (metric, pairs) => format!("{metric}{pairs}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_series_is_called_as_prometheus_writes_it() {
        let labels = Labels::from_pairs([("__name__", "up"), ("job", "a\"b")]);
        assert_eq!(name(&labels, "x"), "up{job=\"a\\\"b\"}");
        assert_eq!(name(&Labels::from_pairs([("__name__", "up")]), "x"), "up");
        assert_eq!(name(&Labels::empty(), "1 + 1"), "1 + 1");
    }
}
