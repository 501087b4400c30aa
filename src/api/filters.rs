//! The filters of a view: query text, pills, and the scope of every signal.

use crate::api::params::Params;
use crate::base::error::{Error, Result};
use crate::model::log_filter::{FilterValue, LogField, LogFilter};
use crate::service::LogsService;

/// Pills beyond this many are refused.
const MAX_PILLS: usize = 50;

/// One pill: `key=value` or `key!=value`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Pill {
    pub(crate) key: String,
    pub(crate) value: String,
    /// Whether the field must not have the value.
    pub(crate) not: bool,
}

impl Pill {
    /// Reads a pill.
    ///
    /// # Errors
    /// `InvalidInput` when there is no key or no `=`.
    pub(crate) fn parse(text: &str) -> Result<Self> {
        let wrong = || Error::invalid(format!("{text:?} is no filter such as service.name=cart"));
        let (key, value) = text.split_once('=').ok_or_else(wrong)?;
        let (key, not) = key.strip_suffix('!').map_or((key, false), |key| (key, true));
        let key = key.trim();
        if key.is_empty() {
            return Err(wrong());
        }
        Ok(Pill { key: key.to_owned(), value: value.trim().to_owned(), not })
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
}

/// Returns the pairs of a scope: `key=value`, several with commas between.
///
/// # Errors
/// `InvalidInput` for a part that is no pair.
pub(crate) fn scope(text: &str) -> Result<Vec<Pill>> {
    text.split(',').filter(|part| !part.trim().is_empty()).map(Pill::parse).collect()
}

/// Returns the condition on logs of a request: `q` in Lucene's syntax, every `f` that is not
/// switched off by a leading `~`, and the `scope`, whose keys may be attributes or the resource's.
///
/// # Errors
/// `InvalidInput` with what cannot be read.
pub(crate) fn logs(params: &Params) -> Result<LogFilter> {
    let mut all = Vec::new();
    let text = params.get("q").trim();
    if !text.is_empty() {
        all.push(LogsService::parse_lucene(text, true, &LogField::from_name)?);
    }
    for pill in params.all("f").filter(|text| !text.starts_with('~')).take(MAX_PILLS) {
        all.push(Pill::parse(pill)?.log_filter());
    }
    for pair in scope(params.get("scope"))? {
        all.push(in_either(&pair));
    }
    Ok(if all.is_empty() { LogFilter::All } else { LogFilter::And(all) })
}

/// A scope's label may stand on the record or on who sent it.
fn in_either(pair: &Pill) -> LogFilter {
    let named = pair.log_filter();
    match LogField::from_name(&pair.key) {
        LogField::Attribute(key) => {
            let resource = Pill { key: format!("resource.{key}"), ..pair.clone() };
            let both = vec![named, resource.log_filter()];
            if pair.not { LogFilter::And(both) } else { LogFilter::Or(both) }
        }
        _ => named,
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
        let keys: Vec<_> = scope("a=b, c!=d,").unwrap().into_iter().map(|pill| pill.key).collect();
        assert_eq!(keys, ["a", "c"]);
        assert!(scope("a").is_err());
    }
}
