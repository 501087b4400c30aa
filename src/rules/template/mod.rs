//! Templates of labels and annotations, in Prometheus' dialect.
//!
//! A template may query. Rendering cannot wait, so a query whose answer is not known yet ends the
//! rendering; it is asked, and the template is rendered again.

mod functions;
mod humanize;

use crate::base::gotemplate::{Template, TemplateError, Value};
use crate::model::labels::Labels;
use crate::model::time::TimestampMs;
use crate::rules::external::External;
use crate::rules::template::functions::RuleFunctions;

pub(crate) use crate::rules::template::functions::{Answers, Row};

/// The variables that every template begins with.
const VARIABLES: &str = "{{$labels := .Labels}}{{$externalLabels := .ExternalLabels}}\
    {{$externalURL := .ExternalURL}}{{$value := .Value}}";

/// The most queries of one template.
const MAX_QUERIES: usize = 20;

/// A label's or annotation's text.
#[derive(Debug, Clone)]
pub(crate) struct Text {
    name: String,
    body: Result<Body, String>,
}

#[derive(Debug, Clone)]
enum Body {
    Plain(String),
    Template(Template),
}

/// What a template may speak of.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Subject<'a> {
    /// The element's labels, the metric name included.
    pub(crate) labels: &'a Labels,
    /// Its value.
    pub(crate) value: f64,
    /// When it was evaluated.
    pub(crate) at: TimestampMs,
    /// Who speaks.
    pub(crate) external: &'a External,
}

/// What rendering came to.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Rendered {
    /// The text.
    Done(String),
    /// This query must be answered first.
    Wants(String),
}

impl Text {
    /// Reads the text of a label or annotation of `alert`.
    pub(crate) fn read(alert: &str, text: &str) -> Self {
        let name = format!("__alert_{alert}");
        let body = if text.contains("{{") {
            parsed(&name, text).map(Body::Template).map_err(|error| error.to_string())
        } else {
            Ok(Body::Plain(text.to_owned()))
        };
        Text { name, body }
    }

    /// Renders the text; queries are taken from `answers`.
    ///
    /// # Errors
    /// Prometheus' words for what is wrong.
    pub(crate) fn render(
        &self,
        subject: Subject<'_>,
        answers: &Answers,
    ) -> Result<Rendered, String> {
        let template = match &self.body {
            Ok(Body::Plain(text)) => return Ok(Rendered::Done(text.clone())),
            Ok(Body::Template(template)) => template,
            Err(why) => return Err(format!("error parsing template {}: {why}", self.name)),
        };
        let functions = RuleFunctions::new(subject, answers);
        let data = Value::record(
            "struct { Labels map[string]string; ExternalLabels map[string]string; \
             ExternalURL string; Value interface {} }",
            [
                ("Labels", text_map(subject.labels)),
                ("ExternalLabels", text_map(&subject.external.labels)),
                ("ExternalURL", Value::text(&subject.external.url)),
                ("Value", Value::Float(subject.value)),
            ],
        );
        let rendered = template.render(&data, &functions);
        if let Some(query) = functions.wanted() {
            if answers.len() >= MAX_QUERIES {
                return Err(format!("more than {MAX_QUERIES} queries in templates"));
            }
            return Ok(Rendered::Wants(query));
        }
        let failed = |error| format!("error executing template {}: {error}", self.name);
        rendered.map(Rendered::Done).map_err(failed)
    }
}

fn text_map(labels: &Labels) -> Value {
    Value::text_map(labels.iter())
}

fn parsed(name: &str, text: &str) -> Result<Template, TemplateError> {
    Template::parse(name, &format!("{VARIABLES}{text}"), &RuleFunctions::names_only())
}

/// Checks that the text of a label or annotation parses.
///
/// # Errors
/// Go's words for what is wrong.
pub(crate) fn check(alert: &str, text: &str) -> Result<(), String> {
    parsed(&format!("__alert_{alert}"), text).map(drop).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests;
