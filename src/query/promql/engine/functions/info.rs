//! `info()`: labels of info series, such as `target_info`, added to those of a vector.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::atomic::AtomicBool;

use crate::base::error::{Error, Result};
use crate::model::labels::{Labels, LabelsBuilder, METRIC_NAME};
use crate::model::matcher::{MatchOp, Matcher};
use crate::query::promql::ast::{Call, Kind, Node, Selector, Timing};
use crate::query::promql::engine::column::{Column, Grid, Sink};
use crate::query::promql::engine::context::Evaluation;
use crate::query::promql::engine::functions::argument;

/// The labels that tie a series to its info series.
const IDENTIFYING: [&str; 2] = ["instance", "job"];
/// The info metric when none is named.
const TARGET_INFO: &str = "target_info";

/// Which info series and which of their labels are wanted.
struct Wanted {
    /// Conditions on the info metric's name.
    names: Vec<Matcher>,
    /// Conditions on other labels; when there are any, only these labels are added.
    data: Vec<Matcher>,
}

impl Wanted {
    fn of(call: &Call) -> Result<Self> {
        let Some(node) = call.arguments.get(1) else {
            let names = vec![Matcher::equal(METRIC_NAME, TARGET_INFO)];
            return Ok(Wanted { names, data: Vec::new() });
        };
        let Kind::Selector(selector) = &node.bare().kind else {
            return Err(Error::internal("the second argument is no selector"));
        };
        let (mut names, data): (Vec<_>, Vec<_>) =
            selector.matchers.iter().cloned().partition(|matcher| matcher.name == METRIC_NAME);
        let positive = names.iter().any(|one| matches!(one.op, MatchOp::Equal | MatchOp::Regex));
        if names.is_empty() {
            names.push(Matcher::equal(METRIC_NAME, TARGET_INFO));
        } else if !positive {
            names.push(Matcher::new(MatchOp::Regex, METRIC_NAME, ".+_info")?);
        }
        Ok(Wanted { names, data })
    }

    fn is_info(&self, labels: &Labels) -> bool {
        self.names.iter().all(|matcher| matcher.matches(labels.metric_name()))
    }

    fn takes(&self, label: &str) -> bool {
        label != METRIC_NAME
            && (self.data.is_empty() || self.data.iter().any(|matcher| matcher.name == label))
    }
}

impl Evaluation {
    pub(super) async fn info(
        &self,
        call: &Call,
        whole: &Node,
        grid: Grid,
        sink: &mut (dyn Sink + '_),
    ) -> Result<()> {
        let node = argument(call, 0)?;
        let wanted = Wanted::of(call)?;
        let base = self.gather(node, grid).await?;
        let asker = call.arguments.get(1).map_or(whole, Node::bare);
        let infos = self.info_series(&base, &wanted, (node, asker), grid).await?;
        let mut by_identity: HashMap<Vec<Option<String>>, Vec<usize>> = HashMap::new();
        for (index, (labels, _)) in infos.iter().enumerate() {
            by_identity.entry(identity(labels)).or_default().push(index);
        }
        let mut made: BTreeMap<Labels, Column> = BTreeMap::new();
        for column in base {
            if wanted.is_info(&column.labels) {
                join(&mut made, column.labels.clone(), &column, 0..grid.steps)?;
                continue;
            }
            let candidates = by_identity.get(&identity(&column.labels));
            let candidates = candidates.map_or(&[][..], |known| known);
            for step in (0..grid.steps).filter(|step| column.present(*step)) {
                let found = newest(candidates, &infos, step)?;
                let Some(labels) = combined(&column.labels, &found, &wanted)? else { continue };
                join(&mut made, labels, &column, step..step + 1)?;
            }
        }
        self.emit(made.into_values().collect(), sink).await
    }

    /// Selects the info series that share an identity with any of `base`, each with the times of
    /// its samples. Of the two nodes the first is the vector, the second the one that asks for them.
    async fn info_series(
        &self,
        base: &[Column],
        wanted: &Wanted,
        (node, asker): (&Node, &Node),
        grid: Grid,
    ) -> Result<Vec<(Labels, Column)>> {
        let mut matchers = Vec::new();
        for label in IDENTIFYING {
            let others = base.iter().filter(|column| !wanted.is_info(&column.labels));
            let values: BTreeSet<_> =
                others.filter_map(|column| column.labels.get(label)).map(regex::escape).collect();
            if !values.is_empty() {
                let pattern = values.into_iter().collect::<Vec<_>>().join("|");
                matchers.push(Matcher::new(MatchOp::Regex, label, pattern)?);
            }
        }
        if matchers.is_empty() {
            return Ok(Vec::new());
        }
        matchers.extend(wanted.data.iter().cloned());
        matchers.extend(wanted.names.iter().cloned());
        let timing = first_timing(node, &Timing::default()).unwrap_or_default();
        let selector = Selector { matchers, timing, ..Selector::default() };
        self.selects_for(&selector, asker);
        let mut columns: Vec<Column> = Vec::new();
        let saw_histogram = AtomicBool::default();
        self.select_timestamps(&selector, self.lookback(), grid, &saw_histogram, &mut columns)
            .await?;
        if saw_histogram.into_inner() {
            return Err(Error::invalid("info sample should be float"));
        }
        columns.sort_by(|left, right| left.labels.cmp(&right.labels));
        Ok(columns.into_iter().map(|column| (column.labels.clone(), column)).collect())
    }
}

/// Returns when the first selector below `node` looks.
fn first_timing(node: &Node, outer: &Timing) -> Option<Timing> {
    let own = |timing: &Timing| Timing {
        offset: timing.offset.clone().or_else(|| outer.offset.clone()),
        at: timing.at.or(outer.at),
    };
    match &node.kind {
        Kind::Selector(selector) => Some(own(&selector.timing)),
        Kind::Matrix(matrix) => Some(own(&matrix.selector.timing)),
        Kind::Subquery(subquery) => first_timing(&subquery.operand, &own(&subquery.timing)),
        Kind::Paren(inner) => first_timing(inner, outer),
        Kind::Unary { operand, .. } => first_timing(operand, outer),
        Kind::Binary(binary) => {
            first_timing(&binary.left, outer).or_else(|| first_timing(&binary.right, outer))
        }
        Kind::Aggregate(aggregate) => first_timing(&aggregate.operand, outer),
        Kind::Call(call) => call.arguments.iter().find_map(|one| first_timing(one, outer)),
        Kind::Number(_) | Kind::Text(_) => None,
    }
}

fn identity(labels: &Labels) -> Vec<Option<String>> {
    IDENTIFYING.iter().map(|label| labels.get(label).map(str::to_owned)).collect()
}

/// Returns for each info metric the series with the newest sample at a step.
fn newest<'a>(
    candidates: &[usize],
    infos: &'a [(Labels, Column)],
    step: usize,
) -> Result<Vec<&'a Labels>> {
    let mut best: BTreeMap<&str, (f64, &Labels)> = BTreeMap::new();
    for (labels, column) in candidates.iter().filter_map(|index| infos.get(*index)) {
        let Some(at) = column.float(step) else { continue };
        let known = best.entry(labels.metric_name()).or_insert((at, labels));
        if known.0 < at {
            *known = (at, labels);
        } else if known.0 == at && known.1 != labels {
            let milliseconds = (at * 1000.0).round() as i64;
            return Err(Error::invalid(format!(
                "found duplicate series for info metric: existing {} @ {milliseconds}, new {labels} @ {milliseconds}",
                known.1
            )));
        }
    }
    Ok(best.into_values().map(|(_, labels)| labels).collect())
}

/// Returns the base labels with those of the info series; `None` when a wanted one is missing.
fn combined(base: &Labels, infos: &[&Labels], wanted: &Wanted) -> Result<Option<Labels>> {
    let mut added = LabelsBuilder::default();
    for labels in infos {
        for (name, value) in labels.iter().filter(|(name, _)| wanted.takes(name)) {
            if added.get(name).is_some_and(|known| known != value) {
                return Err(Error::invalid(format!("conflicting label: {name}")));
            }
            if base.get(name).is_none() {
                added.set(name, value);
            }
        }
    }
    if infos.is_empty() && wanted.data.iter().any(|matcher| !matcher.matches_absent()) {
        return Ok(None);
    }
    let mut labels = base.to_builder();
    for (name, value) in added.iter() {
        labels.set(name, value);
    }
    Ok(Some(labels.build()))
}

/// Puts values of a column under new labels.
fn join(
    made: &mut BTreeMap<Labels, Column>,
    labels: Labels,
    from: &Column,
    steps: std::ops::Range<usize>,
) -> Result<()> {
    let target = made.entry(labels.clone()).or_insert_with(|| {
        let mut column = Column::empty(labels, from.floats.len());
        column.drop_name = from.drop_name;
        column
    });
    for step in steps {
        let Some(value) = from.value(step) else { continue };
        if target.present(step) {
            let message = "vector cannot contain metrics with the same labelset";
            return Err(Error::invalid(message));
        }
        target.set(step, value);
    }
    Ok(())
}
