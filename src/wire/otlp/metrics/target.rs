//! What a resource becomes: `job` and `instance` on every series, the rest on `target_info`.

use crate::model::batch::SeriesWrite;
use crate::model::labels::{Labels, METRIC_NAME};
use crate::model::resource::{AttrValue, Attributes, SERVICE_NAME};
use crate::model::sample::Sample;
use crate::model::time::{TimeRange, TimestampMs};
use crate::wire::otlp::metrics::names::label_name;

/// The series of a resource's attributes.
pub(crate) const TARGET_INFO: &str = "target_info";
/// Distance of its samples: half of the usual lookback, as Prometheus writes them.
const INFO_STEP_MS: usize = 150_000;
/// The most samples of one request: six hours of them, which is more than the usual window of late
/// points lets in.
const MAX_INFO_SAMPLES: usize = 144;

const SERVICE_NAMESPACE: &str = "service.namespace";
const SERVICE_INSTANCE_ID: &str = "service.instance.id";

/// The labels of one resource.
#[derive(Debug, Default)]
pub(crate) struct Target {
    job: Option<String>,
    instance: Option<String>,
    info: Vec<(String, String)>,
}

impl Target {
    /// Reads a resource: `job = namespace/name`, `instance = service.instance.id`.
    pub(crate) fn of(attributes: Attributes) -> Self {
        let text = |key: &str| attributes.get(key).map(AttrValue::to_text);
        let job = text(SERVICE_NAME).map(|name| match text(SERVICE_NAMESPACE) {
            Some(namespace) => format!("{namespace}/{name}"),
            None => name,
        });
        let instance = text(SERVICE_INSTANCE_ID);
        let identifying = [SERVICE_NAME, SERVICE_NAMESPACE, SERVICE_INSTANCE_ID];
        let descriptive =
            attributes.0.into_iter().filter(|(key, _)| !identifying.contains(&key.as_str()));
        // What a resource says of itself costs no point: a nameless attribute is left out.
        let info = merge_labels(descriptive.filter(|(key, _)| label_name(key).is_some()).collect())
            .unwrap_or_default();
        Target { job, instance, info }
    }

    /// Adds `job` and `instance` to the labels of a point; the resource's win over the point's.
    pub(crate) fn add_to(&self, labels: &mut Vec<(String, String)>) {
        for (name, value) in [("job", &self.job), ("instance", &self.instance)] {
            if let Some(value) = value {
                labels.retain(|(own, _)| own != name);
                labels.push((name.to_owned(), value.clone()));
            }
        }
    }

    /// Returns the series that carries the resource's other attributes, with samples close enough
    /// together to be found at any time of `span`. Without attributes, or without `job` and
    /// `instance` to join on, there is none.
    pub(crate) fn info(&self, span: TimeRange<TimestampMs>) -> Option<SeriesWrite> {
        let joinable = self.job.is_some() || self.instance.is_some();
        if self.info.is_empty() || !joinable {
            return None;
        }
        let mut labels = self.info.clone();
        self.add_to(&mut labels);
        labels.push((METRIC_NAME.to_owned(), TARGET_INFO.to_owned()));
        let within = (span.start.0..span.end.0).step_by(INFO_STEP_MS).take(MAX_INFO_SAMPLES);
        let times = within.chain([span.end.0]);
        Some(SeriesWrite {
            labels: Labels::from_pairs(labels),
            samples: times.map(|at| Sample::new(at, 1.0)).collect(),
            ..SeriesWrite::default()
        })
    }
}

/// Turns attributes into labels: ordered by key; where two keys become one name, their values
/// stand together, separated by `;`. The first of equal keys counts.
///
/// # Errors
/// The key of which nothing is left as a name.
pub(crate) fn merge_labels(
    mut attributes: Vec<(String, AttrValue)>,
) -> Result<Vec<(String, String)>, String> {
    attributes.sort_by(|left, right| left.0.cmp(&right.0));
    attributes.dedup_by(|later, first| later.0 == first.0);
    let mut labels: Vec<(String, String)> = Vec::with_capacity(attributes.len() + 4);
    for (key, value) in attributes {
        let name = label_name(&key).ok_or_else(|| key.chars().take(64).collect::<String>())?;
        let text = match value {
            AttrValue::Str(text) => text,
            AttrValue::Empty => String::new(),
            other => other.to_text(),
        };
        match labels.iter_mut().find(|(own, _)| *own == name) {
            Some((_, together)) => {
                together.push(';');
                together.push_str(&text);
            }
            None => labels.push((name, text)),
        }
    }
    Ok(labels)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn attributes(pairs: &[(&str, &str)]) -> Attributes {
        pairs.iter().map(|(key, value)| ((*key).to_owned(), AttrValue::from(*value))).collect()
    }

    #[test]
    fn a_resource_becomes_job_instance_and_target_info() {
        let target = Target::of(attributes(&[
            ("service.name", "cart"),
            ("service.namespace", "shop"),
            ("service.instance.id", "pod-1"),
            ("host.name", "a"),
            ("日本", "x"),
        ]));
        let seven = TimeRange::new(TimestampMs(7), TimestampMs(7));
        let info = target.info(seven).unwrap();
        assert_eq!(
            info.labels.to_string(),
            r#"{__name__="target_info", host_name="a", instance="pod-1", job="shop/cart"}"#
        );
        assert_eq!(info.samples, [Sample::new(7, 1.0)]);
        let later = TimeRange::new(TimestampMs(7), TimestampMs(300_007));
        let times =
            target.info(later).unwrap().samples.iter().map(|one| one.timestamp.0).sum::<i64>();
        assert_eq!(times, 7 + 150_007 + 300_007);
        let nameless = Target::of(attributes(&[("host.name", "a")]));
        assert_eq!(nameless.info(seven), None);
        let bare = Target::of(attributes(&[("service.name", "cart")]));
        assert_eq!(bare.info(seven), None);
    }

    #[test]
    fn keys_that_become_one_name_share_it() {
        let together = attributes(&[("a.b", "2"), ("a-b", "1"), ("c", "3")]);
        let expected = [("a_b", "1;2"), ("c", "3")];
        let expected = expected.map(|(name, value)| (name.to_owned(), value.to_owned()));
        assert_eq!(merge_labels(together.0), Ok(expected.to_vec()));
    }
}
