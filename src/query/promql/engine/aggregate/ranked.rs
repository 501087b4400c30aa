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
        let mut ranked = Vec::new();
        for index in present {
            match columns[index].float(step) {
                Some(value) => ranked.push((value, index)),
                None => self.note(span, Note::IgnoredInAggregation(op.as_str())),
            }
        }
        let top = op == AggregateOp::Topk;
        ranked.sort_by(|(left, _), (right, _)| match (left.is_nan(), right.is_nan()) {
            (true, true) => Ordering::Equal,
            (true, false) => Ordering::Greater,
            (false, true) => Ordering::Less,
            (false, false) if top => right.total_cmp(left),
            (false, false) => left.total_cmp(right),
        });
        ranked.truncate(count);
        ranked.into_iter().map(|(_, index)| index).collect()
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
