//! What `_created` lines say of their neighbours.

use std::collections::{HashMap, HashSet};

use crate::model::batch::{MetricMetadata, MetricType};
use crate::model::labels::{Labels, METRIC_NAME};
use crate::model::time::TimestampMs;
use crate::wire::exposition::scrape::ScrapedSample;

const CREATED: &str = "_created";

/// Gives the samples of counters, histograms and summaries the start that a `_created` line of the
/// same labels tells.
pub(crate) fn fill_starts(samples: &mut [ScrapedSample], families: &[MetricMetadata]) {
    let counting = |family: &&MetricMetadata| {
        let kind = family.kind;
        matches!(kind, MetricType::Counter | MetricType::Histogram | MetricType::Summary)
    };
    let counting: HashSet<&str> =
        families.iter().filter(counting).map(|family| family.metric.as_str()).collect();
    let mut starts: HashMap<(String, Labels), TimestampMs> = HashMap::new();
    for sample in samples.iter() {
        let Some(family) = sample.labels.metric_name().strip_suffix(CREATED) else { continue };
        let millis = sample.value * 1_000.0;
        let is_time = millis > 0.0 && millis < 9.0e15;
        if is_time && counting.contains(family) {
            let start = TimestampMs(millis.round() as i64);
            starts.insert((family.to_owned(), shared(&sample.labels)), start);
        }
    }
    if starts.is_empty() {
        return;
    }
    for sample in samples {
        let Some(family) = family_of(sample.labels.metric_name(), &counting) else { continue };
        sample.start = starts.get(&(family.to_owned(), shared(&sample.labels))).copied();
    }
}

/// Returns the labels that all samples of one metric share.
fn shared(labels: &Labels) -> Labels {
    labels.without(|name| matches!(name, METRIC_NAME | "le" | "quantile"))
}

fn family_of<'a>(name: &'a str, counting: &HashSet<&str>) -> Option<&'a str> {
    let suffixes = ["_total", "_bucket", "_count", "_sum"];
    let shorter = suffixes.iter().filter_map(|suffix| name.strip_suffix(suffix));
    shorter.chain([name]).find(|family| counting.contains(family))
}

#[cfg(test)]
mod tests {
    use crate::model::time::TimestampMs;
    use crate::wire::exposition::{Format, parse};

    #[test]
    fn each_metric_of_a_family_has_its_own_start() {
        let body = "# TYPE calls counter\n\
                    calls_total{path=\"a\"} 5\n\
                    calls_created{path=\"a\"} 12.5\n\
                    calls_total{path=\"b\"} 6\n\
                    # TYPE took histogram\n\
                    took_bucket{le=\"1\"} 1\n\
                    took_bucket{le=\"+Inf\"} 1\n\
                    took_count 1\n\
                    took_sum 0.5\n\
                    took_created 20\n\
                    # TYPE odd gauge\n\
                    odd 1\n\
                    odd_created 5\n\
                    # EOF\n";
        let scrape = parse(body.as_bytes(), Format::OpenMetrics).unwrap();
        let starts: Vec<_> =
            scrape.samples.iter().map(|sample| sample.start.map(|TimestampMs(ms)| ms)).collect();
        let took = [Some(20_000); 4];
        let wanted = [&[Some(12_500), None, None][..], &took, &[None, None, None]].concat();
        assert_eq!(starts, wanted);
        assert_eq!(scrape.samples[3].labels.get("le"), Some("1.0"));
    }
}
