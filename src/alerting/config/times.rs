//! `time_intervals`, and the old `mute_time_intervals`.

use std::collections::BTreeMap;

use jiff::tz::TimeZone;

use crate::alerting::time_interval::{
    Range, TimeInterval, days_of_month, minute_of_day, months, weekdays, years,
};
use crate::base::yaml::reader::Section;

/// Reads both lists.
pub(crate) fn read(root: &Section<'_>) -> BTreeMap<String, Vec<TimeInterval>> {
    let mut named = BTreeMap::new();
    for key in ["time_intervals", "mute_time_intervals"] {
        for section in root.sections(key) {
            let name = section.text("name").unwrap_or_default();
            if name.is_empty() {
                section.fault("name", "missing name in time interval");
            }
            let intervals = section.sections("time_intervals").into_iter().map(interval).collect();
            if named.insert(name.clone(), intervals).is_some() {
                section.fault("name", format!("time interval {name:?} is not unique"));
            }
            section.finish();
        }
    }
    named
}

fn interval(section: Section<'_>) -> TimeInterval {
    let zone = section.parsed("location", |name| match name {
        "Local" => Ok(TimeZone::system()),
        name => TimeZone::get(name).map_err(|_| format!("unknown time zone {name}")),
    });
    let times = section.sections("times").into_iter().map(time).collect();
    let interval = TimeInterval {
        times,
        weekdays: ranges(&section, "weekdays", weekdays),
        days_of_month: ranges(&section, "days_of_month", days_of_month),
        months: ranges(&section, "months", months),
        years: ranges(&section, "years", years),
        zone: zone.unwrap_or(TimeZone::UTC),
    };
    section.finish();
    interval
}

fn time(section: Section<'_>) -> Range {
    let start = section.parsed("start_time", minute_of_day);
    let end = section.parsed("end_time", minute_of_day);
    let range = match (start, end) {
        (Some(start), Some(end)) if start < end => Range { start, end },
        (Some(_), Some(_)) => {
            section.fault("start_time", "start time cannot be equal or greater than end time");
            Range { start: 0, end: 0 }
        }
        _ => {
            section.fault("", "both start_time and end_time must be provided");
            Range { start: 0, end: 0 }
        }
    };
    section.finish();
    range
}

fn ranges(
    section: &Section<'_>,
    key: &'static str,
    parse: fn(&str) -> Result<Range, String>,
) -> Vec<Range> {
    let mut ranges = Vec::new();
    for (line, text) in section.texts(key) {
        match parse(&text) {
            Ok(range) => ranges.push(range),
            Err(why) => section.fault_at(line, key, why),
        }
    }
    ranges
}
