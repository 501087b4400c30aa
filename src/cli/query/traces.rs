//! `query traces`.

use std::collections::BTreeMap;

use clap::Args;
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::cli::outcome::Failure;
use crate::cli::query::ask::Asker;
use crate::cli::query::table::{Side, Table, csv_line};
use crate::cli::query::text::{counted, json};
use crate::cli::query::times::{Span, rfc3339};
use crate::cli::query::{Output, Reach, Written};
use crate::model::time::TimestampMs;
use crate::model::trace::TraceId;

/// Conditions that are parameters of Jaeger's search; every other one is a tag.
const PARAMETERS: [&str; 4] = ["service", "operation", "minDuration", "maxDuration"];
const HEADS: [(&str, Side); 7] = [
    ("time", Side::Left),
    ("duration_ms", Side::Right),
    ("spans", Side::Right),
    ("errors", Side::Right),
    ("service", Side::Left),
    ("operation", Side::Left),
    ("trace_id", Side::Left),
];

/// A question about traces.
#[derive(Debug, Clone, Args)]
pub(crate) struct Traces {
    /// Conditions as in Jaeger's search: service=NAME, and beside it operation, minDuration,
    /// maxDuration, error=true or any attribute; or the id of a trace
    #[arg(value_name = "EXPR")]
    expression: String,
    #[command(flatten)]
    pub(super) reach: Reach,
    /// Write at most this many traces, the newest
    #[arg(long, value_name = "COUNT", default_value_t = 20)]
    limit: usize,
}

/// The question with its parameters read.
pub(super) struct Plan {
    expression: String,
    path: String,
    pairs: Vec<(&'static str, String)>,
    output: Output,
    limit: usize,
}

#[derive(Deserialize)]
struct Answer<'a> {
    #[serde(borrow)]
    data: &'a RawValue,
    errors: Option<Vec<Warning>>,
}

#[derive(Deserialize)]
struct Warning {
    msg: String,
}

#[derive(Deserialize)]
struct Trace {
    #[serde(rename = "traceID")]
    id: String,
    spans: Vec<SentSpan>,
    processes: BTreeMap<String, Process>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct SentSpan {
    operation_name: String,
    #[serde(default)]
    references: Vec<Reference>,
    /// Microseconds.
    start_time: i64,
    duration: i64,
    tags: Vec<Tag>,
    #[serde(rename = "processID")]
    process: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Reference {
    ref_type: String,
}

#[derive(Deserialize)]
struct Tag {
    key: String,
    value: serde_json::Value,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Process {
    service_name: String,
}

impl Plan {
    /// # Errors
    /// Usage failures.
    pub(super) fn of(what: &Traces, now_ms: i64) -> Result<Self, Failure> {
        let Traces { expression, reach, limit } = what;
        let Reach { output, .. } = reach;
        if *output == Output::Chart {
            return Err(Failure::usage("traces are no series: take --output table, json or csv"));
        }
        let Span { start, end } = reach.span(now_ms)?;
        let (expression, limit, output) = (expression.clone(), (*limit).max(1), *output);
        let path = "/api/traces".to_owned();
        if let Some(id) = TraceId::from_hex(expression.trim()).filter(|_| expression.len() >= 16) {
            let path = format!("{path}/{id}");
            return Ok(Plan { expression, path, pairs: Vec::new(), output, limit });
        }
        let mut pairs = conditions(&expression)?;
        pairs.push(("start", start.0.saturating_mul(1_000).to_string()));
        pairs.push(("end", end.0.saturating_mul(1_000).to_string()));
        pairs.push(("limit", limit.to_string()));
        Ok(Plan { expression, path, pairs, output, limit })
    }

    /// # Errors
    /// Those of the appliance.
    pub(super) async fn answer(&self, asker: &Asker<'_>) -> Result<Written, Failure> {
        let body = asker.get(&self.path, &self.expression, &self.pairs).await?;
        self.write(&body)
    }

    fn write(&self, body: &str) -> Result<Written, Failure> {
        let wrong = |error| Failure::failed(format!("the answer is unreadable: {error}"));
        let Answer { data, errors } = serde_json::from_str(body).map_err(wrong)?;
        let mut traces: Vec<Trace> = serde_json::from_str(data.get()).map_err(wrong)?;
        let mut notes: Vec<String> =
            errors.unwrap_or_default().into_iter().map(|warning| warning.msg).collect();
        if traces.len() == self.limit && !self.pairs.is_empty() {
            let count = counted(self.limit, "trace");
            notes.push(format!("{count}, and there may be more; --limit writes more"));
        }
        if traces.is_empty() && self.output != Output::Json {
            notes.push("no traces".to_owned());
        }
        // As a terminal is read: the newest stands at the end.
        traces.sort_by_key(|trace| trace.spans.iter().map(|span| span.start_time).min());
        let rows = traces.iter().map(row);
        let text = match self.output {
            Output::Json => json(data.get()) + "\n",
            Output::Csv => {
                let heads = csv_line(HEADS.map(|(head, _)| head));
                rows.fold(heads, |out, row| out + &csv_line(row.iter().map(String::as_str)))
            }
            Output::Table | Output::Chart if traces.is_empty() => String::new(),
            Output::Table | Output::Chart => {
                let mut table =
                    Table::new(HEADS.map(|(head, side)| (head.to_owned(), side)).to_vec());
                rows.for_each(|row| table.push(row.to_vec()));
                table.render()
            }
        };
        Ok(Written { text, notes })
    }
}

/// Sums a trace up; it is called by its first span without a parent.
fn row(trace: &Trace) -> [String; 7] {
    let begin = trace.spans.iter().map(|span| span.start_time).min().unwrap_or(0);
    let end = trace.spans.iter().map(|span| span.start_time.saturating_add(span.duration)).max();
    let is_root = |span: &&SentSpan| span.references.iter().all(|it| it.ref_type != "CHILD_OF");
    let failed = |span: &&SentSpan| {
        span.tags.iter().any(|tag| tag.key == "error" && tag.value.as_bool() == Some(true))
    };
    let roots = trace.spans.iter().filter(is_root).min_by_key(|span| span.start_time);
    let root = roots.or_else(|| trace.spans.iter().min_by_key(|span| span.start_time));
    let service = root.and_then(|span| trace.processes.get(&span.process));
    let microseconds = end.unwrap_or(begin).saturating_sub(begin);
    [
        rfc3339(TimestampMs(begin.div_euclid(1_000))),
        format!("{}.{:03}", microseconds / 1_000, microseconds % 1_000),
        trace.spans.len().to_string(),
        trace.spans.iter().filter(failed).count().to_string(),
        service.map(|process| process.service_name.clone()).unwrap_or_default(),
        root.map(|span| span.operation_name.clone()).unwrap_or_default(),
        trace.id.clone(),
    ]
}

/// Reads `key=value` pairs between spaces; a value with spaces stands in double quotes.
fn conditions(text: &str) -> Result<Vec<(&'static str, String)>, Failure> {
    let wrong = |part: &str| {
        Failure::usage(format!(
            "{part:?} is no condition: write service=NAME, and beside it operation=NAME, \
             minDuration=100ms, maxDuration=2s, error=true or any attribute=value; \"quotes\" hold \
             spaces"
        ))
    };
    let mut pairs = Vec::new();
    let mut rest = text.trim();
    while !rest.is_empty() {
        let (key, tail) = rest.split_once('=').ok_or_else(|| wrong(rest))?;
        if key.is_empty() || key.contains(char::is_whitespace) || key.contains('"') {
            return Err(wrong(rest));
        }
        let (value, tail) = match tail.strip_prefix('"') {
            Some(quoted) => quoted.split_once('"').ok_or_else(|| wrong(rest))?,
            None => tail.split_at(tail.find(char::is_whitespace).unwrap_or(tail.len())),
        };
        match PARAMETERS.into_iter().find(|name| *name == key) {
            Some(name) => pairs.push((name, value.to_owned())),
            None => pairs.push(("tag", format!("{key}:{value}"))),
        }
        rest = tail.trim_start();
    }
    if !pairs.iter().any(|(name, _)| *name == "service") {
        return Err(wrong(text));
    }
    Ok(pairs)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn conditions_are_parameters_or_tags() {
        let read = conditions("service=cart operation=\"GET /a b\" minDuration=1s http.status=500");
        let pair = |name, value: &str| (name, value.to_owned());
        assert_eq!(
            read,
            Ok(vec![
                pair("service", "cart"),
                pair("operation", "GET /a b"),
                pair("minDuration", "1s"),
                pair("tag", "http.status:500"),
            ])
        );
        for wrong in ["", "cart", "error=true", "service=\"a", "=a", "a b=c service=x"] {
            assert_eq!(conditions(wrong).map_err(|it| it.code), Err(2), "{wrong}");
        }
    }

    #[test]
    fn a_trace_is_a_row_named_by_its_root() {
        let body = r#"{"data":[{"traceID":"abc","processes":{"p1":{"serviceName":"front","tags":[]},
            "p2":{"serviceName":"cart","tags":[]}},"spans":[
            {"operationName":"inner","references":[{"refType":"CHILD_OF"}],"startTime":1795867200000100,
             "duration":500,"tags":[{"key":"error","value":true}],"processID":"p2"},
            {"operationName":"GET /\u001b[2J","startTime":1795867200000000,"duration":1500,"tags":[],"processID":"p1"}]}],
            "errors":null}"#;
        let plan = |output| Plan {
            expression: String::new(),
            path: String::new(),
            pairs: vec![("service", "front".to_owned())],
            output,
            limit: 1,
        };
        let Written { text, notes } = plan(Output::Table).write(body).unwrap();
        let row = "2026-11-28T12:00:00Z        1.500      2       1  front    GET /\\u{1b}[2J  abc";
        assert_eq!(text.lines().nth(1), Some(row), "{text}");
        assert!(notes[0].contains("may be more"), "{notes:?}");
        let csv = plan(Output::Csv).write(body).unwrap().text;
        assert!(csv.ends_with("Z,1.500,2,1,front,GET /\u{1b}[2J,abc\r\n"), "{csv}");
    }
}
