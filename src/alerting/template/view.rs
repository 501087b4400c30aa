//! A message as templates see it.

use std::sync::Arc;

use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::alerting::fingerprint::fingerprint_text;
use crate::alerting::message::{Message, NotifiedAlert};
use crate::base::gotemplate::{Object, Value};
use crate::model::labels::Labels;
use crate::model::time::TimestampMs;

/// Go's zero time, the end of what has not ended.
const ZERO_TIME: &str = "0001-01-01T00:00:00Z";

/// Returns the word for whether an alert has ended.
pub(crate) fn status_word(resolved: bool) -> &'static str {
    if resolved { "resolved" } else { "firing" }
}

/// Writes an instant as Go's JSON does; `None` is its zero time.
pub(crate) fn rfc3339(at: Option<TimestampMs>) -> String {
    let at = at.and_then(|at| Timestamp::from_millisecond(at.0).ok());
    at.map_or_else(|| ZERO_TIME.to_owned(), |at| at.to_string())
}

/// Returns a receiver's name as Alertmanager tells it: as a pattern that fits only this name, made
/// for links to lists of alerts.
pub(crate) fn quoted_receiver(name: &str) -> String {
    let mut quoted = String::with_capacity(name.len());
    for character in name.chars() {
        if "\\.+*?()|[]{}^$".contains(character) {
            quoted.push('\\');
        }
        quoted.push(character);
    }
    quoted
}

/// Returns what `.` is.
pub(crate) fn data(message: &Message, external_url: &str) -> Value {
    Value::record(
        "Data",
        [
            ("Receiver", Value::text(quoted_receiver(&message.receiver))),
            ("Status", Value::text(status_word(!message.is_firing()))),
            ("Alerts", alerts(message.alerts.iter().map(alert).collect())),
            ("GroupLabels", pairs(&message.group_labels)),
            ("CommonLabels", pairs(&message.common_labels())),
            ("CommonAnnotations", pairs(&message.common_annotations())),
            ("ExternalURL", Value::text(external_url)),
            ("GroupKey", Value::text(&message.group_key)),
        ],
    )
}

fn alert(alert: &NotifiedAlert) -> Value {
    let end = alert.resolved.then_some(alert.alert.ends_at).flatten();
    Value::record(
        "Alert",
        [
            ("Status", Value::text(status_word(alert.resolved))),
            ("Labels", pairs(&alert.alert.labels)),
            ("Annotations", pairs(&alert.alert.annotations)),
            ("StartsAt", Value::time_ms(alert.alert.starts_at.0)),
            ("EndsAt", end.map_or_else(zero_time, |end| Value::time_ms(end.0))),
            ("GeneratorURL", Value::text(&alert.alert.generator_url)),
            ("Fingerprint", Value::text(fingerprint_text(alert.fingerprint))),
        ],
    )
}

fn zero_time() -> Value {
    match ZERO_TIME.parse::<Timestamp>() {
        Ok(at) => Value::Time(Arc::new(at.to_zoned(TimeZone::UTC))),
        Err(_) => Value::Nil,
    }
}

fn pairs(labels: &Labels) -> Value {
    Value::Object(Arc::new(Pairs(labels.clone())))
}

fn alerts(alerts: Vec<Value>) -> Value {
    Value::Object(Arc::new(Alerts(alerts.into())))
}

fn no_arguments(name: &str, arguments: &[Value]) -> Result<(), String> {
    match arguments.len() {
        0 => Ok(()),
        got => Err(format!("wrong number of args for {name}: want 0 got {got}")),
    }
}

/// Go's `Alerts`: a list with two views.
struct Alerts(Arc<[Value]>);

impl Object for Alerts {
    fn type_name(&self) -> &str {
        "template.Alerts"
    }

    fn member(&self, name: &str, arguments: &[Value]) -> Option<Result<Value, String>> {
        let wanted = match name {
            "Firing" => "firing",
            "Resolved" => "resolved",
            _ => return None,
        };
        let has_status = |alert: &&Value| match alert {
            Value::Object(alert) => matches!(
                alert.member("Status", &[]),
                Some(Ok(status)) if status.as_text() == Some(wanted)
            ),
            _ => false,
        };
        let chosen = || alerts(self.0.iter().filter(has_status).cloned().collect());
        Some(no_arguments(name, arguments).map(|()| chosen()))
    }

    fn underlying(&self) -> Value {
        Value::List(Arc::clone(&self.0))
    }
}

/// Go's `KV`: labels or annotations.
struct Pairs(Labels);

impl Pairs {
    /// The pairs, `alertname` first.
    fn sorted(&self) -> Vec<(String, String)> {
        let mut all: Vec<(String, String)> =
            self.0.iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        all.sort_by_key(|(name, _)| name != "alertname");
        all
    }
}

impl Object for Pairs {
    fn type_name(&self) -> &str {
        "template.KV"
    }

    fn member(&self, name: &str, arguments: &[Value]) -> Option<Result<Value, String>> {
        match name {
            "SortedPairs" | "Names" | "Values" => {
                let list = SortedPairs(self.sorted());
                Some(no_arguments(name, arguments).map(|()| match name {
                    "Names" => list.names(),
                    "Values" => list.values(),
                    _ => Value::Object(Arc::new(list)),
                }))
            }
            "Remove" => Some(match arguments {
                [Value::List(names)] => {
                    let named = |own: &str| names.iter().any(|name| name.as_text() == Some(own));
                    Ok(pairs(&self.0.without(named)))
                }
                _ => Err("Remove wants a list of names".to_owned()),
            }),
            _ => None,
        }
    }

    fn underlying(&self) -> Value {
        Value::text_map(self.0.iter())
    }
}

/// Go's `Pairs`.
struct SortedPairs(Vec<(String, String)>);

impl SortedPairs {
    fn names(&self) -> Value {
        Value::list(self.0.iter().map(|(name, _)| Value::text(name)))
    }

    fn values(&self) -> Value {
        Value::list(self.0.iter().map(|(_, value)| Value::text(value)))
    }
}

impl Object for SortedPairs {
    fn type_name(&self) -> &str {
        "template.Pairs"
    }

    fn member(&self, name: &str, arguments: &[Value]) -> Option<Result<Value, String>> {
        let value = match name {
            "Names" => self.names(),
            "Values" => self.values(),
            _ => return None,
        };
        Some(no_arguments(name, arguments).map(|()| value))
    }

    fn underlying(&self) -> Value {
        Value::list(self.0.iter().map(|(name, value)| {
            let fields = [("Name", Value::text(name)), ("Value", Value::text(value))];
            Value::record("template.Pair", fields)
        }))
    }
}
