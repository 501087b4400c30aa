//! `topk`, `bottomk`, `limitk` and `limit_ratio`: some of the series as they are.

use std::cmp::Ordering;
use std::collections::HashMap;

use crate::base::error::{Error, Result};
use crate::model::labels::Labels;
use crate::query::promql::ast::{Aggregate, AggregateOp, Node};
use crate::query::promql::engine::aggregate::group_labels;
use crate::query::promql::engine::column::{Column, Grid, Sink};
use crate::query::promql::engine::context::Evaluation;
use crate::query::promql::engine::notes::Note;
use crate::query::promql::position::Span;
use crate::query::promql::printer::plain_number;

impl Evaluation {
    pub(super) async fn ranked(
        &self,
        aggregate: &Aggregate,
        node: &Node,
        grid: Grid,
        sink: &mut (dyn Sink + '_),
    ) -> Result<()> {
        let Some(parameter) = &aggregate.parameter else {
            return Err(Error::internal("the parameter is missing"));
        };
        let parameters = self.scalar(parameter, grid).await?;
        let mut columns = self.gather(&aggregate.operand, grid).await?;
        self.check_parameters(aggregate.op, &parameters, parameter.span)?;
        // Which series are first must not depend on how the store orders them.
        columns.sort_by(|left, right| left.labels.cmp(&right.labels));
        let mut places = HashMap::new();
        let mut groups: Vec<Vec<usize>> = Vec::new();
        for (index, column) in columns.iter().enumerate() {
            let labels = group_labels(&column.labels, &aggregate.grouping, aggregate.without);
            let place = *places.entry(labels).or_insert_with(|| {
                groups.push(Vec::new());
                groups.len() - 1
            });
            groups[place].push(index);
        }
        let mut order: Vec<usize> = Vec::new();
        let mut placed = vec![false; columns.len()];
        for group in &groups {
            for (step, parameter) in parameters.iter().enumerate() {
                let kept = self.kept(aggregate.op, *parameter, group, &columns, step, node.span);
                for index in group.iter().filter(|index| !kept.contains(index)) {
                    columns[*index].clear(step);
                }
                order.extend(
                    kept.into_iter().filter(|index| !std::mem::replace(&mut placed[*index], true)),
                );
            }
        }
        let mut columns: Vec<Option<Column>> = columns.into_iter().map(Some).collect();
        let made = order.into_iter().filter_map(|index| columns[index].take()).collect();
        self.emit(made, sink).await
    }

    fn check_parameters(&self, op: AggregateOp, values: &[f64], span: Span) -> Result<()> {
        let largest = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let smallest = values.iter().copied().fold(f64::INFINITY, f64::min);
        let any_nan = values.iter().any(|value| value.is_nan());
        if op == AggregateOp::LimitRatio {
            if any_nan {
                return Err(Error::invalid("Ratio value is NaN"));
            }
            for (ratio, used) in [(largest, 1.0), (smallest, -1.0)] {
                if (used > 0.0 && ratio > used) || (used < 0.0 && ratio < used) {
                    self.note(span, Note::InvalidRatio { ratio, used });
                }
            }
            return Ok(());
        }
        if largest < 1.0 && !any_nan {
            return Ok(());
        }
        if any_nan {
            return Err(Error::invalid("Parameter value is NaN"));
        }
        let limit = 9_223_372_036_854_775_808.0;
        if smallest <= -limit {
            let shown = plain_number(smallest);
            return Err(Error::invalid(format!("Scalar value {shown} underflows int64")));
        }
        if largest >= limit {
            let shown = plain_number(largest);
            return Err(Error::invalid(format!("Scalar value {shown} overflows int64")));
        }
        Ok(())
    }

    /// Returns which columns of a group stay at a step, in the order of the answer.
    fn kept(
        &self,
        op: AggregateOp,
        parameter: f64,
        group: &[usize],
        columns: &[Column],
        step: usize,
        span: Span,
    ) -> Vec<usize> {
        let present = group.iter().copied().filter(|index| columns[*index].present(step));
        if op == AggregateOp::LimitRatio {
            return present.filter(|index| in_ratio(&columns[*index], parameter)).collect();
        }
        let count = if parameter >= 1.0 { parameter as usize } else { return Vec::new() };
        if op == AggregateOp::Limitk {
            return present.take(count).collect();
        }
        let mut ranking = Ranking { top: op == AggregateOp::Topk, count, heap: Vec::new() };
        for index in present {
            match columns[index].float(step) {
                Some(value) => ranking.add(value, index),
                None => self.note(span, Note::IgnoredInAggregation(op.as_str())),
            }
        }
        ranking.finish()
    }
}

/// The best values so far in a heap as Prometheus keeps it, with the worst of them in front: which of
/// equal ones stay depends on how it is built.
struct Ranking {
    top: bool,
    count: usize,
    heap: Vec<(f64, usize)>,
}

impl Ranking {
    fn add(&mut self, value: f64, index: usize) {
        if self.heap.len() < self.count {
            self.heap.push((value, index));
            self.rise(self.heap.len() - 1);
        } else if let Some((worst, _)) = self.heap.first().copied()
            && (self.is_worse(worst, value) && !(worst.is_nan() && value.is_nan()))
        {
            self.heap[0] = (value, index);
            self.sink(0);
        }
    }

    /// Returns whether one value is worse than another. NaN is worse than all, itself too.
    fn is_worse(&self, one: f64, other: f64) -> bool {
        one.is_nan() || if self.top { one < other } else { one > other }
    }

    fn is_before(&self, one: usize, other: usize) -> bool {
        self.is_worse(self.heap[one].0, self.heap[other].0)
    }

    fn rise(&mut self, mut place: usize) {
        while place > 0 {
            let parent = (place - 1) / 2;
            if !self.is_before(place, parent) {
                break;
            }
            self.heap.swap(parent, place);
            place = parent;
        }
    }

    fn sink(&mut self, mut place: usize) {
        loop {
            let left = 2 * place + 1;
            if left >= self.heap.len() {
                break;
            }
            let right = left + 1;
            let child =
                if right < self.heap.len() && self.is_before(right, left) { right } else { left };
            if !self.is_before(child, place) {
                break;
            }
            self.heap.swap(place, child);
            place = child;
        }
    }

    /// Returns the places of the values, the best first.
    fn finish(mut self) -> Vec<usize> {
        let top = self.top;
        self.heap.sort_by(|(left, _), (right, _)| match (left.is_nan(), right.is_nan()) {
            (true, true) => Ordering::Equal,
            (true, false) => Ordering::Greater,
            (false, true) => Ordering::Less,
            (false, false) if top => right.partial_cmp(left).unwrap_or(Ordering::Equal),
            (false, false) => left.partial_cmp(right).unwrap_or(Ordering::Equal),
        });
        self.heap.into_iter().map(|(_, index)| index).collect()
    }
}

/// Returns whether a series belongs to the sample of this ratio; a negative ratio is the complement
/// of its positive one.
fn in_ratio(column: &Column, ratio: f64) -> bool {
    let place = sampling_hash(&column.labels) as f64 / u64::MAX as f64;
    let ratio = ratio.clamp(-1.0, 1.0);
    if ratio >= 0.0 { place < ratio } else { place >= 1.0 + ratio }
}

/// Returns the hash by which Prometheus samples series, so that the same ones stay here as there:
/// XXH64 of names and values, each behind its length.
fn sampling_hash(labels: &Labels) -> u64 {
    let mut bytes = Vec::with_capacity(128);
    for text in labels.iter().flat_map(|(name, value)| [name, value]) {
        match u8::try_from(text.len()) {
            Ok(length) if length < u8::MAX => bytes.push(length),
            _ => {
                bytes.push(u8::MAX);
                bytes.extend_from_slice(&(text.len() as u32).to_le_bytes()[..3]);
            }
        }
        bytes.extend_from_slice(text.as_bytes());
    }
    xxhash_rust::xxh64::xxh64(&bytes, 0)
}
