//! When the alerts of a rule were pending and fired, as bars over the range.

use crate::base::error::Result;
use crate::model::labels::Labels;
use crate::ui::ask::Asker;

/// Points of a bar; its SVG is so many units wide.
pub(crate) const POINTS: u32 = 240;
/// Bars that are shown.
const MAX_BARS: usize = 20;

/// The past of one alert.
pub(crate) struct Bar {
    /// Its labels as Prometheus writes them.
    pub(crate) name: String,
    pub(crate) stretches: Vec<Stretch>,
}

/// A stretch of time in one state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Stretch {
    /// The first point.
    pub(crate) from: usize,
    /// How many points.
    pub(crate) length: usize,
    /// `pending` or `firing`.
    pub(crate) state: &'static str,
}

/// Returns the bars of a rule, and how often an alert of it began to fire.
pub(crate) async fn of(asker: &Asker<'_>, rule: &str) -> Result<(Vec<Bar>, usize)> {
    let query = format!("ALERTS{{alertname={rule:?}}}");
    let mut bars: Vec<(Labels, Bar)> = Vec::new();
    for (labels, values) in asker.courses_of(&query, POINTS).await? {
        let state = match labels.get("alertstate") {
            Some("firing") => "firing",
            _ => "pending",
        };
        let own = labels.without(|name| ["__name__", "alertname", "alertstate"].contains(&name));
        let at = bars.iter().position(|(known, _)| *known == own).unwrap_or_else(|| {
            bars.push((own.clone(), Bar { name: own.to_string(), stretches: Vec::new() }));
            bars.len() - 1
        });
        bars[at].1.stretches.extend(stretches(&values, state));
    }
    let mut bars: Vec<Bar> = bars.into_iter().map(|(_, bar)| bar).collect();
    let firing = |bar: &Bar| bar.stretches.iter().filter(|one| one.state == "firing").count();
    let fired = bars.iter().map(firing).sum();
    bars.sort_by_key(|bar| std::cmp::Reverse(firing(bar)));
    bars.truncate(MAX_BARS);
    Ok((bars, fired))
}

/// The runs of values that are there.
fn stretches(values: &[f64], state: &'static str) -> Vec<Stretch> {
    let mut found: Vec<Stretch> = Vec::new();
    for (index, _) in values.iter().enumerate().filter(|(_, value)| !value.is_nan()) {
        match found.last_mut() {
            Some(last) if last.from + last.length == index => last.length += 1,
            _ => found.push(Stretch { from: index, length: 1, state }),
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_in_a_row_are_one_stretch_and_gaps_part_them() {
        let nan = f64::NAN;
        let found = stretches(&[nan, 1.0, 1.0, nan, 1.0], "firing");
        let expected =
            [(1, 2), (4, 1)].map(|(from, length)| Stretch { from, length, state: "firing" });
        assert_eq!(found, expected);
        assert_eq!(stretches(&[nan, nan], "pending"), []);
    }
}
