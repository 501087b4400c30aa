//! The tools with their calls, and the numbers of the whole endpoint.

use std::collections::BTreeMap;

use crate::base::error::Result;
use crate::model::labels::Labels;
use crate::ui::ask::Asker;
use crate::ui::chart::Unit;
use crate::ui::format;
use crate::ui::sparkline::Sparkline;

pub(crate) const RATE: &str = "sum by (tool_name) (rate(fastmcp_tool_executions_total[$w]))";
pub(crate) const SLOW: &str = "histogram_quantile(0.95, sum by (tool_name, le) (rate(fastmcp_tool_execution_duration_seconds_bucket[$w])))";
/// A counter that began within the range began at zero: its last value is what happened.
const CALLS: &str = "sum by (tool_name, status) (last_over_time(fastmcp_tool_executions_total{$s}[$range]) unless fastmcp_tool_executions_total{$s} offset $range or increase(fastmcp_tool_executions_total{$s}[$range]))";
const COURSE: &str = "sum by (tool_name) (rate(fastmcp_tool_executions_total{$s}[$w]))";
const ERRORS: &str =
    "sum by (tool_name) (rate(fastmcp_tool_executions_total{$s status=\"error\"}[$w]))";
const QUANTILE: &str = "histogram_quantile($q, sum by (tool_name, le) (rate(fastmcp_tool_execution_duration_seconds_bucket{$s}[$range])))";

/// A tool.
pub(crate) struct ToolRow {
    pub(crate) name: String,
    /// Leads to its calls.
    pub(crate) calls_href: String,
    pub(crate) count: String,
    pub(crate) count_href: String,
    pub(crate) errors: String,
    pub(crate) errors_href: String,
    pub(crate) error_share: String,
    pub(crate) bad: bool,
    pub(crate) p50: String,
    pub(crate) p50_href: String,
    pub(crate) p95: String,
    pub(crate) p95_href: String,
    pub(crate) sparkline: Sparkline,
}

/// A number of the endpoint.
pub(crate) struct Fact {
    pub(crate) name: &'static str,
    pub(crate) value: String,
    pub(crate) unit: &'static str,
    pub(crate) bad: bool,
    pub(crate) href: String,
    pub(crate) sparkline: Sparkline,
}

/// What is asked of the endpoint: name, expression, unit, and from which value on it is bad.
const FACTS: [(&str, &str, &str, f64); 5] = [
    ("Tool calls", "60 * sum(rate(fastmcp_tool_executions_total[$w]))", "/min", f64::INFINITY),
    (
        "Tool errors",
        "100 * (sum(rate(fastmcp_tool_executions_total{status=\"error\"}[$w])) or vector(0)) / (sum(rate(fastmcp_tool_executions_total[$w])) > 0)",
        "%",
        10.0,
    ),
    (
        "Protocol errors",
        "100 * (sum(rate(fastmcp_http_requests_total{status_code=~\"[45]..\"}[$w])) or vector(0)) / (sum(rate(fastmcp_http_requests_total[$w])) > 0)",
        "%",
        5.0,
    ),
    (
        "Refused credentials",
        "60 * (sum(rate(fastmcp_auth_attempts_total{result!=\"success\"}[$w])) or vector(0))",
        "/min",
        1.0,
    ),
    ("Open connections", "sum(fastmcp_active_connections)", "", f64::INFINITY),
];

/// Answers what is asked of the endpoint.
pub(crate) async fn facts(asker: &Asker<'_>) -> Vec<Fact> {
    let facts = FACTS.iter().map(|(name, query, unit, bad_from)| async move {
        let answer = asker.courses(query).await.unwrap_or_default();
        let course = answer.into_iter().next().map(|(_, values)| values).unwrap_or_default();
        let value = course.last().copied().unwrap_or(f64::NAN);
        Fact {
            name,
            value: Unit::Number.write(value),
            unit: if value.is_finite() { unit } else { "" },
            bad: value >= *bad_from,
            href: asker.href(query),
            sparkline: Sparkline::of(&course),
        }
    });
    futures_util::future::join_all(facts).await
}

/// Returns the tools that were called in the range, the most frequent first.
pub(crate) async fn tools(asker: &Asker<'_>) -> Result<Vec<ToolRow>> {
    let all = |text: &str| text.replace("$s", "");
    let (calls, course) = (all(CALLS), all(COURSE));
    let (p50, p95) = (quantile("0.5", ""), quantile("0.95", ""));
    let (calls, courses, p50, p95) = tokio::try_join!(
        asker.at_end(&calls),
        asker.courses(&course),
        asker.at_end(&p50),
        asker.at_end(&p95),
    )?;
    let (p50, p95) = (by_tool(p50), by_tool(p95));
    let courses: BTreeMap<String, Vec<f64>> =
        courses.into_iter().map(|(labels, values)| (tool_of(&labels), values)).collect();
    let mut counts: BTreeMap<String, (f64, f64)> = BTreeMap::new();
    for (labels, value) in &calls {
        let (total, errors) = counts.entry(tool_of(labels)).or_default();
        *total += value;
        if labels.get("status") == Some("error") {
            *errors += value;
        }
    }
    let mut counts: Vec<(String, (f64, f64))> = counts.into_iter().collect();
    counts.sort_by(|a, b| b.1.0.total_cmp(&a.1.0));
    let row = |(name, (total, errors)): (String, (f64, f64))| {
        let selector = format!("tool_name={name:?},");
        let href = |text: &str| asker.href(&text.replace("$s", &selector));
        let share = if total > 0.0 { 100.0 * errors / total } else { f64::NAN };
        let seconds = |known: &BTreeMap<String, f64>| {
            Unit::Seconds.write(known.get(&name).copied().unwrap_or(f64::NAN))
        };
        ToolRow {
            calls_href: asker.address.clone().with("tool", name.as_str()).to_string(),
            count: format::number(total.round()),
            count_href: href(COURSE),
            errors: format::number(errors.round()),
            errors_href: href(ERRORS),
            error_share: Unit::Percent.write(share),
            bad: errors >= 0.5,
            p50: seconds(&p50),
            p50_href: asker.href(&quantile("0.5", &selector)),
            p95: seconds(&p95),
            p95_href: asker.href(&quantile("0.95", &selector)),
            sparkline: Sparkline::of(courses.get(&name).map(Vec::as_slice).unwrap_or_default()),
            name,
        }
    };
    Ok(counts.into_iter().map(row).collect())
}

fn quantile(share: &str, selector: &str) -> String {
    QUANTILE.replace("$q", share).replace("$s", selector)
}

fn by_tool(series: Vec<(Labels, f64)>) -> BTreeMap<String, f64> {
    series.into_iter().map(|(labels, value)| (tool_of(&labels), value)).collect()
}

fn tool_of(labels: &Labels) -> String {
    labels.get("tool_name").unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::service::Expression;

    #[test]
    fn every_question_is_promql_for_all_tools_and_for_one() {
        let facts = FACTS.iter().map(|(_, query, _, _)| *query);
        for text in [RATE, SLOW, CALLS, COURSE, ERRORS, QUANTILE].into_iter().chain(facts) {
            for selector in ["", "tool_name=\"a\","] {
                let query = text.replace("$s", selector).replace("$q", "0.5");
                let query = query.replace("$w", "60s").replace("$range", "3600s");
                let checked = Expression::parse(&query).and_then(|query| query.check_stepwise());
                assert_eq!(checked, Ok(()), "{query}");
            }
        }
    }
}
