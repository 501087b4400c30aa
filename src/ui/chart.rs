//! Charts: what the script needs to draw them, and the table that stands without it.

use serde::Serialize;

use crate::model::labels::Labels;
use crate::ui::ask::Asker;
use crate::ui::format;
use crate::ui::render;

/// Rows of the table that stands for a chart.
const MAX_ROWS: usize = 12;

/// How values are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Unit {
    #[default]
    Number,
    Bytes,
    Seconds,
    Percent,
}

/// A chart of expressions over the page's range.
#[derive(Debug, Clone, Default, Serialize)]
pub(crate) struct ChartBlock {
    /// The expressions.
    pub(crate) queries: Vec<String>,
    /// Levels drawn across.
    pub(crate) thresholds: Vec<Level>,
    /// How values are written.
    pub(crate) unit: Unit,
    /// The label that names a line; empty for the whole series.
    pub(crate) label: &'static str,
}

/// A level with its words.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Level {
    pub(crate) value: f64,
    pub(crate) words: String,
}

/// A chart with its title, its link, and its last values.
pub(crate) struct ChartPanel {
    pub(crate) title: &'static str,
    pub(crate) href: String,
    pub(crate) block: ChartBlock,
    pub(crate) rows: Vec<(String, String)>,
    /// Why there are no values; empty when the expressions could be computed.
    pub(crate) fault: String,
}

impl Unit {
    /// Writes a value.
    pub(crate) fn write(self, value: f64) -> String {
        match self {
            _ if !value.is_finite() => format::MISSING.to_owned(),
            Unit::Number => format::number(value),
            Unit::Bytes => format::bytes(value),
            Unit::Seconds => format::duration_ns((value * 1e9) as i64),
            Unit::Percent => format!("{} %", format::number(value)),
        }
    }
}

impl ChartBlock {
    /// Writes it as the text of an attribute; the template escapes it.
    pub(crate) fn json(&self) -> String {
        render::json_block(self)
    }
}

impl ChartPanel {
    /// Computes the last values of a chart's expressions.
    pub(crate) async fn of(asker: &Asker<'_>, title: &'static str, block: ChartBlock) -> Self {
        let queries: Vec<String> = block.queries.iter().map(|text| asker.question(text)).collect();
        let mut page = asker.address.jump("/ui/metrics");
        let (mut rows, mut fault) = (Vec::new(), String::new());
        for query in &queries {
            page = page.and("q", query.as_str());
            match asker.at_end(query).await {
                Ok(series) => rows.extend(series),
                Err(error) => fault = error.message().to_owned(),
            }
        }
        rows.sort_by(|a, b| b.1.total_cmp(&a.1));
        let rows = rows.iter().take(MAX_ROWS);
        let row = |(labels, value): &(Labels, f64)| {
            (name(labels, block.label, title), block.unit.write(*value))
        };
        ChartPanel {
            rows: rows.map(row).collect(),
            title,
            href: page.to_string(),
            block: ChartBlock { queries, ..block },
            fault,
        }
    }
}

fn name(labels: &Labels, label: &str, title: &str) -> String {
    match labels.get(label) {
        Some(value) => value.to_owned(),
        None if labels.is_empty() => title.to_owned(),
        None => labels.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_called_by_its_label_or_else_by_all_it_has() {
        let labels = Labels::from_pairs([("mode", "user")]);
        assert_eq!(name(&labels, "mode", "CPU"), "user");
        assert_eq!(name(&labels, "", "CPU"), "{mode=\"user\"}");
        assert_eq!(name(&Labels::empty(), "mode", "CPU"), "CPU");
    }

    #[test]
    fn a_value_is_written_in_its_unit_and_a_missing_one_never_as_zero() {
        assert_eq!(Unit::Bytes.write(2_048.0), "2 KiB");
        assert_eq!(Unit::Seconds.write(0.25), "250 ms");
        assert_eq!(Unit::Percent.write(12.5), "12.5 %");
        assert_eq!(Unit::Number.write(f64::NAN), "—");
    }
}
