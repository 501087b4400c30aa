//! What templates of notifications may call besides Go's own functions.

use std::sync::Arc;

use jiff::Zoned;
use jiff::tz::TimeZone;

use crate::base::gotemplate::{
    Functions, SHARED, Value, call_shared, format_time, text_of, wrong_count,
};
use crate::model::time::TimestampMs;

const OWN: [&str; 8] =
    ["trimSpace", "join", "stringSlice", "safeUrl", "date", "tz", "since", "toJson"];

/// How deep a value may nest to become JSON.
const MAX_DEPTH: usize = 16;

/// Alertmanager's functions at one instant.
pub(crate) struct NotificationFunctions {
    now: TimestampMs,
}

impl NotificationFunctions {
    /// Functions for parsing only.
    pub(crate) fn idle() -> Self {
        NotificationFunctions::at(TimestampMs(0))
    }

    /// Functions at `now`.
    pub(crate) fn at(now: TimestampMs) -> Self {
        NotificationFunctions { now }
    }

    fn own(&self, name: &str, arguments: &[Value]) -> Result<Value, String> {
        match (name, arguments) {
            ("trimSpace", [text]) => Ok(Value::text(text_of(text)?.trim())),
            ("join", [separator, list]) => join(text_of(separator)?, list),
            ("stringSlice", texts) => Ok(Value::list(texts.iter().cloned())),
            ("safeUrl", [text]) => Ok(Value::Html(text_of(text)?.into())),
            ("date", [layout, at]) => Ok(Value::from(format_time(time_of(at)?, text_of(layout)?))),
            ("tz", [zone, at]) => {
                let zone = text_of(zone)?;
                let found = TimeZone::get(zone).map_err(|_| format!("unknown time zone {zone}"))?;
                Ok(Value::Time(Arc::new(time_of(at)?.timestamp().to_zoned(found))))
            }
            ("since", [at]) => {
                let passed = self.now.0.saturating_sub(time_of(at)?.timestamp().as_millisecond());
                Ok(Value::Duration(passed.saturating_mul(1_000_000)))
            }
            ("toJson", [value]) => Ok(Value::from(json(value, 0)?.to_string())),
            _ => {
                let wanted = if matches!(name, "join" | "date" | "tz") { 2 } else { 1 };
                Err(wrong_count(name, wanted, arguments.len()))
            }
        }
    }
}

impl Functions for NotificationFunctions {
    fn knows(&self, name: &str) -> bool {
        OWN.contains(&name) || SHARED.contains(&name)
    }

    fn call(&self, name: &str, arguments: &[Value]) -> Result<Value, String> {
        call_shared(name, arguments).unwrap_or_else(|| self.own(name, arguments))
    }
}

fn time_of(value: &Value) -> Result<&Zoned, String> {
    match value {
        Value::Time(at) => Ok(at),
        other => {
            Err(format!("wrong type for value; expected time.Time; got {}", other.type_name()))
        }
    }
}

fn join(separator: &str, list: &Value) -> Result<Value, String> {
    let Value::List(items) = list else {
        let got = list.type_name();
        return Err(format!("wrong type for value; expected []string; got {got}"));
    };
    let texts: Vec<String> = items.iter().map(Value::to_string).collect();
    Ok(Value::from(texts.join(separator)))
}

fn json(value: &Value, depth: usize) -> Result<serde_json::Value, String> {
    if depth > MAX_DEPTH {
        return Err("nested too deeply".to_owned());
    }
    Ok(match value {
        Value::Nil => serde_json::Value::Null,
        Value::Bool(value) => (*value).into(),
        Value::Int(value) => (*value).into(),
        Value::Float(value) => (*value).into(),
        Value::Str(text) | Value::Html(text) => text.as_ref().into(),
        Value::Time(at) => at.timestamp().to_string().into(),
        Value::Duration(ns) => (*ns).into(),
        Value::List(items) => {
            let items: Result<Vec<_>, _> = items.iter().map(|item| json(item, depth + 1)).collect();
            items?.into()
        }
        Value::Map(entries) => {
            let mut object = serde_json::Map::new();
            for (key, value) in entries.iter() {
                object.insert(key.clone(), json(value, depth + 1)?);
            }
            object.into()
        }
        Value::Object(object) => match object.underlying() {
            Value::Nil => value.to_string().into(),
            underlying => json(&underlying, depth + 1)?,
        },
    })
}
