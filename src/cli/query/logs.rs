//! `query logs`.

use clap::Args;
use serde::{Deserialize, Serialize};

use crate::cli::outcome::Failure;
use crate::cli::query::ask::Asker;
use crate::cli::query::chart;
use crate::cli::query::screen::Screen;
use crate::cli::query::table::{Side, Table, csv_line};
use crate::cli::query::text::{counted, json};
use crate::cli::query::times::{Span, length, rfc3339};
use crate::cli::query::{Output, Reach, Written};
use crate::model::time::TimestampMs;

/// Records that the appliance answers at once.
const PAGE: usize = 2_000;

/// A question about logs.
#[derive(Debug, Clone, Args)]
pub(crate) struct Logs {
    /// The condition; an empty one is fulfilled by every record
    #[arg(value_name = "EXPR")]
    expression: String,
    #[command(flatten)]
    pub(super) reach: Reach,
    /// Write this many records, the newest; a chart counts all
    #[arg(long, value_name = "COUNT", default_value_t = 100)]
    limit: usize,
}

/// The question with its parameters read.
pub(super) struct Plan {
    expression: String,
    span: Span,
    output: Output,
    limit: usize,
}

#[derive(Debug, Deserialize)]
struct Page {
    rows: Vec<Row>,
    total: u64,
    next: Option<String>,
    #[serde(default)]
    warnings: Vec<String>,
}

#[derive(Debug, Serialize, Deserialize)]
struct Row {
    ns: String,
    index: String,
    id: String,
    severity: String,
    service: String,
    line: String,
    #[serde(default)]
    cut: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    trace: Option<String>,
}

/// What `json` writes: the newest record last.
#[derive(Debug, Serialize)]
struct Found<'a> {
    total: u64,
    rows: &'a [Row],
}

#[derive(Debug, Deserialize)]
struct Histogram {
    start: i64,
    width: i64,
    severities: Vec<String>,
    counts: Vec<Vec<u64>>,
}

impl Plan {
    /// # Errors
    /// Usage failures.
    pub(super) fn of(what: &Logs, now_ms: i64) -> Result<Self, Failure> {
        let Logs { expression, reach, limit } = what;
        let (expression, limit) = (expression.clone(), (*limit).max(1));
        Ok(Plan { expression, span: reach.span(now_ms)?, output: reach.output, limit })
    }

    /// # Errors
    /// Those of the appliance.
    pub(super) async fn answer(
        &self,
        asker: &Asker<'_>,
        screen: Screen,
    ) -> Result<Written, Failure> {
        if self.output == Output::Chart {
            let mut pairs = self.pairs();
            pairs.push(("buckets", screen.width.saturating_sub(12).max(1).to_string()));
            let body = asker.get("/api/x/logs/histogram", &self.expression, &pairs).await?;
            return Ok(Written { text: drawn(&read(&body)?, screen), notes: Vec::new() });
        }
        let mut found = Page { rows: Vec::new(), total: 0, next: None, warnings: Vec::new() };
        loop {
            let mut pairs = self.pairs();
            pairs.push(("limit", (self.limit - found.rows.len()).min(PAGE).to_string()));
            pairs.extend(found.next.take().map(|next| ("after", next)));
            let body = asker.get("/api/x/logs/search", &self.expression, &pairs).await?;
            let page: Page = read(&body)?;
            found.total = found.total.max(page.total);
            found.rows.extend(page.rows);
            found.warnings.extend(page.warnings);
            found.next = page.next;
            if found.next.is_none() || found.rows.len() >= self.limit {
                return self.write(found);
            }
        }
    }

    fn pairs(&self) -> Vec<(&'static str, String)> {
        let Span { start, end } = self.span;
        vec![
            ("q", self.expression.clone()),
            ("from", start.0.to_string()),
            ("to", end.0.to_string()),
        ]
    }

    fn write(&self, found: Page) -> Result<Written, Failure> {
        let Page { mut rows, total, warnings: mut notes, .. } = found;
        notes.dedup();
        // As a terminal is read: the newest stands at the end.
        rows.reverse();
        let shown = rows.len() as u64;
        if shown < total {
            notes.push(format!("the newest {shown} of {total} records; --limit writes more"));
        }
        let cut = rows.iter().filter(|row| row.cut).count();
        if cut > 0 {
            notes.push(format!(
                "{} cut; the page of the record has all of it",
                counted(cut, "long line")
            ));
        }
        let text = match self.output {
            Output::Json => {
                let text = serde_json::to_string(&Found { total, rows: &rows });
                json(&text.map_err(|error| Failure::failed(error.to_string()))?) + "\n"
            }
            Output::Csv => csv(&rows),
            Output::Table | Output::Chart if rows.is_empty() => {
                notes.push("no records".to_owned());
                String::new()
            }
            Output::Table | Output::Chart => table(&rows),
        };
        Ok(Written { text, notes })
    }
}

fn read<'a, T: Deserialize<'a>>(body: &'a str) -> Result<T, Failure> {
    serde_json::from_str(body)
        .map_err(|error| Failure::failed(format!("the answer is unreadable: {error}")))
}

/// Writes nanoseconds as RFC 3339 with all digits.
fn time(row: &Row) -> String {
    let read = row.ns.parse::<i128>().ok();
    let instant = read.and_then(|ns| jiff::Timestamp::from_nanosecond(ns).ok());
    instant.map_or_else(|| row.ns.clone(), |instant| instant.to_string())
}

fn table(rows: &[Row]) -> String {
    let heads = ["time", "severity", "service", "line"].map(|head| (head.to_owned(), Side::Left));
    let mut table = Table::new(heads.to_vec());
    for row in rows {
        let end = if row.cut { "…" } else { "" };
        let line = format!("{}{end}", row.line);
        table.push(vec![time(row), row.severity.clone(), row.service.clone(), line]);
    }
    table.render()
}

fn csv(rows: &[Row]) -> String {
    let mut out = csv_line(["time", "severity", "service", "trace_id", "index", "id", "line"]);
    for row in rows {
        let (time, trace) = (time(row), row.trace.as_deref().unwrap_or(""));
        let Row { severity, service, index, id, line, .. } = row;
        out.push_str(&csv_line([time.as_str(), severity, service, trace, index, id, line]));
    }
    out
}

/// Draws how many records there were when, and tells the sums by severity.
fn drawn(histogram: &Histogram, screen: Screen) -> String {
    let Histogram { start, width, severities, counts } = histogram;
    let sums: Vec<u64> = counts.iter().map(|bucket| bucket.iter().sum()).collect();
    let mut out = chart::bars(&sums, *start, *width, screen);
    let of = |at: usize| counts.iter().filter_map(|bucket| bucket.get(at)).sum::<u64>();
    let words = severities.iter().enumerate().map(|(at, severity)| {
        let name = if severity.is_empty() { "without severity" } else { severity };
        (of(at), format!("{name} {}", of(at)))
    });
    let known: Vec<String> = words.filter(|(count, _)| *count > 0).map(|(_, word)| word).collect();
    let total = sums.iter().sum::<u64>();
    let end = start.saturating_add(width.saturating_mul(counts.len() as i64));
    let (start, end) = (rfc3339(TimestampMs(*start)), rfc3339(TimestampMs(end)));
    let each = length(*width);
    let colon = if known.is_empty() { "" } else { ": " };
    out.push_str(&format!("{total} records{colon}{}\n", known.join(" · ")));
    out.push_str(&format!("{start} to {end}, a bar is {each}\n"));
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(output: Output) -> Plan {
        let span = Span { start: TimestampMs(0), end: TimestampMs(1) };
        Plan { expression: String::new(), span, output, limit: 2 }
    }

    fn page() -> Page {
        read(
            r#"{"rows":[
            {"ns":"1795867200000000002","seq":1,"index":"i","id":"2","severity":"error","service":"cart","line":"b\u001b[2J","cut":true},
            {"ns":"1795867200000000001","seq":0,"index":"i","id":"1","severity":"","service":"","line":"a,b","trace":"t"}],
            "total":3,"warnings":["w"]}"#,
        )
        .unwrap()
    }

    #[test]
    fn records_are_listed_with_the_newest_at_the_end_and_what_is_missing_is_said() {
        let Written { text, notes } = plan(Output::Table).write(page()).unwrap();
        let rows: Vec<&str> = text.lines().collect();
        assert!(rows[1].starts_with("2026-11-28T12:00:00.000000001Z") && rows[1].ends_with("a,b"));
        assert!(rows[2].ends_with("error     cart     b\\u{1b}[2J…"), "{text}");
        assert_eq!(notes[0], "w");
        assert!(notes[1].starts_with("the newest 2 of 3 records"), "{notes:?}");
        assert!(notes[2].starts_with("1 long line cut"), "{notes:?}");
    }

    #[test]
    fn csv_and_json_hold_the_same_records() {
        let csv = plan(Output::Csv).write(page()).unwrap().text;
        assert!(csv.contains("\r\n2026-11-28T12:00:00.000000001Z,,,t,i,1,\"a,b\"\r\n"), "{csv}");
        let json = plan(Output::Json).write(page()).unwrap().text;
        let value: serde_json::Value = serde_json::from_str(&json).unwrap();
        assert_eq!((&value["total"], &value["rows"][1]["line"]), (&3.into(), &"b\u{1b}[2J".into()));
    }

    #[test]
    fn a_chart_tells_the_sums_by_severity() {
        let histogram = Histogram {
            start: 1_795_867_200_000,
            width: 60_000,
            severities: ["error", "info", ""].map(str::to_owned).to_vec(),
            counts: vec![vec![1, 5, 0], vec![0, 2, 0]],
        };
        let text = drawn(&histogram, Screen { width: 60, colour: false });
        assert!(text.contains("\n8 records: error 1 · info 7\n"), "{text}");
        assert!(text.ends_with("12:02:00Z, a bar is 1m\n"), "{text}");
    }
}
