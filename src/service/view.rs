//! The filters of a view, as every face of the appliance writes them: query text, pills, and the
//! scope of every signal.

use crate::base::error::{Error, Result};
use crate::model::log_filter::{FilterValue, LogField, LogFilter};
use crate::model::trace_query::{AttributeScope, SpanCondition};
use crate::service::logs::LogsService;

/// Pills of one view that count; more are refused.
const MAX_PILLS: usize = 50;

/// One condition: `key=value` or `key!=value`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pill {
    /// The field or label.
    pub key: String,
    /// Its whole value.
    pub value: String,
    /// Whether it must not be that value.
    pub not: bool,
}

impl Pill {
    /// Reads a pill.
    ///
    /// # Errors
    /// `InvalidInput` when there is no key or no `=`.
    pub fn parse(text: &str) -> Result<Self> {
        let wrong = || Error::invalid(format!("{text:?} is no filter such as service.name=cart"));
        let (key, value) = text.split_once('=').ok_or_else(wrong)?;
        let (key, not) = key.strip_suffix('!').map_or((key, false), |key| (key, true));
        let key = key.trim();
        if key.is_empty() {
            return Err(wrong());
        }
        Ok(Pill { key: key.to_owned(), value: value.trim().to_owned(), not })
    }

    /// Reads a scope: pills with commas between.
    ///
    /// # Errors
    /// Those of [`Pill::parse`].
    pub fn parse_scope(text: &str) -> Result<Vec<Self>> {
        text.split(',').filter(|part| !part.trim().is_empty()).map(Pill::parse).collect()
    }

    /// Restricts a condition on spans to a scope as [`Pill::parse_scope`] reads it.
    ///
    /// # Errors
    /// Those of [`Pill::parse`].
    pub fn scope_spans(condition: SpanCondition, scope: &str) -> Result<SpanCondition> {
        let mut all = vec![condition];
        for pill in Pill::parse_scope(scope)? {
            let holds = match LogField::from_name(&pill.key) {
                LogField::Service => SpanCondition::Service(pill.value),
                _ => SpanCondition::Attribute(AttributeScope::Any, pill.key, pill.value),
            };
            all.push(if pill.not { SpanCondition::Not(Box::new(holds)) } else { holds });
        }
        Ok(if all.len() == 1 { all.remove(0) } else { SpanCondition::And(all) })
    }

    fn log_filter(&self) -> LogFilter {
        let field = LogField::from_name(&self.key);
        let text = LogFilter::Equals(field.clone(), FilterValue::Str(self.value.clone()));
        let holds = match self.value.parse::<bool>() {
            Ok(truth) => {
                LogFilter::Or(vec![text, LogFilter::Equals(field, FilterValue::Bool(truth))])
            }
            Err(_) => text,
        };
        if self.not { LogFilter::Not(Box::new(holds)) } else { holds }
    }

    /// A scope's label may stand on the record or on who sent it.
    fn in_either(&self) -> LogFilter {
        let named = self.log_filter();
        match LogField::from_name(&self.key) {
            LogField::Attribute(key) => {
                let resource = Pill { key: format!("resource.{key}"), ..self.clone() };
                let both = vec![named, resource.log_filter()];
                if self.not { LogFilter::And(both) } else { LogFilter::Or(both) }
            }
            _ => named,
        }
    }
}

impl LogsService {
    /// Returns the condition of a view: a query in Lucene's syntax (may be empty), pills (one that
    /// begins with `~` is switched off), and a scope.
    ///
    /// # Errors
    /// `InvalidInput` with what cannot be read, `LimitExceeded` for too many pills.
    pub fn view_filter<'a>(
        query: &str,
        pills: impl Iterator<Item = &'a str>,
        scope: &str,
    ) -> Result<LogFilter> {
        let mut all = Vec::new();
        if !query.trim().is_empty() {
            all.push(LogsService::parse_lucene(query.trim(), true, &LogField::from_name)?);
        }
        for pill in pills.filter(|text| !text.starts_with('~')) {
            all.push(Pill::parse(pill)?.log_filter());
        }
        if all.len() > MAX_PILLS {
            let text = format!("a view has at most {MAX_PILLS} filters");
            return Err(Error::new(crate::base::error::ErrorKind::LimitExceeded, text));
        }
        all.extend(Pill::parse_scope(scope)?.iter().map(Pill::in_either));
        Ok(if all.is_empty() { LogFilter::All } else { LogFilter::And(all) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pill_is_a_key_an_operator_and_a_value() {
        let pill = |key: &str, value: &str, not| {
            Ok(Pill { key: key.to_owned(), value: value.to_owned(), not })
        };
        assert_eq!(Pill::parse("service.name=cart"), pill("service.name", "cart", false));
        assert_eq!(Pill::parse("level!=debug"), pill("level", "debug", true));
        assert_eq!(Pill::parse("url=/a?b=c"), pill("url", "/a?b=c", false));
        for wrong in ["", "x", "=y", "!=y"] {
            assert!(Pill::parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_scope_is_a_list_of_pairs() {
        let keys: Vec<_> =
            Pill::parse_scope("a=b, c!=d,").unwrap().into_iter().map(|pill| pill.key).collect();
        assert_eq!(keys, ["a", "c"]);
        assert!(Pill::parse_scope("a").is_err());
    }

    #[test]
    fn a_scope_restricts_spans_beside_what_was_asked() {
        let scoped = |text| Pill::scope_spans(SpanCondition::Error(true), text);
        assert_eq!(scoped(""), Ok(SpanCondition::Error(true)));
        let env = SpanCondition::Attribute(AttributeScope::Any, "env".into(), "prod".into());
        let both = vec![
            SpanCondition::Error(true),
            SpanCondition::Service("cart".into()),
            SpanCondition::Not(Box::new(env)),
        ];
        assert_eq!(scoped("service.name=cart,env!=prod"), Ok(SpanCondition::And(both)));
    }

    #[test]
    fn a_view_without_conditions_shows_everything_and_too_many_are_refused() {
        let of = |pills: &[&str]| LogsService::view_filter(" ", pills.iter().copied(), "");
        assert_eq!(of(&["~a=b"]), Ok(LogFilter::All));
        assert!(of(&["a=b"; 51]).is_err());
    }
}
