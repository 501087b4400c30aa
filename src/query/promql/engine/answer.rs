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
    let mut samples: Vec<VectorSample> = Vec::with_capacity(columns.len());
    let mut places = HashMap::with_capacity(columns.len());
    for column in columns {
        let Some(value) = column.value(0) else { continue };
        let is_histogram = matches!(value, SampleValue::Histogram(_));
        let place = *places.entry((column.labels.clone(), is_histogram)).or_insert(samples.len());
        if place < samples.len() {
            return Err(same_labels());
        }
        samples.push(VectorSample { labels: column.labels, timestamp: at, value });
    }
    // Of a float and a histogram of the same labels, as Prometheus: the histogram.
    samples.retain(|one| {
        matches!(one.value, SampleValue::Histogram(_))
            || !places.contains_key(&(one.labels.clone(), true))
    });
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
    let mut series: Vec<SeriesData> = Vec::with_capacity(columns.len());
    let mut places = HashMap::with_capacity(columns.len());
    for column in columns {
        let data = points(&column, grid);
        if data.samples.is_empty() && data.histograms.is_empty() {
            continue;
        }
        let place = *places.entry(column.labels).or_insert(series.len());
        match series.get_mut(place) {
            None => series.push(data),
            Some(known) => {
                // A float and a histogram may share an instant, as in Prometheus.
                join(&mut known.samples, data.samples, |one| one.timestamp)?;
                join(&mut known.histograms, data.histograms, |one| one.timestamp)?;
            }
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

/// Joins points of two series of equal labels.
fn join<P>(known: &mut Vec<P>, more: Vec<P>, time: fn(&P) -> TimestampMs) -> Result<()> {
    known.extend(more);
    known.sort_by_key(time);
    let twice = known.windows(2).any(|pair| time(&pair[0]) == time(&pair[1]));
    if twice { Err(same_labels()) } else { Ok(()) }
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
