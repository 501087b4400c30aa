//! What each door took and refused.

use std::collections::BTreeMap;

use crate::base::error::Result;
use crate::model::labels::Labels;
use crate::ui::ask::Asker;
use crate::ui::chart::Unit;
use crate::ui::format;
use crate::ui::sparkline::Sparkline;

const ACCEPTED: &str = "sum by (door, signal) (rate(belvedere_ingest_accepted_total{$s}[$w]))";
const TAKEN: &str = "sum by (door, signal) (increase(belvedere_ingest_accepted_total{$s}[$range]))";
const REFUSED: &str =
    "sum by (door, signal, reason) (rate(belvedere_ingest_rejected_total{$s}[$w]))";
const LOST: &str =
    "sum by (door, signal, reason) (increase(belvedere_ingest_rejected_total{$s}[$range]))";
const DROPPED: &str = "sum by (reason) (increase(belvedere_scrape_samples_dropped_total[$range]))";

/// A door and a signal that came through it.
pub(crate) struct DoorRow {
    pub(crate) door: &'static str,
    /// The door's name in the metric, where it has no words here.
    pub(crate) key: String,
    pub(crate) signal: String,
    pub(crate) rate: String,
    pub(crate) rate_href: String,
    pub(crate) taken: String,
    pub(crate) sparkline: Sparkline,
    pub(crate) refused: String,
    pub(crate) refused_href: String,
    pub(crate) bad: bool,
}

/// Why things were refused.
pub(crate) struct RefusalRow {
    pub(crate) door: String,
    pub(crate) signal: String,
    pub(crate) reason: String,
    /// What the sender can do.
    pub(crate) advice: &'static str,
    pub(crate) count: String,
    pub(crate) rate: String,
    pub(crate) href: String,
}

type Key = (String, String);

/// Returns what came in by door and signal, the busiest first.
pub(crate) async fn doors(asker: &Asker<'_>) -> Result<Vec<DoorRow>> {
    let all = |text: &str| text.replace("$s", "");
    let (accepted, taken, refused) = (all(ACCEPTED), all(TAKEN), all(REFUSED));
    let (courses, taken, refused) =
        tokio::try_join!(asker.courses(&accepted), asker.at_end(&taken), asker.at_end(&refused))?;
    let taken: BTreeMap<Key, f64> =
        taken.iter().map(|(labels, value)| (key(labels), *value)).collect();
    let mut lost: BTreeMap<Key, f64> = BTreeMap::new();
    for (labels, value) in &refused {
        *lost.entry(key(labels)).or_default() += value;
    }
    let mut courses: BTreeMap<Key, Vec<f64>> =
        courses.into_iter().map(|(labels, values)| (key(&labels), values)).collect();
    // A door that only refuses has a row, too.
    for key in lost.keys() {
        courses.entry(key.clone()).or_default();
    }
    let total = |key: &Key| taken.get(key).copied().unwrap_or(0.0);
    let mut keys: Vec<&Key> = courses.keys().collect();
    keys.sort_by(|a, b| total(b).total_cmp(&total(a)));
    let row = |key: &Key| {
        let course = courses.get(key).map(Vec::as_slice).unwrap_or_default();
        let refused = lost.get(key).copied().unwrap_or(0.0);
        let selector = format!("door={:?},signal={:?}", key.0, key.1);
        let href = |text: &str| asker.href(&text.replace("$s", &selector));
        DoorRow {
            door: door_words(&key.0),
            key: key.0.clone(),
            signal: key.1.clone(),
            rate: Unit::Number.write(course.last().copied().unwrap_or(f64::NAN)),
            rate_href: href(ACCEPTED),
            taken: taken
                .get(key)
                .map_or(format::MISSING.to_owned(), |value| format::number(value.round())),
            sparkline: Sparkline::of(course),
            refused: format::number(refused),
            refused_href: href(REFUSED),
            bad: refused > 0.0,
        }
    };
    Ok(keys.into_iter().map(row).collect())
}

/// Returns what was refused in the range, the most frequent reason first.
pub(crate) async fn refusals(asker: &Asker<'_>) -> Result<Vec<RefusalRow>> {
    let (lost, refused) = (LOST.replace("$s", ""), REFUSED.replace("$s", ""));
    let (lost, rates, dropped) =
        tokio::try_join!(asker.at_end(&lost), asker.at_end(&refused), asker.at_end(DROPPED))?;
    let rate = |labels: &Labels| {
        let found = rates.iter().find(|(own, _)| own == labels);
        found.map_or(f64::NAN, |(_, value)| *value)
    };
    let mut rows: Vec<(f64, RefusalRow)> = Vec::new();
    for (labels, count) in lost.iter().filter(|(_, count)| *count > 0.0) {
        let label = |name: &str| labels.get(name).unwrap_or_default().to_owned();
        let (door, reason) = (label("door"), label("reason"));
        let selector = format!("door={door:?},reason={reason:?}");
        let words = door_words(&door);
        let row = RefusalRow {
            door: if words.is_empty() { door } else { words.to_owned() },
            signal: label("signal"),
            advice: advice(&reason),
            reason,
            count: format::number(count.round()),
            rate: Unit::Number.write(rate(labels)),
            href: asker.href(&REFUSED.replace("$s", &selector)),
        };
        rows.push((*count, row));
    }
    for (labels, count) in dropped.iter().filter(|(_, count)| *count > 0.0) {
        let reason = labels.get("reason").unwrap_or_default().to_owned();
        let row = RefusalRow {
            door: "Scraping".to_owned(),
            signal: "metrics".to_owned(),
            advice: advice(&reason),
            reason,
            count: format::number(count.round()),
            rate: format::MISSING.to_owned(),
            href: asker.href(DROPPED),
        };
        rows.push((*count, row));
    }
    rows.sort_by(|a, b| b.0.total_cmp(&a.0));
    Ok(rows.into_iter().map(|(_, row)| row).collect())
}

fn key(labels: &Labels) -> Key {
    let label = |name: &str| labels.get(name).unwrap_or_default().to_owned();
    (label("door"), label("signal"))
}

/// A door in words; empty for one that is not known here.
fn door_words(door: &str) -> &'static str {
    match door {
        "otlp_grpc" => "OTLP over gRPC",
        "otlp_http" => "OTLP over HTTP",
        "remote_write" => "Prometheus remote write",
        "elasticsearch" => "Elasticsearch",
        "jaeger" => "Jaeger",
        "scrape" => "Scraping",
        "host" => "This host",
        "own" => "This process",
        "rules" => "Recording rules",
        _ => "",
    }
}

/// What a sender can do about a reason.
fn advice(reason: &str) -> &'static str {
    match reason {
        "too_old" => "older than the store takes; check the sender's clock and backlog",
        "too_far_in_future" => "from the future; check the sender's clock",
        "duplicate_timestamp" => "another value at the same time; one sender a series",
        "duplicate_label" => "one label stands twice",
        "malformed" => "could not be read; the sender's answer says where",
        "too_large" => "one item is larger than is taken",
        "conflict" => "it exists already, or in another form",
        "missing" => "what it changes does not exist",
        "limit_exceeded" => "a limit was reached; send less at once or raise it",
        "invalid_labels" => "names or values that are not allowed",
        "unsupported" => "a kind of data that is not taken",
        _ => "the sender's answer names the item",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::service::Expression;

    #[test]
    fn every_question_is_promql_with_and_without_a_door() {
        for text in [ACCEPTED, TAKEN, REFUSED, LOST, DROPPED] {
            for selector in ["", "door=\"a\",signal=\"b\""] {
                let query = text.replace("$s", selector).replace("$w", "60s");
                let query = query.replace("$range", "3600s");
                let checked = Expression::parse(&query).and_then(|query| query.check_stepwise());
                assert_eq!(checked, Ok(()), "{query}");
            }
        }
    }
}
