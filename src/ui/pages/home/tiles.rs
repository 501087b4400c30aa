//! The numbers at the top: each is a query, and leads to it.

use std::time::Duration;

use crate::access::Caller;
use crate::base::error::Result;
use crate::model::answer::Value;
use crate::model::time::TimeRange;
use crate::service::{Expression, RangeQuery};
use crate::ui::UiState;
use crate::ui::address::Address;
use crate::ui::format;
use crate::ui::range::Range;
use crate::ui::sparkline::Sparkline;

/// Points of a sparkline.
const POINTS: u32 = 60;

/// A number with its recent course.
pub(crate) struct Tile {
    pub(crate) name: &'static str,
    pub(crate) value: String,
    pub(crate) unit: &'static str,
    pub(crate) bad: bool,
    pub(crate) href: String,
    pub(crate) sparkline: Sparkline,
    /// Why there is no value; empty when there is one.
    pub(crate) fault: String,
}

/// What a tile asks; `$w` stands for the window that fits a step.
struct Question {
    name: &'static str,
    query: &'static str,
    unit: &'static str,
    write: fn(f64) -> String,
    /// From which value on the number is shown as bad.
    bad_from: f64,
}

const QUESTIONS: [Question; 8] = [
    Question {
        name: "Targets up",
        query: "100 * avg(up)",
        unit: "%",
        write: format::number,
        bad_from: f64::INFINITY,
    },
    Question {
        name: "Samples in",
        query: "sum(rate(belvedere_ingest_accepted_total{signal=\"metrics\"}[$w]))",
        unit: "/s",
        write: format::number,
        bad_from: f64::INFINITY,
    },
    Question {
        name: "Log records in",
        query: "sum(rate(belvedere_ingest_accepted_total{signal=\"logs\"}[$w]))",
        unit: "/s",
        write: format::number,
        bad_from: f64::INFINITY,
    },
    Question {
        name: "Spans in",
        query: "sum(rate(belvedere_ingest_accepted_total{signal=\"traces\"}[$w]))",
        unit: "/s",
        write: format::number,
        bad_from: f64::INFINITY,
    },
    Question {
        name: "Requests served",
        query: "sum(rate(belvedere_http_requests_total[$w]))",
        unit: "/s",
        write: format::number,
        bad_from: f64::INFINITY,
    },
    Question {
        name: "Server errors",
        query: "100 * (sum(rate(belvedere_http_requests_total{status=~\"5..\"}[$w])) or vector(0)) / (sum(rate(belvedere_http_requests_total[$w])) > 0)",
        unit: "%",
        write: format::number,
        bad_from: 5.0,
    },
    Question {
        name: "Host CPU busy",
        query: "100 * (1 - avg(rate(node_cpu_seconds_total{mode=\"idle\"}[$w])))",
        unit: "%",
        write: format::number,
        bad_from: 80.0,
    },
    Question {
        name: "Own memory",
        query: "belvedere_process_anonymous_memory_bytes",
        unit: "",
        write: format::bytes,
        bad_from: 1_073_741_824.0,
    },
];

/// Answers every question at once.
pub(crate) async fn all(
    state: &UiState,
    caller: &Caller,
    range: &Range,
    address: &Address,
) -> Vec<Tile> {
    let tiles = QUESTIONS.iter().map(|question| tile(state, caller, range, address, question));
    futures_util::future::join_all(tiles).await
}

async fn tile(
    state: &UiState,
    caller: &Caller,
    range: &Range,
    address: &Address,
    question: &Question,
) -> Tile {
    let step = step_of(range.window());
    // At least four scrapes of 15 s, so that a rate has two samples to go by.
    let window = step.as_secs().max(60);
    let query = question.query.replace("$w", &format!("{window}s"));
    let values = course(state, caller, range, step, &query).await;
    let (values, fault) = match values {
        Ok(values) => (values, String::new()),
        Err(error) => (Vec::new(), error.message().to_owned()),
    };
    let last = values.last().copied().filter(|value| value.is_finite());
    Tile {
        name: question.name,
        value: last.map_or_else(|| format::MISSING.to_owned(), question.write),
        unit: if last.is_some() { question.unit } else { "" },
        bad: last.is_some_and(|value| value >= question.bad_from),
        href: address.jump("/ui/metrics").with("q", query).to_string(),
        sparkline: Sparkline::of(&values),
        fault,
    }
}

/// The distance of the points: whole seconds, so that the last point is the end of the range.
fn step_of(window: Duration) -> Duration {
    Duration::from_secs((window / POINTS).as_secs().max(1))
}

/// Returns the values of a query's first series, one a step; a missing one is NaN.
async fn course(
    state: &UiState,
    caller: &Caller,
    range: &Range,
    step: Duration,
    query: &str,
) -> Result<Vec<f64>> {
    let step_ms = step.as_millis() as i64;
    let end = range.ms().end;
    let mut start = end;
    start.0 -= step_ms * i64::from(POINTS);
    let question = RangeQuery {
        expression: Expression::parse(query)?,
        range: TimeRange::new(start, end),
        step,
        timeout: Some(Duration::from_secs(5)),
        lookback: None,
        afresh: false,
    };
    let answer = state.services.metrics.range(caller, question).await?;
    let Value::Matrix(series) = answer.value else { return Ok(Vec::new()) };
    let Some(first) = series.first() else { return Ok(Vec::new()) };
    let mut values = vec![f64::NAN; POINTS as usize + 1];
    for sample in &first.samples {
        let index = (sample.timestamp.0 - start.0) / step_ms;
        if let Some(value) = usize::try_from(index).ok().and_then(|index| values.get_mut(index)) {
            *value = sample.value;
        }
    }
    Ok(values)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_question_is_promql() {
        for question in &QUESTIONS {
            let query = question.query.replace("$w", "60s");
            let parsed = Expression::parse(&query).and_then(|query| query.check_stepwise());
            assert_eq!(parsed, Ok(()), "{query}");
        }
    }
}
