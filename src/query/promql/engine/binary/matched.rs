//! Arithmetic and comparison of two vectors.

use std::collections::HashMap;

use crate::base::error::{Error, Result};
use crate::model::answer::SampleValue;
use crate::model::labels::Labels;
use crate::query::promql::ast::{Binary, Cardinality, Matching};
use crate::query::promql::engine::binary::element::element;
use crate::query::promql::engine::binary::signature::{Group, groups, matching_labels};
use crate::query::promql::engine::binary::{changes_metric, judged};
use crate::query::promql::engine::column::{Column, Grid, is_metadata_label, without_metadata};
use crate::query::promql::engine::context::Evaluation;
use crate::query::promql::engine::notes::Note;
use crate::query::promql::position::Span;

/// Results by their labels.
#[derive(Default)]
struct Results {
    places: HashMap<Labels, usize>,
    columns: Vec<Column>,
    /// The first step at which two groups had results of the same labels.
    clash: Option<usize>,
    /// What is to be noted of each step: the last of it, which is all that Prometheus tells. With
    /// the place of the series in the order of evaluation.
    notes: HashMap<usize, (usize, Note)>,
}

/// Both sides of an operation; `one` has at most one series of a group at a step.
struct Sides<'a> {
    binary: &'a Binary,
    matching: &'a Matching,
    many: &'a [Column],
    one: &'a [Column],
    grid: Grid,
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

/// A contradiction between the sides. Prometheus goes step by step and reports the first it meets.
struct Fault {
    step: usize,
    message: String,
}

/// Keeps the fault of the earliest step; at one step the one that came first.
fn note_fault(first: &mut Option<Fault>, step: usize, message: impl FnOnce() -> String) {
    if first.as_ref().is_none_or(|known| step < known.step) {
        *first = Some(Fault { step, message: message() });
    }
}

/// What a group has matched so far.
struct Matches {
    /// At which steps there was a match.
    any: Vec<bool>,
    /// The steps that each result has taken.
    taken: HashMap<usize, Vec<bool>>,
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
        let sides = Sides { binary, matching, many, one, grid };
        let groups = groups(many, one, matching);
        let duplicate = first_duplicate(&sides, &groups);
        let mut results = Results::default();
        let mut fault = None;
        for group in &groups {
            combine_group(&sides, group, &mut results, &mut fault);
        }
        let clash = results.clash.map(|step| {
            let message = "vector cannot contain metrics with the same labelset".to_owned();
            Fault { step, message }
        });
        for (_, note) in results.notes.values() {
            self.note(span, note.clone());
        }
        // At one step duplicates are found first, then bad matches, then equal results.
        let faults = [duplicate, fault, clash].into_iter().flatten();
        if let Some(fault) = faults.min_by_key(|fault| fault.step) {
            return Err(Error::invalid(fault.message));
        }
        let Results { mut columns, .. } = results;
        columns.retain(|column| !column.is_empty());
        Ok(columns)
    }
}

fn combine_group(
    sides: &Sides<'_>,
    group: &Group,
    results: &mut Results,
    fault: &mut Option<Fault>,
) {
    let steps = sides.grid.steps;
    let mut matches = Matches { any: vec![false; steps], taken: HashMap::new() };
    for (place, many) in group.left.iter().map(|index| (*index, &sides.many[*index])) {
        let mut partnered = vec![false; steps];
        for one in group.right.iter().map(|index| &sides.one[*index]) {
            let labels = sides.labels(&many.labels, &one.labels);
            let target = results.place(labels, sides);
            for (step, partnered) in partnered.iter_mut().enumerate() {
                let (Some(left), Some(right)) = (many.value(step), one.value(step)) else {
                    continue;
                };
                *partnered = true;
                let pair = results.pair(sides, (step, place), &left, &right);
                let Some(value) = pair else { continue };
                if let Err(text) = matches.take(sides, target, step) {
                    note_fault(fault, step, || text.to_owned());
                    continue;
                }
                results.put(target, step, value);
            }
        }
        if let Some(fill) = sides.matching.fill_right {
            let labels = sides.labels(&many.labels, &matching_labels(&many.labels, sides.matching));
            let target = results.place(labels, sides);
            let fill = SampleValue::Float(fill);
            for step in (0..steps).filter(|step| !partnered[*step]) {
                let Some(left) = many.value(step) else { continue };
                let pair = results.pair(sides, (step, place), &left, &fill);
                let Some(value) = pair else { continue };
                if let Err(text) = matches.take(sides, target, step) {
                    note_fault(fault, step, || text.to_owned());
                    continue;
                }
                results.put(target, step, value);
            }
        }
    }
    fill_left(sides, group, results, &matches);
}

/// Combines the series of the side of one that found no partner with the fill value.
fn fill_left(sides: &Sides<'_>, group: &Group, results: &mut Results, matches: &Matches) {
    let Some(fill) = sides.matching.fill_left else { return };
    let fill = SampleValue::Float(fill);
    for (index, one) in group.right.iter().map(|index| (*index, &sides.one[*index])) {
        let place = sides.many.len() + index;
        let many = matching_labels(&one.labels, sides.matching);
        let target = results.place(sides.labels(&many, &one.labels), sides);
        for (step, matched) in matches.any.iter().enumerate() {
            let Some(right) = one.value(step).filter(|_| !matched) else { continue };
            let pair = results.pair(sides, (step, place), &fill, &right);
            let Some(value) = pair else { continue };
            results.put(target, step, value);
        }
    }
}

impl Matches {
    /// Takes a step for a match; an error when the labels do not tell matches apart.
    fn take(
        &mut self,
        sides: &Sides<'_>,
        target: usize,
        step: usize,
    ) -> std::result::Result<(), &'static str> {
        let one_to_one = sides.matching.cardinality == Cardinality::OneToOne;
        if std::mem::replace(&mut self.any[step], true) && one_to_one {
            return Err(
                "multiple matches for labels: many-to-one matching must be explicit (group_left/group_right)",
            );
        }
        let taken = self.taken.entry(target).or_insert_with(|| vec![false; sides.grid.steps]);
        if std::mem::replace(&mut taken[step], true) {
            return Err("multiple matches for labels: grouping labels must ensure unique matches");
        }
        Ok(())
    }
}

impl Results {
    /// Combines two values at a step. The outer `None` means that they do not go together, which is
    /// no match; the inner one that a comparison does not hold.
    fn pair(
        &mut self,
        sides: &Sides<'_>,
        (step, place): (usize, usize),
        many: &SampleValue,
        one: &SampleValue,
    ) -> Option<Option<SampleValue>> {
        let binary = sides.binary;
        let outcome = if sides.swapped() {
            element(binary.op, one, many)
        } else {
            element(binary.op, many, one)
        };
        let (result, note) = judged(outcome, binary.op);
        if let Some(note) = note
            && self.notes.get(&step).is_none_or(|(known, _)| *known <= place)
        {
            self.notes.insert(step, (place, note));
        }
        let (value, keep) = result?;
        if binary.return_bool {
            return Some(Some(SampleValue::Float(f64::from(u8::from(keep)))));
        }
        Some(keep.then_some(value))
    }

    /// Puts the result of one pair into its column.
    fn put(&mut self, target: usize, step: usize, value: Option<SampleValue>) {
        let Some(value) = value else { return };
        let column = &mut self.columns[target];
        if column.present(step) {
            self.clash = Some(self.clash.map_or(step, |known| known.min(step)));
        } else {
            column.set(step, value);
        }
    }

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

/// Returns the first step at which the side of one has two series of a group. Where a side is empty
/// nothing is looked at, unless a fill value stands in for it.
fn first_duplicate(sides: &Sides<'_>, groups: &[Group]) -> Option<Fault> {
    let fills = sides.matching.fill_left.is_some() || sides.matching.fill_right.is_some();
    let mut first: Option<(usize, usize, usize)> = None;
    for group in groups.iter().filter(|group| group.right.len() > 1) {
        let steps = first.map_or(sides.grid.steps, |(step, ..)| step + 1);
        for step in 0..steps {
            let mut present =
                group.right.iter().copied().filter(|index| sides.one[*index].present(step));
            let (Some(known), Some(second)) = (present.next(), present.next()) else { continue };
            if !fills && !sides.many.iter().any(|column| column.present(step)) {
                continue;
            }
            if first.is_none_or(|(other, place, _)| (step, second) < (other, place)) {
                first = Some((step, second, known));
            }
            break;
        }
    }
    let (step, second, known) = first?;
    let (known, second) = (&sides.one[known].labels, &sides.one[second].labels);
    let shared = matching_labels(known, sides.matching);
    let shared = if sides.matching.on { shared } else { without_metadata(&shared) };
    let mut pair = [known.to_string(), second.to_string()];
    pair.sort();
    let side = if sides.swapped() { "left" } else { "right" };
    let message = format!(
        "found duplicate series for the match group {shared} on the {side} hand-side of the operation: [{}, {}];many-to-many matching not allowed: matching labels must be unique on one side",
        pair[0], pair[1]
    );
    Some(Fault { step, message })
}
