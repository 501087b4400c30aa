//! `label_replace` and `label_join`.

use regex::Regex;

use crate::base::error::{Error, Result};
use crate::model::labels::METRIC_NAME;
use crate::query::promql::ast::Call;
use crate::query::promql::engine::answer::join_equal;
use crate::query::promql::engine::column::{Column, Grid, Sink, is_label_name};
use crate::query::promql::engine::context::Evaluation;
use crate::query::promql::engine::functions::{argument, text};

/// The largest compiled size of one regular expression.
const REGEX_SIZE_LIMIT: usize = 4 << 20;

impl Evaluation {
    pub(super) async fn label_replace(
        &self,
        call: &Call,
        grid: Grid,
        sink: &mut (dyn Sink + '_),
    ) -> Result<()> {
        let (target, template) = (text(call, 1)?, text(call, 2)?);
        let (source, pattern) = (text(call, 3)?, text(call, 4)?);
        let regex: Regex = regex::RegexBuilder::new(&format!("^(?s:{pattern})$"))
            .size_limit(REGEX_SIZE_LIMIT)
            .build()
            .map_err(|_| {
                let message = format!("invalid regular expression in label_replace(): {pattern}");
                Error::invalid(message)
            })?;
        check_name(target, "destination", "label_replace")?;
        let template = expandable(template);
        let mut columns = self.gather(argument(call, 0)?, grid).await?;
        for column in &mut columns {
            let value = column.labels.get(source).unwrap_or("");
            let Some(captures) = regex.captures(value) else { continue };
            let mut expanded = String::new();
            captures.expand(&template, &mut expanded);
            set_label(column, target, &expanded);
        }
        self.emit(join_equal(columns)?, sink).await
    }

    pub(super) async fn label_join(
        &self,
        call: &Call,
        grid: Grid,
        sink: &mut (dyn Sink + '_),
    ) -> Result<()> {
        let (target, separator) = (text(call, 1)?, text(call, 2)?);
        let mut sources = Vec::new();
        for index in 3..call.arguments.len() {
            let source = text(call, index)?;
            check_name(source, "source", "label_join")?;
            sources.push(source);
        }
        check_name(target, "destination", "label_join")?;
        let mut columns = self.gather(argument(call, 0)?, grid).await?;
        for column in &mut columns {
            let values = sources.iter().map(|source| column.labels.get(source).unwrap_or(""));
            let joined = values.collect::<Vec<_>>().join(separator);
            set_label(column, target, &joined);
        }
        self.emit(join_equal(columns)?, sink).await
    }
}

fn check_name(name: &str, role: &str, function: &str) -> Result<()> {
    if !is_label_name(name) {
        let message = format!("invalid {role} label name in {function}(): {name}");
        return Err(Error::invalid(message));
    }
    Ok(())
}

fn set_label(column: &mut Column, name: &str, value: &str) {
    let mut labels = column.labels.to_builder();
    labels.set(name, value);
    column.labels = labels.build();
    if name == METRIC_NAME {
        // A name that was given on purpose stays.
        column.drop_name = false;
    }
}

/// Writes `$1` and `$name` as Go reads them: the longest run of letters, digits and `_` is the name.
fn expandable(template: &str) -> String {
    let mut result = String::with_capacity(template.len());
    let mut rest = template;
    while let Some(at) = rest.find('$') {
        result.push_str(&rest[..at]);
        rest = &rest[at + 1..];
        let word = rest.len()
            - rest.trim_start_matches(|next: char| next == '_' || next.is_alphanumeric()).len();
        if let Some(after) = rest.strip_prefix('$') {
            result.push_str("$$");
            rest = after;
        } else if rest.starts_with('{') {
            result.push('$');
        } else if word > 0 {
            result.push_str(&format!("${{{}}}", &rest[..word]));
            rest = &rest[word..];
        } else {
            result.push_str("$$");
        }
    }
    result.push_str(rest);
    result
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn templates_expand_as_in_go() {
        let regex = Regex::new("(a)(?P<last>b)").unwrap();
        let expand = |template: &str| {
            let mut text = String::new();
            regex.captures("ab").unwrap().expand(&expandable(template), &mut text);
            text
        };
        assert_eq!(expand("$1-${2}"), "a-b");
        assert_eq!(expand("$last x$1x"), "b x");
        assert_eq!(expand("$$1 $"), "$1 $");
    }
}
