//! Arithmetic and comparison of two vectors.

use std::collections::HashMap;

use crate::base::error::{Error, Result};
use crate::model::answer::SampleValue;
use crate::model::labels::Labels;
use crate::query::promql::ast::{Binary, Cardinality, Matching};
use crate::query::promql::engine::binary::changes_metric;
use crate::query::promql::engine::binary::element::element;
use crate::query::promql::engine::binary::signature::{Group, groups, matching_labels};
use crate::query::promql::engine::column::{Column, Grid, is_metadata_label, without_metadata};
use crate::query::promql::engine::context::Evaluation;
use crate::query::promql::position::Span;

/// Results by their labels.
#[derive(Default)]
struct Results {
    places: HashMap<Labels, usize>,
    columns: Vec<Column>,
}

/// Both sides of an operation; `one` has at most one series of a group at a step.
struct Sides<'a> {
    binary: &'a Binary,
    matching: &'a Matching,
    many: &'a [Column],
    one: &'a [Column],
    grid: Grid,
    span: Span,
}

impl Sides<'_> {
    fn swapped(&self) -> bool {
        self.matching.cardinality == Cardinality::OneToMany
    }

    /// Returns the labels of the result.
    fn labels(&self, many: &Labels, one: &Labels) -> Labels {
        let matching = self.matching;
        let drops_metadata = changes_metric(self.binary.op);
        let one_to_one = matching.cardinality == Cardinality::OneToOne;
        let kept = many.without(|name| {
            let listed = matching.labels.iter().any(|label| label == name);
            (drops_metadata && is_metadata_label(name)) || (one_to_one && listed != matching.on)
        });
        if matching.include.is_empty() {
            return kept;
        }
        let mut labels = kept.to_builder();
        for name in &matching.include {
            labels.set(name, one.get(name).unwrap_or(""));
        }
        labels.build()
    }
}

impl Evaluation {
    /// Combines two vectors whose series find each other by labels.
    pub(super) fn matched(
        &self,
        binary: &Binary,
        matching: &Matching,
        left: &[Column],
        right: &[Column],
        grid: Grid,
        span: Span,
    ) -> Result<Vec<Column>> {
        let swapped = matching.cardinality == Cardinality::OneToMany;
        let (many, one) = if swapped { (right, left) } else { (left, right) };
        let sides = Sides { binary, matching, many, one, grid, span };
        let mut results = Results::default();
        for group in groups(many, one, matching) {
            check_one_side(&sides, &group)?;
            self.combine_group(&sides, &group, &mut results)?;
        }
        let Results { mut columns, .. } = results;
        columns.retain(|column| !column.is_empty());
        Ok(columns)
    }

    fn combine_group(&self, sides: &Sides<'_>, group: &Group, results: &mut Results) -> Result<()> {
        let steps = sides.grid.steps;
        let one_to_one = sides.matching.cardinality == Cardinality::OneToOne;
        // Which steps had a match, and for which result.
        let mut matched = vec![false; steps];
        let mut taken: HashMap<usize, Vec<bool>> = HashMap::new();
        let mut place = |place: usize, step: usize, matched: &mut [bool]| -> Result<()> {
            if one_to_one && matched[step] {
                let message = "multiple matches for labels: many-to-one matching must be explicit (group_left/group_right)";
                return Err(Error::invalid(message));
            }
            matched[step] = true;
            let taken = taken.entry(place).or_insert_with(|| vec![false; steps]);
            if taken[step] {
                let message =
                    "multiple matches for labels: grouping labels must ensure unique matches";
                return Err(Error::invalid(message));
            }
            taken[step] = true;
            Ok(())
        };
        for many in group.left.iter().map(|index| &sides.many[*index]) {
            let mut partnered = vec![false; steps];
            for one in group.right.iter().map(|index| &sides.one[*index]) {
                let labels = sides.labels(&many.labels, &one.labels);
                let target = results.place(labels, sides);
                for (step, partnered) in partnered.iter_mut().enumerate() {
                    let (Some(left), Some(right)) = (many.value(step), one.value(step)) else {
                        continue;
                    };
                    *partnered = true;
                    place(target, step, &mut matched)?;
                    self.put(sides, &mut results.columns[target], step, &left, &right)?;
                }
            }
            if let Some(fill) = sides.matching.fill_right {
                let labels =
                    sides.labels(&many.labels, &matching_labels(&many.labels, sides.matching));
                let target = results.place(labels, sides);
                let fill = SampleValue::Float(fill);
                for step in (0..steps).filter(|step| !partnered[*step]) {
                    let Some(left) = many.value(step) else { continue };
                    place(target, step, &mut matched)?;
                    self.put(sides, &mut results.columns[target], step, &left, &fill)?;
                }
            }
        }
        let Some(fill) = sides.matching.fill_left else { return Ok(()) };
        let fill = SampleValue::Float(fill);
        for one in group.right.iter().map(|index| &sides.one[*index]) {
            let many = matching_labels(&one.labels, sides.matching);
            let target = results.place(sides.labels(&many, &one.labels), sides);
            for (step, matched) in matched.iter().enumerate() {
                let Some(right) = one.value(step) else { continue };
                if !matched {
                    self.put(sides, &mut results.columns[target], step, &fill, &right)?;
                }
            }
        }
        Ok(())
    }

    /// Puts the result of one pair into its column.
    fn put(
        &self,
        sides: &Sides<'_>,
        target: &mut Column,
        step: usize,
        many: &SampleValue,
        one: &SampleValue,
    ) -> Result<()> {
        let binary = sides.binary;
        let outcome = if sides.swapped() {
            element(binary.op, one, many)
        } else {
            element(binary.op, many, one)
        };
        let Some((value, keep)) = self.judged(outcome, binary.op, sides.span) else {
            return Ok(());
        };
        let value = if binary.return_bool {
            SampleValue::Float(f64::from(u8::from(keep)))
        } else if keep {
            value
        } else {
            return Ok(());
        };
        if target.present(step) {
            return Err(Error::invalid("vector cannot contain metrics with the same labelset"));
        }
        target.set(step, value);
        Ok(())
    }
}

impl Results {
    /// Returns the place of the column with these labels.
    fn place(&mut self, labels: Labels, sides: &Sides<'_>) -> usize {
        *self.places.entry(labels.clone()).or_insert_with(|| {
            let mut column = Column::empty(labels, sides.grid.steps);
            column.drop_name = sides.binary.return_bool;
            self.columns.push(column);
            self.columns.len() - 1
        })
    }
}

/// Checks that the side of one has at most one series of the group at every step.
fn check_one_side(sides: &Sides<'_>, group: &Group) -> Result<()> {
    if group.right.len() < 2 {
        return Ok(());
    }
    for step in 0..sides.grid.steps {
        let mut present = group.right.iter().map(|index| &sides.one[*index]);
        let mut present = present.by_ref().filter(|column| column.present(step));
        let (Some(first), Some(second)) = (present.next(), present.next()) else { continue };
        let shared = matching_labels(&first.labels, sides.matching);
        let shared = if sides.matching.on { shared } else { without_metadata(&shared) };
        let mut pair = [first.labels.to_string(), second.labels.to_string()];
        pair.sort();
        let side = if sides.swapped() { "left" } else { "right" };
        let message = format!(
            "found duplicate series for the match group {shared} on the {side} hand-side of the operation: [{}, {}];many-to-many matching not allowed: matching labels must be unique on one side",
            pair[0], pair[1]
        );
        return Err(Error::invalid(message));
    }
    Ok(())
}
