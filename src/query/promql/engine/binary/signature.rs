//! Which series of two vectors belong together.

use std::collections::HashMap;

use crate::model::labels::{Labels, METRIC_NAME};
use crate::query::promql::ast::Matching;
use crate::query::promql::engine::column::Column;

/// The columns of both sides that share their matching labels.
#[derive(Default)]
pub(super) struct Group {
    pub left: Vec<usize>,
    pub right: Vec<usize>,
}

/// Returns the labels by which a series finds its partner.
pub(super) fn matching_labels(labels: &Labels, matching: &Matching) -> Labels {
    if matching.on {
        return labels.without(|name| !matching.labels.iter().any(|label| label == name));
    }
    labels.without(|name| name == METRIC_NAME || matching.labels.iter().any(|label| label == name))
}

/// Groups columns by their matching labels, in order of first appearance.
pub(super) fn groups(left: &[Column], right: &[Column], matching: &Matching) -> Vec<Group> {
    let mut places: HashMap<Labels, usize> = HashMap::with_capacity(left.len());
    let mut groups: Vec<Group> = Vec::new();
    for (columns, is_left) in [(left, true), (right, false)] {
        for (index, column) in columns.iter().enumerate() {
            let labels = matching_labels(&column.labels, matching);
            let place = *places.entry(labels).or_insert_with(|| {
                groups.push(Group::default());
                groups.len() - 1
            });
            let side = if is_left { &mut groups[place].left } else { &mut groups[place].right };
            side.push(index);
        }
    }
    groups
}
