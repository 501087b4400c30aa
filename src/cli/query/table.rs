//! Rows in aligned columns, and the same as CSV.

use crate::cli::query::text::{columns, plain};

/// The space between two columns.
const GAP: usize = 2;

/// Which side of its column a cell leans to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Side {
    Left,
    Right,
}

/// A table for people.
#[derive(Debug, Clone)]
pub(super) struct Table {
    heads: Vec<(String, Side)>,
    rows: Vec<Vec<String>>,
}

impl Table {
    /// Makes an empty table with these columns.
    pub(super) fn new(heads: Vec<(String, Side)>) -> Self {
        let heads = heads.into_iter().map(|(head, side)| (plain(&head), side)).collect();
        Table { heads, rows: Vec::new() }
    }

    /// Adds a row of as many cells as there are columns; they are made safe here.
    pub(super) fn push(&mut self, cells: Vec<String>) {
        debug_assert_eq!(cells.len(), self.heads.len());
        self.rows.push(cells.iter().map(|cell| plain(cell)).collect());
    }

    fn widths(&self) -> Vec<usize> {
        let mut widths: Vec<usize> = self.heads.iter().map(|(head, _)| columns(head)).collect();
        for row in &self.rows {
            for (width, cell) in widths.iter_mut().zip(row) {
                *width = (*width).max(columns(cell));
            }
        }
        widths
    }

    /// Returns how many columns of a terminal it takes.
    pub(super) fn width(&self) -> usize {
        self.widths().iter().map(|width| width + GAP).sum::<usize>().saturating_sub(GAP)
    }

    /// Writes it, the heads first; no line ends in spaces.
    pub(super) fn render(&self) -> String {
        let widths = self.widths();
        let heads: Vec<String> = self.heads.iter().map(|(head, _)| head.clone()).collect();
        let mut out = String::new();
        for row in std::iter::once(&heads).chain(&self.rows) {
            let mut line = String::new();
            for ((cell, width), (_, side)) in row.iter().zip(&widths).zip(&self.heads) {
                let space = " ".repeat(width - columns(cell));
                match side {
                    Side::Left => line.push_str(&format!("{cell}{space}")),
                    Side::Right => line.push_str(&format!("{space}{cell}")),
                }
                line.push_str(&" ".repeat(GAP));
            }
            out.push_str(line.trim_end());
            out.push('\n');
        }
        out
    }
}

/// Writes a record of RFC 4180: fields are quoted only where they must be.
pub(super) fn csv_line<'a>(fields: impl IntoIterator<Item = &'a str>) -> String {
    let quoted = fields.into_iter().map(|field| match field.contains([',', '"', '\r', '\n']) {
        true => format!("\"{}\"", field.replace('"', "\"\"")),
        false => field.to_owned(),
    });
    quoted.collect::<Vec<_>>().join(",") + "\r\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_align_and_untrusted_cells_stay_on_their_line() {
        let mut table =
            Table::new(vec![("name".to_owned(), Side::Left), ("value".to_owned(), Side::Right)]);
        table.push(vec!["a\nb".to_owned(), "1".to_owned()]);
        table.push(vec!["漢".to_owned(), "1234567".to_owned()]);
        assert_eq!(table.render(), "name    value\na\\nb        1\n漢    1234567\n");
        assert_eq!(table.width(), 13);
    }

    #[test]
    fn csv_quotes_only_what_must_be_quoted() {
        assert_eq!(csv_line(["a", "b c", ""]), "a,b c,\r\n");
        assert_eq!(
            csv_line(["a,b", "say \"x\"", "1\n2"]),
            "\"a,b\",\"say \"\"x\"\"\",\"1\n2\"\r\n"
        );
    }
}
