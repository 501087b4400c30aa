//! `sort*`: the order of an instant vector.

use std::cmp::Ordering;

use crate::base::error::Result;
use crate::query::promql::ast::{Call, Node};
use crate::query::promql::engine::column::{Column, Grid, Sink};
use crate::query::promql::engine::context::Evaluation;
use crate::query::promql::engine::functions::{argument, text};
use crate::query::promql::engine::notes::Note;
use crate::query::promql::invariant::is_step_invariant;

impl Evaluation {
    pub(super) async fn sort(
        &self,
        call: &Call,
        node: &Node,
        grid: Grid,
        sink: &mut (dyn Sink + '_),
    ) -> Result<()> {
        if !grid.instant && !is_step_invariant(node) {
            self.note(node.span, Note::SortInRange);
        }
        let mut columns = self.gather(argument(call, 0)?, grid).await?;
        let name = call.function.name;
        let descending = name.ends_with("_desc");
        if name.starts_with("sort_by_label") {
            let mut labels = Vec::new();
            for index in 1..call.arguments.len() {
                labels.push(text(call, index)?);
            }
            columns.sort_by(|left, right| {
                let order = by_labels(left, right, &labels);
                if descending { order.reverse() } else { order }
            });
        } else {
            for column in &mut columns {
                column.histograms = Vec::new();
            }
            columns.retain(|column| !column.is_empty());
            columns.sort_by(|left, right| by_value(left, right, descending));
        }
        self.emit(columns, sink).await
    }
}

/// Orders by the first value; NaN goes last either way.
fn by_value(left: &Column, right: &Column, descending: bool) -> Ordering {
    let value = |column: &Column| column.float(0).unwrap_or(f64::NAN);
    let (left, right) = (value(left), value(right));
    match (left.is_nan(), right.is_nan()) {
        (true, true) => Ordering::Equal,
        (true, false) => Ordering::Greater,
        (false, true) => Ordering::Less,
        (false, false) if descending => right.total_cmp(&left),
        (false, false) => left.total_cmp(&right),
    }
}

fn by_labels(left: &Column, right: &Column, labels: &[&str]) -> Ordering {
    for label in labels {
        let (left, right) = (left.labels.get(label), right.labels.get(label));
        let order = natural(left.unwrap_or(""), right.unwrap_or(""));
        if order != Ordering::Equal {
            return order;
        }
    }
    left.labels.cmp(&right.labels)
}

/// Orders texts so that numbers in them count as numbers: `a2` before `a10`.
fn natural(left: &str, right: &str) -> Ordering {
    let (mut left_rest, mut right_rest) = (left, right);
    while !left_rest.is_empty() && !right_rest.is_empty() {
        let (left_part, right_part) = (chunk(left_rest), chunk(right_rest));
        let numbers = |part: &str| part.starts_with(|first: char| first.is_ascii_digit());
        let order = if numbers(left_part) && numbers(right_part) {
            let (left, right) =
                (left_part.trim_start_matches('0'), right_part.trim_start_matches('0'));
            left.len().cmp(&right.len()).then_with(|| left.cmp(right))
        } else {
            left_part.cmp(right_part)
        };
        if order != Ordering::Equal {
            return order;
        }
        left_rest = &left_rest[left_part.len()..];
        right_rest = &right_rest[right_part.len()..];
    }
    left_rest.len().cmp(&right_rest.len()).then_with(|| left.cmp(right))
}

/// Returns the leading run of digits, or of anything else.
fn chunk(text: &str) -> &str {
    let digits = text.starts_with(|first: char| first.is_ascii_digit());
    let end = text.find(|next: char| next.is_ascii_digit() != digits).unwrap_or(text.len());
    &text[..end]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_in_texts_count_as_numbers() {
        let mut texts = ["a10", "a2", "a", "b1", "a02b"];
        texts.sort_by(|left, right| natural(left, right));
        assert_eq!(texts, ["a", "a2", "a02b", "a10", "b1"]);
    }
}
