//! Asks the queries of rules and of their templates.

use std::sync::Arc;

use crate::base::error::{Error, Result};
use crate::base::task::aside;
use crate::model::answer::{SampleValue, Value, VectorSample};
use crate::model::labels::Labels;
use crate::model::time::TimestampMs;
use crate::query::promql::{self, Engine, Expr};
use crate::rules::external::External;
use crate::rules::template::{Answers, Rendered, Row, Subject, Text};

/// Answers queries at one instant.
#[derive(Clone)]
pub(crate) struct Evaluation {
    pub(crate) engine: Engine,
    pub(crate) external: Arc<External>,
    pub(crate) at: TimestampMs,
}

impl Evaluation {
    /// Evaluates an expression; a number is one element without labels.
    ///
    /// # Errors
    /// Those of the engine; `InvalidInput` for what is neither vector nor number.
    pub(crate) async fn vector(&self, expr: &Arc<Expr>) -> Result<Vec<VectorSample>> {
        let (engine, expr, at) = (self.engine.clone(), Arc::clone(expr), self.at);
        let answer = aside(async move { engine.instant(&expr, at).await }).await?;
        match answer.value {
            Value::Vector(samples) => Ok(samples),
            Value::Scalar(value, timestamp) => {
                let value = SampleValue::Float(value);
                Ok(vec![VectorSample { labels: Labels::empty(), timestamp, value }])
            }
            Value::Str(..) | Value::Matrix(_) => {
                Err(Error::invalid("rule result is not a vector or scalar"))
            }
        }
    }

    /// Renders texts that speak of one element. A bad template becomes a text that says so.
    pub(crate) async fn texts(
        &self,
        texts: &[(String, Text)],
        labels: &Labels,
        value: f64,
    ) -> Vec<(String, String)> {
        let mut answers = Answers::default();
        let mut rendered = Vec::with_capacity(texts.len());
        for (name, text) in texts {
            let body = self.text(text, labels, value, &mut answers).await;
            let body = body.unwrap_or_else(|why| format!("<error expanding template: {why}>"));
            rendered.push((name.clone(), body));
        }
        rendered
    }

    async fn text(
        &self,
        text: &Text,
        labels: &Labels,
        value: f64,
        answers: &mut Answers,
    ) -> std::result::Result<String, String> {
        loop {
            let subject = Subject { labels, value, at: self.at, external: &self.external };
            match text.render(subject, answers)? {
                Rendered::Done(text) => return Ok(text),
                Rendered::Wants(query) => {
                    let rows = self.rows(&query).await.map_err(|error| error.to_string());
                    answers.insert(query, rows);
                }
            }
        }
    }

    async fn rows(&self, query: &str) -> Result<Vec<Row>> {
        let expr = promql::parse(query).map_err(|error| Error::invalid(error.to_string()))?;
        let samples = self.vector(&Arc::new(expr)).await?;
        Ok(samples.into_iter().map(|s| Row { value: number(&s.value), labels: s.labels }).collect())
    }
}

/// Returns the number of a value; a histogram has none, as in Prometheus.
pub(crate) fn number(value: &SampleValue) -> f64 {
    match value {
        SampleValue::Float(value) => *value,
        SampleValue::Histogram(_) => 0.0,
    }
}
