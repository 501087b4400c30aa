//! `query metrics`.

use std::collections::BTreeSet;

use clap::Args;

use crate::cli::outcome::Failure;
use crate::cli::query::answer::{self, Answer, Point, Series, Sum, Value};
use crate::cli::query::ask::Asker;
use crate::cli::query::chart::{self, Line};
use crate::cli::query::screen::Screen;
use crate::cli::query::table::{Side, Table, csv_line};
use crate::cli::query::text::{counted, json};
use crate::cli::query::times::{self, Span, rfc3339, seconds};
use crate::cli::query::{Output, Reach, Written};
use crate::model::time::TimestampMs;

/// Series that are drawn; more cannot be told apart.
const DRAWN: usize = 8;
/// Labels that have a column of their own; more make one column of all.
const LABEL_COLUMNS: usize = 6;
/// The least and the most columns of a line in a table, where there is room for it.
const TREND: (usize, usize) = (8, 24);

/// A question about metrics.
#[derive(Debug, Clone, Args)]
pub(crate) struct Metrics {
    /// The expression
    #[arg(value_name = "EXPR")]
    expression: String,
    #[command(flatten)]
    pub(super) reach: Reach,
    /// The distance between the points of a range [default: a round one that makes up to 240 points]
    #[arg(long, value_name = "DURATION")]
    step: Option<String>,
    /// Ask about this instant, in the same forms as --from [default: now]
    #[arg(long, value_name = "TIME", allow_hyphen_values = true,
        conflicts_with_all = ["from", "to", "step"])]
    time: Option<String>,
}

/// The question with its parameters read.
pub(super) struct Plan {
    expression: String,
    when: When,
    output: Output,
}

#[derive(Debug, Clone, Copy)]
enum When {
    /// The appliance's now where nothing is said.
    Instant(Option<TimestampMs>),
    Range {
        span: Span,
        step_ms: i64,
    },
}

impl Plan {
    /// # Errors
    /// Usage failures.
    pub(super) fn of(what: &Metrics, now_ms: i64) -> Result<Self, Failure> {
        let Metrics { expression, reach, step, time } = what;
        let is_range = reach.from.is_some() || reach.to.is_some();
        if !is_range && step.is_some() {
            return Err(Failure::usage("--step belongs to a range: add --from 1h"));
        }
        if !is_range && reach.output == Output::Chart {
            return Err(Failure::usage("--output chart draws a range: add --from 1h"));
        }
        let when = match is_range {
            true => {
                let span = reach.span(now_ms)?;
                let asked = step.as_deref().map(times::step).transpose()?;
                When::Range { span, step_ms: asked.unwrap_or_else(|| span.step_ms()) }
            }
            false => {
                let read = |text: &String| times::instant("--time", text, now_ms);
                When::Instant(time.as_ref().map(read).transpose()?)
            }
        };
        Ok(Plan { expression: expression.clone(), when, output: reach.output })
    }

    /// # Errors
    /// Those of the appliance.
    pub(super) async fn answer(
        &self,
        asker: &Asker<'_>,
        screen: Screen,
    ) -> Result<Written, Failure> {
        let mut pairs = vec![("query", self.expression.clone())];
        let path = match self.when {
            When::Instant(time) => {
                pairs.extend(time.map(|time| ("time", seconds(time.0))));
                "/api/v1/query"
            }
            When::Range { span, step_ms } => {
                pairs.push(("start", seconds(span.start.0)));
                pairs.push(("end", seconds(span.end.0)));
                pairs.push(("step", seconds(step_ms)));
                "/api/v1/query_range"
            }
        };
        let body = asker.get(path, &self.expression, &pairs).await?;
        Ok(self.write(answer::read(&body)?, screen))
    }

    fn write(&self, answer: Answer, screen: Screen) -> Written {
        let mut notes = answer.notes;
        let text = match (self.output, &answer.value, self.when) {
            (Output::Json, _, _) => json(&answer.json) + "\n",
            (Output::Csv, value, _) => csv(value),
            (_, Value::Single(at, text), _) => single(*at, text),
            (_, Value::Series(series), _) if series.is_empty() => {
                notes.push("no series".to_owned());
                String::new()
            }
            (_, Value::Series(series), When::Instant(_)) => instant(series, screen),
            (Output::Chart, Value::Series(series), When::Range { span, step_ms }) => {
                drawn(series, span, step_ms, screen)
            }
            (Output::Table, Value::Series(series), When::Range { span, step_ms }) => {
                ranged(series, span, step_ms, screen)
            }
        };
        Written { text, notes }
    }
}

/// A scalar or a string.
fn single(at: TimestampMs, text: &str) -> String {
    let heads = vec![("value".to_owned(), Side::Right), ("time".to_owned(), Side::Left)];
    let mut table = Table::new(heads);
    table.push(vec![text.to_owned(), rfc3339(at)]);
    table.render()
}

/// Returns the names of all labels that occur, the name of the metric first.
fn label_names(series: &[Series]) -> Vec<String> {
    let labels = series.iter().flat_map(|one| one.labels.iter().map(|(name, _)| name));
    let mut names: Vec<&str> = labels.collect::<BTreeSet<_>>().into_iter().collect();
    names.sort_by_key(|name| (*name != "__name__", *name));
    names.into_iter().map(str::to_owned).collect()
}

/// One row a series, with a column a label where they fit.
fn instant(series: &[Series], screen: Screen) -> String {
    let names = label_names(series);
    if !names.is_empty() && names.len() <= LABEL_COLUMNS {
        let head = |name: &String| if name == "__name__" { "metric" } else { name }.to_owned();
        let table = instant_table(series, names.iter().map(head).collect(), |one| {
            let label = |name: &String| one.labels.get(name).unwrap_or("").to_owned();
            names.iter().map(label).collect()
        });
        if table.width() <= screen.width {
            return table.render();
        }
    }
    instant_table(series, vec!["metric".to_owned()], |one| vec![one.name()]).render()
}

fn instant_table(
    series: &[Series],
    heads: Vec<String>,
    labels: impl Fn(&Series) -> Vec<String>,
) -> Table {
    let mut heads: Vec<(String, Side)> = heads.into_iter().map(|it| (it, Side::Left)).collect();
    heads.extend([("value".to_owned(), Side::Right), ("time".to_owned(), Side::Left)]);
    let mut table = Table::new(heads);
    for one in series {
        // A range selector gives several points at an instant.
        for Point { at, reading } in &one.points {
            let mut cells = labels(one);
            cells.extend([reading.text(), rfc3339(*at)]);
            table.push(cells);
        }
    }
    table
}

/// One row a series: what it did in the range; where there is room, drawn beside it.
fn ranged(series: &[Series], span: Span, step_ms: i64, screen: Screen) -> String {
    let table = |parts: usize| {
        let mut heads = vec![("metric".to_owned(), Side::Left)];
        let numbers = ["points", "min", "avg", "max", "last"];
        heads.extend(numbers.map(|head| (head.to_owned(), Side::Right)));
        heads.extend((parts > 0).then(|| ("trend".to_owned(), Side::Left)));
        let mut table = Table::new(heads);
        for one in series {
            let Sum { least, mean, most, last } = Sum::of(one);
            let mut cells = vec![one.name(), one.points.len().to_string(), least, mean, most, last];
            cells.extend((parts > 0).then(|| trend(one, span, parts)));
            table.push(cells);
        }
        table
    };
    let narrow = table(0);
    let room = screen.width.saturating_sub(narrow.width() + 2).min(TREND.1);
    let rows = if room < TREND.0 { narrow.render() } else { table(room).render() };
    format!("{rows}{}\n", reach(span, step_ms))
}

/// Draws the means of equal parts of the range.
fn trend(series: &Series, span: Span, parts: usize) -> String {
    let mut sums = vec![(0.0, 0_u32); parts];
    for (at, value) in series.numbers().filter(|(_, value)| value.is_finite()) {
        let share = (at.0 - span.start.0) as f64 / span.length_ms().max(1) as f64;
        let part = ((share * parts as f64) as usize).min(parts - 1);
        sums[part] = (sums[part].0 + value, sums[part].1 + 1);
    }
    let mean = |(sum, count): &(f64, u32)| (*count > 0).then(|| sum / f64::from(*count));
    chart::sparkline(&sums.iter().map(mean).collect::<Vec<_>>())
}

fn reach(span: Span, step_ms: i64) -> String {
    format!("{} to {}, every {}", rfc3339(span.start), rfc3339(span.end), times::length(step_ms))
}

/// Draws the series that reach highest, and says what is left out.
fn drawn(series: &[Series], span: Span, step_ms: i64, screen: Screen) -> String {
    let mut left_out = Vec::new();
    let mut lines: Vec<(f64, Line)> = Vec::new();
    let (mut unknown, mut histograms) = (0, 0);
    for one in series {
        let numbers = one.numbers().count();
        histograms += one.points.len() - numbers;
        let finite = one.numbers().filter(|(_, value)| value.is_finite());
        let points: Vec<(i64, f64)> = finite.map(|(at, value)| (at.0, value)).collect();
        unknown += numbers - points.len();
        let most = points.iter().map(|(_, value)| *value).fold(f64::NEG_INFINITY, f64::max);
        if !points.is_empty() {
            lines.push((most, Line { name: one.name(), points }));
        }
    }
    if unknown > 0 {
        left_out.push(format!("{} of NaN or Inf not drawn", counted(unknown, "point")));
    }
    if histograms > 0 {
        let count = counted(histograms, "native histogram");
        left_out.push(format!("{count} not drawn: ask for histogram_quantile or histogram_avg"));
    }
    if lines.len() > DRAWN {
        let more = lines.len() - DRAWN;
        lines.sort_by(|a, b| b.0.total_cmp(&a.0));
        lines.truncate(DRAWN);
        left_out
            .push(format!("{more} more series not drawn; these {DRAWN} have the highest maximum"));
    }
    let lines: Vec<Line> = lines.into_iter().map(|(_, line)| line).collect();
    let mut out = match lines.is_empty() {
        true => String::new(),
        false => chart::lines(&lines, span, step_ms, screen),
    };
    out.push_str(&reach(span, step_ms));
    out.push('\n');
    for text in left_out {
        out.push_str(&text);
        out.push('\n');
    }
    out
}

/// One line a point: time, labels, value; a label that a series lacks is empty.
fn csv(value: &Value) -> String {
    match value {
        Value::Single(at, text) => {
            csv_line(["time", "value"]) + &csv_line([rfc3339(*at).as_str(), text.as_str()])
        }
        Value::Series(series) => {
            let names = label_names(series);
            let heads = std::iter::once("time").chain(names.iter().map(String::as_str));
            let mut out = csv_line(heads.chain(["value"]));
            for one in series {
                for Point { at, reading } in &one.points {
                    let (at, text) = (rfc3339(*at), reading.text());
                    let labels = names.iter().map(|name| one.labels.get(name).unwrap_or(""));
                    let fields = std::iter::once(at.as_str()).chain(labels);
                    out.push_str(&csv_line(fields.chain([text.as_str()])));
                }
            }
            out
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WIDE: Screen = Screen { width: 120, colour: false };
    /// 2026-11-28T12:00:00Z.
    const NOON: i64 = 1_795_867_200;

    fn hour() -> When {
        let start = TimestampMs(NOON * 1_000);
        let span = Span { start, end: TimestampMs(start.0 + 3_600_000) };
        When::Range { span, step_ms: 60_000 }
    }

    fn written(output: Output, when: When, kind: &str, result: &str) -> Written {
        let body = format!(
            r#"{{"status":"success","data":{{"resultType":"{kind}","result":{result}}},"infos":["i"]}}"#
        );
        let plan = Plan { expression: "x".to_owned(), when, output };
        plan.write(answer::read(&body).unwrap(), WIDE)
    }

    fn of(result: &str, output: Output, when: When) -> String {
        let kind = if matches!(when, When::Instant(_)) { "vector" } else { "matrix" };
        written(output, when, kind, result).text
    }

    const TWO: &str = r#"[{"metric":{"__name__":"up","job":"a"},"value":[1795867200,"1"]},
        {"metric":{"__name__":"up","zone":"\u001b[2J"},"value":[1795867200.5,"0.30000000000000004"]}]"#;

    #[test]
    fn an_instant_is_a_table_with_a_column_a_label() {
        let expected = "\
metric  job  zone                     value  time
up      a                                 1  2026-11-28T12:00:00Z
up           \\u{1b}[2J  0.30000000000000004  2026-11-28T12:00:00.5Z
";
        assert_eq!(of(TWO, Output::Table, When::Instant(None)), expected);
    }

    #[test]
    fn many_labels_share_one_column() {
        let labels: Vec<String> = (0..9).map(|it| format!(r#""l{it}":"v""#)).collect();
        let result = format!(r#"[{{"metric":{{{}}},"value":[1795867200,"1"]}}]"#, labels.join(","));
        let table = of(&result, Output::Table, When::Instant(None));
        assert!(table.starts_with("metric ") && table.contains("\n{l0=\"v\", l1="), "{table}");
    }

    #[test]
    fn csv_is_long_and_json_is_what_was_answered() {
        let expected = "time,__name__,job,zone,value\r\n\
            2026-11-28T12:00:00Z,up,a,,1\r\n\
            2026-11-28T12:00:00.5Z,up,,\u{1b}[2J,0.30000000000000004\r\n";
        assert_eq!(of(TWO, Output::Csv, When::Instant(None)), expected);
        let json = of(TWO, Output::Json, When::Instant(None));
        let value: serde_json::Value = serde_json::from_str(&json).unwrap();
        assert_eq!(value["result"][1]["metric"]["zone"], "\u{1b}[2J");
        let scalar = written(Output::Table, When::Instant(None), "scalar", "[1795867200,\"7\"]");
        assert_eq!(scalar.text, "value  time\n    7  2026-11-28T12:00:00Z\n");
        assert_eq!(scalar.notes, ["i"]);
    }

    #[test]
    fn a_range_is_summed_up_with_its_points_and_a_trend() {
        let result = r#"[{"metric":{"job":"a"},"values":[[1795867200,"1"],[1795869000,"3"],[1795870800,"2"]]}]"#;
        let table = of(result, Output::Table, hour());
        let rows: Vec<&str> = table.lines().collect();
        assert_eq!(rows[0], "metric     points  min  avg  max  last  trend");
        assert!(rows[1].starts_with("{job=\"a\"}       3    1    2    3     2  ▁"), "{table}");
        assert_eq!(rows[2], "2026-11-28T12:00:00Z to 2026-11-28T13:00:00Z, every 1m");
    }

    #[test]
    fn a_chart_says_what_it_leaves_out() {
        let series = (0..11).map(|it| {
            format!(r#"{{"metric":{{"job":"j{it}"}},"values":[[1795867200,"{it}"],[1795867260,"NaN"]]}}"#)
        });
        let result = format!("[{}]", series.collect::<Vec<_>>().join(","));
        let chart = of(&result, Output::Chart, hour());
        assert!(
            chart.contains("3 more series not drawn; these 8 have the highest maximum"),
            "{chart}"
        );
        assert!(chart.contains("11 points of NaN or Inf not drawn"), "{chart}");
        assert!(chart.contains("A {job=\"j10\"}") && !chart.contains("j2\""), "{chart}");
        let nothing = written(Output::Chart, hour(), "matrix", "[]");
        assert_eq!((nothing.text.as_str(), nothing.notes.len()), ("", 2));
    }
}
