//! Function calls, each handed to the family it belongs to.

pub(super) mod rate;
pub(super) mod extended;
mod instant_rate;
mod over_time;
mod regression;
mod count;
mod math;
mod date;
mod label;
mod sort;
mod classic;
mod native;
mod info;

use std::sync::atomic::AtomicBool;

use futures_util::future::BoxFuture;

use crate::base::error::{Error, Result};
use crate::model::labels::Labels;
use crate::query::promql::ast::{Call, Kind, Length, Node, Selector};
use crate::query::promql::engine::binary::{go_max, go_min};
use crate::query::promql::engine::column::{Column, Grid, Mapped, Sink};
use crate::query::promql::engine::context::Evaluation;
use crate::query::promql::engine::windows::{RangeFunction, Ranged, absent_column};
use crate::query::promql::value_type::ValueType;

/// Returns the range function of this name.
fn range_function(name: &str) -> Option<RangeFunction> {
    rate::function(name)
        .or_else(|| instant_rate::function(name))
        .or_else(|| over_time::function(name))
        .or_else(|| regression::function(name))
        .or_else(|| count::function(name))
}

impl Evaluation {
    /// Evaluates a function whose result is an instant vector.
    pub(super) fn call<'a>(
        &'a self,
        call: &'a Call,
        node: &'a Node,
        grid: Grid,
        sink: &'a mut (dyn Sink + 'a),
    ) -> BoxFuture<'a, Result<()>> {
        let name = call.function.name;
        if let Some(function) = range_function(name) {
            return Box::pin(self.range_call(call, function, grid, sink));
        }
        if let Some(change) = math::function(name) {
            return Box::pin(self.mapped(call, math::each_float(change), grid, sink));
        }
        if let Some(part) = date::function(name) {
            return Box::pin(self.date(call, part, grid, sink));
        }
        match name {
            "absent_over_time" | "absent" => Box::pin(self.absent(call, grid, sink)),
            "vector" => Box::pin(self.vector_of_scalar(call, grid, sink)),
            "timestamp" => Box::pin(self.timestamp(call, grid, sink)),
            "start_timestamp" => Box::pin(self.start_timestamp(call, grid, sink)),
            "clamp" | "clamp_min" | "clamp_max" | "round" => {
                Box::pin(self.bounded(call, grid, sink))
            }
            "label_replace" => Box::pin(self.label_replace(call, grid, sink)),
            "label_join" => Box::pin(self.label_join(call, grid, sink)),
            "sort" | "sort_desc" | "sort_by_label" | "sort_by_label_desc" => {
                Box::pin(self.sort(call, node, grid, sink))
            }
            "histogram_quantile" | "histogram_quantiles" | "histogram_fraction" => {
                Box::pin(self.histogram_estimate(call, grid, sink))
            }
            "histogram_count" | "histogram_sum" | "histogram_avg" | "histogram_stddev"
            | "histogram_stdvar" => {
                Box::pin(self.mapped(call, native::each_histogram(name), grid, sink))
            }
            "info" => Box::pin(self.info(call, node, grid, sink)),
            other => {
                let error = Error::unsupported(format!("function {other}() is not supported"));
                Box::pin(std::future::ready(Err(error)))
            }
        }
    }

    /// Evaluates the first argument and changes its columns in passing.
    async fn mapped(
        &self,
        call: &Call,
        change: impl FnMut(&mut Column) -> Result<()> + Send,
        grid: Grid,
        sink: &mut (dyn Sink + '_),
    ) -> Result<()> {
        let mut mapped = Mapped { inner: sink, change };
        self.vector(argument(call, 0)?, grid, &mut mapped).await
    }

    async fn absent(&self, call: &Call, grid: Grid, sink: &mut (dyn Sink + '_)) -> Result<()> {
        let argument = argument(call, 0)?;
        if call.function.name == "absent_over_time" {
            return self.absent_over_time(argument, grid, sink).await;
        }
        let columns = self.gather(argument, grid).await?;
        let absent = absent_column(&columns, argument, grid);
        self.emit(absent.into_iter().collect(), sink).await
    }

    async fn vector_of_scalar(
        &self,
        call: &Call,
        grid: Grid,
        sink: &mut (dyn Sink + '_),
    ) -> Result<()> {
        let mut column = Column::empty(Labels::empty(), 0);
        column.floats = self.scalar(argument(call, 0)?, grid).await?;
        self.emit(vec![column], sink).await
    }

    async fn range_call(
        &self,
        call: &Call,
        function: RangeFunction,
        grid: Grid,
        sink: &mut (dyn Sink + '_),
    ) -> Result<()> {
        let mut scalars = Vec::new();
        let mut matrix = None;
        let mut scalar_span = None;
        for argument in &call.arguments {
            if argument.value_type() == ValueType::Matrix {
                matrix = Some(argument);
            } else {
                scalar_span.get_or_insert(argument.span);
                scalars.push(self.scalar(argument, grid).await?);
            }
        }
        let Some(argument) = matrix else {
            return Err(Error::internal("a range function without a range vector"));
        };
        let name = call.function.name;
        regression::check(name, &scalars)?;
        let scalar_span = scalar_span.unwrap_or(argument.span);
        let ranged = Ranged { name, function, argument, scalars, scalar_span };
        self.ranged(ranged, grid, sink).await
    }

    /// Evaluates a function whose result is a scalar.
    pub(super) async fn scalar_call(&self, call: &Call, grid: Grid) -> Result<Vec<f64>> {
        let constant = |value: f64| Ok(vec![value; grid.steps]);
        let seconds = |milliseconds: i64| milliseconds as f64 / 1000.0;
        match call.function.name {
            "pi" => constant(std::f64::consts::PI),
            "start" => constant(seconds(self.query.start)),
            "end" => constant(seconds(self.query.end)),
            "range" => constant(seconds(self.query.end - self.query.start)),
            "step" if self.query.start == self.query.end => constant(0.0),
            "step" => constant(seconds(self.query.step)),
            "time" => Ok((0..grid.steps).map(|step| seconds(grid.at(step))).collect()),
            "min_of" | "max_of" => {
                let left = self.scalar(argument(call, 0)?, grid).await?;
                let right = self.scalar(argument(call, 1)?, grid).await?;
                let pick = if call.function.name == "min_of" { go_min } else { go_max };
                Ok(left.into_iter().zip(right).map(|(left, right)| pick(left, right)).collect())
            }
            "scalar" => {
                let columns = self.gather(argument(call, 0)?, grid).await?;
                let only = |step| {
                    let mut floats = columns.iter().filter_map(|column| column.float(step));
                    match (floats.next(), floats.next()) {
                        (Some(value), None) => value,
                        _ => f64::NAN,
                    }
                };
                Ok((0..grid.steps).map(only).collect())
            }
            other => Err(Error::unsupported(format!("function {other}() is not supported"))),
        }
    }

    /// Returns how a function of the times of samples selects, and how far it looks back. Where `@`
    /// fixes the time, Prometheus reads the samples that the offset reaches, but looks for one as if
    /// there were no offset.
    fn timed(&self, selector: &Selector) -> Result<(Selector, i64)> {
        let mut selector = selector.clone();
        let lookback = self.lookback();
        let (Some(_), Some(offset)) = (selector.timing.at, &selector.timing.offset) else {
            return Ok((selector, lookback));
        };
        let offset = self.length(offset, true)?;
        selector.timing.offset = Some(Length::Fixed(offset.max(0)));
        Ok((selector, lookback.saturating_sub(offset.saturating_abs())))
    }

    /// Only samples as they are stored know a start; of anything else there is no result.
    async fn start_timestamp(
        &self,
        call: &Call,
        grid: Grid,
        sink: &mut (dyn Sink + '_),
    ) -> Result<()> {
        match &argument(call, 0)?.bare().kind {
            Kind::Selector(selector) => {
                let (selector, lookback) = self.timed(selector)?;
                self.selects_for(&selector, argument(call, 0)?.bare());
                self.select_starts(&selector, lookback, grid, sink).await
            }
            _ => Ok(()),
        }
    }

    async fn timestamp(&self, call: &Call, grid: Grid, sink: &mut (dyn Sink + '_)) -> Result<()> {
        let argument = argument(call, 0)?;
        if let Kind::Selector(selector) = &argument.bare().kind {
            let (selector, lookback) = self.timed(selector)?;
            self.selects_for(&selector, argument.bare());
            return self
                .select_timestamps(&selector, lookback, grid, &AtomicBool::default(), sink)
                .await;
        }
        let change = move |column: &mut Column| {
            column.drop_name = true;
            for step in 0..grid.steps {
                if column.present(step) {
                    column.floats[step] = grid.at(step) as f64 / 1000.0;
                }
            }
            column.histograms = Vec::new();
            Ok(())
        };
        self.vector(argument, grid, &mut Mapped { inner: sink, change }).await
    }
}

fn argument(call: &Call, index: usize) -> Result<&Node> {
    call.arguments.get(index).ok_or_else(|| Error::internal("an argument is missing"))
}

/// Returns the text of an argument.
fn text(call: &Call, index: usize) -> Result<&str> {
    match &argument(call, index)?.bare().kind {
        Kind::Text(text) => Ok(text),
        _ => Err(Error::internal("the argument is no text")),
    }
}
