//! Rate, errors and duration of what the appliance answers: by route, and by use case.

use std::collections::BTreeMap;

use crate::base::error::Result;
use crate::model::labels::Labels;
use crate::ui::ask::Asker;
use crate::ui::chart::Unit;
use crate::ui::sparkline::Sparkline;

/// What a list of calls is made of.
pub(crate) struct Calls {
    /// The label that names a row.
    label: &'static str,
    counter: &'static str,
    histogram: &'static str,
    /// A matcher of what failed.
    failed: &'static str,
}

pub(crate) const HTTP: Calls = Calls {
    label: "route",
    counter: "belvedere_http_requests_total",
    histogram: "belvedere_http_request_duration_seconds_bucket",
    failed: "status=~\"5..\"",
};

pub(crate) const USE_CASES: Calls = Calls {
    label: "use_case",
    counter: "belvedere_queries_total",
    histogram: "belvedere_query_duration_seconds_bucket",
    failed: "outcome!=\"ok\"",
};

/// A route or a use case.
pub(crate) struct CallRow {
    pub(crate) name: String,
    pub(crate) rate: String,
    pub(crate) rate_href: String,
    pub(crate) sparkline: Sparkline,
    pub(crate) errors: String,
    pub(crate) errors_href: String,
    pub(crate) bad: bool,
    pub(crate) p50: String,
    pub(crate) p95: String,
    pub(crate) p95_href: String,
}

impl Calls {
    fn rate(&self, matchers: &str) -> String {
        let Calls { label, counter, .. } = self;
        format!("sum by ({label}) (rate({counter}{{{matchers}}}[$w]))")
    }

    /// The share of failures over the whole range, in percent.
    fn errors(&self, matchers: &str) -> String {
        let Calls { label, counter, failed, .. } = self;
        format!(
            "100 * sum by ({label}) (rate({counter}{{{matchers}{failed}}}[$range])) / sum by ({label}) (rate({counter}{{{matchers}}}[$range]))"
        )
    }

    fn quantile(&self, share: f64, matchers: &str) -> String {
        let Calls { label, histogram, .. } = self;
        format!(
            "histogram_quantile({share}, sum by ({label}, le) (rate({histogram}{{{matchers}}}[$range])))"
        )
    }

    fn by_name(&self, series: Vec<(Labels, f64)>) -> BTreeMap<String, f64> {
        series.into_iter().map(|(labels, value)| (self.name_of(&labels), value)).collect()
    }

    fn name_of(&self, labels: &Labels) -> String {
        labels.get(self.label).unwrap_or_default().to_owned()
    }
}

/// Returns the rows, the busiest first.
pub(crate) async fn of(asker: &Asker<'_>, calls: &Calls) -> Result<Vec<CallRow>> {
    let (rate, errors) = (calls.rate(""), calls.errors(""));
    let (p50, p95) = (calls.quantile(0.5, ""), calls.quantile(0.95, ""));
    let (rates, errors, p50, p95) = tokio::try_join!(
        asker.courses(&rate),
        asker.at_end(&errors),
        asker.at_end(&p50),
        asker.at_end(&p95),
    )?;
    let (errors, p50, p95) = (calls.by_name(errors), calls.by_name(p50), calls.by_name(p95));
    let mut rates = rates;
    let busy = |values: &[f64]| values.iter().filter(|value| value.is_finite()).sum::<f64>();
    rates.sort_by(|a, b| busy(&b.1).total_cmp(&busy(&a.1)));
    let row = |(labels, course): (Labels, Vec<f64>)| {
        let name = calls.name_of(&labels);
        let matchers = format!("{}={name:?},", calls.label);
        let seconds = |known: &BTreeMap<String, f64>| {
            Unit::Seconds.write(known.get(&name).copied().unwrap_or(f64::NAN))
        };
        // Without a series of failures, none happened.
        let share = errors.get(&name).copied().unwrap_or(0.0);
        CallRow {
            rate: Unit::Number.write(course.last().copied().unwrap_or(f64::NAN)),
            rate_href: asker.href(&calls.rate(&matchers)),
            sparkline: Sparkline::of(&course),
            errors: Unit::Percent.write(share),
            errors_href: asker.href(&calls.errors(&matchers)),
            bad: share > 0.0,
            p50: seconds(&p50),
            p95: seconds(&p95),
            p95_href: asker.href(&calls.quantile(0.95, &matchers)),
            name,
        }
    };
    Ok(rates.into_iter().map(row).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::service::Expression;

    #[test]
    fn every_question_is_promql_for_all_rows_and_for_one() {
        for calls in [&HTTP, &USE_CASES] {
            for matchers in ["", "route=\"/a\","] {
                let texts =
                    [calls.rate(matchers), calls.errors(matchers), calls.quantile(0.5, matchers)];
                for text in texts {
                    let query = text.replace("$w", "60s").replace("$range", "3600s");
                    let parsed = Expression::parse(&query).and_then(|one| one.check_stepwise());
                    assert_eq!(parsed, Ok(()), "{query}");
                }
            }
        }
    }
}
