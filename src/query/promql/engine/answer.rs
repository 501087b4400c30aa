//! Columns to the answer: names dropped at last, equal series joined, series sorted.

use std::collections::HashMap;

use crate::base::error::{Error, Result};
use crate::model::answer::{SampleValue, VectorSample};
use crate::model::sample::{HistogramSample, Sample};
use crate::model::series::SeriesData;
use crate::model::time::TimestampMs;
use crate::query::promql::ast::{AggregateOp, Kind, Node};
use crate::query::promql::engine::column::{Column, Grid, without_metadata};

/// Returns whether the order of the columns is part of the answer.
pub(super) fn keeps_order(root: &Node) -> bool {
    match &root.kind {
        Kind::Call(call) => call.function.name.starts_with("sort"),
        Kind::Aggregate(aggregate) => {
            matches!(aggregate.op, AggregateOp::Topk | AggregateOp::Bottomk)
        }
        Kind::Paren(inner) => keeps_order(inner),
        _ => false,
    }
}

/// Builds an instant vector.
///
/// # Errors
/// `InvalidInput` when two series have the same labels.
pub(super) fn vector(
    mut columns: Vec<Column>,
    at: TimestampMs,
    keep_order: bool,
) -> Result<Vec<VectorSample>> {
    drop_names(&mut columns);
    columns.retain(|column| column.present(0));
    let mut samples = Vec::with_capacity(columns.len());
    for column in join_equal(columns)? {
        if let Some(value) = column.value(0) {
            samples.push(VectorSample { labels: column.labels, timestamp: at, value });
        }
    }
    if !keep_order {
        samples.sort_by(|left, right| left.labels.cmp(&right.labels));
    }
    Ok(samples)
}

/// Builds a matrix.
///
/// # Errors
/// `InvalidInput` when two series have the same labels and a value at the same step.
pub(super) fn matrix(mut columns: Vec<Column>, grid: Grid) -> Result<Vec<SeriesData>> {
    drop_names(&mut columns);
    let mut series = Vec::with_capacity(columns.len());
    for column in join_equal(columns)? {
        let data = points(&column, grid);
        if !data.samples.is_empty() || !data.histograms.is_empty() {
            series.push(data);
        }
    }
    sorted(series)
}

/// Sorts series by labels.
///
/// # Errors
/// `InvalidInput` when two series have the same labels.
pub(super) fn sorted(mut series: Vec<SeriesData>) -> Result<Vec<SeriesData>> {
    series.sort_by(|left, right| left.labels.cmp(&right.labels));
    if series.windows(2).any(|pair| pair[0].labels == pair[1].labels) {
        return Err(same_labels());
    }
    Ok(series)
}

/// Returns the values of a column with their instants.
pub(super) fn points(column: &Column, grid: Grid) -> SeriesData {
    let mut data = SeriesData { labels: column.labels.clone(), ..SeriesData::default() };
    for step in 0..grid.steps {
        let timestamp = TimestampMs(grid.at(step));
        match column.value(step) {
            Some(SampleValue::Float(value)) => data.samples.push(Sample { timestamp, value }),
            Some(SampleValue::Histogram(histogram)) => {
                data.histograms.push(HistogramSample { timestamp, histogram });
            }
            None => {}
        }
    }
    data
}

fn drop_names(columns: &mut [Column]) {
    for column in columns.iter_mut().filter(|column| column.drop_name) {
        column.labels = without_metadata(&column.labels);
        column.drop_name = false;
    }
}

fn same_labels() -> Error {
    Error::invalid("vector cannot contain metrics with the same labelset")
}

/// Joins columns of equal labels that have no value at the same step.
///
/// # Errors
/// `InvalidInput` when they do.
pub(super) fn join_equal(columns: Vec<Column>) -> Result<Vec<Column>> {
    let mut places = HashMap::with_capacity(columns.len());
    let mut joined: Vec<Column> = Vec::with_capacity(columns.len());
    for column in columns {
        let place = *places.entry(column.labels.clone()).or_insert(joined.len());
        let Some(known) = joined.get_mut(place) else {
            joined.push(column);
            continue;
        };
        for step in 0..column.floats.len() {
            let Some(value) = column.value(step) else { continue };
            if known.present(step) {
                return Err(same_labels());
            }
            known.set(step, value);
        }
    }
    Ok(joined)
}
