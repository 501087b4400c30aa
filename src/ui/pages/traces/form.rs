//! The fields of the search form, and the condition they mean.

use crate::base::duration::parse_duration;
use crate::model::trace_query::{AttributeScope, SpanCondition};
use crate::telemetry::instruments::SERVICE as OWN;
use crate::ui::address::Address;

/// Rows of the list where the form says nothing, and at most.
const ROWS: usize = 50;
const MOST_ROWS: usize = 500;

/// What the form holds, as written.
pub(crate) struct Form {
    pub(crate) service: String,
    pub(crate) operation: String,
    /// `key=value` pairs apart by blanks; a value with blanks in double quotes.
    pub(crate) tags: String,
    pub(crate) min: String,
    pub(crate) max: String,
    /// Only traces with a failed span.
    pub(crate) errors: bool,
    /// Also traces in which only this appliance took part.
    pub(crate) own: bool,
    /// `slowest`, or the newest first.
    pub(crate) sort: String,
    limit: String,
}

impl Form {
    /// Reads the fields from the page's address.
    pub(crate) fn of(address: &Address) -> Self {
        let text = |key: &str| address.get(key).trim().to_owned();
        Form {
            service: text("service"),
            operation: text("operation"),
            tags: text("tags"),
            min: text("min"),
            max: text("max"),
            errors: !text("errors").is_empty(),
            own: !text("own").is_empty(),
            sort: text("sort"),
            limit: text("limit"),
        }
    }

    /// Rows of the list.
    pub(crate) fn limit(&self) -> usize {
        self.limit.parse().unwrap_or(ROWS).clamp(1, MOST_ROWS)
    }

    /// Leaves out what only this appliance did, unless it is asked for or there is nothing else;
    /// true when that hides something.
    pub(crate) fn hides_own(&self, services: &[String]) -> bool {
        let others = services.iter().any(|service| service != OWN);
        others && !self.own && self.service.is_empty() && services.iter().any(|one| one == OWN)
    }

    /// The condition that one span of a trace must fulfil.
    ///
    /// # Errors
    /// What is wrong with a field, by its name.
    pub(crate) fn condition(&self, services: &[String]) -> Result<SpanCondition, String> {
        let mut all = Vec::new();
        if self.hides_own(services) {
            all.push(SpanCondition::Not(Box::new(SpanCondition::Service(OWN.to_owned()))));
        }
        if !self.service.is_empty() {
            all.push(SpanCondition::Service(self.service.clone()));
        }
        if !self.operation.is_empty() {
            all.push(SpanCondition::Name(self.operation.clone()));
        }
        if self.errors {
            all.push(SpanCondition::Error(true));
        }
        for (key, value) in tags(&self.tags)? {
            all.push(SpanCondition::Attribute(AttributeScope::Any, key, value));
        }
        let (min, max) = (nanos("Longer than", &self.min)?, nanos("Shorter than", &self.max)?);
        if min.is_some() || max.is_some() {
            all.push(SpanCondition::Duration(min.unwrap_or(0), max.unwrap_or(i64::MAX)));
        }
        Ok(if all.is_empty() { SpanCondition::All } else { SpanCondition::And(all) })
    }
}

/// Reads a length such as `250ms` or `1.5s`; the units are those of Jaeger's form.
fn nanos(field: &str, text: &str) -> Result<Option<i64>, String> {
    if text.is_empty() {
        return Ok(None);
    }
    let wrong = || format!("{field}: {text:?} is not a length such as 250ms, 1.5s or 20us");
    let digits = text.find(|c: char| !c.is_ascii_digit() && c != '.').ok_or_else(wrong)?;
    let scale = match &text[digits..] {
        "ns" => 1.0,
        "us" | "µs" => 1e3,
        "ms" => 1e6,
        "s" => 1e9,
        _ => {
            let length = parse_duration(text).map_err(|_| wrong())?;
            return i64::try_from(length.as_nanos()).map(Some).map_err(|_| wrong());
        }
    };
    let number: f64 = text[..digits].parse().map_err(|_| wrong())?;
    let nanos = number * scale;
    if nanos < 9.2e18 { Ok(Some(nanos as i64)) } else { Err(wrong()) }
}

/// Reads `a=b c.d="e f"`.
fn tags(text: &str) -> Result<Vec<(String, String)>, String> {
    let mut found = Vec::new();
    let mut rest = text.trim_start();
    while !rest.is_empty() {
        let (key, after) = rest
            .split_once('=')
            .filter(|(key, _)| !key.is_empty() && !key.contains(char::is_whitespace))
            .ok_or_else(|| format!("Attributes: {rest:?} is not key=value"))?;
        let (value, after) = match after.strip_prefix('"') {
            Some(quoted) => quoted
                .split_once('"')
                .ok_or_else(|| format!("Attributes: the quote of {key} is not closed"))?,
            None => after.split_once(char::is_whitespace).unwrap_or((after, "")),
        };
        found.push((key.to_owned(), value.to_owned()));
        rest = after.trim_start();
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_become_one_condition_on_a_span() {
        let address = Address::of("/ui/traces")
            .with("service", "shop")
            .with("tags", "http.method=GET note=\"two words\"")
            .with("min", "1.5ms")
            .with("errors", "on");
        let SpanCondition::And(parts) = Form::of(&address).condition(&[]).unwrap() else {
            panic!("more than one part");
        };
        let attribute = |key: &str, value: &str| {
            SpanCondition::Attribute(AttributeScope::Any, key.to_owned(), value.to_owned())
        };
        assert_eq!(
            parts,
            [
                SpanCondition::Service("shop".to_owned()),
                SpanCondition::Error(true),
                attribute("http.method", "GET"),
                attribute("note", "two words"),
                SpanCondition::Duration(1_500_000, i64::MAX),
            ]
        );
        assert_eq!(Form::of(&Address::default()).condition(&[]).unwrap(), SpanCondition::All);
    }

    #[test]
    fn what_the_appliance_did_itself_is_left_out_where_there_is_more() {
        let services =
            |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
        let form = Form::of(&Address::of("/ui/traces"));
        assert!(form.hides_own(&services(&["belvedere", "shop"])));
        assert!(
            !form.hides_own(&services(&["belvedere"])) && !form.hides_own(&services(&["shop"]))
        );
        let asked = Form::of(&Address::of("/ui/traces").with("own", "on"));
        assert!(!asked.hides_own(&services(&["belvedere", "shop"])));
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (key, value, word) in [
            ("min", "long", "Longer than"),
            ("max", "3", "Shorter than"),
            ("min", "1e30s", "Longer than"),
            ("tags", "plain", "Attributes"),
            ("tags", "a=\"b", "not closed"),
        ] {
            let form = Form::of(&Address::of("/ui/traces").with(key, value));
            assert!(form.condition(&[]).unwrap_err().contains(word), "{key}={value}");
        }
    }
}
