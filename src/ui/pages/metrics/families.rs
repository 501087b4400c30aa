//! The metrics that there are, each with the question one asks first.

use std::collections::BTreeMap;

use crate::access::Caller;
use crate::base::error::Result;
use crate::model::batch::{MetricMetadata, MetricType};
use crate::model::series::LabelQuery;
use crate::model::time::{TimeRange, TimestampMs};
use crate::ui::UiState;
use crate::ui::address::Address;

/// Names that are looked at, and families that the page shows.
const MAX_NAMES: usize = 20_000;
const MAX_SHOWN: usize = 200;

/// The families found.
pub(crate) struct Families {
    /// In the order of their names.
    pub(crate) shown: Vec<Family>,
    /// How many more there are.
    pub(crate) more: usize,
    /// Whether no series at all is in the range.
    pub(crate) nothing: bool,
}

/// Metrics of one name, with their parts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Family {
    pub(crate) name: String,
    pub(crate) kind: &'static str,
    pub(crate) help: String,
    /// Leads to the first question.
    pub(crate) href: String,
}

/// Returns the families with samples in `range` whose name or help holds `find`.
pub(crate) async fn of(
    state: &UiState,
    caller: &Caller,
    range: TimeRange<TimestampMs>,
    find: &str,
    address: &Address,
) -> Result<Families> {
    let query = LabelQuery { match_sets: Vec::new(), range, limit: Some(MAX_NAMES) };
    let names = state.services.metrics.label_values(caller, "__name__", query).await?;
    let metadata = state.services.metrics.metadata(caller, None).await?;
    let nothing = names.items.is_empty();
    let wanted = find.to_lowercase();
    let mut found = gather(&names.items, metadata, address);
    found.retain(|family| {
        family.name.to_lowercase().contains(&wanted) || family.help.to_lowercase().contains(&wanted)
    });
    let more = found.len().saturating_sub(MAX_SHOWN);
    found.truncate(MAX_SHOWN);
    Ok(Families { shown: found, more, nothing })
}

/// Puts the names `x_bucket`, `x_sum` and `x_count` of a histogram or summary `x` together.
fn gather(names: &[String], metadata: Vec<MetricMetadata>, address: &Address) -> Vec<Family> {
    let known: BTreeMap<String, MetricMetadata> =
        metadata.into_iter().map(|about| (about.metric.clone(), about)).collect();
    let mut found: BTreeMap<&str, Family> = BTreeMap::new();
    for name in names {
        let family = ["_bucket", "_sum", "_count"]
            .iter()
            .filter_map(|part| name.strip_suffix(part))
            .find(|family| known.contains_key(*family))
            .unwrap_or(name);
        // OpenMetrics names a counter's family without its `_total`.
        let about = known.get(family).or_else(|| known.get(family.strip_suffix("_total")?));
        let kind = about.map_or(MetricType::Unknown, |about| about.kind);
        let classic = names.binary_search(&format!("{family}_bucket")).is_ok();
        found.entry(family).or_insert_with(|| Family {
            name: family.to_owned(),
            kind: kind.word(),
            help: about.map(|about| about.help.clone()).unwrap_or_default(),
            href: address
                .jump("/ui/metrics")
                .with("q", first_question(family, kind, classic))
                .to_string(),
        });
    }
    found.into_values().collect()
}

/// The expression that tells most about a family at first sight.
fn first_question(family: &str, kind: MetricType, classic: bool) -> String {
    match kind {
        MetricType::Counter => format!("rate({family}[5m])"),
        MetricType::Histogram if classic => {
            format!("histogram_quantile(0.95, sum by (le) (rate({family}_bucket[5m])))")
        }
        MetricType::Histogram => format!("histogram_quantile(0.95, sum(rate({family}[5m])))"),
        _ if family.ends_with("_total") => format!("rate({family}[5m])"),
        _ => family.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::service::Expression;

    fn about(metric: &str, kind: MetricType) -> MetricMetadata {
        MetricMetadata {
            metric: metric.to_owned(),
            kind,
            help: "Seconds.".to_owned(),
            unit: String::new(),
        }
    }

    #[test]
    fn parts_of_a_histogram_are_one_family_with_a_question_of_its_kind() {
        let names: Vec<String> =
            ["d_bucket", "d_count", "d_sum", "r_total", "up"].map(str::to_owned).into();
        let metadata = vec![about("d", MetricType::Histogram), about("r", MetricType::Counter)];
        let found = gather(&names, metadata, &Address::of("/ui/metrics"));
        let kinds: Vec<_> =
            found.iter().map(|family| (family.name.as_str(), family.kind)).collect();
        assert_eq!(kinds, [("d", "histogram"), ("r_total", "counter"), ("up", "unknown")]);
        assert!(found[0].href.contains("histogram_quantile"), "{}", found[0].href);
        assert!(found[1].href.contains("rate%28r_total"), "{}", found[1].href);
    }

    #[test]
    fn every_first_question_is_promql() {
        for kind in [MetricType::Counter, MetricType::Histogram, MetricType::Gauge] {
            for classic in [true, false] {
                let question = first_question("a_b:c", kind, classic);
                assert!(Expression::parse(&question).is_ok(), "{question}");
            }
        }
    }
}
