//! `count_values`: how many series have each value.

use std::collections::HashMap;

use crate::base::error::{Error, Result};
use crate::base::unquote::unquote_bytes;
use crate::model::answer::SampleValue;
use crate::query::promql::ast::{Aggregate, Kind, Node};
use crate::query::promql::engine::aggregate::group_labels;
use crate::query::promql::engine::column::{Column, Grid, Sink, is_label_name};
use crate::query::promql::engine::context::Evaluation;
use crate::query::promql::histogram::describe;
use crate::query::promql::printer::plain_number;
use crate::query::promql::token::go_quote_bytes;

impl Evaluation {
    pub(super) async fn count_values(
        &self,
        aggregate: &Aggregate,
        grid: Grid,
        sink: &mut (dyn Sink + '_),
    ) -> Result<()> {
        let parameter = aggregate.parameter.as_ref().map(Node::bare);
        let Some((Kind::Text(label), span)) = parameter.map(|node| (&node.kind, node.span)) else {
            return Err(Error::internal("the parameter is no text"));
        };
        if !is_label_name(label) {
            let written = self.text.get(span.start..span.end).and_then(unquote_bytes);
            let quoted = go_quote_bytes(&written.unwrap_or_default());
            return Err(Error::invalid(format!("invalid label name {quoted}")));
        }
        let mut grouping = aggregate.grouping.clone();
        if !aggregate.without {
            grouping.push(label.clone());
        }
        let mut places = HashMap::new();
        let mut made: Vec<Column> = Vec::new();
        for column in self.gather(&aggregate.operand, grid).await? {
            for step in 0..grid.steps {
                let text = match column.value(step) {
                    Some(SampleValue::Float(value)) => plain_number(value),
                    Some(SampleValue::Histogram(known)) => describe(&known),
                    None => continue,
                };
                let mut labels = column.labels.to_builder();
                labels.set(label, &text);
                let labels = group_labels(&labels.build(), &grouping, aggregate.without);
                let place = match places.get(&labels) {
                    Some(place) => *place,
                    None => {
                        self.budget.take_column(grid.steps as u64)?;
                        made.push(Column::empty(labels.clone(), grid.steps));
                        places.insert(labels, made.len() - 1);
                        made.len() - 1
                    }
                };
                let count = made[place].float(step).unwrap_or(0.0);
                made[place].floats[step] = count + 1.0;
            }
        }
        self.emit(made, sink).await
    }
}
