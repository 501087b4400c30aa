//! `and`, `or` and `unless`.

use std::collections::HashMap;

use crate::query::promql::ast::{BinaryOp, Matching};
use crate::query::promql::engine::binary::signature::groups;
use crate::query::promql::engine::column::{Column, Grid};

/// Combines two vectors, step by step within each group.
pub(super) fn combine(
    op: BinaryOp,
    mut left: Vec<Column>,
    right: &[Column],
    matching: &Matching,
    grid: Grid,
) -> Vec<Column> {
    let mut added = Vec::new();
    for group in groups(&left, right, matching) {
        if op == BinaryOp::Or {
            for index in &group.right {
                let mut column = right[*index].clone();
                for step in 0..grid.steps {
                    if group.left.iter().any(|known| left[*known].present(step)) {
                        column.clear(step);
                    }
                }
                if !column.is_empty() {
                    added.push(column);
                }
            }
            continue;
        }
        let keep_with_partner = op == BinaryOp::And;
        for step in 0..grid.steps {
            let partner = group.right.iter().any(|known| right[*known].present(step));
            if partner != keep_with_partner {
                for index in &group.left {
                    left[*index].clear(step);
                }
            }
        }
    }
    left.retain(|column| !column.is_empty());
    if added.is_empty() {
        return left;
    }
    let places: HashMap<_, _> =
        left.iter().enumerate().map(|(place, known)| (known.labels.clone(), place)).collect();
    for column in added {
        match places.get(&column.labels).and_then(|place| left.get_mut(*place)) {
            Some(known) => join(known, column),
            None => left.push(column),
        }
    }
    left
}

/// Adds the values of the same series that the other side has at other steps. Whether it loses its
/// name at last is what is so at its first step.
fn join(series: &mut Column, other: Column) {
    let first = |column: &Column| (0..column.floats.len()).find(|step| column.present(*step));
    if first(&other) < first(series) {
        series.drop_name = other.drop_name;
    }
    for step in 0..series.floats.len() {
        if let Some(value) = other.value(step) {
            series.set(step, value);
        }
    }
}
