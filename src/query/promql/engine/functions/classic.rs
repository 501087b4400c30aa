//! `histogram_quantile`, `histogram_quantiles` and `histogram_fraction`, over classic buckets and
//! native histograms alike.

mod buckets;

use std::collections::HashMap;

use crate::base::error::Result;
use crate::model::answer::SampleValue;
use crate::model::histogram::Histogram;
use crate::model::labels::Labels;
use crate::query::promql::ast::Call;
use crate::query::promql::engine::column::{Column, Grid, Sink};
use crate::query::promql::engine::context::Evaluation;
use crate::query::promql::engine::functions::classic::buckets::{
    ClassicBucket, classic_fraction, classic_quantile,
};
use crate::query::promql::engine::functions::{argument, text};
use crate::query::promql::engine::notes::{MonotonicFix, Note, general};
use crate::query::promql::histogram::{self, Estimate};
use crate::query::promql::position::Span;

/// The label of a classic bucket's upper bound.
const BUCKET_LABEL: &str = "le";

/// What is wanted of each histogram; scalars at every step.
enum Wanted {
    Quantile(Vec<f64>),
    Fraction { lower: Vec<f64>, upper: Vec<f64> },
}

/// One histogram: a native column, classic bucket columns, or both at different steps.
#[derive(Default)]
struct Source {
    native: Option<usize>,
    /// Upper bound and column.
    classic: Vec<(f64, usize)>,
    drop_name: bool,
}

impl Evaluation {
    pub(super) async fn histogram_estimate(
        &self,
        call: &Call,
        grid: Grid,
        sink: &mut (dyn Sink + '_),
    ) -> Result<()> {
        let mut wanted: Vec<(Wanted, Option<String>)> = Vec::new();
        let mut quantiles = Vec::new();
        let vector = match call.function.name {
            "histogram_quantile" => {
                let node = argument(call, 0)?;
                let q = self.scalar(node, grid).await?;
                quantiles.push((q.clone(), node.span));
                wanted.push((Wanted::Quantile(q), None));
                argument(call, 1)?
            }
            "histogram_quantiles" => {
                for node in call.arguments.iter().skip(2) {
                    let q = self.scalar(node, grid).await?;
                    quantiles.push((q.clone(), node.span));
                    let value = open_metrics_number(q.first().copied().unwrap_or(f64::NAN));
                    wanted.push((Wanted::Quantile(q), Some(value)));
                }
                argument(call, 0)?
            }
            _ => {
                let lower = self.scalar(argument(call, 0)?, grid).await?;
                let upper = self.scalar(argument(call, 1)?, grid).await?;
                wanted.push((Wanted::Fraction { lower, upper }, None));
                argument(call, 2)?
            }
        };
        let columns = self.gather(vector, grid).await?;
        for (values, span) in quantiles {
            self.check_quantiles(&values, span);
        }
        let sources = self.sources(&columns, vector.span);
        let quantile_label =
            if call.function.name == "histogram_quantiles" { Some(text(call, 1)?) } else { None };
        let mut made = Vec::new();
        for (wanted, value) in &wanted {
            for (labels, source) in &sources {
                let mut column = self.estimate(labels, source, wanted, &columns, grid, vector.span);
                if let (Some(name), Some(value)) = (quantile_label, value) {
                    let mut builder = column.labels.to_builder();
                    builder.set(name, value);
                    column.labels = builder.build();
                }
                if !column.is_empty() {
                    made.push(column);
                }
            }
        }
        self.emit(made, sink).await
    }

    fn check_quantiles(&self, values: &[f64], span: Span) {
        if let Some(q) = values.iter().find(|q| !(0.0..=1.0).contains(*q)) {
            self.note(span, Note::InvalidQuantile(*q));
        }
    }

    /// Finds the histograms in `columns`, in the order of their first column.
    fn sources(&self, columns: &[Column], span: Span) -> Vec<(Labels, Source)> {
        let mut places: HashMap<Labels, usize> = HashMap::new();
        let mut sources: Vec<(Labels, Source)> = Vec::new();
        let mut place = |labels: Labels, sources: &mut Vec<(Labels, Source)>| {
            *places.entry(labels.clone()).or_insert_with(|| {
                sources.push((labels, Source::default()));
                sources.len() - 1
            })
        };
        for (index, column) in columns.iter().enumerate() {
            if column.histograms.iter().any(Option::is_some) {
                let place = place(column.labels.clone(), &mut sources);
                sources[place].1.native = Some(index);
            }
            if !(0..column.floats.len()).any(|step| column.float(step).is_some()) {
                continue;
            }
            let label = column.labels.get(BUCKET_LABEL).unwrap_or("");
            let Some(upper) = bound(label) else {
                let metric = column.labels.metric_name().to_owned();
                self.note(span, Note::BadBucketLabel { metric, label: label.to_owned() });
                continue;
            };
            let labels = column.labels.without(|name| name == BUCKET_LABEL);
            let place = place(labels, &mut sources);
            sources[place].1.classic.push((upper, index));
        }
        for (_, source) in &mut sources {
            source.drop_name = true;
            source.classic.sort_by(|left, right| left.0.total_cmp(&right.0));
            // Two counts have one sum, more of them as many as orders.
            if source.classic.windows(3).any(|three| three[0].0 == three[2].0) {
                self.doubt.note();
            }
        }
        sources
    }

    fn estimate(
        &self,
        labels: &Labels,
        source: &Source,
        wanted: &Wanted,
        columns: &[Column],
        grid: Grid,
        span: Span,
    ) -> Column {
        let mut made = Column::empty(labels.clone(), grid.steps);
        made.drop_name = source.drop_name;
        let mut buckets = Vec::with_capacity(source.classic.len());
        for step in 0..grid.steps {
            buckets.clear();
            for (upper, index) in &source.classic {
                if let Some(count) = columns[*index].float(step) {
                    buckets.push(ClassicBucket { upper: *upper, count });
                }
            }
            let native = source.native.and_then(|index| columns[index].histogram(step));
            let metric = || labels.metric_name().to_owned();
            let value = match (native, buckets.is_empty()) {
                (Some(_), false) => {
                    self.note(span, Note::MixedClassicNative(metric()));
                    continue;
                }
                (Some(known), true) => self.of_native(known, wanted, step, &metric(), span),
                (None, false) => match wanted {
                    Wanted::Quantile(q) => {
                        let (value, fix) = classic_quantile(q[step], &mut buckets);
                        if let Some(fix) = fix {
                            let at = grid.at(step);
                            let fix = MonotonicFix { first_ms: at, last_ms: at, ..fix };
                            self.note(span, Note::ForcedMonotonicity { metric: metric(), fix });
                        }
                        value
                    }
                    Wanted::Fraction { lower, upper } => {
                        classic_fraction(lower[step], upper[step], &mut buckets)
                    }
                },
                (None, true) => continue,
            };
            made.set(step, SampleValue::Float(value));
        }
        made
    }

    fn of_native(
        &self,
        known: &Histogram,
        wanted: &Wanted,
        step: usize,
        metric: &str,
        span: Span,
    ) -> f64 {
        let (value, estimate) = match wanted {
            Wanted::Quantile(q) => histogram::quantile(q[step], known),
            Wanted::Fraction { lower, upper } => {
                histogram::fraction(lower[step], upper[step], known)
            }
        };
        let metric = metric.to_owned();
        match (estimate, wanted) {
            (Estimate::Sound, _) => {}
            (Estimate::Nan, _) => self.note(span, Note::QuantileNan(metric)),
            (Estimate::Skewed, Wanted::Quantile(_)) => {
                self.note(span, Note::QuantileNanSkew(metric));
            }
            (Estimate::Skewed, Wanted::Fraction { .. }) => {
                self.note(span, Note::FractionNan(metric));
            }
        }
        value
    }
}

/// Reads the value of a bucket label.
fn bound(label: &str) -> Option<f64> {
    if label.is_empty() { None } else { label.trim_start_matches('+').parse().ok() }
}

/// Writes a number as OpenMetrics does in labels: `1.0`, `0.9`.
fn open_metrics_number(value: f64) -> String {
    let text = general(value);
    let plain = text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-');
    if plain { format!("{text}.0") } else { text }
}
