//! What the script needs to draw a chart where the server wrote a table.

use serde::Serialize;

use crate::ui::render;

/// A chart of expressions over the page's range.
#[derive(Debug, Clone, Default, Serialize)]
pub(crate) struct ChartBlock {
    /// The expressions.
    pub(crate) queries: Vec<String>,
    /// Levels drawn across.
    pub(crate) thresholds: Vec<Level>,
    /// How values are written: `number`, `bytes`, `seconds`, `percent`.
    pub(crate) unit: &'static str,
    /// The label that names a line; empty for the whole series.
    pub(crate) label: &'static str,
}

/// A level with its words.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Level {
    pub(crate) value: f64,
    pub(crate) words: String,
}

impl ChartBlock {
    /// Writes it as the text of an attribute; the template escapes it.
    pub(crate) fn json(&self) -> String {
        render::json_block(self)
    }
}
