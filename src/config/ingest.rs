//! The section `ingest`: so far what the door lets in.

use crate::base::yaml::reader::Section;
use crate::ingest::{IngestLimits, SeriesLimits};

/// Keys of parts that later versions bring.
const LATER: [&str; 6] = ["otlp", "relabel", "redact", "sampling", "files", "journald"];

/// Reads `ingest`; what is not said is as in [`IngestLimits::default`].
pub(crate) fn read(section: Option<Section<'_>>) -> IngestLimits {
    let mut limits = IngestLimits::default();
    let Some(section) = section else { return limits };
    if let Some(section) = section.section("limits") {
        read_limits(&section, &mut limits);
        section.finish();
    }
    for key in LATER {
        section.later(key);
    }
    section.finish();
    limits
}

fn read_limits(section: &Section<'_>, limits: &mut IngestLimits) {
    let count = |key: &'static str, usual: usize| {
        let number = section.number(key);
        if number == Some(0) {
            section.fault(key, "must be at least 1");
        }
        number.and_then(|number| usize::try_from(number).ok()).unwrap_or(usual)
    };
    limits.labels = count("labels", limits.labels);
    limits.name_bytes = count("label_name_bytes", limits.name_bytes);
    limits.label_value_bytes = count("label_value_bytes", limits.label_value_bytes);
    let usual = limits.series;
    // 0 series of a metric mean that it has no bound of its own.
    let per_metric = section.number("series_per_metric");
    let per_metric = per_metric.and_then(|number| usize::try_from(number).ok());
    limits.series = SeriesLimits {
        per_metric: per_metric.unwrap_or(usual.per_metric),
        per_second: section.number("new_series_per_second").unwrap_or(usual.per_second),
        burst: section.number("new_series_burst").unwrap_or(usual.burst),
        ..usual
    };
}
