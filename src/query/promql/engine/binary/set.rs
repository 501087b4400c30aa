//! `and`, `or` and `unless`.

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
    left.extend(added);
    left
}
